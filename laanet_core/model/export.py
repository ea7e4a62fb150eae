"""Networks as ONNX files, each compared with the network it was made of before it takes its name."""

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
from laanet_core.model.laanet import LAANet, Output
from laanet_core.store.writing import write_bytes

_TOLERANCE = 1e-3
_BATCH = 2


class _Present(nn.Module):
    """The network's outputs without those that it does not have."""

    def __init__(self, model: LAANet) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) -> the tensors of `Output` that there are, in its order."""
        return list(present(self.model(images)).values())


def present(output: Output) -> dict[str, Tensor]:
    """Name -> tensor of the outputs that the network has, in the order of `Output`."""
    return {name: tensor for name, tensor in output._asdict().items() if tensor is not None}


def export_onnx(source: Path, out: Path, image_size: int | None = None) -> float:
    """Write a checkpoint as ONNX: input `images` (batch, 3, S, S), normalised, float32; outputs as in `Output`, those it has.

    image_size: S in pixels, by default the checkpoint's. The file's metadata has, under `laanet`, a JSON `Description`: model
    parameters, normalisation and S. Returns the largest difference from torch on a random batch of 2, over the largest value of that
    output.
    Raises LaanetError for a broken checkpoint, without a size, for a network that torch cannot export, and when the difference is
    over 1e-3; then nothing is written.
    """
    if out.suffix != ".onnx":
        raise LaanetError(f"{out}: exports are .onnx files (safetensors is what checkpoints are already); give a name that ends so.")
    model = load_model(source).float()
    size = image_size or model.image_size
    if size is None:
        raise LaanetError(f"{source}: does not say what image size it is for; give --image-size.")
    model.image_size = size
    images = _probe(size)
    with torch.no_grad():
        expected = present(model(images))
    try:
        content = _onnx_bytes(model, images, list(expected))
    except RuntimeError as error:
        raise LaanetError(f"{source}: the exporter does not take its network ({brief(str(error))}); use the checkpoint itself.") from None
    difference = _difference(content, images, expected)
    if not difference <= _TOLERANCE:
        raise LaanetError(f"{out}: not written, for its outputs would differ from torch's by {difference:.1e}; use the checkpoint itself.")
    write_bytes(out, content)
    return difference


def _probe(size: int) -> Tensor:
    """A batch of patches with grain, in [-1, 1]: noise alone, unlike any picture, makes single precision itself differ from double."""
    generator = torch.Generator().manual_seed(0)
    coarse, fine = (torch.rand(_BATCH, 3, side, side, generator=generator) * 2 - 1 for side in (-(-size // 32), size))
    return 0.7 * coarse.repeat_interleave(32, dim=2).repeat_interleave(32, dim=3)[..., :size, :size] + 0.3 * fine


def _onnx_bytes(model: LAANet, images: Tensor, outputs: list[str]) -> bytes:
    """The network as a serialised ONNX model for any batch of images of this size."""
    import onnx

    with _quiet():
        program = torch.onnx.export(
            _Present(model).eval(), (images,), input_names=["images"], output_names=outputs,
            dynamic_shapes=({0: torch.export.Dim("batch")},), dynamo=True, external_data=False, verbose=False,
        )  # fmt: skip
    exported = program.model_proto  # type: ignore[union-attr]
    for node in exported.graph.node:
        del node.metadata_props[:]  # the exporter's notes: this machine's paths
    onnx.helper.set_model_props(exported, {"laanet": json.dumps(description_of(model), sort_keys=True)})
    content: bytes = exported.SerializeToString()
    return content


def _difference(content: bytes, images: Tensor, expected: dict[str, Tensor]) -> float:
    """Largest difference of onnxruntime's outputs from these, over the largest value of each."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    found: list[Any] = session.run(list(expected), {"images": images.numpy()})
    pairs = zip(found, (tensor.numpy() for tensor in expected.values()), strict=True)
    return max(float(np.abs(one - other).max() / np.abs(other).max()) for one, other in pairs)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No progress notes and warnings of the exporter."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)
