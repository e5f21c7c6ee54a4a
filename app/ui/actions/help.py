"""Help menu."""

from __future__ import annotations

from app.ui.actions.spec import Action

__all__ = ["ACTIONS"]

ACTIONS = (
    Action("help.keys", "Keys", "Help", lambda w: w.show_keys(), icon="keyboard-outline", tip="All actions and their keys."),
    Action("help.about", "About GLSMamba Studio", "Help", lambda w: w.show_about(), group=1),
)
