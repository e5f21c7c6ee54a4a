"""Small squares of colour in front of names."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtGui import QColor, QPixmap

__all__ = ["swatch"]


@lru_cache(maxsize=512)
def swatch(colour: str) -> QPixmap:
    """A square of 12 logical pixels in a colour ``#rrggbb``."""
    pixmap = QPixmap(24, 24)
    pixmap.setDevicePixelRatio(2)
    pixmap.fill(QColor(colour))
    return pixmap
