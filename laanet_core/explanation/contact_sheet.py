"""Contact sheet of faces with the heat maps and Grad-CAMs of one or several networks (paper, Figures 5 and 6)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from scipy.special import expit

from laanet_core.errors import LaanetError
from laanet_core.explanation.grad_cam import Explanation, explain
from laanet_core.explanation.overlay import Colours, overlay
from laanet_core.media.decoding.base import UndecodableError
from laanet_core.media.decoding.pictures import read_picture
from laanet_core.media.faces.crops import crop
from laanet_core.media.faces.precropped import enclosing_square
from laanet_core.media.storage.shards import encode_png
from laanet_core.model import load_model
from laanet_core.runtime.executor import one_thread
from laanet_core.store.writing import write_bytes
from laanet_core.types import Image, Map

MAX_FACES = 100
TILE = 224
_GAP, _LINE, _MARGIN = 8, 20, 6
_FONT, _FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.45


class Column(NamedTuple):
    """One column of the sheet: a heading of two lines, and for each face a picture (TILE, TILE, 3) and a caption of one line."""

    heading: tuple[str, str]
    tiles: list[Image]
    captions: list[str]


def write_explanations(pictures: Sequence[Path], checkpoints: Sequence[Path], out: Path) -> None:
    """Write the contact sheet of these face crops as PNG, one row per face (see `sheet_columns`).

    Raises LaanetError for pictures and checkpoints that cannot be read, for too many pictures, and for a checkpoint without either map.
    """
    if out.suffix != ".png":
        raise LaanetError(f"{out}: the sheet is a .png file; give a name with that suffix.")
    if len(pictures) > MAX_FACES:
        raise LaanetError(f"explain: {len(pictures)} pictures; give at most {MAX_FACES} for one sheet.")
    drawn = np.hstack([_drawn(column) for column in sheet_columns(pictures, checkpoints)])
    write_bytes(out, encode_png(_with_border(drawn, left=_GAP, top=_GAP)))


def sheet_columns(pictures: Sequence[Path], checkpoints: Sequence[Path]) -> list[Column]:
    """A column of faces, then columns of each checkpoint's heat maps and Grad-CAMs, captioned with p, the sigmoid of the logit.

    A map that a network does not have gets no column. Pictures may have any size: they are padded to a square by reflection and
    resized to the input size of each network. All heat maps share one scale, which their heading states; each Grad-CAM is divided by
    its own maximum.
    """
    tiles = [_face(path, TILE) for path in pictures]
    with one_thread():
        explained = [_explanations(checkpoint, pictures) for checkpoint in checkpoints]
    scale = max((float(face.heatmap.max()) for faces in explained for face in faces if face.heatmap is not None), default=0.0)
    columns = [Column(("face", "p: sigmoid of the logit"), tiles, [str(path) for path in pictures])]
    for name, faces in zip(_names(checkpoints), explained, strict=True):
        columns += _columns(name, faces, tiles, scale)
    return columns


def _face(path: Path, size: int) -> Image:
    """A picture file as a crop (size, size, 3)."""
    try:
        rgb = read_picture(path)
    except UndecodableError as error:
        raise LaanetError(f"{path}: {error}; give face crops as BMP, JPEG, PNG or WebP.") from None
    return crop(rgb, enclosing_square(rgb), size)


def _explanations(checkpoint: Path, pictures: Sequence[Path]) -> list[Explanation]:
    """Explanation of each picture by one network, at the network's input size."""
    model = load_model(checkpoint).float()
    size = model.image_size
    if size is None:
        raise LaanetError(f"{checkpoint}: does not state its image size; give a checkpoint that was trained or imported.")
    explained = [explain(model, _face(path, size)) for path in pictures]
    if any(face.heatmap is None and face.gradcam is None for face in explained):
        raise LaanetError(
            f"{checkpoint}: {model.params.backbone} has neither a heat map nor feature maps for Grad-CAM; give another checkpoint."
        )
    return explained


def _names(checkpoints: Sequence[Path]) -> list[str]:
    """The stem of each file, or all paths without suffix if two stems are equal."""
    stems = [path.stem for path in checkpoints]
    return stems if len(set(stems)) == len(stems) else [str(path.with_suffix("")) for path in checkpoints]


def _columns(name: str, faces: Sequence[Explanation], tiles: Sequence[Image], scale: float) -> list[Column]:
    """The columns of one network; scale: maximum of all heat maps."""
    captions = [f"p {expit(face.logit):.3f}" for face in faces]
    heatmaps = _overlaid(tiles, [face.heatmap for face in faces], scale, Colours.HEATMAP)
    gradcams = _overlaid(tiles, [face.gradcam for face in faces], 1, Colours.GRADCAM)
    kinds = ((f"heat map, 0 to {scale:.2f}", heatmaps), ("Grad-CAM, relative", gradcams))
    return [Column((name, kind), drawn, captions) for kind, drawn in kinds if drawn]


def _overlaid(tiles: Sequence[Image], maps: Sequence[Map | None], scale: float, colours: Colours) -> list[Image]:
    return [overlay(tile, values, scale, colours) for tile, values in zip(tiles, maps, strict=True) if values is not None]


def _drawn(column: Column) -> Image:
    """A column drawn as RGB on white, with the heading at the top and each caption under its picture."""
    parts = [_line(text) for text in column.heading]
    for tile, caption in zip(column.tiles, column.captions, strict=True):
        parts += [_with_border(tile, right=_GAP), _line(caption)]
    return np.vstack(parts).astype(np.uint8)


def _with_border(image: Image, left: int = 0, top: int = 0, right: int = 0) -> Image:
    """The image with a white border, in pixels."""
    return np.asarray(cv2.copyMakeBorder(image, top, 0, left, right, cv2.BORDER_CONSTANT, value=(255, 255, 255)), np.uint8)


def _line(text: str) -> Image:
    """A line of text as wide as a column; a longer text loses its beginning."""
    plain = text.encode("ascii", "replace").decode()
    shown = plain
    while cv2.getTextSize(shown, _FONT, _FONT_SCALE, 1)[0][0] > TILE:
        plain = plain[1:]
        shown = f"..{plain}"
    line = np.full((_LINE, TILE + _GAP, 3), 255, np.uint8)
    cv2.putText(line, shown, (0, _LINE - _MARGIN), _FONT, _FONT_SCALE, (0, 0, 0), 1, cv2.LINE_AA)
    return line
