"""People > Swap left and right: whole or limb by limb, here, from here on, or over chosen frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from app.labels.changes import Edit
from app.labels.making import people_words
from app.labels.sides import limb_joints, swap_sides
from app.ui.actions.chosen import changeable, joints_changeable, shaped
from app.ui.actions.conditions import person
from app.ui.actions.spec import Action

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

__all__ = ["ACTIONS"]

_MENU = "People/Swap left and right"


def _limb(limb: str) -> tuple[Callable[[MainWindow], None], Callable[[MainWindow], str]]:
    def run(window: MainWindow) -> None:
        window.canvas.edit_people(
            lambda project, frame, track: swap_sides(project, frame, track, limb), f"Swap {limb} of {{}}"
        )

    def why_not(window: MainWindow) -> str:
        if reason := changeable(window):
            return reason
        return "" if limb_joints(window.session.skeleton, limb) else f"This skeleton has no joints for that ({limb})."

    return run, why_not


def _joints(window: MainWindow) -> None:
    frame, chosen = window.session.shown_frame, shaped(window)

    def make(project: Any) -> Edit:
        made = [swap_sides(project, frame, track, joints=joints) for track, joints in chosen.items() if joints]
        return made[0] if len(made) == 1 else Edit.joined(f"Swap joints of {people_words(project, chosen)}", made)

    window.canvas.commit(make)


def _onward(window: MainWindow) -> None:
    session = window.session
    tracks, frames = session.selection.tracks, range(session.shown_frame, session.n_frames)
    name = people_words(session.project, tracks)

    def make(project: Any) -> Edit:
        made = [swap_sides(project, frames, track) for track in tracks]
        return made[0] if len(made) == 1 else Edit.joined(f"Swap left and right of {name} from frame {frames[0]} on", made)

    def done() -> None:
        session.tell(f"Left and right of {name} were swapped from here on.", "info", "Undo", session.undo_just_this())

    session.apply(make, done)


ACTIONS = (
    Action("people.swap_sides", "Swap left and right", _MENU, lambda w: w.canvas.swap_selected(), changeable,
           icon="swap-horizontal", scope="person", tip="Of the selected people in this frame."),
    *(
        Action(f"people.swap_{limb}", title, _MENU, *_limb(limb), scope="person", tip="In this frame.")
        for limb, title in (("arms", "Swap arms"), ("legs", "Swap legs"), ("head", "Swap ears and eyes"))
    ),
    Action("people.swap_joints", "Swap the selected joints", _MENU, _joints, joints_changeable, scope="joint",
           tip="Each with the same joint of the other side, in this frame."),
    Action("people.swap_onward", "Swap left and right from here on", _MENU, _onward, person, scope="person"),
    Action("people.swap_over", "Swap over several frames…", _MENU, lambda w: w.dialogs.ask_swap(), person, scope="person",
           tip="Whole or limb by limb, from one frame to another."),
)  # fmt: skip
