"""A clear layer in the pixels of the screen that is drawn on and then laid over what is there."""

from __future__ import annotations

import math
from collections.abc import Callable

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
    """What was drawn is kept from one repaint to the next."""

    def __init__(self) -> None:
        self._image = QImage()
        self._drawn: object = None

    def lay(self, painter: QPainter, width: int, height: int, what: object, draw: Callable[[QPainter], None]) -> None:
        """Draw within ``width`` x ``height`` logical pixels from the origin and lay it on ``painter``, to the pixel.

        ``draw`` is given a painter with the coordinates of ``painter`` (a scale by the device pixel ratio and a shift, nothing
        else), with antialiasing and with colours that replace what is there (``CompositionMode_Source``). It is called only
        where ``what``, all that its picture depends on, or the place is another than the last time.
        """
        device = painter.device()
        ratio = device.devicePixelRatioF() if device is not None else 1.0
        on_device = painter.deviceTransform()
        x, y = on_device.dx(), on_device.dy()
        left, top = math.floor(x), math.floor(y)
        size = math.ceil(width * ratio) + 1, math.ceil(height * ratio) + 1
        asked = (what, size, ratio, x - left, y - top)
        if asked != self._drawn:
            self._drawn = None
            if (self._image.width(), self._image.height()) != size:
                self._image = QImage(*size, QImage.Format.Format_ARGB32_Premultiplied)
            self._image.setDevicePixelRatio(ratio)
            self._image.fill(Qt.GlobalColor.transparent)
            own = QPainter(self._image)
            try:
                own.setRenderHint(QPainter.RenderHint.Antialiasing)
                own.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)
                own.translate((x - left) / ratio, (y - top) / ratio)
                draw(own)
            finally:
                own.end()
            self._drawn = asked
        painter.save()
        painter.setWorldTransform(QTransform())
        back, _ = painter.deviceTransform().inverted()
        painter.drawImage(back.map(QPointF(left, top)), self._image)
        painter.restore()
