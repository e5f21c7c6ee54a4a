"""The model's doors to the two kernels: always float32, whatever autocast does around them; shapes only on the meta device."""

from __future__ import annotations

import torch
from torch import Tensor

from glsmamba.scan.deform import deformable_added
from glsmamba.scan.streams import selective_streams


def scan_streams(
    u: Tensor,
    low: Tensor,
    weight: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    bias: Tensor,
    order: Tensor,
    streams: int,
) -> list[Tensor]:
    """:func:`glsmamba.scan.streams.selective_streams`; u (b, l, i), low (b, k, l, r) -> (b, l, i) of each stream.

    The recursion multiplies thousands of factors, hence float32.
    """
    if u.is_meta:
        return [torch.empty_like(u) for _ in range(streams)]
    return selective_streams(u, low, weight, A, B, C, D, bias, order, streams)


def sample_deformed(base: Tensor, x: Tensor, where: Tensor, weight: Tensor) -> Tensor:
    """:func:`glsmamba.scan.deform.deformable_added`; base and x (n, h, w, i), where (n, h, w, 27) -> (n, h, w, i)."""
    if x.is_meta:
        return torch.empty_like(x)
    with torch.autocast(x.device.type, enabled=False):
        return deformable_added(base.float(), x.float(), where.float(), weight.float())
