"""Measures under corruption: the rows of the table, and that nothing is scored twice."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from laanet_core.datasets.index import IndexRow, write_index
from laanet_core.errors import LaanetError
from laanet_core.evaluation.robustness import corruptions
from laanet_core.evaluation.robustness.corruption import Corruption
from laanet_core.evaluation.robustness.corruptions import CORRUPTIONS, register
from laanet_core.evaluation.robustness.measure import RobustnessFiles, RobustnessRow, measure_robustness
from laanet_core.media.storage.shards import encode_png, write_shard
from laanet_core.model import build_model, load_model, save_model
from laanet_core.params import Params, load_params
from laanet_core.randomness import numpy_generator
from laanet_core.reporting.paper.robustness import robustness_table
from laanet_core.reporting.robustness_view import robustness_view
from laanet_core.store.csv_io import read_table, write_table
from laanet_core.store.work_dir import WorkDir
from laanet_core.types import Image
from stages.robustness import robustness
from tests.helpers.drawn_face import face_image
from tests.helpers.paths import ROOT
from tests.helpers.shards import content_digest

pytestmark = pytest.mark.slow

SIZE, SEED = 64, 1
PLACES = [(0, 0), (0, 1), (7, 0)]
"""Frame and face of each crop of a video."""
VIDEOS = {**{f"real/{number}": 0 for number in range(4)}, **{f"fake/{number}": 1 for number in range(5)}}


def params_of(**changes: object) -> Params:
    loaded = load_params(ROOT / "presets/demo.yaml").model_dump()
    loaded["seed"], loaded["crops"]["size"] = SEED, SIZE
    loaded["model"] |= {"backbone": "test_efficientnet", "pretrained": False}
    loaded["evaluate"] |= {"batch_size": 2, "bootstrap": 50, "calibration": "none", "checkpoint": "model.safetensors"}
    loaded["robustness"] |= {"corruptions": ["contrast", "noise"], "severities": [1, 4], "frames": 2, **changes}
    return Params.model_validate(loaded)


def crops_of(video_id: str) -> list[Image]:
    seed = 10 * list(VIDEOS).index(video_id)
    return [np.ascontiguousarray(face_image(SIZE, seed + number).permute(1, 2, 0).numpy()) for number in range(len(PLACES))]


def grey_crops_of(video_id: str) -> list[Image]:
    return [np.repeat(crop[..., :1], 3, axis=2) for crop in crops_of(video_id)]


class Project:
    """A folder with the outputs of the stages before: index and crops of a few videos, and a checkpoint."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = RobustnessFiles(root / "data/index/demo.csv", root / "data/crops/demo", root / "model.safetensors")
        torch.manual_seed(3)
        save_model(build_model(params_of().model, None, SIZE), self.files.checkpoint)
        self.put(VIDEOS)

    def put(self, videos: dict[str, int], grey: bool = False) -> None:
        """Write index and crops of videos, and of one without a face."""
        status = {**dict.fromkeys(videos, "ok"), "real/blank": "no_face"}
        labels = {**videos, "real/blank": 0}
        write_index(self.files.index, [IndexRow(v, f"{v}.mp4", labels[v], "swap", "", "test", "", v, 1, "0") for v in status])
        rows = [
            {"video_id": v, "status": found, "reason": "", "digest": self._shard(v, grey) if found == "ok" else ""}
            for v, found in status.items()
        ]
        write_table(self.files.crops / "videos.csv", ["video_id", "status", "reason", "digest"], rows)

    def _shard(self, video_id: str, grey: bool) -> str:
        path = self.files.crops / f"{video_id}.tar"
        path.parent.mkdir(parents=True, exist_ok=True)
        names = [f"{video_id}/{frame:06d}{f'.{face}' if face else ''}.png" for frame, face in PLACES]
        crops = grey_crops_of(video_id) if grey else crops_of(video_id)
        write_shard(path, [(name, encode_png(crop)) for name, crop in zip(names, crops, strict=True)])
        return content_digest(path)

    def measure(self, params: Params, run: str = "run") -> tuple[str, list[dict[str, str]]]:
        """Run the step; its summary and the rows of its table."""
        summary = measure_robustness(params, self.files, self.table(run), WorkDir("robustness", self.root / run))
        return summary, read_table(self.table(run), RobustnessRow._fields)

    def table(self, run: str = "run") -> Path:
        return self.root / run / "robustness.csv"

    def items(self, run: str = "run") -> dict[Path, int]:
        return {path: path.stat().st_ino for path in (self.root / run).rglob("??/*") if not path.name.endswith(".tmp")}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def expected_scores(project: Project, kind: str | None, severity: int, places: list[tuple[int, int]] = PLACES) -> list[float]:
    """The score of each video from its crops at `places`: the mean over frames of the greatest probability of a face."""
    model = load_model(project.files.checkpoint)
    scores = []
    for video_id in VIDEOS:
        frames: dict[int, float] = {}
        for crop, (frame, face) in zip(crops_of(video_id), PLACES, strict=True):
            if (frame, face) in places:
                generator = numpy_generator(SEED, "corruption", str(kind), severity, video_id, frame, face)
                seen = corruptions.CORRUPTIONS[kind].apply(crop, severity, generator) if kind else crop
                with torch.no_grad():
                    logit = model(model.normalise(torch.from_numpy(seen.copy()).permute(2, 0, 1)[None])).logit
                frames[frame] = max(frames.get(frame, 0), float(torch.sigmoid(logit)))
        scores.append(float(np.mean(list(frames.values()))))
    return scores


def test_each_condition_is_a_row_with_the_measures_of_the_corrupted_crops(project: Project) -> None:
    summary, rows = project.measure(params_of())
    conditions: list[tuple[str | None, int]] = [(None, 0), ("contrast", 1), ("contrast", 4), ("noise", 1), ("noise", 4)]
    assert [(row["corruption"], int(row["severity"])) for row in rows] == [(kind or "none", level) for kind, level in conditions]
    labels = list(VIDEOS.values())
    for row, condition in zip(rows, conditions, strict=True):
        scores = expected_scores(project, *condition)
        assert (row["dataset"], row["n_real"], row["n_fake"], row["coverage"]) == ("demo", "4", "5", "0.9")
        assert float(row["auc"]) == pytest.approx(roc_auc_score(labels, scores))
        assert float(row["ap"]) == pytest.approx(average_precision_score(labels, scores))
        assert 0 <= float(row["auc_low"]) <= float(row["auc"]) <= float(row["auc_high"]) <= 1
    assert len({(row["auc"], row["ap"]) for row in rows}) > 1
    assert summary == "robustness demo: 10 videos, 9 ok, 1 no_face, clean and with 4 corruptions"


def test_clean_and_corrupted_crops_are_of_the_requested_frames(project: Project) -> None:
    _, rows = project.measure(params_of(frames=1))
    labels, first = list(VIDEOS.values()), PLACES[:2]
    for row, (kind, severity) in zip([rows[0], rows[4]], [(None, 0), ("noise", 4)], strict=True):
        scores = expected_scores(project, kind, severity, first)
        assert float(row["auc"]) == pytest.approx(roc_auc_score(labels, scores))
        assert float(row["ap"]) == pytest.approx(average_precision_score(labels, scores))


def test_a_corruption_that_changes_no_crop_changes_no_measure(project: Project) -> None:
    project.put(VIDEOS, grey=True)
    _, rows = project.measure(params_of(corruptions=["saturation"], severities=[1, 3, 5]))
    measures = {(row["auc"], row["auc_low"], row["auc_high"], row["ap"]) for row in rows}
    assert len(rows) == 4
    assert len(measures) == 1


def test_table_has_the_same_bytes_on_one_worker_and_on_two(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAANET_WORKERS", "1")
    project.measure(params_of(), "one")
    monkeypatch.setenv("LAANET_WORKERS", "2")
    project.measure(params_of(), "two")
    assert project.table("one").read_bytes() == project.table("two").read_bytes()
    assert len(project.items("one")) == len(project.items("two")) == 5 * len(VIDEOS)


def test_only_a_new_severity_is_scored_and_nothing_is_scored_again(project: Project) -> None:
    _, first = project.measure(params_of())
    made = project.items()
    _, more = project.measure(params_of(severities=[4, 5]))
    added = project.items().keys() - made.keys()
    assert {path: project.items()[path] for path in made} == made
    assert len(added) == 2 * len(VIDEOS)  # contrast 5 and noise 5
    assert [row for row in more if row["severity"] in "04"] == [row for row in first if row["severity"] in "04"]
    for shard in project.files.crops.rglob("*.tar"):
        shard.unlink()
    assert project.measure(params_of())[1] == first


def invert(image: Image, part: float, generator: np.random.Generator) -> Image:
    """A corruption from outside the package: interpolate between an image and its negative, with a little noise."""
    return np.asarray(np.clip(np.rint(image + part * (255.0 - 2.0 * image) + generator.normal(0, 2, image.shape)), 0, 255), np.uint8)


def invert_differently(image: Image, part: float, generator: np.random.Generator) -> Image:
    return invert(image, 1 - part, generator)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo registrations at the end of a test."""
    monkeypatch.setattr(corruptions, "CORRUPTIONS", dict(CORRUPTIONS))


@pytest.mark.usefixtures("registry")
def test_a_corruption_registered_from_outside_is_scored_without_scoring_the_others_again(project: Project) -> None:
    _, first = project.measure(params_of())
    made = project.items()
    register(Corruption("invert", (0.1, 0.2, 0.3, 0.4, 0.5), invert))
    params = params_of(corruptions=["contrast", "noise", "invert"])
    summary, rows = project.measure(params)
    assert "clean and with 6 corruptions" in summary
    assert rows[:5] == first
    assert [(row["corruption"], row["severity"]) for row in rows[5:]] == [("invert", "1"), ("invert", "4")]
    for row, severity in zip(rows[5:], (1, 4), strict=True):
        scores = expected_scores(project, "invert", severity)
        assert float(row["auc"]) == pytest.approx(roc_auc_score(list(VIDEOS.values()), scores))
        assert float(row["ap"]) == pytest.approx(average_precision_score(list(VIDEOS.values()), scores))
    assert {path: project.items()[path] for path in made} == made
    assert len(project.items()) == len(made) + 2 * len(VIDEOS)
    cells = {cell.corruption: cell for cell in robustness_table(rows, params) if (cell.row, cell.dataset) == ("Ours", "demo")}
    assert [*cells][-1] == robustness_view(rows, params).lines[-1].corruption == "invert"
    assert cells["invert"].ours_auc == pytest.approx(50 * sum(float(row["auc"]) for row in rows[5:]), abs=1e-3)


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(
    ("changed", "scored"),
    [
        (Corruption("invert", (0.1, 0.2, 0.3, 0.4, 0.9), invert), 0),
        (Corruption("invert", (0.1, 0.2, 0.3, 0.35, 0.5), invert), 1),
        (Corruption("invert", (0.1, 0.2, 0.3, 0.4, 0.5), invert_differently), 2),
    ],
)
def test_a_changed_corruption_is_scored_again_at_the_severities_that_change(
    project: Project, changed: Corruption[float], scored: int
) -> None:
    register(Corruption("invert", (0.1, 0.2, 0.3, 0.4, 0.5), invert))
    params = params_of(corruptions=["invert"])
    project.measure(params)
    made = project.items()
    corruptions.CORRUPTIONS["invert"] = changed
    project.measure(params)
    assert {path: project.items()[path] for path in made} == made
    assert len(project.items()) == len(made) + scored * len(VIDEOS)


def test_an_unknown_corruption_is_reported_before_any_work(project: Project) -> None:
    project.files.checkpoint.unlink()
    with pytest.raises(LaanetError, match="'jpeg' is unknown"):
        project.measure(params_of(corruptions=["contrast", "jpeg"]))
    assert not project.table().exists()
    assert project.items() == {}


def test_an_interrupted_stage_continues_where_it_was(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("LAANET_WORK", str(project.root / "cut_off"))
    monkeypatch.setenv("LAANET_WORKERS", "1")
    last, aside = project.files.crops / "real/3.tar", project.root / "aside.tar"
    last.rename(aside)
    with pytest.raises(LaanetError, match=r"real/3\.tar: not found"):
        robustness(params_of(), Path())
    kept, table = project.items("cut_off"), project.root / "reports/robustness.csv"
    assert not table.exists()
    assert len(VIDEOS) - 1 <= len(kept) < 5 * len(VIDEOS)
    aside.rename(last)
    robustness(params_of(), Path())
    project.measure(params_of(), "uninterrupted")
    assert {path: project.items("cut_off")[path] for path in kept} == kept
    assert table.read_bytes() == project.table("uninterrupted").read_bytes()


def test_without_corruptions_the_table_has_no_rows_and_no_network_is_needed(project: Project) -> None:
    project.files.checkpoint.unlink()
    summary, rows = project.measure(params_of(corruptions=[]))
    assert (summary, rows) == ("robustness: not run", [])
    assert project.table().read_text() == "dataset,corruption,severity,n_real,n_fake,auc,auc_low,auc_high,ap,coverage\n"


@pytest.mark.parametrize(("label", "word"), [(0, "only real videos"), (1, "only fakes"), (None, "no video could be")])
def test_one_class_alone_gives_empty_measures_and_is_reported(project: Project, label: int | None, word: str) -> None:
    chosen = {video_id: found for video_id, found in VIDEOS.items() if found == label}
    project.put(chosen)
    summary, rows = project.measure(params_of())
    assert len(rows) == 5
    assert {row[name] for row in rows for name in ("auc", "auc_low", "auc_high", "ap")} == {""}
    assert {(row["n_real"], row["n_fake"]) for row in rows} == {(str(4 * (label == 0)), str(5 * (label == 1)))}
    assert word in summary
