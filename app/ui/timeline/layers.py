"""Cached pictures of the timeline's parts; a moving playhead repaints none of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter

from app.ui import theme
from app.ui.canvas.colours import Rgb, person_rgb
from app.ui.timeline.axis import Axis
from app.ui.timeline.bars import ROW_HEIGHT, draw_curve, draw_frames, draw_notes, draw_person, pixel
from app.ui.timeline.lanes import CHANGES, FrameLane, Lane, TrackLanes
from app.ui.timeline.ruler import RULER_HEIGHT, draw_marks, draw_ruler, small_font
from app.ui.timeline.thumbnails import Thumbnails

__all__ = ["DOUBT_HEIGHT", "LANE_HEIGHT", "Geometry", "head_layer", "rows_layer"]

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


def _rgb(colour: str) -> Rgb:
    c = QColor(colour)
    return c.red(), c.green(), c.blue()


def _image(pixels: np.ndarray, ratio: float) -> QImage:
    """A picture over the array's memory: the array must outlive it."""
    height, width = pixels.shape
    image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    return image


def _columns(lane: Lane, axis: Axis, n: int, ratio: float) -> np.ndarray:
    """Bits per device pixel; wide frames are a pixel apart."""
    scale = axis.scale * ratio
    bits = lane.columns(axis.first, 1 / scale, n)
    if scale >= _APART:
        frames = np.floor(axis.first + np.arange(n + 1) / scale)
        bits[np.diff(frames) > 0] = 0
    return bits


def head_layer(
    geometry: Geometry,
    axis: Axis,
    frames: FrameLane,
    doubt: tuple[Lane, Lane | None],
    thumbnails: Thumbnails,
    time: Callable[[int], float],
    marks: Sequence[int],
    font: QFont,
) -> QImage:
    """Ruler with marks, lane of the whole video, doubt of everybody and of the selected person, and thumbnails."""
    c, ratio, left = theme.colors(), geometry.ratio, geometry.names
    image = QImage(round(geometry.width * ratio), max(round(geometry.head * ratio), 1), QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    image.fill(QColor(c.window))
    painter = QPainter(image)
    painter.setFont(font)
    room = QRectF(left, 0, geometry.width - left, geometry.head)
    painter.setClipRect(room)
    draw_ruler(painter, axis, left, time)
    draw_marks(painter, axis, left, marks)
    pixels = np.full((round(LANE_HEIGHT * ratio), max(round(room.width() * ratio), 1)), pixel(_rgb(c.surface)), np.uint32)
    bits = _columns(frames.lane, axis, pixels.shape[1], ratio)
    draw_frames(pixels, bits, _rgb(c.muted), _rgb(c.ok), _rgb(c.surface), ratio)
    painter.drawImage(QPointF(left, RULER_HEIGHT), _image(pixels, ratio))
    everybody, selected = doubt
    pixels = np.full((round(DOUBT_HEIGHT * ratio), pixels.shape[1]), pixel(_rgb(c.surface)), np.uint32)
    pixels[0] = pixel(_rgb(c.window))
    curve = pixels[max(round(2 * ratio), 1) :]
    draw_curve(curve, _columns(everybody, axis, curve.shape[1], ratio), _rgb(c.warning if selected is None else c.line))
    if selected is not None:
        draw_curve(curve, _columns(selected, axis, curve.shape[1], ratio), _rgb(c.warning))
    painter.drawImage(QPointF(left, RULER_HEIGHT + LANE_HEIGHT), _image(pixels, ratio))
    if geometry.strip:
        strip = QRectF(left, RULER_HEIGHT + LANE_HEIGHT + DOUBT_HEIGHT + 2, room.width(), geometry.strip)
        thumbnails.paint(painter, axis, strip, QColor(c.hover))
    painter.setClipping(False)
    painter.setPen(QColor(c.muted))
    painter.setFont(small_font(font))
    for text, top, height in (("All frames", RULER_HEIGHT, LANE_HEIGHT), ("Doubt", RULER_HEIGHT + LANE_HEIGHT, DOUBT_HEIGHT)):
        at = QRectF(theme.GRID, top, left - 2 * theme.GRID, height)
        painter.drawText(at, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
    painter.end()
    return image


def rows_layer(
    geometry: Geometry,
    axis: Axis,
    lanes: TrackLanes,
    people: Sequence[tuple[int, str]],
    scroll: int,
    selected: int | None,
    font: QFont,
) -> QImage:
    """The people's rows that are on screen.

    Args:
        geometry: sizes.
        axis: which frames.
        lanes: states of the people.
        people: (track, name) in the order of rows, all of them.
        scroll: logical pixels scrolled down.
        selected: the selected track.
        font: of the interface.
    """
    c, ratio, left = theme.colors(), geometry.ratio, geometry.names
    light = not theme.is_dark()
    width, height = round(geometry.width * ratio), max(round(geometry.rows * ratio), 1)
    split = round(left * ratio)
    pixels = np.full((height, width), pixel(_rgb(c.surface)), np.uint32)
    pixels[:, :split] = pixel(_rgb(c.window))
    first = scroll // ROW_HEIGHT
    shown = list(enumerate(people))[first : (scroll + geometry.rows) // ROW_HEIGHT + 1]
    tall = round(ROW_HEIGHT * ratio)
    cut = np.empty((tall, width - split), np.uint32)
    hair = max(round(ratio), 1)
    for i, (track, _) in shown:
        top = round((i * ROW_HEIGHT - scroll) * ratio)
        changes = lanes.changes(track)
        ground = _rgb(c.hover if track == selected else c.surface)
        start, stop = max(top, 0), min(top + tall, height)
        whole = stop - start == tall
        row = pixels[start:stop, split:] if whole else cut
        if track == selected or not whole:
            row[:] = pixel(ground)
        row[-hair:] = pixel(_rgb(c.window))
        bits = _columns(lanes.lane(track), axis, width - split, ratio)
        origin = axis.first * axis.scale * ratio
        draw_person(row, bits, person_rgb(track), ground, ratio, light, origin)
        notes = _columns(lanes.notes(track), axis, width - split, ratio)
        draw_notes(row, notes, bits, _rgb(c.ok), _rgb(c.warning), ratio, origin)
        if changes is not None:  # foreseen, not so yet: a line above and below the frames that would change
            would = (_columns(changes, axis, width - split, ratio) & CHANGES) != 0
            for edge in (slice(0, 2 * hair), slice(-3 * hair, -hair)):
                row[edge, would] = pixel(_rgb(c.accent))
        if not whole:
            pixels[start:stop, split:] = row[start - top : stop - top]
        if track == selected:
            pixels[start:stop, :split] = pixel(ground)
    image = _image(pixels, ratio)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    bold = QFont(font)
    bold.setBold(True)
    slanted = QFont(font)
    slanted.setItalic(True)
    metrics = {False: QFontMetricsF(font), True: QFontMetricsF(bold)}
    for i, (track, name) in shown:
        y = i * ROW_HEIGHT - scroll
        chosen = track == selected
        r, g, b = person_rgb(track)
        painter.setPen(QColor(c.muted) if light else Qt.PenStyle.NoPen)
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
    return image.copy()
