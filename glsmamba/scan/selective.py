"""The selective scan (S6) of Mamba over several token orders at once: one function, several backends.

For each path k, visiting the tokens in the order ``order[k]``, and each channel i (Gu and Dao, Mamba, 2023; Euler step for B as
in the published kernel)::

    h[n] = exp(dt * A[k,i,n]) * h[n] + dt * B[k,token,n] * u[token,i]      dt = softplus(delta + delta_bias)
    y    = sum_n C[k,token,n] * h[n] + D[k,i] * u[token,i]
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, overload

import torch

from glsmamba.scan.cuda_scan import load_kernel, scan_mamba_ssm
from glsmamba.scan.refusals import refusal
from glsmamba.scan.torch_scan import scan_torch

Backend = Literal["numba", "mamba_ssm", "triton", "torch"]
BACKENDS: dict[str, tuple[Backend, ...]] = {"cpu": ("numba", "torch"), "cuda": ("mamba_ssm", "triton", "torch")}
"""Implementations by kind of device, the first that can be used is taken. PyTorch is always the last."""
_HALVES = ({torch.float16}, {torch.bfloat16})
_WORDS = {
    "numba": "kernel compiled for this processor by numba",
    "mamba_ssm": "mamba-ssm is installed",
    "triton": "our kernel in Triton",
}


@dataclass(frozen=True)
class BackendReport:
    """Which implementation of the scan a device gets, and why."""

    name: Backend
    reason: str


def backend_report(device: str | torch.device = "cpu") -> BackendReport:
    """The backend that ``selective_scan`` takes on a device (``cpu``, ``cuda:0``) for float32, with the reason in words.

    Not silent: the program shows this in its status bar and in ``info``.
    """
    kind = torch.device(device).type
    problems: list[str] = []
    for name in BACKENDS.get(kind, ()):
        problem = refusal(device, "scan", name) or backend_problem(name)
        if problem is None and name != "torch":
            return BackendReport(name, "; ".join([*problems, _WORDS[name]]))
        if problem is not None:
            problems.append(problem)
    if not problems:
        return BackendReport("torch", f"there is no kernel for {kind!r} devices: plain PyTorch, chunk by chunk")
    slower = ", about 15 times slower" if kind == "cpu" else ", chunk by chunk"
    return BackendReport("torch", f"{'; '.join(problems)}: plain PyTorch{slower}")


def backend_problem(name: Backend) -> str | None:
    """Why an implementation cannot be loaded here, in words, or None. Each is tried once."""
    if name == "mamba_ssm":
        function, reason = load_kernel()
        return reason if function is None else None
    return {"numba": _numba_problem, "triton": _triton_problem}[name]() if name != "torch" else None


@lru_cache(maxsize=1)
def _numba_problem() -> str | None:
    try:
        import glsmamba.scan.numba_scan  # noqa: F401
    except Exception as error:  # numba or llvmlite missing, or refusing this Python or NumPy
        return f"numba cannot be used ({type(error).__name__}: {error})"
    return None


@lru_cache(maxsize=1)
def _triton_problem() -> str | None:
    try:
        import glsmamba.scan.triton_scan  # noqa: F401
    except Exception as error:  # PyTorch for Windows or older builds come without it
        return f"Triton cannot be used ({type(error).__name__}: {error})"
    return None


@overload
def selective_scan(
    u: torch.Tensor,
    delta: torch.Tensor,
    A: torch.Tensor,
    Bm: torch.Tensor,
    Cm: torch.Tensor,
    D: torch.Tensor | None,
    delta_bias: torch.Tensor | None,
    order: torch.Tensor,
    delta_softplus: bool = ...,
    return_last_state: Literal[False] = ...,
    backend: Backend | None = ...,
) -> torch.Tensor: ...


@overload
def selective_scan(
    u: torch.Tensor,
    delta: torch.Tensor,
    A: torch.Tensor,
    Bm: torch.Tensor,
    Cm: torch.Tensor,
    D: torch.Tensor | None,
    delta_bias: torch.Tensor | None,
    order: torch.Tensor,
    delta_softplus: bool = ...,
    *,
    return_last_state: Literal[True],
    backend: Backend | None = ...,
) -> tuple[torch.Tensor, torch.Tensor]: ...


def selective_scan(
    u: torch.Tensor,
    delta: torch.Tensor,
    A: torch.Tensor,
    Bm: torch.Tensor,
    Cm: torch.Tensor,
    D: torch.Tensor | None,
    delta_bias: torch.Tensor | None,
    order: torch.Tensor,
    delta_softplus: bool = True,
    return_last_state: bool = False,
    backend: Backend | None = None,
) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
    """Scan the tokens along K paths. Everything goes in and comes out in raster token order.

    Args:
        u: (B, L, I) input, shared by all paths and read through ``order``.
        delta: (B, K, L, I) step sizes before bias and softplus, indexed by raster token.
        A: (K, I, N) decay rates, negative.
        Bm, Cm: (B, K, L, N), indexed by raster token, or (B, K, G, L, N): group g serves the g-th of G equal runs of channels,
            as mamba-ssm has it within a sequence.
        D: (K, I) skip connection, or None.
        delta_bias: (K, I), or None.
        order: (K, L) int64; ``order[k, p]`` is the raster index of the token at position p of path k. Each row must be a
            permutation of 0..L-1.
        delta_softplus: apply softplus to ``delta + delta_bias``.
        return_last_state: also return the state after the last token; no gradient flows through it.
        backend: take this implementation instead of the one that suits the device.

    Returns:
        y (B, K, L, I) float32, and with ``return_last_state`` the state (B, K, I, N). The state, A, D and delta_bias are
        float32 whatever autocast says. u, delta, Bm and Cm may be float16 or bfloat16: mamba-ssm and Triton read them as they
        are, the others convert them first. On the torch backend float64 input stays float64.

    Raises:
        ValueError: shapes or ``order`` do not fit, or the backend cannot take these tensors.
    """
    if Bm.ndim == 5 or Cm.ndim == 5:
        y, last = _by_groups(u, delta, A, Bm, Cm, D, delta_bias, order, delta_softplus, backend)
        return (y, last) if return_last_state else y
    if delta.ndim != 4:
        raise ValueError(f"delta must be (B, K, L, I), but it is {tuple(delta.shape)}.")
    check_inputs(tuple(delta.shape), u, A, Bm, Cm, D, delta_bias, order)
    double = u.dtype == torch.float64
    backend = backend or ("torch" if double else backend_report(u.device).name)
    dtype = torch.float64 if double and backend == "torch" else torch.float32
    if backend not in ("mamba_ssm", "triton") or {t.dtype for t in (u, delta, Bm, Cm)} not in _HALVES:
        u, delta, Bm, Cm = (t.to(dtype) for t in (u, delta, Bm, Cm))
    A = A.to(dtype)
    D, delta_bias = (None if t is None else t.to(dtype) for t in (D, delta_bias))
    with torch.autocast(u.device.type, enabled=False):
        if backend == "numba":
            from glsmamba.scan.numba_scan import scan_cpu

            if u.device.type != "cpu":
                raise ValueError(f"The numba scan works on the CPU, but the tensors are on {u.device}; use backend='torch'.")
            y, last = scan_cpu(u, delta, A, Bm, Cm, D, delta_bias, order, delta_softplus)
        elif backend == "mamba_ssm":
            function, reason = load_kernel()
            if function is None:
                raise ValueError(f"The mamba-ssm backend cannot be used: {reason}.")
            y, last = scan_mamba_ssm(u, delta, A, Bm, Cm, D, delta_bias, order, delta_softplus, function)
            y = y.float()
        elif backend == "triton":
            if (problem := _triton_problem()) is not None:
                raise ValueError(f"The Triton backend cannot be used: {problem}.")
            from glsmamba.scan.triton_scan import scan_triton

            y, last = scan_triton(u, delta, A, Bm, Cm, D, delta_bias, order, delta_softplus)
        elif backend == "torch":
            y, last = scan_torch(u, delta, A, Bm, Cm, D, delta_bias, order, delta_softplus)
        else:
            raise ValueError(f"There is no scan backend {backend!r}; use 'numba', 'mamba_ssm', 'triton' or 'torch'.")
    return (y, last) if return_last_state else y


def _by_groups(
    u: torch.Tensor,
    delta: torch.Tensor,
    A: torch.Tensor,
    Bm: torch.Tensor,
    Cm: torch.Tensor,
    D: torch.Tensor | None,
    delta_bias: torch.Tensor | None,
    order: torch.Tensor,
    softplus: bool,
    backend: Backend | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """One scan a group over its own channels; channels do not see each other."""
    groups, inner = Bm.shape[2], u.shape[-1]
    if Bm.ndim != 5 or Cm.ndim != 5 or Cm.shape[2] != groups or groups < 1 or inner % groups:
        raise ValueError(
            f"Bm {tuple(Bm.shape)} and Cm {tuple(Cm.shape)} are not equal groups, (B, K, G, L, N), of {inner} channels."
        )
    results = []
    for g in range(groups):
        own = slice(inner // groups * g, inner // groups * (g + 1))
        skip, bias = (None if t is None else t[:, own] for t in (D, delta_bias))
        results.append(
            selective_scan(
                u[..., own], delta[..., own], A[:, own], Bm[:, :, g], Cm[:, :, g], skip, bias, order, softplus,
                return_last_state=True, backend=backend,
            )
        )  # fmt: skip
    return torch.cat([y for y, _ in results], -1), torch.cat([last for _, last in results], 2)


def check_inputs(
    sizes: tuple[int, ...],
    u: torch.Tensor,
    A: torch.Tensor,
    Bm: torch.Tensor,
    Cm: torch.Tensor,
    D: torch.Tensor | None,
    delta_bias: torch.Tensor | None,
    order: torch.Tensor,
) -> None:
    """Raise ``ValueError`` unless all fit step sizes of ``sizes`` (B, K, L, I) and ``order`` stays among the tokens."""
    if A.ndim != 3:
        raise ValueError(f"A must be (K, I, N), but it is {tuple(A.shape)}.")
    (batch, paths, length, inner), states = sizes, A.shape[2]
    wanted = {
        "u": (u, (batch, length, inner)),
        "A": (A, (paths, inner, states)),
        "Bm": (Bm, (batch, paths, length, states)),
        "Cm": (Cm, (batch, paths, length, states)),
        "D": (D, (paths, inner)),
        "delta_bias": (delta_bias, (paths, inner)),
        "order": (order, (paths, length)),
    }
    for name, (tensor, shape) in wanted.items():
        if tensor is not None and tuple(tensor.shape) != shape:
            raise ValueError(f"{name} is {tuple(tensor.shape)} but with step sizes {sizes} it must be {shape}.")
    if order.dtype != torch.int64:
        raise ValueError(f"order holds {order.dtype}; token indices must be int64.")
    # An index outside the tokens would read and write foreign memory in the CPU kernel.
    if order.device.type == "cpu" and order.numel() and not 0 <= int(order.min()) <= int(order.max()) < length:
        raise ValueError(f"order reaches from {int(order.min())} to {int(order.max())}, but the tokens are 0 to {length - 1}.")
