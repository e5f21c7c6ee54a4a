"""What of a project a model can learn from, and what it is measured on: poses that a human reviewed, split by time."""

from __future__ import annotations

from dataclasses import dataclass, fields
from hashlib import sha256
from pathlib import Path

import numpy as np

from app.inference.people import box_of
from app.labels import codec
from app.labels.pose import Pose, Provenance, Visibility
from app.labels.project import Project
from glsmamba.data.skeletons import POSETRACK15, joint_map
from glsmamba.data.words import counted

__all__ = ["ACCEPTED", "NEEDED", "Examples", "TooFewError", "gather", "trusted"]

#: So many reviewed frames are needed: with fewer nothing is left to measure on.
NEEDED = 10
#: How much a joint counts that a human placed, and one that a human saw and left where it was.
PLACED, ACCEPTED = 1.0, 0.5
#: Share of the frames that are kept for measuring, the last ones, and the least number of them.
_HELD_OUT, _HELD_OUT_LEAST = 0.2, 3
#: Frames nearer to those than this are not learnt from, so that no window of five frames is on both sides.
_APART = 5
#: Poses that are used at most; of more, every so-manieth.
_MOST = 400
_LEAST_JOINTS = 3


class TooFewError(ValueError):
    """Too little was reviewed to learn from it, in one sentence."""


@dataclass(frozen=True, eq=False)
class Examples:
    """Poses in order of time.

    Attributes:
        frames, tracks: (n,) int64, whose.
        boxes: (n, 4) x, y, width, height of the person in pixels of the frame.
        points: (n, 15, 2) in the order of ``POSETRACK15``, pixels of the frame; 0 where unknown.
        known: (n, 15) bool.
        trust: (n, 15) float32, how much each known joint counts: :data:`PLACED` or :data:`ACCEPTED`.
        held_out: (n,) bool: for measuring only.
    """

    frames: np.ndarray
    tracks: np.ndarray
    boxes: np.ndarray
    points: np.ndarray
    known: np.ndarray
    trust: np.ndarray
    held_out: np.ndarray

    @property
    def words(self) -> str:
        """One sentence that says what is learnt from and what it is measured on."""
        learn, held = ~self.held_out, self.held_out
        placed = int((self.known[learn] & (self.trust[learn] >= PLACED)).sum())
        joints = int(self.known[learn].sum())
        first = int(self.frames[held].min())
        return (
            f"It learns from {_counted(self.frames[learn], 'reviewed frame')} between {self.frames[learn].min()} and "
            f"{self.frames[learn].max()} ({joints} joints, {placed} of them placed by you) and is measured on the "
            f"{_counted(self.frames[held], 'reviewed frame')} from {first} on ({int(self.known[held].sum())} joints), "
            "which it does not learn from."
        )

    @property
    def digest(self) -> str:
        """The same for the same examples."""
        found = sha256()
        for field in fields(self):
            found.update(np.ascontiguousarray(getattr(self, field.name)).tobytes())
        return found.hexdigest()

    def save(self, path: Path) -> None:
        """Write them to an ``.npz`` file."""
        np.savez_compressed(path, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: Path) -> Examples:
        """Read what :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as data:
            return cls(**{field.name: data[field.name] for field in fields(cls)})


def gather(project: Project) -> Examples:
    """What of a project can be learnt from.

    A pose counts when a human reviewed or accepted it, or placed a joint of it. Joints that a human placed count fully. Other
    joints count half where the pose was reviewed or accepted, and not at all where it was not: nobody has said that they are
    right. Absent joints are left out. The last fifth of the frames, by time, is held out to measure on.

    Raises:
        TooFewError: fewer than :data:`NEEDED` frames have such a pose.
    """
    index = joint_map(project.skeleton, POSETRACK15)
    frames, tracks, boxes, points, known, trust = [], [], [], [], [], []
    wanted = np.zeros(project.n_frames, bool)
    for track in project.tracks():
        flags = project.track_flags(track)
        figure = flags & codec.FIGURE
        wanted |= (figure == 2) | (figure == 3) | ((flags & codec.REVIEWED != 0) & (figure > 0))
    for frame in np.flatnonzero(wanted).tolist():
        for track, pose in project.poses(frame).items():
            box, weight = box_of(pose), trusted(pose)[np.maximum(index, 0)] * (index >= 0)
            if box is None or box[2] <= 0 or box[3] <= 0 or (weight > 0).sum() < _LEAST_JOINTS:
                continue
            frames.append(frame)
            tracks.append(track)
            boxes.append(box)
            points.append(np.where((weight > 0)[:, None], pose.keypoints[np.maximum(index, 0)], 0.0))
            known.append(weight > 0)
            trust.append(weight)
    there = np.unique(np.array(frames, np.int64))
    if len(there) < NEEDED:
        raise TooFewError(
            f"Improving the model needs at least {NEEDED} frames with a pose that you corrected, accepted or reviewed "
            f"({_LEAST_JOINTS} joints or more); this project has {len(there)}."
        )
    held, learnt = _split(there)
    at = np.array(frames, np.int64)
    kept = np.flatnonzero(np.isin(at, held) | np.isin(at, learnt))
    if len(kept) > _MOST:
        kept = kept[np.linspace(0, len(kept) - 1, _MOST).round().astype(int)]
    return Examples(
        at[kept], np.array(tracks, np.int64)[kept], np.array(boxes, np.float64)[kept], np.stack(points)[kept],
        np.stack(known)[kept], np.stack(trust)[kept].astype(np.float32), np.isin(at[kept], held),
    )  # fmt: skip


def trusted(pose: Pose) -> np.ndarray:
    """(K,) how much each joint counts; 0 for those that are absent or that nobody looked at."""
    left = ACCEPTED if pose.looked_at else 0.0
    return np.where(pose.provenance == Provenance.HUMAN, PLACED, left) * (pose.visibility != Visibility.ABSENT)


def _split(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(held out, to learn from) of frames in order. The gap between costs at most a quarter of what could be learnt from."""
    count = max(round(_HELD_OUT * len(frames)), _HELD_OUT_LEAST)
    held, learnt = frames[-count:], frames[:-count]
    near = min(int((learnt > held[0] - _APART).sum()), len(learnt) // 4)
    return held, learnt[: len(learnt) - near]


def _counted(frames: np.ndarray, word: str) -> str:
    return counted(len(np.unique(frames)), word)
