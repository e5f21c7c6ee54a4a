"""Edit and People menus: copying and pasting poses, selecting all, turning and scaling by key."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from app.labels.changes import Edit
from app.labels.copying import copy_from_frame, duplicate, paste
from app.labels.making import people_words
from app.labels.shaping import chosen_points, scaling, transform, turning
from app.ui.actions.chosen import changeable, people_here, shaped
from app.ui.actions.conditions import open_video, person_here
from app.ui.actions.in_force import with_way
from app.ui.actions.spec import Action
from app.ui.selection import Selection

if TYPE_CHECKING:
    from app.labels.pose import Pose
    from app.ui.main_window import MainWindow

__all__ = ["ACTIONS"]

#: A copy stands so many screen pixels to the lower right of what it was made from.
_ASIDE = 18.0
_DEGREES, _FACTOR = 2.0, 1.02


def _copy(window: MainWindow) -> None:
    session, poses = window.session, window.canvas.poses()
    session.clipboard = {track: poses[track] for track in people_here(window)}
    window.hint(f"The pose of {people_words(session.project, session.clipboard)} is copied.")


def _targets(window: MainWindow) -> dict[int, Pose]:
    """Who gets which pose: one pose goes to the selected person if that is another, else all to those they came from."""
    session = window.session
    copied = session.clipboard
    if len(copied) == 1 and len(session.selection.tracks) == 1:
        return {session.selection.tracks[0]: next(iter(copied.values()))}
    return dict(copied)


def _paste(window: MainWindow) -> None:
    session, targets = window.session, _targets(window)
    frame = session.shown_frame
    if not paste(window.canvas.as_shown(), frame, targets):
        window.hint(f"The pose is here just so already. To make a copy as another person {with_way('edit.duplicate')}.")
        return
    window.canvas.commit(lambda project: paste(project, frame, targets))
    session.set_selection(Selection.people(targets))


def _as_new(window: MainWindow, poses: list[Pose]) -> None:
    """Poses as new people, a little aside, and selected."""
    session, canvas = window.session, window.canvas
    aside = _ASIDE / canvas.view.camera_scale
    edit, tracks = duplicate(session.project, session.shown_frame, poses, aside, aside)
    canvas.commit(edit)
    session.set_selection(Selection.people(tracks))


def _duplicate(window: MainWindow) -> None:
    poses = window.canvas.poses()
    _as_new(window, [poses[track] for track in people_here(window)])


def _something_copied(window: MainWindow) -> str:
    if reason := open_video(window):
        return reason
    return "" if window.session.clipboard else f"Copy a pose first: select a person, {with_way('edit.copy')}."


def _pastable(window: MainWindow) -> str:
    if reason := _something_copied(window):
        return reason
    locked = next((track for track in _targets(window) if window.session.is_locked(track)), None)
    return "" if locked is None else window.session.locked_words(locked)


def _from_earlier(window: MainWindow) -> None:
    session = window.session
    frame, tracks = session.shown_frame, session.selection.tracks or None
    window.canvas.commit(lambda project: copy_from_frame(project, frame, tracks))


def _not_locked(window: MainWindow) -> str:
    locked = next((t for t in window.session.selection.tracks if window.session.is_locked(t)), None)
    return open_video(window) or ("" if locked is None else window.session.locked_words(locked))


def _select_all(window: MainWindow) -> None:
    """All joints of the selected people; everybody where nobody is selected."""
    session, poses = window.session, window.canvas.poses()
    tracks = people_here(window)
    if not tracks:
        session.set_selection(Selection.people([t for t in sorted(poses) if t not in session.display.hidden]))
        return
    joints = [(track, int(j)) for track in tracks for j in np.flatnonzero(poses[track].visibility)]
    session.set_selection(Selection.people(tracks).with_joints(joints))


def _shaping(make: Callable[[np.ndarray], np.ndarray], verb: str) -> Callable[[MainWindow], None]:
    """Put the selection through ``make(its middle)``."""

    def run(window: MainWindow) -> None:
        canvas, frame, chosen = window.canvas, window.session.shown_frame, shaped(window)

        def edit(project: Any) -> Edit:
            points = chosen_points(project, frame, chosen)
            if not len(points):
                return Edit("")
            return transform(project, frame, chosen, make((points.min(axis=0) + points.max(axis=0)) / 2), verb)

        canvas.commit(edit)

    return run


def _shape(name: str, title: str, run: Callable[[MainWindow], None]) -> Action:
    return Action(f"people.{name}", title, "People/Move, turn, scale", run, changeable, group=2, held=True, scope="person")


ACTIONS = (
    Action("edit.copy", "Copy the pose", "Edit", _copy, person_here, icon="content-copy", group=1, scope="person"),
    Action("edit.paste", "Paste the pose", "Edit", _paste, _pastable, icon="content-paste", group=1, scope="person",
           tip="To the person it came from, in any frame; one pose goes to the selected person."),
    Action("edit.paste_new", "Paste as a new person", "Edit", lambda w: _as_new(w, list(w.session.clipboard.values())),
           _something_copied, group=1, scope="person"),
    Action("edit.duplicate", "Duplicate as a new person", "Edit", _duplicate, person_here, group=1, scope="person"),
    Action("edit.copy_earlier", "Copy from the frame before", "Edit", _from_earlier, _not_locked, group=1,
           icon="page-previous-outline",
           tip="The selected person's pose of the nearest earlier frame; without a selection everybody who is not here yet."),
    Action("edit.select_all", "Select all joints, or everybody", "Edit", _select_all, open_video, group=2,
           tip="All joints of the selected people; with nobody selected, everybody in the frame."),
    _shape("turn_left", f"Turn {_DEGREES:g}° anticlockwise", _shaping(lambda middle: turning(-_DEGREES, middle), "Turn")),
    _shape("turn_right", f"Turn {_DEGREES:g}° clockwise", _shaping(lambda middle: turning(_DEGREES, middle), "Turn")),
    _shape("shrink", "Smaller by 2 %", _shaping(lambda middle: scaling(1 / _FACTOR, 1 / _FACTOR, middle), "Scale")),
    _shape("grow", "Larger by 2 %", _shaping(lambda middle: scaling(_FACTOR, _FACTOR, middle), "Scale")),
)  # fmt: skip
