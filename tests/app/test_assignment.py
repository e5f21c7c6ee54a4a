"""The pairs have the best sum there is, found by trying all of them."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.inference.assignment import best_pairs


@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 2**32 - 1), st.sampled_from(["any", "steps", "zero"]))
def test_no_other_pairs_have_a_higher_sum(n: int, m: int, seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    table = {"any": rng.normal(size=(n, m)), "steps": rng.integers(0, 3, (n, m)) / 2.0, "zero": np.zeros((n, m))}[kind]
    pairs = best_pairs(table)
    rows, columns = [a for a, _ in pairs], [b for _, b in pairs]
    assert len(set(rows)) == len(rows) == len(set(columns)) == min(n, m)
    small = table if n <= m else table.T
    best = max(sum(small[i, j] for i, j in enumerate(p)) for p in permutations(range(small.shape[1]), small.shape[0]))
    assert sum(table[a, b] for a, b in pairs) == pytest.approx(best, abs=1e-9)


def test_many_people_at_once_are_paired_rightly() -> None:
    order = np.random.default_rng(1).permutation(60)
    table = np.random.default_rng(2).random((60, 60)) * 0.5
    table[np.arange(60), order] += 1.0
    assert best_pairs(table) == [(i, int(order[i])) for i in range(60)]


def test_what_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        best_pairs(np.array([[0.5, np.nan]]))
