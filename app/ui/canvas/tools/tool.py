"""Tools: what a press means while one is in use. Esc leaves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt

from app.labels import edits
from app.ui.canvas.tools.boxes import DrawBox
from app.ui.canvas.tools.gesture import Gesture
from glsmamba.data.records import Box

if TYPE_CHECKING:
    from app.ui.canvas.adorner_item import Adornments
    from app.ui.canvas.canvas import Canvas

__all__ = ["AddPerson", "DrawHeadBox", "Tool"]


class Tool:
    """One tool in use on a canvas."""

    cursor = Qt.CursorShape.CrossCursor

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas

    def press(self, at: np.ndarray, button: Qt.MouseButton, keys: Qt.KeyboardModifier) -> Gesture | None:
        """What a press of the left or right button begins."""
        return None

    def double_press(self, at: np.ndarray) -> None:
        """The second press of a double click."""

    def verbs(self) -> dict[str, Callable[[], None]]:
        """What can be said to the tool: "finish", "back" and "skip" by the actions of these names."""
        return {}

    def lines(self) -> tuple[str, ...]:
        """Words at the pointer, the first line larger."""
        return ()

    def adorn(self, out: Adornments) -> None:
        """Add to what is drawn above everything."""

    def refresh(self) -> None:
        """Labels, frame or selection changed."""


class AddPerson(Tool):
    """A drag draws the box of a new person, whom the model then looks at."""

    def press(self, at: np.ndarray, button: Qt.MouseButton, keys: Qt.KeyboardModifier) -> Gesture | None:
        """Draw."""
        return DrawBox(self.canvas, at, self.canvas.add_person) if button == Qt.MouseButton.LeftButton else None

    def lines(self) -> tuple[str, ...]:
        """What to do."""
        return ("draw a box around the new person", "Esc leaves the tool")


class DrawHeadBox(Tool):
    """A drag draws the head box of the selected person."""

    def press(self, at: np.ndarray, button: Qt.MouseButton, keys: Qt.KeyboardModifier) -> Gesture | None:
        """Draw."""
        return DrawBox(self.canvas, at, self._drawn) if button == Qt.MouseButton.LeftButton else None

    def _drawn(self, box: Box) -> None:
        canvas = self.canvas
        frame, track = canvas.shown_frame, canvas.session.selected_track
        canvas.leave_tool()
        if track is not None:
            canvas.commit(lambda project: edits.set_head_box(project, frame, track, box))

    def refresh(self) -> None:
        """It is nobody's head any more."""
        if self.canvas.session.selected_track not in self.canvas.poses():
            self.canvas.leave_tool()

    def lines(self) -> tuple[str, ...]:
        """What to do."""
        track = self.canvas.session.selected_track
        name = "" if track is None else self.canvas.session.track_name(track)
        return (f"draw the head box of {name}", "from the top of the head to the chin · Esc leaves the tool")
