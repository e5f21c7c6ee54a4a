"""Token orders: permutations with exactly the documented traversal."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from glsmamba.scan.orders import (
    inverse_order,
    path_names,
    path_order,
    path_orders,
    window_order,
    window_orders,
)

SIDES = st.integers(1, 9)
LOOPS = {"unified": "htw", "spatial": "thw", "temporal": "hwt"}  # slow to fast


def by_loops(axes: str, frames: int, height: int, width: int) -> list[int]:
    """The traversal written as three nested loops."""
    size = {"t": frames, "h": height, "w": width}
    return [
        at["t"] * height * width + at["h"] * width + at["w"]
        for values in itertools.product(*(range(size[axis]) for axis in axes))
        for at in [dict(zip(axes, values, strict=True))]
    ]


@settings(deadline=None, max_examples=40)
@given(SIDES, SIDES, SIDES)
def test_paths_follow_their_nested_loops(frames: int, height: int, width: int) -> None:
    for name, axes in LOOPS.items():
        forward = by_loops(axes, frames, height, width)
        assert path_order(name, frames, height, width).tolist() == forward
        assert path_order(f"{name}_reverse", frames, height, width).tolist() == forward[::-1]
    assert path_order("unified_reverse", frames, height, width, "transpose").tolist() == by_loops("twh", frames, height, width)


def test_position_formulas_of_the_specification() -> None:
    frames, height, width = 5, 8, 6
    t, h, w = 3, 4, 5
    token = t * height * width + h * width + w
    length = frames * height * width
    positions = {
        "unified": h * frames * width + t * width + w,
        "spatial": token,
        "temporal": (h * width + w) * frames + t,
    }
    for name, position in positions.items():
        assert inverse_order(path_order(name, frames, height, width))[token] == position
        assert inverse_order(path_order(f"{name}_reverse", frames, height, width))[token] == length - 1 - position


def test_six_paths_are_ordered_as_pairs() -> None:
    paths = ("unified", "spatial", "temporal")
    assert path_names(paths) == (*paths, "unified_reverse", "spatial_reverse", "temporal_reverse")
    orders = path_orders(paths, 2, 3, 4)
    assert orders.shape == (6, 24) and orders.dtype == torch.int64
    assert torch.equal(orders[3:], orders[:3].flip(1))


@settings(deadline=None, max_examples=60)
@given(SIDES, SIDES, SIDES, st.integers(1, 10), st.integers(1, 10))
def test_windowed_order_visits_every_token_once_window_by_window(frames: int, height: int, width: int, a: int, b: int) -> None:
    order = window_order(frames, height, width, (a, b))
    assert sorted(order.tolist()) == list(range(frames * height * width))
    token_h, token_w = order // width % height, order % width
    window = token_h // a * width + token_w // b
    changes = (window[1:] != window[:-1]).sum().item() + 1
    assert changes == -(-height // a) * -(-width // b)  # each window is left once and never entered again
    both = window_orders(frames, height, width, (a, b))
    assert torch.equal(both[1], both[0].flip(0))


def test_windowed_order_has_the_papers_positions() -> None:
    frames, height, width = 5, 64, 48
    position = inverse_order(window_order(frames, height, width, (8, 6)))
    for t, h, w in [(0, 0, 0), (2, 9, 13), (4, 63, 47), (3, 31, 5)]:
        wanted = ((h // 8 * (width // 6) + w // 6) * frames + t) * 48 + h % 8 * 6 + w % 6
        assert position[t * height * width + h * width + w] == wanted


@settings(deadline=None, max_examples=20)
@given(st.lists(st.permutations(range(7)), min_size=1, max_size=3))
def test_inverse_undoes_an_order(rows: list[list[int]]) -> None:
    order = torch.tensor(rows)
    assert torch.equal(torch.gather(order, 1, inverse_order(order)), torch.arange(7).expand_as(order))


def test_bad_names_and_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="no path 'diagonal'"):
        path_order("diagonal", 1, 2, 2)
    with pytest.raises(ValueError, match="at least 1"):
        path_order("spatial", 0, 2, 2)
    with pytest.raises(ValueError, match="unified_pair"):
        path_order("unified", 1, 2, 2, "sideways")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="window"):
        window_order(1, 2, 2, (0, 2))
