"""Small videos for tests, encoded by a real encoder."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from laanet_core.types import Image


def moving_pictures(count: int, height: int = 48, width: int = 64, seed: int = 0) -> list[Image]:
    """Smooth pictures that differ from frame to frame."""
    r = np.random.default_rng(seed)
    coarse = r.integers(0, 256, (height // 8 + 8, width // 8 + count + 8, 3))
    canvas = np.kron(coarse, np.ones((8, 8, 1))).astype(np.uint8)
    return [np.ascontiguousarray(canvas[:height, 3 * number : 3 * number + width]) for number in range(count)]


def write_video(
    path: Path, pictures: list[Image], codec: str = "libx264", pix_fmt: str = "yuv420p", options: dict[str, str] | None = None,
    times: list[int] | None = None, muxing: dict[str, str] | None = None,
) -> Path:  # fmt: skip
    """Encode pictures at 25 frames/s, or at `times` in hundredths of a second; `options` are the encoder's, `muxing` the container's."""
    with av.open(str(path), "w", options=muxing or {}) as container:
        stream = container.add_stream(codec, rate=100 if times else 25, options=options or {})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pix_fmt
        stream.codec_context.time_base = Fraction(1, 100) if times else Fraction(1, 25)
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = times[number] if times else number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_sound(path: Path) -> Path:
    """A file with a sound stream and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        for number in range(8):
            frame.pts = 1024 * number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
