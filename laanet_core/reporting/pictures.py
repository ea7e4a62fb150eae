"""Pictures of the page: files and figures as data URIs, each with what it shows in words."""

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
JPEG_QUALITY = 88


class Picture(NamedTuple):
    """An image of the page: data URI, what it shows in words, and its caption."""

    source: str
    alt: str
    caption: str


def figure_picture(svg: str, alt: str, caption: str) -> Picture:
    """A figure in SVG."""
    return Picture(_data_uri(svg.encode(), "image/svg+xml"), alt, caption)


def sheet_picture(sheet: Image, method: str, left_out: int) -> Picture:
    """The sheet of pseudo-fakes at its full size; left_out: train crops of which none can be made."""
    fakes = {"sbi": "the self-blended fakes made of them", "bi": "the fakes made by blending another person's face into them"}[method]
    lost = f" Left out: {counted(left_out, 'crop')} with landmarks that allow no blend." if left_out else ""
    caption = f"What the network learns from, some of its random draws: real faces, {fakes}, and the targets of Eq. 2 to 7.{lost}"
    alt = "Training examples, one a row: real face, pseudo-fake, mask, boundary, vulnerable points, heat map and consistency."
    return Picture(_jpeg(cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR)), alt, caption)


def thumbnail(path: Path) -> str:
    """Data URI of an image file, at most THUMBNAIL pixels a side; raises LaanetError when it is missing or no image."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise LaanetError(f"{path}: missing or no image; build it again with 'dvc repro'.")
    factor = THUMBNAIL / max(image.shape[:2])
    return _jpeg(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else image)


def words(value: float | None) -> str:
    """A number as the alternative texts say it."""
    return "none" if value is None or math.isnan(value) else f"{value:.3f}"


def _jpeg(image: Image) -> str:
    """Data URI of a BGR image as JPEG."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return _data_uri(data.tobytes(), "image/jpeg")


def _data_uri(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
