"""Icons that are drawn once."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize
from PySide6.QtGui import QIcon, QIconEngine, QPainter, QPixmap

__all__ = ["kept"]


class _Kept(QIconEngine):
    """Keeps the pictures of an icon: one from a font is drawn anew, in Python, each time its button is painted."""

    def __init__(self, icon: QIcon) -> None:
        super().__init__()
        self._icon = icon
        self._pixmaps: dict[tuple[int, int, QIcon.Mode, QIcon.State], QPixmap] = {}

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        self._icon.paint(painter, rect, mode=mode, state=state)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        """``size`` is in pixels of the device."""
        key = size.width(), size.height(), mode, state
        if key not in self._pixmaps:
            self._pixmaps[key] = self._icon.pixmap(size, 1.0, mode, state)
        return self._pixmaps[key]


def kept(icon: QIcon) -> QIcon:
    """An icon that looks the same and is drawn once for each size."""
    return QIcon(_Kept(icon))
