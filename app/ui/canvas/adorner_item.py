"""What the hand needs to see: the ring round the joint under the pointer, its name, the magnifier, handles, the yardstick."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app.ui.canvas.handles import CORNERS, Handles
from app.ui.canvas.hit_test import HANDLES
from app.ui.canvas.people_item import EVERYWHERE, HAIRLINE, LABEL_GROUND, LABEL_TEXT, OUTLINE, enter_screen, label_font
from app.ui.canvas.picture_item import PictureItem

LOUPE_RADIUS = 62.0
LOUPE_POWER = 4.0
"""Screen pixels to a pixel of the frame, or to one of the canvas where that is zoomed in: real pixels, not smoothed ones."""
_ACCENT = QColor("#5AAAE6")
_HANDLE = 3.5


@dataclass
class Adornments:
    """What to draw, in logical screen pixels.

    Attributes:
        ring: (x, y, radius) round the joint under the pointer.
        ring_colour: of the ring.
        text, text_at: words at the pointer, first line larger.
        handles: what can be grabbed of the selection.
        lever: (2, 2) from the middle to the hand that turns.
        rubber: (left, top, right, bottom) of the box being drawn.
        yardstick: (x, y, radius) of the PCKh circle.
        loupe: (2,) frame pixels magnified, or None.
        loupe_at: (2,) screen place of the magnified point.
        loupe_colour: of the mark in the magnifier.
        loupe_yardstick: radius of the PCKh circle in frame pixels, for the magnifier.
        selected_joints: (x, y, radius) of the joints that keys act on.
        guide: (words, "done", "now", "skipped" or "") of what is placed one after the other.
        outline: (2,) corners of the polygon that is being drawn.
        peaks: (x, y, number) of the other places for a joint.
        cross: (2,) screen place of a cross hair over the whole view.
    """

    ring: tuple[float, float, float] | None = None
    ring_colour: QColor = field(default_factory=lambda: QColor(OUTLINE))
    text: tuple[str, ...] = ()
    text_at: tuple[float, float] = (0.0, 0.0)
    handles: Handles | None = None
    lever: np.ndarray | None = None
    rubber: np.ndarray | None = None
    yardstick: tuple[float, float, float] | None = None
    loupe: np.ndarray | None = None
    loupe_at: np.ndarray | None = None
    loupe_colour: QColor = field(default_factory=lambda: QColor(OUTLINE))
    loupe_yardstick: float | None = None
    selected_joints: list[tuple[float, float, float]] = field(default_factory=list)
    guide: list[tuple[str, str]] = field(default_factory=list)
    outline: list[np.ndarray] = field(default_factory=list)
    peaks: list[tuple[float, float, int]] = field(default_factory=list)
    cross: np.ndarray | None = None


class AdornerItem(pg.GraphicsObject):
    """Draws :class:`Adornments` above everything else."""

    def __init__(
        self, what: Callable[[], Adornments], camera: Callable[[], tuple[float, np.ndarray]], picture: PictureItem
    ) -> None:
        super().__init__()
        self._what, self._camera, self._picture = what, camera, picture

    def boundingRect(self) -> QRectF:  # noqa: D102
        return EVERYWHERE

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:  # noqa: D102
        what = self._what()
        painter.save()
        scale, origin = self._camera()
        enter_screen(painter, scale, origin)
        view = QRectF(widget.rect()) if widget is not None else QRectF(0, 0, 1e4, 1e4)
        if what.cross is not None:
            self._cross(painter, what.cross, view)
        if what.handles is not None:
            self._handles(painter, what.handles)
        if what.lever is not None:
            a, b = (QPointF(*end) for end in what.lever)
            _twice(painter, OUTLINE, 1.2, lambda: painter.drawLine(a, b), [4, 3])
        if what.rubber is not None:
            rect = QRectF(QPointF(*what.rubber[:2]), QPointF(*what.rubber[2:]))
            _twice(painter, _ACCENT, 1.5, lambda: painter.drawRect(rect), [5, 3])
        if what.outline:
            corners = [QPointF(float(x), float(y)) for x, y in what.outline]
            _twice(painter, _ACCENT, 1.5, lambda: painter.drawPolyline(corners))
            painter.setBrush(OUTLINE)
            painter.setPen(QPen(HAIRLINE, 1.2))
            for corner in corners[:-1]:
                painter.drawEllipse(corner, 4.0, 4.0)
        self._peaks(painter, what.peaks)
        for x, y, r in what.selected_joints:
            _twice(painter, OUTLINE, 1.5, lambda x=x, y=y, r=r: painter.drawEllipse(QPointF(x, y), r, r))  # type: ignore[misc]
        if what.yardstick is not None:
            x, y, r = what.yardstick
            _twice(painter, OUTLINE, 1.0, lambda: painter.drawEllipse(QPointF(x, y), r, r), [4, 4])
        if what.ring is not None:
            x, y, r = what.ring
            _twice(painter, what.ring_colour, 2.0, lambda: painter.drawEllipse(QPointF(x, y), r, r))
        if what.loupe is not None and what.loupe_at is not None:
            self._loupe(painter, what, view, scale)
        if what.guide:
            self._guide(painter, what.guide)
        if what.text:
            self._text(painter, what, view)
        painter.restore()

    def _cross(self, painter: QPainter, at: np.ndarray, view: QRectF) -> None:
        x, y = at
        for colour, width in ((QColor(0, 0, 0, 110), 2.0), (QColor(255, 255, 255, 150), 1.0)):
            painter.setPen(QPen(colour, width))
            painter.drawLine(QPointF(x, view.top()), QPointF(x, view.bottom()))
            painter.drawLine(QPointF(view.left(), y), QPointF(view.right(), y))

    def _handles(self, painter: QPainter, handles: Handles) -> None:
        """Squares that drag, the frame round several, the knob on its stem, the head box that follows from the joints."""
        if handles.head is not None and not handles.head_drawn and handles.roomy_head:
            rect = QRectF(QPointF(*handles.head[:2]), QPointF(*handles.head[2:]))
            _twice(painter, OUTLINE, 1.0, lambda: painter.drawRect(rect), [1.5, 3.5])
        if handles.frame is not None:
            frame = QRectF(QPointF(*handles.frame[:2]), QPointF(*handles.frame[2:]))
            _twice(painter, _ACCENT, 1.2, lambda: painter.drawRect(frame), [5, 3])
        round_what = handles.frame if handles.frame is not None else handles.box
        if handles.knob is not None and round_what is not None:
            x, y = handles.knob
            edge = QPointF(round_what[2] if x > round_what[2] else round_what[0], y)
            _twice(painter, OUTLINE, 1.0, lambda: painter.drawLine(edge, QPointF(x, y)))
        painter.setPen(QPen(HAIRLINE, 1.2))
        painter.setBrush(OUTLINE)
        if handles.box is not None:
            left, top, right, bottom = handles.box
            roomy = min(right - left, bottom - top) > 40
            self._squares(painter, handles.box, [name for name in HANDLES if roomy or "-" in name], _HANDLE)
        if handles.head is not None and handles.roomy_head:
            self._squares(painter, handles.head, CORNERS, _HANDLE - 1)
        painter.setBrush(_ACCENT)
        if handles.frame is not None:
            self._squares(painter, handles.frame, CORNERS, _HANDLE)
        if handles.knob is not None:
            painter.drawEllipse(QPointF(*handles.knob), _HANDLE + 1.5, _HANDLE + 1.5)
        painter.setBrush(Qt.BrushStyle.NoBrush)

    @staticmethod
    def _squares(painter: QPainter, rect: np.ndarray, names: Sequence[str], half: float) -> None:
        left, top, right, bottom = rect
        for name in names:
            fx, fy = HANDLES[name]
            x, y = left + fx * (right - left), top + fy * (bottom - top)
            painter.drawRect(QRectF(x - half, y - half, 2 * half, 2 * half))

    def _peaks(self, painter: QPainter, peaks: list[tuple[float, float, int]]) -> None:
        """Small crosses with a number, faint: they must not hide what they stand on."""
        painter.setFont(label_font(11))
        for x, y, number in peaks:
            for colour, width in ((QColor(10, 12, 16, 150), 3.0), (QColor(255, 255, 255, 190), 1.2)):
                painter.setPen(QPen(colour, width))
                painter.drawLine(QPointF(x - 5, y), QPointF(x + 5, y))
                painter.drawLine(QPointF(x, y - 5), QPointF(x, y + 5))
            place = QPointF(x + 6, y - 5)
            painter.setPen(QColor(10, 12, 16, 200))
            for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                painter.drawText(place + QPointF(dx, dy), str(number))
            painter.setPen(QColor(255, 255, 255, 220))
            painter.drawText(place, str(number))

    def _guide(self, painter: QPainter, guide: list[tuple[str, str]]) -> None:
        """The order of joints in the upper left corner, the present one marked."""
        font, bold = label_font(12), label_font(12)
        bold.setBold(True)
        metric = QFontMetricsF(bold)
        line = metric.height() + 2
        width = max(metric.horizontalAdvance(words) for words, _ in guide) + 44
        rect = QRectF(12, 12, width, line * len(guide) + 12)
        painter.setPen(QPen(QColor(255, 255, 255, 40), 1))
        painter.setBrush(QColor(LABEL_GROUND.red(), LABEL_GROUND.green(), LABEL_GROUND.blue(), 235))
        painter.drawRoundedRect(rect, 4, 4)
        signs = {"done": "✓", "now": "▸", "skipped": "–", "": ""}
        for n, (words, state) in enumerate(guide):
            top = rect.y() + 6 + n * line
            painter.setFont(bold if state == "now" else font)
            painter.setPen(LABEL_TEXT if state == "now" else QColor("#B9BDC4"))
            middle = int(Qt.AlignmentFlag.AlignVCenter)
            painter.drawText(QRectF(rect.x() + 10, top, 16, line), middle, signs[state])
            painter.drawText(QRectF(rect.x() + 28, top, width - 32, line), middle, words)

    def _loupe(self, painter: QPainter, what: Adornments, view: QRectF, scale: float) -> None:
        """A round magnifier beside the joint, on the side with room, never under the hand's own mark."""
        assert what.loupe is not None and what.loupe_at is not None
        x, y = what.loupe_at
        r, gap = LOUPE_RADIUS, 34.0
        cx = x + r + gap if x + 2 * r + gap < view.right() else x - r - gap
        cy = y - r - gap if y - 2 * r - gap > view.top() else y + r + gap
        power = min(LOUPE_POWER * max(scale, 1.0), 64.0)
        circle = QPainterPath()
        circle.addEllipse(QPointF(cx, cy), r, r)
        painter.save()
        painter.setClipPath(circle)
        painter.fillPath(circle, QColor(0x17, 0x18, 0x1A))
        if self._picture.picture is not None:
            ratio = painter.device().devicePixelRatioF()
            painter.save()
            painter.translate(cx, cy)
            painter.scale(power, power)
            painter.translate(-(what.loupe[0] + 0.5), -(what.loupe[1] + 0.5))
            near = QRectF(what.loupe[0] + 0.5 - r / power, what.loupe[1] + 0.5 - r / power, 2 * r / power, 2 * r / power)
            near = near.adjusted(-2, -2, 2, 2).intersected(self._picture.boundingRect())
            near = QRectF(near.toAlignedRect()).intersected(self._picture.boundingRect())
            if not near.isEmpty():
                self._picture.draw(painter, near, near, max(power * ratio, 1.0))
            painter.restore()
        for colour, width in ((QColor(0, 0, 0, 150), 3.0), (what.loupe_colour, 1.2)):
            painter.setPen(QPen(colour, width))
            for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                painter.drawLine(QPointF(cx + 5 * dx, cy + 5 * dy), QPointF(cx + 22 * dx, cy + 22 * dy))
            painter.drawPoint(QPointF(cx, cy))
        if what.loupe_yardstick is not None and what.loupe_yardstick * power < r:
            reach = what.loupe_yardstick * power
            _twice(painter, OUTLINE, 1.0, lambda: painter.drawEllipse(QPointF(cx, cy), reach, reach), [4, 4])
        painter.restore()
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, width in ((HAIRLINE, 4.0), (OUTLINE, 2.0)):
            painter.setPen(QPen(colour, width))
            painter.drawEllipse(QPointF(cx, cy), r, r)

    def _text(self, painter: QPainter, what: Adornments, view: QRectF) -> None:
        fonts = [label_font(13)] + [label_font(11)] * (len(what.text) - 1)
        fonts[0].setBold(True)
        metrics = [QFontMetricsF(f) for f in fonts]
        width = max(m.horizontalAdvance(t) for m, t in zip(metrics, what.text, strict=True)) + 16
        height = sum(m.height() for m in metrics) + 8
        x, y = what.text_at
        rect = QRectF(x + 16, y + 14, width, height)
        if rect.right() > view.right() - 4:
            rect.moveRight(x - 12)
        if rect.left() < view.left() + 4:  # a narrow picture: room on neither side, so below or above it
            rect.moveLeft(view.left() + 4)
        if rect.bottom() > view.bottom() - 4:
            rect.moveBottom(y - 12)
        painter.setPen(QPen(QColor(255, 255, 255, 40), 1))
        painter.setBrush(QColor(LABEL_GROUND.red(), LABEL_GROUND.green(), LABEL_GROUND.blue(), 235))
        painter.drawRoundedRect(rect, 4, 4)
        top = rect.y() + 4
        for i, (font, metric, text) in enumerate(zip(fonts, metrics, what.text, strict=True)):
            painter.setFont(font)
            painter.setPen(LABEL_TEXT if i == 0 else QColor("#B9BDC4"))
            painter.drawText(QRectF(rect.x() + 8, top, width, metric.height()), int(Qt.AlignmentFlag.AlignVCenter), text)
            top += metric.height()


def _twice(
    painter: QPainter, colour: QColor, width: float, draw: Callable[[], None], dashes: list[float] | None = None
) -> None:
    """Draw over a darker, wider edge of itself, so that it reads on any ground."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(10, 12, 16, 190), width + 1.8))
    draw()
    pen = QPen(colour, width)
    if dashes:
        pen.setDashPattern(dashes)
    painter.setPen(pen)
    draw()
