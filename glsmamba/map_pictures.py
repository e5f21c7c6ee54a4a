"""Activation maps as pictures: their colour scale, a map over a picture, the strip of a window's frames. No torch, no Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from cmap import Colormap

from glsmamba.maps import ActivationMaps, MapKind

__all__ = ["Scale", "colour_table", "coloured", "laid_over", "scale_of", "shown_to_model", "strip"]

#: Powers of ten between the dark and the bright end of a row: a few cells beside the query hold nearly all of it.
DECADES = 3
#: Cells of a row are drawn this many cells wide: a model that looks at single cells of other frames would show nothing else.
CELL = 3
#: Colours of maps with signs: dark in the middle, cyan below, yellow above; told apart by colour-blind eyes too.
DIVERGING = "cmasher:iceburn"


@dataclass(frozen=True, eq=False)
class Scale:
    """A map as it is coloured.

    Attributes:
        values: (t, h, w) float32, as they are drawn.
        low, high: values at the ends of the colour map, which all frames share.
        labels: what the map holds at the low end, in the middle and at the high end.
        diverging: whether the middle stands for nothing, as in maps with signs.
        logarithmic: whether equal steps of colour are equal factors.
    """

    values: np.ndarray
    low: float
    high: float
    labels: tuple[str, str, str]
    diverging: bool = False
    logarithmic: bool = False


def scale_of(stack: np.ndarray, kind: MapKind) -> Scale:
    """The scale of one (t, h, w) map: rows over three powers of ten, as they fall off fast; others evenly from end to end.

    In such rows each cell is drawn :data:`CELL` cells wide; where cells meet so, the greater magnitude is seen.
    """
    stack = np.nan_to_num(np.asarray(stack, np.float32))
    largest = max(float(np.abs(stack).max(initial=0.0)), 1e-30)
    logarithmic = kind.quantity == "row" and "w" in kind.mode
    if logarithmic:
        stack = np.stack([_wide(frame) for frame in stack])
    if kind.has_signs:
        values = stack / largest
        if logarithmic:
            above = np.log10(np.maximum(np.abs(values), 10.0**-DECADES)) + DECADES
            values = np.sign(values) * above / DECADES
        middle = f"±{_number(largest / 10**DECADES)}" if logarithmic else "0"
        labels = (_number(-largest), middle, _number(largest))
        return Scale(values.astype(np.float32), -1.0, 1.0, labels, True, logarithmic)
    if logarithmic:
        high = float(np.log10(largest))
        low = high - DECADES
        labels = (_number(10**low), _number(10 ** ((low + high) / 2)), _number(largest))
        return Scale(np.log10(np.maximum(stack, 10.0**low)).astype(np.float32), low, high, labels, False, True)
    low, high = float(stack.min(initial=largest)), float(stack.max(initial=-largest))
    high = high if high > low else low + 1e-6
    return Scale(stack, low, high, (_number(low), _number((low + high) / 2), _number(high)))


def _wide(values: np.ndarray) -> np.ndarray:
    """(h, w) -> each cell as the one of greatest magnitude within reach of it, with its sign."""
    square = np.ones((CELL, CELL), np.uint8)
    most, least = cv2.dilate(values, square), cv2.erode(values, square)
    return np.where(most >= -least, most, least)


def _number(value: float) -> str:
    """Two figures; powers of ten where zeros would hide them."""
    if value == 0 or 0.01 <= abs(value) < 1000:
        return f"{value:.2g}"
    return f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e")


@cache
def colour_table(name: str, n: int = 256) -> np.ndarray:
    """(n, 4) uint8 RGBA lookup table of a perceptually even colour map of the library ``cmap``.

    Raises:
        ValueError: if no colour map has that name.
    """
    try:
        return (np.asarray(Colormap(name).lut(n)) * 255 + 0.5).astype(np.uint8)
    except Exception as error:
        raise ValueError(f"There is no colour map called {name!r}; try viridis, magma, inferno or cividis.") from error


@cache
def _covering(colormap: str, diverging: bool) -> tuple[np.ndarray, np.ndarray]:
    """(256, 3) float32 premultiplied RGB and (256,) opacity 0..1: both grow with the value, or its distance from the middle."""
    table = colour_table(colormap)[:, :3].astype(np.float32)
    share = np.linspace(0, 1, 256, dtype=np.float32)
    alpha = (np.abs(2 * share - 1) if diverging else share) ** 0.6
    return table * alpha[:, None], alpha


@cache
def _premultiplied(colormap: str, diverging: bool) -> np.ndarray:
    """(256,) uint32 in whose bytes there is premultiplied BGRA."""
    rgb, alpha = _covering(colormap, diverging)
    bgra = np.concatenate([rgb[:, ::-1], alpha[:, None] * 255], axis=1)
    return np.ascontiguousarray((bgra + 0.5).astype(np.uint8)).view(np.uint32)[:, 0]


def _steps(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """(h, w) uint8: which of the 256 steps of a colour map each value is."""
    share = (values - low) * np.float32(255 / (high - low)) + np.float32(0.5)
    return np.clip(share, 0, 255, out=share).astype(np.uint8)


def coloured(values: np.ndarray, low: float, high: float, colormap: str, diverging: bool = False) -> np.ndarray:
    """(h, w, 4) uint8 premultiplied BGRA of a map: clear at ``low`` (in the middle if ``diverging``), opaque at the end."""
    pixels = _premultiplied(colormap, diverging).take(_steps(values, low, high))
    return pixels.view(np.uint8).reshape(*values.shape, 4)


def laid_over(
    picture: np.ndarray, values: np.ndarray, low: float, high: float, colormap: str, opacity: float, diverging: bool = False
) -> np.ndarray:
    """A map coloured over a picture.

    Args:
        picture: (H, W, 3) uint8 RGB.
        values: (h, w) float32.
        low, high: values at the ends of the colour map.
        colormap: name of the library ``cmap``.
        opacity: 0 to 1.
        diverging: whether the middle is clear instead of the low end.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    height, width = picture.shape[:2]
    finer = cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR)
    steps = _steps(finer, low, high if high > low else low + 1e-6)
    rgb, alpha = _covering(colormap, diverging)
    left, added = 1 - alpha * opacity, rgb * opacity + 0.5  # together never above 255.5
    over = picture * left.astype(np.float32).take(steps)[..., None]
    over += added.astype(np.float32).take(steps, axis=0)
    return over.astype(np.uint8)


def shown_to_model(picture: np.ndarray, to_cells: np.ndarray, grid: tuple[int, int], finer: int = 2) -> np.ndarray:
    """The part of a frame that the model was shown.

    Args:
        picture: (H, W, 3) uint8.
        to_cells: (2, 3) affine from frame pixels to cells, centres at integers in both.
        grid: (h, w) cells.
        finer: pixels a cell.

    Returns:
        (finer * h, finer * w, 3) uint8.
    """
    affine = finer * np.asarray(to_cells, np.float64)
    affine[:, 2] += (finer - 1) / 2
    return cv2.warpAffine(picture, affine, (finer * grid[1], finer * grid[0]), flags=cv2.INTER_LINEAR)


_GROUND, _TEXT, _MUTED, _ACCENT = (255, 255, 255), (20, 20, 20), (95, 95, 95), (0, 105, 180)
_MARGIN, _GAP, _LINE, _BAR = 16, 8, 22, 12
_TILE_HEIGHT, _WEIGHT = 288, 450


def strip(
    maps: ActivationMaps,
    name: str = "all",
    frames: Sequence[int] | None = None,
    pictures: Sequence[np.ndarray] | None = None,
    title: str = "",
    colormap: str = "bids:magma",
    opacity: float = 0.8,
) -> np.ndarray:
    """One map over the frames of its window, side by side, with its query marked and a legend.

    Args:
        maps: the maps.
        name: which of them.
        frames: numbers of the frames for the captions; counted from the key frame when None.
        pictures: t pictures (H, W, 3) uint8 RGB of the crop, as :func:`shown_to_model` makes them; black when None.
        title: written above; block and name of the map when empty.
        colormap: name of the library ``cmap``; maps with signs have colours of their own.
        opacity: 0 to 1.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ValueError: there is no such map.
    """
    if name not in maps.maps:
        raise ValueError(f"There is no map {name!r}; there are {', '.join(maps.maps)}.")
    stack = maps.maps[name]
    t, h, w = stack.shape
    scale = scale_of(stack, maps.kind)
    colormap = DIVERGING if scale.diverging else colormap
    height = _TILE_HEIGHT
    width = round(height * w / h)
    numbers = [f"{n - t // 2:+d}" if n != t // 2 else "0" for n in range(t)] if frames is None else [str(n) for n in frames]
    sheet = np.full((2 * _MARGIN + 4 * _LINE + height + _BAR, 2 * _MARGIN + t * width + (t - 1) * _GAP, 3), _GROUND, np.uint8)
    _write(sheet, title or f"{maps.block[0].upper()} {maps.block[1] + 1}, {name}", _MARGIN, _MARGIN + 13, _TEXT, 15)
    top = _MARGIN + _LINE + 4
    for n in range(t):
        left = _MARGIN + n * (width + _GAP)
        picture = np.zeros((h, w, 3), np.uint8) if pictures is None else pictures[n]
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
        tile = laid_over(picture, scale.values[n], scale.low, scale.high, colormap, opacity, scale.diverging)
        if maps.query is not None and maps.query[0] == n:
            _mark(tile, round((maps.query[2] + 0.5) * width / w), round((maps.query[1] + 0.5) * height / h))
        sheet[top : top + height, left : left + width] = tile
        key = n == t // 2
        words = ("frame " if frames is not None else "") + numbers[n] + (" (key frame)" if key else "")
        _write(sheet, words, left, top + height + 17, _ACCENT if key else _MUTED)
    bar = top + height + _LINE + 8
    length = min(3 * width, sheet.shape[1] - 2 * _MARGIN)
    sheet[bar : bar + _BAR, _MARGIN : _MARGIN + length] = colour_table(colormap, length)[None, :, :3]
    for label, share in zip(scale.labels, (0.0, 0.5, 1.0), strict=True):
        size = _extent(label)
        at = min(max(round(share * length - size / 2), 0), length - size)
        _write(sheet, label, _MARGIN + at, bar + _BAR + 16, _MUTED)
    words = ("logarithmic" if scale.logarithmic else "linear") + (", query at the cross" if maps.query is not None else "")
    _write(sheet, words, _MARGIN + length + 2 * _GAP, bar + 11, _MUTED)
    return sheet


@cache
def _font() -> cv2.FontFace:
    return cv2.FontFace("sans")


def _write(sheet: np.ndarray, text: str, x: int, y: int, colour: tuple[int, int, int], size: int = 13) -> None:
    cv2.putText(sheet, text, (x, y), colour, _font(), size, _WEIGHT)


def _extent(text: str, size: int = 13) -> int:
    return int(cv2.getTextSize((0, 0), text, (0, 0), _font(), size, _WEIGHT)[2])


def _mark(tile: np.ndarray, x: int, y: int) -> None:
    """A white cross with a black rim."""
    for colour, thick in ((0, 3), (255, 1)):
        cv2.drawMarker(tile, (x, y), (colour,) * 3, cv2.MARKER_CROSS, 13, thick, cv2.LINE_AA)
