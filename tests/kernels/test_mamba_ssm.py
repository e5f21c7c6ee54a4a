"""Our adapter against mamba-ssm's own Python reference, from the pinned release installed without a compiler."""

from __future__ import annotations

import sys
import types
from importlib.util import find_spec
from typing import Any

import pytest
import torch

from glsmamba.scan import cuda_scan
from glsmamba.scan.reference import scan_loop
from glsmamba.scan.selective import selective_scan

NAMES = ("u", "delta", "A", "Bm", "Cm", "D", "delta_bias")


@pytest.fixture(scope="module")
def reference() -> Any:
    """``selective_scan_ref``; stand-ins for the compiled part and for the package, which imports transformers."""
    spec = find_spec("mamba_ssm")
    if spec is None:
        pytest.skip("mamba-ssm is not installed")
    package = types.ModuleType("mamba_ssm")
    package.__path__ = list(spec.submodule_search_locations or ())
    sys.modules["mamba_ssm"] = package
    sys.modules["selective_scan_cuda"] = types.ModuleType("selective_scan_cuda")
    from mamba_ssm.ops.selective_scan_interface import selective_scan_ref

    return selective_scan_ref


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("left_out", [(), ("D", "delta_bias")])
def test_six_paths_in_one_call_of_the_published_reference(
    reference: Any, left_out: tuple[str, ...], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def counted(*args: Any, **kwargs: Any) -> Any:
        calls.append(args[0].shape)
        return reference(*args, **kwargs)

    monkeypatch.setattr(cuda_scan, "_loaded", (counted, "the reference"))
    generator = torch.Generator().manual_seed(1)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    order = torch.stack([torch.randperm(33, generator=generator) for _ in range(6)])
    inputs = {
        "u": normal(2, 33, 8), "delta": normal(2, 6, 33, 8), "A": -torch.exp(normal(6, 8, 4)), "Bm": normal(2, 6, 33, 4),
        "Cm": normal(2, 6, 33, 4), "D": normal(6, 8), "delta_bias": normal(6, 8) - 3,
    }  # fmt: skip
    inputs = {n: t.to(dtype) if n in ("u", "delta", "Bm", "Cm") else t for n, t in inputs.items() if n not in left_out}
    mine = {n: t.clone().requires_grad_() for n, t in inputs.items()}
    true = {n: t.double().requires_grad_() for n, t in inputs.items()}
    arguments = [mine.get(n) for n in NAMES]
    y, last = selective_scan(*arguments, order, return_last_state=True, backend="mamba_ssm")  # type: ignore[call-overload]
    y_true, last_true = scan_loop(*(true.get(n) for n in NAMES), order)  # type: ignore[arg-type,call-arg]
    assert calls == [(2, 48, 33)]
    y.sum().backward()
    y_true.sum().backward()
    limit = 1e-5 if dtype == torch.float32 else 2e-2
    pairs = {"y": (y, y_true), "last": (last, last_true), **{n: (mine[n].grad, true[n].grad) for n in mine}}
    for name, (got, wanted) in pairs.items():
        assert ((got.double() - wanted).abs().max() / wanted.abs().max()).item() < 10 * limit, name
    assert y.dtype == torch.float32
