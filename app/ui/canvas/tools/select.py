"""What a press of the left button begins while no tool is in use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt

from app.ui.canvas.hit_test import Hit
from app.ui.canvas.tools.band import RubberBand, joints_inside
from app.ui.canvas.tools.boxes import MoveBox
from app.ui.canvas.tools.gesture import Gesture, Pan, Refused
from app.ui.canvas.tools.joints import MoveJoint, MoveSelection, PlaceJoint
from app.ui.canvas.tools.people import MovePeople, Scale, Turn
from app.ui.canvas.tools.regions import MoveRegion
from app.ui.selection import Selection

if TYPE_CHECKING:
    from app.ui.canvas.canvas import Canvas

__all__ = ["begin", "unlocked"]

_ALT, _CTRL, _SHIFT = (
    Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier,
)  # fmt: skip
_GRIPS = ("handle", "border", "scale", "turn", "head")


def unlocked(canvas: Canvas) -> dict[int, tuple[int, ...] | None]:
    """What is selected and may be changed in the frame on screen: track id to joints, None for the whole person."""
    here, session = canvas.poses(), canvas.session
    return {t: joints for t, joints in session.selection.chosen.items() if t in here and not session.is_locked(t)}


def begin(canvas: Canvas, at: np.ndarray, keys: Qt.KeyboardModifier) -> Gesture:
    """The gesture that a press at ``at`` begins."""
    session = canvas.session
    if (joint := canvas.joint_to_place()) is not None and session.selected_track is not None:
        track = session.selected_track
        return _guarded(canvas, at, track, lambda: PlaceJoint(canvas, at, track, joint), lambda: None)
    if (peak := canvas.candidates.at(at)) is not None and not keys:
        return Pan(canvas, at, lambda: canvas.candidates.take(peak))
    if (corner := canvas.regions.corner_at(at)) is not None:
        return MoveRegion(canvas, at, *corner, clicked=lambda: None)
    found = canvas.hit_at(at)
    if found is not None and found.kind in _GRIPS:
        return _grip(canvas, at, found, keys)
    if keys & _SHIFT:
        return RubberBand(canvas, at, lambda low, high: _band(canvas, low, high), lambda: _toggle(canvas, found))
    if found is None:
        return _ground(canvas, at)
    if keys & (_ALT | _CTRL):
        # Ctrl does what Alt does: many window managers keep Alt+drag for moving windows, and it never comes here.
        return _whole(canvas, at, found, bool(keys & _CTRL))
    if found.kind == "joint" and found.joint is not None:
        return _joint(canvas, at, found.track, found.joint)
    if found.kind == "bone":
        session.select(found.track)
    return Pan(canvas, at, lambda: session.select(found.track))


def _ground(canvas: Canvas, at: np.ndarray) -> Gesture:
    """Where nobody is: the selected ignore region moves, another is selected by a click, else the picture moves."""
    session, number = canvas.session, canvas.regions.around(at)
    if number is not None and number == session.selection.region:
        return MoveRegion(canvas, at, number, None, clicked=lambda: None)
    return Pan(canvas, at, lambda: session.select(None) if number is None else session.select_region(number))


def _guarded(canvas: Canvas, at: np.ndarray, track: int, make: Callable[[], Gesture], clicked: Callable[[], None]) -> Gesture:
    """The gesture, unless the person is locked."""
    if canvas.session.is_locked(track):
        return Refused(canvas, at, canvas.session.locked_words(track), clicked)
    return make()


def _joint(canvas: Canvas, at: np.ndarray, track: int, joint: int) -> Gesture:
    session = canvas.session
    now = session.selection
    if (track, joint) in now.joints and len(now.joints) > 1:
        session.set_selection(Selection(track, joint, now.tracks, now.joints))
        chosen = unlocked(canvas)
        return _guarded(
            canvas, at, track, lambda: MoveSelection(canvas, at, track, joint, chosen), lambda: session.select(track, joint)
        )
    session.select(track, joint)
    return _guarded(canvas, at, track, lambda: MoveJoint(canvas, at, track, joint), lambda: None)


def _whole(canvas: Canvas, at: np.ndarray, found: Hit, adds: bool) -> Gesture:
    """The person under the pointer as a whole, and whoever is selected with them."""
    session = canvas.session
    tracks = session.selection.tracks
    # In a crowd the selected person is meant.
    track = next((t for t in tracks if t in canvas.around(at)), found.track) if found.kind == "inside" else found.track
    together = tracks if track in tracks else (track,)
    chosen: dict[int, None] = {t: None for t in together if t in canvas.poses() and not session.is_locked(t)}

    def began() -> None:
        if track not in tracks:
            session.select(track, found.joint)

    def clicked() -> None:
        if adds:
            _toggle(canvas, found)
        else:
            session.select(track, found.joint)

    return _guarded(canvas, at, track, lambda: MovePeople(canvas, at, chosen, began, clicked), clicked)


def _grip(canvas: Canvas, at: np.ndarray, found: Hit, keys: Qt.KeyboardModifier) -> Gesture:
    """A handle of a box, of the head box, of the frame round several, or the knob."""
    handles, track = canvas.handles(), found.track
    pose = canvas.pose(track)
    if handles is None or pose is None or (found.kind in ("handle", "border") and pose.box is None):
        return Pan(canvas, at)
    chosen = unlocked(canvas)
    if found.kind == "turn" and handles.pivot is not None:
        return Turn(canvas, at, chosen, handles.pivot)
    if found.kind == "scale" and handles.frame is not None:
        corners = canvas.to_frame(handles.frame.reshape(2, 2)).ravel()
        return Scale(canvas, at, chosen, corners, found.handle or "")
    if found.kind == "head" and handles.head_box is not None:
        return MoveBox(canvas, at, track, found.handle, handles.head_box, head=True)
    assert pose.box is not None
    x, y, w, h = pose.box
    if keys & (_ALT | _CTRL):
        if found.handle is not None and "-" in found.handle:
            return Scale(canvas, at, {track: None}, np.array([x, y, x + w, y + h]), found.handle)
        return MovePeople(canvas, at, {track: None}, lambda: None, lambda: None)
    return MoveBox(canvas, at, track, found.handle, pose.box)


def _toggle(canvas: Canvas, found: Hit | None) -> None:
    if found is not None:
        canvas.session.set_selection(canvas.session.selection.toggled(found.track, found.joint))


def _band(canvas: Canvas, low: np.ndarray, high: np.ndarray) -> None:
    selection = canvas.session.selection
    inside = joints_inside(canvas.people(), low, high, selection.tracks)
    if inside:
        canvas.session.set_selection(selection.with_joints(inside))
    else:
        canvas.say("There is no joint in that rectangle.")
