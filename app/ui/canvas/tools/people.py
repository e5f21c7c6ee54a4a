"""Moving, scaling and turning what is selected, by the mouse."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np
from PySide6.QtCore import Qt

from app.labels.shaping import scaling, shift, transform, turning
from app.ui.canvas.tools.boxes import handle_cursor
from app.ui.canvas.tools.gesture import DRAG_STARTS, Edited, Host, MakeEdit

Chosen = Mapping[int, Collection[int] | None]
#: Degrees in which Shift turns.
STEP = 15.0
#: Nothing is made smaller than this share of what it was in one drag.
_LEAST_SCALE = 0.02


class Shape(Edited):
    """Changes the shape of what is selected; ``chosen`` is track id to joints, or to None for the whole person."""

    words = ""

    def __init__(self, host: Host, at: np.ndarray, chosen: Chosen) -> None:
        super().__init__(host, at)
        self.chosen = dict(chosen)
        self._from = host.to_frame(at)

    def says(self) -> str:
        """What it does just now, for the words at the pointer."""
        return self.words


class MovePeople(Shape):
    """Drags whole people; ``began`` is called when it starts to, ``clicked`` when the pointer stayed where it was."""

    cursor = Qt.CursorShape.SizeAllCursor

    def __init__(
        self, host: Host, at: np.ndarray, chosen: Chosen, began: Callable[[], None], clicked: Callable[[], None]
    ) -> None:
        super().__init__(host, at, chosen)
        self._began, self._clicked = began, clicked
        self.words = "move the person" if len(self.chosen) == 1 else f"move {len(self.chosen)} people"

    def make(self, keys: Qt.KeyboardModifier) -> MakeEdit:
        """Move all joints and boxes by the pointer's way."""
        frame, chosen = self.host.shown_frame, self.chosen
        dx, dy = (float(v) for v in self.host.to_frame(self.at) - self._from)
        return lambda project: transform(project, frame, chosen, shift(dx, dy))

    def move(self, at: np.ndarray, keys: Qt.KeyboardModifier) -> None:
        """Tell when it begins."""
        before, self.at = self.moved, at
        if not before and float(np.hypot(*(at - self.start))) >= DRAG_STARTS:
            self._began()
        super().move(at, keys)

    def release(self, at: np.ndarray, keys: Qt.KeyboardModifier) -> None:
        """Write it, or click."""
        super().release(at, keys)
        if not self.moved:
            self._clicked()


class Scale(Shape):
    """Drags a corner of a frame away from the opposite one; Shift lets width and height differ.

    ``frame`` is (left, top, right, bottom) in frame pixels, ``handle`` the corner that is dragged.
    """

    def __init__(self, host: Host, at: np.ndarray, chosen: Chosen, frame: np.ndarray, handle: str) -> None:
        super().__init__(host, at, chosen)
        left, top, right, bottom = frame
        self._anchor = np.array([right if "left" in handle else left, bottom if "top" in handle else top])
        self._corner = np.array([left if "left" in handle else right, top if "top" in handle else bottom])
        self.cursor = handle_cursor(handle)
        self._scale = np.ones(2)

    def make(self, keys: Qt.KeyboardModifier) -> MakeEdit:
        """The frame as dragged."""
        was = self._corner - self._anchor
        now = was + self.host.to_frame(self.at) - self._from
        if keys & Qt.KeyboardModifier.ShiftModifier:
            scale = now / np.where(np.abs(was) < 1e-6, 1e-6, was)
        else:
            scale = np.full(2, float(now @ was) / max(float(was @ was), 1e-9))
        self._scale = np.maximum(scale, _LEAST_SCALE)
        frame, chosen, anchor = self.host.shown_frame, self.chosen, self._anchor
        x, y = self._scale.tolist()
        return lambda project: transform(project, frame, chosen, scaling(x, y, anchor), "Scale")

    def says(self) -> str:
        """Percent."""
        x, y = (round(100 * v) for v in self._scale)
        return f"{x} %" if x == y else f"{x} % wide, {y} % high"


class Turn(Shape):
    """Turns about the middle of a frame; Shift turns in steps of 15 degrees."""

    cursor = Qt.CursorShape.SizeAllCursor

    def __init__(self, host: Host, at: np.ndarray, chosen: Chosen, centre: np.ndarray) -> None:
        super().__init__(host, at, chosen)
        self.centre = centre
        self._began = self._angle(self._from)
        self._degrees = 0.0

    def _angle(self, xy: np.ndarray) -> float:
        x, y = xy - self.centre
        return float(np.degrees(np.arctan2(y, x)))

    def make(self, keys: Qt.KeyboardModifier) -> MakeEdit:
        """Turned by the pointer's way round the middle."""
        degrees = (self._angle(self.host.to_frame(self.at)) - self._began + 180) % 360 - 180
        if keys & Qt.KeyboardModifier.ShiftModifier:
            degrees = round(degrees / STEP) * STEP
        self._degrees = degrees
        frame, chosen, centre = self.host.shown_frame, self.chosen, self.centre
        return lambda project: transform(project, frame, chosen, turning(degrees, centre), "Turn")

    def says(self) -> str:
        """Degrees."""
        return f"{self._degrees:+.1f}°"
