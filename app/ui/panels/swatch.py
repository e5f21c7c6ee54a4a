"""Small marks of colour in front of names."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap

__all__ = ["swatch"]


@lru_cache(maxsize=512)
def swatch(colour: str, disc: bool = False) -> QIcon:
    """A square of 12 logical pixels, or a disc, in a colour; the same in a selected row, where views tint a bare pixmap."""
    pixmap = QPixmap(32, 32)  # the views' icons measure 16: a smaller one would be scaled to that
    pixmap.setDevicePixelRatio(2)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    if disc:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colour))
        painter.drawEllipse(2, 2, 12, 12)
    else:
        painter.fillRect(2, 2, 12, 12, QColor(colour))
    painter.end()
    icon = QIcon(pixmap)
    icon.addPixmap(pixmap, QIcon.Mode.Selected)
    return icon
