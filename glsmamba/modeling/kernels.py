"""The model's doors to the two kernels: always float32, whatever autocast does around them; shapes only on the meta device."""

from __future__ import annotations

import torch
from torch import Tensor

from glsmamba.scan.deform import deformable_depthwise
from glsmamba.scan.selective import selective_scan


def scan_paths(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None, delta_bias: Tensor, order: Tensor
) -> Tensor:
    """:func:`glsmamba.scan.selective.selective_scan` with softplus; u (b, l, i), delta (b, k, l, i) -> (b, k, l, i).

    The recursion multiplies thousands of factors, hence float32.
    """
    if u.is_meta:
        return torch.empty_like(delta)
    with torch.autocast(u.device.type, enabled=False):
        return selective_scan(u, delta, A, B, C, D, delta_bias, order, delta_softplus=True)


def sample_deformed(x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
    """:func:`glsmamba.scan.deform.deformable_depthwise`; x (n, h, w, i) -> (n, h, w, i)."""
    if x.is_meta:
        return torch.empty_like(x)
    with torch.autocast(x.device.type, enabled=False):
        return deformable_depthwise(x.float(), offset.float(), mask.float(), weight.float())
