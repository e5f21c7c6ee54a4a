"""What an action works on: the selected people and joints of the frame on screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.ui.actions.conditions import person
from app.ui.actions.in_force import with_way

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

__all__ = ["changeable", "joints_changeable", "people_here", "placed_changeable", "shaped"]


def people_here(window: MainWindow) -> list[int]:
    """Selected people who are in the frame on screen."""
    here = window.canvas.poses()
    return [track for track in window.session.selection.tracks if track in here]


def shaped(window: MainWindow) -> dict[int, tuple[int, ...] | None]:
    """Track id to selected joints, or to None for the whole person; of those who are here and not locked."""
    here, session = window.canvas.poses(), window.session
    return {t: joints for t, joints in session.selection.chosen.items() if t in here and not session.is_locked(t)}


def changeable(window: MainWindow) -> str:
    """Somebody is selected who is in this frame and not locked."""
    return person(window) or window.session.why_unchangeable()


def joints_changeable(window: MainWindow) -> str:
    """Joints are selected, of somebody whom a hand may change."""
    if reason := changeable(window):
        return reason
    return "" if any(shaped(window).values()) else f"Select a joint first: click one, or {with_way('people.next_joint')}."


def placed_changeable(window: MainWindow) -> str:
    """A joint that has a position is selected, of somebody whom a hand may change."""
    if reason := joints_changeable(window):
        return reason
    poses = window.canvas.poses()
    placed = any(poses[track].visibility[joint] for track, joints in shaped(window).items() for joint in joints or ())
    return "" if placed else f"The selected joint is absent: {with_way('people.visible')}, or click where it is."
