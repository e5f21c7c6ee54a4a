"""The cache of pictures: a byte budget, the longest unused first, from many threads."""

from __future__ import annotations

import threading

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.video.cache import FrameCache


def picture(nbytes: int) -> np.ndarray:
    return np.zeros(nbytes, np.uint8)


@given(
    budget=st.integers(1, 60),
    steps=st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.sampled_from([0.5, 1.0]), st.integers(1, 30)), max_size=60),
)
def test_it_behaves_as_a_list_ordered_by_use(budget: int, steps: list[tuple[bool, int, float, int]]) -> None:
    cache: FrameCache[np.ndarray] = FrameCache(budget)
    model: list[tuple[tuple[int, float], np.ndarray]] = []
    for put, index, scale, nbytes in steps:
        key = index, scale
        held = [entry for entry in model if entry[0] == key]
        if put:
            model = [entry for entry in model if entry[0] != key]
            new = picture(nbytes)
            if nbytes <= budget:
                model.append((key, new))
            while sum(p.nbytes for _, p in model) > budget:
                model.pop(0)
            cache.put(index, new, scale)
        else:
            assert cache.get(index, scale) is (held[0][1] if held else None)
            if held:
                model = [entry for entry in model if entry[0] != key] + held
        assert cache.nbytes == sum(p.nbytes for _, p in model) <= budget
        assert len(cache) == len(model)
        assert all(cache.has(*k) for k, _ in model)
    cache.clear()
    assert (len(cache), cache.nbytes) == (0, 0)


def test_threads_do_not_disturb_the_count() -> None:
    cache: FrameCache[np.ndarray] = FrameCache(1000)

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for i in rng.integers(0, 40, 500):
            cache.put(int(i), picture(int(rng.integers(1, 90))))
            cache.get(int(i) + 1)

    threads = [threading.Thread(target=work, args=(s,)) for s in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    held = [p for i in range(41) if (p := cache.get(i)) is not None]
    assert sum(p.nbytes for p in held) == cache.nbytes <= 1000
    assert len(held) == len(cache)
