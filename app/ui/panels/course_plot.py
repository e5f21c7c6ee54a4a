"""One plot of the statistics panel: a curve a person over the frames, marks on it, and the line of the current frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QMouseEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QApplication, QGraphicsView, QWidget

from app.labels.statistics import Series
from app.ui import theme
from app.ui.panels.envelope import Envelope, thinned
from app.ui.timeline.axis import Axis

__all__ = ["LINES", "CoursePlot", "Curve", "line_pen"]

#: Line of the first, second, ... person: told apart without colour.
LINES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine, Qt.PenStyle.DashDotLine, Qt.PenStyle.DashDotDotLine)
_WIDTH = 1.5
#: Logical pixels: room for the numbers on the left and below; between two marks; size of a mark.
_NUMBERS, _BELOW, _APART, _MARK = 48, 36, 6, 9


def line_pen(colour: QColor, number: int, ratio: float) -> QPen:
    """The pen of the ``number``-th person shown; Qt measures it in device pixels, ``ratio`` of them a logical one."""
    return pg.mkPen(colour, width=_WIDTH * ratio, style=LINES[number % len(LINES)])


@dataclass(frozen=True)
class Curve:
    """One person's line. ``rest`` is where marks lie in frames without a value."""

    series: Series
    envelope: Envelope
    pen: QPen
    rest: float

    def at(self, frames: np.ndarray) -> np.ndarray:
        """(m,) height of marks in some frames."""
        values = self.envelope.values[frames]
        return np.where(np.isfinite(values), values, self.rest)


class CoursePlot(pg.PlotWidget):
    """A plot over frames that shares its axis with others.

    Left button: go to that frame, dragging scrubs. Wheel: zoom at the pointer; with Shift, or sideways: pan. Middle drag: pan.
    Double click: all frames. As on the timeline.

    Signals:
        scrubbed: a frame was pressed or dragged to.
        pointed: the frame under the pointer, -1 when it left.
        axis_changed: the shared axis was zoomed or panned here.
    """

    scrubbed = Signal(int)
    pointed = Signal(int)
    axis_changed = Signal()

    def __init__(self, axis: Axis, name: str, unit: str, parent: QWidget | None = None) -> None:
        super().__init__(parent, enableMenu=False)
        self.axis = axis
        self.curves: list[Curve] = []
        self._span: tuple[float, float] | None = None
        self._unit = unit
        self._numbered = False
        self._panned_from: QPointF | None = None
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the keys that move through frames work wherever the focus is
        self.setMinimumHeight(72)
        self.setMouseTracking(True)
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.MinimalViewportUpdate)
        plot = self.getPlotItem()
        plot.hideButtons()
        plot.setMouseEnabled(x=False, y=False)
        plot.disableAutoRange()
        plot.showGrid(x=False, y=True, alpha=0.25)
        plot.getAxis("left").setWidth(_NUMBERS)
        plot.getAxis("left").enableAutoSIPrefix(False)
        plot.getAxis("bottom").enableAutoSIPrefix(False)
        self._lines: list[pg.PlotCurveItem] = []
        self._hover = pg.InfiniteLine(angle=90)
        self._now = pg.InfiniteLine(angle=90)
        self._human, self._jumps = (pg.ScatterPlotItem(symbol=symbol, size=_MARK, pxMode=True) for symbol in ("d", "t1"))
        self._hover.hide()
        for order, item in enumerate((self._hover, self._now, self._human, self._jumps)):
            item.setZValue(10 + order)
            plot.addItem(item)
        self.restyle()

    def set_numbers(self, shown: bool) -> None:
        """Whether the frames' numbers stand below this plot."""
        bottom = self.getPlotItem().getAxis("bottom")
        bottom.setStyle(showValues=shown)
        bottom.setHeight(_BELOW if shown else 4)
        self._numbered = shown
        self.restyle()

    def restyle(self) -> None:
        """The theme or the font changed."""
        c = theme.colors()
        font = QFont(theme.numbers_font(QApplication.font()))
        font.setPixelSize(11)
        self.setBackground(c.surface)
        plot = self.getPlotItem()
        for name in ("left", "bottom"):
            axis = plot.getAxis(name)
            axis.setPen(c.line)
            axis.setTextPen(c.muted)
            axis.setTickFont(font)
        plot.setLabel("left", self._unit, color=c.muted, **{"font-size": "11px"})
        if self._numbered:
            plot.setLabel("bottom", "Frame", color=c.muted, **{"font-size": "11px"})
        ratio = self.devicePixelRatioF()
        self._now.setPen(pg.mkPen(c.accent, width=_WIDTH * ratio))
        self._hover.setPen(pg.mkPen(c.muted, width=ratio))
        self._human.setBrush(QColor(c.ok))
        self._jumps.setBrush(QColor(c.warning))
        for marks in (self._human, self._jumps):
            marks.setPen(pg.mkPen(c.surface, width=1))

    def set_curves(self, curves: Sequence[Curve], span: tuple[float, float] | None) -> None:
        """Show other people or figures; ``span`` is the lowest and highest value of the plot, None: what is there."""
        self.curves, self._span = list(curves), span
        plot = self.getPlotItem()
        while len(self._lines) > len(curves):
            plot.removeItem(self._lines.pop())
        while len(self._lines) < len(curves):
            self._lines.append(pg.PlotCurveItem(connect="finite", antialias=True))
            plot.addItem(self._lines[-1])
        for line, curve in zip(self._lines, curves, strict=True):
            line.setPen(curve.pen)
        self.draw()

    def draw(self) -> None:
        """Draw the frames that the axis shows."""
        axis = self.axis
        first, shown = axis.first - 0.5, axis.shown
        columns = max(round(axis.width), 1)
        seen = []
        for line, curve in zip(self._lines, self.curves, strict=True):
            x, y = curve.envelope.points(first, shown, columns)
            line.setData(x, y)
            seen.append(y[np.isfinite(y)])
        for marks, which in ((self._human, "human"), (self._jumps, "jumps")):
            at = [thinned(getattr(c.series, which), first, shown, columns // _APART) for c in self.curves]
            marks.setData(
                np.concatenate([[], *at]), np.concatenate([[], *(c.at(f) for c, f in zip(self.curves, at, strict=True))])
            )
        values = np.concatenate([[], *seen])
        low, high = self._span or ((values.min(), values.max()) if len(values) else (0.0, 1.0))
        room = max(high - low, 1e-3 * max(abs(high), 1.0)) * 0.1
        self.getPlotItem().vb.setRange(xRange=(first, first + shown), yRange=(low - room, high + room), padding=0)

    def set_frame(self, frame: int) -> None:
        """Move the line of the current frame."""
        self._now.setValue(frame)

    def set_hover(self, frame: int | None) -> None:
        """Show the frame under the pointer, in whatever plot that is."""
        self._hover.setVisible(frame is not None)
        if frame is not None:
            self._hover.setValue(frame)

    @property
    def room(self) -> float:
        """Logical pixels from the first to the last frame on screen."""
        return float(self.getPlotItem().vb.width())

    def x_of(self, frame: float) -> float:
        """Where a frame is in this widget."""
        return float(self.mapFromScene(self.getPlotItem().vb.mapViewToScene(QPointF(frame, 0))).x())

    def frame_at(self, x: float) -> int:
        """The frame at a place of this widget, clamped to the video."""
        return self.axis.frame_at(x - self._left)

    @property
    def _left(self) -> float:
        return float(self.mapFromScene(self.getPlotItem().vb.sceneBoundingRect().topLeft()).x())

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        if event.button() == Qt.MouseButton.LeftButton and self.axis.count:
            self.scrubbed.emit(self.frame_at(event.position().x()))
        elif event.button() == Qt.MouseButton.MiddleButton:
            self._panned_from = event.position()
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        at = event.position()
        if self._panned_from is not None:
            self.axis.pan(self._panned_from.x() - at.x())
            self._panned_from = at
            self.axis_changed.emit()
        elif event.buttons() & Qt.MouseButton.LeftButton and self.axis.count:
            self.scrubbed.emit(self.frame_at(at.x()))
        self.pointed.emit(self.frame_at(at.x()) if self.axis.count and at.x() >= self._left else -1)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        if event.button() == Qt.MouseButton.MiddleButton:
            self._panned_from = None
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        if event.button() == Qt.MouseButton.LeftButton:
            self.axis.fit()
            self.axis_changed.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: D102
        pixels, angle = event.pixelDelta(), event.angleDelta()
        dx, dy = (angle.x() / 2, angle.y() / 2) if pixels.isNull() else (pixels.x(), pixels.y())
        sideways = abs(dx) > abs(dy)
        if sideways or event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.axis.pan(-(dx if sideways else dy))
        else:
            self.axis.zoom_at(1.2 ** (dy / 60), event.position().x() - self._left)
        self.axis_changed.emit()
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: D102
        self.pointed.emit(-1)
        super().leaveEvent(event)
