"""What a press of the mouse starts, until its release: one gesture at a time, each able to put everything back.

A gesture asks its host for poses and the camera, shows its effect as a preview and hands in one edit at the end. All positions
are taken as the pointer's frame position minus the offset at which the thing was grabbed: a click that doesn't move changes
nothing, and zooming during a drag does no harm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from PySide6.QtCore import Qt

from app.labels.pose import Pose

MakeEdit = Callable[[Any], Any]
"""A function of the project that makes an Edit."""

DRAG_STARTS = 2.0
"""Screen pixels a press must move before it drags: a trembling click must not move a joint."""


class Host(Protocol):
    """What gestures need of the canvas."""

    @property
    def shown_frame(self) -> int:
        """The frame whose picture is on screen."""

    def to_frame(self, at: np.ndarray) -> np.ndarray:
        """Screen to frame pixels."""

    def pose(self, track: int) -> Pose | None:
        """The pose of a track as shown."""

    def preview(self, make: MakeEdit | None) -> None:
        """Show what an edit would do, without writing it; None puts the truth back."""

    def commit(self, make: MakeEdit) -> None:
        """Write an edit."""

    def pan_view(self, dx: float, dy: float) -> None:
        """Move the picture by screen pixels."""

    def say(self, text: str) -> None:
        """Say something that matters only now."""

    def changed(self) -> None:
        """Draw again."""


class Gesture:
    """Something between press and release. ``at`` is always in logical screen pixels."""

    cursor = Qt.CursorShape.ArrowCursor

    def __init__(self, host: Host, at: np.ndarray) -> None:
        self.host, self.start, self.at = host, at, at
        self.moved = False

    def move(self, at: np.ndarray, keys: Qt.KeyboardModifier) -> None:
        """The pointer is at ``at``."""
        self.at = at
        if not self.moved and float(np.hypot(*(at - self.start))) >= DRAG_STARTS:
            self.moved = True
        if self.moved:
            self.dragged(keys)
            self.host.changed()

    def dragged(self, keys: Qt.KeyboardModifier) -> None:
        """The pointer moved; show the effect."""

    def release(self, at: np.ndarray, keys: Qt.KeyboardModifier) -> None:
        """The button was let go."""
        self.move(at, keys)

    def cancel(self) -> None:
        """Put everything back."""
        self.host.preview(None)


class Pan(Gesture):
    """Moves the picture. A press that stays where it is counts as a click instead."""

    cursor = Qt.CursorShape.ClosedHandCursor

    def __init__(self, host: Host, at: np.ndarray, clicked: Callable[[], None] | None = None) -> None:
        super().__init__(host, at)
        self._last, self._clicked = at, clicked

    def dragged(self, keys: Qt.KeyboardModifier) -> None:
        """Follow the hand."""
        self.host.pan_view(*(self.at - self._last))
        self._last = self.at

    def release(self, at: np.ndarray, keys: Qt.KeyboardModifier) -> None:
        """End, or click."""
        super().release(at, keys)
        if not self.moved and self._clicked is not None:
            self._clicked()


class Refused(Gesture):
    """A press on somebody whom no hand may change: a click selects, a drag says why nothing moves."""

    def __init__(self, host: Host, at: np.ndarray, why: str, clicked: Callable[[], None]) -> None:
        super().__init__(host, at)
        self._why, self._clicked = why, clicked

    def move(self, at: np.ndarray, keys: Qt.KeyboardModifier) -> None:
        """Say it once."""
        said = self.moved
        super().move(at, keys)
        if self.moved and not said:
            self.host.say(self._why)

    def release(self, at: np.ndarray, keys: Qt.KeyboardModifier) -> None:
        """End, or click."""
        super().release(at, keys)
        if not self.moved:
            self._clicked()


class Edited(Gesture):
    """A gesture that ends in one edit."""

    def make(self, keys: Qt.KeyboardModifier) -> MakeEdit | None:
        """The edit for the pointer's place now."""
        raise NotImplementedError

    def dragged(self, keys: Qt.KeyboardModifier) -> None:
        """Preview."""
        self.host.preview(self.make(keys))

    def release(self, at: np.ndarray, keys: Qt.KeyboardModifier) -> None:
        """Write it, if there was a movement."""
        self.move(at, keys)
        make = self.make(keys) if self.moved else None
        self.host.preview(None)
        if make is not None:
            self.host.commit(make)
