"""The selective scan on CUDA in Triton: forward and backward, all paths in each launch, no compiler at install time.

Triton comes with every CUDA build of PyTorch. The sequence of each path is cut into tiles of 16 tokens that run side by side,
in three launches: every tile from a zero state (``_tile_ends``); the tiles' end states chained (``_chain``); every tile again
from the state that enters it, which now writes the output (``_outputs``). The backward pass runs the first two from the other
end for the gradient of the state, then ``_gradients`` does all that remains, tile by tile. Tokens are read and written in place
through the table of orders; nothing is permuted in memory.

One program is one warp with a channel a thread, whose states stay in registers. The state is float32 whatever the inputs are.
Decays are only ever multiplied, and all exponents are at most 0, so nothing can become infinite or NaN. Sums over channels and
tiles go through partial results that PyTorch adds up: no atomics, the same result every time.

Letters: b batch, k paths, l tokens, i channels, n states.
"""
# mypy: disable-error-code="no-untyped-def,assignment,var-annotated"
# ruff: noqa: RUF005  (Triton adds tuples up, but does not unpack them)

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch.autograd.function import once_differentiable

TOKENS = 16
"""Tokens of a tile. The states kept for the backward pass take N / 16 of the memory of the step sizes."""
LANES = 32
GROUP = 4
"""States that a program works on at a time. They lie next to each other in memory: a warp then has a channel a thread."""
GROUP_BACKWARD = 2
"""The same in the backward pass, which has to keep each token's in registers."""
BURST = 16
"""Tiles whose end states are on their way from memory together while the tiles are chained."""
_LOG2E = tl.constexpr(1.4426950408889634)


@triton.jit
def _sigmoid(x):
    e = tl.exp2(-tl.abs(x) * _LOG2E)
    return tl.where(x >= 0, 1.0, e) / (1.0 + e)


@triton.jit
def _step(delta, at, bias, there, SOFTPLUS: tl.constexpr):
    """Step sizes of the lanes; 0 where there is nothing, which changes no state.

    log(1 + exp(x)) to full relative accuracy: e = exp(-|x|), log(1 + e) = 2 artanh(e / (2 + e)).
    """
    x = tl.load(delta + at, mask=there, other=0.0).to(tl.float32) + bias
    if SOFTPLUS:
        e = tl.exp2(-tl.abs(x) * _LOG2E)
        z = e / (2.0 + e)
        s = z * z
        series = 1 + s * (1 / 3 + s * (1 / 5 + s * (1 / 7 + s * (1 / 9 + s * (1 / 11 + s * (1 / 13))))))
        x = tl.maximum(x, 0.0) + 2.0 * z * series
    return tl.where(there, x, 0.0)


@triton.jit
def _tile_ends(
    u, delta, rate, bs, cs, bias, order, gy, ends, elapsed, paths, length, inner, tiles, states,
    STATES: tl.constexpr, TILE: tl.constexpr, WIDTH: tl.constexpr, GROUP: tl.constexpr, SOFTPLUS: tl.constexpr,
    REVERSE: tl.constexpr,
):  # fmt: skip
    """What each tile leaves behind from zero: ends (b,k,tiles,i,n) and the sum of its step sizes, elapsed (b,k,tiles,i).

    Forward that is its last state; with ``REVERSE`` the gradient of the state before its first token.
    """
    tile, bk = tl.program_id(0), tl.program_id(2).to(tl.int64)
    b, k = bk // paths, bk % paths
    lane = tl.program_id(1) * WIDTH + tl.arange(0, WIDTH)
    inside = lane < inner
    offset = tl.load(bias + k * inner + lane, mask=inside, other=0.0)

    rows, steps, drive = (), (), ()
    total = tl.zeros((WIDTH,), tl.float32)
    for t in tl.static_range(TILE):
        p = tile * TILE + t
        there = inside & (p < length)
        token = tl.load(order + k * length + p, mask=p < length, other=0)
        at = (bk * length + token) * inner + lane
        dt = _step(delta, at, offset, there, SOFTPLUS)
        if REVERSE:
            push = tl.load(gy + at, mask=there, other=0.0).to(tl.float32)
        else:
            push = dt * tl.load(u + (b * length + token) * inner + lane, mask=there, other=0.0).to(tl.float32)
        rows, steps, drive = rows + (bk * length + token,), steps + (dt,), drive + (push,)
        total += dt
    tl.store(elapsed + (bk * tiles + tile) * inner + lane, total, mask=inside)

    for first in range(0, states, GROUP):  # known at run time only: unrolled, it would not fit into the registers
        n = first + tl.arange(0, GROUP)
        real = n < STATES
        square = real[:, None] & inside[None, :]
        cells = lane[None, :] * STATES + n[:, None]
        decay = tl.load(rate + k * inner * STATES + cells, mask=square, other=0.0)
        state = tl.zeros((GROUP, WIDTH), tl.float32)
        for t in tl.static_range(TILE):
            if REVERSE:
                cn = tl.load(cs + rows[TILE - 1 - t] * STATES + n, mask=real, other=0.0).to(tl.float32)
                state += cn[:, None] * drive[TILE - 1 - t][None, :]
                state *= tl.exp2(steps[TILE - 1 - t][None, :] * decay)
            else:
                bn = tl.load(bs + rows[t] * STATES + n, mask=real, other=0.0).to(tl.float32)
                state = tl.exp2(steps[t][None, :] * decay) * state + bn[:, None] * drive[t][None, :]
        tl.store(ends + (bk * tiles + tile) * inner * STATES + cells, state, mask=square)


@triton.jit
def _chain(
    ends, elapsed, rate, last, paths, inner, tiles,
    STATES: tl.constexpr, WIDTH: tl.constexpr, BURST: tl.constexpr, REVERSE: tl.constexpr,
):  # fmt: skip
    """Turn what tiles leave behind into what enters them, in place; last (b,k,i,n) gets what leaves the last one."""
    bk = tl.program_id(1).to(tl.int64)
    cell = tl.program_id(0) * WIDTH + tl.arange(0, WIDTH)  # channel and state
    inside = cell < inner * STATES
    decay = tl.load(rate + (bk % paths) * inner * STATES + cell, mask=inside, other=0.0)
    state = tl.zeros((WIDTH,), tl.float32)
    for first in range(0, tiles, BURST):
        left, spent = (), ()
        for q in tl.static_range(BURST):  # all loads of a burst before its stores, so that they are under way together
            tile = bk * tiles + (tiles - 1 - first - q if REVERSE else first + q)
            there = inside & (first + q < tiles)
            left += (tl.load(ends + tile * inner * STATES + cell, mask=there, other=0.0),)
            spent += (tl.load(elapsed + tile * inner + cell // STATES, mask=there, other=0.0),)
        for q in tl.static_range(BURST):
            tile = bk * tiles + (tiles - 1 - first - q if REVERSE else first + q)
            tl.store(ends + tile * inner * STATES + cell, state, mask=inside & (first + q < tiles))
            state = tl.exp2(spent[q] * decay) * state + left[q]
    tl.store(last + bk * inner * STATES + cell, state, mask=inside)


@triton.jit
def _outputs(
    u, delta, rate, bs, cs, skip, bias, order, entering, y, paths, length, inner, tiles, states,
    STATES: tl.constexpr, TILE: tl.constexpr, WIDTH: tl.constexpr, GROUP: tl.constexpr, SOFTPLUS: tl.constexpr,
):  # fmt: skip
    """y (b,k,l,i) of each tile from the state that enters it."""
    tile, bk = tl.program_id(0), tl.program_id(2).to(tl.int64)
    b, k = bk // paths, bk % paths
    lane = tl.program_id(1) * WIDTH + tl.arange(0, WIDTH)
    inside = lane < inner
    offset = tl.load(bias + k * inner + lane, mask=inside, other=0.0)
    through = tl.load(skip + k * inner + lane, mask=inside, other=0.0)

    rows, steps, drive, outs = (), (), (), ()
    for t in tl.static_range(TILE):
        p = tile * TILE + t
        there = inside & (p < length)
        token = tl.load(order + k * length + p, mask=p < length, other=0)
        dt = _step(delta, (bk * length + token) * inner + lane, offset, there, SOFTPLUS)
        x = tl.load(u + (b * length + token) * inner + lane, mask=there, other=0.0).to(tl.float32)
        rows, steps, drive = rows + (bk * length + token,), steps + (dt,), drive + (dt * x,)
        outs += (through * x,)

    for first in range(0, states, GROUP):
        n = first + tl.arange(0, GROUP)
        real = n < STATES
        square = real[:, None] & inside[None, :]
        cells = lane[None, :] * STATES + n[:, None]
        decay = tl.load(rate + k * inner * STATES + cells, mask=square, other=0.0)
        state = tl.load(entering + (bk * tiles + tile) * inner * STATES + cells, mask=square, other=0.0)
        more = ()
        for t in tl.static_range(TILE):
            bn = tl.load(bs + rows[t] * STATES + n, mask=real, other=0.0).to(tl.float32)
            cn = tl.load(cs + rows[t] * STATES + n, mask=real, other=0.0).to(tl.float32)
            state = tl.exp2(steps[t][None, :] * decay) * state + bn[:, None] * drive[t][None, :]
            more += (outs[t] + tl.sum(cn[:, None] * state, 0),)
        outs = more

    for t in tl.static_range(TILE):
        tl.store(y + rows[t] * inner + lane, outs[t], mask=inside & (tile * TILE + t < length))


@triton.jit
def _gradients(
    u, delta, rate, bs, cs, skip, bias, order, gy, entering, leaving, gu, gdelta, gb, gc, gskip, gbias,
    paths, length, inner, tiles, states, partials,
    STATES: tl.constexpr, TILE: tl.constexpr, WIDTH: tl.constexpr, GROUP: tl.constexpr, SOFTPLUS: tl.constexpr,
):  # fmt: skip
    """All gradients of each tile.

    entering, leaving (b,k,tiles,i,n): the state before the tile and its gradient after the tile, already decayed; leaving is
    overwritten by the tile's share in the gradient of A. gu, gdelta (b,k,l,i); gb, gc (blocks,b,k,l,n) sums over a block of
    channels, ``partials`` apart; gskip, gbias (b,k,tiles,i).
    """
    tile, block, bk = tl.program_id(0), tl.program_id(1), tl.program_id(2).to(tl.int64)
    b, k = bk // paths, bk % paths
    lane = block * WIDTH + tl.arange(0, WIDTH)
    inside = lane < inner
    offset = tl.load(bias + k * inner + lane, mask=inside, other=0.0)
    through = tl.load(skip + k * inner + lane, mask=inside, other=0.0)
    gb += block * partials
    gc += block * partials

    rows, steps, inputs, grads, gx, gs = (), (), (), (), (), ()
    for t in tl.static_range(TILE):
        p = tile * TILE + t
        there = inside & (p < length)
        token = tl.load(order + k * length + p, mask=p < length, other=0)
        at = (bk * length + token) * inner + lane
        rows += (bk * length + token,)
        steps += (_step(delta, at, offset, there, SOFTPLUS),)
        inputs += (tl.load(u + (b * length + token) * inner + lane, mask=there, other=0.0).to(tl.float32),)
        grads += (tl.load(gy + at, mask=there, other=0.0).to(tl.float32),)
        gx += (tl.zeros((WIDTH,), tl.float32),)
        gs += (tl.zeros((WIDTH,), tl.float32),)

    for first in range(0, states, GROUP):
        n = first + tl.arange(0, GROUP)
        real = n < STATES
        square = real[:, None] & inside[None, :]
        cells = lane[None, :] * STATES + n[:, None]
        decay = tl.load(rate + k * inner * STATES + cells, mask=square, other=0.0)
        slot = (bk * tiles + tile) * inner * STATES + cells
        state = tl.load(entering + slot, mask=square, other=0.0)
        kept = ()  # what each token finds left of the past; a difference of states would cancel where the decay is strong
        for t in tl.static_range(TILE):
            bn = tl.load(bs + rows[t] * STATES + n, mask=real, other=0.0).to(tl.float32)
            left = tl.exp2(steps[t][None, :] * decay) * state
            kept += (left,)
            state = left + bn[:, None] * (steps[t] * inputs[t])[None, :]
        coming = tl.load(leaving + slot, mask=square, other=0.0)
        ga = tl.zeros((GROUP, WIDTH), tl.float32)
        new_gx, new_gs = (), ()
        for t in tl.static_range(TILE - 1, -1, -1):
            bn = tl.load(bs + rows[t] * STATES + n, mask=real, other=0.0).to(tl.float32)
            cn = tl.load(cs + rows[t] * STATES + n, mask=real, other=0.0).to(tl.float32)
            drive = steps[t] * inputs[t]
            g = coming + cn[:, None] * grads[t][None, :]
            now = kept[t] + bn[:, None] * drive[None, :]
            wanted = real & (tile * TILE + t < length)
            tl.store(gc + rows[t] * STATES + n, tl.sum(now * grads[t][None, :], 1), mask=wanted)
            tl.store(gb + rows[t] * STATES + n, tl.sum(g * drive[None, :], 1), mask=wanted)
            past = g * kept[t]
            new_gx = (gx[t] + tl.sum(g * bn[:, None], 0),) + new_gx
            new_gs = (gs[t] + tl.sum(past * decay, 0),) + new_gs
            ga += past * steps[t][None, :]
            coming = tl.exp2(steps[t][None, :] * decay) * g
        gx, gs = new_gx, new_gs
        tl.store(leaving + slot, ga, mask=square)

    skipped, biased = tl.zeros((WIDTH,), tl.float32), tl.zeros((WIDTH,), tl.float32)
    for t in tl.static_range(TILE):
        there = inside & (tile * TILE + t < length)
        at = rows[t] * inner + lane
        grad = gs[t] / _LOG2E + gx[t] * inputs[t]
        if SOFTPLUS:
            grad *= _sigmoid(tl.load(delta + at, mask=there, other=0.0).to(tl.float32) + offset)
        tl.store(gdelta + at, grad, mask=there)
        tl.store(gu + at, gx[t] * steps[t] + through * grads[t], mask=there)
        skipped += grads[t] * inputs[t]
        biased += tl.where(there, grad, 0.0)
    tl.store(gskip + (bk * tiles + tile) * inner + lane, skipped, mask=inside)
    tl.store(gbias + (bk * tiles + tile) * inner + lane, biased, mask=inside)


def _entering(
    u: torch.Tensor, delta: torch.Tensor, rate: torch.Tensor, bs: torch.Tensor, cs: torch.Tensor, bias: torch.Tensor,
    order: torch.Tensor, gy: torch.Tensor | None, softplus: bool,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """The state that enters each tile (b,k,tiles,i,n) and the last one (b,k,i,n).

    Given gy, the same of the state's gradient, from the other end.
    """
    (batch, paths, length, inner), states = delta.shape, bs.shape[3]
    tiles = triton.cdiv(length, TOKENS)
    ends, elapsed = rate.new_empty(batch, paths, tiles, inner, states), rate.new_empty(batch, paths, tiles, inner)
    last = rate.new_empty(batch, paths, inner, states)
    reverse = gy is not None
    _tile_ends[_grid(delta)](
        u, delta, rate, bs, cs, bias, order, u if gy is None else gy, ends, elapsed, paths, length, inner, tiles, states,
        **_constants(states, GROUP), SOFTPLUS=softplus, REVERSE=reverse,
    )  # fmt: skip
    _chain[(triton.cdiv(inner * states, LANES), batch * paths)](
        ends, elapsed, rate, last, paths, inner, tiles,
        STATES=states, WIDTH=LANES, BURST=BURST, REVERSE=reverse, num_warps=1,
    )  # fmt: skip
    return ends, last


def _grid(delta: torch.Tensor) -> tuple[int, int, int]:
    """Programs: one a tile, block of channels and path."""
    batch, paths, length, inner = delta.shape
    return triton.cdiv(length, TOKENS), triton.cdiv(inner, LANES), batch * paths


def _constants(states: int, group: int) -> dict[str, int]:
    """What all kernels but the chain are compiled for."""
    group = min(group, triton.next_power_of_2(states))
    return {"STATES": states, "TILE": TOKENS, "WIDTH": LANES, "GROUP": group, "num_warps": 1}


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
        u, delta, bs, cs, order = (t.contiguous() for t in (u, delta, bs, cs, order))
        (_, paths, length, inner), states = delta.shape, bs.shape[3]
        rate = (a * _LOG2E.value).contiguous()  # for powers of two
        zeros = a.new_zeros(paths, inner)
        skip_full = zeros if skip is None else skip.contiguous()
        bias_full = zeros if bias is None else bias.contiguous()
        entering, last = _entering(u, delta, rate, bs, cs, bias_full, order, None, softplus)
        y = torch.empty_like(delta, dtype=torch.float32)
        _outputs[_grid(delta)](
            u, delta, rate, bs, cs, skip_full, bias_full, order, entering, y, paths, length, inner, entering.shape[2], states,
            **_constants(states, GROUP), SOFTPLUS=softplus,
        )  # fmt: skip
        ctx.softplus, ctx.has = softplus, (skip is not None, bias is not None)
        ctx.save_for_backward(u, delta, rate, bs, cs, skip_full, bias_full, order, entering)
        ctx.mark_non_differentiable(last)
        return y, last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gy: torch.Tensor, _: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # type: ignore[override]
        u, delta, rate, bs, cs, skip, bias, order, entering = ctx.saved_tensors
        gy, grid = gy.contiguous(), _grid(delta)
        batch, paths, length, inner = delta.shape
        leaving, _before = _entering(u, delta, rate, bs, cs, bias, order, gy, ctx.softplus)
        tiles = leaving.shape[2]
        gu, gdelta = torch.empty_like(gy), torch.empty_like(gy)
        gb, gc = (rate.new_empty(grid[1], *bs.shape) for _ in range(2))
        gskip, gbias = (rate.new_empty(batch, paths, tiles, inner) for _ in range(2))
        _gradients[grid](
            u, delta, rate, bs, cs, skip, bias, order, gy, entering, leaving, gu, gdelta, gb, gc, gskip, gbias,
            paths, length, inner, tiles, bs.shape[3], bs.numel(),
            **_constants(bs.shape[3], GROUP_BACKWARD), SOFTPLUS=ctx.softplus,
        )  # fmt: skip
        has_skip, has_bias = ctx.has
        return (
            gu.sum(1).to(u.dtype),
            gdelta.to(delta.dtype),
            leaving.sum((0, 2)),
            gb.sum(0).to(bs.dtype),
            gc.sum(0).to(cs.dtype),
            gskip.sum((0, 2)) if has_skip else None,
            gbias.sum((0, 2)) if has_bias else None,
            None,
            None,
        )


def scan_triton(
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
    """Scan on CUDA; shapes as in :func:`glsmamba.scan.selective.selective_scan`. Returns (y, last state), both float32.

    u, delta, bs and cs may be float32, float16 or bfloat16; the rest is float32.
    """
    if 0 in delta.shape:
        raise ValueError(f"The Triton scan wants at least one token and channel, but delta is {tuple(delta.shape)}.")
    with torch.cuda.device_of(u):
        return _Scan.apply(u, delta, a, bs, cs, skip, bias, order, softplus)  # type: ignore[no-any-return,no-untyped-call]
