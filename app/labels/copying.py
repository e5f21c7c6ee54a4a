"""Poses put where they were not before: pasted, taken over from another frame, doubled as somebody new."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import numpy as np

from app.labels.changes import Change, Edit, ProjectError
from app.labels.making import people_words, present
from app.labels.pose import Pose, Provenance
from app.labels.project import Project
from app.labels.shaping import shift

__all__ = ["copy_from_frame", "duplicate", "nearest_earlier", "paste"]


def copied(pose: Pose, onto: Pose | None = None) -> Pose:
    """A pose as a human puts it elsewhere: the joints and boxes are theirs now, and nobody has accepted it yet.

    What the model saw is known only where it was seen: in the pose ``onto`` which this one is put, if any.
    """
    theirs = present(pose) | (pose.provenance == Provenance.HUMAN)
    return pose.with_(
        scores=np.where(theirs, 1.0, 0.0),
        provenance=np.where(theirs, Provenance.HUMAN, Provenance.NONE),
        predicted=None if onto is None else onto.model_places,
        box_by_human=pose.box is not None,
        accepted=False,
        score=1.0,
        model="",
    )


def _same(a: Pose, b: Pose) -> bool:
    return bool(
        np.array_equal(a.keypoints, b.keypoints) and np.array_equal(a.visibility, b.visibility)
        and a.box == b.box and a.head_box == b.head_box
    )  # fmt: skip


def paste(project: Project, frame: int, poses: Mapping[int, Pose], title: str = "") -> Edit:
    """Put poses into a frame, each as the person of its key; who is there already takes the pose on.

    Poses that are there just so are left alone; an edit without changes says that all of them were.
    """
    changes = []
    for track, pose in poses.items():
        now = project.poses(frame).get(track)
        if now is None or not _same(now, pose):
            changes.append(Change(frame, track, now, copied(pose, now)))
    who = people_words(project, [c.track for c in changes] or list(poses) or [0])
    return Edit(title or f"Paste the pose of {who}", tuple(changes))


def nearest_earlier(project: Project, frame: int, tracks: Collection[int] | None = None) -> int | None:
    """The last frame before ``frame`` that holds one of ``tracks`` (None: anybody), or None."""
    wanted = project.tracks() if tracks is None else tracks
    frames = [project.track_frames(track) for track in wanted]
    earlier = [int(f[f < frame][-1]) for f in frames if len(f) and f[0] < frame]
    return max(earlier, default=None)


def copy_from_frame(project: Project, frame: int, tracks: Collection[int] | None = None) -> Edit:
    """Take poses over from the nearest earlier frame in which the person is.

    With ``tracks`` these people get their earlier pose, also where they have one here. With None everybody of the nearest
    earlier frame with anybody does who is not here yet; nobody's pose is replaced then.
    """
    if tracks is None:
        source = nearest_earlier(project, frame)
        if source is None:
            raise ProjectError("Nobody is in an earlier frame.")
        here = project.poses(frame)
        poses = {t: p for t, p in project.poses(source).items() if t not in here and not project.is_locked(t)}
        if not poses:
            raise ProjectError(f"Everybody of frame {source} is in frame {frame} already; select who is to take the pose over.")
        return paste(project, frame, poses, f"Copy {people_words(project, poses)} from frame {source}")
    poses = {}
    source = -1
    for track in tracks:
        found = nearest_earlier(project, frame, [track])
        if found is None:
            raise ProjectError(f"{project.track_name(track)} is in no earlier frame.")
        poses[track], source = project.poses(found)[track], found
    where = f" from frame {source}" if len(poses) == 1 else " from earlier frames"
    return paste(project, frame, poses, f"Copy the pose of {people_words(project, poses)}{where}")


def duplicate(project: Project, frame: int, poses: Iterable[Pose], dx: float, dy: float) -> tuple[Edit, tuple[int, ...]]:
    """Poses as new people, moved by (dx, dy) pixels so that they can be told apart. Returns the edit and the new ids."""
    poses = list(poses)
    move = shift(dx, dy)[:, 2]
    changes = []
    for pose in poses:
        after = copied(pose)
        there = present(after)
        after = after.with_(keypoints=np.where(there[:, None], after.keypoints + move, after.keypoints))
        for name in ("box", "head_box"):
            box = getattr(after, name)
            if box is not None:
                after = after.with_(**{name: (box[0] + dx, box[1] + dy, box[2], box[3])})
        changes.append(Change(frame, project.new_track_id(), None, after))
    tracks = tuple(change.track for change in changes)
    return Edit(f"Add {people_words(project, tracks)} as a copy", tuple(changes)), tracks
