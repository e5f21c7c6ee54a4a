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

from glsmamba.scan.jit import kernel, run_tasks
from glsmamba.scan.simd import (
    LANES,
    TOKENS,
    backward_input_rows,
    backward_rows,
    finish_rows,
    forward_rows,
    prepare_rows,
    prepare_rows_linear,
    recompute_rows,
    skip_rows,
)

_LOG2E = 1.4426950408889634
_TINY = np.float32(1e-30)  # states below this are set to 0 between tiles: subnormal numbers are a hundred times slower


@kernel
def _forward(u, delta, rate, bs, cs, skip, bias, order, softplus, y, kept, keep, last, first_task, end_task):  # type: ignore[no-untyped-def]
    """Tasks are (batch, path, channel tile).

    rate (K,N,I) = A log2(e), skip and bias (K,I), kept (B,K,tiles,N,I) written if ``keep``, last (B,K,N,I).
    """
    _, n_paths, length, inner = delta.shape
    n_states = bs.shape[3]
    n_lane_tiles = (inner + LANES - 1) // LANES
    n_tiles = (length + TOKENS - 1) // TOKENS
    dt = np.zeros((TOKENS, LANES), np.float32)
    x = np.zeros((TOKENS, LANES), np.float32)
    dtu = np.zeros((TOKENS, LANES), np.float32)
    slope = np.zeros((TOKENS, LANES), np.float32)
    out = np.zeros((TOKENS, LANES), np.float32)
    b_tile = np.zeros((n_states, TOKENS), np.float32)
    c_tile = np.zeros((n_states, TOKENS), np.float32)
    rate_tile = np.zeros((n_states, LANES), np.float32)
    state = np.zeros((n_states, LANES), np.float32)
    skip_tile = np.zeros((1, LANES), np.float32)
    bias_tile = np.zeros((1, LANES), np.float32)
    for task in range(first_task, end_task):
        batch = task // (n_paths * n_lane_tiles)
        path = task // n_lane_tiles % n_paths
        c0 = task % n_lane_tiles * LANES
        width = min(LANES, inner - c0)
        if width < LANES:
            dt[:] = 0
            x[:] = 0
            rate_tile[:] = 0
        rate_tile[:, :width] = rate[path, :, c0 : c0 + width]
        skip_tile[0, :width] = skip[path, c0 : c0 + width]
        bias_tile[0, :width] = bias[path, c0 : c0 + width]
        state[:] = 0
        for tile in range(n_tiles):
            p0 = tile * TOKENS
            m = min(TOKENS, length - p0)
            for n in range(n_states):
                for i in range(width):
                    if abs(state[n, i]) < _TINY:
                        state[n, i] = 0
            if keep:
                kept[batch, path, tile, :, c0 : c0 + width] = state[:, :width]
            for q in range(m):
                token = order[path, p0 + q]
                dt[q, :width] = delta[batch, path, token, c0 : c0 + width]
                x[q, :width] = u[batch, token, c0 : c0 + width]
                for n in range(n_states):
                    b_tile[n, q] = bs[batch, path, token, n]
                    c_tile[n, q] = cs[batch, path, token, n]
            if softplus:
                prepare_rows((dt, x, dtu, slope, bias_tile), 0, m)
            else:
                prepare_rows_linear((dt, x, dtu, slope, bias_tile), 0, m)
            skip_rows((out, x, skip_tile), 0, m)
            for n in range(n_states):
                forward_rows((dt, dtu, out, b_tile, c_tile, rate_tile, state), n, m)
            for q in range(m):
                y[batch, path, order[path, p0 + q], c0 : c0 + width] = out[q, :width]
        last[batch, path, :, c0 : c0 + width] = state[:, :width]


@kernel
def _backward(  # type: ignore[no-untyped-def]
    u, delta, rate, bs, cs, skip, bias, order, softplus, kept, gy,
    gu, gdelta, gb, gc, ga, gskip, gbias, n_path_groups, n_lane_groups, input_only, first_task, end_task,
):  # fmt: skip
    """Tasks are (batch, group of paths, group of channel tiles).

    Sums over paths (gu) and over channels (gb, gc) are collected per group, so that no two threads write to the same place:
    gu (path groups,B,L,I), gb and gc (lane groups,B,K,L,N), all zero at the start; ga (B,K,N,I) without the factor ln 2 of
    ``rate``, gskip and gbias (B,K,I). ``input_only``: only gu is wanted.
    """
    _, n_paths, length, inner = delta.shape
    n_states = bs.shape[3]
    n_lane_tiles = (inner + LANES - 1) // LANES
    n_tiles = (length + TOKENS - 1) // TOKENS
    dt = np.zeros((TOKENS, LANES), np.float32)
    x = np.zeros((TOKENS, LANES), np.float32)
    dtu = np.zeros((TOKENS, LANES), np.float32)
    slope = np.zeros((TOKENS, LANES), np.float32)
    out = np.zeros((TOKENS, LANES), np.float32)
    decays = np.zeros((TOKENS, LANES), np.float32)
    parts = np.zeros((TOKENS, LANES), np.float32)
    gx = np.zeros((TOKENS, LANES), np.float32)
    gs = np.zeros((TOKENS, LANES), np.float32)
    b_tile = np.zeros((n_states, TOKENS), np.float32)
    c_tile = np.zeros((n_states, TOKENS), np.float32)
    gb_tile = np.zeros((n_states, TOKENS), np.float32)
    gc_tile = np.zeros((n_states, TOKENS), np.float32)
    rate_tile = np.zeros((n_states, LANES), np.float32)
    state = np.zeros((n_states, LANES), np.float32)
    carry = np.zeros((n_states, LANES), np.float32)
    ga_tile = np.zeros((n_states, LANES), np.float32)
    skip_tile = np.zeros((1, LANES), np.float32)
    bias_tile = np.zeros((1, LANES), np.float32)
    gskip_tile = np.zeros((1, LANES), np.float32)
    gbias_tile = np.zeros((1, LANES), np.float32)
    for task in range(first_task, end_task):
        lane_group = task % n_lane_groups
        path_group = task // n_lane_groups % n_path_groups
        batch = task // (n_lane_groups * n_path_groups)
        first_path, end_path = n_paths * path_group // n_path_groups, n_paths * (path_group + 1) // n_path_groups
        first_lane_tile = n_lane_tiles * lane_group // n_lane_groups
        end_lane_tile = n_lane_tiles * (lane_group + 1) // n_lane_groups
        for path in range(first_path, end_path):
            for lane_tile in range(first_lane_tile, end_lane_tile):
                c0 = lane_tile * LANES
                width = min(LANES, inner - c0)
                if width < LANES:
                    dt[:] = 0
                    x[:] = 0
                    out[:] = 0
                    rate_tile[:] = 0
                    state[:] = 0
                rate_tile[:, :width] = rate[path, :, c0 : c0 + width]
                skip_tile[0, :width] = skip[path, c0 : c0 + width]
                bias_tile[0, :width] = bias[path, c0 : c0 + width]
                carry[:] = 0
                ga_tile[:] = 0
                gskip_tile[:] = 0
                gbias_tile[:] = 0
                for tile in range(n_tiles - 1, -1, -1):
                    p0 = tile * TOKENS
                    m = min(TOKENS, length - p0)
                    for n in range(n_states):
                        for i in range(width):
                            if abs(carry[n, i]) < _TINY:
                                carry[n, i] = 0
                    for q in range(m):
                        token = order[path, p0 + q]
                        dt[q, :width] = delta[batch, path, token, c0 : c0 + width]
                        x[q, :width] = u[batch, token, c0 : c0 + width]
                        out[q, :width] = gy[batch, path, token, c0 : c0 + width]
                        for n in range(n_states):
                            b_tile[n, q] = bs[batch, path, token, n]
                            c_tile[n, q] = cs[batch, path, token, n]
                    if softplus:
                        prepare_rows((dt, x, dtu, slope, bias_tile), 0, m)
                    else:
                        prepare_rows_linear((dt, x, dtu, slope, bias_tile), 0, m)
                    gx[:] = 0
                    gs[:] = 0
                    if input_only:
                        for n in range(n_states):
                            backward_input_rows((dt, out, gx, b_tile, c_tile, rate_tile, carry), n, m)
                    else:
                        state[:, :width] = kept[batch, path, tile, :, c0 : c0 + width]
                        gb_tile[:] = 0
                        gc_tile[:] = 0
                        for n in range(n_states):
                            recompute_rows((dt, dtu, decays, parts, b_tile, rate_tile, state), n, m)
                            sums = (gx, gs, b_tile, c_tile, gb_tile, gc_tile, rate_tile, carry, ga_tile)
                            backward_rows((dt, dtu, out, decays, parts, *sums), n, m)
                    finish_rows((gx, gs, dt, x, out, slope, skip_tile, gskip_tile, gbias_tile), 0, m)
                    for q in range(m):
                        token = order[path, p0 + q]
                        for i in range(width):
                            gu[path_group, batch, token, c0 + i] += gx[q, i]
                    if not input_only:
                        for q in range(m):
                            token = order[path, p0 + q]
                            gdelta[batch, path, token, c0 : c0 + width] = gs[q, :width]
                            for n in range(n_states):
                                gb[lane_group, batch, path, token, n] += gb_tile[n, q]
                                gc[lane_group, batch, path, token, n] += gc_tile[n, q]
                if not input_only:
                    ga[batch, path, :, c0 : c0 + width] = ga_tile[:, :width]
                    gskip[batch, path, c0 : c0 + width] = gskip_tile[0, :width]
                    gbias[batch, path, c0 : c0 + width] = gbias_tile[0, :width]


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
        n_tasks = batch * paths * -(-inner // LANES)
        last_array = last.numpy()
        run_tasks(lambda i, j: _forward(*arrays, softplus, *outputs, keep, last_array, i, j), n_tasks)
        ctx.softplus, ctx.has = softplus, (skip is not None, bias is not None)
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
        lane_tiles = -(-inner // LANES)
        path_groups, lane_groups = _groups(batch, paths, lane_tiles, torch.get_num_threads())
        gu = u.new_zeros(path_groups, batch, length, inner)
        if input_only:
            gdelta, gb, gc, ga, gskip, gbias = (u.new_empty((1,) * d) for d in (4, 5, 5, 4, 3, 3))
        else:
            gdelta = torch.empty_like(delta)
            gb, gc = (u.new_zeros(lane_groups, batch, paths, length, states) for _ in range(2))
            ga, gskip, gbias = u.new_empty(batch, paths, states, inner), *(u.new_empty(batch, paths, inner) for _ in range(2))
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
    return _Scan.apply(u, delta, a, bs, cs, skip, bias, order, softplus)
