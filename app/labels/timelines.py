"""Timeline rows: what each person is in each frame, as one byte, to be read at any time while a writer changes it."""

from __future__ import annotations

import numpy as np

from app.labels import codec

__all__ = ["Timelines"]


class _Row:
    """One track between its first and last frame."""

    __slots__ = ("count", "first", "values")

    def __init__(self, frame: int) -> None:
        self.first, self.values, self.count = frame, bytearray(1), 0

    def set(self, frame: int, value: int) -> None:
        if frame < self.first:
            # Grown by more than asked for, so that walking backwards stays linear.
            spare = min(frame, len(self.values))
            self.values = bytearray(self.first - frame + spare) + self.values
            self.first = frame - spare
        at = frame - self.first
        values = self.values
        if at >= len(values):
            values = self.values = values + bytearray(at + 1 - len(values))
        self.count += (value & codec.FIGURE != 0) - (values[at] & codec.FIGURE != 0)
        values[at] = value


class Timelines:
    """The rows of all tracks. A value is a byte of ``codec.summaries``; 0 says that nothing is known of the track there."""

    def __init__(self) -> None:
        self._rows: dict[int, _Row] = {}

    def set(self, track: int, frame: int, value: int) -> None:
        """Say what a track is in a frame. Only one thread at a time may call this."""
        row = self._rows.get(track)
        if row is None:
            if not value:
                return
            row = self._rows[track] = _Row(frame)
        row.set(frame, value)

    def tracks(self) -> tuple[int, ...]:
        """Ids of the tracks that are in any frame, ascending; those only deleted from frames are left out."""
        return tuple(sorted(track for track, row in list(self._rows.items()) if row.count))

    def flags(self, track: int, n_frames: int) -> np.ndarray:
        """(n_frames,) uint8: the values of a track; all 0 for one that nothing is known of."""
        out = np.zeros(n_frames, np.uint8)
        row = self._rows.get(track)
        if row is not None:
            values, first = bytes(row.values), row.first
            if len(values) != len(row.values):  # grown just now by a writer: take it again
                values, first = bytes(row.values), row.first
            out[first : first + len(values)] = np.frombuffer(values, np.uint8)[: len(out) - first]
        return out
