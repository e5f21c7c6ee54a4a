"""Vector building blocks of the CPU scan: small numba intrinsics that work on whole rows of ``LANES`` channels.

numba's automatic vectoriser has to prove at run time that every pair of buffers does not overlap, and that costs more than
the arithmetic of a 64-channel row. These intrinsics emit LLVM vector code directly: one ``<LANES x float>`` value stands for a
row, and LLVM splits it into whatever registers the processor has (AVX-512, AVX2, SSE2, NEON). No compiler is needed.

Local buffers are C-contiguous float32 with rows of ``LANES`` elements. Tensors are passed whole, with the offset of the part
in question; a token's row is found through the path's order.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 64
"""Channels handled together; the number of channels given to the kernels is a multiple of it."""

BLOCK = 16
"""Channels that the forward pass works on at a time: two registers of AVX2, one of AVX-512. Its tasks are whole blocks."""

TOGETHER = 4
"""States, or tokens to be gathered, that the forward pass works on at a time."""

TOKENS = 64
"""Tokens of a tile: gathered together into local buffers, and the distance between kept states."""

_FLOAT = ir.FloatType()
_INT = ir.IntType(32)

# 2^f = 1 + f * q(f) on [-1/2, 1/2]; written this way 2^f - 1 keeps its relative accuracy near f = 0, which is what decides the
# memory of a slowly decaying state (error of (2^f - 1) / f: 5e-7).
_EXP2 = (0.6931471955053947, 0.24022348952182054, 0.05550333181649348, 0.009666373164048768, 0.0013400436290639224)
# log1p(z) = 2 s (1 + s^2 r(s^2)), s = z / (2 + z) in [0, 1/3]; relative error 5e-9
_LOG1P = (0.3333320656855675, 0.20010849754792082, 0.1399955916450209, 0.14012318619033126)
_LOG2E = 1.4426950408889634
_ROUND = 12582912.0  # 1.5 * 2^23: adding it leaves the nearest integer in the low bits of the mantissa

@njit(nogil=True)
def aligned(count):  # type: ignore[no-untyped-def]
    """``count`` numbers that begin with a line of the cache: rows that straddle two take twice as long."""
    buffer = np.empty(count + 16, np.float32)
    first = -(buffer.ctypes.data // 4) % 16
    return buffer[first : first + count]


Emit = Callable[["Row", Any, Sequence[Any], Sequence[Any]], None]


class Row:
    """Emits vector arithmetic on rows of ``lanes`` numbers for one LLVM builder."""

    def __init__(self, builder: Any, lanes: int = LANES) -> None:
        self.builder, self.lanes = builder, lanes
        self.floats, self.ints = ir.VectorType(_FLOAT, lanes), ir.VectorType(_INT, lanes)

    def const(self, value: float) -> ir.Constant:
        """The same number in every lane."""
        return ir.Constant(self.floats, [value] * self.lanes)

    def const_int(self, value: int) -> ir.Constant:
        """The same integer of 32 bits in every lane."""
        return ir.Constant(self.ints, [value] * self.lanes)

    def splat(self, scalar: Any) -> Any:
        """A run-time number or integer of 32 bits in every lane."""
        undefined = ir.Constant(ir.VectorType(scalar.type, self.lanes), ir.Undefined)
        first = self.builder.insert_element(undefined, scalar, ir.Constant(_INT, 0))
        return self.builder.shuffle_vector(first, undefined, self.const_int(0))

    def floor(self, x: Any) -> Any:
        """The largest whole number that is not above x."""
        kind = ir.FunctionType(self.floats, [self.floats])
        name = f"llvm.floor.v{self.lanes}f32"
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, name), [x])

    def load(self, base: Any, row: Any) -> Any:
        """Row ``row`` of the local buffer at ``base``."""
        return self.load_at(base, self.builder.mul(row, ir.Constant(row.type, self.lanes)))

    def store(self, value: Any, base: Any, row: Any) -> None:
        """Write row ``row`` of the local buffer at ``base``."""
        self.store_at(value, base, self.builder.mul(row, ir.Constant(row.type, self.lanes)))

    def load_at(self, base: Any, offset: Any) -> Any:
        """One row from ``offset`` elements after ``base``."""
        return self.builder.load(self._address(base, offset), align=4)

    def store_at(self, value: Any, base: Any, offset: Any) -> None:
        """Write one row ``offset`` elements after ``base``."""
        self.builder.store(value, self._address(base, offset), align=4)

    def fetch_at(self, base: Any, offset: Any) -> None:
        """Begin to bring the row ``offset`` elements after ``base`` into the cache."""
        kind = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer(), _INT, _INT, _INT])
        prefetch = cgutils.get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0i8")
        address = self.builder.bitcast(self.builder.gep(base, [offset]), ir.IntType(8).as_pointer())
        self.builder.call(prefetch, [address, *(ir.Constant(_INT, value) for value in (0, 3, 1))])  # a read, kept, of data

    def _address(self, base: Any, offset: Any) -> Any:
        return self.builder.bitcast(self.builder.gep(base, [offset]), self.floats.as_pointer())

    def scalar(self, base: Any, index: Any) -> Any:
        """One element."""
        return self.builder.load(self.builder.gep(base, [index]))

    def set_scalar(self, value: Any, base: Any, index: Any) -> None:
        """Store one element."""
        self.builder.store(value, self.builder.gep(base, [index]))

    def at(self, offset: Any, stride: Any, index: Any) -> Any:
        """``offset + stride * index``."""
        return self.builder.add(offset, self.builder.mul(stride, index))

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """``a * b + c``, fused where the processor can; this product with this sum, which decides how long chains are."""
        kind = ir.FunctionType(self.floats, [self.floats] * 3)
        name = f"llvm.fmuladd.v{self.lanes}f32"
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, name), [a, b, c])

    def polynomial(self, x: Any, coefficients: tuple[float, ...]) -> Any:
        """Horner's scheme, lowest power first."""
        result = self.const(coefficients[-1])
        for value in reversed(coefficients[:-1]):
            result = self.fma(result, x, self.const(value))
        return result

    def maximum(self, a: Any, b: Any) -> Any:
        """The larger of the two in each lane."""
        return self.builder.select(self.builder.fcmp_ordered(">", a, b), a, b)

    def minimum(self, a: Any, b: Any) -> Any:
        """The smaller of the two in each lane."""
        return self.builder.select(self.builder.fcmp_ordered("<", a, b), a, b)

    def exp2(self, x: Any) -> Any:
        """``2 ** x``. Below 2^-126 the result is exactly 0; above 2^127 it stays there. Never NaN for finite x."""
        b = self.builder
        x = self.minimum(self.maximum(x, self.const(-127.0)), self.const(127.0))
        shifted = b.fadd(x, self.const(_ROUND))
        f = b.fsub(x, b.fsub(shifted, self.const(_ROUND)))
        p = self.fma(f, self.polynomial(f, _EXP2), self.const(1.0))
        exponent = b.shl(b.bitcast(shifted, self.ints), ir.Constant(self.ints, [23] * self.lanes))
        scale = b.bitcast(b.add(exponent, ir.Constant(self.ints, [127 << 23] * self.lanes)), self.floats)
        return b.fmul(p, scale)

    def decay(self, dt: Any, rate: Any, limit: Any) -> Any:
        """``2 ** (dt rate)`` for rates up to 0, ``limit`` being -125 / rate: below 2^-125 the result stays there.

        Faster than :meth:`exp2` of a product: whole and fractional part come out of fused steps, the latter exactly.
        """
        b = self.builder
        dt = self.minimum(dt, limit)
        shifted = self.fma(dt, rate, self.const(_ROUND))
        f = self.fma(dt, rate, b.fsub(self.const(_ROUND), shifted))
        p = self.fma(f, self.polynomial(f, _EXP2), self.const(1.0))
        # p is in [0.7, 1.42]: adding the whole part of x to the bits of its exponent cannot leave the range
        whole = b.shl(b.bitcast(shifted, self.ints), ir.Constant(self.ints, [23] * self.lanes))
        return b.bitcast(b.add(b.bitcast(p, self.ints), whole), self.floats)

    def softplus(self, x: Any) -> tuple[Any, Any]:
        """``log(1 + e^x)`` and its derivative; exactly x above 20, relative accuracy kept for very negative x."""
        b = self.builder
        negated = b.fsub(self.const(0.0), x)
        positive = b.fcmp_ordered(">", x, self.const(0.0))
        z = self.exp2(b.fmul(self.minimum(x, negated), self.const(_LOG2E)))  # e^-|x|
        s = b.fdiv(z, b.fadd(z, self.const(2.0)))
        s2 = b.fmul(s, s)
        log1p = b.fmul(b.fadd(s, s), self.fma(s2, self.polynomial(s2, _LOG1P), self.const(1.0)))
        value = b.fadd(self.maximum(x, self.const(0.0)), log1p)
        slope = b.fdiv(b.select(positive, self.const(1.0), z), b.fadd(z, self.const(1.0)))
        return b.select(b.fcmp_ordered(">", x, self.const(20.0)), x, value), slope

    def sigmoid(self, x: Any) -> Any:
        """``1 / (1 + e^-x)``."""
        one = self.const(1.0)
        return self.builder.fdiv(one, self.builder.fadd(one, self.exp2(self.builder.fmul(x, self.const(-_LOG2E)))))

    def flushed(self, x: Any) -> Any:
        """0 for numbers below 1e-30: subnormal numbers are a hundred times slower."""
        b, tiny = self.builder, self.const(1e-30)
        near = b.and_(b.fcmp_ordered("<", x, tiny), b.fcmp_ordered(">", x, self.const(-1e-30)))
        return b.select(near, self.const(0.0), x)

    def total(self, x: Any) -> Any:
        """The sum over the lanes."""
        kind = ir.FunctionType(_FLOAT, [_FLOAT, self.floats])
        name = f"llvm.vector.reduce.fadd.v{self.lanes}f32"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, [ir.Constant(_FLOAT, 0.0), x], fastmath=("reassoc", "nsz"))

    def slot(self, value: Any) -> Any:
        """A local variable (LLVM turns it into a register)."""
        return cgutils.alloca_once_value(self.builder, value)


def tile_function(emit: Emit) -> Any:
    """Make the intrinsic ``name(arrays, integers)`` of ``emit(row, builder, pointers, integers)``; it returns nothing.

    ``arrays`` is a tuple of C-contiguous float32 arrays (orders: int64), ``integers`` one of sizes and offsets.
    """

    def typed(typingctx: Any, arrays: Any, integers: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            values = cgutils.unpack_tuple(builder, args[0])
            pointers = [context.make_array(k)(context, builder, v).data for k, v in zip(signature.args[0], values, strict=True)]
            emit(Row(builder), builder, pointers, cgutils.unpack_tuple(builder, args[1]))
            return context.get_dummy_value()

        return types.void(arrays, types.UniTuple(types.intp, len(integers))), codegen

    typed.__name__, typed.__doc__ = emit.__name__, emit.__doc__
    return intrinsic(typed)


_ZERO = ir.Constant(ir.IntType(64), 0)


def _downwards(builder: Any, m: Any) -> Any:
    """A loop over m-1, ..., 1, 0."""
    minus_one = ir.Constant(m.type, -1)
    return cgutils.for_range_slice(builder, builder.add(m, minus_one), minus_one, minus_one, inc=False)


def _step_size(row: Row, builder: Any, value: Any, softplus: Any) -> tuple[Any, Any]:
    """dt and its derivative: softplus or, where the run-time integer ``softplus`` is 0, the identity."""
    smooth, slope = row.softplus(value)
    wanted = builder.icmp_signed("!=", softplus, _ZERO)
    return builder.select(wanted, smooth, value), builder.select(wanted, slope, row.const(1.0))


def by_groups(builder: Any, total: Any, together: int, run: Callable[[Any, int], None]) -> None:
    """``run(first, count)`` for all of range(total): ``together`` at a time, the rest one by one."""
    step, one = ir.Constant(total.type, together), ir.Constant(total.type, 1)
    whole = builder.sub(total, builder.srem(total, step))
    with cgutils.for_range_slice(builder, _ZERO, whole, step) as (first, _count):
        run(first, together)
    with cgutils.for_range_slice(builder, whole, total, one) as (first, _count):
        run(first, 1)


@tile_function
def gather_rows(_: Row, builder: Any, arrays: Sequence[Any], integers: Sequence[Any]) -> None:
    """Copy the rows, ``width`` numbers each, of ``m`` tokens, found through the path's order."""
    source, order, target = arrays
    offset, order_offset, width, m = integers
    with cgutils.for_range(builder, m) as loop:
        at = builder.add(offset, builder.mul(width, Row(builder).scalar(order, builder.add(order_offset, loop.index))))
        to, done = builder.mul(width, loop.index), _ZERO
        for lanes in (16, 4, 1):
            row, step = Row(builder, lanes), ir.Constant(width.type, lanes)
            end = builder.and_(width, ir.Constant(width.type, -lanes))
            with cgutils.for_range_slice(builder, done, end, step) as (column, _count):
                row.store_at(row.load_at(source, builder.add(at, column)), target, builder.add(to, column))
            done = end


DT, DTU, Y = range(3)
"""A token's rows in the forward pass's buffer ``rows`` (blocks, TOKENS, 3, BLOCK). They are neighbours: a read whose address
differs from that of a write before it by a multiple of 4 kB waits for that write."""

RATE, LIMIT, STATE = range(3)
"""A state's rows in the buffer ``states`` (blocks, N, 3, BLOCK): log2 of its decay for a step of 1, the step after which none
of it is left, and h."""


def _place(row: Row, block: Any, rows: int | ir.Value, index: Any, kind: int) -> Any:
    """Offset of row ``kind`` of three, at ``index`` of ``rows`` in a block of the forward pass's buffers."""
    rows = ir.Constant(index.type, rows) if isinstance(rows, int) else rows
    first = row.builder.mul(row.at(index, rows, block), ir.Constant(index.type, 3 * row.lanes))
    return row.builder.add(first, ir.Constant(index.type, kind * row.lanes))


@tile_function
def load_rows(_: Row, builder: Any, arrays: Sequence[Any], integers: Sequence[Any]) -> None:
    """Gather ``m`` tokens: ``dt = softplus(delta + bias)``, ``dtu = dt u``, ``y = skip u``, for ``blocks`` blocks of channels.

    delta is read from memory or, with ``rank`` above 0, made here: ``delta = low weight``, low (m,rank) the first columns of
    ``small`` (m,columns), weight (rank,inner).
    """
    delta, small, weight, u, order, bias, skip, rows = arrays
    delta_offset, weight_offset, u_offset, order_offset, channel_offset, inner, rank, columns, softplus, blocks, m = integers
    row, width = Row(builder, BLOCK), ir.Constant(m.type, BLOCK)
    made = builder.icmp_signed(">", rank, _ZERO)

    def run(first: Any, count: int) -> None:
        """``count`` tokens from ``first`` on: the weights are read once for all of them."""
        numbers = [builder.add(first, ir.Constant(first.type, j)) for j in range(count)]
        tokens = [row.scalar(order, builder.add(order_offset, q)) for q in numbers]
        at_delta = [row.at(delta_offset, inner, token) for token in tokens]
        at_u = [row.at(u_offset, inner, token) for token in tokens]
        at_low = [builder.mul(columns, q) for q in numbers]
        # along most paths the next tokens are far away, where the processor doesn't look for them by itself
        later = [builder.add(q, ir.Constant(q.type, TOGETHER)) for q in numbers]
        later = [builder.select(builder.icmp_signed("<", q, m), q, first) for q in later]
        later = [row.scalar(order, builder.add(order_offset, q)) for q in later]
        with cgutils.for_range(builder, blocks) as part:
            c0 = builder.mul(part.index, width)
            for token in later:
                row.fetch_at(u, builder.add(row.at(u_offset, inner, token), c0))
            channel = builder.add(channel_offset, c0)
            shift, factor = row.load_at(bias, channel), row.load_at(skip, channel)
            slots = [row.slot(shift) for _ in numbers]
            with builder.if_else(made) as (make, read):
                with make, cgutils.for_range(builder, rank) as r:
                    value = row.load_at(weight, builder.add(row.at(weight_offset, inner, r.index), c0))
                    for slot, at in zip(slots, at_low, strict=True):
                        by = row.splat(row.scalar(small, builder.add(at, r.index)))
                        builder.store(row.fma(by, value, builder.load(slot)), slot)
                with read:
                    for token in later:
                        row.fetch_at(delta, builder.add(row.at(delta_offset, inner, token), c0))
                    for slot, at in zip(slots, at_delta, strict=True):
                        builder.store(builder.fadd(shift, row.load_at(delta, builder.add(at, c0))), slot)
            for q, slot, at in zip(numbers, slots, at_u, strict=True):
                x = row.load_at(u, builder.add(at, c0))
                dt, _slope = _step_size(row, builder, builder.load(slot), softplus)
                for kind, result in ((DT, dt), (DTU, builder.fmul(dt, x)), (Y, builder.fmul(factor, x))):
                    row.store_at(result, rows, _place(row, part.index, TOKENS, q, kind))

    by_groups(builder, m, TOGETHER, run)


@tile_function
def forward_rows(_: Row, builder: Any, arrays: Sequence[Any], integers: Sequence[Any]) -> None:
    """Run all states over ``m`` tokens: ``h = 2^(dt rate) h + dtu b``, ``y += c h``, for ``blocks`` blocks of channels.

    A block and a few states at a time, so that states and the constants of the exponential stay in registers, and the chain
    of one state's sums is waited for while another's are made. ``growing``: some rate is above 0. A row of ``small`` (m,width)
    ends with b and c, ``n_states`` numbers each.
    """
    rows, small, states = arrays
    n_states, width, growing, blocks, m = integers
    row = Row(builder, BLOCK)

    def run(part: Any, bounded: bool, first: Any, count: int) -> None:
        """``count`` states from ``first`` on."""
        numbers = [builder.add(first, ir.Constant(first.type, j)) for j in range(count)]
        rates = [row.load_at(states, _place(row, part, n_states, n, RATE)) for n in numbers]
        limits = [row.load_at(states, _place(row, part, n_states, n, LIMIT)) for n in numbers]
        slots = [row.slot(row.load_at(states, _place(row, part, n_states, n, STATE))) for n in numbers]
        with cgutils.for_range(builder, m) as loop:
            dt, dtu, y = (row.load_at(rows, _place(row, part, TOKENS, loop.index, kind)) for kind in (DT, DTU, Y))
            for n, rate, limit, slot in zip(numbers, rates, limits, slots, strict=True):
                at_c = builder.sub(row.at(builder.add(n, width), width, loop.index), n_states)
                at_b = builder.sub(at_c, n_states)
                decay = row.exp2(builder.fmul(dt, rate)) if bounded else row.decay(dt, rate, limit)
                h = row.fma(decay, builder.load(slot), builder.fmul(dtu, row.splat(row.scalar(small, at_b))))
                builder.store(h, slot)
                y = row.fma(row.splat(row.scalar(small, at_c)), h, y)
            row.store_at(y, rows, _place(row, part, TOKENS, loop.index, Y))
        for n, slot in zip(numbers, slots, strict=True):
            row.store_at(row.flushed(builder.load(slot)), states, _place(row, part, n_states, n, STATE))

    with cgutils.for_range(builder, blocks) as part, builder.if_else(builder.icmp_signed("!=", growing, _ZERO)) as ways:
        for way, bounded in zip(ways, (True, False), strict=True):
            with way:
                by_groups(builder, n_states, TOGETHER, functools.partial(run, part.index, bounded))


@tile_function
def store_rows(_: Row, builder: Any, arrays: Sequence[Any], integers: Sequence[Any]) -> None:
    """Scatter ``m`` rows to their tokens of stream ``stream``, found by its address; with ``add``, to what is there."""
    rows, order, streams = arrays
    stream, out_offset, order_offset, inner, add, blocks, m = integers
    row, width = Row(builder, BLOCK), ir.Constant(m.type, BLOCK)
    out = builder.inttoptr(row.scalar(streams, stream), _FLOAT.as_pointer())
    with builder.if_else(builder.icmp_signed("!=", add, _ZERO)) as ways:
        for way, adding in zip(ways, (True, False), strict=True):
            with way, cgutils.for_range(builder, m) as loop:
                start = row.at(out_offset, inner, row.scalar(order, builder.add(order_offset, loop.index)))
                with cgutils.for_range(builder, blocks) as part:
                    at = builder.add(start, builder.mul(part.index, width))
                    value = row.load_at(rows, _place(row, part.index, TOKENS, loop.index, Y))
                    row.store_at(builder.fadd(value, row.load_at(out, at)) if adding else value, out, at)


@tile_function
def load_rows_backward(row: Row, builder: Any, arrays: Sequence[Any], integers: Sequence[Any]) -> None:
    """Gather ``m`` tokens for the backward pass: dt and its derivative ``slope``, ``dtu`` and the gradient ``gy`` of y."""
    delta, u, grad, order, bias, dt, dtu, slope, gy, gx, gs = arrays
    delta_offset, u_offset, order_offset, channel_offset, inner, softplus, m = integers
    shift = row.load_at(bias, channel_offset)
    with cgutils.for_range(builder, m) as loop:
        q = loop.index
        token = row.scalar(order, builder.add(order_offset, q))
        at = row.at(delta_offset, inner, token)
        value, derivative = _step_size(row, builder, builder.fadd(row.load_at(delta, at), shift), softplus)
        row.store(value, dt, q)
        row.store(derivative, slope, q)
        row.store(builder.fmul(value, row.load_at(u, row.at(u_offset, inner, token))), dtu, q)
        row.store(row.load_at(grad, at), gy, q)
        row.store(row.const(0.0), gx, q)
        row.store(row.const(0.0), gs, q)


@tile_function
def recompute_rows(row: Row, builder: Any, arrays: Sequence[Any], integers: Sequence[Any]) -> None:
    """Repeat the forward run of state ``n``; keep the decay ``a`` and the kept part ``a * h_before`` of every token."""
    dt, dtu, decays, parts, bs, order, rate, kept = arrays
    b_offset, order_offset, kept_offset, inner, n_states, n, m = integers
    a2 = row.load(rate, n)
    slot = row.slot(row.load_at(kept, row.at(kept_offset, inner, n)))
    with cgutils.for_range(builder, m) as loop:
        q = loop.index
        at = builder.add(row.at(b_offset, n_states, row.scalar(order, builder.add(order_offset, q))), n)
        decay = row.exp2(builder.fmul(row.load(dt, q), a2))
        part = builder.fmul(decay, builder.load(slot))
        row.store(decay, decays, q)
        row.store(part, parts, q)
        builder.store(row.fma(row.load(dtu, q), row.splat(row.scalar(bs, at)), part), slot)


@tile_function
def backward_rows(row: Row, builder: Any, arrays: Sequence[Any], integers: Sequence[Any]) -> None:
    """Adjoint of :func:`forward_rows` for state ``n``, last token first.

    With g the gradient of h: ``gx`` collects sum_n g b (gradient of dt * u), ``gs`` sum_n g a h_before rate (gradient of dt
    through the decay, still to be multiplied by ln 2), ``ga`` the gradient of A, ``gb`` and ``gc`` those of b and c, summed
    over the lanes and added to what is there.
    """
    dt, dtu, gy, decays, parts, gx, gs, bs, cs, order, gb, gc, rate, carry, ga = arrays
    b_offset, gb_offset, order_offset, n_states, n, m = integers
    a2 = row.load(rate, n)
    slot, slot_a = row.slot(row.load(carry, n)), row.slot(row.load(ga, n))
    with _downwards(builder, m) as (q, _):
        step = row.at(n, n_states, row.scalar(order, builder.add(order_offset, q)))
        at, at_grad = builder.add(b_offset, step), builder.add(gb_offset, step)
        b, c = row.splat(row.scalar(bs, at)), row.splat(row.scalar(cs, at))
        out, entering, part = row.load(gy, q), row.load(dtu, q), row.load(parts, q)
        g = row.fma(c, out, builder.load(slot))
        h = row.fma(entering, b, part)
        for grad, value in ((gc, builder.fmul(out, h)), (gb, builder.fmul(g, entering))):
            row.set_scalar(builder.fadd(row.scalar(grad, at_grad), row.total(value)), grad, at_grad)
        row.store(row.fma(g, b, row.load(gx, q)), gx, q)
        through = builder.fmul(g, part)
        row.store(row.fma(through, a2, row.load(gs, q)), gs, q)
        builder.store(row.fma(through, row.load(dt, q), builder.load(slot_a)), slot_a)
        builder.store(builder.fmul(row.load(decays, q), g), slot)
    row.store(builder.load(slot), carry, n)
    row.store(builder.load(slot_a), ga, n)


@tile_function
def backward_input_rows(row: Row, builder: Any, arrays: Sequence[Any], integers: Sequence[Any]) -> None:
    """:func:`backward_rows` for the input alone; needs no states, recomputes nothing."""
    dt, gy, gx, bs, cs, order, rate, carry = arrays
    b_offset, order_offset, n_states, n, m = integers
    a2 = row.load(rate, n)
    slot = row.slot(row.load(carry, n))
    with _downwards(builder, m) as (q, _):
        at = builder.add(row.at(b_offset, n_states, row.scalar(order, builder.add(order_offset, q))), n)
        g = row.fma(row.splat(row.scalar(cs, at)), row.load(gy, q), builder.load(slot))
        row.store(row.fma(g, row.splat(row.scalar(bs, at)), row.load(gx, q)), gx, q)
        builder.store(builder.fmul(row.exp2(builder.fmul(row.load(dt, q), a2)), g), slot)
    row.store(builder.load(slot), carry, n)


@tile_function
def finish_input_rows(row: Row, builder: Any, arrays: Sequence[Any], integers: Sequence[Any]) -> None:
    """Scatter the gradient of u: ``gu += gx dt + skip gy``."""
    gx, dt, gy, order, skip, gu = arrays
    gu_offset, order_offset, channel_offset, inner, m = integers
    factor = row.load_at(skip, channel_offset)
    with cgutils.for_range(builder, m) as loop:
        q = loop.index
        at = row.at(gu_offset, inner, row.scalar(order, builder.add(order_offset, q)))
        through_skip = row.fma(factor, row.load(gy, q), row.load_at(gu, at))
        row.store_at(row.fma(row.load(gx, q), row.load(dt, q), through_skip), gu, at)


@tile_function
def finish_rows(row: Row, builder: Any, arrays: Sequence[Any], integers: Sequence[Any]) -> None:
    """Scatter the gradient of delta, before bias and softplus; add up those of D and of the bias over the tokens."""
    gx, gs, gy, slope, u, order, gdelta, gskip, gbias = arrays
    delta_offset, u_offset, order_offset, channel_offset, inner, m = integers
    slot_skip, slot_bias = row.slot(row.load_at(gskip, channel_offset)), row.slot(row.load_at(gbias, channel_offset))
    with cgutils.for_range(builder, m) as loop:
        q = loop.index
        token = row.scalar(order, builder.add(order_offset, q))
        x = row.load_at(u, row.at(u_offset, inner, token))
        grad = row.fma(row.load(gs, q), row.const(0.6931471805599453), builder.fmul(row.load(gx, q), x))
        grad = builder.fmul(grad, row.load(slope, q))
        row.store_at(grad, gdelta, row.at(delta_offset, inner, token))
        builder.store(row.fma(row.load(gy, q), x, builder.load(slot_skip)), slot_skip)
        builder.store(builder.fadd(builder.load(slot_bias), grad), slot_bias)
    row.store_at(builder.load(slot_skip), gskip, channel_offset)
    row.store_at(builder.load(slot_bias), gbias, channel_offset)


@tile_function
def flush_rows(row: Row, builder: Any, arrays: Sequence[Any], integers: Sequence[Any]) -> None:
    """:meth:`Row.flushed` of ``n_rows`` rows."""
    (values,) = arrays
    (n_rows,) = integers
    with cgutils.for_range(builder, n_rows) as loop:
        row.store(row.flushed(row.load(values, loop.index)), values, loop.index)


@tile_function
def move_rows(row: Row, builder: Any, arrays: Sequence[Any], integers: Sequence[Any]) -> None:
    """Copy ``n_rows`` rows: ``target[target_offset + target_stride r] = source[source_offset + source_stride r]``."""
    source, target = arrays
    source_offset, source_stride, target_offset, target_stride, n_rows = integers
    with cgutils.for_range(builder, n_rows) as loop:
        value = row.load_at(source, row.at(source_offset, source_stride, loop.index))
        row.store_at(value, target, row.at(target_offset, target_stride, loop.index))
