"""The selective scan as the model's blocks use it: step sizes of low rank in, sums of paths out.

A block adds up the paths of a traversal's two directions, and its step sizes are a product of two small matrices. Told both,
the compiled kernel makes step sizes tile by tile and adds where it writes, and so reads and writes a third of the memory that
:func:`glsmamba.scan.selective.selective_scan` takes for the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from glsmamba.scan.selective import backend_report, check_inputs, selective_scan


def selective_streams(
    u: torch.Tensor,
    low: torch.Tensor,
    weight: torch.Tensor,
    A: torch.Tensor,
    Bm: torch.Tensor,
    Cm: torch.Tensor,
    D: torch.Tensor,
    delta_bias: torch.Tensor,
    order: torch.Tensor,
    streams: int,
) -> list[torch.Tensor]:
    """Scan along K paths with ``delta = low weight^T`` and softplus; add up paths k, k + ``streams``, k + 2 ``streams``, ...

    On the CPU and without a gradient this is one compiled call; else :func:`by_paths` with the scan that suits the device.

    Args:
        u: (B, L, I), by raster token.
        low: (B, K, L, R), by raster token.
        weight: (K, I, R).
        A, Bm, Cm, D, delta_bias, order: as in :func:`glsmamba.scan.selective.selective_scan`; low, Bm and Cm may be views.
        streams: how many sums; divides K.

    Returns:
        (B, L, I) float32 of each stream, by raster token.

    Raises:
        ValueError: shapes, ``order`` or ``streams`` do not fit.
    """
    tensors = u, low, weight, A, Bm, Cm, D, delta_bias
    (batch, paths, length, rank), inner = low.shape, u.shape[-1]
    if streams < 1 or paths % streams:
        raise ValueError(f"{paths} paths cannot be added up to {streams} streams of equal size.")
    if tuple(weight.shape) != (paths, inner, rank):
        raise ValueError(f"weight is {tuple(weight.shape)} but with low {tuple(low.shape)} it must be {(paths, inner, rank)}.")
    compiled = u.dtype != torch.float64 and backend_report(u.device).name == "numba"
    if not compiled or (torch.is_grad_enabled() and any(t.requires_grad for t in tensors)):
        return by_paths(selective_scan, *tensors, order, streams)
    from glsmamba.scan.numba_scan import scan_streams_cpu

    check_inputs((batch, paths, length, inner), u, A, Bm, Cm, D, delta_bias, order)
    u, low, weight, A, Bm, Cm, D, delta_bias = (t.float() for t in tensors)
    return scan_streams_cpu(u, low, weight, A, Bm, Cm, D, delta_bias, order, streams)


def by_paths(
    scan: Callable[..., torch.Tensor],
    u: torch.Tensor,
    low: torch.Tensor,
    weight: torch.Tensor,
    A: torch.Tensor,
    Bm: torch.Tensor,
    Cm: torch.Tensor,
    D: torch.Tensor,
    delta_bias: torch.Tensor,
    order: torch.Tensor,
    streams: int,
) -> list[torch.Tensor]:
    """:func:`selective_streams` by any function that is called like :func:`glsmamba.scan.selective.selective_scan`.

    Differentiable if that is; delta is as autocast leaves it, which CUDA kernels read without another copy.
    """
    delta = torch.matmul(low, weight.transpose(1, 2))
    y = scan(u, delta, A, Bm, Cm, D, delta_bias, order, delta_softplus=True)
    # Split and unbound rather than indexed: the gradient of an index is a whole tensor of zeros for each path.
    first, *others = y.split(streams, dim=1)
    for other in others:
        first = first + other
    return list(first.unbind(1))
