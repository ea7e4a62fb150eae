"""Frames of the demo clips, and encoding of frames as video files."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from laanet_core.demo.cast import Clip
from laanet_core.randomness import numpy_generator
from laanet_core.types import Image

FRAME_RATE = Fraction(25, 2)
EVERY = 2
REPEATABLE = "mbtree=0:bframes=0"
"""x264's macroblock tree with B-frames reads uninitialised memory, so that for most frame sizes the output differed on every run."""

PAN, ZOOM, TILT = 0.03, 0.04, math.radians(2.0)
"""Maximum camera motion over a still image: fraction of the view's width, fraction of its size, radians."""


def clip_frames(clip: Clip, media: Path, seconds: float, seed: int) -> list[Image]:
    """Return the RGB frames (H, W, 3) of a clip, `seconds` long or until its media ends; the seed determines the camera path."""
    count = max(2, round(seconds * FRAME_RATE))
    start = clip.start if clip.middle is None else max(0, clip.middle - EVERY * (count // 2))
    if start is None:
        picture = _soften(np.asarray(cv2.cvtColor(cv2.imread(str(media), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8), clip)
        return [_look(picture, clip, camera) for camera in _camera_path(clip.name, count, seed)]
    still = (0.0, 0.0, 1.0, 0.0)
    return [_look(_soften(picture, clip), clip, still) for picture in _video_frames(media, start, count)]


def _video_frames(media: Path, start: int, count: int) -> Iterator[Image]:
    """Yield every second RGB frame of a video from frame `start`, at most `count` frames."""
    with av.open(str(media)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            step, offset = divmod(number - start, EVERY)
            if step >= count:
                return
            if step >= 0 and offset == 0:
                yield frame.to_ndarray(format="rgb24")


def _camera_path(name: str, count: int, seed: int) -> list[tuple[float, float, float, float]]:
    """Generate a smooth random camera path: per frame x and y shift (fractions of the view's width), zoom factor and tilt (radians)."""
    generator = numpy_generator(seed, "demo camera", name)
    turns = generator.uniform(0.4, 0.9, 4)
    phases = generator.uniform(0, 2 * math.pi, 4)
    waves = np.sin(np.linspace(0, 2 * math.pi, count, endpoint=False)[:, None] * turns + phases)
    return [(PAN * x, PAN * y / 2, 1 + ZOOM * zoom, TILT * tilt) for x, y, zoom, tilt in waves.tolist()]


def _soften(picture: Image, clip: Clip) -> Image:
    """Blur a picture to prevent aliasing if the view is scaled down."""
    shrink = clip.view[2] / clip.size[0]
    if shrink <= 1.01:
        return picture
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.4 * math.sqrt(shrink**2 - 1)), np.uint8)


def _look(picture: Image, clip: Clip, camera: tuple[float, float, float, float]) -> Image:
    """Render the camera's view of a picture at the clip's size; the picture is mirrored beyond its edges."""
    shift_x, shift_y, zoom, tilt = camera
    centre_x, centre_y, view_width = clip.view
    width, height = clip.size
    scale = width / (view_width * zoom)
    cosine, sine = scale * math.cos(tilt), scale * math.sin(tilt)
    x, y = centre_x + shift_x * view_width, centre_y + shift_y * view_width
    matrix = np.array([
        [cosine, -sine, width / 2 - cosine * x + sine * y],
        [sine, cosine, height / 2 - sine * x - cosine * y],
    ])  # fmt: skip
    view = cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(view, np.uint8)


def write_video(frames: Sequence[Image], path: Path, crf: int) -> None:
    """Encode RGB frames as H.264 in MP4, deterministically. All frames must have the same size, with even width and height."""
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=FRAME_RATE)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": str(crf), "preset": "fast", "threads": "1", "x264-params": REPEATABLE}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
