"""The assignment problem: who belongs to whom when every pair has a likeness."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

__all__ = ["best_pairs"]


def best_pairs(likeness: np.ndarray) -> list[tuple[int, int]]:
    """Pairs (row, column) with the highest sum of ``likeness`` (n, m), each row and column once; min(n, m) of them.

    Raises:
        ValueError: a likeness is not a finite number.
    """
    table = np.asarray(likeness, np.float64)
    if not np.isfinite(table).all():
        raise ValueError("The likeness of a pair is not a finite number.")
    rows, columns = linear_sum_assignment(table, maximize=True)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))
