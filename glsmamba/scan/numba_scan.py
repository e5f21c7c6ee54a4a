"""The selective scan on CPU: forward and backward kernels compiled by numba.

The sequence is cut into tiles of 64 tokens. Each tile's rows are gathered through the path's order into local buffers (read
in place, strides of a power of two would evict each other from the cache), worked on, and written back in raster order. The
forward pass keeps the state at the start of every tile; the backward pass recomputes the states inside a tile from it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from glsmamba.scan.jit import kernel, run_tasks
from glsmamba.scan.simd import (
    LANES,
    TOKENS,
    backward_input_rows,
    backward_rows,
    finish_input_rows,
    finish_rows,
    flush_rows,
    forward_rows,
    load_rows,
    load_rows_backward,
    move_rows,
    recompute_rows,
    store_rows,
)

_LOG2E = 1.4426950408889634


@kernel
def _forward(u, delta, rate, bs, cs, skip, bias, order, softplus, y, kept, keep, last, first_task, end_task):  # type: ignore[no-untyped-def]
    """Tasks are (batch, path, channel tile).

    rate (K,N,I) = A log2(e), skip and bias (K,I), kept (B,K,tiles,N,I) written if ``keep``, last (B,K,N,I).
    """
    _, paths, length, inner = delta.shape
    states = bs.shape[3]
    lane_tiles = inner // LANES
    tiles = (length + TOKENS - 1) // TOKENS
    dt = np.empty((TOKENS, LANES), np.float32)
    dtu = np.empty((TOKENS, LANES), np.float32)
    out = np.empty((TOKENS, LANES), np.float32)
    rate_tile = np.empty((states, LANES), np.float32)
    state = np.empty((states, LANES), np.float32)
    for task in range(first_task, end_task):
        batch = task // (paths * lane_tiles)
        path = task // lane_tiles % paths
        c0 = task % lane_tiles * LANES
        at_path = path * inner + c0
        at_delta = (batch * paths + path) * length * inner + c0
        at_u = batch * length * inner + c0
        at_b = (batch * paths + path) * length * states
        at_last = (batch * paths + path) * states * inner + c0
        move_rows((rate, rate_tile), (path * states * inner + c0, inner, 0, LANES, states))
        state[:] = 0
        for tile in range(tiles):
            p0 = tile * TOKENS
            m = min(TOKENS, length - p0)
            at_order = path * length + p0
            flush_rows((state,), (states,))
            if keep:
                at_kept = ((batch * paths + path) * tiles + tile) * states * inner + c0
                move_rows((state, kept), (0, LANES, at_kept, inner, states))
            load_rows((delta, u, order, bias, skip, dt, dtu, out), (at_delta, at_u, at_order, at_path, inner, softplus, m))
            for n in range(states):
                forward_rows((dt, dtu, out, bs, cs, order, rate_tile, state), (at_b, at_order, states, n, m))
            store_rows((out, order, y), (at_delta, at_order, inner, m))
        move_rows((state, last), (0, LANES, at_last, inner, states))


@kernel
def _backward(  # type: ignore[no-untyped-def]
    u, delta, rate, bs, cs, skip, bias, order, softplus, kept, gy,
    gu, gdelta, gb, gc, ga, gskip, gbias, path_groups, lane_groups, input_only, first_task, end_task,
):  # fmt: skip
    """Tasks are (batch, group of paths, group of channel tiles).

    Sums over paths (gu) and over channels (gb, gc) are collected per group, so that no two threads write to the same place:
    gu (path groups,B,L,I), gb and gc (lane groups,B,K,L,N), gskip and gbias (B,K,I), all zero at the start; ga (B,K,N,I).
    ``input_only``: only gu is wanted.
    """
    n_batch, paths, length, inner = delta.shape
    states = bs.shape[3]
    lane_tiles = inner // LANES
    tiles = (length + TOKENS - 1) // TOKENS
    dt = np.empty((TOKENS, LANES), np.float32)
    dtu = np.empty((TOKENS, LANES), np.float32)
    slope = np.empty((TOKENS, LANES), np.float32)
    out = np.empty((TOKENS, LANES), np.float32)
    decays = np.empty((TOKENS, LANES), np.float32)
    parts = np.empty((TOKENS, LANES), np.float32)
    gx = np.empty((TOKENS, LANES), np.float32)
    gs = np.empty((TOKENS, LANES), np.float32)
    rate_tile = np.empty((states, LANES), np.float32)
    carry = np.empty((states, LANES), np.float32)
    ga_tile = np.empty((states, LANES), np.float32)
    for task in range(first_task, end_task):
        lane_group = task % lane_groups
        path_group = task // lane_groups % path_groups
        batch = task // (lane_groups * path_groups)
        at_u = batch * length * inner
        at_gu = (path_group * n_batch + batch) * length * inner
        for path in range(paths * path_group // path_groups, paths * (path_group + 1) // path_groups):
            at_b = (batch * paths + path) * length * states
            at_gb = ((lane_group * n_batch + batch) * paths + path) * length * states
            at_delta = (batch * paths + path) * length * inner
            for c in range(lane_tiles * lane_group // lane_groups, lane_tiles * (lane_group + 1) // lane_groups):
                c0 = c * LANES
                at_path = path * inner + c0
                at_sum = (batch * paths + path) * inner + c0
                move_rows((rate, rate_tile), (path * states * inner + c0, inner, 0, LANES, states))
                carry[:] = 0
                ga_tile[:] = 0
                for tile in range(tiles - 1, -1, -1):
                    p0 = tile * TOKENS
                    m = min(TOKENS, length - p0)
                    at_order = path * length + p0
                    flush_rows((carry,), (states,))
                    load_rows_backward(
                        (delta, u, gy, order, bias, dt, dtu, slope, out, gx, gs),
                        (at_delta + c0, at_u + c0, at_order, at_path, inner, softplus, m),
                    )
                    if input_only:
                        for n in range(states):
                            backward_input_rows((dt, out, gx, bs, cs, order, rate_tile, carry), (at_b, at_order, states, n, m))
                    else:
                        at_kept = ((batch * paths + path) * tiles + tile) * states * inner + c0
                        for n in range(states):
                            recompute_rows(
                                (dt, dtu, decays, parts, bs, order, rate_tile, kept),
                                (at_b, at_order, at_kept, inner, states, n, m),
                            )
                            backward_rows(
                                (dt, dtu, out, decays, parts, gx, gs, bs, cs, order, gb, gc, rate_tile, carry, ga_tile),
                                (at_b, at_gb, at_order, states, n, m),
                            )
                        finish_rows(
                            (gx, gs, out, slope, u, order, gdelta, gskip, gbias),
                            (at_delta + c0, at_u + c0, at_order, at_sum, inner, m),
                        )
                    finish_input_rows((gx, dt, out, order, skip, gu), (at_gu + c0, at_order, at_path, inner, m))
                if not input_only:
                    move_rows((ga_tile, ga), (0, LANES, (batch * paths + path) * states * inner + c0, inner, states))


def _groups(batch: int, paths: int, lane_tiles: int, threads: int) -> tuple[int, int]:
    """Path and lane groups of the backward pass: enough tasks for the threads, as few partial sums as possible."""
    wanted = 1 if threads == 1 else 2 * threads
    path_groups = next((g for g in range(1, paths + 1) if paths % g == 0 and batch * g >= wanted), paths)
    lane_groups = min(lane_tiles, max(1, -(-wanted // (batch * path_groups)))) if threads > 1 else 1
    return path_groups, lane_groups


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
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
        batch, paths, length, inner = delta.shape
        states = bs.shape[3]
        u, delta, bs, cs, order = (t.contiguous() for t in (u, delta, bs, cs, order))
        rate = (a.transpose(1, 2) * _LOG2E).contiguous()
        zeros = a.new_zeros(paths, inner)
        skip_full = zeros if skip is None else skip.contiguous()
        bias_full = zeros if bias is None else bias.contiguous()
        needs = ctx.needs_input_grad
        keep = any(needs[1:7])
        tiles = -(-length // TOKENS)
        kept = u.new_empty((batch, paths, tiles, states, inner) if keep else (1, 1, 1, 1, 1))
        y, last = torch.empty_like(delta), u.new_empty(batch, paths, states, inner)
        arrays = [t.detach().numpy() for t in (u, delta, rate, bs, cs, skip_full, bias_full, order)]
        outputs = [t.numpy() for t in (y, kept)]
        n_tasks = batch * paths * (inner // LANES)
        last_array = last.numpy()
        run_tasks(lambda i, j: _forward(*arrays, int(softplus), *outputs, keep, last_array, i, j), n_tasks)
        ctx.softplus, ctx.has = int(softplus), (skip is not None, bias is not None)
        ctx.save_for_backward(u, delta, rate, bs, cs, skip_full, bias_full, order, kept)
        last = last.transpose(2, 3)
        ctx.mark_non_differentiable(last)
        return y, last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gy: torch.Tensor, _: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # type: ignore[override]
        u, delta, rate, bs, cs, skip, bias, order, kept = ctx.saved_tensors
        batch, paths, length, inner = delta.shape
        states = bs.shape[3]
        input_only = not any(ctx.needs_input_grad[1:7])
        lane_tiles = inner // LANES
        path_groups, lane_groups = _groups(batch, paths, lane_tiles, torch.get_num_threads())
        gu = u.new_zeros(path_groups, batch, length, inner)
        if input_only:
            gdelta, gb, gc, ga, gskip, gbias = (u.new_empty((1,) * d) for d in (4, 5, 5, 4, 3, 3))
        else:
            gdelta = torch.empty_like(delta)
            gb, gc = (u.new_zeros(lane_groups, batch, paths, length, states) for _ in range(2))
            ga, gskip, gbias = u.new_empty(batch, paths, states, inner), *(u.new_zeros(batch, paths, inner) for _ in range(2))
        inputs = [t.detach().numpy() for t in (u, delta, rate, bs, cs, skip, bias, order)]
        kept_array, gy_array = kept.numpy(), gy.contiguous().numpy()
        outputs = [t.numpy() for t in (gu, gdelta, gb, gc, ga, gskip, gbias)]

        def work(i: int, j: int) -> None:
            groups = (path_groups, lane_groups, input_only, i, j)
            _backward(*inputs, ctx.softplus, kept_array, gy_array, *outputs, *groups)

        run_tasks(work, batch * path_groups * lane_groups)
        gu = gu[0] if path_groups == 1 else gu.sum(0)
        if input_only:
            return gu, None, None, None, None, None, None, None, None
        gb, gc = (g[0] if lane_groups == 1 else g.sum(0) for g in (gb, gc))
        has_skip, has_bias = ctx.has
        gskip, gbias = gskip.sum(0) if has_skip else None, gbias.sum(0) if has_bias else None
        return gu, gdelta, ga.sum(0).transpose(1, 2), gb, gc, gskip, gbias, None, None


def scan_cpu(
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
    """Scan float32 CPU tensors; shapes as in :func:`glsmamba.scan.selective.selective_scan`. Returns (y, last state)."""
    inner = u.shape[-1]
    if missing := -inner % LANES:  # the kernels work on whole rows of LANES channels; channels are independent
        u, delta = F.pad(u, (0, missing)), F.pad(delta, (0, missing))
        a = F.pad(a, (0, 0, 0, missing))
        skip, bias = (None if t is None else F.pad(t, (0, missing)) for t in (skip, bias))
    y, last = _Scan.apply(u, delta, a, bs, cs, skip, bias, order, softplus)
    return (y[..., :inner], last[:, :, :inner]) if missing else (y, last)
