"""The orders in which a scan visits space-time tokens.

An order is an int64 permutation: ``order[p]`` is the raster index ``t*H*W + h*W + w`` of the token at sequence position p.
The six global paths (paper: GSM, ST-6D scan) are three traversals and their reverses; the local paths (LRM) visit one window
of the picture after the other. Exact traversals are not readable in the paper; ``docs/model.md`` says what was decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import torch

UnifiedPair = Literal["reverse", "transpose"]
TRAVERSALS = ("unified", "spatial", "temporal")
"""Names of the three forward traversals; the partner of each is called ``<name>_reverse``."""


@lru_cache(maxsize=64)
def path_order(name: str, frames: int, height: int, width: int, unified_pair: UnifiedPair = "reverse") -> torch.Tensor:
    """Order (L,) of one path; do not write into it, it is shared.

    ``unified``: the frames side by side as one panorama, row by row (h, t, w from slow to fast); ``spatial``: frame by frame
    (t, h, w); ``temporal``: pixel by pixel through time (h, w, t). ``..._reverse``: the same backwards, except that with
    ``unified_pair="transpose"`` the partner of ``unified`` is the panorama column by column (t, w, h).
    """
    raster = _raster(frames, height, width)
    base = name.removesuffix("_reverse")
    if base not in TRAVERSALS:
        raise ValueError(f"There is no path {name!r}; use one of {', '.join(TRAVERSALS)} with or without '_reverse'.")
    if unified_pair not in ("reverse", "transpose"):
        raise ValueError(f"unified_pair is {unified_pair!r}; use 'reverse' or 'transpose'.")
    if name == "unified_reverse" and unified_pair == "transpose":
        return raster.permute(0, 2, 1).flatten()
    axes = {"unified": (1, 0, 2), "spatial": (0, 1, 2), "temporal": (1, 2, 0)}[base]
    order = raster.permute(axes).flatten()
    return order.flip(0) if base != name else order


def path_names(paths: Sequence[str] = TRAVERSALS) -> tuple[str, ...]:
    """Names of the paths in the model's order: the forward ones, then their partners (path k pairs with k + len(paths))."""
    return (*paths, *(f"{name}_reverse" for name in paths))


@lru_cache(maxsize=16)
def path_orders(
    paths: tuple[str, ...], frames: int, height: int, width: int, unified_pair: UnifiedPair = "reverse"
) -> torch.Tensor:
    """Orders (2 * len(paths), L) of the named traversals and their partners, in the order of :func:`path_names`."""
    return torch.stack([path_order(name, frames, height, width, unified_pair) for name in path_names(paths)])


@lru_cache(maxsize=16)
def window_order(frames: int, height: int, width: int, window: tuple[int, int]) -> torch.Tensor:
    """Order (L,) through space-time tubes of ``window`` (height, width) pixels and all frames, laid end to end.

    Windows row by row; inside a window frame by frame, rows, then columns. Where the picture is no multiple of the window, the
    windows at the lower and right edge are smaller; nothing is padded.
    """
    if min(window) < 1:
        raise ValueError(f"The window is {window}; both sides must be at least 1.")
    raster = _raster(frames, height, width)
    parts = [column.flatten() for row in raster.split(window[0], 1) for column in row.split(window[1], 2)]
    return torch.cat(parts)


@lru_cache(maxsize=16)
def window_orders(frames: int, height: int, width: int, window: tuple[int, int]) -> torch.Tensor:
    """Orders (2, L): :func:`window_order` and the same backwards."""
    order = window_order(frames, height, width, window)
    return torch.stack([order, order.flip(0)])


def inverse_order(order: torch.Tensor) -> torch.Tensor:
    """The position at which each raster token is visited; works on (L,) and (K, L)."""
    positions = torch.arange(order.shape[-1], device=order.device).expand_as(order)
    return torch.empty_like(order).scatter_(-1, order, positions)


def _raster(frames: int, height: int, width: int) -> torch.Tensor:
    if min(frames, height, width) < 1:
        raise ValueError(f"The token grid is {frames} x {height} x {width}; every side must be at least 1.")
    return torch.arange(frames * height * width).view(frames, height, width)
