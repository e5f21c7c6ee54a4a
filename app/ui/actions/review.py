"""Review menu: what a human has looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.ui.actions.conditions import open_video, person_here
from app.ui.actions.spec import Action

if TYPE_CHECKING:
    from app.labels.lookout import Place
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


def _lead(window: MainWindow, place: Place | None, otherwise: str) -> None:
    """Say why this is the place, or what to say instead."""
    if place is None:
        window.hint(otherwise)
        return
    text = f"{window.session.track_name(place.track)}: {place.why}"
    window.why.say(text)
    window.hint(text)


def _next(window: MainWindow) -> None:
    lookout = window.session.lookout
    if lookout is None or not window.session.lookout_settled:
        _lead(window, window.doubtful.next(), "Still looking through the labels; try again in a moment.")
        return
    p = lookout.progress
    done = f"{p.reviewed:,} of {p.people:,} poses are reviewed." if p.people else "Nobody is in this video yet."
    _lead(window, window.doubtful.next(), f"Nothing doubtful is left. {done}")


def _previous(window: MainWindow) -> None:
    _lead(window, window.doubtful.previous(), "That was the first place N led to.")


def _reviewed_next(window: MainWindow) -> None:
    from app.labels import reviewing

    session = window.session
    frame, track = session.shown_frame, session.selected_track
    if track is not None:
        session.apply(lambda project: reviewing.review_pose(project, frame, track), lambda: _next(window))


def _take_back(window: MainWindow) -> None:
    from app.labels import reviewing

    frames = _frames(window)
    window.session.apply(lambda project: reviewing.review_frames(project, frames, reviewed=False))


ACTIONS = (
    Action("review.next", "Next doubtful place", "Review", _next, open_video, icon="account-alert-outline",
           tip="The person and the frame that are most probably wrong and that nobody has reviewed."),
    Action("review.previous", "Previous doubtful place", "Review", _previous, open_video,
           tip="Back the way that N led."),
    Action("review.person", "Pose reviewed, go on", "Review", _reviewed_next, person_here, group=1, icon="check-underline",
           tip="The selected person is right in this frame; then to the next doubtful place."),
    Action("review.frame", "Frame reviewed, go on", "Review", _review_frames, open_video, group=1, icon="check-all",
           tip="This frame, or the chosen range, is right as it is, also where nobody is in it."),
    Action("review.take_back", "Not reviewed", "Review", _take_back, open_video, group=1,
           tip="Takes back that this frame, or the chosen range, was reviewed."),
)  # fmt: skip
