"""People menu: corrections spread to other frames; whatever is proposed is done or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.ui.actions.conditions import open_video, person
from app.ui.actions.in_force import with_way
from app.ui.actions.spec import Action

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

__all__ = ["ACTIONS"]

_MENU = "People/Spread corrections"


def _spread(window: MainWindow) -> None:
    if window.proposals.spreads.shown:
        window.proposals.apply()
    else:
        window.proposals.spreads.ask()


def _by_itself(window: MainWindow) -> None:
    spreads = window.proposals.spreads
    spreads.set_by_itself(not spreads.by_itself)
    asked = f"Corrections spread when you {with_way('spread.show')}."
    window.hint("Corrections spread by themselves." if spreads.by_itself else asked)


def _proposed(window: MainWindow) -> str:
    if reason := open_video(window):
        return reason
    return "" if window.proposals.open else "Nothing is proposed."


ACTIONS = (
    Action("spread.show", "Spread the correction", _MENU, _spread, person, group=4,
           tip="To the frames between and beside those you corrected, until the model agrees; shown before it is done."),
    Action("spread.interpolate", "Interpolate between corrections", _MENU,
           lambda w: w.proposals.spreads.ask(believe=False), person, group=4,
           tip="All between two frames in which you placed the joint, whatever the model says there."),
    Action("spread.mend", "Mend jumps", _MENU, lambda w: w.proposals.spreads.mend(), person, group=4,
           tip="Where a joint leaps away and comes back, sides are exchanged, or the person is lost for some frames; "
           "in the chosen range or 600 frames around. Shown before it is done."),
    Action("spread.by_itself", "Corrections spread by themselves", _MENU, _by_itself, group=4,
           checked=lambda w: w.proposals.spreads.by_itself, tip="After every correction, as an undo step of its own."),
    Action("proposal.apply", "Apply what is proposed", "People", lambda w: w.proposals.apply(), _proposed, group=4,
           scope="proposal", icon="check", tip="Esc takes the proposal away."),
)  # fmt: skip
