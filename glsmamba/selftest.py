"""The self-test: every kernel that a device could use against the float64 reference, on that very device.

A small case with the real six orders, mild and strong decays and all gradients; then, if wanted, one of preset T's size for the
time.
A kernel that computes wrongly or fails is refused for the process (:mod:`glsmamba.scan.refusals`), and the next one is taken.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from torch import Tensor

from glsmamba.scan import deform
from glsmamba.scan.orders import TRAVERSALS, path_orders
from glsmamba.scan.reference import scan_loop
from glsmamba.scan.refusals import Part, forget, refuse
from glsmamba.scan.selective import BACKENDS, Backend, backend_problem, selective_scan

FORWARD, BACKWARD = 1e-4, 1e-3
"""Largest error allowed, relative to the largest value. Sound kernels stay ten times below; a wrong one is far beyond."""


@dataclass(frozen=True)
class KernelCheck:
    """What became of one kernel.

    Attributes:
        part: ``scan`` or ``deform``.
        backend: its name.
        forward, backward: largest errors of the output and of any gradient, relative to the largest true value.
        ms: time of one forward pass at 5 x 48 x 36 tokens and 64 channels, after a first one; 0 where it was not taken.
        problem: what is wrong, as part of a sentence; empty when all is well.
    """

    part: Part
    backend: str
    forward: float = 0.0
    backward: float = 0.0
    ms: float = 0.0
    problem: str = ""


def self_test(device: str | torch.device = "cpu", thorough: bool = True) -> list[KernelCheck]:
    """Try the kernels that can be loaded for a device and refuse those that fail.

    Args:
        device: ``cpu`` or ``cuda:n``.
        thorough: try all kernels and take their times, which may be half a minute on a CPU; else, for each part, only until one
            is found sound, which takes about a second.
    """
    device = torch.device(device)
    forget(device)
    candidates: dict[Part, list[str]] = {
        "scan": [name for name in BACKENDS.get(device.type, ("torch",)) if backend_problem(name) is None],
        "deform": list(dict.fromkeys((deform.deform_backend(device), "grid_sample"))),
    }
    checks = []
    for part, names in candidates.items():
        for name in names:
            check = _checked(part, name, device, thorough)
            checks.append(check)
            if check.problem:
                refuse(device, part, name, failure(part, name))
            elif not thorough:
                break
    return checks


def failure(part: str, backend: str) -> str:
    """Why a kernel is refused, as part of a sentence."""
    return f"the {backend} {part} kernel failed its self-test"


def fingerprint(device: str | torch.device) -> dict[str, str]:
    """What a verdict depends on: the device, its driver, the libraries and our kernels' sources."""
    device = torch.device(device)
    facts = {"device": _cpu_name() if device.type == "cpu" else torch.cuda.get_device_name(device)}
    if device.type == "cuda":
        facts["cuda"] = str(torch.version.cuda or torch.version.hip)
        driver = Path("/proc/driver/nvidia/version")
        facts["driver"] = driver.read_text().splitlines()[0] if driver.is_file() else str(torch._C._cuda_getDriverVersion())  # type: ignore[attr-defined]
    for package in ("torch", "numba", "triton", "mamba-ssm"):
        facts[package] = _version(package)
    facts["kernels"] = _sources()
    return facts


def _checked(part: Part, backend: str, device: torch.device, timed: bool) -> KernelCheck:
    try:
        forward, backward, ms = (_scan if part == "scan" else _deform)(backend, device, timed)
    except Exception as error:  # a kernel that does not run is as bad as one that computes wrongly
        text = str(error).strip().splitlines()
        return KernelCheck(part, backend, problem=f"it fails with {type(error).__name__}{': ' + text[0][:160] if text else ''}")
    problem = ""
    if not forward <= FORWARD:  # also where it is not a number
        problem = f"its output is wrong by {forward:.0e} of the largest value"
    elif not backward <= BACKWARD:
        problem = f"its gradients are wrong by {backward:.0e} of the largest value"
    return KernelCheck(part, backend, forward, backward, ms, problem)


def _scan(backend: str, device: torch.device, timed: bool) -> tuple[float, float, float]:
    """Errors forward and backward, and the time if it is wanted."""
    name: Backend = backend  # type: ignore[assignment]
    inputs, order = _scan_inputs(1, (3, 5, 7), 40, 5)
    got = _with_gradients(partial(_call, order.to(device), name), inputs, device, torch.float32)
    true = _with_gradients(partial(_call, order, None), inputs, torch.device("cpu"), torch.float64)
    errors = _error(got[0], true[0]), max(map(_error, got[1:], true[1:]))
    if not timed:
        return *errors, 0.0
    inputs, order = _scan_inputs(1, (5, 48, 36), 64, 8)
    there = [tensor.to(device) for tensor in inputs]
    order = order.to(device)
    return *errors, _milliseconds(lambda: _call(order, name, *there), device)


def _call(order: Tensor, backend: Backend | None, *inputs: Tensor) -> Tensor:
    """One backend's output, or the reference's."""
    if backend is None:
        return scan_loop(*inputs, order)[0]  # type: ignore[call-arg,arg-type]
    return selective_scan(*inputs, order, backend=backend)  # type: ignore[call-overload,no-any-return]


def _scan_inputs(batch: int, grid: tuple[int, int, int], inner: int, states: int) -> tuple[list[Tensor], Tensor]:
    """Every second channel decays strongly, down to exponents of some thousands."""
    order = path_orders(TRAVERSALS, *grid)
    paths, length = order.shape
    generator = torch.Generator().manual_seed(3)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    strong = torch.arange(inner) % 2
    return [
        normal(batch, length, inner),
        normal(batch, paths, length, inner) * (1 + 2 * strong),
        -torch.exp(normal(paths, inner, states) * (0.7 + 2.3 * strong[:, None])),
        normal(batch, paths, length, states),
        normal(batch, paths, length, states),
        normal(paths, inner),
        normal(paths, inner) - 3,
    ], order


def _deform(backend: str, device: torch.device, timed: bool) -> tuple[float, float, float]:
    generator = torch.Generator().manual_seed(4)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    kernel = deform.deformable_by_grid_sample if backend == "grid_sample" else deform.deformable_depthwise
    inputs = [normal(2, 9, 7, 20), 2 * normal(2, 9, 7, 9, 2), normal(2, 9, 7, 9), normal(20, 9)]
    got = _with_gradients(kernel, inputs, device, torch.float32)
    true = _with_gradients(deform.deformable_by_grid_sample, inputs, torch.device("cpu"), torch.float64)
    wrong = _error(got[0], true[0])
    if backend != "grid_sample":  # the pass without gradients, as the model calls it
        x, offset, mask, weight = inputs
        given = normal(2, 9, 7, 20), x, torch.cat([offset.flatten(-2), mask], -1), weight
        wanted = deform.added(deform.deformable_by_grid_sample, *(t.double() for t in given))
        with torch.no_grad():
            wrong = max(wrong, _error(deform.deformable_added(*(t.to(device) for t in given)), wanted))
    errors = wrong, max(map(_error, got[1:], true[1:]))
    if not timed:
        return *errors, 0.0
    big = [t.to(device) for t in (normal(5, 48, 36, 64), normal(5, 48, 36, 9, 2), normal(5, 48, 36, 9), normal(64, 9))]
    return *errors, _milliseconds(lambda: kernel(*big), device)


def _with_gradients(
    function: Callable[..., Tensor], inputs: list[Tensor], device: torch.device, dtype: torch.dtype
) -> list[Tensor]:
    """The output for inputs moved to a device, and the gradients of all of them for a fixed random gradient of the output."""
    leaves = [tensor.detach().to(device, dtype, copy=True).requires_grad_() for tensor in inputs]
    with torch.enable_grad():
        y = function(*leaves)
        y.backward(torch.randn(y.shape, generator=torch.Generator().manual_seed(5)).to(y))
    return [y.detach(), *(leaf.grad for leaf in leaves if leaf.grad is not None)]


def _error(got: Tensor, true: Tensor) -> float:
    """Largest difference relative to the largest true value; infinite where it is not a number."""
    value = float((got.cpu().double() - true).abs().max() / true.abs().max())
    return value if value == value else float("inf")


def _milliseconds(call: Callable[[], Tensor], device: torch.device) -> float:
    with torch.inference_mode():
        for _ in range(2):  # the first call may compile
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            started = time.perf_counter()
            call()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
    return (time.perf_counter() - started) * 1000


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        import platform

        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "CPU")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "-"


@lru_cache(maxsize=1)
def _sources() -> str:
    """Digest of the files that the kernels are made of."""
    files = sorted((Path(__file__).parent / "scan").glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in [*files, Path(__file__)])).hexdigest()[:16]
