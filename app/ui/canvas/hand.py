"""The hand on the canvas: what presses, moves, the wheel and keys do there, with a tool or without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent

from app.labels import edits
from app.labels.pose import Visibility
from app.ui.canvas import adorning
from app.ui.canvas.hit_test import Hit
from app.ui.canvas.space import SpaceKey
from app.ui.canvas.tools import select
from app.ui.canvas.tools.boxes import DrawBox
from app.ui.canvas.tools.gesture import Edited, Gesture, Pan
from app.ui.canvas.tools.joints import MoveJoint, PlaceJoint
from app.ui.canvas.tools.people import Shape
from app.ui.canvas.tools.place import PlaceNext
from app.ui.canvas.tools.tool import Tool
from app.ui.canvas.tools.wheel import WheelShape

if TYPE_CHECKING:
    from app.ui.canvas.canvas import Canvas

__all__ = ["Hand"]

_DRAGGING = Qt.MouseButton.LeftButton | Qt.MouseButton.MiddleButton | Qt.MouseButton.RightButton


class Hand(QObject):
    """Begins, moves and ends gestures, passes presses on to the tool in use, and knows what is under the pointer.

    Attributes:
        gesture: what the hand is doing between press and release.
        tool: the tool in use, or None.
        hovered: what a press would act on.
        pointer: (2,) screen pixels of the pointer, or None while it is elsewhere.
        wheel: what turning the wheel with a key held shapes.
    """

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        self._canvas, self._session = canvas, canvas.session
        self.gesture: Gesture | None = None
        self.tool: Tool | None = None
        self.hovered: Hit | None = None
        self.pointer: np.ndarray | None = None
        self.wheel: WheelShape = WheelShape(canvas)
        self._space = SpaceKey()
        view = canvas.view
        view.pressed.connect(self._pressed)
        view.moved.connect(self._moved)
        view.released.connect(self._released)
        view.double_clicked.connect(self._double_clicked)
        view.wheel_held.connect(self._wheel_held)
        view.left.connect(self._left)
        view.installEventFilter(self)

    # ---- tools ---------------------------------------------------------------------------------------------------------

    def use(self, tool: Tool) -> None:
        """Take up a tool; one that is in use is put away."""
        if self._session.project is None:
            return
        self.cancel()
        self.leave_tool()
        self.tool = tool
        self._canvas.place_strip()
        self._canvas.view.setFocus()  # so that Esc leaves the tool
        self._canvas.tool_changed.emit(tool)
        self.refresh_hover()
        self._canvas.changed()

    def leave_tool(self) -> None:
        """Put the tool away."""
        tool, self.tool = self.tool, None
        if tool is not None:
            self._canvas.tool_changed.emit(None)
            self.refresh_hover()
            self._canvas.place_strip()
            self._canvas.changed()

    def cancel(self) -> bool:
        """Put back what is being dragged, or leave the tool. False if there was nothing to cancel."""
        if self.gesture is not None:
            self.gesture.cancel()
            self.gesture = None
            self._end_gesture()
            return True
        if self.wheel.drop():
            return True
        if self.tool is not None:
            self.leave_tool()
            return True
        return False

    # ---- what others tell -----------------------------------------------------------------------------------------------

    @property
    def shapes(self) -> bool:
        """True while a gesture shapes or draws something: what floats beside people would be in its way."""
        return isinstance(self.gesture, (Edited, DrawBox))

    @property
    def moved_joint(self) -> int | None:
        """The joint that is being dragged, once it has moved."""
        gesture = self.gesture
        return gesture.joint if isinstance(gesture, MoveJoint) and gesture.moved else None

    def other_frame(self) -> None:
        """Another frame comes on screen: what was begun in this one ends, but for moving the picture."""
        self.wheel.finish()
        if self.gesture is not None and not isinstance(self.gesture, Pan):
            self.cancel()

    def people_changed(self, there: set[int]) -> None:
        """These people are in the frame now: a gesture on somebody who has gone ends."""
        gesture = self.gesture
        held = set(gesture.chosen) if isinstance(gesture, Shape) else {getattr(gesture, "track", None)} - {None}
        if not held <= there and not isinstance(gesture, PlaceNext):
            self.cancel()

    # ---- mouse and keys ----------------------------------------------------------------------------------------------

    def _pressed(self, event: QMouseEvent) -> None:
        at = self._track(event)
        if self.gesture is not None:
            return
        self.wheel.finish()
        button = event.button()
        if button == Qt.MouseButton.MiddleButton or (button == Qt.MouseButton.LeftButton and self._space.held):
            self._space.used = True
            self._begin(Pan(self._canvas, at))
        elif not self._canvas.has_picture or self._session.project is None:
            return
        elif self.tool is not None:
            gesture = self.tool.press(at, button, event.modifiers())
            if gesture is not None:
                self._begin(gesture)
        elif button == Qt.MouseButton.LeftButton:
            self._begin(select.begin(self._canvas, at, event.modifiers()))
        elif button == Qt.MouseButton.RightButton and not self._canvas.regions.remove_corner(at):
            self._cycle_visibility(self._canvas.hit_at(at))

    def _begin(self, gesture: Gesture) -> None:
        self.gesture = gesture
        self.hovered = None
        if isinstance(gesture, MoveJoint):
            self._canvas.overlays.wish(dragging=True)
            if isinstance(gesture, (PlaceJoint, PlaceNext)):
                gesture.dragged(Qt.KeyboardModifier.NoModifier)
        self.update_cursor()
        self._canvas.place_strip()
        self._canvas.changed()

    def _moved(self, event: QMouseEvent) -> None:
        at = self._track(event)
        if self.gesture is not None:
            self.gesture.move(at, event.modifiers())
            self.update_cursor()
            if self.gesture.moved:
                self._canvas.place_strip()
                self._canvas.overlays.update()
        else:
            self.refresh_hover()

    def _released(self, event: QMouseEvent) -> None:
        at = self._track(event)
        gesture = self.gesture
        if gesture is None or event.buttons() & _DRAGGING:
            return
        self.gesture = None
        gesture.release(at, event.modifiers())
        self._end_gesture()

    def _end_gesture(self) -> None:
        self._canvas.overlays.update()
        self.refresh_hover()
        self._canvas.place_strip()
        self._canvas.changed()

    def _double_clicked(self, event: QMouseEvent) -> None:
        at = self._track(event)
        if event.button() != Qt.MouseButton.LeftButton or not self._canvas.has_picture:
            return
        if self.tool is not None:
            self.tool.double_press(at)
            return
        if self._canvas.regions.add_corner(at):
            return
        found = self._canvas.hit_at(at)
        if found is not None and found.kind in ("joint", "bone", "inside"):
            pose = self._canvas.pose(found.track)
            if pose is not None and not pose.accepted and (pose.visibility != Visibility.ABSENT).any():
                self._session.select(found.track, found.joint)
                frame, track = self._canvas.shown_frame, found.track
                self._canvas.commit(lambda project: edits.accept_pose(project, frame, track))

    def _cycle_visibility(self, found: Hit | None) -> None:
        if found is None or found.kind != "joint" or found.joint is None:
            return
        session, frame, track, joint = self._session, self._canvas.shown_frame, found.track, found.joint
        if (track, joint) in session.selection.joints and len(session.selection.joints) > 1:
            chosen = {t: joints for t, joints in select.unlocked(self._canvas).items() if joints}
            state = edits.next_state(self._canvas.poses()[track], joint)
            self._canvas.commit(lambda project: edits.mark(project, frame, chosen, state))
            return
        session.select(track, joint)
        self._canvas.commit(lambda project: edits.cycle_visibility(project, frame, track, joint))

    def _wheel_held(self, notches: float, modifiers: Qt.KeyboardModifier) -> None:
        """The wheel with Alt or Ctrl: turns what is selected, with Shift too scales it."""
        if self.gesture is None and self._session.project is not None and self._canvas.has_picture:
            self.wheel.turn(notches, bool(modifiers & Qt.KeyboardModifier.ShiftModifier))

    def _left(self) -> None:
        if self.gesture is None:
            self.pointer = None
            self.hovered = None
            self._session.hover(None)
            self._canvas.pointer_changed.emit(None)
            self._canvas.changed()

    def _track(self, event: QMouseEvent) -> np.ndarray:
        point = event.position()
        self.pointer = np.array([point.x(), point.y()])
        if self._canvas.has_picture:
            x, y = self._canvas.to_frame(self.pointer)
            self._canvas.pointer_changed.emit((float(x), float(y)))
        return self.pointer

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Space held with the canvas in focus pans; tapped, it is a key of the key map. Esc ends a drag or a tool first."""
        kind = event.type()
        busy = self.gesture is not None or self.tool is not None or self.wheel.busy
        if kind == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            if event.key() == Qt.Key.Key_Escape and busy:
                event.accept()
                return True
            if event.key() == Qt.Key.Key_Space and not event.modifiers() and self._session.video is not None:
                event.accept()
                return True
        elif kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease) and isinstance(event, QKeyEvent):
            if event.key() == Qt.Key.Key_Escape and kind == QEvent.Type.KeyPress and busy:
                self.cancel()
                return True
            if event.key() == Qt.Key.Key_Space and not event.modifiers() and self._session.video is not None:
                if not event.isAutoRepeat():
                    self._space_key(kind == QEvent.Type.KeyPress)
                return True
        elif kind == QEvent.Type.FocusOut:
            self._space.held = False
            self.update_cursor()
        return super().eventFilter(watched, event)

    def _space_key(self, down: bool) -> None:
        if down:
            self._space.down(busy=self.gesture is not None)
        elif self._space.up():
            self._canvas.space_tapped.emit()
        self.update_cursor()

    # ---- under the pointer -------------------------------------------------------------------------------------------

    def refresh_hover(self) -> None:
        """Look again what is under the pointer."""
        if self.gesture is None:
            found = None
            if self.pointer is not None and self._canvas.has_picture and self.tool is None:
                found = self._canvas.hit_at(self.pointer)
            before, self.hovered = self.hovered, found
            if found is None or self.pointer is None:
                self._session.hover(None)
            else:
                x, y = self._canvas.to_frame(self.pointer)
                self._session.hover(found.track, found.joint, (float(x), float(y)))
            self.update_cursor()
            elsewhere = (found and found.target) != (before and before.target)
            # Words and cross hair go with the pointer.
            if elsewhere or self.tool is not None or adorning.hover_lines(self._canvas):
                self._canvas.view.viewport().update()

    def update_cursor(self) -> None:
        """Show by the cursor what a press would do."""
        cursor = adorning.cursor(self._canvas, panning=self._space.held)
        if self._canvas.view.viewport().cursor().shape() != cursor:
            self._canvas.view.viewport().setCursor(cursor)
