"""Ignore regions on the canvas: what is shown, what is under the pointer, and changes on their way to the disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app.labels import edits
from app.labels.changes import Edit, ProjectError
from app.labels.regions import IgnoreRegion
from app.ui.actions.in_force import with_way
from app.ui.canvas.people_item import EVERYWHERE, HAIRLINE, LABEL_GROUND, LABEL_TEXT, OUTLINE, enter_screen, label_font

if TYPE_CHECKING:
    from app.ui.canvas.canvas import Canvas

__all__ = ["Regions", "RegionsItem", "region_name"]

_CORNER_RADIUS, _EDGE_DISTANCE = 9.0, 6.0


def region_name(number: int, region: IgnoreRegion) -> str:
    """What a region is called in lists and on the picture."""
    return region.name or f"ignore region {number}"


class Regions:
    """The ignore regions of the frame on screen, as they will be when all that is dragged or on its way is written."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._known: dict[int, IgnoreRegion] = {}
        #: (region, frame, polygon) of what is dragged or on its way to the disk.
        self.draft: tuple[int, int, np.ndarray] | None = None

    def reload(self) -> None:
        """Read them anew: labels changed, or another project is open."""
        project = self._canvas.session.project
        self._known = {} if project is None else project.ignore_regions()
        selected = self._canvas.session.selection.region
        if selected is not None and selected not in self._known:
            self._canvas.session.select(None)

    def shown(self) -> dict[int, tuple[IgnoreRegion, np.ndarray]]:
        """Id to region and its (N, 2) corners in frame pixels, of those that are valid in the frame on screen."""
        if not self._canvas.session.display.show_regions:
            return {}
        out = {}
        for number, region in self._known.items():
            polygon = region.polygon_at(self._canvas.shown_frame)
            if self.draft is not None and self.draft[:2] == (number, self._canvas.shown_frame):
                polygon = self.draft[2]
            if polygon is not None:
                out[number] = (region, polygon)
        return out

    def corner_at(self, at: np.ndarray) -> tuple[int, int] | None:
        """(region, corner) of the selected region's corner within reach."""
        chosen = self._selected()
        if chosen is None:
            return None
        far = np.hypot(*(self._canvas.to_screen(chosen[1]) - at).T)
        corner = int(far.argmin())
        return (chosen[0], corner) if far[corner] <= _CORNER_RADIUS else None

    def edge_at(self, at: np.ndarray) -> tuple[int, int] | None:
        """(region, edge) of the selected region's edge within reach; edge n goes from corner n to the next."""
        chosen = self._selected()
        if chosen is None:
            return None
        a = self._canvas.to_screen(chosen[1])
        along = np.roll(a, -1, axis=0) - a
        share = ((at - a) * along).sum(axis=1) / np.maximum((along**2).sum(axis=1), 1e-12)
        far = np.hypot(*(a + np.clip(share, 0, 1)[:, None] * along - at).T)
        edge = int(far.argmin())
        return (chosen[0], edge) if far[edge] <= _EDGE_DISTANCE else None

    def around(self, at: np.ndarray) -> int | None:
        """The region that holds a place of the screen; the selected one first, then the newest."""
        selected = self._canvas.session.selection.region
        inside = [n for n, (_, polygon) in self.shown().items() if _qt(self._canvas.to_screen(polygon)).containsPoint(
            QPointF(*at), Qt.FillRule.OddEvenFill)]  # fmt: skip
        if selected in inside:
            return selected
        return inside[-1] if inside else None

    def _selected(self) -> tuple[int, np.ndarray] | None:
        number = self._canvas.session.selection.region
        shown = self.shown()
        return None if number is None or number not in shown else (number, shown[number][1])

    def add_corner(self, at: np.ndarray) -> bool:
        """A new corner on the edge under the pointer; False where there is none."""
        found = None if self.corner_at(at) is not None else self.edge_at(at)
        if found is None:
            return False
        (number, edge), frame, xy = found, self._canvas.shown_frame, self._canvas.to_frame(at)
        self.change(number, lambda region: region.with_corner(frame, edge, xy), "Add a corner to")
        return True

    def remove_corner(self, at: np.ndarray) -> bool:
        """Take away the corner under the pointer; False where there is none."""
        found = self.corner_at(at)
        if found is None:
            return False
        (number, corner), frame = found, self._canvas.shown_frame
        if len(self.shown()[number][1]) <= 3:
            self._canvas.say(f"A region needs three corners; to delete it {with_way('regions.delete')}.")
        else:
            self.change(number, lambda region: region.without_corner(frame, corner), "Take a corner from")
        return True

    def change(self, number: int, make: Callable[[IgnoreRegion], IgnoreRegion], verb: str) -> None:
        """Write a changed region; what is being dragged of it stays on screen meanwhile."""
        session, draft = self._canvas.session, self.draft

        def edit(project: object) -> Edit:
            known = project.ignore_regions()  # type: ignore[attr-defined]
            if number not in known:
                raise ProjectError("That ignore region is not there any more.")
            return edits.set_ignore_region(project, make(known[number]), number, verb)[0]  # type: ignore[arg-type]

        def done() -> None:
            if self.draft is draft:
                self.draft = None
            self.reload()
            self._canvas.changed()

        def failed(sentence: str) -> None:
            done()
            session.tell(sentence, "error")

        session.apply(edit, done, failed)


class RegionsItem(pg.GraphicsObject):
    """Draws the regions below the people: hatched, outlined and named; the selected one with its corners."""

    def __init__(self, canvas: Canvas) -> None:
        super().__init__()
        self._canvas = canvas

    def boundingRect(self) -> QRectF:  # noqa: D102
        return EVERYWHERE

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:  # noqa: D102
        canvas = self._canvas
        shown = canvas.regions.shown()
        if not shown:
            return
        painter.save()
        enter_screen(painter, *canvas.camera())
        selected = canvas.session.selection.region
        for number, (region, polygon) in shown.items():
            shape = _qt(canvas.to_screen(polygon))
            chosen = number == selected
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(20, 22, 26, 70))
            painter.drawPolygon(shape)
            painter.setBrush(QBrush(QColor(255, 255, 255, 120 if chosen else 80), Qt.BrushStyle.BDiagPattern))
            painter.drawPolygon(shape)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            for colour, width in ((QColor(10, 12, 16, 190), 3.2), (QColor(255, 255, 255, 240 if chosen else 170), 1.4)):
                painter.setPen(QPen(colour, width))
                painter.drawPolygon(shape)
            self._name(painter, shape, region_name(number, region))
            if chosen:
                painter.setPen(QPen(HAIRLINE, 1.2))
                painter.setBrush(OUTLINE)
                for n in range(shape.size()):
                    painter.drawEllipse(shape.at(n), 4.5, 4.5)
        painter.restore()

    def _name(self, painter: QPainter, shape: QPolygonF, text: str) -> None:
        font = label_font(11)
        metrics = QFontMetricsF(font)
        middle = shape.boundingRect().center()
        rect = QRectF(0, 0, metrics.horizontalAdvance(text) + 12, metrics.height() + 2)
        rect.moveCenter(middle)
        painter.setFont(font)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(LABEL_GROUND)
        painter.drawRoundedRect(rect, 3, 3)
        painter.setPen(LABEL_TEXT)
        painter.drawText(rect, int(Qt.AlignmentFlag.AlignCenter), text)


def _qt(points: np.ndarray) -> QPolygonF:
    return QPolygonF([QPointF(float(x), float(y)) for x, y in points])
