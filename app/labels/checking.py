"""What an evaluator would stumble over in a project, found without writing a file and kept up to date as labels change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations

import numpy as np

from app.labels.codec import DELETED, FIGURE
from app.labels.project import Project
from app.labels.span import Span
from glsmamba.data.problems import ODD_BONE, Problem, bone_lengths, outside
from glsmamba.data.records import Visibility
from glsmamba.data.skeletons import bone_words, joint_words

__all__ = ["GAP", "MOST", "Findings", "find_problems"]

#: A person who is away for at most so many frames was probably lost, not gone.
GAP = 30
#: More findings than anyone reads; the list stops there.
MOST = 5000
#: Joints of two people that lie this near on average, in parts of the person's size, are one person's.
_SAME = 0.04
#: Frames with a bone that are needed to say what is usual.
_FEW = 5
_STRIDE = 256


def find_problems(
    project: Project, progress: Callable[[float], None] | None = None, stop: Callable[[], bool] | None = None
) -> list[Problem]:
    """Problems of all people in all frames, by frame; at most ``MOST``.

    Safe to call beside the thread that edits.

    Args:
        project: what to look through.
        progress: told 0..1 now and then.
        stop: asked now and then; True ends the search with what was found.
    """
    found = Findings(project)
    for first in range(0, project.n_frames, _STRIDE):
        if stop is not None and stop():
            return found.problems()
        if progress is not None:
            progress(first / project.n_frames)
        end = min(first + _STRIDE, project.n_frames)
        found.judge(first, end, project.spans(first, end))
    for track in project.tracks():
        if stop is not None and stop():
            break
        found.judge_track(track)
    return found.problems()


class _Bones:
    """Lengths of a person's bones in parts of the person's size, by frame."""

    def __init__(self) -> None:
        self.rows: dict[int, tuple[np.ndarray, np.ndarray]] = {}  # frame -> (E,) lengths, (E,) the end to blame
        self.usual: np.ndarray | None = None
        self.changed = 0


class Findings:
    """Problems of a project: judged piece by piece where labels changed, told as a list.

    That one id is there twice in a frame is no finding: a project cannot hold that. What it can hold, two ids on one
    person, is one.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._here: dict[int, tuple[Problem, ...]] = {}  # by frame: what one frame tells
        self._gaps: dict[int, tuple[Problem, ...]] = {}  # by track
        self._odd: dict[int, tuple[Problem, ...]] = {}  # by track
        self._bones: dict[int, _Bones] = {}

    def problems(self) -> list[Problem]:
        """All findings by frame, person and joint; at most ``MOST``."""
        found = [p for part in (self._here, self._gaps, self._odd) for some in list(part.values()) for p in some]
        return sorted(found, key=_place)[:MOST]

    def judge(self, first: int, end: int, spans: Mapping[int, Span]) -> None:
        """Look at the frames from ``first`` to ``end - 1``; ``spans`` holds at least these (``Project.spans``)."""
        found: dict[int, list[Problem]] = {}
        inside = {track: _cut(span, first, end) for track, span in spans.items()}
        for track, span in inside.items():
            for problem in self._of_poses(track, span):
                found.setdefault(problem.frame or 0, []).append(problem)
            self._measure(track, first, end, span)
        for track in self._bones.keys() - inside.keys():
            self._measure(track, first, end, None)
        for problem in self._doubles(inside):
            found.setdefault(problem.frame or 0, []).append(problem)
        for frame in range(first, end):
            self._here.pop(frame, None)
        self._here.update({frame: tuple(some) for frame, some in found.items()})

    def judge_track(self, track: int) -> None:
        """Look at what only a person's whole track tells: gaps, and bones unlike the usual. After :meth:`judge`."""
        self._gaps[track] = tuple(self._find_gaps(track))
        bones = self._bones.get(track)
        if bones is not None:
            few = len(bones.rows) // 50
            if bones.usual is None or bones.changed > few:
                bones.usual, bones.changed = self._usual(bones), 0
            self._odd[track] = tuple(self._find_odd(track, bones))

    # --- of one frame --------------------------------------------------------------------------------------------------------

    def _of_poses(self, track: int, span: Span) -> Iterator[Problem]:
        project = self._project
        names, video = project.skeleton.joints, project.video
        present = span.visibility != Visibility.ABSENT
        k = present.shape[1]
        out = outside(span.keypoints.reshape(-1, 2), present.reshape(-1), video.width, video.height).reshape(-1, k)
        for row, joint in np.argwhere(out).tolist():
            name = joint_words(names[joint]).capitalize()
            yield Problem(
                "warning", "outside", f"{name} lies outside the picture; an export leaves it out.",
                int(span.frames[row]), track, joint,
            )  # fmt: skip
        somebody = present.any(1)
        for frame in span.frames[~somebody].tolist():
            yield Problem("warning", "empty", "This person has no joints here.", frame, track)
        headless = somebody & np.isnan(span.head_box[:, 0]) & ~_has_head(span, present, names)
        for frame in span.frames[headless].tolist():
            text = "No head box, and the neck or the top of the head is absent: an export must guess its size."
            yield Problem("warning", "head box", text, frame, track)

    def _doubles(self, spans: Mapping[int, Span]) -> Iterator[Problem]:
        boxes = {track: (np.nanmin(s.box[:, :2], 0), np.nanmax(s.box[:, :2] + s.box[:, 2:], 0)) for track, s in spans.items()
                 if len(s) and np.isfinite(s.box).all()}  # fmt: skip
        for a, b in combinations(sorted(spans), 2):
            if a in boxes and b in boxes and ((boxes[a][1] < boxes[b][0]) | (boxes[b][1] < boxes[a][0])).any():
                continue
            _, rows, others = np.intersect1d(spans[a].frames, spans[b].frames, assume_unique=True, return_indices=True)
            if not len(rows):
                continue
            both = (spans[a].visibility[rows] > 0) & (spans[b].visibility[others] > 0)
            apart = np.linalg.norm(spans[a].keypoints[rows] - spans[b].keypoints[others], axis=-1)
            count = both.sum(1)
            mean = np.where(both, apart, 0).sum(1) / np.maximum(count, 1)
            same = (count >= _FEW) & (mean < _SAME * _sizes(spans[a])[rows])
            for frame in spans[a].frames[rows[same]].tolist():
                text = f"{self._project.track_name(b)} lies on {self._project.track_name(a)}: probably one person with two ids."
                yield Problem("warning", "double", text, frame, b)

    # --- of a track ----------------------------------------------------------------------------------------------------------

    def _find_gaps(self, track: int) -> Iterator[Problem]:
        flags = self._project.track_flags(track)
        there = np.flatnonzero(flags & FIGURE)
        deleted = flags & DELETED != 0
        away = np.diff(there) - 1
        for at in np.flatnonzero((away > 0) & (away <= GAP)).tolist():
            before, after, n = int(there[at]), int(there[at + 1]), int(away[at])
            if deleted[before + 1 : after].all():
                continue  # a human who deleted the person there meant it
            lasting = "is missing" if n == 1 else f"is missing for {n} frames"
            yield Problem("warning", "gap", f"This person {lasting} and comes back in frame {after}.", before + 1, track)

    def _measure(self, track: int, first: int, end: int, span: Span | None) -> None:
        bones = self._bones.setdefault(track, _Bones())
        for frame in range(first, end):
            if bones.rows.pop(frame, None) is not None:
                bones.changed += 1
        if span is None or not len(span):
            return
        bones.changed += len(span)
        skeleton = self._project.skeleton
        lengths = bone_lengths(span.keypoints, span.visibility != Visibility.ABSENT, skeleton)
        lengths = (lengths / _sizes(span)[:, None]).astype(np.float32)
        ends = np.array(skeleton.edges, np.int64).reshape(-1, 2)
        blame = np.where(span.scores[:, ends[:, 0]] < span.scores[:, ends[:, 1]], ends[:, 0], ends[:, 1]).astype(np.uint8)
        bones.rows.update(zip(span.frames.tolist(), zip(lengths, blame, strict=True), strict=True))

    @staticmethod
    def _usual(bones: _Bones) -> np.ndarray | None:
        """(E,) median of each bone over the track, NaN where it is seldom seen."""
        if len(bones.rows) < _FEW:
            return None  # too few to say what is usual
        lengths = np.stack([row for row, _ in bones.rows.values()])
        enough = np.isfinite(lengths).sum(0) >= _FEW
        usual = np.full(lengths.shape[1], np.nan)
        usual[enough] = np.nanmedian(lengths[:, enough], axis=0)
        return usual

    def _find_odd(self, track: int, bones: _Bones) -> Iterator[Problem]:
        if bones.usual is None or not bones.rows:
            return
        frames = np.array(list(bones.rows))
        lengths = np.stack([row for row, _ in bones.rows.values()])
        with np.errstate(invalid="ignore", divide="ignore"):
            times = lengths / bones.usual
            rows, edges = np.nonzero(times > ODD_BONE)  # short ones are no finding: they point towards the camera
        for row, edge in zip(rows.tolist(), edges.tolist(), strict=True):
            text = f"{bone_words(self._project.skeleton, edge).capitalize()} is {times[row, edge]:.1f} times its usual length."
            frame = int(frames[row])
            yield Problem("warning", "bone", text, frame, track, int(bones.rows[frame][1][edge]))


def _place(problem: Problem) -> tuple[int, int, int]:
    return (problem.frame or 0, problem.track or 0, -1 if problem.joint is None else problem.joint)


def _cut(span: Span, first: int, end: int) -> Span:
    """The part of a span within some frames."""
    low, high = np.searchsorted(span.frames, [first, end]).tolist()
    return span.rows(slice(low, high))


def _has_head(span: Span, present: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """(n,) bool: the top of the head and the neck are there and apart."""
    if "head_top" not in names or "head_bottom" not in names:
        return np.zeros(len(span), bool)
    top, bottom = names.index("head_top"), names.index("head_bottom")
    apart = np.linalg.norm(span.keypoints[:, top] - span.keypoints[:, bottom], axis=-1) >= 1e-6
    return present[:, top] & present[:, bottom] & apart


def _sizes(span: Span) -> np.ndarray:
    """(n,) longer side of the box, else of what the joints span; NaN for a point."""
    size = span.size()
    return np.where(size > 0, size, np.nan)
