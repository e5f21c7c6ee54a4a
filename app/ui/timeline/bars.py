"""The bars of the timeline as pixels: state by height and filling, person by colour, as on the canvas.

=========== ======================================================
predicted   a thin pale line
filled in   the same line, dashed (imported or interpolated)
edited      full height, hollow, with the line in it
accepted    full height, filled
=========== ======================================================

A column that holds several states shows the one most worked on, paler. Pixels are written by numpy: a column costs the same
however many spans lie under it, which painting a rectangle per span does not.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from app.ui.canvas.colours import Rgb
from app.ui.timeline.lanes import DONE, REVIEWED

__all__ = ["ROW_HEIGHT", "draw_frames", "draw_person", "pixel"]

#: Height of a person's row in logical pixels.
ROW_HEIGHT = 20
#: From the row's top in logical pixels: outline of full bars, thin line.
_FULL, _THIN = (4, 16), (8, 12)
_DASH, _PERIOD = 4, 6
#: Opacity of (outline, body, line) by state; see :func:`_state_of`.
_OPACITY = np.array(
    [
        [0.0, 0.0, 0.0],  # nobody
        [0.0, 0.0, 0.6],  # predicted
        [1.0, 0.18, 1.0],  # edited
        [1.0, 1.0, 1.0],  # accepted
        [0.0, 0.0, 0.6],  # filled in
        [0.0, 0.0, 0.0],
        [0.0, 0.0, 0.4],  # the same, with something else in the column
        [0.7, 0.12, 0.7],
        [0.7, 0.6, 0.7],
        [0.0, 0.0, 0.4],
    ]
)
_FILLED_IN = (4, 9)


@lru_cache(1)
def _state_of() -> np.ndarray:
    """(32,) row of ``_OPACITY`` by the bits of a column."""
    out = np.zeros(32, np.uint8)
    for bits in range(32):
        for state in (3, 2, 4, 1):  # of edited and accepted in one column the fuller one is drawn, paler
            if bits & 1 << state:
                out[bits] = state + 5 * (bits != 1 << state)
                break
    return out


def pixel(rgb: Rgb) -> int:
    """A colour as an opaque pixel of ``QImage.Format_RGB32``."""
    r, g, b = rgb
    return 0xFF000000 | r << 16 | g << 8 | b


def _mixed(rgb: Rgb, ground: Rgb, share: float) -> Rgb:
    r, g, b = (round(a * share + z * (1 - share)) for a, z in zip(rgb, ground, strict=True))
    return r, g, b


@lru_cache(512)
def _table(rgb: Rgb, ground: Rgb, light: bool) -> np.ndarray:
    """(4, 10) uint32 pixels of outline, body, line and line's edge by state.

    On a light ground the pale colours of the canvas get a darker rim, without which yellow and grey could not be seen.
    """
    rim = _mixed(rgb, (0, 0, 0), 0.62) if light else rgb
    rows = [(rim, 0), (rgb, 1), (rgb, 2), (rim, 2)]
    return np.array([[pixel(_mixed(colour, ground, share)) for share in _OPACITY[:, k]] for colour, k in rows], np.uint32)


def draw_person(
    out: np.ndarray, bits: np.ndarray, rgb: Rgb, ground: Rgb, ratio: float, light: bool, origin: float = 0.0
) -> None:
    """Write a person's bar into a row of pixels.

    Args:
        out: (height, width) uint32, the row's pixels, filled with its ground.
        bits: (width,) uint8 bits of :class:`app.ui.timeline.lanes.Lane` per pixel column.
        rgb: colour of the person.
        ground: colour of the row.
        ratio: device pixels per logical pixel.
        light: True on a light ground.
        origin: device pixels from frame 0 to column 0: dashes move with the frames.
    """
    if not (bits & 0b11110).any():
        return
    states = _state_of()[bits]
    outline, body, line, rim = _table(rgb, ground, light).take(states, axis=1)
    dashed = np.isin(states, _FILLED_IN)
    if dashed.any():
        at = (np.arange(len(bits)) + origin) % (_PERIOD * ratio)
        hole = dashed & (at >= _DASH * ratio)
        line[hole] = rim[hole] = pixel(ground)
    full = np.isin(states % 5, (2, 3))
    rim = np.where(full, body, rim)
    line = np.where(np.isin(states % 5, (2,)), line, np.where(states % 5 == 3, body, line))
    if full.any():  # a full bar is closed at its ends
        step = np.flatnonzero(np.diff(full.astype(np.int8), prepend=0, append=0))
        ends = np.concatenate([step[::2], step[1::2] - 1])
        for band in (body, rim, line):
            band[ends] = outline[ends]

    def y(logical: float) -> int:
        return round(logical * ratio)

    hair = max(y(1), 1)
    top, bottom = y(_FULL[0]), y(_FULL[1])
    out[top:bottom] = body
    out[top : top + hair] = outline
    out[bottom - hair : bottom] = outline
    top, bottom = y(_THIN[0]), y(_THIN[1])
    out[top:bottom] = line
    out[top : top + hair] = rim
    out[bottom - hair : bottom] = rim


def draw_frames(out: np.ndarray, bits: np.ndarray, done: Rgb, reviewed: Rgb, ground: Rgb, ratio: float) -> None:
    """Write the lane of the whole video: reviewed frames as a full bar above, predicted ones as a thin line below.

    Columns in which only some frames are done are paler. Arguments as for :func:`draw_person`.
    """
    height = len(out)
    for bit, colour, top, bottom in ((REVIEWED, reviewed, 0.15, 0.55), (DONE, done, 0.7, 0.9)):
        has = (bits & bit) != 0
        # Frames with and without share a column where another kind of frame is in it too.
        part = has & ((bits & ~np.uint8(bit)) != 0) & ((bits & 1) != 0)
        row = np.where(part, np.uint32(pixel(_mixed(colour, ground, 0.6))), np.uint32(pixel(colour)))
        first, last = round(top * height), max(round(bottom * height), round(top * height) + 1)
        out[first:last] = np.where(has, row, out[first:last])
