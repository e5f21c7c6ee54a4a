"""Edit menu: undo, redo, selection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.ui.actions.conditions import open_video, redoable, undoable
from app.ui.actions.spec import Action
from app.ui.selection import Selection

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

__all__ = ["ACTIONS"]


def _titled(verb: str, title: str) -> str:
    return f"{verb} {title[:1].lower()}{title[1:]}" if title else verb


def _undo_title(window: MainWindow) -> str:
    project = window.session.project
    return _titled("Undo", "" if project is None else project.undo_title)


def _redo_title(window: MainWindow) -> str:
    project = window.session.project
    return _titled("Redo", "" if project is None else project.redo_title)


def _something_to_leave(window: MainWindow) -> str:
    if reason := open_video(window):
        return reason
    canvas, session = window.canvas, window.session
    busy = canvas.dragging or canvas.tool is not None or window.proposals.waiting
    busy = busy or session.frame_range is not None or session.selection != Selection()
    return "" if busy else "Nobody is selected."


ACTIONS = (
    Action("edit.undo", "Undo", "Edit", lambda w: w.session.undo(), undoable, icon="undo", held=True,
           dynamic_title=_undo_title),
    Action("edit.redo", "Redo", "Edit", lambda w: w.session.redo(), redoable, icon="redo", held=True,
           dynamic_title=_redo_title),
    Action("edit.escape", "Put back, or select nobody", "Edit", lambda w: w.escape(), _something_to_leave, group=1,
           tip="Ends a drag without a change, leaves a tool, takes a proposal away, drops the range, else selects nobody."),
)  # fmt: skip
