"""Legend of an overlay: its title, its colours and the numbers they stand for."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from app.ui.canvas.colours import lut
from app.ui.canvas.overlay_item import ValueMap
from app.ui.canvas.people_item import LABEL_GROUND, LABEL_TEXT, label_font

_WIDTH, _PAD, _BAR = 176, 8, 10


class Legend(QWidget):
    """Small panel over the canvas, transparent to the mouse; hidden while there is no map."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._map: ValueMap | None = None
        self._bar = QImage()
        self._font = label_font(11)
        self.hide()

    def show_map(self, value_map: ValueMap | None, colormap: str) -> None:
        """Explain a map, or hide."""
        self._map = value_map
        if value_map is not None:
            table = lut(value_map.colormap(colormap))
            row = np.ascontiguousarray(table[None])
            self._bar = QImage(row.data, row.shape[1], 1, row.strides[0], QImage.Format.Format_RGBA8888).copy()
            low, _, high = _labels(value_map)
            self.setAccessibleName(f"{value_map.title}, from {low} to {high}")
            self.resize(self.sizeHint())
        self.setVisible(value_map is not None)
        self.update()

    def sizeHint(self) -> QSize:  # noqa: D102
        line = int(QFontMetricsF(self._font).height()) + 1
        width = _WIDTH
        if self._map is not None:
            width = max(width, int(QFontMetricsF(self._font).horizontalAdvance(self._map.title)) + 2 * _PAD + 2)
        return QSize(width, 2 * _PAD + 2 * line + _BAR + 6)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        if self._map is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(LABEL_GROUND)
        painter.drawRoundedRect(self.rect(), 4, 4)
        painter.setFont(self._font)
        line = QFontMetricsF(self._font).height() + 1
        inner = QRectF(self.rect()).adjusted(_PAD, _PAD, -_PAD, -_PAD)
        painter.setPen(LABEL_TEXT)
        painter.drawText(inner, int(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft), self._map.title)
        bar = QRectF(inner.x(), inner.y() + line + 3, inner.width(), _BAR)
        painter.drawImage(bar, self._bar, QRectF(self._bar.rect()))
        painter.setPen(QColor(255, 255, 255, 70))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(bar)
        painter.setPen(LABEL_TEXT)
        numbers = QRectF(inner.x(), bar.bottom() + 3, inner.width(), line)
        sides = (Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignHCenter, Qt.AlignmentFlag.AlignRight)
        for label, side in zip(_labels(self._map), sides, strict=True):
            painter.drawText(numbers, int(side), label)


def _labels(value_map: ValueMap) -> tuple[str, str, str]:
    """What is written below the low end, the middle and the high end."""
    low, high = value_map.low, value_map.high
    return value_map.labels or (_number(low, high - low), _number((low + high) / 2, high - low), _number(high, high - low))


def _number(value: float, span: float) -> str:
    """A value with two figures of the span, and 0 for what is nothing beside it."""
    return "0" if abs(value) < span * 1e-3 else f"{value:.2g}"
