"""People menu: who is who. Each is shown on the timeline before it is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from app.ui.actions.conditions import person
from app.ui.actions.spec import Action
from app.ui.proposals.ids import Kind

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

__all__ = ["ACTIONS"]

_MENU = "People/Who is who"


def _two(kind: Kind) -> Callable[[MainWindow], None]:
    """With the second selected person, else the nearest other one by number, which can be changed in the bar."""

    def run(window: MainWindow) -> None:
        session = window.session
        first, *others = session.selection.tracks
        if not others:
            here = [track for track in session.poses(session.shown_frame) if track != first]
            others = here or [track for track in session.project.tracks() if track != first]
        window.proposals.ids.ask(kind, first, others[0] if others else None)

    return run


def _assign(n: int) -> Action:
    def run(window: MainWindow) -> None:
        track = window.session.selected_track
        assert track is not None
        window.proposals.ids.ask("assign", track, n)

    return Action(f"people.assign_{n}", f"This is person {n}", f"{_MENU}/This is", run, person, group=4)


def _split(window: MainWindow) -> None:
    track = window.session.selected_track
    assert track is not None
    window.proposals.ids.ask("split", track)


ACTIONS = (
    Action("people.exchange", "Exchange two people…", _MENU, _two("swap"), person, group=4,
           tip="The selected person with another one; select two to choose both."),
    Action("people.merge", "Join with another person…", _MENU, _two("merge"), person, group=4,
           tip="Two that are one person. Where both are in a frame, one pose is kept, and you are told."),
    Action("people.split", "Divide…", _MENU, _split, person, group=4,
           tip="From this frame on, or over a range, the selected person is somebody else: a new person."),
    *(_assign(n) for n in range(1, 10)),
)  # fmt: skip
