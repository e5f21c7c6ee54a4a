"""The deformable convolution against a loop in float64 and against ``grid_sample``."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from glsmamba.scan.deform import deformable_added, deformable_by_grid_sample, deformable_depthwise

Inputs = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def make(n: int, h: int, w: int, inner: int, spread: float = 2.0, seed: int = 0) -> Inputs:
    g = torch.Generator().manual_seed(seed)
    offset = torch.randn(n, h, w, 9, 2, generator=g) * spread
    return (
        torch.randn(n, h, w, inner, generator=g), offset,
        torch.rand(n, h, w, 9, generator=g), torch.randn(inner, 9, generator=g),
    )  # fmt: skip


def by_loops(x: torch.Tensor, offset: torch.Tensor, mask: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """The definition, pixel by pixel."""
    n, h, w, _ = x.shape
    out = torch.zeros_like(x)
    for b in range(n):
        for i in range(h):
            for j in range(w):
                for tap in range(9):
                    y = i + tap // 3 - 1 + offset[b, i, j, tap, 0].item()
                    z = j + tap % 3 - 1 + offset[b, i, j, tap, 1].item()
                    for cy in (math.floor(y), math.floor(y) + 1):
                        for cx in (math.floor(z), math.floor(z) + 1):
                            if 0 <= cy < h and 0 <= cx < w:
                                share = (1 - abs(y - cy)) * (1 - abs(z - cx))
                                out[b, i, j] += share * mask[b, i, j, tap] * weight[:, tap] * x[b, cy, cx]
    return out


def gradients(function: object, inputs: Inputs, grad: torch.Tensor) -> list[torch.Tensor]:
    leaves = [t.clone().requires_grad_() for t in inputs]
    out = function(*leaves)  # type: ignore[operator]
    return [out, *torch.autograd.grad(out, leaves, grad)]


def test_against_loops() -> None:
    inputs = make(2, 4, 5, 20)
    wanted = by_loops(*(t.double() for t in inputs))
    torch.testing.assert_close(deformable_depthwise(*inputs).double(), wanted, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(deformable_by_grid_sample(*(t.double() for t in inputs)), wanted)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 3), st.integers(1, 7), st.integers(1, 7), st.integers(1, 70), st.sampled_from([0.0, 0.3, 3.0, 30.0]))
def test_values_and_gradients_on_any_shape(n: int, h: int, w: int, inner: int, spread: float) -> None:
    inputs = make(n, h, w, inner, spread, seed=h * 10 + w)
    if spread == 0:  # grid_sample rounds whole positions to either side, where the slope jumps; stay a little away
        inputs = (inputs[0], torch.full_like(inputs[1], 1e-3), *inputs[2:])
    grad = torch.randn(n, h, w, inner)
    got = gradients(deformable_depthwise, inputs, grad)
    wanted = gradients(deformable_by_grid_sample, tuple(t.double() for t in inputs), grad.double())  # type: ignore[arg-type]
    for mine, true in zip(got, wanted, strict=True):
        assert torch.isfinite(mine).all()
        assert (mine - true).abs().max() <= 1e-4 * max(1.0, true.abs().max().item())


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 3), st.integers(1, 6), st.integers(1, 7), st.integers(1, 70), st.floats(0.1, 5))
def test_added_to_a_base_is_the_sum_with_and_without_gradients(n: int, h: int, w: int, inner: int, spread: float) -> None:
    generator = torch.Generator().manual_seed(h * w + inner)
    base, x = (torch.randn(n, h, w, inner, generator=generator) for _ in range(2))
    where, weight = torch.randn(n, h, w, 27, generator=generator) * spread, torch.randn(inner, 9, generator=generator)
    offset, mask = where[..., :18].reshape(n, h, w, 9, 2), 2 / (1 + torch.exp(-where[..., 18:].double()))
    wanted = base.double() + deformable_by_grid_sample(x.double(), offset.double(), mask, weight.double())
    with torch.no_grad():
        torch.testing.assert_close(deformable_added(base, x, where, weight).double(), wanted, rtol=1e-5, atol=1e-5)
    got = deformable_added(base, x, where.requires_grad_(), weight)
    assert got.requires_grad
    torch.testing.assert_close(got.detach().double(), wanted, rtol=1e-5, atol=1e-5)


def test_zero_offset_and_unit_mask_is_an_ordinary_depthwise_convolution() -> None:
    x, offset, mask, weight = make(2, 6, 5, 64)
    got = deformable_depthwise(x, torch.zeros_like(offset), torch.ones_like(mask), weight)
    wanted = F.conv2d(x.permute(0, 3, 1, 2), weight.view(64, 1, 3, 3), padding=1, groups=64).permute(0, 2, 3, 1)
    torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-5)


def test_gradcheck_in_double() -> None:
    x, offset, mask, weight = (t.double().requires_grad_() for t in make(1, 3, 4, 2, 0.8))
    assert torch.autograd.gradcheck(deformable_depthwise, (x, offset, mask, weight))


def test_far_and_broken_offsets_sample_nothing() -> None:
    x, offset, mask, weight = make(1, 3, 3, 16)
    for value in (1e30, -1e30, math.inf, math.nan):
        out = deformable_depthwise(x, torch.full_like(offset, value), mask, weight)
        assert torch.equal(out, torch.zeros_like(out))


def test_threads_change_nothing() -> None:
    inputs, grad = make(3, 8, 9, 64), torch.randn(3, 8, 9, 64)
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 4):
            torch.set_num_threads(threads)
            results.append(gradients(deformable_depthwise, inputs, grad))
    finally:
        torch.set_num_threads(before)
    for one, four in zip(*results, strict=True):
        torch.testing.assert_close(one, four, rtol=1e-5, atol=1e-5)


def test_wrong_shapes_are_named() -> None:
    x, offset, mask, weight = make(1, 3, 3, 4)
    with pytest.raises(ValueError, match=r"offset is \(1, 3, 3, 9\)"):
        deformable_depthwise(x, offset[..., 0], mask, weight)
    with pytest.raises(ValueError, match="x must be"):
        deformable_depthwise(x[0], offset, mask, weight)
    with pytest.raises(ValueError, match="where is"):
        deformable_added(x, x, offset[..., 0], weight)
