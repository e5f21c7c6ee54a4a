"""What the timeline's tooltip says of a place."""

from __future__ import annotations

from app.ui.session import Session
from app.ui.timeline.content import Content
from app.ui.timeline.lanes import DONE, GAP, LOOKED_AT, REVIEWED
from app.ui.timeline.layers import DOUBT_HEIGHT, LANE_HEIGHT
from app.ui.timeline.ruler import RULER_HEIGHT
from app.ui.timeline.transport import time_text

__all__ = ["words_of_frame", "words_of_name"]

_STATES = ("not in this frame", "predicted", "edited", "accepted", "imported or filled in")


def words_of_name(session: Session, track: int | None) -> str:
    """Of a place in the column of names: ``track`` is the person of that row. Empty where there is nobody."""
    return "" if track is None else f"{session.track_name(track)}: double-click shows where this person is"


def words_of_frame(session: Session, content: Content, frame: int, y: float, track: int | None) -> str:
    """Of a place right of the names.

    Args:
        session: has a video open.
        content: what the timeline shows of it.
        frame: the frame there, of the video.
        y: logical pixels from the top of the timeline: which of the lanes above the people it is.
        track: the person of that row, or None.
    """
    where = f"Frame {frame}, {time_text(session.time(frame))}"
    lane, doubt = RULER_HEIGHT, RULER_HEIGHT + LANE_HEIGHT
    if doubt <= y < doubt + DOUBT_HEIGHT:
        return "\n".join([where, *_doubts(session, frame)])
    if track is not None:
        return f"{session.track_name(track)}: {_state(session, content, frame, track)}\n{where}"
    if y < lane and frame in content.marks:
        return f"{where}: marked"
    if lane <= y < doubt:
        bits = int(content.frames.lane.levels[0][frame])
        predicted = "predicted" if bits & DONE else "not predicted"
        return f"{where}: {predicted}, {'reviewed' if bits & REVIEWED else 'not reviewed'}"
    return where


def _doubts(session: Session, frame: int) -> list[str]:
    """Why a frame is doubtful, a line a person, the worst first."""
    lookout = session.lookout
    if lookout is None:
        return []
    found = [lookout.place(frame, track) for track, pose in session.poses(frame).items() if not pose.looked_at]
    worst = sorted((place for place in found if place is not None), key=lambda place: -place.level)
    return [f"{session.track_name(place.track)}: doubt {place.level:.2f}, {place.why}" for place in worst[:5]]


def _state(session: Session, content: Content, frame: int, track: int) -> str:
    notes = int(content.tracks.notes(track).levels[0][frame])
    if notes & GAP:
        return "missing for a moment"
    figure = session.project.frame_states(frame).get(track, 0)
    return _STATES[figure] + (", reviewed" if notes & LOOKED_AT and figure != 3 else "")
