"""The table of all actions, menu by menu."""

from __future__ import annotations

from app.ui.actions import edit, file, go, help, model, people, view
from app.ui.actions.spec import Action

__all__ = ["actions"]


def actions() -> tuple[Action, ...]:
    """Every action of the program; their ids are unique."""
    made = (*file.ACTIONS, *edit.ACTIONS, *view.ACTIONS, *go.ACTIONS, *people.ACTIONS, *model.ACTIONS, *help.ACTIONS)
    assert len({action.id for action in made}) == len(made)
    return made
