"""A clear layer in the pixels of the screen that is drawn on and then laid over what is there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QTransform

__all__ = ["Layer", "translucent"]


def translucent(colour: QColor, opacity: float, below: QColor | None = None) -> QColor:
    """A colour at an opacity, mixed with a translucent one below it: what replaces that one looks as if laid over it."""
    rest = 0.0 if below is None else below.alphaF() * (1 - opacity)
    alpha = opacity + rest
    if below is None or alpha <= 0:
        mixed = QColor(colour)
    else:
        pairs = ((colour.redF(), below.redF()), (colour.greenF(), below.greenF()), (colour.blueF(), below.blueF()))
        mixed = QColor.fromRgbF(*((top * opacity + under * rest) / alpha for top, under in pairs))
    mixed.setAlphaF(min(alpha, 1.0))
    return mixed


class Layer:
    """Memory that is kept from one repaint to the next."""

    def __init__(self) -> None:
        self._image = QImage()

    @contextmanager
    def over(self, painter: QPainter, width: int, height: int) -> Iterator[QPainter]:
        """A painter with the coordinates of ``painter`` (a scale by the device pixel ratio and a shift, nothing else).

        It starts with antialiasing, and with colours that replace what is there (``CompositionMode_Source``). What it has
        drawn within ``width`` x ``height`` logical pixels from the origin lies on ``painter`` afterwards, to the pixel.
        """
        device = painter.device()
        ratio = device.devicePixelRatioF() if device is not None else 1.0
        on_device = painter.deviceTransform()
        x, y = on_device.dx(), on_device.dy()
        left, top = math.floor(x), math.floor(y)
        size = math.ceil(width * ratio) + 1, math.ceil(height * ratio) + 1
        if (self._image.width(), self._image.height()) != size:
            self._image = QImage(*size, QImage.Format.Format_ARGB32_Premultiplied)
        self._image.setDevicePixelRatio(ratio)
        self._image.fill(Qt.GlobalColor.transparent)
        own = QPainter(self._image)
        try:
            own.setRenderHint(QPainter.RenderHint.Antialiasing)
            own.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)
            own.translate((x - left) / ratio, (y - top) / ratio)
            yield own
        finally:
            own.end()
        painter.save()
        painter.setWorldTransform(QTransform())
        back, _ = painter.deviceTransform().inverted()
        painter.drawImage(back.map(QPointF(left, top)), self._image)
        painter.restore()
