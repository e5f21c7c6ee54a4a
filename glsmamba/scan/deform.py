"""Depthwise modulated deformable 3x3 convolution (Zhu et al., Deformable ConvNets v2, 2019), channels last.

Each output pixel adds up nine samples of its channel, taken bilinearly at the regular 3x3 grid plus a learnt offset, scaled by
a learnt mask; outside the picture there is zero. On CPU one compiled kernel forward and one backward; elsewhere, for
float64 and without numba, nine calls of ``grid_sample``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

from glsmamba.scan.refusals import refusal
from glsmamba.scan.selective import backend_problem

TAPS = 9
COMPILED = backend_problem("numba") is None
"""Whether there is a kernel for the CPU: it needs the same compiler as the scan's, whose report says why if it is not there."""
if COMPILED:  # imported here rather than on first use, which may be while a person waits for a picture
    from glsmamba.scan.numba_deform import deform_added_cpu, deform_cpu


def deformable_depthwise(x: torch.Tensor, offset: torch.Tensor, mask: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Convolve every channel with its own 3x3 weights at displaced positions.

    Args:
        x: (N, H, W, I) pictures.
        offset: (N, H, W, 9, 2) displacement (dy, dx) in pixels of each tap from its place in the regular 3x3 grid around the
            output pixel; taps row by row, the fifth is the centre.
        mask: (N, H, W, 9) factor of each tap.
        weight: (I, 9).

    Returns:
        (N, H, W, I), differentiable with respect to all four. float32, or float64 if x is.

    Raises:
        ValueError: the shapes do not fit.
    """
    _check(x, weight, offset=(offset, (TAPS, 2)), mask=(mask, (TAPS,)))
    dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    x, offset, mask, weight = (t.to(dtype) for t in (x, offset, mask, weight))
    with torch.autocast(x.device.type, enabled=False):
        if dtype == torch.float32 and deform_backend(x.device) == "numba":
            return deform_cpu(x, offset, mask, weight)
        return deformable_by_grid_sample(x, offset, mask, weight)


def _check(x: torch.Tensor, weight: torch.Tensor, **others: tuple[torch.Tensor, tuple[int, ...]]) -> None:
    """``others``: tensors by name, with what follows (N, H, W) in their shapes."""
    if x.ndim != 4:
        raise ValueError(f"x must be (N, H, W, I), but it is {tuple(x.shape)}.")
    shapes = {name: (tensor, (*x.shape[:3], *ends)) for name, (tensor, ends) in others.items()}
    for name, (tensor, shape) in {**shapes, "weight": (weight, (x.shape[3], TAPS))}.items():
        if tuple(tensor.shape) != shape:
            raise ValueError(f"{name} is {tuple(tensor.shape)} but with x {tuple(x.shape)} it must be {shape}.")


def deformable_added(base: torch.Tensor, x: torch.Tensor, where: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """``base`` and what :func:`deformable_depthwise` samples from ``x``, as STMM has it; one pass on a CPU without gradients.

    Args:
        base: (N, H, W, I).
        x: (N, H, W, I) pictures.
        where: (N, H, W, 27): the nine offsets (dy, dx), then nine numbers whose doubled sigmoid is the mask.
        weight: (I, 9).

    Returns:
        (N, H, W, I), differentiable with respect to all four.

    Raises:
        ValueError: the shapes do not fit.
    """
    _check(x, weight, base=(base, x.shape[3:]), where=(where, (3 * TAPS,)))
    tensors = base, x, where, weight
    plain = all(t.dtype == torch.float32 for t in tensors) and deform_backend(x.device) == "numba"
    if plain and not (torch.is_grad_enabled() and any(t.requires_grad for t in tensors)):
        return deform_added_cpu(base, x, where, weight)
    return added(deformable_depthwise, base, x, where, weight)


def added(
    sample: Callable[..., torch.Tensor], base: torch.Tensor, x: torch.Tensor, where: torch.Tensor, weight: torch.Tensor
) -> torch.Tensor:
    """:func:`deformable_added` by a function like :func:`deformable_depthwise`."""
    offset = where[..., : 2 * TAPS].unflatten(-1, (TAPS, 2))
    return base + sample(x, offset, 2.0 * torch.sigmoid(where[..., 2 * TAPS :]), weight)


def deform_backend(device: str | torch.device) -> str:
    """What a device gets for float32: ``numba`` or ``grid_sample``."""
    if torch.device(device).type == "cpu" and COMPILED and refusal(device, "deform", "numba") is None:
        return "numba"
    return "grid_sample"


def deformable_by_grid_sample(x: torch.Tensor, offset: torch.Tensor, mask: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """The same by nine calls of ``grid_sample``: any device and precision, about 40 times slower on CPU."""
    _, height, width, _ = x.shape
    pictures = x.permute(0, 3, 1, 2)
    rows = torch.arange(height, device=x.device, dtype=x.dtype)[:, None]
    columns = torch.arange(width, device=x.device, dtype=x.dtype)
    out = torch.zeros_like(x)
    for tap in range(TAPS):
        py = rows + (tap // 3 - 1) + offset[:, :, :, tap, 0]
        px = columns + (tap % 3 - 1) + offset[:, :, :, tap, 1]
        grid = torch.stack([(2 * px + 1) / width - 1, (2 * py + 1) / height - 1], -1)
        sample = F.grid_sample(pictures, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        out = out + weight[:, tap] * mask[:, :, :, tap, None] * sample.permute(0, 2, 3, 1)
    return out
