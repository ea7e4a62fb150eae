"""A plain implementation from video to crops and landmarks, as the baseline of `benchmarks.media`: the same steps without optimisation.

OpenCV decodes every frame; the project's face detector searches one full-size frame per call; dlib's detector and predictor run on every
crop. Faces are searched in the sampled frames only, which favours this baseline, or, with `every`, in each decoded frame.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import dlib
import numpy as np
from numpy.typing import NDArray

from laanet_core.media.faces.face_detectors import FILES, MobileNetRetinaFace, RetinaFaceDetector
from laanet_core.media.faces.shape_predictor import predictor_file

ENLARGE = 1.25
FULL_SIZE = 1 << 30
Picture = NDArray[np.uint8]
Box = tuple[float, float, float, float]


@dataclass
class PlainFaces:
    """Results for one video.

    boxes, crops: frame number -> face box and crop box in pixels of the frame; points: frame number -> landmarks (68, 2) in crop pixels, if
    dlib found the face; seconds: by step; bytes: of its crops and landmarks.
    """

    boxes: dict[int, Box] = field(default_factory=dict)
    crops: dict[int, Box] = field(default_factory=dict)
    points: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    bytes: int = 0

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Add the time of the block to a step."""
        before = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - before


class PlainWay:
    """The three models, loaded once, and the steps that use them. size: pixels of a crop's side."""

    def __init__(self, assets: Path, size: int, min_score: float) -> None:
        network = MobileNetRetinaFace(assets / "retinaface_mobilenet" / FILES["retinaface_mobilenet"])
        self.faces = RetinaFaceDetector(network, min_score, FULL_SIZE)
        self.dlib_faces = dlib.get_frontal_face_detector()
        self.predictor: Any = dlib.shape_predictor(str(predictor_file(assets)))
        self.size = size

    def run(self, video: Path, numbers: set[int], out: Path, every: bool = False) -> PlainFaces:
        """Write crops (PNG) and landmarks (npy) of the frames `numbers` of a video to the folder `out`; with `every`, search all frames."""
        out.mkdir(parents=True)
        found = PlainFaces()
        for number, bgr in _frames(video, found):
            if number in numbers or every:
                rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
                with found.step("detect"):
                    faces = self.faces.detect([np.asarray(rgb, np.uint8)])[0]
                if faces and number in numbers:
                    found.boxes[number] = faces[0].box
                    self._crop(bgr, number, found, out)
        np.save(out / "landmarks.npy", np.array(list(found.points.values())))
        found.bytes = sum(path.stat().st_size for path in out.iterdir())
        return found

    def _crop(self, bgr: Picture, number: int, found: PlainFaces, out: Path) -> None:
        """Crop the face of a frame, write the crop and find its landmarks."""
        x0, y0, x1, y1 = found.boxes[number]
        half = round(max(x1 - x0, y1 - y0) * ENLARGE) // 2
        x, y = round((x0 + x1) / 2), round((y0 + y1) / 2)
        with found.step("crop"):
            padded = cv2.copyMakeBorder(bgr, half, half, half, half, cv2.BORDER_REFLECT_101)
            crop = cv2.resize(padded[y : y + 2 * half, x : x + 2 * half], (self.size, self.size), interpolation=cv2.INTER_AREA)
            cv2.imwrite(str(out / f"{number:06d}.png"), crop)
        found.crops[number] = (x - half, y - half, x + half, y + half)
        with found.step("landmarks"):
            rgb = cv2.cvtColor(crop, cv2.COLOR_BGR2RGB)
            for face in self.dlib_faces(rgb, 0)[:1]:
                found.points[number] = np.array([(point.x, point.y) for point in self.predictor(rgb, face).parts()], np.float32)


def _frames(video: Path, found: PlainFaces) -> Iterator[tuple[int, Picture]]:
    """Yield (number, BGR image) for every frame."""
    capture, number = cv2.VideoCapture(str(video)), 0
    while True:
        with found.step("decode"):
            read, bgr = capture.read()
        if not read:
            return
        yield number, np.asarray(bgr, np.uint8)
        number += 1
