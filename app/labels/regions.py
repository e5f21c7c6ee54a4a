"""Ignore regions: polygons in which nobody is judged, valid over a range of frames."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
        name: what a human called it, "" for none.
    """

    first: int
    last: int
    keys: dict[int, np.ndarray]
    name: str = ""

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

    def with_(self, **changes: Any) -> IgnoreRegion:
        """A copy with some fields changed."""
        return replace(self, **changes)

    def with_polygon(self, frame: int, polygon: np.ndarray) -> IgnoreRegion:
        """A copy with this polygon as the key of a frame."""
        return self.with_(keys={**self.keys, frame: np.asarray(polygon, np.float64)})

    def with_corner(self, frame: int, edge: int, xy: np.ndarray) -> IgnoreRegion:
        """A copy with a corner more on the edge from corner ``edge`` to the next, at ``xy`` in ``frame``, which becomes a key.

        Keys with as many corners get one on the same edge, at the same share of its length, so that all still move as one.
        """
        here = self._at(frame)
        a, b = here[edge], here[(edge + 1) % len(here)]
        along = b - a
        share = float(np.clip((np.asarray(xy) - a) @ along / max(float(along @ along), 1e-12), 0.0, 1.0))
        keys = dict(self.keys)
        for f, polygon in keys.items():
            if len(polygon) == len(here):
                p, q = polygon[edge], polygon[(edge + 1) % len(polygon)]
                keys[f] = np.insert(polygon, edge + 1, p + share * (q - p), axis=0)
        keys[frame] = np.insert(here, edge + 1, xy, axis=0)
        return self.with_(keys=keys)

    def without_corner(self, frame: int, corner: int) -> IgnoreRegion:
        """A copy without a corner, in all keys that have as many corners as the region has in ``frame``.

        Raises:
            ValueError: it would have fewer than three corners.
        """
        here = self._at(frame)
        keys = {f: np.delete(p, corner, axis=0) if len(p) == len(here) else p for f, p in self.keys.items()}
        return self.with_(keys=keys)

    def without_key(self, frame: int) -> IgnoreRegion:
        """A copy in which a frame is no key frame any more.

        Raises:
            ValueError: it is the only one.
        """
        return self.with_(keys={f: p for f, p in self.keys.items() if f != frame})

    def _at(self, frame: int) -> np.ndarray:
        polygon = self.polygon_at(frame)
        if polygon is None:
            raise ValueError(f"the ignore region is valid in frames {self.first} to {self.last} only")
        return polygon

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values for the project file."""
        plain = {"first": self.first, "last": self.last, "keys": {str(f): p.tolist() for f, p in self.keys.items()}}
        return {**plain, "name": self.name} if self.name else plain

    @staticmethod
    def from_json(value: dict[str, Any]) -> IgnoreRegion:
        """The inverse of :meth:`to_json`."""
        keys = {int(f): np.array(p) for f, p in value["keys"].items()}
        return IgnoreRegion(int(value["first"]), int(value["last"]), keys, str(value.get("name", "")))
