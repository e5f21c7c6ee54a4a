"""Boxes, crops and heat maps: the way in and the way out are the same way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glsmamba.heatmaps import (
    crop_affine,
    crop_region,
    decode,
    gaussian_targets,
    heatmap_affine,
    inverted_affine,
    peaks,
    region_affine,
    rescaled_affine,
    transformed,
    warped_crop,
)

SIZE, GRID = (192, 144), (48, 36)
coordinate = st.floats(-3000, 3000)
boxes = st.tuples(coordinate, coordinate, st.floats(2, 3000), st.floats(2, 3000))


@given(boxes, st.lists(st.tuples(coordinate, coordinate), min_size=1, max_size=5))
def test_affine_inverts(box, points):
    affine = heatmap_affine(box, SIZE, GRID)
    points = np.array(points)
    back = transformed(inverted_affine(affine), transformed(affine, points))
    assert np.abs(back - points).max() < 1e-9 * max(1.0, np.abs(points).max(), *np.abs(box))


@given(boxes)
def test_crop_shows_the_whole_enlarged_box_at_the_aspect_of_the_crop(box):
    cx, cy, w, h = crop_region(box, SIZE)
    x, y, bw, bh = box
    assert w / h == pytest.approx(SIZE[1] / SIZE[0])
    assert min(w / bw, h / bh) == pytest.approx(1.25)
    corners = transformed(crop_affine(box, SIZE), np.array([[x, y], [x + bw, y + bh]]))
    assert (corners >= 0).all()
    assert (corners <= (SIZE[1] - 1, SIZE[0] - 1)).all()
    assert (cx, cy) == pytest.approx((x + bw / 2, y + bh / 2))


def test_outer_pixel_centres_map_onto_each_other():
    crop = region_affine((50, 40, 72, 96), SIZE)
    heat = rescaled_affine(crop, SIZE, GRID)
    ends = np.array([[50 - 36, 40 - 48], [50 + 36, 40 + 48]])
    assert transformed(crop, ends) == pytest.approx(np.array([[0, 0], [143, 191]]))
    assert transformed(heat, ends) == pytest.approx(np.array([[0, 0], [35, 47]]))


def test_rotation_turns_clockwise_on_the_screen_and_flip_mirrors():
    right = np.array([[60.0, 40.0]])  # ten pixels to the right of the centre
    centre = np.array([(SIZE[1] - 1) / 2, (SIZE[0] - 1) / 2])
    turned = transformed(region_affine((50, 40, 143, 191), SIZE, rotation=90), right)[0] - centre
    assert turned == pytest.approx((0, 10))
    mirrored = transformed(region_affine((50, 40, 143, 191), SIZE, flip=True), right)[0] - centre
    assert mirrored == pytest.approx((-10, 0))


def test_warp_agrees_with_the_affine():
    frame = np.zeros((200, 300, 3), np.uint8)
    ys, xs = np.mgrid[:200, :300]
    spot = np.exp(-((xs - 171.3) ** 2 + (ys - 88.6) ** 2) / (2 * 4.0**2))
    frame[..., 1] = np.round(255 * spot)
    affine = crop_affine((120, 40, 80, 120), SIZE)
    crop = warped_crop(frame, affine, SIZE)[..., 1].astype(float)
    cy, cx = np.mgrid[: SIZE[0], : SIZE[1]]
    centroid = np.array([(crop * cx).sum(), (crop * cy).sum()]) / crop.sum()
    assert centroid == pytest.approx(transformed(affine, np.array([171.3, 88.6])), abs=0.1)


@settings(deadline=None)
@given(st.sampled_from([2.0, 3.0]), st.lists(st.tuples(st.floats(-0.4, 35.4), st.floats(-0.4, 47.4)), min_size=1, max_size=20))
def test_dark_finds_a_gaussian_wherever_it_lies(sigma, points):
    points = np.array(points)
    maps, weights = gaussian_targets(points, np.ones(len(points), bool), GRID, sigma)
    found, peaks = decode(maps, sigma, "dark")
    assert weights.all()
    assert np.abs(found - points).max() < 0.1
    assert (peaks <= 1).all()
    assert (peaks > 0.9).all()


@pytest.mark.parametrize(("method", "bound"), [("quarter", 0.26), ("argmax", 0.51)])
def test_coarser_decodings_stay_within_their_cell(method, bound):
    rng = np.random.default_rng(1)
    points = np.stack([rng.uniform(1, 34, 200), rng.uniform(1, 46, 200)], -1)
    maps, _ = gaussian_targets(points, np.ones(200, bool), GRID, 2.0)
    assert np.abs(decode(maps, 2.0, method)[0] - points).max() < bound


@pytest.mark.parametrize("value", [0.0, -1.0, 0.3])
def test_flat_maps_decode_without_a_step(value):
    maps = np.full((2, 3, *GRID), value, np.float32)
    points, peaks = decode(maps, 2.0)
    assert points.shape == (2, 3, 2)
    assert np.isfinite(points).all()
    assert (peaks == np.float32(value)).all()


def test_noisy_maps_stay_near_their_peak():
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(50, *GRID)).astype(np.float32)
    coarse = decode(maps, 2.0, "argmax")[0]
    assert np.abs(decode(maps, 2.0, "dark")[0] - coarse).max() <= 1


def test_unknown_and_outside_joints_have_no_target():
    points = np.array([[10.0, 10.0], [-0.6, 5.0], [5.0, 47.6], [3.0, 3.0], [np.nan, np.nan]])
    maps, weights = gaussian_targets(points, np.array([True, True, True, False, False]), GRID, 2.0)
    assert weights.tolist() == [1, 0, 0, 0, 0]
    assert maps[0].max() == 1
    assert not maps[1:].any()


@pytest.mark.parametrize("box", [(0, 0, 0, 5), (0, 0, 5, -1), (0, np.nan, 5, 5)])
def test_a_box_without_area_is_refused(box):
    with pytest.raises(ValueError, match="no area"):
        crop_affine(box, SIZE)


def test_unknown_decoding_is_refused():
    with pytest.raises(ValueError, match="dark, quarter or argmax"):
        decode(np.zeros((1, 4, 4), np.float32), 2.0, "best")


def test_peaks_are_found_to_a_fraction_of_a_cell_strongest_first():
    places = np.array([[9.3, 20.6], [30.7, 11.2], [22.4, 40.1]])
    maps, _ = gaussian_targets(places, np.ones(3, bool), (48, 40), 2.0)
    mixed = maps[0] * 0.5 + maps[1] * 0.9 + maps[2] * 0.3
    points, values = peaks(mixed, 2.0)
    assert np.abs(points - places[[1, 0, 2]]).max() < 0.1
    assert np.allclose(values, [0.9, 0.5, 0.3], atol=0.05)
    assert len(peaks(mixed, 2.0, most=2)[0]) == 2 and len(peaks(mixed, 2.0, least=0.5)[0]) == 2


def test_peaks_of_flat_empty_and_rippled_maps():
    for flat in (np.zeros((16, 12), np.float32), np.full((16, 12), -1.0, np.float32), np.full((16, 12), np.nan, np.float32)):
        points, values = peaks(flat, 2.0)
        assert points.shape == (0, 2) and values.shape == (0,)
    bump = gaussian_targets(np.array([[6.0, 8.0]]), np.ones(1, bool), (16, 12), 2.0)[0][0]
    rippled = bump + np.random.default_rng(0).normal(0, 0.004, bump.shape).astype(np.float32)
    assert len(peaks(rippled, 2.0)[0]) == 1  # noise on one hill makes no second peak
    plateau = np.ones((16, 12), np.float32)
    points, _ = peaks(plateau, 2.0)
    assert all(np.abs(points - p).max(axis=1)[k != np.arange(len(points))].min() > 2 for k, p in enumerate(points))
