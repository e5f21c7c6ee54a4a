"""Drawing boxes and dragging them by their handles: a person's, or a head's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import Qt

from app.labels import edits
from app.ui.canvas.hit_test import HANDLES
from app.ui.canvas.tools.gesture import Edited, Gesture, Host, MakeEdit
from glsmamba.data.records import Box

LEAST_BOX = 4.0
"""Frame pixels: the least side of a box."""


class MoveBox(Edited):
    """Drags a box by one of its handles, or as a whole by its outline.

    Args:
        host: the canvas.
        at: where it was grabbed.
        track: whose box it is.
        handle: key of :data:`HANDLES`, or None for the outline.
        box: the box as it is.
        head: the person's head box is meant, not their own.
    """

    def __init__(self, host: Host, at: np.ndarray, track: int, handle: str | None, box: Box, head: bool = False) -> None:
        super().__init__(host, at)
        self.track, self.handle, self.head = track, handle, head
        self.cursor = handle_cursor(handle)
        self._box, self._from = box, host.to_frame(at)

    def make(self, keys: Qt.KeyboardModifier) -> MakeEdit:
        """The box as dragged; its sides never cross."""
        x, y, w, h = self._box
        dx, dy = (float(v) for v in self.host.to_frame(self.at) - self._from)
        if self.handle is None:
            box: Box = (x + dx, y + dy, w, h)
        else:
            fx, fy = HANDLES[self.handle]
            left, right = _side(x, x + w, dx, fx)
            top, bottom = _side(y, y + h, dy, fy)
            box = (left, top, right - left, bottom - top)
        frame, track = self.host.shown_frame, self.track
        if self.head:
            return lambda project: edits.set_head_box(project, frame, track, box)
        return lambda project: edits.move_box(project, frame, track, box)


class DrawBox(Gesture):
    """Draws a box; ``drawn`` gets it if it has some size."""

    cursor = Qt.CursorShape.CrossCursor

    def __init__(self, host: Host, at: np.ndarray, drawn: Callable[[Box], None]) -> None:
        super().__init__(host, at)
        self._corner, self._drawn = host.to_frame(at), drawn

    @property
    def box(self) -> Box:
        """The box drawn so far."""
        a, b = self._corner, self.host.to_frame(self.at)
        low, high = np.minimum(a, b), np.maximum(a, b)
        return (float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1]))

    def release(self, at: np.ndarray, keys: Qt.KeyboardModifier) -> None:
        """Hand it in."""
        super().release(at, keys)
        if self.moved and min(self.box[2:]) >= LEAST_BOX:
            self._drawn(self.box)


def handle_cursor(handle: str | None) -> Qt.CursorShape:
    """The cursor that says which way a handle drags."""
    if handle is None:
        return Qt.CursorShape.SizeAllCursor
    if handle in ("left", "right"):
        return Qt.CursorShape.SizeHorCursor
    if handle in ("top", "bottom"):
        return Qt.CursorShape.SizeVerCursor
    return Qt.CursorShape.SizeFDiagCursor if handle in ("top-left", "bottom-right") else Qt.CursorShape.SizeBDiagCursor


def _side(low: float, high: float, d: float, share: float) -> tuple[float, float]:
    if share == 0:
        return min(low + d, high - LEAST_BOX), high
    if share == 1:
        return low, max(high + d, low + LEAST_BOX)
    return low, high
