"""Batch-norm fusion for inference: the same logits in less time."""

from __future__ import annotations

import copy
from collections import Counter, defaultdict
from typing import Any

import torch
import torch.nn.functional as F
from timm.layers import BatchNormAct2d, Conv2dSame
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from laanet_core.model import LAANet
from laanet_core.model.padding import FixedPadConv2d, fix_padding

# exactly these types: a subclass, such as a convolution that standardises its weights, cannot be fused
_CONVOLUTIONS = {nn.Conv2d, nn.ConvTranspose2d, Conv2dSame, FixedPadConv2d}
_NORMS = {nn.BatchNorm2d, BatchNormAct2d}


def fuse_batch_norms(model: LAANet, size: int) -> LAANet:
    """A copy of a network in evaluation mode that computes the same logits, up to rounding, faster.

    The copy has no auxiliary heads, its batch norms are fused into the preceding convolutions, its SAME padding makes no copies, and
    its feature maps are channels-last in memory. size: side in pixels of the crops; the copy is valid for this size only. The network
    itself is not changed.
    """
    scorer = copy.deepcopy(model)
    scorer.remove_heads()
    names = {module: name for name, module in scorer.named_modules()}
    for norm, convolution in _foldable(scorer, size).items():
        scorer.set_submodule(names[convolution], _folded(convolution, norm))
        scorer.set_submodule(names[norm], nn.Sequential(norm.drop, norm.act) if isinstance(norm, BatchNormAct2d) else nn.Identity())
    if any(isinstance(module, Conv2dSame) for module in scorer.modules()):
        fix_padding(scorer.backbone.network, size)
    for name, module in list(scorer.named_modules()):
        if isinstance(module, FixedPadConv2d) and module.dilation == (1, 1):
            scorer.set_submodule(name, _symmetrically_padded(module))
    return scorer.to(memory_format=torch.channels_last)


def _symmetrically_padded(convolution: FixedPadConv2d) -> nn.Conv2d:
    """The same convolution with symmetric padding, which torch applies without a padded copy of the input.

    The kernel is enlarged by zero weights at its start, which cover the additional padding before the image.
    """
    left, right, top, bottom = convolution.margins
    weight = F.pad(convolution.weight, (right - left, 0, bottom - top, 0))
    symmetric = nn.Conv2d(
        convolution.in_channels, convolution.out_channels, weight.shape[2:],  # type: ignore[arg-type]
        convolution.stride, (bottom, right), groups=convolution.groups, device="meta",  # type: ignore[arg-type]
    )  # fmt: skip
    symmetric.weight, symmetric.bias = nn.Parameter(weight), convolution.bias
    return symmetric


def _folded(convolution: nn.Module, norm: nn.Module) -> nn.Module:
    """The convolution fused with the batch norm, without the activation of the latter."""
    return fuse_conv_bn_eval(convolution, norm, transpose=isinstance(convolution, nn.ConvTranspose2d))  # type: ignore[type-var, arg-type]


def _foldable(model: LAANet, size: int) -> dict[nn.Module, nn.Module]:
    """Batch norm -> convolution to fuse it with: the norm's only input is that convolution's output, and no other module reads it."""
    trace = _Trace(model)
    images = torch.zeros(1, 3, size, size, dtype=torch.uint8)
    with torch.no_grad(), trace:
        model(model.normalise(images))
    return trace.pairs()


class _Trace(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records which modules read the outputs of a network's convolutions during a forward pass."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._results: dict[nn.Module, list[Tensor]] = defaultdict(list)  # kept alive, so that their ids stay unique
        self._makers: dict[int, nn.Module] = {}
        self._reads: Counter[int] = Counter()
        self._sources: dict[nn.Module, list[nn.Module | None]] = defaultdict(list)
        self._hooks = [
            *(module.register_forward_hook(self._made) for module in model.modules() if _is_plain(module)),
            *(module.register_forward_pre_hook(self._normed) for module in model.modules() if type(module) in _NORMS),
        ]

    def pairs(self) -> dict[nn.Module, nn.Module]:
        """Batch norm -> the convolution that it reads, for pairs without other readers or inputs; removes the hooks."""
        for hook in self._hooks:
            hook.remove()
        return {norm: source for norm, (source, *more) in self._sources.items() if source is not None and self._only_for(norm, source)}

    def _only_for(self, norm: nn.Module, convolution: nn.Module) -> bool:
        results = self._results[convolution]
        return self._sources[norm] == [convolution] * len(results) and all(self._reads[id(result)] == 1 for result in results)

    def _made(self, convolution: nn.Module, _: tuple[Tensor, ...], result: Tensor) -> None:
        self._results[convolution].append(result)
        self._makers[id(result)] = convolution
        self._reads[id(result)] = 0

    def _normed(self, norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self._sources[norm].append(self._makers.get(id(inputs[0])))

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        """Run an operation and count the reads of its input tensors."""
        self._reads.update(id(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor))
        return func(*args, **(kwargs or {}))


def _is_plain(module: nn.Module) -> bool:
    """Whether a module is a convolution that can be fused; grouped transposed ones have another layout of weights."""
    return type(module) in _CONVOLUTIONS and not (isinstance(module, nn.ConvTranspose2d) and module.groups > 1)
