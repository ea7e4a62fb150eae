"""The report: everything in one page that needs no network, says what it shows and hides nothing that failed."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from laanet_core.errors import LaanetError
from laanet_core.evaluation.tables import FrameScore, Row, write_results
from laanet_core.params import DatasetParams, Params, QualityParams, load_params
from laanet_core.reporting.html import build_report, verdict
from laanet_core.reporting.results import read_result
from laanet_core.tables import write_table

PRESET = Path(__file__).parents[1] / "presets/demo.yaml"
FAILED: Row = {
    "video_id": "test/real/<b>empty</b> & room", "method": "real", "label": 0, "split": "test", "n_frames": 0, "score": None,
    "status": "no_face", "mask_ssim": None, "bin": "", "reason": "no face in 8 frames",
}  # fmt: skip


class Page(HTMLParser):
    """Tags with their attributes, ids, and the text between tags."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def attributes(self, name: str) -> list[str]:
        return [value or "" for _, attributes in self.tags for key, value in attributes.items() if key == name]


def row(number: int, label: int, score: float | None, mask_ssim: float | None = None) -> Row:
    method = ("poisson", "feather")[number % 2] if label else "real"
    edges = "0.90-0.95" if number % 3 else "0.85-0.90"
    return {
        **FAILED, "video_id": f"test/{'fake' if label else 'real'}/clip_{number:02d}", "method": method, "label": label, "n_frames": 2,
        "score": score, "status": "ok", "mask_ssim": mask_ssim, "bin": edges if mask_ssim else "", "reason": "",
    }  # fmt: skip


def demo_rows() -> list[Row]:
    draw = np.random.default_rng(5)
    fakes = [row(number, 1, float(draw.beta(5, 3)), float(draw.uniform(0.86, 0.95))) for number in range(13)] + [row(13, 1, 0.4)]
    reals = [row(number, 0, float(draw.beta(3, 5))) for number in range(7)]
    return [*reals[:6], {**reals[6], "reason": "no face in 4 of 8 frames"}, *fakes, FAILED]


def write_inputs(root: Path, rows: dict[str, list[Row]], params: Params, picture: np.ndarray[Any, Any] | None = None) -> None:
    """evaluation/<d> and the training log, by the stages' own writers where they are."""
    for name, table in rows.items():
        frames = {
            item["video_id"]: [FrameScore(frame, 0, item["score"]) for frame in (0, 9)] for item in table if item["score"] is not None
        }
        folder = root / "evaluation" / name
        folder.mkdir(parents=True)
        write_results(table, frames, params, folder)
        write_gallery(folder, [item for item in table if item["score"] is not None][:6], picture)
    columns = ["epoch", "loss", "loss_class", "loss_heatmap", "loss_consistency", "val_loss", "val_auc"]
    log = [[epoch, 60 / epoch, 0.7, 1.2, 0.5, 70 / epoch, 1 - 0.4 / epoch] for epoch in range(1, 7)]
    write_table(root / "training/log.csv", columns, (dict(zip(columns, values, strict=True)) for values in log))
    (root / "training/metrics.json").write_text(
        json.dumps({"best_epoch": 6, "val_auc": 0.93, "val_loss": 11.0, "train_loss": 10.0, "crops_left_out": 3})
    )


def write_gallery(folder: Path, rows: list[Row], picture: np.ndarray[Any, Any] | None) -> None:
    face = np.full((160, 160, 3), 128, np.uint8) if picture is None else picture
    items = []
    for number, item in enumerate(rows):
        for suffix in ("", "_heatmap"):
            cv2.imwrite(str(folder / f"{number:02d}{suffix}.png"), face)
        shown = {"frame": 9, "face": 0, "frame_score": item["score"], "heatmap_max": 0.4, "video_score": item["score"]}
        group = "real_high" if item["label"] == 0 else ("fake_high", "fake_low")[number % 2]
        known = {key: item[key] for key in ("video_id", "label", "method", "mask_ssim")}
        items.append({**known, **shown, "group": group, "crop": f"{number:02d}.png", "heatmap": f"{number:02d}_heatmap.png"})
    (folder / "gallery.json").write_text(json.dumps({"heatmap_scale": 0.4, "items": items}))


def report(root: Path, params: Params) -> Path:
    out = root / "index.html"
    sheet = np.full((40, 90, 3), 200, np.uint8)
    build_report(root / "evaluation", root / "training", sheet, params, out)
    return out


@pytest.fixture
def params() -> Params:
    loaded = load_params(PRESET)
    return loaded.model_copy(update={"quality": QualityParams(bins=[0, 0.8, 0.85, 0.9, 0.95, 1], forehead=0.4)})


@pytest.fixture
def page(tmp_path: Path, params: Params) -> Path:
    write_inputs(tmp_path, {"demo": demo_rows()}, params)
    return report(tmp_path, params)


def test_page_is_self_contained_and_every_picture_has_words(page: Path) -> None:
    parsed = Page(page)
    links = parsed.attributes("src") + parsed.attributes("href")
    assert all(link.startswith(("data:image/", "#")) for link in links)
    assert not re.search(r"https?://|@import|<script|<link", page.read_text())
    pictures = [attributes for tag, attributes in parsed.tags if tag == "img"]
    assert len(pictures) == 4 + 2 * 6 + 2 + 1
    assert all(len(attributes.get("alt") or "") > 10 for attributes in pictures)


def test_links_within_the_page_lead_somewhere(page: Path) -> None:
    parsed = Page(page)
    ids = parsed.attributes("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in parsed.attributes("href")} <= set(ids)


def test_figures_inside_are_whole_svgs_without_a_date(page: Path) -> None:
    import base64
    import xml.etree.ElementTree as ET

    sources = [source for source in Page(page).attributes("src") if source.startswith("data:image/svg")]
    for source in sources:
        text = base64.b64decode(source.partition(",")[2]).decode()
        assert ET.fromstring(text).tag.endswith("svg")  # noqa: S314
        assert "<dc:date>" not in text
    assert len(sources) == 6


def test_page_says_what_failed_and_escapes_names(page: Path) -> None:
    words = Page(page).words
    assert "test/real/<b>empty</b> & room" in words
    assert "<b>empty</b>" not in page.read_text()
    assert "no face in 8 frames" in words
    assert "1 of 22 videos scored in part" in words
    assert "no face in 4 of 8 frames" in words
    assert "95.5 % scored (21 of 22)" in words
    assert "1 no_face" in words
    assert "1 scored fake is in no bin" in words


def test_demo_says_what_it_does_not_show_and_other_sets_do_not(tmp_path: Path, params: Params, page: Path) -> None:
    assert "does not show the paper’s accuracy" in Page(page).words
    other = params.model_copy(update={"datasets": {"mine": DatasetParams(root="/videos")}})
    write_inputs(tmp_path / "other", {"mine": demo_rows()}, other)
    assert "embedded demo" not in Page(report(tmp_path / "other", other)).words


def test_same_inputs_give_the_same_bytes(page: Path, tmp_path: Path, params: Params) -> None:
    first = page.read_bytes()
    assert report(tmp_path, params).read_bytes() == first


def test_one_class_only_is_reported_in_words(tmp_path: Path, params: Params) -> None:
    write_inputs(tmp_path, {"demo": [item for item in demo_rows() if item["label"] == 0]}, params)
    assert "only real videos were scored" in Page(report(tmp_path, params)).words


def test_data_set_without_a_video_is_reported_in_words(tmp_path: Path, params: Params) -> None:
    write_inputs(tmp_path, {"demo": []}, params)
    assert "nothing to score" in Page(report(tmp_path, params)).words


def test_paper_numbers_stand_beside_ours_and_what_was_not_run_says_so(tmp_path: Path, params: Params) -> None:
    both = params.model_copy(update={"datasets": {"demo": params.datasets["demo"], "celebs": DatasetParams(root="/cdf", adapter="cdf2")}})
    write_inputs(tmp_path, {"demo": demo_rows(), "celebs": [row(0, 0, 0.1), row(1, 1, 0.9, 0.91)]}, both)
    text = report(tmp_path, both).read_text()
    line = text[text.index("Celeb-DF v2") :].partition("</tr>")[0]
    assert all(words in line for words in ("95.40 / 97.64", "92.34", "100.00 / 100.00", "0.92 / 0.91"))
    assert text.count("not run") == 8


def test_faces_without_a_heat_map_stand_alone(page: Path, tmp_path: Path, params: Params) -> None:
    path = tmp_path / "evaluation/demo/gallery.json"
    gallery = json.loads(path.read_text())
    items = [{**item, "heatmap": None, "heatmap_max": None} for item in gallery["items"]]
    path.write_text(json.dumps({"heatmap_scale": 0.0, "items": items}))
    parsed = Page(report(tmp_path, params))
    assert "This network predicts no heat map" in parsed.words
    assert len([tag for tag, _ in parsed.tags if tag == "img"]) == 4 + 6 + 2 + 1


def test_scores_of_a_network_not_trained_here_have_no_training_curves(page: Path, tmp_path: Path, params: Params) -> None:
    other = params.model_copy(update={"evaluate": params.evaluate.model_copy(update={"checkpoint": "given.safetensors"})})
    parsed = Page(report(tmp_path, other))
    assert "The network of given.safetensors, which was not trained here" in parsed.words
    assert len([tag for tag, _ in parsed.tags if tag == "img"]) == 4 + 2 * 6


@pytest.mark.parametrize(("scores", "kind"), [((0.1, 0.9), "good"), ((0.9, 0.1), "bad"), ((0.5, 0.5), "open")])
def test_verdict_follows_the_interval(tmp_path: Path, params: Params, scores: tuple[float, float], kind: str) -> None:
    rows = [*(row(number, 0, scores[0]) for number in range(4)), *(row(number, 1, scores[1]) for number in range(4))]
    write_inputs(tmp_path, {"demo": rows}, params)
    assert verdict(read_result("demo", tmp_path / "evaluation/demo")).kind == kind


@pytest.mark.parametrize(("lost", "named"), [("demo/metrics.json", "metrics.json"), ("demo/00.png", "00.png")])
def test_missing_input_is_one_sentence_with_its_name(page: Path, tmp_path: Path, params: Params, lost: str, named: str) -> None:
    (tmp_path / "evaluation" / lost).unlink()
    with pytest.raises(LaanetError, match=f"{named}: .*dvc repro"):
        report(tmp_path, params)


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
@pytest.mark.parametrize("width", [1280, 390])
def test_page_fits_its_screen_in_a_browser(page: Path, tmp_path: Path, width: int) -> None:
    frame = tmp_path / "frame.html"
    pictures = "[...f.contentDocument.images].every(i=>i.naturalWidth>0)"
    probe = f"t=f.contentDocument.documentElement;document.title=[t.scrollWidth<=t.clientWidth,{pictures}]"
    frame.write_text(
        f"<iframe id=f src='{page.as_uri()}' style='width:{width}px;height:900px;border:0' onload=\"{probe}\"></iframe>"
    )  # a frame: the browser's own window is never narrower than 500 px
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--virtual-time-budget=4000",
               f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", frame.as_uri()]  # fmt: skip
    dom = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "<title>true,true</title>" in dom
