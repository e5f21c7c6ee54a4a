"""People > Boxes: fitting a person's box, drawing the head's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.labels import edits
from app.labels.placing import fit_box
from app.ui.actions.chosen import changeable, people_here
from app.ui.actions.spec import Action

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

__all__ = ["ACTIONS"]


def _draw_head(window: MainWindow) -> None:
    from app.ui.canvas.tools.tool import DrawHeadBox

    window.canvas.use(DrawHeadBox(window.canvas))


def _drawn_head(window: MainWindow) -> str:
    if reason := changeable(window):
        return reason
    poses = window.canvas.poses()
    drawn = any(poses[track].head_box is not None for track in people_here(window))
    return "" if drawn else "The head box follows from the joints already; nobody drew one."


ACTIONS = (
    Action("people.fit_box", "Fit the box to the joints", "People/Boxes",
           lambda w: w.canvas.edit_people(fit_box, "Fit boxes of {}"), changeable, scope="person",
           tip="The extent of the joints, 1.3 times as large, as PoseTrack has it."),
    Action("people.head_box", "Draw the head box", "People/Boxes", _draw_head, changeable, scope="person",
           tip="Until it is drawn it follows from the neck and the top of the head."),
    Action("people.reset_head_box", "Let the head box follow from the joints", "People/Boxes",
           lambda w: w.canvas.edit_people(
               lambda project, frame, track: edits.set_head_box(project, frame, track, None), "Reset head boxes of {}"),
           _drawn_head, scope="person"),
)  # fmt: skip
