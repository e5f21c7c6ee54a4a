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

from app.labels import edits
from app.labels.pose import Pose
from app.ui.canvas.hit_test import HANDLES
from glsmamba.data.records import Box

MakeEdit = Callable[[Any], Any]
"""A function of the project that makes an Edit."""

DRAG_STARTS = 2.0
"""Screen pixels a press must move before it drags: a trembling click must not move a joint."""
CLICK_STAYS = 3.0
LEAST_BOX = 4.0
"""Frame pixels: the least side of a box."""


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

    def add_person(self, box: Box) -> None:
        """Write a new person with a box, select it and have it predicted."""

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


class MoveJoint(Edited):
    """Drags one joint."""

    cursor = Qt.CursorShape.BlankCursor

    def __init__(self, host: Host, at: np.ndarray, track: int, joint: int) -> None:
        super().__init__(host, at)
        self.track, self.joint = track, joint
        pose = host.pose(track)
        assert pose is not None
        self._grab = host.to_frame(at) - pose.keypoints[joint]

    @property
    def target(self) -> np.ndarray:
        """(2,) frame position of the joint now."""
        return self.host.to_frame(self.at) - self._grab

    def make(self, keys: Qt.KeyboardModifier) -> MakeEdit:
        """Move the joint here."""
        frame, track, joint = self.host.shown_frame, self.track, self.joint
        xy = (float(self.target[0]), float(self.target[1]))
        return lambda project: edits.move_joint(project, frame, track, joint, xy)


class PlaceJoint(MoveJoint):
    """Puts a joint that has no place yet under the pointer, on press already."""

    def __init__(self, host: Host, at: np.ndarray, track: int, joint: int) -> None:
        super().__init__(host, at, track, joint)
        self._grab = np.zeros(2)
        self.moved = True


class MovePose(Edited):
    """Drags a whole person."""

    cursor = Qt.CursorShape.SizeAllCursor

    def __init__(self, host: Host, at: np.ndarray, track: int) -> None:
        super().__init__(host, at)
        self.track = track
        self._from = host.to_frame(at)

    def make(self, keys: Qt.KeyboardModifier) -> MakeEdit:
        """Move everybody's joint and the box by the pointer's way."""
        frame, track = self.host.shown_frame, self.track
        dx, dy = (float(v) for v in self.host.to_frame(self.at) - self._from)
        return lambda project: edits.move_pose(project, frame, track, dx, dy)


class MoveBox(Edited):
    """Drags a box by one of its handles, or as a whole by its outline."""

    def __init__(self, host: Host, at: np.ndarray, track: int, handle: str | None) -> None:
        super().__init__(host, at)
        self.track, self.handle = track, handle
        self.cursor = handle_cursor(handle)
        pose = host.pose(track)
        assert pose is not None and pose.box is not None
        self._box, self._from = pose.box, host.to_frame(at)

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
        return lambda project: edits.move_box(project, frame, track, box)


class DrawPerson(Gesture):
    """Draws the box of a new person."""

    cursor = Qt.CursorShape.CrossCursor

    def __init__(self, host: Host, at: np.ndarray) -> None:
        super().__init__(host, at)
        self._corner = host.to_frame(at)

    @property
    def box(self) -> Box:
        """The box drawn so far."""
        a, b = self._corner, self.host.to_frame(self.at)
        low, high = np.minimum(a, b), np.maximum(a, b)
        return (float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1]))

    def release(self, at: np.ndarray, keys: Qt.KeyboardModifier) -> None:
        """A box of some size becomes a person."""
        super().release(at, keys)
        if self.moved and min(self.box[2:]) >= LEAST_BOX:
            self.host.add_person(self.box)


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
