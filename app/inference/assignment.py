"""The assignment problem: who belongs to whom when every pair has a likeness.

Jonker and Volgenant's shortest augmenting paths (Computing 38, 1987), one row at a time. A few people a frame need no more, and
``scipy.optimize``, which has the same, takes half a second to import while a window is waiting for its first skeleton.
"""

from __future__ import annotations

import numpy as np

__all__ = ["best_pairs"]


def best_pairs(likeness: np.ndarray) -> list[tuple[int, int]]:
    """Pairs (row, column) with the highest sum of ``likeness`` (n, m), each row and column once; min(n, m) of them.

    Raises:
        ValueError: a likeness is not a finite number.
    """
    table = np.asarray(likeness, np.float64)
    if not np.isfinite(table).all():
        raise ValueError("The likeness of a pair is not a finite number.")
    if table.shape[0] > table.shape[1]:
        return sorted((row, column) for column, row in best_pairs(table.T))
    n, m = table.shape
    cost = -table
    # Row and column potentials; column 0 is where each search starts, rows are counted from 1, 0 means free.
    of_row, of_column = np.zeros(n + 1), np.zeros(m + 1)
    owner, before = np.zeros(m + 1, np.int64), np.zeros(m + 1, np.int64)
    for row in range(1, n + 1):
        owner[0], at = row, 0
        shortest, visited = np.full(m + 1, np.inf), np.zeros(m + 1, bool)
        while owner[at] or at == 0:
            visited[at] = True
            reduced = cost[owner[at] - 1] - of_row[owner[at]] - of_column[1:]
            shorter = np.flatnonzero(~visited[1:] & (reduced < shortest[1:])) + 1
            shortest[shorter], before[shorter] = reduced[shorter - 1], at
            nearest = int(np.where(visited, np.inf, shortest).argmin())
            step = shortest[nearest]
            of_row[owner[visited]] += step
            of_column[visited] -= step
            shortest[~visited] -= step
            at = nearest
        while at:
            owner[at] = owner[before[at]]
            at = int(before[at])
    return sorted((int(owner[column]) - 1, column - 1) for column in range(1, m + 1) if owner[column])
