"""People > Ignore regions: places where nobody is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.labels import edits
from app.labels.regions import IgnoreRegion
from app.ui.actions.conditions import open_video
from app.ui.actions.in_force import with_way
from app.ui.actions.spec import Action

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

__all__ = ["ACTIONS"]

_MENU = "People/Ignore regions"


def _draw(window: MainWindow) -> None:
    from app.ui.canvas.tools.regions import DrawRegion

    window.canvas.use(DrawRegion(window.canvas))


def _region(window: MainWindow) -> IgnoreRegion | None:
    number, project = window.session.selection.region, window.session.project
    return None if number is None or project is None else project.ignore_regions().get(number)


def _selected(window: MainWindow) -> str:
    if reason := open_video(window):
        return reason
    return "" if _region(window) is not None else f"Select an ignore region first: click it, or {with_way('regions.next')}."


def _next(window: MainWindow) -> None:
    session = window.session
    numbers = list(session.project.ignore_regions())
    if not numbers:
        window.hint(f"There is no ignore region; to draw one {with_way('regions.draw')}.")
        return
    now = session.selection.region
    session.show_region(numbers[(numbers.index(now) + 1) % len(numbers) if now in numbers else 0])


def _delete(window: MainWindow) -> None:
    number = window.session.selection.region
    if number is not None:
        window.session.apply(lambda project: edits.remove_ignore_region(project, number))


def _change(make: Any, verb: str) -> Any:
    """Write ``make(region, frame)`` of the selected region."""

    def run(window: MainWindow) -> None:
        number, frame = window.session.selection.region, window.session.shown_frame
        if number is not None:
            window.canvas.regions.change(number, lambda region: make(region, frame), verb)

    return run


def _key_here(window: MainWindow) -> str:
    if reason := _selected(window):
        return reason
    region = _region(window)
    assert region is not None
    if window.session.shown_frame not in region.keys:
        return "This frame is no key frame of the region."
    return "" if len(region.keys) > 1 else "It is the region's only key frame."


def _can_key(window: MainWindow) -> str:
    if reason := _selected(window):
        return reason
    region = _region(window)
    assert region is not None
    return "" if region.polygon_at(window.session.shown_frame) is not None else "The region is not valid in this frame."


ACTIONS = (
    Action("regions.draw", "Draw an ignore region", _MENU, _draw, open_video, icon="vector-polygon",
           tip="Click its corners; evaluators look at nobody inside. Valid in the range of frames, else in all."),
    Action("regions.next", "Next ignore region", _MENU, _next, open_video),
    Action("regions.delete", "Delete the ignore region", _MENU, _delete, _selected, scope="joint"),
    Action("regions.begin", "The region begins in this frame", _MENU, _change(
               lambda region, frame: region.with_(first=frame, last=max(frame, region.last)), "Set the beginning of"),
           _selected, group=1),
    Action("regions.end", "The region ends in this frame", _MENU, _change(
               lambda region, frame: region.with_(first=min(frame, region.first), last=frame), "Set the end of"),
           _selected, group=1),
    Action("regions.set_key", "Make this frame a key frame of the region", _MENU, _change(
               lambda region, frame: region.with_polygon(frame, region.polygon_at(frame)), "Set a key frame of"),
           _can_key, group=1, tip="Corners move evenly from one key frame to the next."),
    Action("regions.remove_key", "Take this key frame away", _MENU, _change(
               lambda region, frame: region.without_key(frame), "Take a key frame from"), _key_here, group=1),
)  # fmt: skip
