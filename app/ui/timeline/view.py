"""The painted part of the timeline: which frames and rows are on screen, and where they lie in the widget."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QToolTip, QWidget

from app.ui import theme
from app.ui.session import Session
from app.ui.timeline.axis import Axis
from app.ui.timeline.bars import ROW_HEIGHT
from app.ui.timeline.content import Content
from app.ui.timeline.hand import Hand
from app.ui.timeline.kept_layers import KeptLayers
from app.ui.timeline.layers import DOUBT_HEIGHT, LANE_HEIGHT, Geometry
from app.ui.timeline.playhead import draw_playhead, draw_pointer, draw_range
from app.ui.timeline.ruler import RULER_HEIGHT
from app.ui.timeline.thumbnails import Thumbnails
from app.ui.timeline.words import words_of_frame, words_of_name

__all__ = ["TimelineView"]

_NAMES, _STRIP, _LEAST_ROWS = 160, 48, 2 * ROW_HEIGHT


class TimelineView(QWidget):
    """All of the timeline but its scroll bars.

    Attributes:
        axis: which frames are on screen.
        content: what of the session is shown.
        thumbnails: the strip of pictures.
        hand: what the mouse is doing.
        scrolled: logical pixels the people are scrolled down.
    """

    axis_changed = Signal()
    rows_changed = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.axis = Axis()
        self.scrolled = 0
        self.content = Content(session, self)
        self.thumbnails = Thumbnails(session, self)
        self.hand = Hand(self, session)
        self._layers = KeptLayers(session, self.content, self.axis, self.thumbnails)
        self._hover: QPointF | None = None
        self.setMouseTracking(True)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(QSize(200, RULER_HEIGHT + LANE_HEIGHT + DOUBT_HEIGHT + ROW_HEIGHT))
        self.setAccessibleName("Timeline")
        self.setAccessibleDescription("Frames from left to right, one row per person.")
        self.content.renewed.connect(self._renewed)
        self.content.people_changed.connect(self._people_changed)
        self.content.labels_changed.connect(self._labels_changed)
        self.content.marks_changed.connect(self._marks_changed)
        self.content.doubt_changed.connect(self._head_changed)
        session.frame_changed.connect(self._frame)
        session.selection_changed.connect(self._selection)
        session.frame_range_changed.connect(self.update)
        self.thumbnails.arrived.connect(self._head_changed)
        theme.theme().changed.connect(self.redraw)
        self._renewed()

    # ---- geometry ------------------------------------------------------------------------------------------------------

    @property
    def geometry_now(self) -> Geometry:
        """Sizes as they are now: the strip of thumbnails gives way first when there is little room."""
        names = min(_NAMES, self.width() // 5)
        strip = _STRIP if self.height() >= RULER_HEIGHT + LANE_HEIGHT + DOUBT_HEIGHT + _STRIP + 4 + _LEAST_ROWS else 0
        return Geometry(self.width(), self.height(), names, strip, self.devicePixelRatioF())

    @property
    def rows_height(self) -> int:
        """Logical pixels that all people together need."""
        return ROW_HEIGHT * len(self.people)

    @property
    def people(self) -> list[tuple[int, str]]:
        """(track, name) by row."""
        return self.content.people

    def track_at(self, y: float) -> int | None:
        """The person whose row is at a height of the widget."""
        row = int(y - self.geometry_now.head + self.scrolled) // ROW_HEIGHT
        return self.people[row][0] if y >= self.geometry_now.head and 0 <= row < len(self.people) else None

    def frame_at(self, x: float) -> int:
        """The frame at a horizontal position of the widget."""
        return self.axis.frame_at(x - self.geometry_now.names)

    def x_of(self, frame: int) -> float:
        """Where the middle of a frame is in the widget."""
        return self.geometry_now.names + self.axis.x_of(frame + 0.5)

    def row_top(self, track: int) -> int | None:
        """Top of a person's row in the widget, or None."""
        for i, (other, _) in enumerate(self.people):
            if other == track:
                return self.geometry_now.head + i * ROW_HEIGHT - self.scrolled
        return None

    # ---- verbs ---------------------------------------------------------------------------------------------------------

    def zoom(self, factor: float, x: float | None = None) -> None:
        """Zoom keeping the frame at ``x`` (default: the playhead if on screen, else the middle) where it is."""
        if x is None:
            x = self.x_of(self._session.frame)
            if not self.geometry_now.names <= x <= self.width():
                x = (self.geometry_now.names + self.width()) / 2
        self.axis.zoom_at(factor, x - self.geometry_now.names)
        self._axis_moved()

    def fit(self) -> None:
        """Show the whole video."""
        self.axis.fit()
        self._axis_moved()

    def show_track(self, track: int | None) -> None:
        """Show the frames a person is in; the whole video if that is shown already, or for nobody."""
        project = self._session.project
        frames = None if project is None or track is None else project.track_frames(track)
        before = (self.axis.first, self.axis.scale)
        if frames is not None and len(frames):
            self.axis.show(int(frames[0]), int(frames[-1]))
        if (self.axis.first, self.axis.scale) == before:
            self.axis.fit()
        self._axis_moved()

    def pan(self, pixels: float) -> None:
        """Move later frames into view (negative: earlier ones), in logical pixels."""
        self.axis.pan(pixels)
        self._axis_moved()

    def go_first(self, first: float) -> None:
        """Put a frame at the left end."""
        self.axis.go(first)
        self._axis_moved()

    def set_scroll(self, scroll: int) -> None:
        """Scroll the people."""
        scroll = min(max(scroll, 0), max(self.rows_height - self.geometry_now.rows, 0))
        if scroll != self.scrolled:
            self.scrolled = scroll
            self._rows_moved()

    def cancel(self) -> bool:
        """End the drag of a range, which becomes what it was. False if there was none."""
        return self.hand.cancel()

    def foresee(self, flags: Mapping[int, np.ndarray], names: Mapping[int, str] | None = None) -> None:
        """Show some people as they would be after a change that is proposed; nothing: as they are.

        Args:
            flags: track -> (n_frames,) bytes of ``Project.track_flags``.
            names: track -> name of people who would be new; they get a row.
        """
        self.content.foresee(flags, names or {})
        self._layers.drop("rows", "names")
        self.update()

    def redraw(self) -> None:
        """Draw everything anew: another theme, font or screen."""
        self._layers.drop("ruler", "head", "rows", "names")
        self.update()

    # ---- what the session tells ----------------------------------------------------------------------------------------

    def _renewed(self) -> None:
        self.thumbnails.close()
        self.axis.set_count(self._session.n_frames)
        self.scrolled = 0
        self._rows_moved()
        self._axis_moved()

    def _frame(self, frame: int) -> None:
        if not self.hand.leads and self.axis.reveal(frame):
            self._axis_moved()
        self.update()

    def _labels_changed(self) -> None:
        self._layers.drop("head", "rows")
        self.update()

    def _marks_changed(self) -> None:
        self._layers.drop("ruler")  # drawn with the labels, a moment later

    def _people_changed(self) -> None:
        self._keep_scroll()
        self._rows_moved()

    def _selection(self) -> None:
        track = self._session.selected_track
        top = None if track is None else self.row_top(track)
        if top is not None:
            head, bottom = self.geometry_now.head, self.height() - ROW_HEIGHT
            if top < head:
                self.set_scroll(self.scrolled - (head - top))
            elif top > bottom:
                self.set_scroll(self.scrolled + top - bottom)
        self._layers.drop("rows", "names")
        self.update()

    # ---- painting ------------------------------------------------------------------------------------------------------

    def _axis_moved(self) -> None:
        self._layers.drop("ruler", "head", "rows")
        geometry = self.geometry_now
        self.thumbnails.place(self.axis, geometry.strip, geometry.ratio)
        self.axis_changed.emit()
        self.update()

    def _keep_scroll(self) -> None:
        """Scrolled no farther than there are people."""
        self.scrolled = min(self.scrolled, max(self.rows_height - self.geometry_now.rows, 0))

    def _rows_moved(self) -> None:
        self._layers.drop("rows", "names")
        self.rows_changed.emit()
        self.update()

    def _head_changed(self) -> None:
        self._layers.drop("head")
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: D102
        geometry = self.geometry_now
        self.axis.set_width(geometry.width - geometry.names)
        self._keep_scroll()
        self._axis_moved()
        self._rows_moved()

    def changeEvent(self, event: QEvent) -> None:  # noqa: D102
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.EnabledChange):
            self.redraw()

    def event(self, event: QEvent) -> bool:
        """Tooltips; another screen."""
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._axis_moved()
        elif event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self.words_at(QPointF(event.pos())), self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Kept layers, then what moves."""
        painter, geometry = QPainter(self), self.geometry_now
        self._layers.paint(painter, geometry, self.scrolled, self.font())
        if not self.axis.count:
            return
        if not self.people:
            painter.setPen(QColor(theme.colors().muted))
            room = QRect(geometry.names, geometry.head, geometry.width - geometry.names, geometry.rows)
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter, "Nobody yet: people found or drawn get a row each.")
        painter.setClipRect(QRectF(geometry.names, 0, geometry.width - geometry.names, geometry.height))
        if self._session.frame_range is not None:
            draw_range(painter, geometry, self.axis, self._session.frame_range, self._session.time)
        if self._hover is not None and not self.hand.dragging and self._hover.x() >= geometry.names:
            draw_pointer(painter, geometry, self.axis, self.frame_at(self._hover.x()))
        draw_playhead(painter, geometry, self.axis, self._session.frame)

    def words_at(self, at: QPointF) -> str:
        """What the tooltip says of a place."""
        if self._session.project is None or not self.axis.count:
            return ""
        track = self.track_at(at.y())
        if at.x() < self.geometry_now.names:
            return words_of_name(self._session, track)
        return words_of_frame(self._session, self.content, self.frame_at(at.x()), at.y(), track)

    # ---- mouse ----------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a drag."""
        if self.axis.count:
            self.hand.press(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with a drag; else say which frame is under the pointer."""
        self.hand.move(event)
        self._hover = event.position()
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End of a drag."""
        self.hand.release(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """On a person: show where the person is; elsewhere: the whole video."""
        if event.button() != Qt.MouseButton.LeftButton or not self.axis.count:
            return
        track = self.track_at(event.position().y())
        if track is None:
            self.fit()
        else:
            self.show_track(track)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom at the pointer; with Shift, or sideways, pan; over the names, scroll the people."""
        event.accept()
        if not self.axis.count:
            return
        pixels, angle = event.pixelDelta(), event.angleDelta()
        fine = not pixels.isNull()
        dx, dy = (pixels.x(), pixels.y()) if fine else (angle.x() / 2, angle.y() / 2)
        at = event.position()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier or abs(dx) > abs(dy):
            self.pan(-(dx if abs(dx) > abs(dy) else dy))
        elif at.x() < self.geometry_now.names:
            self.set_scroll(self.scrolled - round(dy))
        else:
            self.zoom(1.2 ** (dy / 60), at.x())
        self._hover = at

    def leaveEvent(self, event: QEvent) -> None:
        """Take the hint away."""
        self._hover = None
        self.update()
