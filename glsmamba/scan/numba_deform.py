"""The deformable depthwise convolution on CPU: forward and backward kernels compiled by numba.

Shapes and meaning as in :mod:`glsmamba.scan.deform`, which is the door to this.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from llvmlite import ir
from numba import njit
from numba.core import cgutils
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from glsmamba.scan.jit import kernel, run_tasks
from glsmamba.scan.simd import Row, tile_function

TAPS = 9
LANES = 16
"""Channels handled together here: narrow, so that little is left to add up across a row."""


@tile_function
def sample_pixel(_: Row, builder: Any, arrays: Sequence[Any], integers: Sequence[Any]) -> None:
    """One output pixel: the sum over taps and corners of ``factor * weight * x``, for all channels."""
    x, weight, corners, factors, out = arrays
    out_offset, inner = integers
    row = Row(builder, LANES)
    taps, four = ir.Constant(inner.type, TAPS), ir.Constant(inner.type, 4)
    with cgutils.for_range(builder, builder.sdiv(inner, ir.Constant(inner.type, LANES))) as lane:
        c0 = builder.mul(lane.index, ir.Constant(inner.type, LANES))
        slot = row.slot(row.const(0.0))
        with cgutils.for_range(builder, taps) as tap:
            sample = row.const(0.0)
            for corner in range(4):
                at = builder.add(builder.mul(tap.index, four), ir.Constant(inner.type, corner))
                value = row.load_at(x, builder.add(row.scalar(corners, at), c0))
                sample = row.fma(row.splat(row.scalar(factors, at)), value, sample)
            by = row.load_at(weight, row.at(c0, inner, tap.index))
            builder.store(row.fma(by, sample, builder.load(slot)), slot)
        row.store_at(builder.load(slot), out, builder.add(out_offset, c0))


@tile_function
def differentiate_pixel(_: Row, builder: Any, arrays: Sequence[Any], integers: Sequence[Any]) -> None:
    """One output pixel backward, channels c0 .. c1-1.

    Adds to the gradients of x and weight (taps,I); ``dots[tap, corner]`` becomes the sum over channels of
    grad * weight * x(corner), from which those of mask and offset follow.
    """
    x, weight, corners, factors, grad, gx, gweight, dots = arrays
    out_offset, gweight_offset, inner, first, end = integers
    row = Row(builder, LANES)
    step, four = ir.Constant(inner.type, LANES), ir.Constant(inner.type, 4)
    with cgutils.for_range(builder, ir.Constant(inner.type, TAPS)) as tap:
        places = [builder.add(builder.mul(tap.index, four), ir.Constant(inner.type, corner)) for corner in range(4)]
        starts = [row.scalar(corners, at) for at in places]
        by = [row.splat(row.scalar(factors, at)) for at in places]
        slots = [row.slot(row.const(0.0)) for _ in range(4)]
        with cgutils.for_range_slice(builder, first, end, step) as (c0, _count):
            out = row.load_at(grad, builder.add(out_offset, c0))
            at_weight = row.at(c0, inner, tap.index)
            through = builder.fmul(out, row.load_at(weight, at_weight))
            sample = row.const(0.0)
            for corner in range(4):
                at = builder.add(starts[corner], c0)
                value = row.load_at(x, at)
                sample = row.fma(by[corner], value, sample)
                builder.store(row.fma(through, value, builder.load(slots[corner])), slots[corner])
                # corners outside the picture point to a real pixel with factor 0
                row.store_at(row.fma(by[corner], through, row.load_at(gx, at)), gx, at)
            at_gweight = builder.add(gweight_offset, at_weight)
            row.store_at(row.fma(out, sample, row.load_at(gweight, at_gweight)), gweight, at_gweight)
        for corner in range(4):
            row.set_scalar(row.total(builder.load(slots[corner])), dots, places[corner])


@njit(nogil=True, error_model="numpy")
def _place(offset, mask, pixel, at_picture, y, x, height, width, inner, corners, shares, factors, inside, parts):  # type: ignore[no-untyped-def]
    """Where the taps of one pixel fall: arrays (9,4), one entry per corner, and ``parts`` (9,2), the fractions (y, x).

    ``corners`` element offsets, always of a real pixel; ``shares`` bilinear weights, 0 outside; ``factors`` the same times the
    mask; ``inside`` 1 or 0.
    """
    for tap in range(TAPS):
        py = y + (tap // 3 - 1) + offset[pixel, tap, 0]
        px = x + (tap % 3 - 1) + offset[pixel, tap, 1]
        if not (py > -1 and py < height and px > -1 and px < width):  # outside, or not a number
            for corner in range(4):
                corners[tap, corner] = at_picture
                shares[tap, corner] = 0
                factors[tap, corner] = 0
                inside[tap, corner] = 0
            parts[tap, 0] = parts[tap, 1] = 0
            continue
        y0, x0 = math.floor(py), math.floor(px)
        fy, fx = np.float32(py - y0), np.float32(px - x0)
        parts[tap, 0], parts[tap, 1] = fy, fx
        for corner in range(4):
            cy, cx = y0 + corner // 2, x0 + corner % 2
            share = (fy if corner >= 2 else 1 - fy) * (fx if corner % 2 == 1 else 1 - fx)
            valid = cy >= 0 and cy < height and cx >= 0 and cx < width
            if not valid:
                share = np.float32(0)
                cy, cx = min(max(cy, 0), height - 1), min(max(cx, 0), width - 1)
            corners[tap, corner] = at_picture + (cy * width + cx) * inner
            shares[tap, corner] = share
            factors[tap, corner] = share * mask[pixel, tap]
            inside[tap, corner] = 1 if valid else 0


@kernel
def _forward(x, offset, mask, weight, out, first_row, end_row):  # type: ignore[no-untyped-def]
    """Rows are (picture, y). x, out (N,H,W,I); offset (N*H*W,9,2), mask (N*H*W,9), weight (9,I)."""
    _, height, width, inner = x.shape
    corners = np.empty((TAPS, 4), np.int64)
    shares, factors, inside = np.empty((TAPS, 4), np.float32), np.empty((TAPS, 4), np.float32), np.empty((TAPS, 4), np.float32)
    parts = np.empty((TAPS, 2), np.float32)
    for line in range(first_row, end_row):
        at_picture = line // height * height * width * inner
        for column in range(width):
            pixel = line * width + column
            _place(
                offset, mask, pixel, at_picture, line % height, column, height, width, inner,
                corners, shares, factors, inside, parts,
            )  # fmt: skip
            sample_pixel((x, weight, corners, factors, out), (pixel * inner, inner))


@kernel
def _backward(x, offset, mask, weight, grad, gx, goffset, gmask, gweight, groups, first_task, end_task):  # type: ignore[no-untyped-def]
    """Tasks are (picture, group of channels), so no two write to the same place.

    goffset (groups,N*H*W,9,2), gmask (groups,N*H*W,9); gx (N,H,W,I) and gweight (N,9,I) are zero at the start.
    """
    _, height, width, inner = x.shape
    corners = np.empty((TAPS, 4), np.int64)
    shares, factors, inside = np.empty((TAPS, 4), np.float32), np.empty((TAPS, 4), np.float32), np.empty((TAPS, 4), np.float32)
    parts, dots = np.empty((TAPS, 2), np.float32), np.empty((TAPS, 4), np.float32)
    rows = inner // LANES
    for task in range(first_task, end_task):
        picture, group = task // groups, task % groups
        first, end = rows * group // groups * LANES, rows * (group + 1) // groups * LANES
        at_picture = picture * height * width * inner
        for y in range(height):
            for column in range(width):
                pixel = (picture * height + y) * width + column
                _place(
                    offset, mask, pixel, at_picture, y, column, height, width, inner,
                    corners, shares, factors, inside, parts,
                )  # fmt: skip
                differentiate_pixel(
                    (x, weight, corners, factors, grad, gx, gweight, dots),
                    (pixel * inner, picture * TAPS * inner, inner, first, end),
                )
                for tap in range(TAPS):
                    total = np.float32(0)
                    for corner in range(4):
                        dots[tap, corner] *= inside[tap, corner]
                        total += shares[tap, corner] * dots[tap, corner]
                    gmask[group, pixel, tap] = total
                    fy, fx, m = parts[tap, 0], parts[tap, 1], mask[pixel, tap]
                    down = (1 - fx) * (dots[tap, 2] - dots[tap, 0]) + fx * (dots[tap, 3] - dots[tap, 1])
                    right = (1 - fy) * (dots[tap, 1] - dots[tap, 0]) + fy * (dots[tap, 3] - dots[tap, 2])
                    goffset[group, pixel, tap, 0] = m * down
                    goffset[group, pixel, tap, 1] = m * right


class _Deform(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, x: torch.Tensor, offset: torch.Tensor, mask: torch.Tensor, weight: torch.Tensor
    ) -> torch.Tensor:
        n, h = x.shape[:2]
        x, offset, mask = x.contiguous(), offset.reshape(-1, TAPS, 2).contiguous(), mask.reshape(-1, TAPS).contiguous()
        taps = weight.t().contiguous()
        ctx.save_for_backward(x, offset, mask, taps)
        out = torch.empty_like(x)
        arrays = [t.detach().numpy() for t in (x, offset, mask, taps, out)]
        run_tasks(lambda i, j: _forward(*arrays, i, j), n * h)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # type: ignore[override]
        x, offset, mask, taps = ctx.saved_tensors
        n, h, w, inner = x.shape
        threads = torch.get_num_threads()
        groups = 1 if threads == 1 else min(inner // LANES, max(1, -(-2 * threads // n)))
        gx, gtaps = torch.zeros_like(x), taps.new_zeros(n, TAPS, inner)
        goffset, gmask = offset.new_empty(groups, *offset.shape), mask.new_empty(groups, *mask.shape)
        arrays = [t.detach().numpy() for t in (x, offset, mask, taps, grad.contiguous(), gx, goffset, gmask, gtaps)]
        run_tasks(lambda i, j: _backward(*arrays, groups, i, j), n * groups)
        return gx, goffset.sum(0).view(n, h, w, TAPS, 2), gmask.sum(0).view(n, h, w, TAPS), gtaps.sum(0).t()


def deform_cpu(x: torch.Tensor, offset: torch.Tensor, mask: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Convolve float32 CPU tensors; shapes as in :func:`glsmamba.scan.deform.deformable_depthwise`."""
    inner = x.shape[-1]
    if missing := -inner % LANES:  # the kernel works on whole rows; channels are independent
        x, weight = F.pad(x, (0, missing)), F.pad(weight, (0, 0, 0, missing))
    return _Deform.apply(x, offset, mask, weight)[..., :inner]  # type: ignore[no-any-return,no-untyped-call]
