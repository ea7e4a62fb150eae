"""The report's gallery of faces with heat maps and Grad-CAM, and the contact sheet of `laanet explain`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from laanet_core.cli import app
from laanet_core.errors import LaanetError
from laanet_core.evaluation.evaluate import ScoredVideo
from laanet_core.evaluation.scoring import FrameScore
from laanet_core.explanation.contact_sheet import MAX_FACES, TILE, sheet_columns, write_explanations
from laanet_core.explanation.gallery import Crops, write_gallery
from laanet_core.explanation.grad_cam import explain
from laanet_core.explanation.overlay import Colours, overlay
from laanet_core.media.storage.shards import encode_png, write_shard
from laanet_core.model import LAANet, load_model, save_model
from laanet_core.runtime.executor import one_thread
from laanet_core.types import Image
from tests.helpers.shards import content_digest
from tests.unit.explanation.test_grad_cam import PYRAMIDS, face, network
from tests.unit.model.test_model import plain


@pytest.fixture(autouse=True, scope="module")
def single() -> Iterator[None]:
    """One thread, as in the stage."""
    with one_thread():
        yield


# --- the gallery


def gallery_of(model: LAANet, root: Path) -> dict[str, Any]:
    """The gallery of a fake and a real video with one face each."""
    for number, name in enumerate(("fake", "real")):
        path = root / "crops" / f"{name}.tar"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_shard(path, [(f"{name}/000004.png", encode_png(face(number)))])
    digests = {name: content_digest(root / f"crops/{name}.tar") for name in ("fake", "real")}
    videos = [ScoredVideo("fake", 1, "swap", 0.8, 0.9), ScoredVideo("real", 0, "real", 0.3, None)]
    frames = {name: [FrameScore(4, 0, logit, score)] for name, logit, score in (("fake", 1.4, 0.8), ("real", -0.8, 0.3))}
    write_gallery(model, videos, frames, Crops(root / "crops", digests), 6, root / "out")
    gallery: dict[str, Any] = json.loads((root / "out/gallery.json").read_text())
    return gallery


def test_the_gallery_shows_each_face_with_heat_map_and_grad_cam_in_different_colours(tmp_path: Path) -> None:
    model = network(PYRAMIDS[1])
    gallery = gallery_of(model, tmp_path)
    first = gallery["items"][0]
    assert [first[key] for key in ("crop", "heatmap", "gradcam", "frame_score")] == ["00.png", "00_heatmap.png", "00_gradcam.png", 0.8]
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {"gallery.json", *(f"0{number}{suffix}.png" for number in (0, 1) for suffix in ("", "_heatmap", "_gradcam"))}
    explanations = [explain(model, face(number)) for number in (0, 1)]
    scale = max(each.heatmap.max() for each in explanations if each.heatmap is not None)
    assert gallery["heatmap_scale"] == pytest.approx(scale, abs=1e-4)
    for number, each in enumerate(explanations):
        assert each.heatmap is not None
        assert each.gradcam is not None
        assert (read(tmp_path / f"out/0{number}_heatmap.png") == overlay(face(number), each.heatmap, scale)).all()
        assert (read(tmp_path / f"out/0{number}_gradcam.png") == overlay(face(number), each.gradcam, 1, Colours.GRADCAM)).all()


def test_the_gallery_of_a_token_network_has_only_crops(tmp_path: Path) -> None:
    gallery = gallery_of(network(plain("test_vit")), tmp_path)
    assert [(item["heatmap"], item["gradcam"]) for item in gallery["items"]] == [(None, None)] * 2
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"gallery.json", "00.png", "01.png"}


@pytest.mark.parametrize("colours", Colours)
def test_colours_are_ordered_by_lightness(colours: Colours) -> None:
    black = np.zeros((1, 64, 3), np.uint8)
    drawn = overlay(black, np.linspace(0, 1, 64, dtype=np.float32)[None], 1, colours)
    lightness = cv2.cvtColor(drawn, cv2.COLOR_RGB2LAB)[0, :, 0].astype(int)
    assert (np.diff(lightness) >= -1).all()
    assert lightness[-1] > 150


def read(path: Path) -> Image:
    return np.asarray(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB), np.uint8)


# --- the sheet


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures of faces of different sizes, and three checkpoints."""
    folder = tmp_path_factory.mktemp("given")
    (folder / "one.png").write_bytes(encode_png(face(1)))
    (folder / "two.png").write_bytes(encode_png(face(2, 100)[:, :90]))
    for name, params in {"full": PYRAMIDS[1], "headless": PYRAMIDS[2], "tokens": plain("test_vit")}.items():
        save_model(network(params), folder / f"{name}.safetensors")
    return folder


@pytest.fixture
def given(originals: Path, tmp_path: Path) -> Path:
    """A copy of `originals` for one test."""
    return shutil.copytree(originals, tmp_path / "given")


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["explain", *map(str, arguments)])


def test_explain_writes_one_sheet_with_a_row_per_face_and_columns_per_checkpoint(given: Path) -> None:
    checkpoints = ["--checkpoint", given / "full.safetensors", "--checkpoint", given / "headless.safetensors"]
    done = run(given / "one.png", given / "two.png", *checkpoints, "--out", given / "out/sheet.png")
    assert (done.exit_code, done.stderr, done.stdout) == (0, "", f"{given}/out/sheet.png: written.\n")
    sheet = read(given / "out/sheet.png")
    columns = sheet_columns([given / "one.png", given / "two.png"], [given / "full.safetensors", given / "headless.safetensors"])
    assert [len(column.tiles) for column in columns] == [2] * 4
    for column in columns:
        assert all(tile.shape == (TILE, TILE, 3) for tile in column.tiles)
        places = [place_of(tile, sheet) for tile in column.tiles]
        assert places[0][0] == places[1][0]
        assert places[0][1] + TILE < places[1][1]
    lefts = [place_of(column.tiles[0], sheet)[0] for column in columns]
    assert all(right - left > TILE for left, right in pairwise(lefts))


def place_of(tile: Image, sheet: Image) -> tuple[int, int]:
    """Left and top of a tile that the sheet contains exactly."""
    difference = cv2.matchTemplate(sheet, tile, cv2.TM_SQDIFF)
    left, top = cv2.minMaxLoc(difference)[2]
    assert (sheet[top : top + TILE, left : left + TILE] == tile).all()
    return left, top


def test_columns_have_headings_and_captions_with_the_probability(given: Path) -> None:
    columns = sheet_columns([given / "one.png"], [given / "full.safetensors", given / "headless.safetensors"])
    models = {name: load_model(given / f"{name}.safetensors") for name in ("full", "headless")}
    p = {name: f"p {torch.sigmoid(torch.tensor(explain(model, face(1)).logit)):.3f}" for name, model in models.items()}
    explanation = explain(models["full"], face(1))
    assert explanation.heatmap is not None
    assert explanation.gradcam is not None
    peak = float(explanation.heatmap.max())
    assert [(column.heading, column.captions) for column in columns] == [
        (("face", "p: sigmoid of the logit"), [str(given / "one.png")]),
        (("full", f"heat map, 0 to {peak:.2f}"), [p["full"]]),
        (("full", "Grad-CAM, relative"), [p["full"]]),
        (("headless", "Grad-CAM, relative"), [p["headless"]]),
    ]
    crop = columns[0].tiles[0]
    assert (columns[1].tiles[0] == overlay(crop, explanation.heatmap, peak)).all()
    assert (columns[2].tiles[0] == overlay(crop, explanation.gradcam, 1, Colours.GRADCAM)).all()


def test_heat_maps_of_all_checkpoints_share_one_scale(given: Path) -> None:
    weaker = network(PYRAMIDS[1])
    weaker.heatmap[-1].bias.data -= 3  # type: ignore[assignment,index,operator,union-attr]
    save_model(weaker, given / "weaker.safetensors")
    columns = sheet_columns([given / "one.png"], [given / "full.safetensors", given / "weaker.safetensors"])
    assert columns[1].heading[1] == columns[3].heading[1]
    strong, weak = (np.abs(columns[place].tiles[0].astype(int) - columns[0].tiles[0]).mean() for place in (1, 3))
    assert weak < strong / 2


def test_checkpoints_of_equal_names_are_labelled_with_their_folders(given: Path) -> None:
    for folder in ("a", "b"):
        save_model(network(PYRAMIDS[2]), given / folder / "model.safetensors")
    columns = sheet_columns([given / "one.png"], [given / "a/model.safetensors", given / "b/model.safetensors"])
    assert [column.heading[0] for column in columns[1:]] == [f"{given}/a/model", f"{given}/b/model"]


def test_the_sheet_does_not_depend_on_the_number_of_threads(given: Path) -> None:
    sheets = []
    for threads in (1, 2):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            write_explanations([given / "two.png"], [given / "full.safetensors"], given / "sheet.png")
        finally:
            torch.set_num_threads(before)
        sheets.append((given / "sheet.png").read_bytes())
    assert sheets[0] == sheets[1]


def test_a_picture_is_padded_to_a_square_by_reflection(given: Path) -> None:
    tile = sheet_columns([given / "two.png"], [given / "headless.safetensors"])[0].tiles[0]
    source = face(2, 100)[:, :90]
    squared = np.pad(source, ((0, 0), (5, 5), (0, 0)), mode="reflect")
    expected = cv2.resize(squared, (TILE, TILE), interpolation=cv2.INTER_CUBIC)
    assert (tile == expected).all()


@pytest.mark.parametrize(
    ("image", "checkpoint", "out", "words"),
    [
        ("gone.png", "full.safetensors", "sheet.png", "gone.png: the picture cannot be read: No such file or directory; give face crops"),
        ("text.png", "full.safetensors", "sheet.png", "text.png: it is not a BMP, JPEG, PNG or WebP picture; give face crops"),
        ("one.png", "gone.safetensors", "sheet.png", "gone.safetensors: not found"),
        ("one.png", "text.png", "sheet.png", "text.png: no checkpoint of this project"),
        ("one.png", "tokens.safetensors", "sheet.png", "test_vit has neither a heat map nor feature maps for Grad-CAM"),
        ("one.png", "sizeless.safetensors", "sheet.png", "does not state its image size"),
        ("one.png", "full.safetensors", "sheet.jpg", "sheet.jpg: the sheet is a .png file"),
    ],
)
def test_invalid_input_is_reported_in_one_sentence(given: Path, image: str, checkpoint: str, out: str, words: str) -> None:
    (given / "text.png").write_text("no picture")
    save_model(network(PYRAMIDS[2], None), given / "sizeless.safetensors")
    done = run(given / image, "--checkpoint", given / checkpoint, "--out", given / out)
    assert done.exit_code == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr
    assert not (given / out).exists()


def test_the_number_of_faces_of_a_sheet_is_limited(given: Path) -> None:
    with pytest.raises(LaanetError, match=f"explain: {MAX_FACES + 1} pictures; give at most {MAX_FACES}"):
        write_explanations([given / "one.png"] * (MAX_FACES + 1), [given / "full.safetensors"], given / "sheet.png")
