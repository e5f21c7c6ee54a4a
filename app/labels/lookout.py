"""Everything an annotator should look at in a project, kept up to date as labels change: doubts, problems, progress.

One object that a thread of its own feeds with the frames that changed; the window reads what it published. Numpy only. What is
kept per person and frame lies in blocks, so that people who are there for a moment cost a moment.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from app.labels.checking import Findings
from app.labels.doubt import REACH, Cause, doubts_of, words
from app.labels.project import Project
from app.labels.span import Span
from glsmamba.data.problems import Problem

__all__ = ["NEAR", "Lookout", "Place", "Progress"]

_BLOCK = 1024
#: Frames judged at a stroke.
_STRIDE = 256
#: Doubts below this are nobody's business.
LEAST = 0.3
#: So many frames around the worst one of a cause come after all other causes.
NEAR = 12
#: What lies beside a worse frame of the same cause counts so much.
_LATER = 0.25
#: As many places are kept in order; nobody goes through more before the next look.
_MOST = 5000
#: Seconds between two words from a long look.
_TELL = 1.0


@dataclass(frozen=True)
class Place:
    """A person in a frame who should be looked at: which joint, how doubtful, and why in few words."""

    frame: int
    track: int
    joint: int
    level: float
    why: str


@dataclass(frozen=True)
class Progress:
    """How far the review is: people in frames, and frames."""

    reviewed: int = 0
    people: int = 0
    frames_reviewed: int = 0
    frames: int = 0


class _Column:
    """One figure per frame, in blocks that are made when something is written there."""

    def __init__(self, dtype: type) -> None:
        self._dtype = dtype
        self._blocks: dict[int, np.ndarray] = {}

    def read(self, first: int, stop: int) -> np.ndarray:
        out: np.ndarray = np.zeros(stop - first, self._dtype)
        for block, inside, outside in _pieces(first, stop):
            if block in self._blocks:
                out[outside] = self._blocks[block][inside]
        return out

    def write(self, first: int, values: np.ndarray) -> None:
        for block, inside, outside in _pieces(first, first + len(values)):
            if block not in self._blocks:
                if not values[outside].any():
                    continue
                self._blocks[block] = np.zeros(_BLOCK, self._dtype)
            self._blocks[block][inside] = values[outside]

    def blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """(first frame, values) of each block."""
        for block in sorted(self._blocks):
            yield block * _BLOCK, self._blocks[block]


def _pieces(first: int, stop: int) -> Iterator[tuple[int, slice, slice]]:
    """(block, where in the block, where in the piece) of the frames from ``first`` to ``stop - 1``."""
    for block in range(first // _BLOCK, (max(stop, first + 1) - 1) // _BLOCK + 1):
        start, end = max(first, block * _BLOCK), min(stop, (block + 1) * _BLOCK)
        if end > start:
            yield block, slice(start - block * _BLOCK, end - block * _BLOCK), slice(start - first, end - first)


class _Person:
    """What is known of one person: doubt and its reason; 0 nobody, 1 to review, 2 reviewed; the worst around."""

    def __init__(self) -> None:
        self.cause, self.joint, self.part = (_Column(np.uint8) for _ in range(3))
        self.level, self.amount = _Column(np.float16), _Column(np.float32)
        self.state, self.worst = _Column(np.uint8), _Column(np.bool_)


class Lookout:
    """Doubts, problems and progress of a project.

    :meth:`update` is called by one thread; all else may be read by another at any time, and is as it was after some update.

    Attributes:
        curve: (n_frames,) uint8: 255 times the greatest doubt of anybody who is still to be reviewed.
        problems: by frame, at most ``checking.MOST``.
        progress: how far the review is.
        looked: True once all of the project was looked at.
    """

    def __init__(self, project: Project) -> None:
        self.looked = False
        self._project = project
        self._people: dict[int, _Person] = {}
        self._found = Findings(project)
        self._queue: tuple[np.ndarray, np.ndarray, np.ndarray] = (np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64))
        self._counts = np.zeros((project.n_frames, 2), np.int32)  # by frame: people, of them reviewed
        self.curve = np.zeros(project.n_frames, np.uint8)
        self.problems: list[Problem] = []
        self.progress = Progress(frames=project.n_frames)

    # --- read ----------------------------------------------------------------------------------------------------------------

    def person_curve(self, track: int, first: int, stop: int) -> np.ndarray:
        """(stop - first,) uint8: 255 times the doubt of one person, 0 where reviewed."""
        person = self._people.get(track)
        if person is None:
            return np.zeros(max(stop - first, 0), np.uint8)
        return _bytes(np.where(person.state.read(first, stop) == 1, person.level.read(first, stop), 0))

    def place(self, frame: int, track: int) -> Place | None:
        """What is doubtful of a person in a frame, or None."""
        person = self._people.get(track)
        if person is None or not 0 <= frame < self._project.n_frames:
            return None
        level = float(person.level.read(frame, frame + 1)[0])
        if level <= 0:
            return None
        cause, joint, part, amount = (
            getattr(person, name).read(frame, frame + 1)[0] for name in ("cause", "joint", "part", "amount")
        )
        why = words(int(cause), int(joint), float(amount), int(part), self._project.skeleton)
        return Place(frame, track, int(joint), level, why)

    def places(self) -> Iterator[Place]:
        """Where to look, the most doubtful first; frames near a worse one of the same cause come later."""
        _, tracks, frames = self._queue
        for track, frame in zip(tracks.tolist(), frames.tolist(), strict=True):
            pose = self._project.pose(frame, track)
            if pose is not None and not pose.looked_at and (place := self.place(frame, track)) is not None:
                yield place

    # --- update --------------------------------------------------------------------------------------------------------------

    def update(
        self,
        frames: Iterable[int] | None,
        stop: Callable[[], bool] = lambda: False,
        pause: float = 0.0,
        tell: Callable[[], object] = lambda: None,
    ) -> bool:
        """Look at frames that changed (None: at all) and at those around them. False where ``stop`` ended it before the end.

        Args:
            frames: what changed.
            stop: asked between pieces of work.
            pause: seconds to sleep between them, for a thread beside a window.
            tell: called now and then in a long look, with doubts and progress up to date so far.
        """
        n = self._project.n_frames
        if frames is None:
            self.looked = False  # until then nobody may say that nothing is left
            self._people, self._counts[:] = {}, 0
            self._found = Findings(self._project)
            ranges = [(at, min(at + _STRIDE, n)) for at in range(0, n, _STRIDE)]
        else:
            ranges = list(_ranges(sorted(f for f in frames if 0 <= f < n), n))
        touched: set[int] = set()
        told = time.monotonic()
        for first, end in ranges:
            if stop():
                return False
            touched |= self._judge(first, end)
            if time.monotonic() - told > _TELL:
                self._publish()
                tell()
                told = time.monotonic()
            if pause:
                time.sleep(pause)
        for track in touched:
            if stop():
                return False
            self._found.judge_track(track)
        self.looked = True
        self._publish()
        return True

    def _judge(self, first: int, end: int) -> set[int]:
        """Judge the frames from ``first`` to ``end - 1``; the tracks that are or were there."""
        n = self._project.n_frames
        wide = max(first - REACH, 0), min(end + REACH, n)
        spans = self._project.spans(*wide)
        before = {track for track, person in self._people.items() if person.state.read(first, end).any()}
        self._counts[first:end] = 0
        left = np.zeros(end - first, np.float16)
        for track in before | set(spans):
            person = self._people.setdefault(track, _Person())
            span = spans.get(track)
            self._write(person, first, end, span)
            self._rank(person, max(first - NEAR, 0), min(end + NEAR, n))
            state = person.state.read(first, end)
            self._counts[first:end, 0] += state > 0
            self._counts[first:end, 1] += state == 2
            np.maximum(left, np.where(state == 1, person.level.read(first, end), 0), out=left)
        self._found.judge(first, end, spans)
        self.curve[first:end] = _bytes(left)
        return before | set(spans)

    def _write(self, person: _Person, first: int, end: int, span: Span | None) -> None:
        rows: dict[str, np.ndarray] = {
            name: np.zeros(end - first, kind)
            for name, kind in (
                ("level", np.float16), ("cause", np.uint8), ("joint", np.uint8), ("part", np.uint8), ("amount", np.float32),
                ("state", np.uint8),
            )
        }  # fmt: skip
        if span is not None:
            doubts = doubts_of(span, self._project.skeleton)
            inside = (span.frames >= first) & (span.frames < end)
            at = span.frames[inside] - first
            for name in ("level", "cause", "joint", "part", "amount"):
                rows[name][at] = getattr(doubts, name)[inside]
            rows["state"][at] = 1 + (span.accepted | span.reviewed)[inside]
        for name, values in rows.items():
            getattr(person, name).write(first, values)

    @staticmethod
    def _rank(person: _Person, first: int, end: int) -> None:
        """Find the frames that are the worst of their kind (motion, or the model's own word) among those near them."""
        wide = max(first - NEAR, 0), end + NEAR
        level = person.level.read(*wide)
        word = np.isin(person.cause.read(*wide), (Cause.PROBABILITY, Cause.SCORE))
        worst = np.zeros(len(level), bool)
        for kind in (word, ~word):
            mine = np.where((level >= LEAST) & kind, level, 0)
            padded = np.pad(mine, NEAR)
            around = np.lib.stride_tricks.sliding_window_view(padded, 2 * NEAR + 1)
            # Of equals the first one: argmax gives the first, which must be the middle.
            worst |= (mine > 0) & (around.argmax(1) == NEAR)
        person.worst.write(first, worst[first - wide[0] : end - wide[0]])

    def _publish(self) -> None:
        levels, tracks, frames = [], [], []
        for track, person in list(self._people.items()):
            worst, state = dict(person.worst.blocks()), dict(person.state.blocks())
            for at, level in person.level.blocks():
                open_ = np.flatnonzero((state.get(at, _NONE) == 1) & (level >= LEAST))
                if len(open_):
                    peak = worst[at][open_] if at in worst else np.zeros(len(open_), bool)
                    levels.append(level[open_].astype(np.float32) * np.where(peak, 1.0, _LATER))
                    tracks.append(np.full(len(open_), track))
                    frames.append(open_ + at)
        if levels:
            level = np.concatenate(levels)
            order = np.argsort(-level, kind="stable")[:_MOST]
            self._queue = level[order], np.concatenate(tracks)[order], np.concatenate(frames)[order]
        else:
            self._queue = np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64)
        self.problems = self._found.problems()
        people, reviewed = self._counts.sum(0).tolist()
        done = int(self._project.reviewed_frames().sum())
        self.progress = Progress(reviewed, people, done, self._project.n_frames)


_NONE = np.zeros(_BLOCK, np.uint8)


def _bytes(level: np.ndarray) -> np.ndarray:
    return np.round(level * 255).astype(np.uint8)


def _ranges(frames: list[int], n: int) -> Iterator[tuple[int, int]]:
    """(first, end) of all that is within ``REACH`` of the frames, in pieces of about ``_STRIDE``."""
    first = end = -1
    for frame in frames:
        low, high = max(frame - REACH, 0), min(frame + REACH + 1, n)
        if first >= 0 and low <= end and high - first <= 2 * _STRIDE:
            end = high
            continue
        if first >= 0:
            yield first, end
        first, end = max(low, end), high
    if first >= 0:
        yield first, end
