"""The selective scan on CUDA through the published kernel of the package mamba-ssm (version 2, ``selective_scan_fn``).

The package is an optional extra. All paths go into one call: channels of path k are k*I .. (k+1)*I-1, and B and C are given
in K groups, which the kernel assigns to equal runs of consecutive channels.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import torch

MAX_STATES = 256
_lock = threading.Lock()
_loaded: tuple[Callable[..., Any] | None, str] | None = None


def load_kernel() -> tuple[Callable[..., Any] | None, str]:
    """``selective_scan_fn`` or None, and a reason in words. Tried once; a broken install counts as absent."""
    global _loaded
    with _lock:
        if _loaded is None:
            try:
                from mamba_ssm.ops.selective_scan_interface import selective_scan_fn
            except ImportError as error:
                _loaded = None, f"mamba-ssm cannot be imported ({_short(error)})"
            except Exception as error:  # shared libraries built for another torch or CUDA fail in many ways
                _loaded = None, f"mamba-ssm is installed but does not load ({_short(error)})"
            else:
                _loaded = selective_scan_fn, "mamba-ssm is installed"
        return _loaded


def _short(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:120]}" if text else type(error).__name__


def scan_mamba_ssm(
    u: torch.Tensor,
    delta: torch.Tensor,
    A: torch.Tensor,
    Bm: torch.Tensor,
    Cm: torch.Tensor,
    D: torch.Tensor | None,
    delta_bias: torch.Tensor | None,
    order: torch.Tensor,
    softplus: bool,
    function: Callable[..., Any],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Shapes as in :func:`glsmamba.scan.selective.selective_scan`; ``function`` is ``selective_scan_fn``.

    Raises ValueError if there are more states than the kernel takes.
    """
    batch, paths, length, inner = delta.shape
    states = A.shape[2]
    if states > MAX_STATES:
        raise ValueError(f"The mamba-ssm kernel takes at most {MAX_STATES} states, not {states}; use backend='torch'.")
    # The kernel wants the sequence in the last, contiguous dimension and everything in visiting order.
    index = order[None, :, :, None]
    x = u[:, order].permute(0, 1, 3, 2).reshape(batch, paths * inner, length).contiguous()
    dt = delta.gather(2, index.expand_as(delta)).permute(0, 1, 3, 2).reshape(batch, paths * inner, length).contiguous()
    b, c = (t.gather(2, index.expand_as(t)).permute(0, 1, 3, 2).contiguous() for t in (Bm, Cm))
    y, last = function(
        x,
        dt,
        A.reshape(paths * inner, states).contiguous(),
        b,
        c,
        None if D is None else D.reshape(-1).contiguous(),
        z=None,
        delta_bias=None if delta_bias is None else delta_bias.reshape(-1).contiguous(),
        delta_softplus=softplus,
        return_last_state=True,
    )
    y = y.view(batch, paths, inner, length).permute(0, 1, 3, 2)
    inverse = torch.argsort(order, 1)[None, :, :, None]
    return y.gather(2, inverse.expand_as(y)), last.view(batch, paths, inner, states).detach()
