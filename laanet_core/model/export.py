"""Export of networks to ONNX, with a comparison of the outputs before the file is written."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from laanet_core.errors import LaanetError
from laanet_core.model.checkpoint import brief, description_of, load_model
from laanet_core.model.laanet import LAANet
from laanet_core.store.writing import write_bytes

_TOLERANCE = 1e-3
_BATCH = 2


class _Flat(nn.Module):
    """A network whose outputs are a list of tensors."""

    def __init__(self, model: LAANet) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) -> the tensors of `LAANet.named_outputs`."""
        return list(self.model.named_outputs(self.model(images)).values())


def export_onnx(source: Path, out: Path, image_size: int | None = None) -> float:
    """Write a checkpoint as ONNX: input `images` (batch, 3, S, S), normalised, float32; outputs as in `LAANet.named_outputs`.

    image_size: S in pixels, by default that of the checkpoint. The metadata entry `laanet` of the file is a JSON `Description`: model
    parameters, normalisation and S. Returns the largest difference from torch on a random batch of 2, relative to the largest value of
    that output.
    Raises LaanetError, and writes nothing, for a broken checkpoint, if the size is unknown, for a network that torch cannot export, and
    for a difference over 1e-3.
    """
    if out.suffix != ".onnx":
        raise LaanetError(f"{out}: exports are .onnx files (safetensors is what checkpoints are already); give a name with that ending.")
    model = load_model(source).float()
    size = image_size or model.image_size
    if size is None:
        raise LaanetError(f"{source}: does not state its image size; give --image-size.")
    model.image_size = size
    images = _probe(size)
    with torch.no_grad():
        expected = model.named_outputs(model(images))
    try:
        content = _onnx_bytes(model, images, list(expected))
    except RuntimeError as error:
        raise LaanetError(f"{source}: torch cannot export its network ({brief(str(error))}); use the checkpoint itself.") from None
    difference = _difference(content, images, expected)
    if not difference <= _TOLERANCE:
        raise LaanetError(f"{out}: not written: its outputs would differ from torch's by {difference:.1e}; use the checkpoint.")
    write_bytes(out, content)
    return difference


def _probe(size: int) -> Tensor:
    """A test batch in [-1, 1] of coarse patches plus noise. On noise alone, float32 itself differs too much from float64."""
    generator = torch.Generator().manual_seed(0)
    coarse, fine = (torch.rand(_BATCH, 3, side, side, generator=generator) * 2 - 1 for side in (-(-size // 32), size))
    return 0.7 * coarse.repeat_interleave(32, dim=2).repeat_interleave(32, dim=3)[..., :size, :size] + 0.3 * fine


def _onnx_bytes(model: LAANet, images: Tensor, outputs: list[str]) -> bytes:
    """Serialise the network as an ONNX model for batches of any length of images of this size."""
    import onnx

    with _quiet():
        program = torch.onnx.export(
            _Flat(model).eval(), (images,), input_names=["images"], output_names=outputs,
            dynamic_shapes=({0: torch.export.Dim("batch")},), dynamo=True, external_data=False, verbose=False,
        )  # fmt: skip
    exported = program.model_proto  # type: ignore[union-attr]
    for node in exported.graph.node:
        del node.metadata_props[:]  # the exporter notes paths of this machine
    onnx.helper.set_model_props(exported, {"laanet": json.dumps(description_of(model), sort_keys=True)})
    content: bytes = exported.SerializeToString()
    return content


def _difference(content: bytes, images: Tensor, expected: dict[str, Tensor]) -> float:
    """Largest difference between onnxruntime's outputs and the expected ones, relative to the largest value of each output."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    found: list[Any] = session.run(list(expected), {"images": images.numpy()})
    pairs = zip(found, (tensor.numpy() for tensor in expected.values()), strict=True)
    return max(float(np.abs(one - other).max() / np.abs(other).max()) for one, other in pairs)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress progress messages and warnings of the exporter."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)
