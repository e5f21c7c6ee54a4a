"""Dragging one joint, or several by one of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from PySide6.QtCore import Qt

from app.labels import edits
from app.labels.shaping import shift, transform
from app.ui.canvas.tools.gesture import Edited, Host, MakeEdit


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


class MoveSelection(MoveJoint):
    """Drags all selected joints by one of them; ``chosen`` is track id to joints."""

    def __init__(
        self, host: Host, at: np.ndarray, track: int, joint: int, chosen: Mapping[int, Collection[int] | None]
    ) -> None:
        super().__init__(host, at, track, joint)
        self.chosen = dict(chosen)
        self._start = self.target

    def make(self, keys: Qt.KeyboardModifier) -> MakeEdit:
        """Move them all by the way of the one in the hand."""
        frame, chosen = self.host.shown_frame, self.chosen
        dx, dy = (float(v) for v in self.target - self._start)
        return lambda project: transform(project, frame, chosen, shift(dx, dy))
