"""The selective scan in plain PyTorch: exact, differentiable, on every device, in float32 or float64. The fallback.

The recurrence is linear, so a segment of the sequence is cut into chunks that run side by side from a zero state; then the
chunks' end states are chained, and each token gets what the state that entered its chunk still contributes. Decays are only
ever multiplied (never divided as in the log-space form, whose exponents overflow), so nothing can become infinite or NaN.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

_CHUNK = 64
_SEGMENT_CHUNKS = 32  # bounds the memory: a segment holds 2,048 tokens, whatever the length


def scan_torch(
    u: torch.Tensor,
    delta: torch.Tensor,
    A: torch.Tensor,
    Bm: torch.Tensor,
    Cm: torch.Tensor,
    D: torch.Tensor | None,
    delta_bias: torch.Tensor | None,
    order: torch.Tensor,
    softplus: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Shapes as in :func:`glsmamba.scan.selective.selective_scan`. Returns (y, last state) in u's dtype."""
    results = [
        _one_path(
            u, delta[:, k], A[k], Bm[:, k], Cm[:, k],
            None if D is None else D[k], None if delta_bias is None else delta_bias[k], order[k], softplus,
        )
        for k in range(delta.shape[1])
    ]  # fmt: skip
    return torch.stack([y for y, _ in results], 1), torch.stack([last for _, last in results], 1).detach()


def _one_path(
    u: torch.Tensor,
    delta: torch.Tensor,
    a: torch.Tensor,
    bs: torch.Tensor,
    cs: torch.Tensor,
    skip: torch.Tensor | None,
    bias: torch.Tensor | None,
    order: torch.Tensor,
    softplus: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """One path: u, delta (B,L,I), a (I,N), bs, cs (B,L,N); y (B,L,I) in raster order, state (B,I,N)."""
    length = u.shape[1]
    dt = delta if bias is None else delta + bias
    dt = F.softplus(dt) if softplus else dt
    x, dt, bs, cs = (t.index_select(1, order) for t in (u, dt, bs, cs))
    state = u.new_zeros(u.shape[0], *a.shape)
    parts = []
    graph = torch.is_grad_enabled() and any(t.requires_grad for t in (x, dt, a, bs, cs))
    for start in range(0, length, _CHUNK * _SEGMENT_CHUNKS):
        piece = slice(start, start + _CHUNK * _SEGMENT_CHUNKS)
        arguments = (x[:, piece], dt[:, piece], a, bs[:, piece], cs[:, piece], state)
        # recomputing a segment in the backward pass keeps one segment's states in memory instead of all
        y, state = checkpoint(_segment, *arguments, use_reentrant=False) if graph else _segment(*arguments)
        parts.append(y)
    y = torch.cat(parts, 1)
    y = y if skip is None else y + skip * x
    inverse = torch.empty_like(order).scatter_(0, order, torch.arange(length, device=order.device))
    return y.index_select(1, inverse), state


def _segment(
    x: torch.Tensor, dt: torch.Tensor, a: torch.Tensor, bs: torch.Tensor, cs: torch.Tensor, state: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """A stretch of the sequence from ``state`` (B,I,N): y (B,length,I) and the state after it."""
    length = x.shape[1]
    size = min(_CHUNK, length)
    missing = -length % size  # a step of size 0 changes nothing, so padding at the end is exact
    x, dt, bs, cs = (F.pad(t, (0, 0, 0, missing)).unflatten(1, (-1, size)) for t in (x, dt, bs, cs))  # (B, chunks, size, .)
    local = state.new_zeros(x.shape[0], x.shape[1], *a.shape)
    outputs = []
    for q in range(size):  # all chunks at once, each from a zero state
        step = dt[:, :, q]
        local = torch.exp(step[..., None] * a) * local + (step * x[:, :, q])[..., None] * bs[:, :, q, None, :]
        outputs.append(torch.einsum("bcin,bcn->bci", local, cs[:, :, q]))
    elapsed = dt.cumsum(2)  # (B, chunks, size, I)
    whole = torch.exp(elapsed[:, :, -1, :, None] * a)
    entering = []
    for c in range(x.shape[1]):  # chain the chunks
        entering.append(state)
        state = whole[:, c] * state + local[:, c]
    first = torch.stack(entering, 1)  # (B, chunks, I, N)
    for q in range(size):
        outputs[q] = outputs[q] + torch.einsum("bcin,bcn->bci", torch.exp(elapsed[:, :, q, :, None] * a) * first, cs[:, :, q])
    return torch.stack(outputs, 2).flatten(1, 2)[:, :length], state
