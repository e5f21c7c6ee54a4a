"""Where two stretches of predicted frames meet: people who were given two ids become one again."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from app.inference.assignment import best_pairs
from app.inference.detector import iou_matrix
from app.inference.people import as_candidate, is_human
from app.inference.similarity import pose_similarity
from app.labels.pose import Pose
from app.labels.project import Project

__all__ = ["Joining", "Rename", "same_people", "to_rename"]

#: Mean of box overlap and pose likeness from which two sightings in neighbouring frames are one person.
_SAME = 0.45


def same_people(a: Mapping[int, Pose], b: Mapping[int, Pose]) -> list[tuple[int, int]]:
    """Pairs (id in a, id in b) of people in two neighbouring frames who are one person."""
    left = {track: c for track, pose in a.items() if (c := as_candidate(pose)) is not None}
    right = {track: c for track, pose in b.items() if (c := as_candidate(pose)) is not None}
    if not left or not right:
        return []
    table = iou_matrix(np.array([c.box for c in left.values()]), np.array([c.box for c in right.values()]))
    for i, one in enumerate(left.values()):
        for j, other in enumerate(right.values()):
            if one.keypoints is None or other.keypoints is None or one.keypoint_scores is None or other.keypoint_scores is None:
                continue
            area = one.box[2] * one.box[3]
            alike = pose_similarity(one.keypoints, one.keypoint_scores, other.keypoints, other.keypoint_scores, area, 1.5)
            if alike is not None:
                table[i, j] = (table[i, j] + alike) / 2
    # People who already share an id stay together, whoever else is near.
    ids, others = list(left), list(right)
    for i, track in enumerate(ids):
        if track in right:
            table[i, others.index(track)] = 2.0
    return [(ids[i], others[j]) for i, j in best_pairs(table) if table[i, j] >= _SAME]


def to_rename(project: Project, a: int, b: int) -> Rename | None:
    """How to make tracks ``a`` and ``b`` one; None where a human's work or a frame with both forbids it."""
    frames_a, frames_b = project.track_frames(a), project.track_frames(b)
    if a == b or np.intersect1d(frames_a, frames_b).size:
        return None
    free = [track for track, frames in ((a, frames_a), (b, frames_b)) if _only_predicted(project, track, frames)]
    if not free:
        return None
    # The younger id goes, unless a human's work hangs on it.
    old = max(free)
    new = b if old == a else a
    return Rename(old, new, [int(f) for f in project.track_frames(old)])


def _only_predicted(project: Project, track: int, frames: np.ndarray) -> bool:
    if project.fact("track_name", track) is not None:
        return False
    poses = (project.poses(int(frame)).get(track) for frame in frames)
    return not any(pose is not None and is_human(pose) for pose in poses)


class Rename:
    """A predicted track that gets another id, frame by frame so that it can be interrupted."""

    def __init__(self, old: int, new: int, frames: list[int]) -> None:
        self.old, self.new, self.frames = old, new, frames

    def step(self, project: Project, count: int = 20) -> bool:
        """Rename in up to ``count`` more frames; True while there are frames left."""
        for _ in range(min(count, len(self.frames))):
            frame = self.frames.pop()
            poses = dict(project.poses(frame))
            pose = poses.get(self.old)
            if pose is None or self.new in poses or is_human(pose):
                continue
            del poses[self.old]
            poses = {track: p for track, p in poses.items() if not is_human(p)}
            project.store_predictions(frame, {**poses, self.new: pose}, drop_missing=True)
        return bool(self.frames)


class Joining:
    """People of a project who turned out to have two ids, made one in small steps. For one thread."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._alike: list[tuple[int, int]] = []
        self._renaming: Rename | None = None

    def meet(self, frame: int, other: int) -> None:
        """Where a frame meets a stretch that was predicted before, note who has one id here and another one there.

        ``other`` is a frame next to it; it may lie beyond an end of the video, or not be predicted.
        """
        predicted = self._project.predicted_frames()
        if 0 <= other < len(predicted) and predicted[other]:
            pairs = same_people(self._project.poses(frame), self._project.poses(other))
            self._alike += [(a, b) for a, b in pairs if a != b]

    def step(self) -> bool:
        """One step of making one person of two ids; False when there are none. After True, whoever knows ids knows old ones."""
        if self._renaming is None:
            if not self._alike:
                return False
            self._renaming = to_rename(self._project, *self._alike.pop())
        rename = self._renaming
        if rename is not None and not rename.step(self._project):
            self._alike = [tuple(rename.new if t == rename.old else t for t in pair) for pair in self._alike]  # type: ignore[misc]
            self._renaming = None
        return True
