"""measures.csv and metrics.json: every group of videos compared with scikit-learn; videos of FF++ with equal file names stay separate."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

from laanet_core.datasets.index import IndexRow
from laanet_core.evaluation.predict import FrameLogit
from laanet_core.evaluation.result_tables import MeasureRow, Row, headline, measure_rows, score_table
from laanet_core.evaluation.scoring import FrameScore, Scoring, frame_scores
from laanet_core.model.calibration import Calibration
from laanet_core.params import Params, load_params
from laanet_core.store.csv_io import write_table
from tests.helpers.layout_trees import METHODS, build, plant_complete_ffpp
from tests.helpers.paths import ROOT

SCORING = Scoring("probability", Calibration())
UNSCORED = "Deepfakes/861_860"

Frames = dict[str, list[FrameScore]]


@pytest.fixture(scope="module")
def params() -> Params:
    loaded = load_params(ROOT / "presets/demo.yaml").model_dump()
    loaded["evaluate"] |= {"bootstrap": 200, "threshold": 0.6}
    return Params.model_validate(loaded)


@pytest.fixture(scope="module")
def ffpp(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Row], Frames]:
    """Score table of the test and val videos of FF++ with random logits, one video without a face; and the scores by frame."""
    folder = tmp_path_factory.mktemp("ffpp")
    plant_complete_ffpp(folder / "ffpp", "c23")
    index = [row for row in build(folder / "ffpp", "ffpp").values() if row.split != "train"]
    generator = np.random.default_rng(1)
    logits = {row.video_id: logits_of(row, generator) for row in index if row.video_id != UNSCORED}
    videos = {row.video_id: {"status": "ok" if row.video_id in logits else "no_face", "reason": ""} for row in index}
    write_table(folder / "quality.csv", ["video_id", "mask_ssim", "bin"], [])
    table = score_table(index, videos, logits, SCORING, folder / "quality.csv")
    return table, {name: frame_scores(values, SCORING) for name, values in logits.items()}


def logits_of(row: IndexRow, generator: np.random.Generator) -> list[FrameLogit]:
    """Logits of three frames; they are higher for fakes, and rise with the alphabetical order of the method."""
    level = (1 + sorted(METHODS).index(row.method)) * 0.4 if row.label else 0.0
    return [FrameLogit(frame, 0, float(value)) for frame, value in enumerate(generator.normal(level, 1, 3))]


def of_split(table: list[Row], split: str) -> list[Row]:
    return [row for row in table if row["split"] == split]


def find(rows: list[MeasureRow], measure: str, level: str = "video", method: str = "all", split: str = "test") -> MeasureRow:
    (found,) = [row for row in rows if (row.measure, row.level, row.method, row.split) == (measure, level, method, split)]
    return found


def truth(table: list[Row], method: str = "all") -> tuple[list[int], list[float]]:
    kept = [row for row in table if row["score"] is not None and (row["label"] == 0 or method in {"all", row["method"]})]
    return [row["label"] for row in kept], [row["score"] for row in kept]


def test_the_ffpp_test_set_has_140_real_and_560_fake_videos_each_with_its_own_score(ffpp: tuple[list[Row], Frames], params: Params) -> None:
    table, frames = ffpp
    tested = of_split(table, "test")
    metrics = headline(tested, list(measure_rows(tested, frames, params)))
    assert (metrics["n_real"], metrics["n_fake"], metrics["n_scored"]) == (140, 560, 699)
    assert metrics["coverage"] == pytest.approx(699 / 700)
    same_name = [row["score"] for row in tested if row["video_id"].rpartition("/")[2] == "870_871"]
    assert len(set(same_name)) == len(METHODS)


def test_every_method_is_compared_with_all_reals(ffpp: tuple[list[Row], Frames], params: Params) -> None:
    table, frames = ffpp
    tested = of_split(table, "test")
    rows = list(measure_rows(tested, frames, params))
    assert {row.method for row in rows} == {"all", *METHODS}
    for method in ("all", *METHODS):
        labels, scores = truth(tested, method)
        area = find(rows, "auc", method=method)
        assert area.value == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
        assert (area.n_real, area.n_fake) == (140, len(labels) - 140)
        assert (area.low or 1) < (area.value or 0) < (area.high or 0)
    assert find(rows, "auc", method="Deepfakes").coverage == pytest.approx(279 / 280)
    assert find(rows, "auc", method="NeuralTextures").coverage == 1


def test_measures_equal_scikit_learns_at_both_levels(ffpp: tuple[list[Row], Frames], params: Params) -> None:
    table, frames = ffpp
    tested = of_split(table, "test")
    rows = list(measure_rows(tested, frames, params))
    single = [(row["label"], item.score) for row in tested if row["score"] is not None for item in frames[row["video_id"]]]
    for level, (labels, scores) in {"video": truth(tested), "frame": ([item[0] for item in single], [item[1] for item in single])}.items():
        found = {name: find(rows, name, level).value for name in ("auc", "ap", "log_loss", "accuracy")}
        assert found["auc"] == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
        assert found["ap"] == pytest.approx(average_precision_score(labels, scores), abs=1e-12)
        assert found["log_loss"] == pytest.approx(log_loss(labels, scores), abs=1e-9)
        assert found["accuracy"] == pytest.approx(np.mean((np.array(scores) >= 0.6) == np.array(labels)))
    assert find(rows, "auc", "frame").n_fake == 3 * 559


def test_several_splits_are_measured_together_and_separately(ffpp: tuple[list[Row], Frames], params: Params) -> None:
    table, frames = ffpp
    rows = list(measure_rows(table, frames, params))
    assert {row.split for row in rows} == {"all", "test", "val"}
    for split in ("test", "val"):
        labels, scores = truth(of_split(table, split))
        assert find(rows, "auc", split=split).value == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert headline(table, rows)["auc"] == find(rows, "auc", split="all").value
    assert headline(table, rows)["n_fake"] == 1120


def test_one_video_or_one_class_has_no_ranking_measures(ffpp: tuple[list[Row], Frames], params: Params) -> None:
    table, frames = ffpp
    for label, measured in ((0, "Deepfakes"), (1, "all")):
        alone = [row for row in of_split(table, "test") if row["label"] == label and row["score"] is not None][:1]
        rows = list(measure_rows(alone, frames, params))
        assert find(rows, "auc").value is None
        assert find(rows, "auc").low is None
        assert find(rows, "accuracy").value in {0.0, 1.0}
        assert (label == 1) == any(row.method == alone[0]["method"] for row in rows), measured
    assert list(measure_rows([], frames, params)) == []


def test_fewer_videos_widen_the_interval(ffpp: tuple[list[Row], Frames], params: Params) -> None:
    table, frames = ffpp
    tested = of_split(table, "test")
    few = tested[::10]
    widths = [interval_width(find(list(measure_rows(part, frames, params)), "auc")) for part in (tested, few)]
    assert widths[1] > 1.8 * widths[0]


def interval_width(row: MeasureRow) -> float:
    assert row.low is not None
    assert row.high is not None
    return row.high - row.low
