"""The ruler and the playhead's flag."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from app.ui import theme
from app.ui.timeline.axis import Axis
from app.ui.timeline.ticks import frame_step, short_time, small_step

__all__ = ["RULER_HEIGHT", "draw_flag", "draw_marks", "draw_ruler", "small_font"]

#: Logical pixels: a line of frame numbers, a line of times, the marks.
RULER_HEIGHT = 36
_MARK, _SMALL_MARK = 8.0, 4.0


def small_font(base: QFont) -> QFont:
    """The small size of the interface, figures of equal width."""
    font = theme.numbers_font(base)
    font.setPixelSize(11)
    return font


def draw_ruler(painter: QPainter, axis: Axis, left: float, time: Callable[[int], float]) -> None:
    """Marks with frame numbers and the times of these frames, from the time stamps.

    Args:
        painter: draws in logical pixels; the ruler's top is y = 0.
        axis: which frames.
        left: x of the axis's left end.
        time: seconds of a frame.
    """
    c = theme.colors()
    font = small_font(painter.font())
    painter.setFont(font)
    metrics = QFontMetricsF(font)
    room = max(
        metrics.horizontalAdvance(str(max(axis.count - 1, 0))),
        metrics.horizontalAdvance(short_time(time(axis.count - 1), True)),
    )
    step = frame_step(axis.scale, room + 20)
    fine = axis.count > 1 and step * (time(axis.count - 1) / (axis.count - 1)) < 1
    small = small_step(step, axis.scale)
    seen = axis.visible
    line, bottom = QPen(QColor(c.line), 1), RULER_HEIGHT - 0.5
    painter.setPen(line)
    painter.drawLines([
        QLineF(x, bottom - (_SMALL_MARK if frame % step else _MARK), x, bottom)
        for frame in range(seen.start // small * small, seen.stop, small)
        for x in (left + axis.x_of(frame + 0.5),)
    ])  # fmt: skip
    numbers, times = QColor(c.text), QColor(c.muted)
    half = metrics.height() / 2
    for frame in range(seen.start // step * step, seen.stop, step):
        x = left + axis.x_of(frame + 0.5)
        for text, y, colour in ((str(frame), 8.0, numbers), (short_time(time(frame), fine), 20.0, times)):
            wide = metrics.horizontalAdvance(text) + 2
            painter.setPen(colour)
            begin = x - wide / 2 if frame else max(x - wide / 2, left)  # the 0 is never cut in half
            at = QRectF(begin, y - half, wide, 2 * half)
            painter.drawText(at, Qt.AlignmentFlag.AlignCenter, text)


def draw_marks(painter: QPainter, axis: Axis, left: float, marks: Sequence[int]) -> None:
    """A small pennant at each marked frame. Arguments as for :func:`draw_ruler`; ``marks`` are frames, ascending."""
    seen = axis.visible
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(theme.colors().mark))
    last = -math.inf
    for frame in marks[bisect_left(marks, seen.start) : bisect_left(marks, seen.stop)]:
        x, bottom = round(left + axis.x_of(frame + 0.5)), float(RULER_HEIGHT)
        if x - last >= 1:  # more than one a pixel could not be told apart
            last = x
            corners = ((x - 1, bottom - 13), (x + 7, bottom - 9.5), (x + 1, bottom - 6), (x + 1, bottom), (x - 1, bottom))
            painter.drawPolygon([QPointF(*corner) for corner in corners])
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def draw_flag(painter: QPainter, x: float, frame: int, left: float, right: float, ground: str, ink: str) -> None:
    """The number of a frame on a small flag in the ruler, kept between ``left`` and ``right``."""
    font = small_font(painter.font())
    painter.setFont(font)
    metrics = QFontMetricsF(font)
    width = metrics.horizontalAdvance(str(frame)) + 10
    at = QRectF(min(max(x - width / 2, left), right - width), 1, width, metrics.height())
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(ground))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.drawRoundedRect(at, 3, 3)
    painter.setPen(QColor(ink))
    painter.drawText(at, Qt.AlignmentFlag.AlignCenter, str(frame))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
