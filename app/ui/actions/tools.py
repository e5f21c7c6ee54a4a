"""What one does while a tool is in use on the picture: end it, take the last step back, leave something out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.ui.actions.spec import Action

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

__all__ = ["ACTIONS"]


def _tool_verb(verb: str, title: str, tip: str) -> Action:
    def run(window: MainWindow) -> None:
        tool = window.canvas.tool
        if tool is not None:
            tool.verbs()[verb]()
            window.canvas.changed()

    def why_not(window: MainWindow) -> str:
        tool = window.canvas.tool
        return "" if tool is not None and verb in tool.verbs() else "No tool is in use on the picture that knows this."

    return Action(f"tool.{verb}", title, "", run, why_not, scope="tool", tip=tip)


ACTIONS = (
    _tool_verb("finish", "End the tool", "Closes the region that is drawn, ends placing joint by joint."),
    _tool_verb("back", "Take the last step back", "The last corner of a region, the last joint that was placed."),
    _tool_verb("skip", "Leave this joint out", "While joints are placed one by one."),
)
