"""Two public-domain portraits that come with scikit-image and matplotlib, with their landmarks."""

from __future__ import annotations

from pathlib import Path

import cv2
import matplotlib
import numpy as np
import skimage
from numpy.typing import NDArray

from laanet_core.types import Image

Array = NDArray[np.float64]

# Points of dlib's predictor on two public-domain portraits, x,y in pixels.
ASTRONAUT = (
    "179,106 180,117 180,128 181,139 185,151 191,161 200,169 210,176 221,178 232,177 243,171 254,163 260,153 265,142 268,131 "
    "270,120 272,108 187,93 193,88 201,87 209,89 217,92 236,94 244,91 251,91 259,92 265,98 226,102 225,111 225,119 225,127 214,131 "
    "219,133 224,135 229,133 234,132 195,101 200,98 207,98 212,104 206,104 199,104 237,105 243,100 250,100 255,104 250,106 243,106 "
    "200,139 209,139 218,139 224,141 229,140 237,140 246,141 237,151 229,155 222,156 216,155 207,150 203,140 217,143 223,144 "
    "229,143 243,142 229,150 223,151 217,150"
)
GRACE = (
    "177,206 180,228 185,249 192,270 199,290 211,307 227,320 248,329 271,331 294,328 312,318 327,303 338,283 346,262 349,239 "
    "351,215 351,192 187,185 195,169 211,161 228,162 243,168 282,165 297,157 314,154 330,160 339,175 264,188 265,204 267,220 "
    "268,237 246,246 257,249 268,252 279,249 289,245 207,196 216,188 227,187 238,195 228,197 217,198 289,192 300,184 310,183 "
    "319,189 311,192 300,193 232,279 244,273 258,271 267,273 278,271 291,272 304,276 292,285 279,289 269,291 259,290 245,286 "
    "236,278 258,278 268,279 278,277 299,277 279,279 268,280 258,279"
)
ASTRONAUT_FILE = Path(skimage.__file__).parent / "data/astronaut.png"
GRACE_FILE = Path(matplotlib.get_data_path()) / "sample_data/grace_hopper.jpg"


def points(text: str) -> Array:
    """Landmarks from text."""
    return np.array([pair.split(",") for pair in text.split()], np.float64)


def read_rgb(path: Path) -> Image:
    """A picture as RGB."""
    picture = cv2.imread(str(path))
    assert picture is not None
    return np.ascontiguousarray(picture[..., ::-1], np.uint8)
