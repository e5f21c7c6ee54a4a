"""Ignore regions: polygons in which nobody is judged, valid over a range of frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["IgnoreRegion"]


@dataclass(frozen=True, eq=False)
class IgnoreRegion:
    """One polygon over a range of frames, with key frames.

    Attributes:
        first: first frame it is valid in.
        last: last frame it is valid in (inclusive).
        keys: key frame -> (N, 2) float64 corners in pixels of the frame, not closed, N >= 3. Between two key frames with the
            same number of corners the corners move evenly, else the earlier key's polygon holds; before the first and after the
            last key frame the nearest one holds.
    """

    first: int
    last: int
    keys: dict[int, np.ndarray]

    def __post_init__(self) -> None:
        keys = {int(f): np.asarray(p, np.float64).reshape(-1, 2) for f, p in sorted(self.keys.items())}
        if not keys or self.first > self.last:
            raise ValueError("an ignore region needs a key frame and a range of frames")
        if any(len(p) < 3 or not np.isfinite(p).all() for p in keys.values()):
            raise ValueError("an ignore region needs at least three corners")
        object.__setattr__(self, "keys", keys)

    def polygon_at(self, frame: int) -> np.ndarray | None:
        """(N, 2) corners at a frame, or None where the region is not valid."""
        if not self.first <= frame <= self.last:
            return None
        earlier = [f for f in self.keys if f <= frame]
        later = [f for f in self.keys if f > frame]
        if not earlier:
            return self.keys[later[0]]
        a = earlier[-1]
        if not later or len(self.keys[a]) != len(self.keys[later[0]]):
            return self.keys[a]
        share = (frame - a) / (later[0] - a)
        return (1 - share) * self.keys[a] + share * self.keys[later[0]]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values for the project file."""
        return {"first": self.first, "last": self.last, "keys": {str(f): p.tolist() for f, p in self.keys.items()}}

    @staticmethod
    def from_json(value: dict[str, Any]) -> IgnoreRegion:
        """The inverse of :meth:`to_json`."""
        return IgnoreRegion(int(value["first"]), int(value["last"]), {int(f): np.array(p) for f, p in value["keys"].items()})
