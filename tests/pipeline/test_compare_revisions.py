"""`laanet compare` of commits, branches, experiments and the current tree, and its errors for those that do not exist."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.project import Project
from tests.helpers.score_files import compare, scored, sentence, write_scores

SCORES = "reports/demo/scores.csv"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A DVC project with two commits of scores; the experiment `ten` began at the first of them."""
    project = Project(tmp_path_factory.mktemp("template") / "project")
    project.root.mkdir()
    project.run("git", "init", "--quiet", "--initial-branch", "main")
    project.dvc("init", "--quiet")
    for seed, skill in ((1, 0.5), (2, 1.0), (3, 3.0)):
        write_scores(project.root / SCORES, scored(seed, skill))
        project.commit()
    add_experiment(project, "ten", "main~2", "main")
    project.run("git", "reset", "--quiet", "--hard", "main~1")
    return project


@pytest.fixture
def project(template: Project, tmp_path: Path) -> Project:
    return template.copy(tmp_path / "project")


def add_experiment(project: Project, name: str, start: str, commit: str) -> None:
    """Create the reference to a commit that `dvc exp run --name` creates in a workspace at `start`."""
    begun = project.run("git", "rev-parse", start).strip()
    project.run("git", "update-ref", f"refs/exps/{begun[:2]}/{begun[2:]}/{name}", commit)


@pytest.fixture
def refusal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """The one-line error of `laanet compare` in a project."""

    def refused(project: Project, *words: str) -> str:
        monkeypatch.chdir(project.root)
        for name, value in project.environment.items():
            monkeypatch.setenv(name, value)
        return sentence(*words)

    return refused


def test_two_revisions_are_compared_by_their_committed_scores(project: Project) -> None:
    (project.root / SCORES).write_text("not what was committed")
    printed = project.run("laanet", "compare", "HEAD", "ten", "--dataset", "demo").splitlines()
    head, ten = (project.run("git", "rev-parse", "--short=7", name).strip() for name in ("HEAD", "refs/exps/" + experiments(project)[0]))
    assert printed[0] == f"HEAD: HEAD:{SCORES} (commit {head}), 70 videos"
    assert printed[1] == f"ten: ten:{SCORES} (commit {ten}), 70 videos"
    for number, rev in enumerate(("HEAD", ten)):
        (project.root / f"{number}.csv").write_text(project.run("git", "show", f"{rev}:{SCORES}"))
    by_file = project.run("laanet", "compare", "0.csv", "1.csv", "--names", "HEAD,ten").splitlines()
    assert by_file[2:] == printed[2:]


def experiments(project: Project) -> list[str]:
    """Experiments, below refs/exps."""
    return project.run("git", "for-each-ref", "--format=%(refname:lstrip=2)", "refs/exps").split()


def test_revisions_files_and_the_current_tree_are_compared_together(project: Project) -> None:
    write_scores(project.root / SCORES, scored(7, 2.0))
    write_scores(project.root / "ten", scored(8, 2.0))
    words = ["HEAD~1", "main:./reports/demo/scores.csv", "workspace", "ten"]
    printed = project.run("laanet", "compare", *words, "--dataset", "demo", "--out", "out").splitlines()
    assert [line.partition(":")[0] for line in printed[:4]] == ["HEAD~1", "main", "workspace", "ten"]
    assert printed[2] == f"workspace: {SCORES}, 70 videos"
    assert printed[3] == "ten: ten, 70 videos", "a file goes before an experiment"
    assert printed[-1].startswith("out/comparison.html: written")
    by_path = project.run("laanet", "compare", f"HEAD:{SCORES}", f"workspace:{SCORES}", f"ten:{SCORES}").splitlines()
    assert [line.partition(",")[0].partition(" (")[0] for line in by_path[:3]] == [
        f"HEAD: HEAD:{SCORES}", f"workspace: {SCORES}", f"ten: ten:{SCORES}",
    ]  # fmt: skip


def test_scores_tracked_by_dvc_are_found_at_a_revision(project: Project, refusal: Callable[..., str]) -> None:
    write_scores(project.root / "other.csv", scored(5, 2.0))
    project.dvc("add", "--quiet", "other.csv")
    project.commit()
    (project.root / "other.csv").unlink()
    assert "other.csv (commit" in project.run("laanet", "compare", f"HEAD:{SCORES}", "HEAD:other.csv")
    shutil.rmtree(project.root / ".dvc/cache")
    assert "HEAD:other.csv" in refusal(project, f"HEAD:{SCORES}", "HEAD:other.csv")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["HEAD", "nope", "--dataset", "demo"], "nope: is neither a file, nor a revision or experiment of the repository in"),
        (["HEAD", "nope:a.csv", "--dataset", "demo"], "nope: is neither a file, nor a revision or experiment"),
        (["HEAD", "ten", "--dataset", "cdf2"], "HEAD:reports/cdf2/scores.csv: does not exist"),
        (["HEAD", "ten"], "HEAD: is not a file; if it is a revision or an experiment, give --dataset, or write HEAD:PATH"),
        (["HEAD", "ten:", "--dataset", "demo"], "'ten:': is neither a file nor a revision with a path; write REV:PATH"),
        (["HEAD", "ten:reports", "--dataset", "demo"], "ten:reports: cannot be read (Is a directory)"),
        (["HEAD", "HEAD", "--dataset", "demo"], "HEAD: is given twice"),
        (["HEAD", "--dataset", "demo"], "HEAD: is only one detector"),
        (["HEAD", "workspace", "--dataset", "cdf2"], "reports/cdf2/scores.csv"),
        (["HEAD", "HEAD:.dvc/config", "--dataset", "demo"], "HEAD:.dvc/config (commit"),
    ],
)
def test_what_does_not_exist_in_git_is_one_sentence(
    template: Project, refusal: Callable[..., str], words: list[str], sentence: str
) -> None:
    assert sentence in refusal(template, *words)


def test_a_name_of_several_experiments_is_one_sentence(project: Project, refusal: Callable[..., str]) -> None:
    add_experiment(project, "two", "HEAD~1", "HEAD~1")
    add_experiment(project, "two", "HEAD~1^{tree}", "HEAD")
    assert "two: several experiments have this name; give a commit" in refusal(project, "HEAD", "two", "--dataset", "demo")


def test_outside_a_repository_it_is_one_sentence_and_files_still_compare(tmp_path: Path, refusal: Callable[..., str]) -> None:
    bare = Project(tmp_path / "bare")
    bare.root.mkdir()
    assert "is not in a git repository, so 'HEAD' cannot be a revision" in refusal(bare, "HEAD", "ten", "--dataset", "demo")
    for name, seed in (("a", 1), ("b", 2)):
        write_scores(bare.root / f"{name}.csv", scored(seed, 1.0))
    assert "b minus a: AUC" in compare("a.csv", "b.csv").out
