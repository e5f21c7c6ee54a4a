"""Help menu."""

from __future__ import annotations

from app.ui.actions.spec import Action

__all__ = ["ACTIONS"]

ACTIONS = (
    Action("help.palette", "Find an action…", "Help", lambda w: w.dialogs.show_palette(), icon="magnify",
           tip="Type a part of its name, or what it is about; Enter does it."),
    Action("help.keys", "Shortcut sheet", "Help", lambda w: w.dialogs.show_keys(), icon="keyboard-outline",
           tip="All actions and their keys."),
    Action("help.remap", "Keys…", "Help", lambda w: w.dialogs.change_keys(), icon="keyboard-settings-outline",
           tip="Choose a key map, give actions other keys."),
    Action("help.about", "About GLSMamba Studio", "Help", lambda w: w.dialogs.show_about(), group=1),
)  # fmt: skip
