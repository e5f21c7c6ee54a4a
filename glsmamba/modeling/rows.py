"""Work on tokens by themselves, a piece at a time, so that what lies between two layers stays in the processor's cache."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_ROWS = 1024


def by_rows(work: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
    """``work(*tensors)`` for work that treats every token, (..., d) -> (..., e), by itself.

    On the CPU and without a gradient in pieces: memory that is fresh costs as much as the arithmetic of a thin layer.
    """
    first = tensors[0]
    if torch.is_grad_enabled() or first.device.type != "cpu" or first.shape[:-1].numel() <= _ROWS:
        return work(*tensors)
    pieces = zip(*(t.flatten(0, -2).split(_ROWS) for t in tensors), strict=True)
    return torch.cat([work(*piece) for piece in pieces]).unflatten(0, first.shape[:-1])
