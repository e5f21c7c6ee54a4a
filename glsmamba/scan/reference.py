"""The selective scan as its definition says: a loop over tokens in float64. Slow; for tests and benchmarks only."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def scan_loop(
    u: torch.Tensor,
    delta: torch.Tensor,
    A: torch.Tensor,
    Bm: torch.Tensor,
    Cm: torch.Tensor,
    D: torch.Tensor | None,
    delta_bias: torch.Tensor | None,
    order: torch.Tensor,
    delta_softplus: bool = True,
    dtype: torch.dtype = torch.float64,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Shapes as in :func:`glsmamba.scan.selective.selective_scan`; returns y (B,K,L,I) in raster order and state (B,K,I,N)."""
    u, delta, A, Bm, Cm = (t.to(dtype) for t in (u, delta, A, Bm, Cm))
    if delta_bias is not None:
        delta = delta + delta_bias.to(dtype)[None, :, None, :]
    if delta_softplus:
        delta = F.softplus(delta)
    paths = torch.arange(order.shape[0], device=order.device)
    state = u.new_zeros(u.shape[0], *A.shape)
    outputs = []
    for p in range(order.shape[1]):
        token = order[:, p]
        x, dt = u[:, token], delta[:, paths, token]  # (B, K, I)
        b, c = Bm[:, paths, token], Cm[:, paths, token]  # (B, K, N)
        state = torch.exp(dt[..., None] * A) * state + (dt * x)[..., None] * b[:, :, None, :]
        y = (state * c[:, :, None, :]).sum(-1)
        outputs.append(y if D is None else y + D.to(dtype) * x)
    stacked = torch.stack(outputs, 2)  # (B, K, position, I)
    inverse = torch.argsort(order, 1)
    return torch.gather(stacked, 2, inverse[None, :, :, None].expand_as(stacked)), state
