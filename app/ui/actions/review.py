"""Review menu: what a human has looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.ui.actions.conditions import open_video
from app.ui.actions.spec import Action

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

__all__ = ["ACTIONS"]


def _frames(window: MainWindow) -> tuple[int, ...]:
    """The frame on screen, or the chosen range."""
    session = window.session
    if session.frame_range is None:
        return (session.shown_frame,)
    first, last = session.frame_range
    return tuple(range(first, last + 1))


def _review_frames(window: MainWindow) -> None:
    """What is said of a range stays there; of one frame, go on to the next that nobody has looked at."""
    from app.labels import reviewing

    session, frames = window.session, _frames(window)
    session.apply(lambda project: reviewing.review_frames(project, frames))
    if session.frame_range is not None:
        window.hint(f"Frames {frames[0]} to {frames[-1]} are reviewed.")
        return
    later = (~session.project.reviewed_frames()[frames[0] + 1 :]).nonzero()[0]
    if len(later):
        session.scrub(frames[0] + 1 + int(later[0]))
    else:
        window.hint("This frame is reviewed, and so are all after it.")


def _take_back(window: MainWindow) -> None:
    from app.labels import reviewing

    frames = _frames(window)
    window.session.apply(lambda project: reviewing.review_frames(project, frames, reviewed=False))


ACTIONS = (
    Action("review.frame", "Frame reviewed, go on", "Review", _review_frames, open_video, group=1, icon="check-all",
           tip="This frame, or the chosen range, is right as it is, also where nobody is in it."),
    Action("review.take_back", "Not reviewed", "Review", _take_back, open_video, group=1,
           tip="Takes back that this frame, or the chosen range, was reviewed."),
)  # fmt: skip
