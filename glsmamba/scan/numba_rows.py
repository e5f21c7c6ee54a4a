"""One row of every path's hidden matrix on the CPU, reduced over the channels as it is made: kernel compiled by numba.

The adjoint of the scan for a single output: g starts as C of the query and runs back along the path, ``row_j = w_j <B_j, g>``,
``g <- exp(dt_j A) g``. Nothing but g is kept, and a run ends where g has died away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils

from glsmamba.scan.jit import kernel, run_tasks
from glsmamba.scan.simd import LANES, TOKENS, Row, flush_rows, move_rows, tile_function

SUMS = 3
"""Sums over the channels that a token gets: of the values, of their magnitudes, of their squares."""
_LOG2E = 1.4426950408889634


@tile_function
def query_rows(row: Row, builder: Any, arrays: Sequence[Any], integers: Sequence[Any]) -> None:
    """``m`` tokens of a path, last first: what each brings to the query, summed over the lanes; ``g`` moves on."""
    dt, bs, order, rate, g, out = arrays
    dt_offset, b_offset, order_offset, out_offset, inner, states, weigh, m = integers
    one, minus_one = ir.Constant(m.type, 1), ir.Constant(m.type, -1)
    weighed = builder.icmp_signed("!=", weigh, ir.Constant(weigh.type, 0))
    last = builder.add(m, minus_one)
    with cgutils.for_range_slice(builder, last, minus_one, minus_one, inc=False) as (p, _):
        token = row.scalar(order, builder.add(order_offset, p))
        step = row.load_at(dt, row.at(dt_offset, inner, token))
        slot = row.slot(row.const(0.0))
        at_b = row.at(b_offset, states, token)
        with cgutils.for_range(builder, states) as loop:
            n = loop.index
            value = row.load(g, n)
            builder.store(row.fma(row.splat(row.scalar(bs, builder.add(at_b, n))), value, builder.load(slot)), slot)
            row.store(builder.fmul(row.exp2(builder.fmul(step, row.load(rate, n))), value), g, n)
        entry = builder.fmul(builder.load(slot), builder.select(weighed, step, row.const(1.0)))
        size = builder.select(builder.fcmp_ordered("<", entry, row.const(0.0)), builder.fneg(entry), entry)
        at = row.at(out_offset, ir.Constant(m.type, SUMS), token)
        row.set_scalar(row.total(entry), out, at)
        row.set_scalar(row.total(size), out, builder.add(at, one))
        row.set_scalar(row.total(builder.fmul(entry, entry)), out, builder.add(at, builder.add(one, one)))


@kernel
def _rows(dt, rate, bs, cs, order, places, weigh, channels, out, first_task, end_task):  # type: ignore[no-untyped-def]
    """Tasks are (path, channel tile).

    dt (K,L,I), rate (K,N,I), bs and cs (K,L,N), order (K,L), places (K), out (tiles,K,L,3) zero at the start.
    """
    paths, length, inner = dt.shape
    states = bs.shape[2]
    lane_tiles = inner // LANES
    rate_tile = np.empty((states, LANES), np.float32)
    g = np.empty((states, LANES), np.float32)
    for task in range(first_task, end_task):
        path = task // lane_tiles
        c0 = task % lane_tiles * LANES
        move_rows((rate, rate_tile), (path * states * inner + c0, inner, 0, LANES, states))
        end = places[path] + 1
        query = order[path, end - 1]
        for n in range(states):
            for lane in range(LANES):
                g[n, lane] = cs[path, query, n] if c0 + lane < channels else 0.0
        at_out = (task % lane_tiles * paths + path) * length * SUMS
        while end > 0:
            start = max(end - TOKENS, 0)
            at_dt, at_b, at_order = path * length * inner + c0, path * length * states, path * length + start
            query_rows(
                (dt, bs, order, rate_tile, g, out),
                (at_dt, at_b, at_order, at_out, inner, states, weigh, end - start),
            )
            flush_rows((g,), (states,))
            end = start
            alive = False
            for n in range(states):
                for lane in range(LANES):
                    alive = alive or g[n, lane] != 0.0
            if not alive:
                break


def rows_cpu(
    dt: np.ndarray, a: np.ndarray, bs: np.ndarray, cs: np.ndarray, order: np.ndarray, places: np.ndarray, weigh: bool
) -> np.ndarray:
    """Sums over the channels of one row a path.

    Args:
        dt: (K, L, I) float32 step sizes by raster token.
        a: (K, I, N) decay rates; zeros leave the decay out.
        bs, cs: (K, L, N) by raster token.
        order: (K, L) int64.
        places: (K,) int64, the query's position in each path.
        weigh: multiply each entry by its step size.

    Returns:
        (K, L, 3) float32 by raster token: sum of the entries over the channels, of their magnitudes, of their squares.
    """
    paths, length, channels = dt.shape
    if missing := -channels % LANES:
        dt, a = np.pad(dt, ((0, 0), (0, 0), (0, missing))), np.pad(a, ((0, 0), (0, missing), (0, 0)))
    rate = np.ascontiguousarray(a.transpose(0, 2, 1)) * np.float32(_LOG2E)
    tiles = dt.shape[2] // LANES
    out = np.zeros((tiles, paths, length, SUMS), np.float32)
    arrays = [np.ascontiguousarray(t) for t in (dt, rate, bs, cs, order, places)]
    run_tasks(lambda i, j: _rows(*arrays, int(weigh), channels, out, i, j), paths * tiles)
    return out.sum(0) if tiles > 1 else out[0]
