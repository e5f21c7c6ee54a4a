"""What a human says of frames and people without changing a joint: reviewed, and marked to find again."""

from __future__ import annotations

from collections.abc import Iterable

from app.labels.changes import Change, Edit, FactChange, ProjectError
from app.labels.making import the_pose
from app.labels.project import Project

__all__ = ["review_frames", "review_pose", "toggle_mark"]


def review_pose(project: Project, frame: int, track: int, reviewed: bool = True) -> Edit:
    """Say that a human looked at a person in a frame and left the pose as it is, or take that back."""
    pose = the_pose(project, frame, track)
    title = f"Mark {project.track_name(track)} {_words(reviewed)} in frame {frame}"
    return Edit(title, (Change(frame, track, pose, pose.with_(reviewed=reviewed)),) if pose.reviewed != reviewed else ())


def review_frames(project: Project, frames: int | Iterable[int], reviewed: bool = True) -> Edit:
    """Say that frames were looked at with all who are in them, also where that is nobody; or take that back.

    A reviewed frame with nobody in it stays empty when a model comes by (``Project.store_predictions``).
    """
    wanted = [frames] if isinstance(frames, int) else list(frames)
    value = True if reviewed else None
    facts = tuple(
        FactChange("reviewed", f, project.fact("reviewed", f), value) for f in wanted if project.is_reviewed(f) != reviewed
    )
    changes = tuple(
        Change(f, track, pose, pose.with_(reviewed=reviewed))
        for f in wanted
        for track, pose in project.poses(f).items()
        if pose.reviewed != reviewed and not (reviewed and pose.accepted)
    )
    where = f"frame {wanted[0]}" if len(wanted) == 1 else f"{len(wanted)} frames"
    return Edit(f"Mark {where} {_words(reviewed)}", changes, facts)


def toggle_mark(project: Project, frame: int) -> Edit:
    """Mark a frame to find it again, or take its mark away."""
    if not 0 <= frame < project.n_frames:
        raise ProjectError(f"There is no frame {frame}: the video has frames 0 to {project.n_frames - 1}.")
    before = project.fact("mark", frame)
    title = f"Take the mark of frame {frame} away" if before else f"Mark frame {frame}"
    return Edit(title, facts=(FactChange("mark", frame, before, None if before else True),))


def _words(reviewed: bool) -> str:
    return "reviewed" if reviewed else "not reviewed"
