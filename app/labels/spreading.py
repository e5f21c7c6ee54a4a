"""A correction spreads: what a human said of joints in a few frames is carried into the frames between and beside them.

:func:`plan` says what would become of which frames and changes nothing; :func:`refined` moves the planned places to the model's
own peaks near them; :func:`spread` makes the one edit of it. Only joints that a human placed are spread; a human's, an
imported, an accepted or a reviewed keypoint is never touched.

:func:`mended` makes such a plan without any correction: where a joint leaps away and comes back, where sides are exchanged for
a while, where a person is lost for some frames.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from app.labels.changes import Change, Edit
from app.labels.making import frames_words
from app.labels.paths import JointPath, fill
from app.labels.pose import Pose, Provenance, Visibility
from app.labels.project import Project
from glsmamba.data.problems import head_segment
from glsmamba.data.records import Box
from glsmamba.data.skeletons import Skeleton, joint_words

__all__ = ["REACH", "Peaks", "Plan", "head_size", "mended", "plan", "refined", "spread"]

#: Frames that a correction reaches on each side where no other one lies nearer.
REACH = 60
#: A person who is away for more frames than this was not lost but gone: such gaps are not filled.
GAP = 30
#: Head sizes within which the model's peak nearest to the planned place is taken.
NEAR = 0.35
#: PCKh's head size is this share of the distance from head bottom to head top, or of the longer side of a person's box.
_OF_HEAD, _OF_BOX = 0.6 / 0.7, 0.11
#: Without a human's word a joint has to leap so many head sizes away before it is put back: people do move.
_LEAP = 0.5
_TRUSTED = (Provenance.HUMAN, Provenance.IMPORTED)

#: Peaks of a joint's heat map: (N, 2) pixels of the frame, and their (N,) values.
Peaks = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Plan:
    """What spreading would do to one person.

    Attributes:
        track: the person.
        joints: the joints that a human placed, by number; of a plan that mends, those that it changes.
        before: frame -> pose as it was when the plan was made; None where the person is missing.
        after: frame -> pose as it would be, for the same frames.
        places: (frame, joint) of every keypoint that gets another place.
        guessed: those of them that are interpolated so far that they may be far off, and those of a gap.
        size: head size in pixels.
        mends: no correction was spread: the plan is :func:`mended`'s.
    """

    track: int
    joints: tuple[int, ...]
    before: Mapping[int, Pose | None] = field(default_factory=dict)
    after: Mapping[int, Pose] = field(default_factory=dict)
    places: frozenset[tuple[int, int]] = frozenset()
    guessed: frozenset[tuple[int, int]] = frozenset()
    size: float = 1.0
    mends: bool = False

    def __bool__(self) -> bool:
        return bool(self.after)

    @property
    def frames(self) -> tuple[int, ...]:
        """Frames that would change, ascending."""
        return tuple(sorted(self.after))


def plan(
    project: Project,
    track: int,
    frames: Iterable[int] | Mapping[int, Collection[int] | None],
    reach: int = REACH,
    believe: bool = True,
) -> Plan:
    """What it would do to spread the corrections that a human made to a person in ``frames``.

    With a mapping from frames to joints only these joints are spread from there, as far as a human placed them; else (and for
    None) all that a human placed in the frame.

    Between a correction and the nearest other one of the same joint all that the model does not say well is filled in; where
    there is no other, the frames outward as far as the model goes on being wrong, ``reach`` at most. A frame in which the
    person is missing counts as a correction of the whole gap.

    With ``believe`` False the model is not asked: all between two corrections is interpolated, and nothing beyond them.
    """
    corrected: Mapping[int, Collection[int] | None] = frames if isinstance(frames, Mapping) else dict.fromkeys(frames)
    centres = sorted(corrected)
    if not centres:
        return Plan(track, ())
    window = _Window(project, track, max(centres[0] - reach, 0), min(centres[-1] + reach, project.n_frames - 1))
    if not believe:
        window.told[:] = False
    return window.planned({frame - window.first: corrected[frame] for frame in centres})


def mended(project: Project, track: int, first: int, last: int) -> Plan:
    """What it would do to repair a person's path in the frames ``first`` to ``last``, as far as the path itself tells.

    Every joint's frames are told apart as :func:`app.labels.paths.fill` does around corrections, but without one: stretches in
    which it leaps away by half a head or more and comes back are interpolated, arms and legs that go on better in their mirror
    are exchanged where both sides say so, gaps of up to 30 frames are filled.
    """
    return _Window(project, track, max(first, 0), min(last, project.n_frames - 1)).mended()


def refined(planned: Plan, peaks: Mapping[int, Mapping[int, Peaks]], near: float = NEAR) -> Plan:
    """The plan with its guessed places moved to the model's peaks: of each joint the peak nearest to the planned place.

    Other places stay: interpolated over few frames, or with the model's word in them already, they are nearer to the truth
    than its peaks (measured on a clip: taking peaks there too raised the corrections still needed by half).

    Args:
        planned: the plan.
        peaks: frame -> joint -> peaks of the heat map.
        near: head sizes; where no peak is as near as that the planned place stays.
    """
    after = dict(planned.after)
    for frame, of_joints in peaks.items():
        pose = after.get(frame)
        if pose is None:
            continue
        places, scores, origin = pose.keypoints.copy(), pose.scores.copy(), pose.provenance.copy()
        for joint, (where, values) in of_joints.items():
            if (frame, joint) not in planned.guessed or len(where) == 0:
                continue
            away = np.linalg.norm(where - places[joint], axis=1)
            best = int(away.argmin())
            if away[best] <= near * planned.size:
                places[joint], origin[joint] = where[best], Provenance.REFINED
                scores[joint] = float(np.clip(values[best], 0.0, 1.0))
        after[frame] = pose.with_(keypoints=places, scores=scores, provenance=origin)
    return replace(planned, after=after)


def spread(project: Project, planned: Plan) -> Edit:
    """The edit of a plan. Keypoints that changed since it was made are left as they are now."""
    changes = []
    for frame in planned.frames:
        now, before, after = project.pose(frame, planned.track), planned.before[frame], planned.after[frame]
        if now is None and before is None:
            if planned.track not in project.deleted(frame):
                changes.append(Change(frame, planned.track, None, after))
            continue
        if now is None or before is None or now.looked_at:
            continue
        which = np.zeros(len(now.keypoints), bool)
        which[[joint for f, joint in planned.places if f == frame]] = True
        which &= (now.keypoints == before.keypoints).all(axis=1) & (now.provenance == before.provenance)
        if which.any():
            changes.append(Change(frame, planned.track, now, _with_joints(now, after, which)))
    if not changes:
        return Edit("")
    return Edit(_title(project, planned, [change.frame for change in changes]), tuple(changes))


def head_size(pose: Pose, skeleton: Skeleton) -> float:
    """PCKh's head size of a person in pixels, from the head's joints, else the box, else the joints' extent; 0 if unknown.

    A guess for distances within which things are looked for, not for measuring errors.
    """
    there = pose.visibility != Visibility.ABSENT
    segment = head_segment(pose.keypoints, there, skeleton)
    if segment is not None:
        return _OF_HEAD * float(np.linalg.norm(segment[0] - segment[1]))
    if pose.box is not None:
        return _OF_BOX * max(pose.box[2:])
    points = pose.keypoints[there]
    return _OF_BOX * float((points.max(axis=0) - points.min(axis=0)).max()) if len(points) else 0.0


def _title(project: Project, planned: Plan, frames: list[int]) -> str:
    if planned.mends:
        return f"Mend jumps of {project.track_name(planned.track)} {frames_words(frames)}"
    what = joint_words(project.skeleton.joints[planned.joints[0]]) if len(planned.joints) == 1 else "corrections"
    if not planned.joints:
        return f"Fill the gap of {project.track_name(planned.track)} {frames_words(frames)}"
    return f"Spread {what} of {project.track_name(planned.track)} {frames_words(frames)}"


def _with_joints(pose: Pose, source: Pose, which: np.ndarray) -> Pose:
    """``pose`` with the joints of the mask taken from ``source``."""
    return pose.with_(
        keypoints=np.where(which[:, None], source.keypoints, pose.keypoints),
        visibility=np.where(which, source.visibility, pose.visibility),
        scores=np.where(which, source.scores, pose.scores),
        provenance=np.where(which, source.provenance, pose.provenance),
        reviewed=False,
    )


class _Window:
    """A person over the frames that a plan looks at, as arrays by frame and joint."""

    def __init__(self, project: Project, track: int, first: int, last: int) -> None:
        self.track, self.first = track, first
        self.poses = [project.pose(frame, track) for frame in range(first, last + 1)]
        self.flip = project.skeleton.flip
        n, k = len(self.poses), len(project.skeleton)
        self.places, self.said, self.scores = np.zeros((n, k, 2)), np.full((n, k, 2), np.nan), np.zeros((n, k))
        self.visibility, self.origin = np.zeros((n, k), np.uint8), np.zeros((n, k), np.uint8)
        self.looked_at = np.zeros(n, bool)
        self.here = np.array([pose is not None for pose in self.poses])
        for i, pose in enumerate(self.poses):
            if pose is not None:
                self.places[i], self.said[i], self.scores[i] = pose.keypoints, pose.model_places, pose.scores
                self.visibility[i], self.origin[i] = pose.visibility, pose.provenance
                self.looked_at[i] = pose.looked_at
        present = self.visibility != Visibility.ABSENT
        trusted = np.isin(self.origin, _TRUSTED) | self.looked_at[:, None]
        self.human = (self.origin == Provenance.HUMAN) & present
        self.fixed = trusted & present
        self.told = ~np.isnan(self.said).any(axis=-1)
        self.said[~self.told] = 0.0
        gap = self._gaps()
        gap[[f - first for f in range(first, last + 1) if track in project.deleted(f)]] = False
        self.gap = gap
        self.free = (self.here[:, None] & ~trusted) | gap[:, None]
        sizes = [s for pose in self.poses if pose is not None and (s := head_size(pose, project.skeleton)) > 0]
        self.size = float(np.median(sizes)) if sizes else 1.0

    def _gaps(self) -> np.ndarray:
        """(n,) bool: frames in which the person is missing for a while."""
        out = np.zeros(len(self.here), bool)
        frames = np.flatnonzero(self.here)
        for a, b in pairwise(frames.tolist()):
            out[a + 1 : b] = b - a - 1 <= GAP
        return out

    def planned(self, corrected: Mapping[int, Collection[int] | None]) -> Plan:
        """The plan around the corrections of these frames (ascending): of these joints, None for all that a human placed."""
        n, k = self.visibility.shape
        centres = list(corrected)
        placed = np.zeros((n, k), bool)
        for c, joints in corrected.items():
            placed[c] = self.human[c] & (True if joints is None else np.isin(np.arange(k), list(joints)))
        wanted, guessed = np.zeros((n, k), bool), np.zeros((n, k), bool)
        places, scores, visibility = self.places.copy(), self.scores.copy(), self.visibility.copy()
        touched = [int(j) for j in np.flatnonzero(placed.any(axis=0))]
        for j in touched:
            own = np.flatnonzero(placed[:, j])
            m = int(self.flip[j])
            found = fill(self._path(j), own)
            take = self.free[found.frames, j] & ~wanted[found.frames, j]
            rows = (found.frames, found.places, found.mirrored, found.guessed, found.ends)
            for i, place, mirrored, guess, ends in zip(*(row[take] for row in rows), strict=True):
                guessed[i, j] = guess
                wanted[i, j] = True
                places[i, j] = place
                a, b = ends.tolist()
                share = 0.0 if a == b else (i - a) / (b - a)
                scores[i, j] = self.scores[a, m] if mirrored else (1 - share) * self.scores[a, j] + share * self.scores[b, j]
                hidden = not mirrored and (self.visibility[[a, b], j] == Visibility.OCCLUDED).all()
                visibility[i, j] = Visibility.OCCLUDED if hidden else Visibility.VISIBLE
                if mirrored and self.free[i, m] and not wanted[i, m] and m not in touched and self.told[i, j]:
                    wanted[i, m] = True
                    places[i, m], scores[i, m], visibility[i, m] = self.said[i, j], self.scores[i, j], self.visibility[i, j]
        opened = self.gap & wanted.any(axis=1)
        for c in centres:
            if self.gap[c]:
                opened |= self._gap_around(c)
        return self._made(wanted, guessed, places, scores, visibility, np.flatnonzero(opened), touched)

    def _path(self, j: int, alone: np.ndarray | None = None) -> JointPath:
        """The path of a joint; where ``alone`` (n,) it is not to be taken for its mirror."""
        m = int(self.flip[j])
        mirror, there = (None, None) if m == j else (self.said[:, m], self.told[:, m])
        if there is not None and alone is not None:
            there = there & ~alone
        there_now = self.visibility[:, j] != Visibility.ABSENT
        return JointPath(
            self.places[:, j], there_now, self.fixed[:, j], self.said[:, j], self.told[:, j], mirror, there, self.size
        )

    def mended(self) -> Plan:
        """The plan for all joints, no correction given."""
        n, k = self.visibility.shape
        wanted, guessed, mirrored = (np.zeros((n, k), bool) for _ in range(3))
        places, scores, visibility = self.places.copy(), self.scores.copy(), self.visibility.copy()
        if not self.told.any():
            return Plan(self.track, (), mends=True)
        stories = [fill(self._path(j), np.arange(n)) for j in range(k)]
        for j, found in enumerate(stories):
            mirrored[found.frames, j] = found.mirrored
        both = mirrored & mirrored[:, self.flip] & self.free & self.free[:, self.flip]
        for j, found in enumerate(stories):
            if (mirrored[:, j] & ~both[:, j]).any():
                found = fill(self._path(j, ~both[:, j]), np.arange(n))
            sure = ~found.mirrored | both[found.frames, j]
            wanted[found.frames, j], guessed[found.frames, j] = sure, found.guessed
            places[found.frames, j] = found.places
            ends = self.scores[found.ends, j].min(axis=1)
            scores[found.frames, j] = np.where(found.mirrored, self.scores[found.frames, self.flip[j]], ends)
        away = np.linalg.norm(places - self.places, axis=-1) >= _LEAP * self.size
        for j in range(k):
            stretches = np.split(np.arange(n), np.flatnonzero(np.diff(wanted[:, j])) + 1)
            for frames in (run for run in stretches if wanted[run[0], j]):
                own = frames[self.here[frames] & ~both[frames, j]]
                wanted[own, j] &= bool(away[own, j].any())  # a gap, or an exchange, counts whatever its size
        taken = wanted & self.free & ((self.origin == Provenance.MODEL) | self.gap[:, None])
        visibility[taken] = Visibility.VISIBLE
        touched = np.flatnonzero((taken & self.here[:, None]).any(axis=0)).tolist()
        opened = np.flatnonzero(self.gap)
        return replace(self._made(taken, guessed & taken, places, scores, visibility, opened, touched), mends=True)

    def _gap_around(self, frame: int) -> np.ndarray:
        frames = np.flatnonzero(self.here)
        after = int(np.searchsorted(frames, frame))
        out = np.zeros(len(self.here), bool)
        out[frames[after - 1] + 1 : frames[after]] = True
        return out & self.gap

    def _made(
        self,
        wanted: np.ndarray,
        guessed: np.ndarray,
        places: np.ndarray,
        scores: np.ndarray,
        visibility: np.ndarray,
        opened: np.ndarray,
        touched: list[int],
    ) -> Plan:
        before: dict[int, Pose | None] = {}
        after: dict[int, Pose] = {}
        moved: set[tuple[int, int]] = set()
        for i in opened.tolist():
            pose = self._missing(i)
            if pose is not None:
                given = wanted[i] & (visibility[i] != Visibility.ABSENT)
                source = Pose(places[i], visibility[i], scores[i], np.full(len(given), Provenance.INTERPOLATED))
                made = _with_joints(pose, source, given)
                before[self.first + i], after[self.first + i] = None, made
                moved |= {(self.first + i, int(j)) for j in np.flatnonzero(made.visibility)}
        for i in np.flatnonzero(wanted.any(axis=1) & self.here).tolist():
            pose = self.poses[i]
            assert pose is not None
            source = Pose(places[i], visibility[i], scores[i], np.full(len(wanted[i]), Provenance.INTERPOLATED))
            before[self.first + i], after[self.first + i] = pose, _with_joints(pose, source, wanted[i])
            moved |= {(self.first + i, int(j)) for j in np.flatnonzero(wanted[i])}
        open_to_peaks = {(f, j) for f, j in moved if before[f] is None or guessed[f - self.first, j]}
        return Plan(self.track, tuple(touched), before, after, frozenset(moved), frozenset(open_to_peaks), self.size)

    def _missing(self, i: int) -> Pose | None:
        """The pose between those on both sides of a gap."""
        frames = np.flatnonzero(self.here)
        at = int(np.searchsorted(frames, i))
        if not 0 < at < len(frames):
            return None
        a, b = int(frames[at - 1]), int(frames[at])
        one, other = self.poses[a], self.poses[b]
        assert one is not None and other is not None
        share = (i - a) / (b - a)
        both = (self.visibility[[a, b]] != Visibility.ABSENT).all(axis=0)
        hidden = (self.visibility[[a, b]] == Visibility.OCCLUDED).all(axis=0)
        return Pose(
            np.where(both[:, None], (1 - share) * one.keypoints + share * other.keypoints, 0.0),
            np.where(both, np.where(hidden, Visibility.OCCLUDED, Visibility.VISIBLE), Visibility.ABSENT),
            np.where(both, (1 - share) * one.scores + share * other.scores, 0.0),
            np.where(both, Provenance.INTERPOLATED, Provenance.NONE),
            box=_between(one.box, other.box, share),
            score=min(one.score, other.score),
        )


def _between(one: Box | None, other: Box | None, share: float) -> Box | None:
    if one is None or other is None:
        return None
    x, y, w, h = ((1 - share) * a + share * b for a, b in zip(one, other, strict=True))
    return (x, y, w, h)
