"""Drawing ignore regions corner by corner, and dragging them or their corners."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt

from app.labels import edits
from app.labels.regions import IgnoreRegion
from app.ui.actions.in_force import with_key
from app.ui.canvas.tools.gesture import Gesture
from app.ui.canvas.tools.tool import Tool

if TYPE_CHECKING:
    from app.ui.canvas.adorner_item import Adornments
    from app.ui.canvas.canvas import Canvas

__all__ = ["DrawRegion", "MoveRegion"]

#: Screen pixels: a click so near the first corner closes the polygon.
_CLOSES = 10.0


class MoveRegion(Gesture):
    """Drags a corner of a region, or the whole region where ``corner`` is None. The frame on screen becomes a key frame."""

    cursor = Qt.CursorShape.SizeAllCursor

    def __init__(self, canvas: Canvas, at: np.ndarray, number: int, corner: int | None, clicked: Callable[[], None]) -> None:
        super().__init__(canvas, at)
        self._canvas, self._number, self._corner, self._clicked = canvas, number, corner, clicked
        self._polygon = canvas.regions.shown()[number][1].copy()
        self._from = canvas.to_frame(at)

    def _moved_polygon(self) -> np.ndarray:
        way = self._canvas.to_frame(self.at) - self._from
        polygon = self._polygon.copy()
        polygon[slice(None) if self._corner is None else self._corner] += way
        return polygon

    def dragged(self, keys: Qt.KeyboardModifier) -> None:
        """Show it."""
        self._canvas.regions.draft = (self._number, self._canvas.shown_frame, self._moved_polygon())

    def release(self, at: np.ndarray, keys: Qt.KeyboardModifier) -> None:
        """Write it, or click."""
        super().release(at, keys)
        if not self.moved:
            self._clicked()
            return
        frame, polygon = self._canvas.shown_frame, self._moved_polygon()
        verb = "Move" if self._corner is None else "Move a corner of"
        self._canvas.regions.change(self._number, lambda region: region.with_polygon(frame, polygon), verb)

    def cancel(self) -> None:
        """Put it back."""
        self._canvas.regions.draft = None
        super().cancel()


class DrawRegion(Tool):
    """Clicks are corners; the first corner, a double click or a key closes, a key takes the last corner back.

    The region is valid in the range of frames that is drawn on the timeline, else in all frames.
    """

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        self.corners: list[np.ndarray] = []
        self._frame = canvas.shown_frame

    def press(self, at: np.ndarray, button: Qt.MouseButton, keys: Qt.KeyboardModifier) -> Gesture | None:
        """One corner more."""
        if button == Qt.MouseButton.LeftButton:
            canvas = self.canvas
            if len(self.corners) >= 3 and float(np.hypot(*(canvas.to_screen(self.corners[0]) - at))) <= _CLOSES:
                self._close()
            else:
                self.corners.append(canvas.to_frame(at))
                canvas.changed()
        return None

    def double_press(self, at: np.ndarray) -> None:
        """The corner of its first press was the last one."""
        self._close()

    def verbs(self) -> dict[str, Callable[[], None]]:
        """Close, or take the last corner back."""
        return {"finish": self._close, "back": self._back}

    def _back(self) -> None:
        if self.corners:
            self.corners.pop()

    def _close(self) -> None:
        canvas, session = self.canvas, self.canvas.session
        if len(self.corners) < 3:
            canvas.say("A region needs three corners.")
            return
        first, last = session.frame_range or (0, session.n_frames - 1)
        region = IgnoreRegion(first, last, {self._frame: np.stack(self.corners)})
        edit, number = edits.set_ignore_region(session.project, region)
        canvas.leave_tool()
        session.apply(edit, lambda: session.select_region(number))

    def lines(self) -> tuple[str, ...]:
        """What to do."""
        n = len(self.corners)
        close = f"click the first corner{with_key(', or press ', 'tool.finish', ',')} to close"
        back = with_key("", "tool.back", " takes a corner back · ")
        return ("click the corners of the region" if n < 3 else close, f"{back}Esc leaves the tool")

    def adorn(self, out: Adornments) -> None:
        """The corners so far and the line to the pointer."""
        points = [self.canvas.to_screen(corner) for corner in self.corners]
        if self.canvas.pointer is not None and points:
            points.append(self.canvas.pointer)
        out.outline = points

    def refresh(self) -> None:
        """Another frame ends it."""
        if self.canvas.shown_frame != self._frame:
            self.canvas.leave_tool()
