"""What is drawn over the timeline's layers: the chosen range, the frame under the pointer, the playhead."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter

from app.ui import theme
from app.ui.timeline.axis import Axis
from app.ui.timeline.layers import Geometry
from app.ui.timeline.ruler import RULER_HEIGHT, draw_flag, small_font

__all__ = ["RANGE_BAR", "draw_playhead", "draw_pointer", "draw_range"]

#: Height of the bar that shows the range in logical pixels; its ends are three times as high.
RANGE_BAR = 4


def draw_range(
    painter: QPainter, geometry: Geometry, axis: Axis, chosen: tuple[int, int], time: Callable[[int], float]
) -> None:  # fmt: skip
    """Shade over the chosen frames, a bar with grips under the ruler's numbers, and how many they are in the corner.

    Args:
        painter: draws in logical pixels of the timeline, in the font of the interface.
        geometry: sizes.
        axis: which frames.
        chosen: (first, last) frames, both inside.
        time: seconds of a frame.
    """
    c = theme.colors()
    first, last = chosen
    left = geometry.names + axis.x_of(first)
    right = max(geometry.names + axis.x_of(last + 1), left + 2)
    shade = QColor(c.accent)
    shade.setAlpha(36)
    painter.fillRect(QRectF(left, RULER_HEIGHT, right - left, geometry.height), shade)
    painter.fillRect(QRectF(left, RULER_HEIGHT - RANGE_BAR, right - left, RANGE_BAR), QColor(c.accent))
    for x in (_snap(left, geometry.ratio), _snap(right - 2, geometry.ratio)):
        painter.fillRect(QRectF(x, RULER_HEIGHT - 3 * RANGE_BAR, 2, 3 * RANGE_BAR), QColor(c.accent))
        painter.fillRect(QRectF(x, RULER_HEIGHT, 1 / geometry.ratio, geometry.height), QColor(c.accent))
    painter.save()
    painter.setClipping(False)
    painter.setFont(small_font(painter.font()))
    frames = last - first + 1
    seconds = time(min(last + 1, axis.count - 1)) - time(first)
    room = QRectF(theme.GRID, 1, geometry.names - 2 * theme.GRID, RULER_HEIGHT / 2 - 2)
    flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
    painter.setPen(QColor(c.accent))
    painter.drawText(room, flags, f"{first} – {last}")
    painter.setPen(QColor(c.muted))
    count = "1 frame" if frames == 1 else f"{frames:,} frames"
    painter.drawText(room.translated(0, RULER_HEIGHT / 2 - 2), flags, f"{count}, {seconds:.1f} s")
    painter.restore()


def draw_pointer(painter: QPainter, geometry: Geometry, axis: Axis, frame: int) -> None:
    """A hair line and a flag at the frame under the pointer. Arguments as for :func:`draw_range`."""
    c = theme.colors()
    x = geometry.names + axis.x_of(frame + 0.5)
    line = QRectF(_snap(x, geometry.ratio), RULER_HEIGHT - 8, 1 / geometry.ratio, geometry.height)
    painter.fillRect(line, QColor(c.muted))
    draw_flag(painter, x, frame, geometry.names, geometry.width, c.line, c.text)


def draw_playhead(painter: QPainter, geometry: Geometry, axis: Axis, frame: int) -> None:
    """A line and a flag at the frame on screen, and a shade where frames are wide. Arguments as for :func:`draw_range`."""
    c = theme.colors()
    x, wide = geometry.names + axis.x_of(frame + 0.5), axis.scale
    if wide >= 4:
        shade = QColor(c.accent)
        shade.setAlpha(40)
        painter.fillRect(QRectF(x - wide / 2, RULER_HEIGHT, wide, geometry.height), shade)
    painter.fillRect(QRectF(_snap(x - 0.5, geometry.ratio), RULER_HEIGHT - 18, 1.5, geometry.height), QColor(c.accent))
    draw_flag(painter, x, frame, geometry.names, geometry.width, c.accent, c.on_accent)


def _snap(x: float, ratio: float) -> float:
    """The nearest device pixel."""
    return round(x * ratio) / ratio
