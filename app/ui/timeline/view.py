"""The painted part of the timeline: mouse in, cached layers and playhead out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QHelpEvent, QImage, QMouseEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QToolTip, QWidget

from app.ui import theme
from app.ui.session import Session
from app.ui.timeline.axis import Axis
from app.ui.timeline.bars import ROW_HEIGHT
from app.ui.timeline.content import Content
from app.ui.timeline.layers import DOUBT_HEIGHT, LANE_HEIGHT, Geometry, head_layer, names_layer, rows_layer, ruler_layer
from app.ui.timeline.ruler import RULER_HEIGHT, draw_flag, small_font
from app.ui.timeline.thumbnails import Thumbnails
from app.ui.timeline.words import words_of_frame, words_of_name

__all__ = ["TimelineView"]

_NAMES, _STRIP, _LEAST_ROWS = 160, 48, 2 * ROW_HEIGHT
#: Milliseconds between two moves while a drag is held outside.
_PULL_MS = 30
#: Logical pixels around an end of the range in which a press takes hold of it; height of the bar that shows the range.
_GRIP, _RANGE_BAR = 5, 4
#: A press that moves less is a click.
_CLICK = 3


class TimelineView(QWidget):
    """All of the timeline but its scroll bars.

    Attributes:
        axis: which frames are on screen.
        content: what of the session is shown.
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
        self._ruler: QImage | None = None
        self._head: QImage | None = None
        self._rows: QImage | None = None
        self._names: QImage | None = None
        self._hover: QPointF | None = None
        self._drag = ""
        self._last = QPointF()
        self._anchor: int | None = None  # while a range is drawn: the frame that stays
        self._range_before: tuple[int, int] | None = None
        self._pressed_at = QPointF()
        self._own = False
        self._pull = QTimer(self)
        self._pull.setInterval(_PULL_MS)
        self._pull.timeout.connect(self._pull_on)
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
        if self._drag != "range":
            return False
        self._end_drag()
        before = self._range_before
        self._session.set_frame_range(*(before or (None,)))
        return True

    def foresee(self, flags: Mapping[int, np.ndarray], names: Mapping[int, str] | None = None) -> None:
        """Show some people as they would be after a change that is proposed; nothing: as they are.

        Args:
            flags: track -> (n_frames,) bytes of ``Project.track_flags``.
            names: track -> name of people who would be new; they get a row.
        """
        self.content.foresee(flags, names or {})
        self._rows = self._names = None
        self.update()

    def redraw(self) -> None:
        """Draw everything anew: another theme, font or screen."""
        self._ruler = self._head = self._rows = self._names = None
        self.update()

    # ---- what the session tells ----------------------------------------------------------------------------------------

    def _renewed(self) -> None:
        self.thumbnails.close()
        self.axis.set_count(self._session.n_frames)
        self.scrolled = 0
        self._rows_moved()
        self._axis_moved()

    def _frame(self, frame: int) -> None:
        if not self._own and self._drag != "pan" and self.axis.reveal(frame):
            self._axis_moved()
        self.update()

    def _labels_changed(self) -> None:
        self._head = self._rows = None
        self.update()

    def _marks_changed(self) -> None:
        self._ruler = None  # drawn with the labels, a moment later

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
        self._rows = self._names = None
        self.update()

    # ---- painting ------------------------------------------------------------------------------------------------------

    def _axis_moved(self) -> None:
        self._ruler = self._head = self._rows = None
        geometry = self.geometry_now
        self.thumbnails.place(self.axis, geometry.strip, geometry.ratio)
        self.axis_changed.emit()
        self.update()

    def _keep_scroll(self) -> None:
        """Scrolled no farther than there are people."""
        self.scrolled = min(self.scrolled, max(self.rows_height - self.geometry_now.rows, 0))

    def _rows_moved(self) -> None:
        self._rows = self._names = None
        self.rows_changed.emit()
        self.update()

    def _head_changed(self) -> None:
        self._head = None
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
        """Cached layers, then what moves."""
        painter = QPainter(self)
        geometry = self.geometry_now
        if self._ruler is None or self._ruler.devicePixelRatio() != geometry.ratio:
            self._ruler = ruler_layer(geometry, self.axis, self._session.time, self.content.marks, self.font())
        if self._head is None or self._head.devicePixelRatio() != geometry.ratio:
            doubt = self.content.doubt, self.content.doubt_of_selected
            self._head = head_layer(geometry, self.axis, self.content.frames, doubt, self.thumbnails, self.font())
        selected = self._session.selected_track
        if self._rows is None or self._rows.devicePixelRatio() != geometry.ratio:
            self._rows = rows_layer(geometry, self.axis, self.content.tracks, self.people, self.scrolled, selected)
        if self._names is None or self._names.devicePixelRatio() != geometry.ratio:
            self._names = names_layer(geometry, self.content.tracks, self.people, self.scrolled, selected, self.font())
        painter.drawImage(QPointF(0, 0), self._ruler)
        painter.drawImage(QPointF(0, RULER_HEIGHT), self._head)
        painter.drawImage(QPointF(0, geometry.head), self._names)
        painter.drawImage(QPointF(round(geometry.names * geometry.ratio) / geometry.ratio, geometry.head), self._rows)
        c = theme.colors()
        if not self.axis.count:
            return
        if not self.people:
            painter.setPen(QColor(c.muted))
            room = QRect(geometry.names, geometry.head, geometry.width - geometry.names, geometry.rows)
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter, "Nobody yet: people found or drawn get a row each.")
        painter.setClipRect(QRectF(geometry.names, 0, geometry.width - geometry.names, geometry.height))
        hair = 1 / geometry.ratio
        self._paint_range(painter, geometry)
        if self._hover is not None and not self._drag and self._hover.x() >= geometry.names:
            frame = self.frame_at(self._hover.x())
            x = self.x_of(frame)
            painter.fillRect(QRectF(_snap(x, geometry.ratio), RULER_HEIGHT - 8, hair, geometry.height), QColor(c.muted))
            draw_flag(painter, x, frame, geometry.names, geometry.width, c.line, c.text)
        frame = self._session.frame
        x = self.x_of(frame)
        wide = self.axis.scale
        if wide >= 4:
            shade = QColor(c.accent)
            shade.setAlpha(40)
            painter.fillRect(QRectF(x - wide / 2, RULER_HEIGHT, wide, geometry.height), shade)
        painter.fillRect(QRectF(_snap(x - 0.5, geometry.ratio), RULER_HEIGHT - 18, 1.5, geometry.height), QColor(c.accent))
        draw_flag(painter, x, frame, geometry.names, geometry.width, c.accent, c.on_accent)

    def _paint_range(self, painter: QPainter, geometry: Geometry) -> None:
        """Shade over the chosen frames, a bar with grips under the ruler's numbers, and how many they are in the corner."""
        chosen = self._session.frame_range
        if chosen is None:
            return
        c = theme.colors()
        first, last = chosen
        left = geometry.names + self.axis.x_of(first)
        right = max(geometry.names + self.axis.x_of(last + 1), left + 2)
        shade = QColor(c.accent)
        shade.setAlpha(36)
        painter.fillRect(QRectF(left, RULER_HEIGHT, right - left, geometry.height), shade)
        painter.fillRect(QRectF(left, RULER_HEIGHT - _RANGE_BAR, right - left, _RANGE_BAR), QColor(c.accent))
        for x in (_snap(left, geometry.ratio), _snap(right - 2, geometry.ratio)):
            painter.fillRect(QRectF(x, RULER_HEIGHT - 3 * _RANGE_BAR, 2, 3 * _RANGE_BAR), QColor(c.accent))
            painter.fillRect(QRectF(x, RULER_HEIGHT, 1 / geometry.ratio, geometry.height), QColor(c.accent))
        painter.save()
        painter.setClipping(False)
        painter.setFont(small_font(self.font()))
        frames = last - first + 1
        seconds = self._session.time(min(last + 1, self.axis.count - 1)) - self._session.time(first)
        room = QRectF(theme.GRID, 1, geometry.names - 2 * theme.GRID, RULER_HEIGHT / 2 - 2)
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.setPen(QColor(c.accent))
        painter.drawText(room, flags, f"{first} – {last}")
        painter.setPen(QColor(c.muted))
        count = "1 frame" if frames == 1 else f"{frames:,} frames"
        painter.drawText(room.translated(0, RULER_HEIGHT / 2 - 2), flags, f"{count}, {seconds:.1f} s")
        painter.restore()

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
        """Left: go there, and select whose row it is; with Shift, or at an end of the range: draw the range. Middle: pan."""
        at = event.position()
        if not self.axis.count:
            return
        if event.button() == Qt.MouseButton.MiddleButton:
            self._drag, self._last = "pan", at
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif event.button() == Qt.MouseButton.LeftButton:
            track = self.track_at(at.y())
            if track is not None and track != self._session.selected_track:
                self._session.select(track)
            if at.x() < self.geometry_now.names:
                return
            end, shift = self._end_at(at), bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            if end is not None or shift:
                self._drag, self._last = "range", at
                self._range_before = self._session.frame_range
                self._anchor = self.frame_at(at.x()) if end is None else end
                self._pressed_at = at
            else:
                self._drag, self._last = "scrub", at
                self._scrub(at.x())

    def _end_at(self, at: QPointF) -> int | None:
        """The frame at the other end of the range, where ``at`` is on one of the grips in the ruler; else None."""
        chosen = self._session.frame_range
        if chosen is None or not RULER_HEIGHT - 4 * _RANGE_BAR <= at.y() <= RULER_HEIGHT + _RANGE_BAR:
            return None
        first, last = chosen
        x = at.x() - self.geometry_now.names
        to_last, to_first = abs(x - self.axis.x_of(last + 1)), abs(x - self.axis.x_of(first))
        if min(to_last, to_first) > _GRIP:
            return None
        return first if to_last <= to_first else last

    def _draw_range(self, x: float) -> None:
        frame = self.frame_at(min(max(x, self.geometry_now.names), self.width() - 1))
        self._session.set_frame_range(self._anchor, frame)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Scrub, pan or draw a range; else say which frame is under the pointer."""
        at = event.position()
        if not self._drag:
            self.setCursor(Qt.CursorShape.SizeHorCursor if self._end_at(at) is not None else Qt.CursorShape.ArrowCursor)
        if self._drag == "pan":
            self.axis.pan(self._last.x() - at.x())
            self._last = at
            self._axis_moved()
        elif self._drag in ("scrub", "range"):
            self._last = at
            outside = not self.geometry_now.names <= at.x() <= self.width()
            if outside and not self._pull.isActive():
                self._pull.start()
            elif not outside:
                self._pull.stop()
            self._follow(at.x())
        self._hover = at
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End of a drag."""
        left = Qt.MouseButton.LeftButton
        if event.button() == {"pan": Qt.MouseButton.MiddleButton, "scrub": left, "range": left}.get(self._drag):
            clicked = self._drag == "range" and (event.position() - self._pressed_at).manhattanLength() < _CLICK
            if clicked and self._end_at(event.position()) is None:  # as in text: from where one is to where one clicks
                self._session.set_frame_range(self._session.frame, self._anchor)
            self._end_drag()

    def _end_drag(self) -> None:
        self._drag = ""
        self._pull.stop()
        self.unsetCursor()
        self.update()

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
            self.axis.pan(-(dx if abs(dx) > abs(dy) else dy))
            self._axis_moved()
        elif at.x() < self.geometry_now.names:
            self.set_scroll(self.scrolled - round(dy))
        else:
            self.zoom(1.2 ** (dy / 60), at.x())
        self._hover = at

    def leaveEvent(self, event: QEvent) -> None:
        """Take the hint away."""
        self._hover = None
        self.update()

    def _follow(self, x: float) -> None:
        """What a drag does at a place: scrub, or draw the range."""
        if self._drag == "range":
            if (self._last - self._pressed_at).manhattanLength() >= _CLICK:
                self._draw_range(x)
        else:
            self._scrub(x)

    def _scrub(self, x: float) -> None:
        """Go to the frame under the pointer without scrolling to it: the hand knows where it is."""
        self._own = True
        try:
            self._session.scrub(self.frame_at(min(max(x, self.geometry_now.names), self.width() - 1)))
        finally:
            self._own = False

    def _pull_on(self) -> None:
        """The pointer is held beyond an end: the frames move on under it, the faster the farther out."""
        x, names = self._last.x(), self.geometry_now.names
        beyond = x - self.width() if x > self.width() else x - names
        self.axis.pan(max(min(beyond, 200), -200) / 4)
        self._axis_moved()
        self._follow(x)


def _snap(x: float, ratio: float) -> float:
    """The nearest device pixel."""
    return round(x * ratio) / ratio
