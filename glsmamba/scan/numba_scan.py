"""The selective scan on CPU: forward and backward kernels compiled by numba.

The sequence is cut into tiles of 64 tokens. Each tile's rows are gathered through the path's order into local buffers (read
in place, strides of a power of two would evict each other from the cache), worked on, and written back in raster order. The
forward pass keeps the state at the start of every tile; the backward pass recomputes the states inside a tile from it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from glsmamba.scan.jit import kernel, run_tasks
from glsmamba.scan.simd import (
    BLOCK,
    LANES,
    LIMIT,
    RATE,
    STATE,
    TOKENS,
    aligned,
    backward_input_rows,
    backward_rows,
    finish_input_rows,
    finish_rows,
    flush_rows,
    forward_rows,
    gather_rows,
    load_rows,
    load_rows_backward,
    move_rows,
    recompute_rows,
    store_rows,
)

_LOG2E = 1.4426950408889634


@kernel
def _forward(  # type: ignore[no-untyped-def]
    sizes, u, delta, small, weight, rate, skip, bias, order, streams, kept, last, first_task, end_task
):  # fmt: skip
    """Tasks are (batch, stream, channel tile). Path k goes into stream k mod S: its first path writes, others add.

    ``sizes``: B, K, S, L, I, N, R, the switches softplus, growing (some decay may be above 1) and keep, and the blocks of
    channels in a tile. delta (B,K,L,I) if R is 0, else weight (K,R,I). A row of ``small`` (B,K,L,R+2N) is the low step size, B
    and C. rate (K,N,I) = A log2(e), skip and bias (K,I), ``streams`` (B,S) addresses of (L,I) each, kept (B,K,tiles,N,I)
    written if ``keep``, last (B,K,N,I).
    """
    _, paths, n_streams, length, inner, states, rank, softplus, growing, keep, blocks = sizes
    width = blocks * BLOCK
    lane_tiles = inner // width
    tiles = (length + TOKENS - 1) // TOKENS
    rows = aligned(blocks * TOKENS * 3 * BLOCK)
    state = aligned(blocks * states * 3 * BLOCK).reshape((blocks, states, 3, BLOCK))
    columns = rank + 2 * states
    small_tile = aligned(TOKENS * columns)
    for task in range(first_task, end_task):
        batch = task // (n_streams * lane_tiles)
        stream = task // lane_tiles % n_streams
        c0 = task % lane_tiles * width
        at_u = batch * length * inner + c0
        for path in range(stream, paths, n_streams):
            at_path = path * inner + c0
            at_delta = (batch * paths + path) * length * inner + c0
            at_small = (batch * paths + path) * length * columns
            for part in range(blocks):
                for n in range(states):
                    for lane in range(BLOCK):
                        a2 = rate[path, n, c0 + part * BLOCK + lane]
                        state[part, n, RATE, lane] = a2
                        state[part, n, LIMIT, lane] = np.float32(125) / max(-a2, np.float32(1e-30))
                        state[part, n, STATE, lane] = 0
            for tile in range(tiles):
                p0 = tile * TOKENS
                m = min(TOKENS, length - p0)
                at_order = path * length + p0
                if keep:
                    for part in range(blocks):
                        for n in range(states):
                            for lane in range(BLOCK):
                                kept[batch, path, tile, n, c0 + part * BLOCK + lane] = state[part, n, STATE, lane]
                gather_rows((small, order, small_tile), (at_small, at_order, columns, m))
                load_rows(
                    (delta, small_tile, weight, u, order, bias, skip, rows),
                    (at_delta, path * rank * inner + c0, at_u, at_order, at_path, inner, rank, columns, softplus, blocks, m),
                )
                forward_rows((rows, small_tile, state), (states, columns, growing, blocks, m))
                where = (batch * n_streams + stream, c0, at_order, inner, int(path >= n_streams), blocks, m)
                store_rows((rows, order, streams), where)
            for part in range(blocks):
                for n in range(states):
                    for lane in range(BLOCK):
                        last[batch, path, n, c0 + part * BLOCK + lane] = state[part, n, STATE, lane]


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


def _blocks(all_blocks: int, streams: int, threads: int) -> int:
    """Blocks in a channel tile of the forward pass: many, so that B and C are gathered seldom, but an equal share a thread."""
    fitting = [n for n in range(1, min(all_blocks, 8) + 1) if all_blocks % n == 0]
    balanced = [n for n in fitting if (tasks := streams * (all_blocks // n)) % threads == 0 and tasks >= 2 * threads]
    return max(balanced, default=1)


def _side_by_side(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """(B,K,L,.) of all parts, contiguous: rows are looked for path by path, several times.

    The model's parts are columns of one tensor, in this order: then that is copied, which takes a fraction of ``torch.cat``.
    """
    first = parts[0]
    follow = all(
        b.stride() == a.stride() and b.data_ptr() == a.data_ptr() + a.shape[-1] * a.element_size()
        for a, b in itertools.pairwise(parts)
    )
    one = len({t.untyped_storage().data_ptr() for t in parts}) == 1
    if not (follow and one and first.stride(-1) == 1):
        return torch.cat(tuple(parts), -1)
    return first.as_strided((*first.shape[:-1], sum(t.shape[-1] for t in parts)), first.stride()).contiguous()


def _run_forward(
    u: torch.Tensor,
    delta: torch.Tensor | None,
    small: Sequence[torch.Tensor],
    weight: torch.Tensor,
    rate: torch.Tensor,
    skip: torch.Tensor,
    bias: torch.Tensor,
    order: torch.Tensor,
    softplus: bool,
    streams: Sequence[torch.Tensor],
    kept: torch.Tensor | None,
    last: torch.Tensor,
) -> None:
    """Shapes as in :func:`_forward`, ``streams`` (L,I) of each sample and stream; all but parts of ``small`` are contiguous.

    Those are low (B,K,L,R) if there is no ``delta``, bs and cs (B,K,L,N).
    """
    rows = _side_by_side(small)
    batch, paths, length, width = rows.shape
    inner, states = u.shape[-1], rate.shape[1]
    growing = not softplus or bool((rate > 0).any())
    blocks = _blocks(inner // BLOCK, len(streams), torch.get_num_threads())
    switches = int(softplus), int(growing), int(kept is not None)
    sizes = (batch, paths, len(streams) // max(batch, 1), length, inner, states, width - 2 * states, *switches, blocks)
    nothing = u.new_empty(1, 1, 1, 1, 1)
    tensors = (u, nothing[0] if delta is None else delta, rows, weight, rate, skip, bias, order)
    arrays = [t.detach().numpy() for t in tensors]
    addresses = np.array([t.data_ptr() for t in streams])
    kept_array, last_array = (nothing if kept is None else kept).numpy(), last.numpy()
    n_tasks = len(streams) * (inner // BLOCK // blocks)
    run_tasks(lambda i, j: _forward(sizes, *arrays, addresses, kept_array, last_array, i, j), n_tasks)


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
        keep: bool,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        batch, paths, length, inner = delta.shape
        states = bs.shape[3]
        u, delta, order = (t.contiguous() for t in (u, delta, order))
        rate = (a.transpose(1, 2) * _LOG2E).contiguous()
        zeros = a.new_zeros(paths, inner)
        skip_full = zeros if skip is None else skip.contiguous()
        bias_full = zeros if bias is None else bias.contiguous()
        tiles = -(-length // TOKENS)
        kept = u.new_empty(batch, paths, tiles, states, inner) if keep else None
        y, last = torch.empty_like(delta), u.new_empty(batch, paths, states, inner)
        none = u.new_empty(1, 1, 1)
        _run_forward(
            u, delta, (bs, cs), none, rate, skip_full, bias_full, order, softplus, y.flatten(0, 1).unbind(0), kept, last
        )
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
        input_only = kept is None
        lane_tiles = inner // LANES
        path_groups, lane_groups = _groups(batch, paths, lane_tiles, torch.get_num_threads())
        gu = u.new_zeros(path_groups, batch, length, inner)
        if input_only:
            gdelta, gb, gc, ga, gskip, gbias = (u.new_empty((1,) * d) for d in (4, 5, 5, 4, 3, 3))
        else:
            gdelta = torch.empty_like(delta)
            gb, gc = (u.new_zeros(lane_groups, batch, paths, length, states) for _ in range(2))
            ga, gskip, gbias = u.new_empty(batch, paths, states, inner), *(u.new_zeros(batch, paths, inner) for _ in range(2))
        bs, cs = bs.contiguous(), cs.contiguous()
        inputs = [t.detach().numpy() for t in (u, delta, rate, bs, cs, skip, bias, order)]
        kept = u.new_empty(1, 1, 1, 1, 1) if kept is None else kept
        kept_array, gy_array = kept.numpy(), gy.contiguous().numpy()
        outputs = [t.numpy() for t in (gu, gdelta, gb, gc, ga, gskip, gbias)]

        def work(i: int, j: int) -> None:
            groups = (path_groups, lane_groups, input_only, i, j)
            _backward(*inputs, ctx.softplus, kept_array, gy_array, *outputs, *groups)

        run_tasks(work, batch * path_groups * lane_groups)
        gu = gu[0] if path_groups == 1 else gu.sum(0)
        if input_only:
            return gu, *[None] * 9
        gb, gc = (g[0] if lane_groups == 1 else g.sum(0) for g in (gb, gc))
        has_skip, has_bias = ctx.has
        gskip, gbias = gskip.sum(0) if has_skip else None, gbias.sum(0) if has_bias else None
        return gu, gdelta, ga.sum(0).transpose(1, 2), gb, gc, gskip, gbias, None, None, None


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
    # The states at the tiles' starts serve all gradients but that of u; inside the function autograd no longer tells.
    keep = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (delta, a, bs, cs, skip, bias))
    y, last = _Scan.apply(u, delta, a, bs, cs, skip, bias, order, softplus, keep)
    return (y[..., :inner], last[:, :, :inner]) if missing else (y, last)


def scan_streams_cpu(
    u: torch.Tensor,
    low: torch.Tensor,
    weight: torch.Tensor,
    a: torch.Tensor,
    bs: torch.Tensor,
    cs: torch.Tensor,
    skip: torch.Tensor,
    bias: torch.Tensor,
    order: torch.Tensor,
    streams: int,
) -> list[torch.Tensor]:
    """The scan of float32 CPU tensors without gradients, in as little memory as it takes.

    Step sizes (with softplus) are made tile by tile from ``low`` (B,K,L,R) and ``weight`` (K,I,R); the outputs of path k are
    added to stream k mod ``streams``. low, bs, cs may be views; all else as in
    :func:`glsmamba.scan.selective.selective_scan`. Returns (B,L,I) of every stream.
    """
    channels = u.shape[-1]
    if missing := -channels % BLOCK:
        u, skip, bias = (F.pad(t, (0, missing)) for t in (u, skip, bias))
        weight, a = (F.pad(t, (0, 0, 0, missing)) for t in (weight, a))
    batch, _, inner = u.shape
    paths, states = a.shape[0], a.shape[2]
    rate = (a.transpose(1, 2) * _LOG2E).contiguous()
    # each a tensor of its own: the C library keeps the memory of those below 32 MB, and fresh pages cost as much as the writing
    outputs = [torch.empty(u.shape) for _ in range(streams)]
    _run_forward(
        u.contiguous(), None, (low, bs, cs), weight.transpose(1, 2).contiguous(), rate, skip.contiguous(), bias.contiguous(),
        order.contiguous(), True, [t[sample] for sample in range(batch) for t in outputs], None,
        u.new_empty(batch, paths, states, inner),
    )  # fmt: skip
    return [t[..., :channels] for t in outputs] if missing else outputs
