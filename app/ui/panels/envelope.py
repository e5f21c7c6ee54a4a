"""A curve of many frames in few points: the lowest and the highest value under each pixel column. Numpy only."""

from __future__ import annotations

import numpy as np

__all__ = ["Envelope", "thinned"]

_BLOCK = 64
#: A column that holds so many blocks is drawn from their extremes: exact to a fraction of a pixel.
_COARSE = 8


class Envelope:
    """Values (n,) of every frame, NaN where there is none, with extremes of blocks of frames."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = np.asarray(values, np.float32)
        n = len(self.values)
        padded = np.full(-(-n // _BLOCK) * _BLOCK, np.nan, np.float32)
        padded[:n] = self.values
        blocks = padded.reshape(-1, _BLOCK)
        self._low, self._high = np.fmin.reduce(blocks, axis=1), np.fmax.reduce(blocks, axis=1)

    def points(self, first: float, shown: float, columns: int) -> tuple[np.ndarray, np.ndarray]:
        """(m,) frames and (m,) values to draw as a line, NaN where it is interrupted.

        Args:
            first: frame at the left end.
            shown: number of frames on screen.
            columns: pixels that they take.
        """
        n = len(self.values)
        start, stop = max(int(first) - 1, 0), min(int(first + shown) + 2, n)
        if stop <= start or columns <= 0:
            return np.zeros(0), np.zeros(0, np.float32)
        if stop - start <= 2 * columns:
            return np.arange(start, stop, dtype=float), self.values[start:stop]
        per_column = shown / columns
        size = _BLOCK if per_column >= _COARSE * _BLOCK else 1
        low, high = (self._low, self._high) if size > 1 else (self.values, self.values)
        edges = np.unique((start + np.arange(int((stop - start) / per_column) + 1) * per_column).astype(np.int64) // size)
        edges = edges[edges < len(low)]
        last = min(-(-stop // size), len(low))
        lows, highs = np.fmin.reduceat(low[:last], edges), np.fmax.reduceat(high[:last], edges)
        middles = (edges + np.append(edges[1:], last) - 1) / 2 * size
        return np.repeat(middles, 2), np.stack([lows, highs], axis=1).ravel()


def thinned(frames: np.ndarray, first: float, shown: float, most: int) -> np.ndarray:
    """Those of some ascending frames that are on screen, at most about ``most``: the first of each stretch."""
    inside = frames[(frames >= first - 1) & (frames <= first + shown + 1)]
    if len(inside) <= most:
        return inside
    stretch = (inside * (most / max(shown, 1))).astype(np.int64)
    return inside[np.flatnonzero(np.diff(stretch, prepend=stretch[0] - 1))]
