"""Which frame comes next."""

from __future__ import annotations

import numpy as np

__all__ = ["neighbours", "next_frame"]


def next_frame(done: np.ndarray, wanted: int) -> tuple[int, int] | None:
    """The frame to predict next and the direction in which it is reached (1 or -1); None when all are done.

    First the wanted frame, then onward to the end, then from the wanted frame back to the start: each frame follows one that
    is done, so that people keep their ids.

    Args:
        done: (n_frames,) bool.
        wanted: frame on screen.
    """
    later = np.flatnonzero(~done[wanted:])
    if len(later):
        return wanted + int(later[0]), 1
    earlier = np.flatnonzero(~done[:wanted])
    if len(earlier):
        return int(earlier[-1]), -1
    return None


def neighbours(done: np.ndarray, frame: int, reach: int, count: int) -> tuple[list[int], int]:
    """Done frames from which ids go on into ``frame``, in order of travel (the nearest last), and the direction of travel.

    The nearest done frame within ``reach`` decides the side, and up to ``count`` done frames next to it follow.
    """
    for away in range(1, reach + 1):
        for direction in (1, -1):
            near = frame - direction * away
            if 0 <= near < len(done) and done[near]:
                run = [near]
                while len(run) < count and 0 <= run[-1] - direction < len(done) and done[run[-1] - direction]:
                    run.append(run[-1] - direction)
                return run[::-1], direction
    return [], 1
