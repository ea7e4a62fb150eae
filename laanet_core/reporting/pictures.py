"""Pictures of the page: image files and figures as data URIs, each with a caption and an alternative text."""

from __future__ import annotations

import base64
import math
from pathlib import Path
from typing import NamedTuple

import cv2

from laanet_core.errors import LaanetError
from laanet_core.text import counted
from laanet_core.types import Image

THUMBNAIL = 208
"""Maximum side length of a thumbnail, in pixels."""
JPEG_QUALITY = 88


class Picture(NamedTuple):
    """An image of the page. source: data URI; alt: text for screen readers."""

    source: str
    alt: str
    caption: str


def figure_picture(svg: str, alt: str, caption: str) -> Picture:
    """A figure from its SVG text."""
    return Picture(_data_uri(svg.encode(), "image/svg+xml"), alt, caption)


def sheet_picture(sheet: Image, method: str, left_out: int) -> Picture:
    """The contact sheet of pseudo-fakes at full size.

    method: `sbi` or `bi`; left_out: number of training crops without a pseudo-fake, because their landmarks do not allow blending.
    """
    fakes = {"sbi": "self-blended fakes made from them", "bi": "fakes made by blending another person's face into them"}[method]
    skipped = f" Skipped: {counted(left_out, 'crop')} whose landmarks do not allow blending." if left_out else ""
    caption = f"Examples of the training data, drawn at random: real faces, {fakes}, and the training targets (Eq. 2 to 7).{skipped}"
    alt = "Training examples, one per row: real face, pseudo-fake, mask, boundary, vulnerable points, heat map and consistency."
    return Picture(_jpeg(cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR)), alt, caption)


def thumbnail(path: Path) -> str:
    """Data URI of an image file, scaled down to THUMBNAIL pixels per side; raises LaanetError if it is missing or not an image."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise LaanetError(f"{path}: is missing or not an image; rebuild it with 'dvc repro'.")
    factor = THUMBNAIL / max(image.shape[:2])
    return _jpeg(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else image)


def alt_number(value: float | None) -> str:
    """A number as written in alternative texts."""
    return "none" if value is None or math.isnan(value) else f"{value:.3f}"


def _jpeg(image: Image) -> str:
    """Data URI of a BGR image as JPEG."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return _data_uri(data.tobytes(), "image/jpeg")


def _data_uri(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
