"""Small marks of colour in front of names."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap

__all__ = ["swatch"]


@lru_cache(maxsize=512)
def swatch(colour: str, disc: bool = False) -> QIcon:
    """A square of 12 logical pixels, or a disc, in a colour; the same in a selected row, where views tint a bare pixmap."""
    pixmap = QPixmap(32, 32)  # the views' icons measure 16: a smaller one would be scaled to that
    pixmap.setDevicePixelRatio(2)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QColor(0, 0, 0, 150))  # so that it is seen in a selected row of its own colour
    painter.setBrush(QColor(colour))
    (painter.drawEllipse if disc else painter.drawRect)(QRectF(2.5, 2.5, 11, 11))
    painter.end()
    icon = QIcon(pixmap)
    icon.addPixmap(pixmap, QIcon.Mode.Selected)
    return icon
