"""Our Triton kernel without a GPU: results by Triton's interpreter, machine code by its compiler. See `make test-kernels`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

os.environ["TRITON_INTERPRET"] = "1"  # read when a kernel is defined
pytest.importorskip("triton")

from glsmamba.scan import triton_scan
from glsmamba.scan.orders import TRAVERSALS, path_orders
from glsmamba.scan.reference import scan_loop
from glsmamba.scan.selective import selective_scan

NAMES = ("u", "delta", "A", "Bm", "Cm", "D", "delta_bias")
HERE = Path(__file__).parent


def make_inputs(batch: int, order: torch.Tensor, inner: int, states: int, strength: float = 1.0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    paths, length = order.shape

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    return {
        "u": normal(batch, length, inner),
        "delta": strength * normal(batch, paths, length, inner),
        "A": -torch.exp(strength * normal(paths, inner, states)),
        "Bm": normal(batch, paths, length, states),
        "Cm": normal(batch, paths, length, states),
        "D": normal(paths, inner),
        "delta_bias": normal(paths, inner) - 3,
    }


def error(got: torch.Tensor | None, wanted: torch.Tensor | None) -> float:
    assert got is not None and wanted is not None and got.shape == wanted.shape and torch.isfinite(got).all()
    return ((got.double() - wanted).abs().max() / wanted.abs().max().clamp(min=1e-30)).item()


def check(inputs: dict[str, torch.Tensor], order: torch.Tensor, softplus: bool = True) -> None:
    mine = {n: t.clone().requires_grad_() for n, t in inputs.items()}
    true = {n: t.double().requires_grad_() for n, t in inputs.items()}
    y, last = selective_scan(
        *(mine.get(n) for n in NAMES), order, softplus, return_last_state=True, backend="triton"  # type: ignore[call-overload]
    )  # fmt: skip
    y_true, last_true = scan_loop(*(true.get(n) for n in NAMES), order, softplus)  # type: ignore[arg-type,call-arg]
    assert y.dtype == torch.float32 and error(y, y_true) < 1e-5 and error(last, last_true) < 1e-5
    grad = torch.randn(y.shape, generator=torch.Generator().manual_seed(9))
    y.backward(grad)
    y_true.backward(grad.double())
    for name, tensor in mine.items():
        assert tensor.grad is not None and tensor.grad.dtype == tensor.dtype
        assert error(tensor.grad, true[name].grad) < (1e-4 if tensor.dtype == torch.float32 else 1e-2), name


@pytest.mark.parametrize("strength", [0.5, 3.0])
def test_six_orders_over_several_tiles(strength: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triton_scan, "TOKENS", 4)  # the interpreter is slow: three short tiles, the last not full
    order = path_orders(TRAVERSALS, 1, 3, 3)
    check(make_inputs(1, order, 3, 3, strength), order)


def test_more_channels_than_a_warp_more_states_than_a_group_and_two_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triton_scan, "TOKENS", 4)
    order = torch.tensor([[3, 0, 4, 1, 2]])
    check(make_inputs(2, order, 35, 5), order)


def test_whole_tiles_as_on_a_gpu() -> None:
    order = torch.randperm(17, generator=torch.Generator().manual_seed(2))[None]
    check(make_inputs(1, order, 2, 2), order)


def test_one_token_without_softplus_skip_and_bias() -> None:
    order = torch.zeros(1, 1, dtype=torch.int64)
    inputs = make_inputs(1, order, 1, 1)
    del inputs["D"], inputs["delta_bias"]
    inputs["delta"] = inputs["delta"].abs()
    check(inputs, order, softplus=False)


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_half_inputs_with_scan_parameters_in_float32(half: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triton_scan, "TOKENS", 4)
    order = torch.tensor([[2, 0, 4, 1, 3]])
    inputs = make_inputs(1, order, 3, 2)
    check({n: t.to(half) if n in ("u", "delta", "Bm", "Cm") else t for n, t in inputs.items()}, order)


def test_extreme_exponents_vanish_cleanly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triton_scan, "TOKENS", 4)
    order = torch.arange(6)[None]
    inputs = make_inputs(1, order, 2, 2)
    inputs["A"] = torch.full_like(inputs["A"], -500.0)
    inputs["delta"], inputs["delta_bias"] = torch.full_like(inputs["delta"], 30.0), torch.zeros_like(inputs["delta_bias"])
    check(inputs, order)


@pytest.mark.parametrize("capability", [80, 90])
def test_machine_code_comes_out_without_a_gpu(capability: int) -> None:
    """For the states of B and T; prints what each kernel takes of a processor (`pytest -s` shows it)."""
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, HERE / "compile_ahead.py", str(capability)],
        capture_output=True, text=True, env=environment, cwd=HERE.parents[1], check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    kernels = json.loads(done.stdout)
    assert {k["name"] for k in kernels} == {"_tile_ends", "_chain", "_outputs", "_gradients"}
    for kernel in kernels:
        print(kernel)
        assert kernel["ptx"] > 1000 and kernel["cubin"] > 1000 and f"sm_{capability}" in kernel["target"]
        assert kernel["registers"] <= 255 and kernel["stack"] <= 512, "spills far beyond what there was"
