"""People menu: what a person's hand changes. Every one is an edit that undo takes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from app.labels.pose import Visibility
from app.ui.actions.conditions import joint, open_video, person, person_here, placed_joint
from app.ui.actions.spec import Action

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

__all__ = ["ACTIONS"]


def _joint_edit(make: Callable[[Any, Any, int, int, int], Any]) -> Callable[[MainWindow], None]:
    """Commit ``make(edits, project, frame, track, joint)`` for the selected joint of the frame on screen."""

    def run(window: MainWindow) -> None:
        from app.labels import edits

        session = window.session
        frame, track, index = session.shown_frame, session.selected_track, session.selected_joint
        if track is not None and index is not None:
            window.canvas.commit(lambda project: make(edits, project, frame, track, index))

    return run


def _delete_track(window: MainWindow) -> None:
    from app.labels import edits

    session, track = window.session, window.session.selected_track
    if track is not None:
        name = session.track_name(track)
        session.apply(
            lambda project: edits.delete_track(project, track),
            lambda: session.tell(f"{name} was deleted in all frames.", "info", "Undo", session.undo_just_this()),
        )


def _nudge(dx: float, dy: float, name: str, words: str) -> Action:
    def make(edits: Any, project: Any, frame: int, track: int, index: int) -> Any:
        x, y = project.poses(frame)[track].keypoints[index]
        return edits.move_joint(project, frame, track, index, (x + dx, y + dy))

    return Action(
        f"people.nudge_{name}", f"Move the joint {words}", "People/Move the joint", _joint_edit(make), placed_joint, group=2,
        held=True, scope="joint",
    )  # fmt: skip


def _visibility(name: str, value: Visibility) -> Action:
    return Action(
        f"people.{name}", f"Joint is {name}", "People",
        _joint_edit(lambda e, p, f, t, j: e.set_visibility(p, f, t, j, value)), joint, group=1, scope="joint",
    )  # fmt: skip


def _cycle_joint(step: int) -> Callable[[MainWindow], None]:
    def run(window: MainWindow) -> None:
        session = window.session
        n = len(session.skeleton)
        now = session.selected_joint
        session.select(session.selected_track, (0 if step > 0 else n - 1) if now is None else (now + step) % n)

    return run


def _cycle_person(step: int) -> Callable[[MainWindow], None]:
    def run(window: MainWindow) -> None:
        session = window.session
        tracks = sorted(session.poses(session.shown_frame))
        if not tracks:
            window.hint("There is nobody in this frame.")
            return
        now = session.selected_track
        at = tracks.index(now) + step if now in tracks else (0 if step > 0 else -1)
        session.select(tracks[at % len(tracks)])

    return run


def _nth_person(n: int) -> Action:
    def run(window: MainWindow) -> None:
        tracks = sorted(window.session.poses(window.session.frame))
        if n <= len(tracks):
            window.session.select(tracks[n - 1])
        else:
            window.hint(f"There are only {len(tracks)} people in this frame." if tracks else "There is nobody in this frame.")

    return Action(f"people.select_{n}", f"Person {n} of this frame", "People/Select", run, open_video, group=3)


_NUDGES = tuple(
    _nudge(dx * size, dy * size, f"{name}{suffix}", f"{name} {size:g} px")
    for size, suffix in ((1.0, ""), (10.0, "_10"), (0.1, "_fine"))
    for name, dx, dy in (("left", -1, 0), ("right", 1, 0), ("up", 0, -1), ("down", 0, 1))
)

ACTIONS = (
    Action("people.add", "Add a person", "People", lambda w: w.canvas.start_adding(), open_video, icon="account-plus-outline",
           tip="Then draw a box around the person."),
    Action("people.accept", "Accept this pose", "People", lambda w: w.canvas.accept_selected(), person_here,
           icon="check", scope="person", tip="The selected person's prediction becomes an annotation."),
    Action("people.swap_sides", "Swap left and right", "People", lambda w: w.canvas.swap_selected(),
           person_here, icon="swap-horizontal", scope="person"),
    Action("people.delete", "Delete in this frame", "People", lambda w: w.canvas.delete_selected(), person_here,
           icon="delete-outline", scope="person"),
    Action("people.delete_track", "Delete in all frames", "People", _delete_track, person,
           icon="delete-sweep-outline", scope="person"),
    _visibility("visible", Visibility.VISIBLE),
    _visibility("occluded", Visibility.OCCLUDED),
    _visibility("absent", Visibility.ABSENT),
    Action("people.next_joint", "Next joint", "People", _cycle_joint(1), person_here, group=2, held=True),
    Action("people.previous_joint", "Previous joint", "People", _cycle_joint(-1), person_here, group=2, held=True),
    *_NUDGES,
    Action("people.next", "Next person", "People", _cycle_person(1), open_video, group=3),
    Action("people.previous", "Previous person", "People", _cycle_person(-1), open_video, group=3),
    *(_nth_person(n) for n in range(1, 10)),
)  # fmt: skip
