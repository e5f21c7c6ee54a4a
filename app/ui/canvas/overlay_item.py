"""Heat maps and activation maps laid over the frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QImage, QPainter, QTransform
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from glsmamba.map_pictures import DIVERGING, coloured

_FINER = 4
#: Rows of the screen for which Qt scales an image where it is called. More it divides among threads of its own and waits for
#: them, which takes long when a model computes on all cores.
_BAND_ROWS = 64


@dataclass(frozen=True, eq=False)
class ValueMap:
    """A map of values over a crop of the frame.

    Attributes:
        values: (h, w) float32.
        crop: (2, 3) float64 affine from frame pixels to map pixels, centres at integers in both.
        title: what is shown, for the legend.
        low, high: values at the ends of the colour map.
        labels: what the legend says of the low end, the middle and the high end; their numbers when None.
        diverging: the middle stands for nothing and is clear; such maps have colours of their own.
    """

    values: np.ndarray
    crop: np.ndarray
    title: str
    low: float
    high: float
    labels: tuple[str, str, str] | None = None
    diverging: bool = False

    def colormap(self, chosen: str) -> str:
        """Name of the colour map it is drawn in where ``chosen`` is the user's."""
        return DIVERGING if self.diverging else chosen

    @staticmethod
    def of(values: np.ndarray, crop: np.ndarray, title: str, low: float | None = None, high: float | None = None) -> ValueMap:
        """A map whose colour range is its own unless given."""
        values = np.nan_to_num(np.asarray(values, np.float32))
        low = float(values.min()) if low is None else low
        high = float(values.max()) if high is None else high
        return ValueMap(values, np.asarray(crop, np.float64), title, low, high if high > low else low + 1e-6)


def map_to_view(crop: np.ndarray, finer: int = 1) -> QTransform:
    """Transform from corners of the map's cells (each cut into ``finer``) to view coordinates."""
    (a, b, c), (d, e, f) = np.asarray(crop, float)
    to_map = QTransform(a, d, b, e, c, f)
    to_frame, invertible = to_map.inverted()
    if not invertible:
        raise ValueError("The map's crop can't be inverted: it has no area.")
    half = QTransform.fromTranslate(-0.5, -0.5)
    return QTransform.fromScale(1 / finer, 1 / finer) * half * to_frame * QTransform.fromTranslate(0.5, 0.5)


class OverlayItem(pg.GraphicsObject):
    """Draws one :class:`ValueMap` at its place on the frame."""

    def __init__(self) -> None:
        super().__init__()
        self._map: ValueMap | None = None
        self._colormap = ""
        self._buffer: np.ndarray | None = None
        self._image: QImage | None = None
        self._place = QTransform()

    @property
    def shown(self) -> ValueMap | None:
        """The map on screen, or None."""
        return self._map

    def set_map(self, value_map: ValueMap | None, colormap: str, opacity: float) -> None:
        """Show a map, or nothing."""
        self.setOpacity(opacity)
        if value_map is self._map and (value_map is None or colormap == self._colormap):
            return
        self.prepareGeometryChange()
        self._map, self._colormap = value_map, colormap
        if value_map is None:
            self._buffer = self._image = None
            self.update()
            return
        h, w = value_map.values.shape
        # finer in value, then coloured: colours between two cells are those of the values between them
        finer = cv2.resize(value_map.values, (w * _FINER, h * _FINER), interpolation=cv2.INTER_LINEAR)
        colours = value_map.colormap(colormap)
        self._buffer = coloured(finer, value_map.low, value_map.high, colours, value_map.diverging)
        self._image = QImage(
            self._buffer.data, w * _FINER, h * _FINER, self._buffer.strides[0], QImage.Format.Format_ARGB32_Premultiplied
        )
        self._place = map_to_view(value_map.crop, _FINER)
        self.update()

    def boundingRect(self) -> QRectF:  # noqa: D102
        if self._image is None:
            return QRectF()
        return self._place.mapRect(QRectF(0, 0, self._image.width(), self._image.height()))

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:  # noqa: D102
        if self._image is None:
            return
        size = QRectF(0, 0, self._image.width(), self._image.height())
        to_screen = self._place * painter.worldTransform()
        seen = to_screen.mapRect(size)
        if widget is not None:
            seen = seen.intersected(QRectF(widget.rect()))
        device = painter.device()
        ratio = device.devicePixelRatioF() if device is not None else 1.0
        left, wide = math.floor(seen.left()), math.ceil(seen.width()) + 1
        for row in range(math.floor(seen.top() * ratio), math.ceil(seen.bottom() * ratio), _BAND_ROWS):
            painter.save()
            painter.setWorldTransform(QTransform())  # bands end where pixels of the screen do: none is drawn twice
            painter.setClipRect(QRectF(left, row / ratio, wide, _BAND_ROWS / ratio), Qt.ClipOperation.IntersectClip)
            painter.setWorldTransform(to_screen)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(0, 0, self._image)
            painter.restore()
