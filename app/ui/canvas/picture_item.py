"""The frame itself, drawn straight from the decoder's buffer."""

from __future__ import annotations

import cv2
import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

NEAREST_ABOVE = 4.0
"""From this scale on pixels are drawn as squares: what is being annotated is the pixel."""
_MOST_HALVINGS = 4


def as_image(rgb: np.ndarray) -> QImage:
    """A QImage over an (H, W, 3) uint8 RGB array, without a copy. The array must outlive the image."""
    height, width = rgb.shape[:2]
    return QImage(rgb.data, width, height, rgb.strides[0], QImage.Format.Format_RGB888)


class PictureItem(pg.GraphicsObject):
    """Draws one (H, W, 3) uint8 RGB picture at view coordinates (0, 0)-(W, H).

    Not ``pg.ImageItem``: drawing RGB888 from the decoder's buffer needs no conversion and no copy. Seen from far the picture is
    halved with area averaging first, so that nothing flickers or aliases while it plays.
    """

    def __init__(self) -> None:
        super().__init__()
        self._levels: list[np.ndarray] = []
        self._images: list[QImage] = []
        self._size = (0, 0)

    @property
    def picture(self) -> np.ndarray | None:
        """The picture shown, or None."""
        return self._levels[0] if self._levels else None

    def set_picture(self, rgb: np.ndarray | None) -> None:
        """Show a picture, or nothing."""
        if rgb is None:
            self._levels, self._images = [], []
            size = (0, 0)
        else:
            rgb = np.ascontiguousarray(rgb)
            self._levels, self._images = [rgb], [as_image(rgb)]
            size = (rgb.shape[1], rgb.shape[0])
        if size != self._size:
            self.prepareGeometryChange()
            self._size = size
        self.update()

    def boundingRect(self) -> QRectF:  # noqa: D102
        return QRectF(0, 0, *self._size)

    def level(self, halvings: int) -> QImage:
        """The picture halved so many times, made when first asked for."""
        while len(self._levels) <= halvings:
            last = self._levels[-1]
            size = (max(last.shape[1] // 2, 1), max(last.shape[0] // 2, 1))
            self._levels.append(cv2.resize(last, size, interpolation=cv2.INTER_AREA))
            self._images.append(as_image(self._levels[-1]))
        return self._images[halvings]

    def draw(self, painter: QPainter, target: QRectF, source: QRectF, scale: float) -> None:
        """Draw the part ``source`` (view coordinates) into ``target``; ``scale`` is device pixels per frame pixel."""
        if not self._levels:
            return
        halvings = int(np.clip(np.floor(-np.log2(max(scale, 1e-3))), 0, _MOST_HALVINGS))
        image = self.level(halvings)
        fx, fy = image.width() / self._size[0], image.height() / self._size[1]
        smooth = scale < NEAREST_ABOVE and scale != 1.0
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        painter.drawImage(target, image, QRectF(source.x() * fx, source.y() * fy, source.width() * fx, source.height() * fy))

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:  # noqa: D102
        if not self._levels:
            return
        world = painter.worldTransform()
        ratio = painter.device().devicePixelRatioF() if painter.device() else 1.0
        visible = self.boundingRect()
        if widget is not None:
            inverse, ok = world.inverted()
            if ok:  # only whole pixels that can be seen, one more on each side for the smoothing
                seen = inverse.mapRect(QRectF(widget.rect()))
                left, top = np.floor(seen.x()) - 1, np.floor(seen.y()) - 1
                right, bottom = np.ceil(seen.right()) + 1, np.ceil(seen.bottom()) + 1
                visible = visible.intersected(QRectF(left, top, right - left, bottom - top))
        if not visible.isEmpty():
            self.draw(painter, visible, visible, world.m11() * ratio)
