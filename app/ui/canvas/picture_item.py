"""The frame itself: at the scale of the screen before it is shown, where the decoding thread has the time for that."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QImage, QPainter, QTransform
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

NEAREST_ABOVE = 4.0
"""From this scale on pixels are drawn as squares: what is being annotated is the pixel."""
_MOST_HALVINGS = 4
_KEPT = 3
_BAND_PIXELS = 60_000


def as_image(rgb: np.ndarray) -> QImage:
    """A QImage over an (H, W, 3) uint8 RGB array, without a copy. The array must outlive the image."""
    height, width = rgb.shape[:2]
    return QImage(rgb.data, width, height, rgb.strides[0], QImage.Format.Format_RGB888)


def halvings_for(scale: float) -> int:
    """How often a picture is halved before it is drawn at so many device pixels per pixel."""
    return min(max(math.floor(-math.log2(max(scale, 1e-3))), 0), _MOST_HALVINGS)


@dataclass(frozen=True)
class Grid:
    """Device pixels that a picture is resampled to.

    Device pixel (left + i, top + j) has its centre at ((left + i + 0.5 - dx) / scale, (top + j + 0.5 - dy) / scale) in view
    coordinates, in which the picture's pixel (x, y) reaches from (x, y) to (x + 1, y + 1).

    Attributes:
        size: (W, H) of the picture.
        scale: device pixels per pixel of the picture.
        dx, dy: device coordinates of the picture's corner.
        left, top, width, height: the device pixels.
    """

    size: tuple[int, int]
    scale: float
    dx: float
    dy: float
    left: int
    top: int
    width: int
    height: int

    def resample(self, rgb: np.ndarray) -> np.ndarray:
        """(height, width, 4) uint8 BGRA of an (H, W, 3) uint8 RGB picture; from far averaged, from near interpolated."""
        pixels = rgb
        for _ in range(halvings_for(self.scale)):
            pixels = _halved(pixels)
        pixels = _with_fourth_channel(pixels)  # warped twice as fast as three
        fx, fy = pixels.shape[1] / self.size[0], pixels.shape[0] / self.size[1]
        out = np.empty((self.height, self.width, 4), np.uint8)
        for start, stop in _bands(self.height, self.width):
            to_picture = np.array(
                [
                    [fx / self.scale, 0, (self.left + 0.5 - self.dx) * fx / self.scale - 0.5],
                    [0, fy / self.scale, (self.top + start + 0.5 - self.dy) * fy / self.scale - 0.5],
                ]
            )
            cv2.warpAffine(
                pixels, to_picture, (self.width, stop - start), dst=out[start:stop],
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
            )  # fmt: skip
        return out


def _bands(rows: int, width: int) -> list[tuple[int, int]]:
    """Bands of rows so small that OpenCV works on them where it is called.

    Larger ones it divides among threads of its own and waits for them, which takes long when a model computes on all cores.
    """
    tall = max(_BAND_PIXELS // max(width, 1), 1)
    return [(start, min(start + tall, rows)) for start in range(0, rows, tall)]


def _halved(rgb: np.ndarray) -> np.ndarray:
    """A picture of half the width and height, each pixel the average of four."""
    height, width = max(rgb.shape[0] // 2, 1), max(rgb.shape[1] // 2, 1)
    if rgb.shape[0] % 2 or rgb.shape[1] % 2:
        return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
    out = np.empty((height, width, 3), np.uint8)
    for start, stop in _bands(height, width):
        cv2.resize(rgb[2 * start : 2 * stop], (width, stop - start), dst=out[start:stop], interpolation=cv2.INTER_AREA)
    return out


def _with_fourth_channel(rgb: np.ndarray) -> np.ndarray:
    """(H, W, 4) uint8 BGRA of RGB."""
    out = np.empty((*rgb.shape[:2], 4), np.uint8)
    for start, stop in _bands(*rgb.shape[:2]):
        cv2.cvtColor(rgb[start:stop], cv2.COLOR_RGB2BGRA, dst=out[start:stop])
    return out


class Resampled:
    """A picture on a grid, ready to be put on the screen as it is."""

    def __init__(self, rgb: np.ndarray, grid: Grid) -> None:
        self.rgb, self.grid = rgb, grid
        self._pixels = grid.resample(rgb)
        self.image = QImage(self._pixels.data, grid.width, grid.height, self._pixels.strides[0], QImage.Format.Format_RGB32)


class PictureItem(pg.GraphicsObject):
    """Draws one (H, W, 3) uint8 RGB picture at view coordinates (0, 0)-(W, H).

    Not ``pg.ImageItem``, and not scaled by Qt: that takes several milliseconds of the window's thread each time anything in
    the view is drawn anew, and waits for threads of Qt's own, which get no core while a model computes. The picture is
    brought to the screen's pixels once instead, by :meth:`prepare` in the thread that decodes it if the camera stays where
    it is, else when it is first painted. Seen from far it is halved with area averaging first, so that nothing flickers or
    aliases while it plays.
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown: np.ndarray | None = None
        self._levels: list[np.ndarray] = []
        self._images: list[QImage] = []
        self._size = (0, 0)
        #: Written by the window's thread, read by the decoding thread: what the last picture was drawn to.
        self._grid: Grid | None = None
        #: Written by both, always as a whole; who loses a race has a picture drawn in the window's thread.
        self._ready: tuple[Resampled, ...] = ()

    @property
    def picture(self) -> np.ndarray | None:
        """The picture shown, or None."""
        return self._levels[0] if self._levels else None

    def prepare(self, rgb: np.ndarray) -> None:
        """Bring a picture that will be shown next to the screen's pixels. Called in the decoding thread."""
        grid = self._grid
        if grid is not None and (rgb.shape[1], rgb.shape[0]) == grid.size:
            self._keep(Resampled(rgb, grid))

    def set_picture(self, rgb: np.ndarray | None) -> None:
        """Show a picture, or nothing."""
        self._shown = rgb
        if rgb is None:
            self._levels, self._images = [], []
            self._ready = ()
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
            self._levels.append(_halved(last))
            self._images.append(as_image(self._levels[-1]))
        return self._images[halvings]

    def draw(self, painter: QPainter, target: QRectF, source: QRectF, scale: float) -> None:
        """Draw the part ``source`` (view coordinates) into ``target``; ``scale`` is device pixels per frame pixel."""
        if not self._levels:
            return
        image = self.level(halvings_for(scale))
        fx, fy = image.width() / self._size[0], image.height() / self._size[1]
        smooth = scale < NEAREST_ABOVE and scale != 1.0
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        painter.drawImage(target, image, QRectF(source.x() * fx, source.y() * fy, source.width() * fx, source.height() * fy))

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:  # noqa: D102
        if not self._levels:
            return
        world = painter.worldTransform()
        ratio = painter.device().devicePixelRatioF() if painter.device() else 1.0
        scale = world.m11() * ratio
        visible = self.boundingRect()
        if widget is not None:
            inverse, ok = world.inverted()
            if ok:  # only whole pixels that can be seen, one more on each side for the smoothing
                seen = inverse.mapRect(QRectF(widget.rect()))
                left, top = np.floor(seen.x()) - 1, np.floor(seen.y()) - 1
                right, bottom = np.ceil(seen.right()) + 1, np.ceil(seen.bottom()) + 1
                visible = visible.intersected(QRectF(left, top, right - left, bottom - top))
        if visible.isEmpty():
            return
        if scale >= NEAREST_ABOVE or scale == 1.0 or widget is None:
            self._grid = None
            self.draw(painter, visible, visible, scale)
        else:
            self._draw_resampled(painter, self._grid_of(painter, widget, ratio), ratio)

    def _grid_of(self, painter: QPainter, widget: QWidget, ratio: float) -> Grid:
        """The device pixels of the widget that the picture covers."""
        on_device = painter.deviceTransform()
        scale, dx, dy = on_device.m11(), on_device.dx(), on_device.dy()
        world = painter.worldTransform()
        x, y = dx - world.dx() * ratio, dy - world.dy() * ratio  # of the widget
        left, right = max(dx, x), min(dx + self._size[0] * scale, x + widget.width() * ratio)
        top, bottom = max(dy, y), min(dy + self._size[1] * scale, y + widget.height() * ratio)
        column, row = round(left), round(top)
        return Grid(self._size, scale, dx, dy, column, row, max(round(right) - column, 1), max(round(bottom) - row, 1))

    def _draw_resampled(self, painter: QPainter, grid: Grid, ratio: float) -> None:
        self._grid = grid
        ready = next((r for r in self._ready if r.rgb is self._shown and r.grid == grid), None)
        if ready is None:
            ready = Resampled(self._shown, grid)  # type: ignore[arg-type]
            self._keep(ready)
        painter.save()
        painter.setWorldTransform(QTransform())
        back, _ = painter.deviceTransform().inverted()
        ready.image.setDevicePixelRatio(ratio)
        painter.drawImage(back.map(QPointF(grid.left, grid.top)), ready.image)
        painter.restore()

    def _keep(self, ready: Resampled) -> None:
        """The newest few, one for each picture."""
        self._ready = (*(r for r in self._ready if r.rgb is not ready.rgb), ready)[-_KEPT:]
