"""What the canvas draws above the people just now, and the words at the pointer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor

from app.ui.canvas import colours
from app.ui.canvas.adorner_item import Adornments
from app.ui.canvas.scene import JOINT_RADIUS, ShownPerson, head_size
from app.ui.canvas.tools.band import RubberBand
from app.ui.canvas.tools.boxes import DrawBox, handle_cursor
from app.ui.canvas.tools.joints import MoveJoint
from app.ui.canvas.tools.people import Shape, Turn
from app.ui.canvas.words import joint_lines
from glsmamba.data.skeletons import joint_words

if TYPE_CHECKING:
    from app.ui.canvas.canvas import Canvas

__all__ = ["adornments", "cursor", "hover_lines"]

_GRIP_WORDS = {"turn": "turn", "scale": "scale", "head": "head box"}


def adornments(canvas: Canvas) -> Adornments:
    """Rings, handles, magnifier, words: what belongs to selection, pointer, gesture and tool."""
    out = Adornments()
    session, gesture, tool = canvas.session, canvas.gesture, canvas.tool
    people = {p.track: p for p in canvas.people()}
    drawing = tool is not None or isinstance(gesture, (MoveJoint, DrawBox))
    if isinstance(gesture, Turn) and gesture.moved:
        out.lever = np.stack([canvas.to_screen(gesture.centre), gesture.at])
    elif not drawing:
        out.handles = canvas.handles()
    for track, joint in session.selection.joints:
        person = people.get(track)
        if person is not None and person.placed[joint] and not (drawing and (track, joint) == _primary(canvas)):
            x, y = person.screen[joint]
            out.selected_joints.append((x, y, JOINT_RADIUS * person.size + 4.5))
    if isinstance(gesture, MoveJoint) and gesture.moved and gesture.track in people:
        _magnifier(canvas, people[gesture.track], gesture.joint, out)
    elif isinstance(gesture, (DrawBox, RubberBand)) and gesture.moved:
        out.rubber = np.concatenate([gesture.start, gesture.at])
    elif gesture is None and canvas.pointer is not None:
        found = canvas.hovered
        if tool is not None:
            out.cross = canvas.pointer
        elif found is not None and found.joint is not None and found.track in people:
            person = people[found.track]
            x, y = person.screen[found.joint]
            out.ring = (x, y, JOINT_RADIUS * person.size + 3.5)
            out.ring_colour = _colour(canvas, person, found.joint)
    if tool is not None:
        tool.adorn(out)
    else:
        out.peaks = canvas.candidates.marks()
    if canvas.pointer is not None:
        out.text, out.text_at = hover_lines(canvas), (canvas.pointer[0], canvas.pointer[1])
    return out


def _primary(canvas: Canvas) -> tuple[int | None, int | None]:
    return canvas.session.selected_track, canvas.session.selected_joint


def _colour(canvas: Canvas, person: ShownPerson, joint: int) -> QColor:
    session = canvas.session
    return QColor(*colours.joint_colours(person.pose, session.skeleton, person.track, session.display.colour_mode)[joint])


def _magnifier(canvas: Canvas, person: ShownPerson, joint: int, out: Adornments) -> None:
    at = person.screen[joint]
    out.loupe, out.loupe_at, out.loupe_colour = person.pose.keypoints[joint], at, _colour(canvas, person, joint)
    head = head_size(person.pose, canvas.session.skeleton)
    if head is not None:
        out.loupe_yardstick = 0.5 * head
        out.yardstick = (float(at[0]), float(at[1]), 0.5 * head * canvas.view.camera_scale)


def hover_lines(canvas: Canvas) -> tuple[str, ...]:
    """What is announced at the pointer, the most important first."""
    session, gesture = canvas.session, canvas.gesture
    if gesture is not None:
        words = gesture.says() if isinstance(gesture, Shape) else ""
        return (words,) if words and gesture.moved else ()
    if canvas.tool is not None:
        return canvas.tool.lines()
    if (joint := canvas.joint_to_place()) is not None:
        return (f"click to place: {joint_words(session.skeleton.joints[joint])}",)
    found = canvas.hovered
    if found is None:
        return ()
    if found.kind in _GRIP_WORDS:
        return (_GRIP_WORDS[found.kind],)
    person = next((p for p in canvas.people() if p.track == found.track), None)
    if person is None or found.kind != "joint" or found.joint is None:
        return ()
    return joint_lines(person, found.joint, session.skeleton, session.track_name(person.track))


def cursor(canvas: Canvas, panning: bool) -> Qt.CursorShape:
    """The cursor that says what a press would do, or what the hand does; ``panning``: Space is held."""
    gesture, found = canvas.gesture, canvas.hovered
    if gesture is not None:
        return gesture.cursor if gesture.moved or isinstance(gesture, DrawBox) else Qt.CursorShape.ArrowCursor
    if panning:
        return Qt.CursorShape.OpenHandCursor
    if canvas.tool is not None:
        return canvas.tool.cursor
    if canvas.joint_to_place() is not None:
        return Qt.CursorShape.CrossCursor
    if found is not None and found.kind in ("handle", "border", "scale", "head"):
        return handle_cursor(found.handle)
    if found is not None and found.kind in ("joint", "bone", "turn"):
        return Qt.CursorShape.PointingHandCursor
    return Qt.CursorShape.ArrowCursor
