"""The report: one self-contained page, with alternative texts and all failures listed."""

import base64
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from laanet_core.errors import LaanetError
from laanet_core.evaluation.by_bin import BinResult
from laanet_core.evaluation.robustness.measure import RobustnessRow
from laanet_core.params import DatasetParams, Params, QualityParams, load_params
from laanet_core.reporting.auc_summary import summarise_auc
from laanet_core.reporting.figures import robustness_figure
from laanet_core.reporting.provenance import Artefact, Provenance
from laanet_core.reporting.quality_figures import bins_figure
from laanet_core.reporting.results import read_result
from laanet_core.store.parameter_changes import ParameterChange
from tests.helpers.paths import ROOT
from tests.helpers.report_inputs import FAILED, PROVENANCE, Page, demo_rows, report, row, write_gallery, write_inputs

pytestmark = pytest.mark.slow

PRESET = ROOT / "presets/demo.yaml"
FIGURES = ["fig. 1b", "fig. 1a", "Mask-SSIM", "loss", "validation", "ROC", "scores", "calibration"]
"""Figures of one data set with reals and paired fakes."""


@pytest.fixture
def params() -> Params:
    loaded = load_params(PRESET)
    return loaded.model_copy(update={"quality": QualityParams(bins=[0, 0.8, 0.85, 0.9, 0.95, 1], forehead=0.4)})


@pytest.fixture
def page(tmp_path: Path, params: Params) -> Path:
    write_inputs(tmp_path, {"demo": demo_rows()}, params)
    return report(tmp_path, params)


def robust(corruption: str, severity: int, auc: float | None) -> RobustnessRow:
    low, high = (None, None) if auc is None else (auc - 0.1, auc + 0.1)
    return RobustnessRow("demo", corruption, severity, 8, 16, auc, low, high, auc, 0.96)


def test_page_is_self_contained_and_every_picture_has_an_alternative_text(page: Path) -> None:
    parsed = Page(page)
    links = parsed.attributes("src") + parsed.attributes("href")
    assert all(link.startswith(("data:image/", "#")) for link in links)
    assert not re.search(r"https?://|@import|<script|<link", page.read_text())
    assert len(parsed.pictures) == len(FIGURES) + 3 * 6 + len(["sheet"])
    assert all(len(attributes.get("alt") or "") > 10 for attributes in parsed.pictures)


def test_links_within_the_page_have_targets(page: Path) -> None:
    parsed = Page(page)
    ids = parsed.attributes("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in parsed.attributes("href")} | set(parsed.attributes("aria-labelledby")) <= set(ids)


def test_embedded_figures_are_valid_svg_without_a_date(page: Path) -> None:
    sources = [source for source in Page(page).attributes("src") if source.startswith("data:image/svg")]
    for source in sources:
        text = base64.b64decode(source.partition(",")[2]).decode()
        assert ET.fromstring(text).tag.endswith("svg")  # noqa: S314
        assert "<dc:date>" not in text
    assert len(sources) == len(FIGURES)


def test_page_lists_failures_and_escapes_names(page: Path) -> None:
    words = Page(page).words
    assert "test/real/<b>empty</b> & room" in words
    assert "<b>empty</b>" not in page.read_text()
    assert "no face in 8 frames" in words
    assert "1 of 22 videos scored on part of the frames" in words
    assert "no face in 4 of 8 frames" in words
    assert "95.5 % scored (21 of 22)" in words
    assert "1 no_face" in words
    assert "1 scored fake has no Mask-SSIM and is in no bin" in words


def test_only_the_demo_has_a_warning_about_its_meaning(tmp_path: Path, params: Params, page: Path) -> None:
    assert "does not show the paper’s accuracy" in Page(page).words
    train = params.train.model_copy(update={"dataset": "mine"})
    robustness = params.robustness.model_copy(update={"dataset": "mine"})
    other = params.model_copy(update={"datasets": {"mine": DatasetParams(root="/videos")}, "train": train, "robustness": robustness})
    write_inputs(tmp_path / "other", {"mine": demo_rows()}, other)
    assert "embedded demo" not in Page(report(tmp_path / "other", other)).words


def test_same_inputs_give_the_same_bytes(page: Path, tmp_path: Path, params: Params) -> None:
    first = page.read_bytes()
    assert report(tmp_path, params).read_bytes() == first


def test_another_run_differs_only_in_the_section_about_the_run(page: Path, tmp_path: Path, params: Params) -> None:
    def without_run(text: str) -> str:
        start = text.index('<section id="run"')
        return text[:start] + text[text.index("</section>", start) :]

    here = page.read_text()
    other = Provenance(None, ("stages/a.py",), (Artefact("data/crops/demo", None),), (("cores", "64"),), "later", ("no git here.",))
    there = report(tmp_path, params, other).read_text()
    assert here != there
    assert without_run(here) == without_run(there)


def test_the_section_about_the_run_states_its_provenance(page: Path, tmp_path: Path, params: Params) -> None:
    words = " ".join(Page(page).words.split())
    for part in (
        PROVENANCE.revision,
        "without changes",
        "2026-01-02 03:04 UTC",
        "abc.dir",
        "5" * 64,
        "sigmoid(0.63 · logit +0)",
        "val split",
    ):
        assert str(part) in words
    unknown = Provenance(None, ("stages/<a>.py",), (Artefact("data/crops/demo", None),), (), "later", ("git is not installed.",))
    words = " ".join(Page(report(tmp_path, params, unknown)).words.split())
    assert all(part in words for part in ("revisionunknown", "not in dvc.lock", "git is not installed.", "stages/<a>.py"))


def test_parameters_that_differ_from_the_revision_are_listed_with_the_commands_to_restore_them(
    tmp_path: Path, page: Path, params: Params
) -> None:
    assert "git checkout params.yaml" not in Page(page).words
    changed = replace(PROVENANCE, changed=("params.yaml",), parameters=(ParameterChange("lambda2", "1", "<10>"),))
    words = " ".join(Page(report(tmp_path, params, changed)).words.split())
    assert "with changes in 1 file; 1 parameter differs" in words
    assert re.search(r"parameter ?in the revision ?in this run ?lambda2 ?1 ?<10>", words)
    assert "git checkout params.yaml restores those of the revision, dvc exp apply <name> those of an experiment" in words


@pytest.mark.parametrize("name", ["robustness", "bins"])
def test_the_legend_is_above_the_axes_where_no_interval_covers_it(name: str) -> None:
    """Error bars and points go up to an AUC of 1, just below the upper end of the axes."""
    if name == "robustness":
        points = [(severity, 0.6, 0.4, 1.0) for severity in range(1, 6)]
        drawn, names = robustness_figure({"noise": points, "blur": points}, 0.7), {"clean crops", "chance"}
    else:
        drawn, names = bins_figure([BinResult(f"bin {place}", 0, 1, 8, 8, 0.6, 0.6, 0.4, 1, 0.4, 1, 1) for place in range(7)]), {"chance"}
    tree, space = ET.fromstring(drawn), "{http://www.w3.org/2000/svg}"  # noqa: S314
    axes = next(group for group in tree.iter(f"{space}g") if group.get("id") == "axes_1")
    frame = next(path.get("d") or "" for path in axes.iter(f"{space}path"))
    top = min(float(height) for height in re.findall(r"[ML] \S+ (\S+)", frame))
    heights = {text.text: float(text.get("y") or "nan") for text in tree.iter(f"{space}text") if text.text in names}
    assert heights.keys() == names
    assert all(height < top for height in heights.values()), (heights, top)


def test_a_count_of_one_is_written_in_the_singular(tmp_path: Path, params: Params) -> None:
    values = params.model_dump()
    values["train"] |= {"epochs": 1, "frames_per_epoch": 1}
    values["evaluate"]["bootstrap"] = values["robustness"]["frames"] = 1
    single = Params.model_validate(values)
    lost, clean = {**FAILED, "video_id": "lost"}, RobustnessRow("demo", "none", 0, 1, 1, 1.0, 1, 1, 1, 1)
    write_inputs(tmp_path, {"demo": [row(0, 0, 0.1), row(1, 1, 0.9, 0.91), lost]}, single, [clean])
    (tmp_path / "training/metrics.json").write_text('{"best_epoch": 6, "val_auc": 0.9, "crops_left_out": 1}')
    parsed = Page(report(tmp_path, single, replace(PROVENANCE, changed=("a.py",))))
    text = " ".join([parsed.words, *parsed.attributes("alt")])
    assert "1 epoch × 1 frame per video" in text
    assert re.findall(r"(?<![\d.,])1 (?:fake )?(?:epoch|frame|video|clip|crop|file|resample|time|image|fake|parameter|row)s\b", text) == []


def test_one_class_only_is_reported(tmp_path: Path, params: Params) -> None:
    write_inputs(tmp_path, {"demo": [item for item in demo_rows() if item["label"] == 0]}, params)
    assert "only real videos were scored" in Page(report(tmp_path, params)).words


def test_a_data_set_without_videos_is_reported(tmp_path: Path, params: Params) -> None:
    write_inputs(tmp_path, {"demo": []}, params)
    assert "nothing to score" in Page(report(tmp_path, params)).words


def test_published_numbers_are_next_to_ours_and_missing_runs_are_marked(tmp_path: Path, params: Params) -> None:
    both = params.model_copy(update={"datasets": {"demo": params.datasets["demo"], "celebs": DatasetParams(root="/cdf", layout="cdf2")}})
    write_inputs(tmp_path, {"demo": demo_rows(), "celebs": [row(0, 0, 0.1), row(1, 1, 0.9, 0.91)]}, both)
    text = report(tmp_path, both).read_text()
    table1 = text[text.index('id="table-1"') : text.index("From experiments")]
    line = table1[table1.index("Celeb-DF v2") :].partition("</tr>")[0]
    assert all(words in line for words in ("95.40 / 97.64", "92.34", "100.00", "0.91"))
    assert line.count("not run") == 0
    assert table1.count("not run") == 3 * len(["FF++", "DFW", "DFD", "DFDC"])
    for number in (3, 4, 5):
        table = text[text.index(f'id="table-{number}"') :].partition("</table>")[0]
        rows = table[table.index("<tbody>") :].split("</tr>")[:-1]
        assert all("not run" in line or "marks unclear" in line for line in rows)


def test_robustness_shows_each_severity_and_marks_missing_runs(tmp_path: Path, params: Params) -> None:
    rows = [robust("none", 0, 0.9), robust("noise", 1, 0.8), robust("noise", 3, 0.6), robust("blur", 1, None)]
    write_inputs(tmp_path, {"demo": demo_rows()}, params, rows)
    path = report(tmp_path, params)
    text = path.read_text()
    assert "8 real and 16 fake videos (96.0 % of all)" in text
    table = text[text.index('id="table-2"') :].partition("</table>")[0]
    noise, blur, block = (table[table.index(f'<th scope="row">{name}') :].partition("</tr>")[0] for name in ("noise", "blur", "block"))
    assert noise.count("not run") == 3
    assert all(words in noise for words in ("0.800", "[0.70, 0.90]", "0.600", "<strong>70.00", "53.90"))
    assert (blur.count("undefined"), blur.count("98.22")) == (2, 1)
    assert block.count("not run") == 6
    assert any(
        "severity of the corruption" in (item["alt"] or "") or "AUC by severity" in (item["alt"] or "") for item in Page(path).pictures
    )


def test_robustness_shows_corruptions_that_the_paper_does_not_have(tmp_path: Path, params: Params) -> None:
    write_inputs(tmp_path, {"demo": demo_rows()}, params, [robust("none", 0, 0.9), robust("invert", 1, 0.8), robust("noise", 3, 0.6)])
    path = report(tmp_path, params)
    section = path.read_text().partition('id="table-2"')[2].partition('id="table-3"')[0]
    ours, _, theirs = section.partition("<details>")
    names = re.findall(r'<th scope="row">(\w+)', ours)
    assert names == ["saturation", "contrast", "block", "noise", "blur", "pixelation", "invert"]
    invert = ours[ours.index('<th scope="row">invert') :].partition("</tr>")[0]
    assert all(words in invert for words in ("0.800", "<strong>80.00", '<td class="n theirs"></td>'))
    assert "Xception" in theirs
    assert "invert" not in theirs
    assert any("noise: 0.600; invert: 0.800" in (picture["alt"] or "") for picture in Page(path).pictures)


def test_faces_of_a_network_without_maps_are_shown_without_them(page: Path, tmp_path: Path, params: Params) -> None:
    rows = [item for item in demo_rows() if item["score"] is not None][:6]
    write_gallery(tmp_path / "evaluation/demo", rows, ["gradcam"])
    parsed = Page(report(tmp_path, params))
    assert "This network predicts no heat map" in parsed.words
    assert len(parsed.pictures) == len(FIGURES) + 2 * 6 + 1
    write_gallery(tmp_path / "evaluation/demo", rows, [])
    assert len(Page(report(tmp_path, params)).pictures) == len(FIGURES) + 6 + 1


def test_scores_of_a_network_not_trained_here_have_no_training_curves(page: Path, tmp_path: Path, params: Params) -> None:
    other = params.model_copy(update={"evaluate": params.evaluate.model_copy(update={"checkpoint": "given.safetensors"})})
    parsed = Page(report(tmp_path, other))
    assert "The network in given.safetensors, which was not trained here" in parsed.words
    assert len(parsed.pictures) == len(FIGURES) - 2 + 3 * 6


@pytest.mark.parametrize(("scores", "kind"), [((0.1, 0.9), "good"), ((0.9, 0.1), "bad"), ((0.5, 0.5), "open")])
def test_the_summary_depends_on_the_interval(tmp_path: Path, params: Params, scores: tuple[float, float], kind: str) -> None:
    rows = [*(row(number, 0, scores[0]) for number in range(4)), *(row(number, 1, scores[1]) for number in range(4))]
    write_inputs(tmp_path, {"demo": rows}, params)
    assert summarise_auc(read_result("demo", tmp_path / "evaluation/demo")).kind == kind


@pytest.mark.parametrize(("lost", "named"), [("evaluation/demo/metrics.json", "metrics.json"), ("evaluation/demo/00.png", "00.png"),
                                             ("robustness.csv", "robustness.csv"), ("experiments.csv", "experiments.csv")])  # fmt: skip
def test_a_missing_input_is_reported_in_one_sentence_with_its_name(
    page: Path, tmp_path: Path, params: Params, lost: str, named: str
) -> None:
    (tmp_path / lost).unlink()
    with pytest.raises(LaanetError, match=f"{named}: .*dvc repro"):
        report(tmp_path, params)
