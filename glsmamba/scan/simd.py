"""Vector building blocks of the CPU scan: small numba intrinsics that work on whole rows of ``LANES`` channels.

numba's automatic vectoriser has to prove at run time that every pair of buffers does not overlap, and that costs more than
the arithmetic of a 64-channel row. These intrinsics emit LLVM vector code directly: one ``<LANES x float>`` value stands for a
row, and LLVM splits it into whatever registers the processor has (AVX-512, AVX2, SSE2, NEON). No compiler is needed.

All buffers are C-contiguous float32 with rows of ``LANES`` elements; ``n`` is the row of a state, ``m`` the number of tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 64
"""Channels handled together. Narrower inputs are padded with zeros up to this."""

TOKENS = 64
"""Tokens of a tile: gathered together into local buffers, and the distance between kept states."""

_FLOAT = ir.FloatType()
_INT = ir.IntType(32)
_VECTOR = ir.VectorType(_FLOAT, LANES)
_INTS = ir.VectorType(_INT, LANES)
_FMA = ("contract",)

# 2^f = 1 + f * q(f) on [-1/2, 1/2]; written this way 2^f - 1 keeps its relative accuracy near f = 0, which is what decides the
# memory of a slowly decaying state (error of (2^f - 1) / f: 5e-7).
_EXP2 = (0.6931471955053947, 0.24022348952182054, 0.05550333181649348, 0.009666373164048768, 0.0013400436290639224)
# log1p(z) = 2 s (1 + s^2 r(s^2)), s = z / (2 + z) in [0, 1/3]; relative error 5e-9
_LOG1P = (0.3333320656855675, 0.20010849754792082, 0.1399955916450209, 0.14012318619033126)
_LOG2E = 1.4426950408889634
_ROUND = 12582912.0  # 1.5 * 2^23: adding it leaves the nearest integer in the low bits of the mantissa


Emit = Callable[["Row", Any, Sequence[Any], Any, Any], None]


class Row:
    """Emits vector arithmetic on rows for one LLVM builder."""

    def __init__(self, context: Any, builder: Any) -> None:
        self.context, self.builder = context, builder

    def const(self, value: float) -> ir.Constant:
        """The same number in every lane."""
        return ir.Constant(_VECTOR, [value] * LANES)

    def splat(self, scalar: Any) -> Any:
        """A run-time scalar in every lane."""
        undefined = ir.Constant(_VECTOR, ir.Undefined)
        first = self.builder.insert_element(undefined, scalar, ir.Constant(_INT, 0))
        return self.builder.shuffle_vector(first, undefined, ir.Constant(_INTS, [0] * LANES))

    def load(self, base: Any, row: Any) -> Any:
        """Row ``row`` of the buffer at ``base``."""
        return self.builder.load(self._address(base, row), align=4)

    def store(self, value: Any, base: Any, row: Any) -> None:
        """Write row ``row`` of the buffer at ``base``."""
        self.builder.store(value, self._address(base, row), align=4)

    def _address(self, base: Any, row: Any) -> Any:
        offset = self.builder.mul(row, ir.Constant(row.type, LANES))
        return self.builder.bitcast(self.builder.gep(base, [offset]), _VECTOR.as_pointer())

    def scalar(self, base: Any, index: Any) -> Any:
        """One float32 of a flat buffer."""
        return self.builder.load(self.builder.gep(base, [index]))

    def set_scalar(self, value: Any, base: Any, index: Any) -> None:
        """Store one float32 into a flat buffer."""
        self.builder.store(value, self.builder.gep(base, [index]))

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """``a * b + c``, fused where the processor can."""
        return self.builder.fadd(self.builder.fmul(a, b, flags=_FMA), c, flags=_FMA)

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
        exponent = b.shl(b.bitcast(shifted, _INTS), ir.Constant(_INTS, [23] * LANES))
        scale = b.bitcast(b.add(exponent, ir.Constant(_INTS, [127 << 23] * LANES)), _VECTOR)
        return b.fmul(p, scale)

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

    def total(self, x: Any) -> Any:
        """The sum over the lanes."""
        kind = ir.FunctionType(_FLOAT, [_FLOAT, _VECTOR])
        name = f"llvm.vector.reduce.fadd.v{LANES}f32"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, [ir.Constant(_FLOAT, 0.0), x], fastmath=("reassoc", "nsz"))

    def slot(self, value: Any) -> Any:
        """A local variable (LLVM turns it into a register)."""
        return cgutils.alloca_once_value(self.builder, value)


def _tile_function(emit: Emit) -> Any:
    """Make the intrinsic ``name(arrays, n, m)`` of ``emit(row, builder, pointers, n, m)``; it returns nothing.

    ``arrays`` is a tuple of C-contiguous float32 arrays, ``n`` and ``m`` are integers.
    """

    def typed(typingctx: Any, arrays: Any, n: Any, m: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            values = cgutils.unpack_tuple(builder, args[0])
            pointers = [context.make_array(k)(context, builder, v).data for k, v in zip(signature.args[0], values, strict=True)]
            emit(Row(context, builder), builder, pointers, args[1], args[2])
            return context.get_dummy_value()

        return types.void(arrays, types.intp, types.intp), codegen

    typed.__name__, typed.__doc__ = emit.__name__, emit.__doc__
    return intrinsic(typed)


def _downwards(builder: Any, m: Any) -> Any:
    """A loop over m-1, ..., 1, 0."""
    minus_one = ir.Constant(m.type, -1)
    return cgutils.for_range_slice(builder, builder.add(m, minus_one), minus_one, minus_one, inc=False)


@_tile_function
def prepare_rows(row: Row, builder: Any, arrays: Sequence[Any], n: Any, m: Any) -> None:
    """(dt, u, dtu, slope, bias): in place ``dt = softplus(dt + bias)``, ``slope`` its derivative, ``dtu = dt * u``."""
    dt, u, dtu, slope, bias = arrays
    shift = row.load(bias, ir.Constant(m.type, 0))
    with cgutils.for_range(builder, m) as loop:
        value, derivative = row.softplus(builder.fadd(row.load(dt, loop.index), shift))
        row.store(value, dt, loop.index)
        row.store(derivative, slope, loop.index)
        row.store(builder.fmul(value, row.load(u, loop.index)), dtu, loop.index)


@_tile_function
def prepare_rows_linear(row: Row, builder: Any, arrays: Sequence[Any], n: Any, m: Any) -> None:
    """(dt, u, dtu, slope, bias): as :func:`prepare_rows` without softplus, ``dt = dt + bias``, ``slope = 1``."""
    dt, u, dtu, slope, bias = arrays
    shift = row.load(bias, ir.Constant(m.type, 0))
    with cgutils.for_range(builder, m) as loop:
        value = builder.fadd(row.load(dt, loop.index), shift)
        row.store(value, dt, loop.index)
        row.store(row.const(1.0), slope, loop.index)
        row.store(builder.fmul(value, row.load(u, loop.index)), dtu, loop.index)


@_tile_function
def skip_rows(row: Row, builder: Any, arrays: Sequence[Any], n: Any, m: Any) -> None:
    """(y, u, skip): ``y = skip * u``, one factor per channel."""
    y, u, skip = arrays
    factor = row.load(skip, ir.Constant(m.type, 0))
    with cgutils.for_range(builder, m) as loop:
        row.store(builder.fmul(row.load(u, loop.index), factor), y, loop.index)


@_tile_function
def forward_rows(row: Row, builder: Any, arrays: Sequence[Any], n: Any, m: Any) -> None:
    """(dt, dtu, y, bs, cs, rate, state): run state ``n`` over ``m`` tokens.

    ``h = 2^(dt rate) h + dtu b``, ``y += c h``. ``bs`` and ``cs`` are (N, TOKENS).
    """
    dt, dtu, y, bs, cs, rate, state = arrays
    a2 = row.load(rate, n)
    start = builder.mul(n, ir.Constant(n.type, TOKENS))
    slot = row.slot(row.load(state, n))
    with cgutils.for_range(builder, m) as loop:
        q = loop.index
        at = builder.add(start, q)
        decay = row.exp2(builder.fmul(row.load(dt, q), a2))
        entering = builder.fmul(row.load(dtu, q), row.splat(row.scalar(bs, at)))
        h = row.fma(decay, builder.load(slot), entering)
        builder.store(h, slot)
        row.store(row.fma(row.splat(row.scalar(cs, at)), h, row.load(y, q)), y, q)
    row.store(builder.load(slot), state, n)


@_tile_function
def recompute_rows(row: Row, builder: Any, arrays: Sequence[Any], n: Any, m: Any) -> None:
    """(dt, dtu, decays, kept, bs, rate, state): repeat the forward run of state ``n``.

    Keeps the decay ``a`` and the kept part ``a * h_before`` of every token.
    """
    dt, dtu, decays, kept, bs, rate, state = arrays
    a2 = row.load(rate, n)
    start = builder.mul(n, ir.Constant(n.type, TOKENS))
    slot = row.slot(row.load(state, n))
    with cgutils.for_range(builder, m) as loop:
        q = loop.index
        decay = row.exp2(builder.fmul(row.load(dt, q), a2))
        part = builder.fmul(decay, builder.load(slot))
        row.store(decay, decays, q)
        row.store(part, kept, q)
        builder.store(row.fma(row.load(dtu, q), row.splat(row.scalar(bs, builder.add(start, q))), part), slot)


@_tile_function
def backward_rows(row: Row, builder: Any, arrays: Sequence[Any], n: Any, m: Any) -> None:
    """(dt, dtu, gy, decays, kept, gx, gs, bs, cs, gb, gc, rate, carry, ga): adjoint of :func:`forward_rows`, last token first.

    With g the gradient of h: ``gx`` collects sum_n g b (gradient of dt * u), ``gs`` sum_n g a h_before rate (gradient of dt
    through the decay, still to be multiplied by ln 2), ``ga`` the gradient of A, ``gb`` and ``gc`` (N, TOKENS) those of b and
    c, summed over the lanes and added to what is there.
    """
    dt, dtu, gy, decays, kept, gx, gs, bs, cs, gb, gc, rate, carry, ga = arrays
    a2 = row.load(rate, n)
    start = builder.mul(n, ir.Constant(n.type, TOKENS))
    slot, slot_a = row.slot(row.load(carry, n)), row.slot(row.load(ga, n))
    with _downwards(builder, m) as (q, _):
        at = builder.add(start, q)
        b, c = row.splat(row.scalar(bs, at)), row.splat(row.scalar(cs, at))
        out, entering, part = row.load(gy, q), row.load(dtu, q), row.load(kept, q)
        g = row.fma(c, out, builder.load(slot))
        h = row.fma(entering, b, part)
        for grad, value in ((gc, builder.fmul(out, h)), (gb, builder.fmul(g, entering))):
            row.set_scalar(builder.fadd(row.scalar(grad, at), row.total(value)), grad, at)
        row.store(row.fma(g, b, row.load(gx, q)), gx, q)
        through = builder.fmul(g, part)
        row.store(row.fma(through, a2, row.load(gs, q)), gs, q)
        builder.store(row.fma(through, row.load(dt, q), builder.load(slot_a)), slot_a)
        builder.store(builder.fmul(row.load(decays, q), g), slot)
    row.store(builder.load(slot), carry, n)
    row.store(builder.load(slot_a), ga, n)


@_tile_function
def backward_input_rows(row: Row, builder: Any, arrays: Sequence[Any], n: Any, m: Any) -> None:
    """(dt, gy, gx, bs, cs, rate, carry): :func:`backward_rows` for the input alone; needs no states, recomputes nothing."""
    dt, gy, gx, bs, cs, rate, carry = arrays
    a2 = row.load(rate, n)
    start = builder.mul(n, ir.Constant(n.type, TOKENS))
    slot = row.slot(row.load(carry, n))
    with _downwards(builder, m) as (q, _):
        at = builder.add(start, q)
        g = row.fma(row.splat(row.scalar(cs, at)), row.load(gy, q), builder.load(slot))
        row.store(row.fma(g, row.splat(row.scalar(bs, at)), row.load(gx, q)), gx, q)
        builder.store(builder.fmul(row.exp2(builder.fmul(row.load(dt, q), a2)), g), slot)
    row.store(builder.load(slot), carry, n)


@_tile_function
def finish_rows(row: Row, builder: Any, arrays: Sequence[Any], n: Any, m: Any) -> None:
    """(gx, gs, dt, u, gy, slope, skip, gskip, gbias): put the parts together.

    In place ``gs`` becomes the gradient of delta (before the bias and softplus) and ``gx`` that of u; ``gskip`` and ``gbias``
    add up those of D and of the bias.
    """
    gx, gs, dt, u, gy, slope, skip, gskip, gbias = arrays
    zero = ir.Constant(m.type, 0)
    factor = row.load(skip, zero)
    slot_d, slot_bias = row.slot(row.load(gskip, zero)), row.slot(row.load(gbias, zero))
    with cgutils.for_range(builder, m) as loop:
        q = loop.index
        x, out, value = row.load(u, q), row.load(gy, q), row.load(gx, q)
        grad = row.fma(row.load(gs, q), row.const(0.6931471805599453), builder.fmul(value, x))
        grad = builder.fmul(grad, row.load(slope, q))
        row.store(grad, gs, q)
        row.store(row.fma(value, row.load(dt, q), builder.fmul(factor, out)), gx, q)
        builder.store(row.fma(out, x, builder.load(slot_d)), slot_d)
        builder.store(builder.fadd(builder.load(slot_bias), grad), slot_bias)
    row.store(builder.load(slot_d), gskip, zero)
    row.store(builder.load(slot_bias), gbias, zero)
