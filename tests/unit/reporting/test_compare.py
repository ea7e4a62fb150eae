"""`laanet compare`: measures and paired intervals compared with independent ones, unmatched videos, bins, and the page."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, average_precision_score, log_loss, roc_auc_score

from tests.helpers.browser import CHROMIUM, visit
from tests.helpers.project import table
from tests.helpers.report_inputs import Page
from tests.helpers.score_files import Rows, compare, estimates, scored, sentence, write_scores

pytestmark = pytest.mark.slow

FILES = ["comparison.csv", "comparison.html", "figure1a.svg", "figure1b.svg", "unmatched.csv"]


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return write_scores(tmp_path / "first.csv", scored(1, 1.0))


@pytest.fixture
def second(tmp_path: Path) -> Path:
    return write_scores(tmp_path / "second.csv", scored(2, 2.5))


def with_bins(rows: Rows, names: dict[int, str]) -> Rows:
    """Rows whose fakes are put into bins; names: number of the first fake -> bin."""
    fakes = [row for row in rows if row["label"]]
    for number, row in enumerate(fakes):
        row["bin"] = [name for start, name in sorted(names.items()) if start <= number][-1]
    return rows


def test_measures_equal_scikit_learns(tmp_path: Path, first: Path, second: Path) -> None:
    assert compare(first, second, "--out", tmp_path / "out", "--threshold", 0.4).status == 0
    found = estimates(tmp_path / "out")
    for name, rows in (("first", scored(1, 1.0)), ("second", scored(2, 2.5))):
        labels, scores = [row["label"] for row in rows], np.array([row["score"] for row in rows])
        expected = {
            "auc": roc_auc_score(labels, scores), "ap": average_precision_score(labels, scores), "log_loss": log_loss(labels, scores),
            "accuracy": accuracy_score(labels, scores >= 0.4),
        }  # fmt: skip
        assert {key: found[name, key]["value"] for key in expected} == pytest.approx(expected)
        assert (found[name, "auc"]["n_real"], found[name, "auc"]["n_fake"]) == (30, 40)
        own = [row["score"] for row in rows if row["label"] and row["method"] == "poisson"]
        reals = [row["score"] for row in rows if not row["label"]]
        of_method = estimates(tmp_path / "out", "method", "poisson")[name, "auc"]["value"]
        assert of_method == pytest.approx(roc_auc_score([0] * 30 + [1] * len(own), reals + own))


def test_the_interval_of_a_difference_equals_that_of_a_simple_paired_bootstrap(tmp_path: Path, first: Path, second: Path) -> None:
    compare(first, second, "--out", tmp_path / "out", "--bootstrap", 4000)
    found = estimates(tmp_path / "out")["second", "auc"]
    rows = scored(1, 1.0)
    labels = np.array([row["label"] for row in rows])
    scores = np.array([[row["score"] for row in detector] for detector in (rows, scored(2, 2.5))])
    draw, paired, unpaired = np.random.default_rng(7), [], []
    for _ in range(1500):
        places, others = (
            np.concatenate([draw.choice(np.flatnonzero(labels == label), (labels == label).sum()) for label in (0, 1)]) for _ in "ab"
        )
        one, two = (roc_auc_score(labels[places], row[places]) for row in scores)
        paired.append(two - one)
        unpaired.append(roc_auc_score(labels[others], scores[1][others]) - one)
    assert [found["difference_low"], found["difference_high"]] == pytest.approx(np.percentile(paired, [2.5, 97.5]), abs=0.012)
    assert found["difference"] == pytest.approx(roc_auc_score(labels, scores[1]) - roc_auc_score(labels, scores[0]))
    width = np.ptp(np.percentile(unpaired, [2.5, 97.5]))
    assert (found["difference_high"] or 0) - (found["difference_low"] or 0) < 0.9 * width, (
        "the paired interval is narrower than the unpaired one"
    )


def test_identical_files_differ_by_exactly_zero(tmp_path: Path, first: Path) -> None:
    copy = write_scores(tmp_path / "copy.csv", scored(1, 1.0))
    done = compare(first, copy, "--out", tmp_path / "out")
    for (name, _), row in estimates(tmp_path / "out").items():
        expected = [0, 0, 0] if name == "copy" else [None] * 3
        assert [row["difference"], row["difference_low"], row["difference_high"]] == expected
    assert "copy minus first: AUC +0.000 [+0.000, +0.000]; the interval includes 0" in done.out
    assert not re.search(r"\] ≠", done.out)


def test_rounding_errors_are_not_differences(tmp_path: Path) -> None:
    """As 0.1 + 0.2 exceeds 0.3 by 6e-17, equal error rates could differ by rounding."""
    labels, one, two = [0] * 3 + [1] * 7, [1, 3, 2, 4, 7, 9, 5, 6, 0, 8], [6, 1, 4, 8, 5, 9, 7, 2, 0, 3]
    for name, scores in (("one", one), ("two", two)):
        write_scores(
            tmp_path / f"{name}.csv",
            [
                {"video_id": number, "label": label, "score": score / 10}
                for number, (label, score) in enumerate(zip(labels, scores, strict=True))
            ],
        )
    compare(tmp_path / "one.csv", tmp_path / "two.csv", "--out", tmp_path / "out")
    rows = [row for row in table(tmp_path / "out/comparison.csv") if row["detector"] == "two"]
    ends = [float(row[key]) for row in rows for key in ("difference", "difference_low", "difference_high")]
    assert any(ends)
    assert not [end for end in ends if 0 < abs(end) < 1e-9]


def test_a_file_with_only_scores_can_be_compared_and_come_first(tmp_path: Path, first: Path) -> None:
    foreign = write_scores(tmp_path / "foreign.csv", scored(2, 2.5), ["score", "video_id"])
    done = compare(foreign, first, "--out", tmp_path / "out")
    assert done.status == 0
    expected = roc_auc_score([row["label"] for row in scored(2, 2.5)], [row["score"] for row in scored(2, 2.5)])
    assert estimates(tmp_path / "out")["foreign", "auc"]["value"] == pytest.approx(expected)
    assert "first minus foreign: AUC" in done.out
    assert {row["by"] for row in table(tmp_path / "out/comparison.csv")} == {"all", "bin", "method"}, (
        "bins and methods come from the other file"
    )


def test_scores_that_are_not_probabilities_have_no_measures_of_probabilities(tmp_path: Path, first: Path) -> None:
    logits = write_scores(tmp_path / "logits.csv", [{**row, "score": 5 * row["score"] - 2} for row in scored(1, 1.0)])
    done = compare(first, logits, "--out", tmp_path / "out")
    found = estimates(tmp_path / "out")
    assert found["logits", "auc"]["value"] == pytest.approx(found["first", "auc"]["value"])
    assert {key for (name, key), row in found.items() if name == "logits" and row["value"] is not None} == {"auc", "ap", "eer"}
    assert "logits: has scores outside the range 0 to 1" in done.out


def test_videos_without_a_score_of_one_detector_are_not_compared_but_listed(tmp_path: Path, first: Path) -> None:
    rows = scored(2, 2.5)[3:]
    rows[0] |= {"score": "", "status": "no_face"}
    other = write_scores(tmp_path / "other.csv", [*rows, {"video_id": "extra", "label": 0, "score": 0.5}])
    done = compare(first, other, "--out", tmp_path / "out")
    assert "Compared: 66 videos (26 real, 40 fake) scored by both detectors" in done.out
    assert "Not compared, no score of first: 1 not in its file (extra)." in done.out
    absent_and_failed = "3 not in its file (test/000, test/001, test/002), 1 not scored (test/003: no_face)."
    assert f"Not compared, no score of other: {absent_and_failed}" in done.out
    absent = [{"video_id": f"test/00{number}", "detector": "other", "why": "absent", "status": ""} for number in range(3)]
    failed = {"video_id": "test/003", "detector": "other", "why": "not scored", "status": "no_face"}
    assert table(tmp_path / "out/unmatched.csv") == [
        {"video_id": "extra", "detector": "first", "why": "absent", "status": ""},
        *absent,
        failed,
    ]
    assert estimates(tmp_path / "out")["first", "auc"]["n_real"] == 26


def test_contradicting_labels_are_refused(tmp_path: Path, first: Path) -> None:
    rows = scored(2, 2.5)
    rows[40]["label"] = 0
    other = write_scores(tmp_path / "other.csv", rows)
    assert "labels differ for 1 video, 'test/040' is fake in the first and real in the second" in sentence(first, other)
    plain = write_scores(tmp_path / "plain.csv", rows, ["video_id", "score"])
    assert "labels differ" in sentence(plain, first, other), "also between the second and third file"


def test_missing_labels_and_files_without_common_videos_are_refused(tmp_path: Path, first: Path) -> None:
    plain = [write_scores(tmp_path / f"{name}.csv", scored(2, 2.5), ["video_id", "score"]) for name in "ab"]
    assert "no file has a label for 'test/000'" in sentence(*plain)
    others = write_scores(tmp_path / "others.csv", [{"video_id": "x", "score": 1}])
    assert "no video has a score in all of these files" in sentence(first, others)


def test_bins_come_from_the_files_and_an_empty_bin_has_a_row(tmp_path: Path) -> None:
    rows = with_bins(scored(1, 1.0), {0: "0.00-0.70", 15: "0.80-1.00"})
    files = [write_scores(tmp_path / f"{name}.csv", rows) for name in "ab"]
    done = compare(*files, "--out", tmp_path / "out")
    names = [row["group"] for row in table(tmp_path / "out/comparison.csv") if row["by"] == "bin"]
    assert list(dict.fromkeys(names)) == ["0.00-0.70", "0.70-0.80", "0.80-1.00"]
    empty = estimates(tmp_path / "out", "bin", "0.70-0.80")["a", "auc"]
    assert (empty["value"], empty["n_real"], empty["n_fake"]) == (None, 30, 0)
    assert estimates(tmp_path / "out", "bin", "0.80-1.00")["a", "auc"]["n_fake"] == 25
    assert re.search(r"0\.70-0\.80 +0  - +- *\n", done.out)
    assert "no AUC" in (tmp_path / "out/figure1a.svg").read_text()


@pytest.mark.parametrize(
    ("option", "bins"),
    [
        (["--bins", "0.7,0.75,0.8,0.9"], {"0.70-0.75": 10, "0.75-0.80": 10, "0.80-0.90": 20}),
        (["--bins", "0.75,0.8,0.95,1"], {"0.75-0.80": 10, "0.80-0.95": 20, "0.95-1.00": 0}),
        (["--quantiles", "2"], {"0.70-0.798": 20, "0.798-0.895": 20}),
        ([], {"0.70-0.749": 10, "0.749-0.798": 10, "0.798-0.846": 10, "0.846-0.895": 10}),
    ],
    ids=["edges", "edges that exclude some fakes", "quantiles", "quartiles of files without bins"],
)
def test_bins_are_made_from_mask_ssim(tmp_path: Path, first: Path, second: Path, option: list[str], bins: dict[str, int]) -> None:
    done = compare(first, second, "--out", tmp_path / "out", *option)
    rows = [row for row in table(tmp_path / "out/comparison.csv") if row["by"] == "bin"]
    assert {row["group"]: int(row["n_fake"]) for row in rows} == bins
    left = 40 - sum(bins.values())
    assert (f"{left} of 40 compared fakes are in no Mask-SSIM bin" in done.out) == (left > 0)


def test_videos_of_one_class_have_no_auc_and_a_note(tmp_path: Path) -> None:
    fakes = [row for row in scored(1, 1.0) if row["label"]]
    files = [write_scores(tmp_path / f"{name}.csv", fakes) for name in "ab"]
    done = compare(*files, "--out", tmp_path / "out")
    assert done.status == 0
    assert "only fake videos are compared, so AUC" in done.out
    found = estimates(tmp_path / "out")
    assert found["b", "auc"]["value"] is None
    assert found["b", "accuracy"]["value"] is not None
    assert "a" in Page(tmp_path / "out/comparison.html").words


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (["--bins", "0.9,0.8"], "--bins '0.9,0.8': must be two or more ascending numbers"),
        (["--bins", "0.8"], "two or more ascending"),
        (["--bins", "0.8,nan"], "two or more ascending"),
        (["--bins", "0.8,high"], "two or more ascending"),
        (["--bins", "0.8,0.9", "--quantiles", "3"], "give one of them"),
        (["--names", "one"], "must be 2 different names"),
        (["--names", "one,one"], "must be 2 different names"),
        (["--names", "one,"], "must be 2 different names"),
    ],
)
def test_invalid_options_are_reported_in_one_sentence(first: Path, second: Path, option: list[str], words: str) -> None:
    assert words in sentence(first, second, *option)


def test_overlapping_or_invalid_bins_in_files_are_reported_in_one_sentence(tmp_path: Path) -> None:
    for names, words in (({0: "0.5-0.7", 9: "0.6-0.8"}, "overlap"), ({0: "good"}, "is not a range"), ({0: "nan-0.5"}, "is not a range")):
        path = write_scores(tmp_path / "binned.csv", with_bins(scored(1, 1.0), names))
        other = write_scores(tmp_path / "other.csv", scored(2, 1.0))
        assert words in sentence(path, other)
        assert compare(path, other, "--quantiles", 2).status == 0, "the remedy of the message works"
    plain = [write_scores(tmp_path / f"{name}.csv", scored(1, 1.0), ["video_id", "label", "score"]) for name in "ab"]
    assert "no compared fake has a value" in sentence(*plain, "--quantiles", 2)
    assert "Not drawn" not in compare(*plain, "--out", tmp_path / "out").out
    assert "no compared fake has a Mask-SSIM" in (tmp_path / "out/comparison.html").read_text()


def test_too_many_methods_give_a_note_and_no_table(tmp_path: Path, second: Path) -> None:
    rows = scored(1, 1.0, fakes=120)
    for row in rows:
        row |= {"method": f"of {row['video_id']}", "mask_ssim": ""}
    files = [write_scores(tmp_path / f"{name}.csv", rows) for name in "ab"]
    done = compare(*files, "--bootstrap", 10)
    assert "method: 120 different methods (maximum 100), so there is no table by method" in done.out


def test_outputs_are_reproducible_and_depend_on_the_seed(tmp_path: Path, first: Path, second: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        compare(first, second, "--out", tmp_path / name, "--seed", seed)
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == FILES
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert (tmp_path / "a/comparison.csv").read_bytes() != (tmp_path / "c/comparison.csv").read_bytes()


def test_without_resamples_there_are_no_intervals(tmp_path: Path, first: Path, second: Path) -> None:
    done = compare(first, second, "--bootstrap", 0, "--out", tmp_path / "out")
    assert "no intervals" in done.out
    assert "without an interval" in done.out
    assert all(row["low"] is None for row in estimates(tmp_path / "out").values())


def test_figures_of_an_earlier_comparison_are_removed(tmp_path: Path, first: Path, second: Path) -> None:
    compare(first, second, "--out", tmp_path / "out")
    plain = [write_scores(tmp_path / f"{name}.csv", scored(1, 1.0), ["video_id", "label", "score"]) for name in "ab"]
    compare(*plain, "--out", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [name for name in FILES if not name.endswith("svg")]


def test_a_folder_that_cannot_be_written_is_reported_in_one_sentence(tmp_path: Path, first: Path, second: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be used (" in sentence(first, second, "--out", tmp_path / "file")
    assert "cannot be used (" in sentence(first, second, "--out", tmp_path / "file/below")


def test_tables_fit_the_terminal(tmp_path: Path, first: Path, second: Path) -> None:
    third = write_scores(tmp_path / "a detector with quite a long name.csv", scored(3, 2.0))
    for columns in (60, 80, 100, 140):
        done = compare(first, second, third, "--bootstrap", 10, columns=columns)
        rows = [line.rstrip() for line in done.out.splitlines() if re.match(r" (AUC|ECE|0\.|─|poisson|over bins)", line)]
        assert len(rows) > 10
        assert max(map(len, rows)) <= columns
        assert all(name in done.out for name in ("first", "second", "quite a long"))


def test_the_page_is_self_contained_and_escapes_names(tmp_path: Path, first: Path) -> None:
    rows = scored(2, 2.0)
    rows[0] |= {"video_id": "<script>alert(1)</script>"}
    evil = write_scores(tmp_path / "evil.csv", [{**row, "method": "<b>bold</b>" if row["label"] else ""} for row in rows])
    compare(evil, first, "--out", tmp_path / "out", "--names", "<i>evil</i>,$first$")
    page, text = Page(tmp_path / "out/comparison.html"), (tmp_path / "out/comparison.html").read_text()
    policy = [attributes["content"] or "" for tag, attributes in page.tags if attributes.get("http-equiv") == "Content-Security-Policy"]
    assert len(policy) == 1
    assert policy[0].startswith("default-src 'none'")
    assert not re.search(r"https?://|@import|<script|<link|<b>|<i>", text)
    assert all(link.startswith(("data:image/svg+xml", "#")) for link in page.attributes("src") + page.attributes("href"))
    assert [len(picture["alt"] or "") > 40 for picture in page.pictures] == [True, True]
    assert all(word in page.words for word in ("<i>evil</i>", "$first$", "<script>alert(1)</script>", "<b>bold</b>", "AUC by Mask-SSIM"))
    assert "<i>" not in (tmp_path / "out/figure1a.svg").read_text()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_the_page_fits_wide_and_narrow_screens_without_network_requests(tmp_path: Path, first: Path, second: Path) -> None:
    compare(first, second, "--out", tmp_path / "out")
    for width in (1060, 390):
        page = visit(tmp_path / "out/comparison.html", width, tmp_path)
        assert (page.fits, page.shown, page.cut, page.console, page.requests) == (True, True, [], [], [])
