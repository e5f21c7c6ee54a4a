"""The deformable depthwise convolution on CPU: forward and backward kernels compiled by numba.

Shapes and meaning as in :mod:`glsmamba.scan.deform`, which is the door to this.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from llvmlite import ir
from numba.core import cgutils
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from glsmamba.scan.jit import kernel, run_tasks
from glsmamba.scan.simd import Row, aligned, by_groups, tile_function

TAPS = 9
LANES = 16
"""Channels handled together here, and the places kept for the taps of a pixel: nine are used."""

TOGETHER = 4
"""Groups of ``LANES`` channels that are sampled side by side: where to look is read once for all of them."""

PY, PX, MASK, FY, FX = range(5)
"""Rows of a pixel's buffer ``taps`` (TAPS_ROWS, LANES), a lane a tap. Given: displacement and factor of each tap. Found:
the fractions of the place where it falls."""
SHARES, FACTORS, INSIDE = 5, 9, 13
"""Where four rows each begin, a row a corner: bilinear weights, 0 outside the picture; the same times the factor; 1 or 0."""
TAPS_ROWS = 17


def _place(
    row: Row, offset: Any, mask: Any, taps: Any, pixels: Any, place: Sequence[Any], given: Sequence[Any], raw: Any = None
) -> None:
    """Where the taps of the pixel at ``place`` (y, x, height, width) fall, all nine at once.

    ``given``: where this pixel's offsets and mask begin. ``raw``: a run-time integer; where it is not 0 the doubled sigmoid of
    what stands there is the mask.

    Fills ``taps``, and ``pixels`` (4,LANES) with each corner's pixel. Corners outside the picture stand at one of its pixels,
    with weight 0; so does a tap whose place is no number.
    """
    y, x, height, width = place
    b = row.builder
    for tap in range(TAPS):
        at_offset, at_mask = given
        for number, source, begin, step in (
            (PY, offset, at_offset, 2 * tap), (PX, offset, at_offset, 2 * tap + 1), (MASK, mask, at_mask, tap)
        ):  # fmt: skip
            value = row.scalar(source, b.add(begin, ir.Constant(y.type, step)))
            row.set_scalar(value, taps, ir.Constant(y.type, number * LANES + tap))

    def local(number: int) -> Any:
        return row.load(taps, ir.Constant(y.type, number))

    def keep(value: Any, number: int) -> None:
        row.store(value, taps, ir.Constant(y.type, number))

    def both(value: Any) -> tuple[Any, Any]:
        """A run-time integer in all lanes, as a number and as an integer."""
        small = b.trunc(value, ir.IntType(32))
        return row.splat(b.sitofp(small, ir.FloatType())), row.splat(small)

    grid = [divmod(tap, 3) if tap < TAPS else (1, 1) for tap in range(LANES)]
    factor = local(MASK)
    if raw is not None:
        doubled = b.fmul(row.const(2.0), row.sigmoid(factor))
        factor = b.select(b.icmp_signed("!=", raw, ir.Constant(raw.type, 0)), doubled, factor)
    axes = []
    for axis, (middle, size, number) in enumerate(((y, height, PY), (x, width, PX))):
        regular = ir.Constant(row.floats, [float(cell[axis] - 1) for cell in grid])
        at = b.fadd(b.fadd(both(middle)[0], regular), local(number))
        axes.append((at, *both(size)))
    fine = None
    for at, size, _size in axes:  # false for what is no number
        near = b.and_(b.fcmp_ordered(">", at, row.const(-1.0)), b.fcmp_ordered("<", at, size))
        fine = near if fine is None else b.and_(fine, near)
    ends = []
    for number, (at, _size, size) in zip((FY, FX), axes, strict=True):
        at = b.select(fine, at, row.const(0.0))
        low = row.floor(at)
        part, first = b.fsub(at, low), b.fptosi(low, row.ints)
        keep(part, number)
        zero, last = row.const_int(0), b.sub(size, row.const_int(1))
        sides = []
        for step, share in ((0, b.fsub(row.const(1.0), part)), (1, part)):
            cell = b.add(first, row.const_int(step))
            valid = b.and_(b.icmp_signed(">=", cell, zero), b.icmp_signed("<", cell, size))
            cell = b.select(b.icmp_signed("<", cell, zero), zero, cell)
            sides.append((b.select(b.icmp_signed(">", cell, last), last, cell), valid, share))
        ends.append(sides)
    across = axes[1][2]
    for corner in range(4):
        (cy, valid_y, share_y), (cx, valid_x, share_x) = ends[0][corner // 2], ends[1][corner % 2]
        valid, nothing = b.and_(fine, b.and_(valid_y, valid_x)), row.const(0.0)
        share = b.fmul(share_y, share_x)
        keep(b.select(valid, share, nothing), SHARES + corner)
        keep(b.select(valid, b.fmul(share, factor), nothing), FACTORS + corner)
        keep(b.select(valid, row.const(1.0), nothing), INSIDE + corner)
        cell = b.add(b.mul(cy, across), cx)
        b.store(cell, b.bitcast(b.gep(pixels, [ir.Constant(y.type, corner * LANES)]), row.ints.as_pointer()), align=4)


def _corner(row: Row, tap: Any, corner: int, pixels: Any, at_picture: Any, inner: Any) -> Any:
    """Where the channels of a tap's corner begin in x."""
    b = row.builder
    index = b.add(tap, ir.Constant(tap.type, corner * LANES))
    return row.at(at_picture, inner, b.sext(row.scalar(pixels, index), tap.type))


def _factor(row: Row, tap: Any, corner: int, taps: Any) -> Any:
    """Bilinear weight times mask of a tap's corner, for all channels."""
    index = row.builder.add(tap, ir.Constant(tap.type, (FACTORS + corner) * LANES))
    return row.splat(row.scalar(taps, index))


@tile_function
def sample_line(_: Row, builder: Any, arrays: Sequence[Any], integers: Sequence[Any]) -> None:
    """One line of output pixels: the sum over taps and corners of ``factor * weight * x``, for all channels.

    ``added``: a run-time integer; where it is not 0 the sum is added to ``base``. The rest as in :func:`_forward`.
    """
    x, offset, mask, weight, base, pixels, taps, out = arrays
    line, height, width, inner, offset_step, mask_step, mask_begin, raw, added = integers
    row = Row(builder, LANES)
    at_picture = builder.mul(builder.mul(builder.sdiv(line, height), height), builder.mul(width, inner))

    def run(pixel: Any, group: Any, count: int) -> None:
        """``count`` groups of channels."""
        first = builder.mul(group, ir.Constant(inner.type, LANES))
        channels = [builder.add(first, ir.Constant(inner.type, j * LANES)) for j in range(count)]
        slots = [row.slot(row.const(0.0)) for _ in channels]
        with builder.if_then(builder.icmp_signed("!=", added, ir.Constant(inner.type, 0))):
            for c, slot in zip(channels, slots, strict=True):
                builder.store(row.load_at(base, row.at(c, inner, pixel)), slot)
        with cgutils.for_range(builder, ir.Constant(inner.type, TAPS)) as tap:
            samples = [row.const(0.0) for _ in channels]
            for corner in range(4):
                start = _corner(row, tap.index, corner, pixels, at_picture, inner)
                by = _factor(row, tap.index, corner, taps)
                samples = [
                    row.fma(by, row.load_at(x, builder.add(start, c)), sample)
                    for sample, c in zip(samples, channels, strict=True)
                ]
            for sample, c, slot in zip(samples, channels, slots, strict=True):
                by = row.load_at(weight, row.at(c, inner, tap.index))
                builder.store(row.fma(by, sample, builder.load(slot)), slot)
        for c, slot in zip(channels, slots, strict=True):
            row.store_at(builder.load(slot), out, row.at(c, inner, pixel))

    groups = builder.sdiv(inner, ir.Constant(inner.type, LANES))
    with cgutils.for_range(builder, width) as column:
        pixel = row.at(column.index, width, line)
        place = builder.srem(line, height), column.index, height, width
        given = builder.mul(offset_step, pixel), row.at(mask_begin, mask_step, pixel)
        _place(row, offset, mask, taps, pixels, place, given, raw)
        by_groups(builder, groups, TOGETHER, functools.partial(run, pixel))


@tile_function
def differentiate_pixel(_: Row, builder: Any, arrays: Sequence[Any], integers: Sequence[Any]) -> None:
    """One output pixel backward, channels c0 .. c1-1.

    Adds to the gradients of x and weight (taps,I); ``dots[corner, tap]`` becomes the sum over channels of
    grad * weight * x(corner), from which those of mask and offset follow.
    """
    x, offset, mask, weight, pixels, taps, grad, gx, gweight, dots = arrays
    pixel, at_picture, gweight_offset, first, end, inner, *place = integers
    row = Row(builder, LANES)
    given = builder.mul(pixel, ir.Constant(inner.type, 2 * TAPS)), builder.mul(pixel, ir.Constant(inner.type, TAPS))
    _place(row, offset, mask, taps, pixels, place, given)
    out_offset = builder.mul(pixel, inner)
    with cgutils.for_range(builder, ir.Constant(inner.type, TAPS)) as tap:
        starts = [_corner(row, tap.index, corner, pixels, at_picture, inner) for corner in range(4)]
        by = [_factor(row, tap.index, corner, taps) for corner in range(4)]
        slots = [row.slot(row.const(0.0)) for _ in range(4)]
        with cgutils.for_range_slice(builder, first, end, ir.Constant(inner.type, LANES)) as (c0, _count):
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
            at = builder.add(tap.index, ir.Constant(inner.type, corner * LANES))
            row.set_scalar(row.total(builder.load(slots[corner])), dots, at)


@kernel
def _forward(x, offset, mask, weight, base, out, layout, first_row, end_row):  # type: ignore[no-untyped-def]
    """Rows are (picture, y). x, base, out (N,H,W,I), weight (9,I); offset and mask flat.

    ``layout``: numbers from a pixel's offsets to the next pixel's, the same of the masks, where the first mask stands; 1 where
    the doubled sigmoid of the masks is meant; 1 where ``base`` is added.
    """
    offset_step, mask_step, mask_begin, raw, added = layout
    _, height, width, inner = x.shape
    taps, pixels = aligned(TAPS_ROWS * LANES), aligned(4 * LANES).view(np.int32)
    taps[:] = 0
    for line in range(first_row, end_row):
        sample_line(
            (x, offset, mask, weight, base, pixels, taps, out),
            (line, height, width, inner, offset_step, mask_step, mask_begin, raw, added),
        )


@kernel
def _backward(x, offset, mask, weight, grad, gx, goffset, gmask, gweight, groups, first_task, end_task):  # type: ignore[no-untyped-def]
    """Tasks are (picture, group of channels), so no two write to the same place.

    goffset (groups,N*H*W,9,2), gmask (groups,N*H*W,9); gx (N,H,W,I) and gweight (N,9,I) are zero at the start.
    """
    _, height, width, inner = x.shape
    taps, pixels = aligned(TAPS_ROWS * LANES).reshape((TAPS_ROWS, LANES)), aligned(4 * LANES).view(np.int32)
    taps[:] = 0
    dots = np.empty((4, LANES), np.float32)
    rows = inner // LANES
    for task in range(first_task, end_task):
        picture, group = task // groups, task % groups
        first, end = rows * group // groups * LANES, rows * (group + 1) // groups * LANES
        at_picture = picture * height * width * inner
        for y in range(height):
            for column in range(width):
                pixel = (picture * height + y) * width + column
                differentiate_pixel(
                    (x, offset, mask, weight, pixels, taps, grad, gx, gweight, dots),
                    (pixel, at_picture, picture * TAPS * inner, first, end, inner, y, column, height, width),
                )
                for tap in range(TAPS):
                    total = np.float32(0)
                    for corner in range(4):
                        dots[corner, tap] *= taps[INSIDE + corner, tap]
                        total += taps[SHARES + corner, tap] * dots[corner, tap]
                    gmask[group, pixel, tap] = total
                    fy, fx, m = taps[FY, tap], taps[FX, tap], mask[pixel, tap]
                    down = (1 - fx) * (dots[2, tap] - dots[0, tap]) + fx * (dots[3, tap] - dots[1, tap])
                    right = (1 - fy) * (dots[1, tap] - dots[0, tap]) + fy * (dots[3, tap] - dots[2, tap])
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
        arrays = [t.detach().numpy() for t in (x, offset.view(-1), mask.view(-1), taps, out, out)]
        run_tasks(lambda i, j: _forward(*arrays, (2 * TAPS, TAPS, 0, 0, 0), i, j), n * h)
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


def deform_added_cpu(base: torch.Tensor, x: torch.Tensor, where: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """float32 CPU tensors without gradients; shapes as in :func:`glsmamba.scan.deform.deformable_added`."""
    inner = x.shape[-1]
    if missing := -inner % LANES:
        base, x, weight = F.pad(base, (0, missing)), F.pad(x, (0, missing)), F.pad(weight, (0, 0, 0, missing))
    n, h = x.shape[:2]
    out = torch.empty_like(x)
    numbers = where.contiguous().view(-1)
    tensors = (x.contiguous(), numbers, numbers, weight.t().contiguous(), base.contiguous(), out)
    arrays = [t.detach().numpy() for t in tensors]
    layout = 3 * TAPS, 3 * TAPS, 2 * TAPS, 1, 1
    run_tasks(lambda i, j: _forward(*arrays, layout, i, j), n * h)
    return out[..., :inner]
