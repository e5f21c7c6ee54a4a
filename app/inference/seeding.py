"""Tells a new tracker who is around, so that ids go on where predicting begins anew."""

from __future__ import annotations

import numpy as np

from app.inference.order import neighbours
from app.inference.people import as_candidate
from app.inference.settings import EngineSettings
from app.inference.tracker import Tracker
from app.inference.windows import Frames
from app.labels.project import Project
from glsmamba.data.video import VideoError

__all__ = ["seeded_tracker"]

#: Predicted frames that a tracker is shown.
_SEEN = 8


def seeded_tracker(
    project: Project, frames: Frames, frame: int, direction: int, settings: EngineSettings
) -> tuple[Tracker, int]:
    """A tracker that knows who is around: from frames already predicted nearby, or from this frame's own people.

    Args:
        project: labels; new ids are drawn from it.
        frames: the video's, read in this thread. A frame that cannot be decoded only leaves the tracker without its colours.
        frame: the frame to predict.
        direction: of travel (1 or -1), where no predicted frame is near.
        settings: how far ids reach, and the tracker's thresholds.

    Returns:
        The tracker, and the direction of travel in which it was seeded.
    """
    tracker = Tracker(project.new_track_id, settings.tracker)
    run, travel = neighbours(project.predicted_frames(), frame, settings.reach, count=_SEEN)
    if run:
        direction = travel
    for track in project.deleted(frame):  # known, so that they are recognised and stay deleted, under whatever id
        seen = project.track_frames(track)
        near = int(seen[np.abs(seen - frame).argmin()]) if len(seen) else frame
        away = project.pose(near, track) if 0 < abs(near - frame) <= settings.reach else None
        candidate = None if away is None else as_candidate(away)
        if candidate is not None:
            tracker.seed(near, {track: candidate})
    for f in run or [frame]:
        people = {t: c for t, pose in project.poses(f).items() if (c := as_candidate(pose)) is not None}
        if people:
            try:
                picture = frames.read(f, backward=direction < 0) if f in (run[-1:] or [frame]) else None
            except VideoError:
                picture = None
            tracker.seed(f, people, picture)
    return tracker, direction
