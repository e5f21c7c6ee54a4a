"""Cached pictures of the timeline's parts; a moving playhead repaints none of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter

from app.ui import theme
from app.ui.canvas.colours import Rgb, person_rgb
from app.ui.timeline.axis import Axis
from app.ui.timeline.bars import ROW_HEIGHT, draw_curve, draw_frames, draw_notes, draw_person, pixel
from app.ui.timeline.lanes import CHANGES, Columns, FrameLane, Lane, TrackLanes
from app.ui.timeline.ruler import RULER_HEIGHT, draw_marks, draw_ruler, small_font
from app.ui.timeline.thumbnails import Thumbnails

__all__ = ["DOUBT_HEIGHT", "LANE_HEIGHT", "Geometry", "head_layer", "names_layer", "rows_layer", "ruler_layer"]

#: Height of the lane of the whole video in logical pixels.
LANE_HEIGHT = 16
#: Height of the doubt curve in logical pixels.
DOUBT_HEIGHT = 20
#: Below this width of a frame in device pixels frames are not told apart by gaps.
_APART = 16


@dataclass(frozen=True)
class Geometry:
    """Sizes in logical pixels: the widget, the column of names at the left, the strip; and device pixels per logical one."""

    width: int
    height: int
    names: int
    strip: int
    ratio: float

    @property
    def head(self) -> int:
        """Height of all that is above the people."""
        return RULER_HEIGHT + LANE_HEIGHT + DOUBT_HEIGHT + self.strip + (4 if self.strip else 0)

    @property
    def rows(self) -> int:
        """Height of the part with the people."""
        return max(self.height - self.head, 0)


@lru_cache(64)
def _rgb(colour: str) -> Rgb:
    c = QColor(colour)
    return c.red(), c.green(), c.blue()


def _image(width: int, height: int, ratio: float, ground: Rgb) -> tuple[QImage, np.ndarray]:
    """A picture of one colour, and its pixels as (height, width) uint32; the array lives as long as the picture."""
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    pixels = np.frombuffer(image.bits(), np.uint32).reshape(height, width)
    pixels[:] = pixel(ground)
    return image, pixels


class _Bits:
    """Bits of lanes per device pixel; wide frames are a pixel apart."""

    def __init__(self, axis: Axis, n: int, ratio: float) -> None:
        scale = axis.scale * ratio
        self._columns = Columns(axis.count, axis.first, 1 / scale, n)
        self._between: np.ndarray | None = None
        if scale >= _APART:
            frames = np.floor(axis.first + np.arange(n + 1) / scale)
            self._between = np.diff(frames) > 0

    def of(self, lane: Lane) -> np.ndarray:
        bits = self._columns.of(lane)
        if self._between is not None:
            bits[self._between] = 0
        return bits


def ruler_layer(
    geometry: Geometry, axis: Axis, time: Callable[[int], float], marks: Sequence[int], font: QFont
) -> QImage:  # fmt: skip
    """Ruler with marks."""
    ratio, left = geometry.ratio, geometry.names
    image = QImage(round(geometry.width * ratio), round(RULER_HEIGHT * ratio), QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    image.fill(QColor(theme.colors().window))
    painter = QPainter(image)
    painter.setFont(font)
    painter.setClipRect(QRectF(left, 0, geometry.width - left, RULER_HEIGHT))
    draw_ruler(painter, axis, left, time)
    draw_marks(painter, axis, left, marks)
    painter.end()
    return image


def head_layer(
    geometry: Geometry, axis: Axis, frames: FrameLane, doubt: tuple[Lane, Lane | None], thumbnails: Thumbnails, font: QFont
) -> QImage:
    """Below the ruler: lane of the whole video, doubt of everybody and of the selected person, and thumbnails."""
    c, ratio, left = theme.colors(), geometry.ratio, geometry.names
    high = max(round((geometry.head - RULER_HEIGHT) * ratio), 1)
    image = QImage(round(geometry.width * ratio), high, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    image.fill(QColor(c.window))
    painter = QPainter(image)
    painter.setFont(font)
    room = QRectF(left, 0, geometry.width - left, geometry.head - RULER_HEIGHT)
    painter.setClipRect(room)
    wide = max(round(room.width() * ratio), 1)
    bits = _Bits(axis, wide, ratio)
    lane, pixels = _image(wide, round(LANE_HEIGHT * ratio), ratio, _rgb(c.surface))
    draw_frames(pixels, bits.of(frames.lane), _rgb(c.muted), _rgb(c.ok), _rgb(c.surface), ratio)
    painter.drawImage(QPointF(left, 0), lane)
    everybody, selected = doubt
    curves, pixels = _image(wide, round(DOUBT_HEIGHT * ratio), ratio, _rgb(c.surface))
    pixels[0] = pixel(_rgb(c.window))
    curve = pixels[max(round(2 * ratio), 1) :]
    draw_curve(curve, bits.of(everybody), _rgb(c.warning if selected is None else c.line))
    if selected is not None:
        draw_curve(curve, bits.of(selected), _rgb(c.warning))
    painter.drawImage(QPointF(left, LANE_HEIGHT), curves)
    if geometry.strip:
        strip = QRectF(left, LANE_HEIGHT + DOUBT_HEIGHT + 2, room.width(), geometry.strip)
        thumbnails.paint(painter, axis, strip, QColor(c.hover))
    painter.setClipping(False)
    painter.setPen(QColor(c.muted))
    painter.setFont(small_font(font))
    for text, top, height in (("All frames", 0, LANE_HEIGHT), ("Doubt", LANE_HEIGHT, DOUBT_HEIGHT)):
        at = QRectF(theme.GRID, top, left - 2 * theme.GRID, height)
        painter.drawText(at, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
    painter.end()
    return image


def _shown(people: Sequence[tuple[int, str]], scroll: int, geometry: Geometry) -> list[tuple[int, int, str]]:
    """(row, track, name) of the people on screen."""
    first, stop = scroll // ROW_HEIGHT, (scroll + geometry.rows) // ROW_HEIGHT + 1
    return [(first + i, track, name) for i, (track, name) in enumerate(people[first:stop])]


def rows_layer(
    geometry: Geometry, axis: Axis, lanes: TrackLanes, people: Sequence[tuple[int, str]], scroll: int, selected: int | None
) -> QImage:
    """The frames of the people that are on screen, right of their names.

    Args:
        geometry: sizes.
        axis: which frames.
        lanes: states of the people.
        people: (track, name) in the order of rows, all of them.
        scroll: logical pixels scrolled down.
        selected: the selected track.
    """
    c, ratio = theme.colors(), geometry.ratio
    light = not theme.is_dark()
    width = max(round(geometry.width * ratio) - round(geometry.names * ratio), 1)
    height = max(round(geometry.rows * ratio), 1)
    image, pixels = _image(width, height, ratio, _rgb(c.surface))
    tall = round(ROW_HEIGHT * ratio)
    cut = np.empty((tall, width), np.uint32)
    hair = max(round(ratio), 1)
    columns = _Bits(axis, width, ratio)
    origin = axis.first * axis.scale * ratio
    for i, track, _ in _shown(people, scroll, geometry):
        top = round((i * ROW_HEIGHT - scroll) * ratio)
        changes = lanes.changes(track)
        ground = _rgb(c.hover if track == selected else c.surface)
        start, stop = max(top, 0), min(top + tall, height)
        whole = stop - start == tall
        row = pixels[start:stop] if whole else cut
        if track == selected or not whole:
            row[:] = pixel(ground)
        row[-hair:] = pixel(_rgb(c.window))
        bits = columns.of(lanes.lane(track))
        draw_person(row, bits, person_rgb(track), ground, ratio, light, origin)
        draw_notes(row, columns.of(lanes.notes(track)), bits, _rgb(c.ok), _rgb(c.warning), ratio, origin)
        if changes is not None:  # foreseen, not so yet: a line above and below the frames that would change
            would = (columns.of(changes) & CHANGES) != 0
            for edge in (slice(0, 2 * hair), slice(-3 * hair, -hair)):
                row[edge, would] = pixel(_rgb(c.accent))
        if not whole:
            pixels[start:stop] = row[start - top : stop - top]
    return image


def names_layer(
    geometry: Geometry, lanes: TrackLanes, people: Sequence[tuple[int, str]], scroll: int, selected: int | None, font: QFont
) -> QImage:
    """The names of the people on screen; arguments as for :func:`rows_layer`, ``font`` is that of the interface."""
    c, ratio, left = theme.colors(), geometry.ratio, geometry.names
    image = QImage(max(round(left * ratio), 1), max(round(geometry.rows * ratio), 1), QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    image.fill(QColor(c.window))
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    bold = QFont(font)
    bold.setBold(True)
    slanted = QFont(font)
    slanted.setItalic(True)
    metrics = {False: QFontMetricsF(font), True: QFontMetricsF(bold)}
    for i, track, name in _shown(people, scroll, geometry):
        y = i * ROW_HEIGHT - scroll
        chosen = track == selected
        if chosen:
            painter.fillRect(QRectF(0, y, left, ROW_HEIGHT), QColor(c.hover))
        r, g, b = person_rgb(track)
        painter.setPen(Qt.PenStyle.NoPen if theme.is_dark() else QColor(c.muted))
        painter.setBrush(QColor(r, g, b))
        painter.drawRoundedRect(QRectF(theme.GRID + 0.5, y + ROW_HEIGHT / 2 - 3.5, 7, 7), 2, 2)
        if chosen:
            painter.fillRect(QRectF(0, y, 3, ROW_HEIGHT), QColor(c.accent))
        painter.setPen(QColor(c.text))
        painter.setFont(bold if chosen else slanted if lanes.changes(track) is not None else font)
        at = QRectF(2.5 * theme.GRID, y, left - 3.5 * theme.GRID, ROW_HEIGHT)
        text = metrics[chosen].elidedText(name, Qt.TextElideMode.ElideRight, at.width())
        painter.drawText(at, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
    painter.end()
    return image
