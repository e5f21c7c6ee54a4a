"""What is known of every frame, summed up per screen pixel. Numpy only.

A *lane* holds one byte per frame whose bits are states; a pixel column shows the bits of all frames under it, so that a
single edited frame among a hundred predicted ones is never lost. Sums over 16 and 256 frames keep that cheap.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

import numpy as np

from app.labels.checking import GAP as LONGEST_GAP
from app.labels.codec import DELETED, FIGURE
from app.labels.codec import REVIEWED as REVIEWED_FLAG

__all__ = [
    "CHANGES", "DONE", "EMPTY", "GAP", "LOOKED_AT", "REVIEWED", "STATE_BIT", "Columns", "FrameLane", "Labels", "Lane",
    "TrackLanes", "gaps",
]  # fmt: skip

_BLOCK = 16
#: Bit of a frame where there is nothing.
EMPTY = 1
#: Bit by value of ``Project.track_summary``: nobody, predicted, edited, accepted, filled in.
STATE_BIT = np.array([1, 2, 4, 8, 16], np.uint8)
#: Bits of the second lane of a person: a human reviewed or accepted the pose; the person is missing for a moment; a human
#: deleted the person here.
LOOKED_AT, GAP, TAKEN_OUT = 2, 4, 8
#: Bit of a frame that a proposed change of ids would change.
CHANGES = 2
#: Bits of the lane of the whole video: a model is done with the frame; a human reviewed it.
DONE, REVIEWED = 2, 4
#: With more touched frames than this a lane is read anew.
_MANY = 2000
_ALL_FLAGS = np.arange(256, dtype=np.uint8) & np.uint8(FIGURE | REVIEWED_FLAG | DELETED)
_ALL_FLAGS[_ALL_FLAGS & FIGURE > 4] = 0


class Labels(Protocol):
    """What the timeline reads of ``app.labels.project.Project``."""

    def tracks(self) -> tuple[int, ...]: ...  # noqa: D102
    def track_summary(self, track: int) -> np.ndarray: ...  # noqa: D102
    def track_flags(self, track: int) -> np.ndarray: ...  # noqa: D102
    def frame_flags(self, frame: int) -> dict[int, int]: ...  # noqa: D102
    def frame_states(self, frame: int) -> dict[int, int]: ...  # noqa: D102
    def marks(self) -> tuple[int, ...]: ...  # noqa: D102
    def track_name(self, track: int) -> str: ...  # noqa: D102
    def predicted_frames(self) -> np.ndarray: ...  # noqa: D102
    def reviewed_frames(self) -> np.ndarray: ...  # noqa: D102
    def is_reviewed(self, frame: int) -> bool: ...  # noqa: D102


class Lane:
    """One byte of bits per frame, (n,) uint8, with sums over blocks of frames.

    ``join`` is what stands for several frames: all their bits, or with ``np.maximum`` the greatest figure.
    """

    def __init__(self, bits: np.ndarray, join: np.ufunc = np.bitwise_or) -> None:
        self.join = join
        self.levels = [np.ascontiguousarray(bits, np.uint8)]
        while len(self.levels) < levels_of(len(bits)):
            below = self.levels[-1]
            padded = np.zeros(-(-len(below) // _BLOCK) * _BLOCK, np.uint8)
            padded[: len(below)] = below
            self.levels.append(join.reduce(padded.reshape(-1, _BLOCK), axis=1))

    def __len__(self) -> int:
        return len(self.levels[0])

    def set(self, frame: int, bits: int) -> None:
        """Change one frame."""
        if self.levels[0][frame] == bits:
            return
        self.levels[0][frame] = bits
        at = frame
        for below, level in zip(self.levels, self.levels[1:], strict=False):
            at //= _BLOCK
            level[at] = self.join.reduce(below[at * _BLOCK : (at + 1) * _BLOCK])

    def columns(self, first: float, per_column: float, n: int) -> np.ndarray:
        """(n,) uint8: the bits of all frames under each of ``n`` columns; arguments as of :class:`Columns`."""
        return Columns(len(self), first, per_column, n).of(self)


class Columns:
    """Which frames lie under each pixel column, worked out once for all lanes of a video.

    Args:
        count: frames of the video.
        first: frame at the left end of column 0, with its fraction.
        per_column: frames per column.
        n: number of columns.
    """

    def __init__(self, count: int, first: float, per_column: float, n: int) -> None:
        self._n = max(n, 0)
        self._level = size = 0
        self._apart = per_column <= 1
        edges = first + np.arange(self._n + 1) * per_column
        if self._apart:
            frames = np.floor(edges[:-1] + per_column / 2).astype(np.int64)
            inside = (frames >= 0) & (frames < count)
        else:
            # A coarser level is exact to a quarter of a column: finer than anyone can see.
            level, size = 0, 1
            while level + 1 < levels_of(count) and size * _BLOCK * 4 <= per_column:
                level, size = level + 1, size * _BLOCK
            self._level, blocks = level, -(-count // size)
            frames = np.floor(edges[:-1] / size).astype(np.int64)
            ends = np.maximum(np.floor(edges[1:] / size).astype(np.int64), frames + 1)
            inside = (ends > 0) & (frames < blocks)
            frames = np.maximum(frames, 0)
        at = np.flatnonzero(inside)
        self._where = slice(int(at[0]), int(at[-1]) + 1) if len(at) else slice(0, 0)  # columns without frames lie outside it
        self._frames = frames[self._where]
        self._last = 0 if self._apart or not len(at) else int(min(ends[at[-1]], blocks))

    def of(self, lane: Lane) -> np.ndarray:
        """(n,) uint8: what a lane has under each column; 0 beyond the ends of the video."""
        whole = len(self._frames) == self._n
        out = np.empty(self._n, np.uint8) if whole else np.zeros(self._n, np.uint8)
        if len(self._frames):
            bits, into = lane.levels[self._level], out[self._where]
            if self._apart:
                bits.take(self._frames, out=into, mode="clip")  # unlike "raise" it does not write by way of a copy
            else:
                lane.join.reduceat(bits[: self._last], self._frames, out=into)
        return out


def levels_of(count: int) -> int:
    """How many levels a lane of so many frames has."""
    levels = 1
    while count > _BLOCK and levels < 4:
        count, levels = -(-count // _BLOCK), levels + 1
    return levels


def gaps(present: np.ndarray, deleted: np.ndarray) -> np.ndarray:
    """(n,) bool: frames in which a person is missing who comes back soon; not where a human took the person out.

    Args:
        present, deleted: (n,) bool.
    """
    out = np.zeros(len(present), bool)
    there = np.flatnonzero(present)
    away = np.diff(there) - 1
    lost = (away > 0) & (away <= LONGEST_GAP)
    lengths, starts = away[lost], there[:-1][lost] + 1
    if len(lengths):
        inside = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        out[np.repeat(starts, lengths) + inside] = True
    return out & ~deleted


def _state_bits(flags: np.ndarray) -> np.ndarray:
    return STATE_BIT[flags & FIGURE]


def _note_bits(flags: np.ndarray) -> np.ndarray:
    """All but the gaps."""
    figure = flags & FIGURE
    looked_at = ((flags & REVIEWED_FLAG != 0) | (figure == 3)) * np.uint8(LOOKED_AT)
    return looked_at | (flags & DELETED != 0) * np.uint8(TAKEN_OUT)


def _lanes_of(flags: np.ndarray) -> tuple[Lane, Lane]:
    """Both lanes of a person."""
    notes = _note_bits(flags)
    lost = gaps(flags & FIGURE != 0, flags & DELETED != 0)
    notes |= lost * np.uint8(GAP)
    return Lane(_state_bits(flags)), Lane(np.where(notes == 0, np.uint8(EMPTY), notes))


class TrackLanes:
    """Lanes of people, read when somebody looks at them and kept up to date frame by frame."""

    def __init__(self) -> None:
        self._labels: Labels | None = None
        self._lanes: dict[int, Lane] = {}
        self._notes: dict[int, Lane] = {}
        self._foreseen: dict[int, tuple[Lane, Lane, Lane]] = {}

    def foresee(self, flags: Mapping[int, np.ndarray]) -> None:
        """Show people as they would be: track -> (n_frames,) bytes of ``Project.track_flags``. Empty: as they are."""
        self._foreseen = {}
        if self._labels is not None:
            for track, row in flags.items():
                differs = np.where(row != self._labels.track_flags(track), np.uint8(CHANGES), np.uint8(EMPTY))
                self._foreseen[track] = (*_lanes_of(row), Lane(differs))

    def changes(self, track: int) -> Lane | None:
        """Frames in which a person would change (``CHANGES``); None for people who would not."""
        return self._foreseen[track][2] if track in self._foreseen else None

    def set_labels(self, labels: Labels | None) -> None:
        """Another project, or the same one with everything changed."""
        self._labels = labels
        self._lanes, self._notes = {}, {}

    def lane(self, track: int) -> Lane:
        """The states of a person, as foreseen where something is."""
        if track in self._foreseen:
            return self._foreseen[track][0]
        if track not in self._lanes:
            self._read(track)
        return self._lanes[track]

    def notes(self, track: int) -> Lane:
        """What else is known of a person's frames: reviewed, a gap."""
        if track in self._foreseen:
            return self._foreseen[track][1]
        if track not in self._notes:
            self._read(track)
        return self._notes[track]

    def _read(self, track: int) -> None:
        assert self._labels is not None
        self._lanes[track], self._notes[track] = _lanes_of(self._labels.track_flags(track))

    def touch(self, frames: Iterable[int]) -> None:
        """These frames changed."""
        frames = list(frames)
        if self._labels is None:
            return
        if len(frames) > _MANY:
            self._lanes, self._notes = {}, {}
            return
        state_of, note_of = _state_bits(_ALL_FLAGS).tolist(), _note_bits(_ALL_FLAGS).tolist()
        for frame in frames:
            flags = self._labels.frame_flags(frame)
            for track, lane in self._lanes.items():
                flag, notes = flags.get(track, 0), self._notes[track]
                was = int(lane.levels[0][frame]), int(notes.levels[0][frame])
                lane.set(frame, state_of[flag])
                notes.set(frame, note_of[flag] | was[1] & GAP or EMPTY)
                if (was[0] == EMPTY) != (state_of[flag] == EMPTY) or (was[1] ^ note_of[flag]) & TAKEN_OUT:
                    self._find_gaps(lane, notes, frame)

    @staticmethod
    def _find_gaps(lane: Lane, notes: Lane, frame: int) -> None:
        """Gaps around a frame in which a person came or went."""
        reach = LONGEST_GAP + 1
        first, stop = max(frame - 2 * reach, 0), min(frame + 2 * reach + 1, len(lane))
        present = lane.levels[0][first:stop] != EMPTY
        lost = gaps(present, notes.levels[0][first:stop] & TAKEN_OUT != 0)
        for f in range(max(frame - reach, 0), min(frame + reach + 1, len(lane))):
            bits = int(notes.levels[0][f])
            notes.set(f, bits & ~(GAP | EMPTY) | GAP * bool(lost[f - first]) or EMPTY)


class FrameLane:
    """The lane of the whole video: predicted and reviewed frames."""

    def __init__(self) -> None:
        self._labels: Labels | None = None
        self.lane = Lane(np.zeros(0, np.uint8))

    def set_labels(self, labels: Labels | None) -> None:
        """Another project, or the same one with everything changed."""
        self._labels = labels
        if labels is None:
            self.lane = Lane(np.zeros(0, np.uint8))
            return
        bits = labels.predicted_frames() * np.uint8(DONE) | labels.reviewed_frames() * np.uint8(REVIEWED)
        self.lane = Lane(np.where(bits == 0, np.uint8(EMPTY), bits))

    def touch(self, frames: Iterable[int]) -> None:
        """These frames changed."""
        frames = list(frames)
        if self._labels is None:
            return
        if len(frames) > _MANY:
            self.set_labels(self._labels)
            return
        done = self._labels.predicted_frames()
        for frame in frames:
            bits = DONE * bool(done[frame]) | REVIEWED * self._labels.is_reviewed(frame)
            self.lane.set(frame, bits or EMPTY)
