"""The camera: a pyqtgraph view that shows a part of the picture at one scale, to a fraction of a pixel.

View coordinates are frame pixels with pixel (x, y) centred at (x + 0.5, y + 0.5), y down. Screen coordinates are the logical
pixels of the viewport; Qt multiplies them by the device pixel ratio.

A ``ViewBox`` carries the transform, because ``QGraphicsView`` itself scrolls by whole pixels only. The scale and the origin
kept here are the one truth; the ViewBox's range follows from them, so the aspect ratio is 1 by construction.
"""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QColor, QEnterEvent, QKeyEvent, QMouseEvent, QPainter, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QGraphicsScene, QGraphicsView, QWidget

from app.ui import theme

pg.setConfigOptions(imageAxisOrder="row-major")

GROUND = QColor(theme.DARK.canvas)
"""The neutral dark ground around the picture, the same in both themes."""
MIN_SCALE, MAX_SCALE = 0.05, 64.0
FIT_MARGIN = 8.0
KEEP_VISIBLE = 48.0
"""So many screen pixels of the picture stay in the window however far it is panned."""


class CanvasView(pg.GraphicsView):
    """Shows graphics items under a camera of scale (screen px per frame px) and origin.

    Signals:
        camera_changed: scale, origin or size changed.
        pressed, moved, released, double_clicked: mouse events (``QMouseEvent``), untouched by pyqtgraph's own handling.
        wheel_held: (notches, modifiers): the wheel was turned with Alt or Ctrl held.
        left: the pointer left the view.
    """

    camera_changed = Signal()
    pressed = Signal(object)
    moved = Signal(object)
    released = Signal(object)
    double_clicked = Signal(object)
    wheel_held = Signal(float, object)
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        self._scale, self._origin = 1.0, np.zeros(2)
        self._size = (0, 0)
        self._fitted = True
        self._applied: tuple[float, ...] = ()
        super().__init__(parent, useOpenGL=False, background=GROUND)
        self.setCacheMode(QGraphicsView.CacheModeFlag.CacheNone)
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.FullViewportUpdate)
        self.setRenderHints(QPainter.RenderHint.Antialiasing)
        self.scene().setItemIndexMethod(QGraphicsScene.ItemIndexMethod.NoIndex)
        self.setMouseTracking(True)
        self.viewport().setMouseTracking(True)
        self.box = pg.ViewBox(enableMouse=False, enableMenu=False, invertY=True, defaultPadding=0)
        self.box.disableAutoRange()
        self.setCentralItem(self.box)
        self._apply()

    def add(self, item: pg.GraphicsObject) -> None:
        """Put an item, drawn in view coordinates, under the camera."""
        self.box.addItem(item, ignoreBounds=True)

    @property
    def camera_scale(self) -> float:
        """Screen pixels (logical) per frame pixel."""
        return self._scale

    @property
    def fitted(self) -> bool:
        """True while the view follows the window's size."""
        return self._fitted

    @property
    def origin(self) -> np.ndarray:
        """(2,) view coordinates of the viewport's top-left corner."""
        return self._origin.copy()

    def set_picture_size(self, width: int, height: int) -> None:
        """Tell the camera how large the picture is; a new size is fitted."""
        if (width, height) != self._size:
            self._size = (width, height)
            self.fit()

    def fit(self) -> None:
        """Show the whole picture, centred, and keep doing so when the window changes size."""
        self._fitted = True
        w, h = self._size
        if w > 0 and h > 0:
            vw, vh = self._viewport_size()
            self._scale = float(np.clip(min((vw - 2 * FIT_MARGIN) / w, (vh - 2 * FIT_MARGIN) / h), MIN_SCALE, MAX_SCALE))
            self._origin = np.array([w, h]) / 2 - np.array([vw, vh]) / 2 / self._scale
        self._apply()

    def zoom_at(self, factor: float, screen: np.ndarray | None = None) -> None:
        """Multiply the scale by ``factor`` keeping the frame point at ``screen`` (default: the middle) where it is."""
        at = np.asarray(screen if screen is not None else self._viewport_size() / 2, float)
        fixed = self._origin + at / self._scale
        self._scale = float(np.clip(self._scale * factor, MIN_SCALE, MAX_SCALE))
        self._origin = fixed - at / self._scale
        self._fitted = False
        self._apply()

    def pan(self, dx: float, dy: float) -> None:
        """Move the picture by so many screen pixels, not farther than its last bit in the window."""
        self._origin = self._origin - np.array([dx, dy]) / self._scale
        self._fitted = False
        self._keep_in_sight()
        self._apply()

    def show_rect(self, x: float, y: float, w: float, h: float, share: float = 0.6) -> None:
        """Centre a box given in frame pixels so that it fills ``share`` of the window."""
        vw, vh = self._viewport_size()
        self._scale = float(np.clip(share * min(vw / max(w, 1.0), vh / max(h, 1.0)), MIN_SCALE, MAX_SCALE))
        self._origin = np.array([x + w / 2 + 0.5, y + h / 2 + 0.5]) - np.array([vw, vh]) / 2 / self._scale
        self._fitted = False
        self._apply()

    def to_screen(self, xy: np.ndarray) -> np.ndarray:
        """Frame pixels (..., 2) to screen pixels (..., 2)."""
        return (np.asarray(xy, float) + 0.5 - self._origin) * self._scale

    def to_frame(self, screen: np.ndarray) -> np.ndarray:
        """Screen pixels (..., 2) to frame pixels (..., 2)."""
        return np.asarray(screen, float) / self._scale + self._origin - 0.5

    def _viewport_size(self) -> np.ndarray:
        return np.array([max(self.viewport().width(), 1), max(self.viewport().height(), 1)], float)

    def _keep_in_sight(self) -> None:
        if min(self._size) <= 0:
            return
        view, keep = self._viewport_size() / self._scale, KEEP_VISIBLE / self._scale
        size = np.array(self._size, float)
        margin = np.minimum(keep, size)
        self._origin = np.clip(self._origin, margin - view, size - margin)

    def _apply(self) -> None:
        if not hasattr(self, "box"):
            return
        w, h = self._viewport_size() / self._scale
        x, y = self._origin
        if (applied := (self._scale, x, y, w, h)) == self._applied:
            return
        self._applied = applied
        self.box.setRange(xRange=(x, x + w), yRange=(y, y + h), padding=0, disableAutoRange=True)
        self.camera_changed.emit()

    # Qt events: mouse handling is ours, pyqtgraph's scene gets none of it.
    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: D102
        super().resizeEvent(event)
        if not hasattr(self, "box"):
            return
        if self._fitted:
            self.fit()
        else:
            if event is not None and event.oldSize().isValid():
                old, new = event.oldSize(), event.size()
                change = np.array([new.width() - old.width(), new.height() - old.height()])
                self._origin = self._origin - change / 2 / self._scale
            self._apply()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: D102
        pixels, angle = event.pixelDelta().y(), event.angleDelta().y() or event.angleDelta().x()
        steps = pixels / 60 if not event.pixelDelta().isNull() else angle / 120
        if event.modifiers() & (Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.ControlModifier):
            self.wheel_held.emit(float(steps), event.modifiers())
        else:
            self.zoom_at(1.2**steps, _point(event.position()))
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self.pressed.emit(event)
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        self.moved.emit(event)
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        self.released.emit(event)
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        self.double_clicked.emit(event)
        event.accept()

    def enterEvent(self, event: QEnterEvent) -> None:  # noqa: D102
        event.accept()

    def leaveEvent(self, event: object) -> None:  # noqa: D102
        self.left.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: D102
        event.ignore()  # pyqtgraph would hand it to its scene; keys belong to the window's actions

    def keyReleaseEvent(self, event: QKeyEvent) -> None:  # noqa: D102
        event.ignore()


def _point(point: QPointF) -> np.ndarray:
    return np.array([point.x(), point.y()])
