"""Small pictures with a map over each: side by side and wrapping, or as a table with a heading over each row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.ui import theme

__all__ = ["Tile", "Tiles", "tile_image"]

_GAP = 4


@dataclass(frozen=True, eq=False)
class Tile:
    """One small picture.

    Attributes:
        key: what a click on it says.
        image: what :func:`tile_image` makes.
        caption: under it.
        tip: said by the tool tip and to screen readers.
        mark: place of a cross on it, as shares of width and height, or None.
    """

    key: str
    image: QImage
    caption: str
    tip: str = ""
    mark: tuple[float, float] | None = None


def tile_image(rgb: np.ndarray) -> QImage:
    """A picture for a tile from (h, w, 3) uint8 RGB, in any thread."""
    pixels = np.ascontiguousarray(rgb)
    h, w, _ = pixels.shape
    image = QImage(pixels.data, w, h, pixels.strides[0], QImage.Format.Format_RGB888)
    return image.convertToFormat(QImage.Format.Format_RGB32)  # a copy, and what Qt scales fastest


class Tiles(QWidget):
    """Shows tiles; one may be chosen, by click or by arrow keys.

    Signals:
        chosen: key of the tile.
    """

    chosen = Signal(str)

    def __init__(self, name: str, width: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self._wanted = width
        self.tiles: tuple[Tile, ...] = ()
        self.current = ""
        self.headings: tuple[str, ...] = ()
        self._choosable = False
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setMouseTracking(True)

    def set_choosable(self) -> None:
        """Let a click choose a tile."""
        self._choosable = True
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def show_tiles(self, tiles: tuple[Tile, ...], current: str, headings: tuple[str, ...] = ()) -> None:
        """Show other tiles; with ``headings`` in as many rows, each under its heading."""
        height = self._height(self.width())
        self.tiles, self.current, self.headings = tiles, current, headings
        if self._height(self.width()) != height:
            self.updateGeometry()
        self.update()

    def _grid(self, width: int) -> tuple[int, int, int, int]:
        """(columns, tile width, tile height, line height) in logical pixels."""
        columns = max(1, min(len(self.tiles) or 1, (width + _GAP) // (self._wanted + _GAP)))
        widest = 1.6
        if self.headings:
            columns, widest = len(self.tiles) // len(self.headings), 3.0  # a table grows with its room
        tile = max((width - _GAP * (columns - 1)) // columns, 8)
        tile = min(tile, round(self._wanted * widest))
        h, w = (self.tiles[0].image.height(), self.tiles[0].image.width()) if self.tiles else (4, 3)
        return columns, tile, round(tile * h / w), self.fontMetrics().height() + 2

    def _row_height(self, width: int) -> int:
        _, _, height, line = self._grid(width)
        return height + line + _GAP + (line if self.headings else 0)

    def _place(self, n: int) -> QRect:
        columns, width, height, line = self._grid(self.width())
        top = (n // columns) * self._row_height(self.width()) + (line if self.headings else 0)
        return QRect((n % columns) * (width + _GAP), top, width, height)

    def _height(self, width: int) -> int:
        rows = -(-len(self.tiles) // self._grid(width)[0])
        return rows * self._row_height(width)

    def hasHeightForWidth(self) -> bool:  # noqa: D102
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: D102
        return self._height(width)

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(3 * (self._wanted + _GAP), self._height(3 * (self._wanted + _GAP)))

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        return QSize(self._wanted, self._height(max(self.width(), self._wanted)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width may need another height."""
        super().resizeEvent(event)
        self.setMinimumHeight(self._height(self.width()))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        c = theme.colors()
        for n, tile in enumerate(self.tiles):
            place = self._place(n)
            painter.drawImage(place, tile.image)
            current = tile.key == self.current
            if tile.mark is not None:
                at = QPointF(place.x() + tile.mark[0] * place.width(), place.y() + tile.mark[1] * place.height())
                for colour, width in (("#000000", 3.0), ("#FFFFFF", 1.2)):
                    painter.setPen(QPen(QColor(colour), width))
                    painter.drawLine(at - QPointF(4, 0), at + QPointF(4, 0))
                    painter.drawLine(at - QPointF(0, 4), at + QPointF(0, 4))
            if current:
                painter.setPen(QPen(QColor(c.accent), 2))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(place.adjusted(1, 1, -1, -1))
            painter.setPen(QColor(c.text if current else c.muted))
            under = QRect(place.x(), place.bottom() + 1, place.width(), self.fontMetrics().height() + 2)
            text = self.fontMetrics().elidedText(tile.caption, Qt.TextElideMode.ElideRight, under.width())
            painter.drawText(under, int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter), text)
        columns, _, _, line = self._grid(self.width())
        for row, heading in enumerate(self.headings):
            current = self.tiles[row * columns].key == self.current
            painter.setPen(QColor(c.accent if current else c.text))
            above = QRect(0, row * self._row_height(self.width()), self.width(), line)
            text = self.fontMetrics().elidedText(heading, Qt.TextElideMode.ElideRight, above.width())
            painter.drawText(above, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), text)
        if self._choosable and self.hasFocus():
            painter.setPen(QPen(QColor(c.accent), 1, Qt.PenStyle.DotLine))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _at(self, event: QMouseEvent) -> Tile | None:
        point = event.position().toPoint()
        line = self.fontMetrics().height() + 2
        return next((t for n, t in enumerate(self.tiles) if self._place(n).adjusted(0, 0, 0, line).contains(point)), None)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        tile = self._at(event)
        if self._choosable and tile is not None and event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit(tile.key)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        tile = self._at(event)
        self.setToolTip("" if tile is None else tile.tip)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: D102
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1}
        step = steps.get(Qt.Key(event.key()))
        keys = list(dict.fromkeys(tile.key for tile in self.tiles))
        if step is None or not self._choosable or self.current not in keys:
            super().keyPressEvent(event)
            return
        self.chosen.emit(keys[(keys.index(self.current) + step) % len(keys)])
