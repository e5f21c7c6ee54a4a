"""Panels and controls by key: everything the mouse reaches, the keyboard reaches."""

from __future__ import annotations

from app.ui.actions.conditions import open_video
from app.ui.actions.spec import Action
from app.ui.panels_table import PANELS, Panel

__all__ = ["ACTIONS"]


def _visit(panel: Panel) -> Action:
    return Action(
        f"panel.{panel.id}", panel.title, "Go/Panel", lambda w: w.docks.visit(panel.id), open_video, group=3,
        tip=f"Shows the panel {panel.title} and gives it the keyboard; there, gives it back to the picture.",
    )  # fmt: skip


ACTIONS = (
    *(_visit(panel) for panel in PANELS),
    Action("go.next_control", "Next control", "Go/Panel", lambda w: w.docks.walk(True), group=3,
           tip="Moves the keyboard from field to field; Tab alone goes from joint to joint."),
    Action("go.previous_control", "Previous control", "Go/Panel", lambda w: w.docks.walk(False), group=3),
)  # fmt: skip
