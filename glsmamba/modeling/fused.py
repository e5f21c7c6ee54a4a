"""A convolution with what follows it in one pass over memory: oneDNN's post-operations, which PyTorch's compiler uses too."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["convolved", "fuses"]

_THERE = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_convolution_pointwise")


def fuses(x: Tensor) -> bool:
    """Whether :func:`convolved` takes this input: float32 on the CPU, no gradient, and oneDNN in this build of PyTorch."""
    return _THERE and x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_grad_enabled()


def convolved(conv: nn.Conv2d, x: Tensor, padding: int, *, relu6: bool = False, plus: Tensor | None = None) -> Tensor:
    """The convolution with zeros around, then ReLU6, or a sum.

    Args:
        conv: whose weight, bias, stride and groups are taken, without dilation.
        x: (N, C, H, W), channels-last, for which :func:`fuses` holds.
        padding: rows and columns of zeros on each side, in place of the convolution's own.
        relu6: clip the result to 0 .. 6.
        plus: (N, D, H', W') to add to the result; not together with ``relu6``.
    """
    shape = [padding, padding], list(conv.stride), [1, 1], conv.groups
    if plus is not None:
        operation = torch.ops.mkldnn._convolution_pointwise.binary
        return operation(x, plus, conv.weight, conv.bias, *shape, "add", None, None, [], None)
    after = ("hardtanh", [0.0, 6.0], None) if relu6 else ("none", [], None)
    return torch.ops.mkldnn._convolution_pointwise(x, conv.weight, conv.bias, *shape, *after)
