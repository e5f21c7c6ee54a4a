"""The bars of the timeline as pixels: state by height and filling, person by colour, as on the canvas.

=========== ======================================================
predicted   a thin pale line
filled in   the same line, dashed (imported or interpolated)
edited      full height, hollow, with the line in it
accepted    full height, filled
reviewed    a line below all that
gap         dots where the person is missing for a moment
=========== ======================================================

A column that holds several states shows the one most worked on, paler. Pixels are written by numpy: a column costs the same
however many spans lie under it, which painting a rectangle per span does not.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from app.ui.canvas.colours import Rgb
from app.ui.timeline.lanes import DONE, GAP, LOOKED_AT, REVIEWED

__all__ = ["ROW_HEIGHT", "draw_curve", "draw_frames", "draw_notes", "draw_person", "pixel"]

#: Height of a person's row in logical pixels.
ROW_HEIGHT = 20
#: From the row's top in logical pixels: outline of full bars, thin line.
_FULL, _THIN = (4, 16), (8, 12)
_DASH, _PERIOD = 4, 6
#: Line below reviewed frames; dots of a gap.
_REVIEWED, _DOTS = (17, 19), (9, 11)
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
_FILLED_IN, _FULL_STATES = [4, 9], [2, 3, 7, 8]


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


#: Added to the bits of a column: a dashed line is interrupted here; a full bar begins or ends here.
_HOLE, _END = 32, 64


@lru_cache(512)
def _table(rgb: Rgb, ground: Rgb, light: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pixels of outline, body, rim of the line and its core, each (128,) uint32 by bits, ``_HOLE`` and ``_END``.

    On a light ground the pale colours of the canvas get a darker rim, without which yellow and grey could not be seen.
    """
    dark = _mixed(rgb, (0, 0, 0), 0.62) if light else rgb
    outline, body, core, rim = (
        np.array([pixel(_mixed(colour, ground, share)) for share in _OPACITY[:, band]], np.uint32)
        for colour, band in ((dark, 0), (rgb, 1), (rgb, 2), (dark, 2))
    )
    rim[_FULL_STATES] = body[_FULL_STATES]
    core[[3, 8]] = body[[3, 8]]
    states = _state_of()

    def spread(band: np.ndarray, dashed: bool) -> np.ndarray:
        whole, hole, end = band[states], band[states], band[states]
        if dashed:
            hole[np.isin(states, _FILLED_IN)] = pixel(ground)
        full = _is_full()
        end[full] = outline[states][full]
        return np.concatenate([whole, hole, end, end])

    return spread(outline, False), spread(body, False), spread(rim, True), spread(core, True)


@lru_cache(1)
def _is_full() -> np.ndarray:
    """(32,) bool by the bits of a column: a bar of full height."""
    return np.isin(_state_of(), _FULL_STATES)


@lru_cache(32)
def _holes(n: int, ratio: float, phase: int) -> np.ndarray:
    """(n,) uint8: ``_HOLE`` where a dashed line is interrupted, else 0."""
    return np.where((np.arange(n) + phase) % round(_PERIOD * ratio) >= round(_DASH * ratio), np.uint8(_HOLE), np.uint8(0))


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
    if bits.max(initial=0) <= 1:
        return
    outline, body, rim, core = _table(rgb, ground, light)
    full = _is_full().take(bits)
    index = bits | _holes(len(bits), ratio, int(origin) % round(_PERIOD * ratio))
    edge = np.flatnonzero(full[1:] != full[:-1])
    index[edge + full[edge + 1]] |= _END  # the last full column, or the first one

    def y(logical: float) -> int:
        return round(logical * ratio)

    hair = max(y(1), 1)
    top, bottom = y(_FULL[0]), y(_FULL[1])
    if full.any():
        out[top:bottom] = body.take(index)
        out[top : top + hair] = out[bottom - hair : bottom] = outline.take(index)
    top, bottom = y(_THIN[0]), y(_THIN[1])
    out[top:bottom] = core.take(index)
    out[top : top + hair] = out[bottom - hair : bottom] = rim.take(index)


def draw_notes(
    out: np.ndarray, bits: np.ndarray, states: np.ndarray, reviewed: Rgb, lost: Rgb, ratio: float, origin: float = 0.0
) -> None:
    """Write into a person's row where a human reviewed, and where the person is missing for a moment.

    Args:
        out: (height, width) uint32, the row's pixels.
        bits: (width,) uint8 bits of the second lane of :class:`app.ui.timeline.lanes.TrackLanes` per pixel column.
        states: (width,) uint8 bits of the first one.
        reviewed, lost: colours.
        ratio: device pixels per logical pixel.
        origin: device pixels from frame 0 to column 0.
    """
    seen = bits & LOOKED_AT != 0
    if seen.any():
        top, bottom = (round(y * ratio) for y in _REVIEWED)
        np.copyto(out[top:bottom], np.uint32(pixel(reviewed)), where=seen)
    gap = (bits & GAP != 0) & (states <= 1)
    if gap.any():
        dot = max(round(2 * ratio), 1)
        gap &= (np.arange(len(bits)) + int(origin)) % (2 * dot) < dot
        top, bottom = (round(y * ratio) for y in _DOTS)
        np.copyto(out[top:bottom], np.uint32(pixel(lost)), where=gap)


def draw_curve(out: np.ndarray, values: np.ndarray, colour: Rgb) -> None:
    """Write a curve as a filled shape that stands on the lower edge.

    Args:
        out: (height, width) uint32 pixels.
        values: (width,) uint8, 255 for the full height.
        colour: of the shape.
    """
    height = len(out)
    rows = np.ceil(values * (height / 255)).astype(np.int64)
    out[np.arange(height, 0, -1)[:, None] <= rows] = pixel(colour)


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
