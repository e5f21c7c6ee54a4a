"""The table of all actions, menu by menu."""

from __future__ import annotations

from app.ui.actions import (
    boxes,
    edit,
    file,
    go,
    help,
    ids,
    model,
    panels,
    people,
    regions,
    review,
    shape,
    sides,
    spread,
    timeline,
    tools,
    view,
)
from app.ui.actions.spec import Action

__all__ = ["actions"]


def actions() -> tuple[Action, ...]:
    """Every action of the program; their ids are unique."""
    menus = (
        file, edit, view, go, panels, timeline, people, shape, sides, boxes, regions, ids, spread, review, model, help, tools,
    )  # fmt: skip
    made = tuple(action for menu in menus for action in menu.ACTIONS)
    assert len({action.id for action in made}) == len(made)
    return made
