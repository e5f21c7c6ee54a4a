"""People menu: what a person's hand changes. Every one is an edit that undo takes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from app.labels import edits
from app.labels.changes import Edit
from app.labels.making import people_words
from app.labels.pose import Visibility
from app.labels.shaping import shift, transform
from app.ui.actions.chosen import changeable, joints_changeable, placed_changeable, shaped
from app.ui.actions.conditions import open_video, person, person_here
from app.ui.actions.in_force import with_way
from app.ui.actions.spec import Action

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

__all__ = ["ACTIONS"]


def _delete_over_time(first: Callable[[MainWindow], int], words: str) -> Callable[[MainWindow], None]:
    """Delete the selected people from a frame on; ``words`` end the message."""

    def run(window: MainWindow) -> None:
        session, start = window.session, first(window)
        tracks = session.selection.tracks

        def make(project: Any) -> Edit:
            gone = [edits.delete_track(project, t, start) for t in tracks if (project.track_frames(t) >= start).any()]
            return gone[0] if len(gone) == 1 else Edit.joined(f"Delete {people_words(project, tracks)} {words}", gone)

        name = people_words(session.project, tracks)
        are = "was" if len(tracks) == 1 else "were"
        session.apply(
            make, lambda: session.tell(f"{name} {are} deleted {words}.", "info", "Undo", session.undo_just_this())
        )

    return run


def _unlocked(window: MainWindow) -> str:
    """Somebody is selected, in this frame or another, and nobody of them is locked."""
    if reason := person(window):
        return reason
    locked = next((track for track in window.session.selection.tracks if window.session.is_locked(track)), None)
    return "" if locked is None else window.session.locked_words(locked)


def _place(window: MainWindow) -> None:
    from app.ui.canvas.tools.place import PlaceInOrder

    session = window.session
    if session.selected_track is not None and session.is_locked(session.selected_track):
        session.select(None)
    window.canvas.use(PlaceInOrder(window.canvas))


def _toggle_lock(window: MainWindow) -> None:
    session = window.session
    tracks = session.selection.tracks
    lock = not all(session.is_locked(track) for track in tracks)
    session.apply(lambda project: edits.set_locked(project, tracks, lock))


def _toggle_hidden(window: MainWindow) -> None:
    """Hide the selected people and let go of them; those that are hidden show again."""
    session = window.session
    tracks, hidden = frozenset(session.selection.tracks), session.display.hidden
    if tracks <= hidden:
        session.set_display(hidden=hidden - tracks)
    else:
        session.set_display(hidden=hidden | tracks)
        session.select(None)
        window.hint(f"{people_words(session.project, tracks)} hidden; to see everybody again {with_way('people.show_all')}.")


def _nudge(dx: float, dy: float, name: str, words: str) -> Action:
    def run(window: MainWindow) -> None:
        frame, chosen = window.session.shown_frame, shaped(window)
        window.canvas.commit(lambda project: transform(project, frame, chosen, shift(dx, dy)))

    return Action(
        f"people.nudge_{name}", f"Move the joint {words}", "People/Move, turn, scale", run, placed_changeable, group=2,
        held=True, scope="joint",
    )  # fmt: skip


def _visibility(name: str, value: Visibility) -> Action:
    def run(window: MainWindow) -> None:
        frame = window.session.shown_frame
        chosen = {track: joints for track, joints in shaped(window).items() if joints}
        window.canvas.commit(lambda project: edits.mark(project, frame, chosen, value))

    return Action(f"people.{name}", f"Joint is {name}", "People", run, joints_changeable, group=1, scope="joint")


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
    Action("people.place", "Add a person joint by joint", "People", _place, open_video, icon="human-handsup",
           tip="Each click places the joint that is named. With a person selected, the joints that they lack."),
    Action("people.accept", "Accept this pose", "People", lambda w: w.canvas.accept_selected(), changeable,
           icon="check", scope="person", tip="The selected person's prediction becomes an annotation."),
    Action("people.delete", "Delete in this frame", "People", lambda w: w.canvas.delete_selected(), changeable,
           icon="delete-outline", scope="person"),
    Action("people.delete_onward", "Delete from here on", "People",
           _delete_over_time(lambda w: w.session.shown_frame, "from here on"), _unlocked, scope="person"),
    Action("people.delete_track", "Delete in all frames", "People", _delete_over_time(lambda w: 0, "in all frames"), _unlocked,
           icon="delete-sweep-outline", scope="person"),
    Action("people.lock", "Lock", "People", _toggle_lock, person, icon="lock-outline", scope="person",
           checked=lambda w: w.session.selected_track is not None and w.session.is_locked(w.session.selected_track),
           tip="No hand changes a locked person, in any frame, until it is unlocked."),
    Action("people.hide", "Hide", "People", _toggle_hidden, person, icon="eye-off-outline", scope="person",
           checked=lambda w: w.session.selected_track in w.session.display.hidden,
           tip="Not drawn until you select them again or show everybody. Nothing is changed by it."),
    Action("people.show_all", "Show everybody", "People", lambda w: w.session.set_display(hidden=frozenset()),
           lambda w: "" if w.session.display.hidden else "Nobody is hidden.", icon="eye-outline"),
    Action("people.next_peak", "Next peak of the heat map", "People", lambda w: w.canvas.candidates.cycle(1), joints_changeable,
           group=1, scope="joint", tip="Moves the joint to the next place that the model's heat map speaks for."),
    Action("people.previous_peak", "Previous peak of the heat map", "People", lambda w: w.canvas.candidates.cycle(-1),
           joints_changeable, group=1, scope="joint"),
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
