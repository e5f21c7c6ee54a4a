"""When an action can be used: each function answers "" or one sentence saying why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.ui.actions.in_force import select_somebody

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

__all__ = ["activation_map", "open_video", "person", "person_here", "redoable", "undoable"]


def open_video(window: MainWindow) -> str:
    """A video is open."""
    return "" if window.session.video is not None else "Open a video first."


def person(window: MainWindow) -> str:
    """Somebody is selected."""
    if reason := open_video(window):
        return reason
    return "" if window.session.selected_track is not None else select_somebody()


def person_here(window: MainWindow) -> str:
    """The selected person is in this frame."""
    if reason := person(window):
        return reason
    session = window.session
    return "" if session.selected_track in session.poses(session.shown_frame) else "The selected person is not in this frame."


def undoable(window: MainWindow) -> str:
    """There is an edit to take back."""
    if reason := open_video(window):
        return reason
    # While edits are on their way to the disk there may be something to undo that isn't in the history yet.
    return "" if window.session.project.can_undo or window.session.save_state.pending else "There is nothing to undo."


def activation_map(window: MainWindow) -> str:
    """The activation panel has a map."""
    if reason := open_video(window):
        return reason
    has = window.docks["activation"].widget().result is not None  # type: ignore[attr-defined]
    return "" if has else "There is no activation map yet: open the activation panel and select a joint."


def redoable(window: MainWindow) -> str:
    """There is an edit to do again."""
    if reason := open_video(window):
        return reason
    return "" if window.session.project.can_redo or window.session.save_state.pending else "There is nothing to redo."
