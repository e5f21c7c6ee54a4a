"""The selective scan against a float64 loop, on every backend that runs without a GPU."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from glsmamba.scan import cuda_scan
from glsmamba.scan.orders import path_orders, window_orders
from glsmamba.scan.reference import scan_loop
from glsmamba.scan.selective import backend_report, selective_scan
from glsmamba.scan.streams import by_paths, selective_streams

NAMES = ("u", "delta", "A", "Bm", "Cm", "D", "delta_bias")
PATHS = ("unified", "spatial", "temporal")
Inputs = dict[str, torch.Tensor]


@pytest.fixture(autouse=True)
def few_threads() -> Iterator[None]:
    """Thousands of small operations: on a busy machine OpenMP's threads would mostly wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make_inputs(batch: int, paths: int, length: int, inner: int, states: int, strong: bool = False, seed: int = 0) -> Inputs:
    """Random inputs; ``strong`` takes decays from almost none to exponents of many thousands."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    return {
        "u": normal(batch, length, inner),
        "delta": normal(batch, paths, length, inner) * (3 if strong else 1),
        "A": -torch.exp(normal(paths, inner, states) * (3 if strong else 0.7)),
        "Bm": normal(batch, paths, length, states),
        "Cm": normal(batch, paths, length, states),
        "D": normal(paths, inner),
        "delta_bias": normal(paths, inner) - 3,
        "order": torch.stack([torch.randperm(length, generator=generator) for _ in range(paths)]),
    }


def error(got: torch.Tensor | None, wanted: torch.Tensor | None) -> float:
    assert got is not None and wanted is not None and got.shape == wanted.shape
    assert torch.isfinite(got).all()
    return ((got.double() - wanted).abs().max() / wanted.abs().max().clamp(min=1e-30)).item()


def check(inputs: Inputs, backend: Any = None, softplus: bool = True, forward: float = 1e-5, backward: float = 1e-4) -> None:
    """Value, last state and all gradients within the given relative errors of the float64 loop."""
    order = inputs["order"]
    mine = {n: inputs[n].clone().requires_grad_() for n in NAMES if n in inputs}
    true = {n: inputs[n].double().requires_grad_() for n in NAMES if n in inputs}
    args = [mine.get(n) for n in NAMES], [true.get(n) for n in NAMES]
    y, last = selective_scan(*args[0], order, softplus, return_last_state=True, backend=backend)  # type: ignore[arg-type]
    y_true, last_true = scan_loop(*args[1], order, softplus)  # type: ignore[arg-type]
    assert error(y, y_true) < forward and error(last, last_true) < forward
    grad = torch.randn(y.shape, generator=torch.Generator().manual_seed(9))
    y.backward(grad)
    y_true.backward(grad.double())
    for name, tensor in mine.items():
        assert error(tensor.grad, true[name].grad) < backward, name


@pytest.mark.parametrize("backend", ["numba", "torch"])
@pytest.mark.parametrize("shape", [(2, 3, 200, 64, 5), (1, 2, 65, 70, 1), (1, 1, 1, 3, 2), (3, 2, 64, 128, 16)])
@pytest.mark.parametrize("strong", [False, True])
def test_values_and_gradients(backend: str, shape: tuple[int, int, int, int, int], strong: bool) -> None:
    check(make_inputs(*shape, strong=strong), backend)


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 150), st.integers(1, 140), st.integers(1, 9), st.booleans())
def test_any_shape(batch: int, paths: int, length: int, inner: int, states: int, strong: bool) -> None:
    check(make_inputs(batch, paths, length, inner, states, strong, seed=length))


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_long_sequence_keeps_its_accuracy(backend: str) -> None:
    inputs = make_inputs(1, 1, 4000, 8, 4)
    inputs["A"] = -torch.logspace(-3, 2, 32).view(1, 8, 4)  # memories from a token to the whole sequence
    check(inputs, backend)


def by_definition(inputs: Inputs, grad: torch.Tensor) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """y (L,I) of one path without softplus and the gradients of sum(y grad), in float64: two plain loops over the tokens."""
    order = inputs["order"][0].numpy()
    u, dt, a, bs, cs, skip = (inputs[n].double().numpy() for n in NAMES[:6])
    u, dt, bs, cs, gy = u[0][order], dt[0, 0][order], bs[0, 0][order], cs[0, 0][order], grad[0, 0].double().numpy()[order]
    decay, enter = np.exp(dt[..., None] * a[0]), (dt * u)[..., None] * bs[:, None]
    h, g = np.empty_like(decay), gy[..., None] * cs[:, None]  # of the state; g starts as what y alone asks of it
    for p in range(len(order)):
        h[p] = decay[p] * h[p - 1] + enter[p] if p else enter[p]
    for p in range(len(order) - 1, 0, -1):
        g[p - 1] += decay[p] * g[p]
    before = np.concatenate([np.zeros_like(h[:1]), h[:-1]]) * decay * g
    through = (g * bs[:, None]).sum(-1)
    back = np.argsort(order)
    gradients = {
        "u": (through * dt + gy * skip[0])[back], "delta": ((before * a[0]).sum(-1) + through * u)[back],
        "A": (before * dt[..., None]).sum(0), "Bm": (g * (dt * u)[..., None]).sum(1)[back],
        "Cm": (h * gy[..., None]).sum(1)[back], "D": (gy * u).sum(0),
    }  # fmt: skip
    return ((h * cs[:, None]).sum(-1) + skip[0] * u)[back], gradients


@settings(deadline=None, max_examples=4)
@given(length=st.integers(1, 50_000), weakest=st.floats(-4, 2), strongest=st.floats(2, 4), seed=st.integers(0, 99))
@example(length=50_000, weakest=-4.0, strongest=4.0, seed=0)
def test_any_length_and_decay_stays_near_float64(length: int, weakest: float, strongest: float, seed: int) -> None:
    """Exponents of a step from ``-10 ** strongest`` (to -10,000) to ``-10 ** weakest``; values and gradients."""
    inputs = make_inputs(1, 1, length, 4, 3, seed=seed)
    inputs["A"] = -torch.logspace(weakest - 1, strongest - 1, 12).view(1, 4, 3)  # exponents of a step of 1; steps are 0.1 to 10
    inputs["delta"] = 10 ** (2 * torch.rand(inputs["delta"].shape, generator=torch.Generator().manual_seed(seed)) - 1)
    del inputs["delta_bias"]
    leaves = {n: inputs[n].clone().requires_grad_() for n in NAMES if n in inputs}
    y = selective_scan(*leaves.values(), None, inputs["order"], False)  # type: ignore[call-overload]
    grad = torch.randn(y.shape, generator=torch.Generator().manual_seed(9))
    y.backward(grad)
    wanted, gradients = by_definition(inputs, grad)
    assert error(y[0, 0].detach(), torch.from_numpy(wanted)) < 1e-5
    for name, leaf in leaves.items():
        assert leaf.grad is not None
        assert error(leaf.grad.reshape(gradients[name].shape), torch.from_numpy(gradients[name])) < 1e-4, name


def test_nothing_to_scan_gives_nothing() -> None:
    inputs = make_inputs(2, 3, 0, 16, 4)
    leaves = [inputs[n].requires_grad_() for n in NAMES]
    y, last = selective_scan(*leaves, inputs["order"], return_last_state=True, backend="numba")  # type: ignore[call-overload]
    y.sum().backward()
    assert y.shape == (2, 3, 0, 16) and not last.any()
    assert all(leaf.grad is not None and not leaf.grad.any() for leaf in leaves)


@pytest.mark.parametrize(("streams", "inner"), [(1, 64), (3, 70), (6, 16)])
def test_step_sizes_made_in_the_kernel_and_paths_added_up_are_the_same(streams: int, inner: int) -> None:
    inputs = make_inputs(2, 6, 200, inner, 5)
    generator = torch.Generator().manual_seed(1)
    low, bs, cs = torch.randn(2, 200, 6, 13, generator=generator).transpose(1, 2).split([3, 5, 5], -1)
    weight = torch.randn(6, inner, 3, generator=generator) * 0.3
    u, a, skip, bias, order = (inputs[n] for n in ("u", "A", "D", "delta_bias", "order"))
    arguments = u, low, weight, a, bs, cs, skip, bias, order, streams

    def by_the_loop(*args: Any, delta_softplus: bool) -> torch.Tensor:
        return scan_loop(*args, delta_softplus)[0]

    wanted = torch.stack(by_paths(by_the_loop, *arguments))
    assert error(torch.stack(selective_streams(*arguments)), wanted) < 1e-6
    apart = u, low.contiguous(), weight, a, bs.contiguous(), cs.contiguous(), *arguments[6:]
    assert error(torch.stack(selective_streams(*apart)), wanted) < 1e-6
    with torch.enable_grad():  # the way that training takes
        got = selective_streams(u.requires_grad_(), *arguments[1:])
    assert got[0].requires_grad and error(torch.stack(got).detach(), wanted) < 1e-6
    with pytest.raises(ValueError, match="added up to 4 streams"):
        selective_streams(*arguments[:-1], 4)
    with pytest.raises(ValueError, match="tokens are 0 to 199"):
        selective_streams(u.detach(), *arguments[1:8], order + 1, streams)


@pytest.mark.parametrize("backend", ["numba", "torch"])
@pytest.mark.parametrize("left_out", [("D",), ("delta_bias",), ("D", "delta_bias")])
def test_optional_inputs(backend: str, left_out: tuple[str, ...]) -> None:
    inputs = make_inputs(2, 2, 70, 16, 3)
    for name in left_out:
        del inputs[name]
    check(inputs, backend)


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_without_softplus(backend: str) -> None:
    inputs = make_inputs(1, 2, 90, 16, 3)
    inputs["delta"], inputs["delta_bias"] = inputs["delta"].abs() * 0.1, inputs["delta_bias"].abs() * 0.1
    check(inputs, backend, softplus=False)


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_real_paths(backend: str) -> None:
    for order in (path_orders(PATHS, 3, 5, 4), window_orders(3, 5, 4, (2, 3))):
        inputs = make_inputs(1, order.shape[0], 60, 16, 4)
        inputs["order"] = order
        check(inputs, backend)


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_extreme_exponents_vanish_cleanly(backend: str) -> None:
    """Exponents to -10,000 and beyond: the past is forgotten, nothing turns into NaN, also in the gradients."""
    inputs = make_inputs(1, 1, 130, 8, 3)
    inputs["A"] = torch.full((1, 8, 3), -500.0)
    inputs["delta"] = torch.full((1, 1, 130, 8), 30.0)
    inputs["delta_bias"].zero_()
    check(inputs, backend)
    y = selective_scan(*(inputs[n] for n in NAMES), inputs["order"], backend=backend)  # type: ignore[arg-type]
    now = 30 * inputs["u"][:, None] * (inputs["Bm"] * inputs["Cm"]).sum(-1, keepdim=True) + inputs["D"] * inputs["u"][:, None]
    torch.testing.assert_close(y, now, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("value", [-200.0, -30.0, -5.0, 0.0, 5.0, 19.9, 20.1, 300.0])
def test_softplus_keeps_relative_accuracy(value: float) -> None:
    """One token, one state: y is dt * u, so y shows the step size itself, also where it is tiny."""
    one = torch.ones(1, 1, 1, 1)
    y = selective_scan(one[0], one * value, -one[0], one, one, None, None, torch.zeros(1, 1, dtype=torch.int64))
    wanted = F.softplus(torch.tensor(value, dtype=torch.float64))
    assert abs(y.item() - wanted.item()) <= 2e-6 * wanted.item() + 1e-37


def test_input_gradient_alone_is_a_row_of_the_hidden_matrix() -> None:
    """The kernel trick of the activation maps: only u needs a gradient, and the other gradients are not computed."""
    inputs = make_inputs(1, 2, 150, 70, 4)
    del inputs["D"]
    u, delta, a, bs, cs = (inputs[n] for n in NAMES[:5])
    bias, order, query = inputs["delta_bias"], inputs["order"], 17
    leaf = u.clone().requires_grad_()
    y = selective_scan(leaf, delta, a, bs, cs, None, bias, order)
    (row,) = torch.autograd.grad(y[0, 1, query].sum(), leaf)
    dt = F.softplus((delta + bias[:, None]).double())[0, 1][order[1]]
    position = int((order[1] == query).nonzero())
    elapsed = dt.cumsum(0)
    wanted = torch.zeros(150, 70, dtype=torch.float64)
    for p in range(position + 1):
        decay = torch.exp((elapsed[position] - elapsed[p])[:, None] * a[1].double())
        weights = cs[0, 1, query].double() * bs[0, 1, order[1, p]].double()
        wanted[order[1, p]] = dt[p] * (decay * weights).sum(-1)
    assert error(row[0], wanted) < 1e-5


def test_strided_and_half_inputs_under_autocast_run_in_float32() -> None:
    inputs = make_inputs(1, 2, 40, 16, 3)
    plain = [inputs[n] for n in NAMES]
    wanted = selective_scan(*plain, inputs["order"])  # type: ignore[call-overload]
    both = torch.cat([inputs["Bm"], inputs["Cm"]], -1)
    strided = [inputs["u"].transpose(1, 2).contiguous().transpose(1, 2), *plain[1:3], both[..., :3], both[..., 3:], *plain[5:]]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = selective_scan(*strided, inputs["order"])  # type: ignore[call-overload]
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, wanted)


def test_double_input_stays_double_and_passes_gradcheck() -> None:
    inputs = make_inputs(1, 2, 5, 2, 2)
    leaves = [inputs[n].double().requires_grad_() for n in NAMES]
    assert torch.autograd.gradcheck(lambda *x: selective_scan(*x, inputs["order"]), leaves)


def test_results_do_not_depend_on_threads() -> None:
    inputs = make_inputs(2, 3, 130, 128, 4)
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            leaves = [inputs[n].clone().requires_grad_() for n in NAMES]
            y = selective_scan(*leaves, inputs["order"])  # type: ignore[call-overload]
            y.square().sum().backward()
            results.append([y, *(leaf.grad for leaf in leaves)])
    finally:
        torch.set_num_threads(before)
    for one, three in zip(*results, strict=True):
        torch.testing.assert_close(one, three, rtol=1e-5, atol=1e-4)


def test_several_threads_at_once() -> None:
    torch.set_num_threads(2)
    inputs = make_inputs(1, 3, 300, 64, 4)
    args = [inputs[n] for n in NAMES]
    wanted = selective_scan(*args, inputs["order"])  # type: ignore[call-overload]
    results: list[torch.Tensor] = []
    workers = [threading.Thread(target=lambda: results.append(selective_scan(*args, inputs["order"]))) for _ in range(6)]  # type: ignore[call-overload]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(results) == 6 and all(torch.equal(r, wanted) for r in results)


def test_bad_shapes_and_orders_are_named() -> None:
    inputs = make_inputs(1, 2, 10, 4, 3)
    args = {n: inputs[n] for n in (*NAMES, "order")}
    with pytest.raises(ValueError, match=r"Bm is \(1, 2, 10, 2\) but"):
        selective_scan(**{**args, "Bm": args["Bm"][..., :2]})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="tokens are 0 to 9"):
        selective_scan(**{**args, "order": args["order"] + 1})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="int64"):
        selective_scan(**{**args, "order": args["order"].int()})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no scan backend"):
        selective_scan(**args, backend="abacus")  # type: ignore[arg-type]


# --- the adapter to the published CUDA kernel -----------------------------------------------------------------------------


def kernel_stand_in(
    u: torch.Tensor,
    delta: torch.Tensor,
    A: torch.Tensor,
    B: torch.Tensor,
    C: torch.Tensor,
    D: torch.Tensor | None = None,
    z: torch.Tensor | None = None,
    delta_bias: torch.Tensor | None = None,
    delta_softplus: bool = False,
    return_last_state: bool = False,
) -> Any:
    """What ``mamba_ssm``'s ``selective_scan_fn`` documents, with the checks its C++ side makes, as a plain loop."""
    batch, dim, length = u.shape
    assert u.dtype == delta.dtype == B.dtype == C.dtype and u.dtype in (torch.float32, torch.float16, torch.bfloat16)
    states = A.shape[1]
    assert A.dtype == torch.float32 and A.shape[0] == dim and states <= 256
    assert delta.shape == u.shape and u.stride(-1) == 1 and delta.stride(-1) == 1
    groups = B.shape[1]
    assert B.shape == C.shape == (batch, groups, states, length) and dim % groups == 0
    assert B.stride(-1) == 1 and C.stride(-1) == 1 and A.is_contiguous()
    for vector in (D, delta_bias):
        assert vector is None or (vector.dtype == torch.float32 and vector.shape == (dim,) and vector.is_contiguous())
    assert z is None
    dt = delta.float() + (0 if delta_bias is None else delta_bias[:, None])
    dt = F.softplus(dt) if delta_softplus else dt
    b, c = (t.float().repeat_interleave(dim // groups, 1) for t in (B, C))
    h = torch.zeros(batch, dim, states)
    ys = []
    for i in range(length):
        h = torch.exp(dt[:, :, i, None] * A) * h + (dt[:, :, i] * u[:, :, i])[..., None] * b[..., i]
        ys.append((h * c[..., i]).sum(-1))
    y = torch.stack(ys, 2) + (0 if D is None else D[:, None] * u)
    # The real one hands out every second number of its chunks' states: a view that is not contiguous.
    last = torch.stack([h, h], -1).flatten(-2)[..., 1::2]
    return (y.to(u.dtype), last) if return_last_state else y.to(u.dtype)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(cuda_scan, "_loaded", (kernel_stand_in, "stand-in"))
    yield


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_groups_of_b_and_c_within_a_path_are_those_of_the_published_kernel(backend: Any) -> None:
    inputs = make_inputs(2, 1, 70, 12, 3)
    order = inputs["order"] = torch.arange(70)[None]
    inputs["Bm"], inputs["Cm"] = torch.randn(2, 2, 1, 3, 70, 3, generator=torch.Generator().manual_seed(4))
    mine, theirs = ({n: inputs[n].clone().requires_grad_() for n in NAMES} for _ in range(2))
    y, last = selective_scan(*mine.values(), order, return_last_state=True, backend=backend)  # type: ignore[call-overload]
    u, delta, a, bs, cs, skip, bias = theirs.values()
    along = [t.transpose(-1, -2).contiguous() for t in (u, delta[:, 0], bs[:, 0], cs[:, 0])]
    wanted, last_wanted = kernel_stand_in(*along[:2], a[0], *along[2:], skip[0], None, bias[0], True, True)
    assert error(y[:, 0], wanted.transpose(1, 2).double()) < 1e-5 and error(last[:, 0], last_wanted.double()) < 1e-5
    grad = torch.randn(y.shape, generator=torch.Generator().manual_seed(9))
    y.backward(grad)
    wanted.backward(grad[:, 0].transpose(1, 2))
    for name, tensor in mine.items():
        assert error(tensor.grad, theirs[name].grad.double()) < 1e-4, name  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="not equal groups"):
        selective_scan(u, delta, a, bs[:, :, :2], cs, skip, bias, order)


@pytest.mark.usefixtures("stand_in")
def test_published_kernel_gets_what_it_asks_for() -> None:
    check(make_inputs(2, 3, 40, 8, 4), "mamba_ssm")
    inputs = make_inputs(1, 2, 12, 4, 2)
    del inputs["D"], inputs["delta_bias"]
    check(inputs, "mamba_ssm")
    assert backend_report("cuda").name == "mamba_ssm"


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_published_kernel_reads_half_inputs_as_they_are_and_scan_parameters_in_float32(half: torch.dtype) -> None:
    inputs = make_inputs(1, 2, 30, 8, 4)
    for name in ("u", "delta", "Bm", "Cm"):
        inputs[name] = inputs[name].to(half)
    leaves = {n: inputs[n].clone().requires_grad_() for n in NAMES}
    y = selective_scan(*leaves.values(), inputs["order"], backend="mamba_ssm")  # type: ignore[call-overload]
    wanted, _ = scan_loop(*(inputs[n] for n in NAMES), inputs["order"])  # type: ignore[arg-type]
    assert y.dtype == torch.float32 and error(y, wanted) < 1e-2
    y.sum().backward()
    assert all(leaf.grad is not None and leaf.grad.dtype == leaf.dtype for leaf in leaves.values())


@pytest.mark.usefixtures("stand_in")
def test_published_kernel_is_called_once_for_all_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counting(*args: Any, **kwargs: Any) -> Any:
        calls.append(args[0].shape)
        return kernel_stand_in(*args, **kwargs)

    monkeypatch.setattr(cuda_scan, "_loaded", (counting, ""))
    inputs = make_inputs(2, 3, 20, 8, 4)
    selective_scan(*(inputs[n] for n in NAMES), inputs["order"], backend="mamba_ssm")  # type: ignore[arg-type]
    assert calls == [(2, 24, 20)]


@pytest.mark.parametrize("problem", [ImportError("no module named mamba_ssm"), OSError("undefined symbol: _ZN3c10")])
def test_a_missing_or_broken_kernel_leads_to_the_next_and_why(problem: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    real = builtins.__import__

    def failing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("mamba_ssm"):
            raise problem
        return real(name, *args, **kwargs)

    monkeypatch.setattr(cuda_scan, "_loaded", None)
    monkeypatch.setattr(builtins, "__import__", failing)
    report = backend_report("cuda")
    assert report.name in ("triton", "torch") and str(problem) in report.reason and "mamba-ssm" in report.reason
    inputs = make_inputs(1, 1, 4, 2, 2)
    with pytest.raises(ValueError, match="mamba-ssm backend cannot be used"):
        selective_scan(*(inputs[n] for n in NAMES), inputs["order"], backend="mamba_ssm")  # type: ignore[arg-type]


def test_the_processor_gets_the_compiled_kernel() -> None:
    assert backend_report("cpu").name == "numba"
    assert backend_report("mps").name == "torch" and "mps" in backend_report("mps").reason


def test_an_unwritable_cache_does_no_harm(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel whose cache cannot be saved still runs."""
    from glsmamba.scan.jit import Kernel

    def double(x: np.ndarray) -> float:
        return 2 * x[0]

    made = Kernel(double)
    monkeypatch.setattr(type(made.dispatcher._cache), "save_overload", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    assert made(np.ones(1)) == 2
