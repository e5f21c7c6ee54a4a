"""The hand on the timeline: what presses, moves and releases of the mouse do there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, QPointF, Qt, QTimer
from PySide6.QtGui import QMouseEvent

from app.ui.session import Session
from app.ui.timeline.playhead import RANGE_BAR
from app.ui.timeline.ruler import RULER_HEIGHT

if TYPE_CHECKING:
    from app.ui.timeline.view import TimelineView

__all__ = ["Hand"]

#: Milliseconds between two moves while a drag is held outside.
_PULL_MS = 30
#: Logical pixels around an end of the range in which a press takes hold of it.
_GRIP = 5
#: A press that moves less is a click.
_CLICK = 3


class Hand(QObject):
    """Scrubs, draws the range of frames, and pans, from a press to its release."""

    def __init__(self, view: TimelineView, session: Session) -> None:
        super().__init__(view)
        self._view, self._session = view, session
        self._drag: Literal["", "scrub", "range", "pan"] = ""
        self._last = QPointF()
        self._pressed_at = QPointF()
        self._anchor: int | None = None  # while a range is drawn: the frame that stays
        self._range_before: tuple[int, int] | None = None
        self._own = False
        self._pull = QTimer(self)
        self._pull.setInterval(_PULL_MS)
        self._pull.timeout.connect(self._pull_on)

    @property
    def dragging(self) -> bool:
        """True from a press to its release."""
        return self._drag != ""

    @property
    def pulling(self) -> bool:
        """True while frames move on under a pointer that is held beyond an end."""
        return self._pull.isActive()

    @property
    def leads(self) -> bool:
        """True while the hand decides which frames are on screen: another frame must not be scrolled to."""
        return self._own or self._drag == "pan"

    def press(self, event: QMouseEvent) -> None:
        """Left: go there, and select whose row it is; with Shift, or at an end of the range: draw the range. Middle: pan."""
        view, at = self._view, event.position()
        if event.button() == Qt.MouseButton.MiddleButton:
            self._drag, self._last = "pan", at
            view.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif event.button() == Qt.MouseButton.LeftButton:
            track = view.track_at(at.y())
            if track is not None and track != self._session.selected_track:
                self._session.select(track)
            if at.x() < view.geometry_now.names:
                return
            end, shift = self._end_at(at), bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            if end is not None or shift:
                self._drag, self._last = "range", at
                self._range_before = self._session.frame_range
                self._anchor = view.frame_at(at.x()) if end is None else end
                self._pressed_at = at
            else:
                self._drag, self._last = "scrub", at
                self._scrub(at.x())

    def move(self, event: QMouseEvent) -> None:
        """Go on with what was begun; else show where a press would take hold of an end of the range."""
        view, at = self._view, event.position()
        if not self._drag:
            view.setCursor(Qt.CursorShape.SizeHorCursor if self._end_at(at) is not None else Qt.CursorShape.ArrowCursor)
        elif self._drag == "pan":
            pixels, self._last = self._last.x() - at.x(), at
            view.pan(pixels)
        else:
            self._last = at
            outside = not view.geometry_now.names <= at.x() <= view.width()
            if outside and not self._pull.isActive():
                self._pull.start()
            elif not outside:
                self._pull.stop()
            self._follow(at.x())

    def release(self, event: QMouseEvent) -> None:
        """End a drag; a click with Shift chooses the frames from the one on screen."""
        left = Qt.MouseButton.LeftButton
        if event.button() == {"pan": Qt.MouseButton.MiddleButton, "scrub": left, "range": left}.get(self._drag):
            clicked = self._drag == "range" and (event.position() - self._pressed_at).manhattanLength() < _CLICK
            if clicked and self._end_at(event.position()) is None:  # as in text: from where one is to where one clicks
                self._session.set_frame_range(self._session.frame, self._anchor)
            self._end()

    def cancel(self) -> bool:
        """End the drag of a range, which becomes what it was. False if there was none."""
        if self._drag != "range":
            return False
        self._end()
        before = self._range_before
        self._session.set_frame_range(*(before or (None,)))
        return True

    def _end(self) -> None:
        self._drag = ""
        self._pull.stop()
        self._view.unsetCursor()
        self._view.update()

    def _end_at(self, at: QPointF) -> int | None:
        """The frame at the other end of the range, where ``at`` is on one of the grips in the ruler; else None."""
        chosen = self._session.frame_range
        if chosen is None or not RULER_HEIGHT - 4 * RANGE_BAR <= at.y() <= RULER_HEIGHT + RANGE_BAR:
            return None
        first, last = chosen
        axis, x = self._view.axis, at.x() - self._view.geometry_now.names
        to_last, to_first = abs(x - axis.x_of(last + 1)), abs(x - axis.x_of(first))
        if min(to_last, to_first) > _GRIP:
            return None
        return first if to_last <= to_first else last

    def _follow(self, x: float) -> None:
        """What a drag does at a place: scrub, or draw the range."""
        if self._drag == "range":
            if (self._last - self._pressed_at).manhattanLength() >= _CLICK:
                self._session.set_frame_range(self._anchor, self._frame_beside(x))
        else:
            self._scrub(x)

    def _scrub(self, x: float) -> None:
        """Go to the frame under the pointer without scrolling to it: the hand knows where it is."""
        self._own = True
        try:
            self._session.scrub(self._frame_beside(x))
        finally:
            self._own = False

    def _frame_beside(self, x: float) -> int:
        """The frame at ``x``, or at the end of the view beyond which ``x`` is."""
        view = self._view
        return view.frame_at(min(max(x, view.geometry_now.names), view.width() - 1))

    def _pull_on(self) -> None:
        """The pointer is held beyond an end: the frames move on under it, the faster the farther out."""
        view, x = self._view, self._last.x()
        beyond = x - view.width() if x > view.width() else x - view.geometry_now.names
        view.pan(max(min(beyond, 200), -200) / 4)
        self._follow(x)
