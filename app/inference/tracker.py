"""Who is who from frame to frame: ids that survive crossings and short disappearances.

Association in two stages by score as in ByteTrack (Zhang et al., ECCV 2022), with three kinds of evidence: the overlap with the
box that a Kalman filter expects, the likeness of the pose to the one carried on, and the colours of the upper body. Where
the detector misses somebody the tracker proposes the expected box; the pose found in it decides whether the person is
still there. Frames can be visited forward or backward and with gaps.

Why not a library: ``boxmot`` is AGPL, ``trackers`` and ``supervision`` bring a second OpenCV with its own Qt, ``norfair``
knows neither poses nor fixed ids; and none lets an annotator's box keep the id that a person gave it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

import numpy as np

from app.inference.assignment import best_pairs
from app.inference.detector import Detection, iou_matrix
from app.inference.motion import BoxMotion
from app.inference.similarity import appearance, appearance_similarity, carried_box, pose_similarity, share_inside
from glsmamba.data.records import Box

__all__ = ["Candidate", "Tracked", "Tracker", "TrackerSettings"]


@dataclass(frozen=True)
class TrackerSettings:
    """Thresholds. Scores and similarities lie in [0, 1]; durations are in frames.

    Attributes:
        high: detections from here on are matched first and may begin a new person.
        low: weaker detections down to here count only where a person is expected.
        coast: how long a person is followed by the pose alone without being detected.
        memory: how long somebody who disappeared is remembered.
        pose_present: a person whom the detector missed counts as present from this part of the mean joint score that they
            had when they were detected.
        pose_new: mean score of the pose below which a detection does not begin a new person.
        pose_inside: share of the sure joints that must lie in the box; a pose that reaches out of it belongs to a neighbour.
        sure_match: likeness from which somebody seen a moment ago is recognised before those who have been away are considered.
    """

    high: float = 0.3
    low: float = 0.15
    coast: int = 20
    memory: int = 90
    pose_present: float = 0.75
    pose_new: float = 0.12
    pose_inside: float = 0.6
    sure_match: float = 0.3


@dataclass(frozen=True, eq=False)
class Candidate:
    """A box in which a person may be.

    Attributes:
        box: x, y, w, h in pixels.
        score: the detector's, or 0 for a box that the tracker expects.
        track: the id when it is already certain (an annotator's person, or the person who is expected here), else None.
        pinned: True for an annotator's person: kept whatever the evidence.
        keypoints: (15, 2) once predicted.
        keypoint_scores: (15,) once predicted.
        probabilities, spreads, disagreements: (15,) what the model says of its own doubt (see :class:`Pose`); only carried
            along here.
    """

    box: Box
    score: float
    track: int | None = None
    pinned: bool = False
    keypoints: np.ndarray | None = None
    keypoint_scores: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    spreads: np.ndarray | None = None
    disagreements: np.ndarray | None = None

    def with_pose(
        self,
        keypoints: np.ndarray,
        scores: np.ndarray,
        probabilities: np.ndarray | None = None,
        spreads: np.ndarray | None = None,
        disagreements: np.ndarray | None = None,
    ) -> Candidate:
        """A copy that knows its pose."""
        return replace(
            self, keypoints=np.asarray(keypoints, np.float64), keypoint_scores=np.asarray(scores, np.float64),
            probabilities=probabilities, spreads=spreads, disagreements=disagreements,
        )  # fmt: skip

    @property
    def pose_score(self) -> float | None:
        """Mean score of the joints; None without a pose."""
        return None if self.keypoint_scores is None else float(self.keypoint_scores.mean())


@dataclass(frozen=True, eq=False)
class Tracked:
    """One person of a frame: the id, the smoothed box, and the candidate it was recognised in."""

    track: int
    box: Box
    candidate: Candidate


@dataclass(eq=False)
class _Track:
    id: int
    motion: BoxMotion
    frame: int
    keypoints: np.ndarray | None = None
    scores: np.ndarray | None = None
    look: np.ndarray | None = None
    pose_score: float | None = None
    undetected: int = 0
    hits: int = 1
    expected: BoxMotion = field(init=False)

    def __post_init__(self) -> None:
        self.expected = self.motion

    def expect(self, frame: int) -> None:
        self.expected = self.motion.predicted(abs(frame - self.frame))

    def expected_pose(self) -> np.ndarray | None:
        if self.keypoints is None:
            return None
        return self.keypoints + (self.expected.value[:2] - self.motion.value[:2])


class Tracker:
    """Follows people through frames visited one after the other in either direction. Not thread-safe.

    For each frame: :meth:`propose` says in which boxes to look for a pose, :meth:`update` takes the candidates with their poses
    and names them.

    Args:
        new_id: gives the id of a new person; by default 0, 1, 2 ...
        settings: thresholds.
    """

    def __init__(self, new_id: Callable[[], int] | None = None, settings: TrackerSettings | None = None) -> None:
        self.settings = settings or TrackerSettings()
        self._new_id = new_id or count().__next__
        self._tracks: list[_Track] = []
        self.frame: int | None = None

    def seed(self, frame: int, people: Mapping[int, Candidate], picture: np.ndarray | None = None) -> None:
        """Take over people already named in ``frame``; several frames in order of travel give velocities."""
        self.update(frame, [replace(person, track=track, pinned=True) for track, person in people.items()], picture)

    def propose(
        self, frame: int, detections: Sequence[Detection] | None, pinned: Mapping[int, Candidate] | None = None
    ) -> list[Candidate]:
        """Boxes worth a look in ``frame``.

        Args:
            frame: frame number; the distance to the last one tells how far people may have moved.
            detections: the detector's, or None if it was not run on this frame: everybody is then followed by their pose.
            pinned: people whom an annotator placed in this frame, by id.
        """
        for track in self._tracks:
            track.expect(frame)
        pinned = pinned or {}
        fixed = [replace(person, track=track, pinned=True) for track, person in pinned.items()]
        self._hand_over(fixed)
        following = [t for t in self._tracks if self._followed(t, frame) and t.id not in pinned]
        expected = np.array([t.expected.box for t in following]).reshape(-1, 4)
        found: list[Candidate] = []
        if detections:
            boxes = np.array([d.box for d in detections])
            doubled = _highest(iou_matrix(boxes, np.array([p.box for p in fixed]).reshape(-1, 4)))
            near = _highest(iou_matrix(boxes, expected))
            for d, same, by in zip(detections, doubled, near, strict=True):
                if same < 0.5 and (d.score >= self.settings.high or (d.score >= self.settings.low and by >= 0.35)):
                    found.append(Candidate(d.box, d.score))
        covered = _highest(iou_matrix(expected, np.array([c.box for c in found]).reshape(-1, 4)))
        missed = [Candidate(t.expected.box, 0.0, track=t.id) for t, by in zip(following, covered, strict=True) if by < 0.5]
        return fixed + found + missed

    def _followed(self, track: _Track, frame: int) -> bool:
        return abs(frame - track.frame) <= 2 and track.undetected < self.settings.coast

    def update(
        self, frame: int, candidates: Sequence[Candidate], picture: np.ndarray | None = None, detected: bool = True
    ) -> list[Tracked]:
        """Name the people of ``frame``.

        Args:
            frame: frame number.
            candidates: what :meth:`propose` gave, with poses where there are any.
            picture: (H, W, 3) uint8 RGB of the frame, for the colours; None does without.
            detected: False when the detector was not run on this frame, so that nobody counts as missed by it.
        """
        self.frame = frame
        self._tracks = [t for t in self._tracks if abs(frame - t.frame) <= self.settings.memory]
        for track in self._tracks:
            track.expect(frame)
        looks = [None if picture is None else appearance(picture, c.box, c.keypoints, c.keypoint_scores) for c in candidates]
        named: dict[int, int] = {}  # index of candidate -> track id
        taken: set[int] = set()
        for i, c in enumerate(candidates):
            if c.pinned and c.track is not None:
                named[i] = c.track
                taken.add(c.track)
        self._hand_over([c for c in candidates if c.pinned])
        alike = self._duplicates(candidates, named)
        strong = [i for i, c in enumerate(candidates) if c.track is None and c.score >= self.settings.high and i not in alike]
        weak = [
            i
            for i, c in enumerate(candidates)
            if c.track is None and c.score < self.settings.high and i not in alike and self._in_its_box(c)
        ]
        # The best sum of all pairs at once would give a person in full view to one who has been away, so that the leftover
        # scrap of a box finds somebody too. So those seen a moment ago come first, then everybody, then the weak detections.
        rounds = ((strong, 2, 0.0, self.settings.sure_match), (strong, self.settings.memory, 0.0, 0.0), (weak, 2, 0.35, 0.0))
        for chosen, away, floor, least in rounds:
            free = [t for t in self._tracks if t.id not in taken and abs(frame - t.frame) <= away]
            open_ = [i for i in chosen if i not in named]
            for i, track in self._assign(frame, open_, candidates, looks, free, floor, least):
                named[i] = track.id
                taken.add(track.id)
        for i in strong:
            if i not in named and self._may_begin(candidates[i]):
                named[i] = self._new_id()
                taken.add(named[i])
        kept = list(named)
        for i, c in enumerate(candidates):
            expected = c.track is not None and not c.pinned and c.track not in taken and i not in alike
            if expected and self._still_there(frame, c, i, candidates, kept):
                assert c.track is not None
                named[i] = c.track
                taken.add(c.track)
                kept.append(i)
        boxes = np.array([candidates[i].box for i in named]).reshape(-1, 4)
        crowding = iou_matrix(boxes, boxes) - np.eye(len(boxes)) if len(boxes) else np.zeros((0, 0))
        return [
            self._learn(frame, named[i], candidates[i], looks[i], float(crowding[n].max(initial=0)), detected)
            for n, i in enumerate(named)
        ]

    def _hand_over(self, pinned: Sequence[Candidate]) -> None:
        """Where an annotator's person stands in the place of somebody who was followed under another id, they are the same."""
        ids = {c.track for c in pinned}
        for c in pinned:
            others = [t for t in self._tracks if t.id not in ids]
            overlaps = iou_matrix(np.array([c.box]), np.array([t.expected.box for t in others]).reshape(-1, 4))[0]
            if not len(overlaps) or overlaps.max() < 0.5 or c.track is None:
                continue
            followed = others[int(overlaps.argmax())]
            known = next((t for t in self._tracks if t.id == c.track), None)
            if known is None or followed.frame != known.frame:  # somebody seen beside them is somebody else
                self._tracks = [t for t in self._tracks if t is not known]
                followed.id = c.track

    def _duplicates(self, candidates: Sequence[Candidate], pinned: Mapping[int, int]) -> set[int]:
        """Candidates whose pose or head is that of a better candidate: two boxes on one person."""
        order = sorted(range(len(candidates)), key=lambda i: (i not in pinned, -candidates[i].score))
        kept: list[int] = []
        dropped: set[int] = set()
        for i in order:
            c = candidates[i]
            if i in pinned or not any(_same_pose(c, candidates[j]) or _same_head(c.box, candidates[j].box) for j in kept):
                kept.append(i)
            else:
                dropped.add(i)
        return dropped

    def _may_begin(self, candidate: Candidate) -> bool:
        score = candidate.pose_score
        return score is None or (score >= self.settings.pose_new and self._in_its_box(candidate))

    def _in_its_box(self, c: Candidate) -> bool:
        """False when the pose found in a box is that of somebody beside it, as in a box on half of a hidden person."""
        if c.keypoints is None or c.keypoint_scores is None:
            return True
        share = share_inside(c.keypoints, c.keypoint_scores, c.box)
        return share is None or share >= self.settings.pose_inside

    def _still_there(self, frame: int, c: Candidate, i: int, candidates: Sequence[Candidate], kept: Sequence[int]) -> bool:
        """Whether the pose found in an expected box shows that the undetected person is in it."""
        track = next((t for t in self._tracks if t.id == c.track), None)
        before = None if track is None else track.expected_pose()
        if track is None or before is None or track.scores is None or c.keypoints is None or c.keypoint_scores is None:
            return False
        if float(c.keypoint_scores.mean()) < self.settings.pose_present * (track.pose_score or 0.0) or not self._in_its_box(c):
            return False
        area = c.box[2] * c.box[3]
        slack = 1.5 + 0.2 * abs(frame - track.frame)
        alike = pose_similarity(before, track.scores, c.keypoints, c.keypoint_scores, area, slack)
        others = np.array([candidates[j].box for j in kept if j != i]).reshape(-1, 4)
        return alike is not None and alike >= 0.4 and bool(_highest(iou_matrix(np.array([c.box]), others))[0] < 0.8)

    def _assign(
        self, frame: int, chosen: Sequence[int], candidates: Sequence[Candidate], looks: Sequence[np.ndarray | None],
        tracks: Sequence[_Track], floor: float, least: float,
    ) -> list[tuple[int, _Track]]:  # fmt: skip
        """The best pairs of candidates and tracks taken together; pairs less alike than ``least`` stay apart."""
        if not chosen or not tracks:
            return []
        likeness = np.full((len(chosen), len(tracks)), -1.0)
        overlaps = iou_matrix(np.array([candidates[i].box for i in chosen]), np.array([t.expected.box for t in tracks]))
        for a, i in enumerate(chosen):
            for b, track in enumerate(tracks):
                likeness[a, b] = self._likeness(frame, candidates[i], looks[i], track, float(overlaps[a, b]), floor)
        return [(chosen[a], tracks[b]) for a, b in best_pairs(np.maximum(likeness, 0)) if likeness[a, b] > least]

    def _likeness(
        self, frame: int, c: Candidate, look: np.ndarray | None, track: _Track, overlap: float, floor: float
    ) -> float:
        """In (0, 1]; -1 where the two can't be the same person."""
        gap = abs(frame - track.frame)
        expected = track.expected.box
        area = expected[2] * expected[3]
        pose = None
        before = track.expected_pose()
        if before is not None and track.scores is not None and c.keypoints is not None and c.keypoint_scores is not None:
            pose = pose_similarity(before, track.scores, c.keypoints, c.keypoint_scores, area, slack=1.5 + 0.2 * min(gap, 10))
        geometry = overlap if pose is None else 0.5 * overlap + 0.5 * pose
        colours = None if look is None or track.look is None else appearance_similarity(look, track.look)
        if geometry < max(floor, 0.1):
            # Out of reach of the motion model: only a good likeness of colours within walking distance is believed.
            if floor or colours is None or colours < 0.75 or not _within_reach(c.box, expected, gap):
                return -1.0
            return 0.3 * colours
        if gap > 2 and not 0.6 < c.box[3] / max(expected[3], 1e-6) < 1.67:
            return -1.0
        if gap > 10 and colours is not None and colours < 0.5:
            return -1.0
        # Somebody seen a moment ago goes before somebody who has been away.
        fresh = 0.05 * (gap <= 2)
        return (geometry if colours is None else 0.7 * geometry + 0.3 * colours) + fresh

    def _learn(self, frame: int, id_: int, c: Candidate, look: np.ndarray | None, crowding: float, detected: bool) -> Tracked:
        track = next((t for t in self._tracks if t.id == id_), None)
        seen = c.score > 0 or c.pinned
        box = c.box
        if track is None:
            track = _Track(id_, BoxMotion.start(box), frame)
            self._tracks.append(track)
        else:
            if not seen and c.keypoints is not None and c.keypoint_scores is not None and track.keypoints is not None:
                box = carried_box(track.motion.box, track.keypoints, c.keypoints, c.keypoint_scores)
            track.motion = track.expected.corrected(box, trust=1.0 if seen else 0.7)
            track.hits += 1
        track.frame = frame
        track.expected = track.motion
        track.undetected = 0 if seen else track.undetected + int(detected)
        if c.keypoints is not None:
            track.keypoints, track.scores = c.keypoints, c.keypoint_scores
            if seen and c.pose_score is not None:
                track.pose_score = c.pose_score if track.pose_score is None else 0.9 * track.pose_score + 0.1 * c.pose_score
        if look is not None and crowding < 0.3:
            track.look = look if track.look is None else _blend(track.look, look, 0.15)
        elif track.look is None:
            track.look = look
        # An annotator's box is the box; everybody else's is smoothed, so that crops don't jitter.
        return Tracked(id_, c.box if c.pinned else track.motion.box, c)


def _same_pose(a: Candidate, b: Candidate) -> bool:
    if a.keypoints is None or b.keypoints is None or a.keypoint_scores is None or b.keypoint_scores is None:
        return False
    area = min(a.box[2] * a.box[3], b.box[2] * b.box[3])
    alike = pose_similarity(a.keypoints, a.keypoint_scores, b.keypoints, b.keypoint_scores, area)
    return alike is not None and alike > 0.7


def _same_head(a: Box, b: Box) -> bool:
    """Whether two boxes begin at the same head: somebody's upper half and the whole of them."""
    aside = abs(a[0] + a[2] / 2 - b[0] - b[2] / 2)
    narrow, wide = sorted((a[2], b[2]))
    return aside < 0.25 * narrow and wide < 1.67 * narrow and abs(a[1] - b[1]) < 0.12 * min(a[3], b[3])


def _highest(table: np.ndarray) -> np.ndarray:
    """(N,) best value of each row; 0 where there are no columns."""
    return table.max(axis=1, initial=0.0)


def _within_reach(box: Box, expected: Box, gap: int) -> bool:
    away = np.hypot(box[0] + box[2] / 2 - expected[0] - expected[2] / 2, box[1] + box[3] / 2 - expected[1] - expected[3] / 2)
    taller = box[3] / max(expected[3], 1e-6)
    return bool(away < expected[3] * min(0.5 + 0.08 * gap, 2.0) and 0.6 < taller < 1.67)


def _blend(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    """Mean of two histograms given by their square roots."""
    return np.sqrt((1 - share) * a**2 + share * b**2).astype(np.float32)
