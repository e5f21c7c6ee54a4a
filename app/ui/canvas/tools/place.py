"""A person placed joint by joint, in an order that is shown and named: every click is one joint, and one edit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt

from app.labels.placing import guided_order, place_joint
from app.labels.pose import Visibility
from app.ui.actions.in_force import with_key
from app.ui.canvas.tools.gesture import Edited, Gesture, MakeEdit
from app.ui.canvas.tools.joints import MoveJoint
from app.ui.canvas.tools.tool import Tool
from glsmamba.data.skeletons import joint_words

if TYPE_CHECKING:
    from app.ui.canvas.adorner_item import Adornments
    from app.ui.canvas.canvas import Canvas

__all__ = ["PlaceInOrder", "PlaceNext"]

_VERBS = (("skip", "skips"), ("back", "takes back"), ("finish", "ends"))


class PlaceNext(MoveJoint):
    """Puts the next joint where the pointer is let go, of a person who may not be there yet."""

    def __init__(
        self, host: Canvas, at: np.ndarray, track: int, joint: int, state: Visibility, placed: Callable[[MakeEdit], None]
    ) -> None:
        Edited.__init__(self, host, at)
        self.track, self.joint, self._state, self._placed = track, joint, state, placed
        self._grab = np.zeros(2)
        self.moved = True

    def make(self, keys: Qt.KeyboardModifier) -> MakeEdit:
        """Place it here."""
        frame, track, joint, state = self.host.shown_frame, self.track, self.joint, self._state
        xy = (float(self.target[0]), float(self.target[1]))
        return lambda project: place_joint(project, frame, track, joint, xy, state)

    def release(self, at: np.ndarray, keys: Qt.KeyboardModifier) -> None:
        """Hand it in."""
        self.move(at, keys)
        self.host.preview(None)
        self._placed(self.make(keys))


class PlaceInOrder(Tool):
    """Left click: the joint is visible; right click: occluded; keys skip it, take the last back, end.

    What is placed is read from the pose itself, so that undo and redo step through the order too. With a person selected who
    lacks joints, these are placed; else somebody new is.
    """

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        session = canvas.session
        self.frame = canvas.shown_frame
        self.order = guided_order(session.skeleton)
        self.skipped: set[int] = set()
        self._trail: list[tuple[int, Callable[[], None] | None]] = []  # joint, and how to take it back: None if it was skipped
        chosen = session.selected_track
        pose = None if chosen is None else canvas.pose(chosen)
        if chosen is not None and pose is not None and (pose.visibility == Visibility.ABSENT).any():
            self.track = chosen
            self.order = tuple(j for j in self.order if pose.visibility[j] == Visibility.ABSENT)
        else:
            self.track = session.project.new_track_id()
            session.select(None)

    def placed(self, joint: int) -> bool:
        """Whether a joint has its place."""
        pose = self.canvas.pose(self.track)
        return pose is not None and bool(pose.visibility[joint] != Visibility.ABSENT)

    @property
    def current(self) -> int | None:
        """The joint that the next click places."""
        return next((j for j in self.order if j not in self.skipped and not self.placed(j)), None)

    def press(self, at: np.ndarray, button: Qt.MouseButton, keys: Qt.KeyboardModifier) -> Gesture | None:
        """Place the current joint."""
        states = {Qt.MouseButton.LeftButton: Visibility.VISIBLE, Qt.MouseButton.RightButton: Visibility.OCCLUDED}
        joint, state = self.current, states.get(button)
        if joint is None or state is None:
            return None

        def placed(make: MakeEdit) -> None:
            session = self.canvas.session
            self.canvas.commit(make, lambda: self._trail.append((joint, session.undo_just_this())))
            session.select(self.track)
            self._go_on()

        return PlaceNext(self.canvas, at, self.track, joint, state, placed)

    def verbs(self) -> dict[str, Callable[[], None]]:
        """Skip, take back, or end."""
        return {"finish": self.canvas.leave_tool, "back": self._take_back, "skip": self._skip}

    def _skip(self) -> None:
        joint = self.current
        if joint is not None:
            self.skipped.add(joint)
            self._trail.append((joint, None))
            self._go_on()

    def _take_back(self) -> None:
        while self._trail:
            joint, undo = self._trail.pop()
            if undo is None:
                self.skipped.discard(joint)
                return
            if self.placed(joint):  # else somebody has undone it already
                undo()
                return
        self.canvas.say("There is nothing to take back.")

    def _go_on(self) -> None:
        if self.current is None:
            self.canvas.leave_tool()
            self.canvas.say(f"{self.canvas.session.track_name(self.track)} is placed.")

    def refresh(self) -> None:
        """Another frame ends it."""
        if self.canvas.shown_frame != self.frame:
            self.canvas.leave_tool()

    def _words(self, joint: int) -> str:
        return joint_words(self.canvas.session.skeleton.joints[joint])

    def lines(self) -> tuple[str, ...]:
        """The joint that comes next, and what keys do."""
        joint = self.current
        if joint is None:
            return ()
        verbs = (with_key("", f"tool.{verb}", f" {words}") for verb, words in _VERBS)
        what = " · ".join(("click: visible", "right click: occluded", *filter(None, verbs)))
        return (f"{self._words(joint)}   {self.order.index(joint) + 1} of {len(self.order)}", what)

    def adorn(self, out: Adornments) -> None:
        """The order, with what is done."""
        now = self.current
        for joint in self.order:
            state = "now" if joint == now else "skipped" if joint in self.skipped else "done" if self.placed(joint) else ""
            out.guide.append((self._words(joint), state))
