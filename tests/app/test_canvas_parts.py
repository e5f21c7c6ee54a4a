"""Hit tests against brute force, overlays against the affine they claim, colours, pictures seen from far."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPointF

from app.inference.answers import PersonActivation
from app.labels.pose import Pose, Provenance
from app.ui.canvas.colours import bone_colour, joint_colours, lut
from app.ui.canvas.hit_test import HIT_RADIUS, hit, nearest_bone, nearest_joint
from app.ui.canvas.overlay_item import OverlayItem, ValueMap, map_to_view
from app.ui.canvas.overlays import Overlays
from app.ui.canvas.picture_item import PictureItem
from app.ui.canvas.scene import FIRM, INTERPOLATED, PREDICTED, drawn_joints, head_size, joint_form, show
from app.ui.events import DisplayOptions
from glsmamba.data.skeletons import POSETRACK15
from glsmamba.map_pictures import coloured
from glsmamba.maps import ActivationMaps, MapKind

ORIGIN = np.zeros(2)


def pose(points: np.ndarray, scores: float | np.ndarray = 0.9, box=None) -> Pose:
    k = len(points)
    return Pose(points, np.full(k, 2), np.broadcast_to(scores, k), np.full(k, Provenance.MODEL), box=box)


def crowd(seed: int, n: int) -> dict[int, Pose]:
    rng = np.random.default_rng(seed)
    return {t: pose(rng.uniform(1, 120, (15, 2)), rng.uniform(0, 1, 15)) for t in range(1, n + 1)}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.floats(0, 120), st.floats(0, 120))
def test_nearest_drawn_joint_wins(seed: int, n: int, x: float, y: float) -> None:
    display = DisplayOptions(threshold=0.5)
    poses = crowd(seed, n)
    people = show(poses, 1.0, ORIGIN, display)
    found = nearest_joint(people, np.array([x, y]))
    distances = {
        (t, j): float(np.hypot(*(p.keypoints[j] + 0.5 - [x, y]))) for t, p in poses.items() for j in range(15)
    }  # fmt: skip
    near = {key: d for key, d in distances.items() if d <= 10}
    drawn = {(t, j): d for (t, j), d in near.items() if poses[t].scores[j] >= 0.5}
    if not near:
        assert found is None
    else:
        pool = drawn or near
        assert found is not None and found.distance == pytest.approx(min(pool.values()))
        assert pool[found.track, found.joint] == pytest.approx(found.distance)


def test_hit_area_is_ten_pixels_at_every_zoom() -> None:
    assert HIT_RADIUS >= 10  # logical pixels
    points = np.full((15, 2), 500.0) + np.arange(15)[:, None] * 40
    for scale in (0.05, 1.0, 40.0):
        people = show({1: pose(points)}, scale, ORIGIN, DisplayOptions())
        at = people[0].screen[14] + [7.0, 7.0]
        assert nearest_joint(people, at).joint == 14
        assert nearest_joint(people, people[0].screen[14] + [11.0, 0.0]) is None


def test_selected_person_wins_a_tie() -> None:
    points = np.random.default_rng(0).uniform(10, 90, (15, 2))
    people = show({1: pose(points), 2: pose(points)}, 1.0, ORIGIN, DisplayOptions())
    assert nearest_joint(people, points[3] + 0.5, selected=2).track == 2
    assert nearest_joint(people, points[3] + 0.5, selected=1).track == 1


def test_handle_and_joint_the_nearer_one() -> None:
    points = np.full((15, 2), 50.0) + np.arange(15)[:, None]
    points[0] = [12.0, 10.0]
    people = show({1: pose(points, box=(10, 10, 80, 80))}, 1.0, ORIGIN, DisplayOptions())
    assert hit(people, POSETRACK15, 1.0, ORIGIN, np.array([10.5, 10.5]), selected=1).handle == "top-left"
    assert hit(people, POSETRACK15, 1.0, ORIGIN, np.array([12.5, 10.5]), selected=1).kind == "joint"
    assert hit(people, POSETRACK15, 1.0, ORIGIN, np.array([10.5, 10.5]), selected=None).kind == "joint"
    assert hit(people, POSETRACK15, 1.0, ORIGIN, np.array([90.5, 90.5]), selected=1, boxes_shown=False).kind == "inside"


def test_bone_is_hit_between_its_joints() -> None:
    points = np.zeros((15, 2))
    points[[3, 5]] = [[100, 100], [200, 100]]
    p = pose(points)
    visibility = np.zeros(15)
    visibility[[3, 5]] = 2
    people = show({4: p.with_(visibility=visibility)}, 1.0, ORIGIN, DisplayOptions())
    assert nearest_bone(people, POSETRACK15, np.array([150.5, 104.0])).track == 4
    assert nearest_bone(people, POSETRACK15, np.array([230.0, 100.5])) is None


def test_forms_tell_states() -> None:
    p = pose(np.ones((15, 2)), 0.1).with_(provenance=np.array([1, 2, 3, 4, 5, 6] * 3)[:15])
    assert joint_form(p)[:6].tolist() == [PREDICTED, FIRM, INTERPOLATED, FIRM, INTERPOLATED, INTERPOLATED]
    assert drawn_joints(p, DisplayOptions(threshold=0.5))[:5].tolist() == [False, True, False, True, False]
    assert (joint_form(p.with_(accepted=True)) == FIRM).all()


def test_head_size_is_posetracks() -> None:
    points = np.zeros((15, 2))
    points[[1, 2]] = [[10, 40], [10, 5]]
    p = pose(points)
    assert head_size(p, POSETRACK15) == pytest.approx(0.6 * 35 / 0.7)
    assert head_size(p.with_(head_box=(0, 0, 30, 40)), POSETRACK15) == pytest.approx(0.6 * 50)
    assert head_size(p.with_(visibility=np.zeros(15)), POSETRACK15) is None


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 3), st.floats(-1, 1), st.floats(-500, 500), st.floats(-500, 500), st.floats(0, 47), st.floats(0, 63))
def test_map_lands_where_its_affine_says(scale: float, turn: float, tx: float, ty: float, u: float, v: float) -> None:
    c, s = scale * np.cos(turn), scale * np.sin(turn)
    crop = np.array([[c, -s, tx], [s, c, ty]])
    frame = np.linalg.solve(crop[:, :2], np.array([u, v]) - crop[:, 2])
    for finer in (1, 4):
        view = map_to_view(crop, finer).map(QPointF((u + 0.5) * finer, (v + 0.5) * finer))
        assert [view.x(), view.y()] == pytest.approx(list(frame + 0.5), abs=1e-5 * max(1.0, 1 / scale) * 1e3)


def test_map_without_area_is_refused() -> None:
    with pytest.raises(ValueError, match="no area"):
        map_to_view(np.zeros((2, 3)))


def test_low_values_are_clear_and_high_ones_are_the_ends_of_the_map() -> None:
    values = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    image = coloured(values, 0, 1, "viridis")
    assert image[0, 0].tolist() == [0, 0, 0, 0]
    top = lut("viridis")[-1]
    assert image[-1, -1].tolist() == [top[2], top[1], top[0], 255]
    assert (np.diff(image[..., 3].ravel().astype(int)) >= 0).all()
    with pytest.raises(ValueError, match="no colour map"):
        lut("no such map")


def test_overlays_answer_only_for_their_person_and_frame(qapp) -> None:
    class Result:
        frame, track = 5, 2
        heatmaps = np.random.default_rng(0).random((15, 8, 6), dtype=np.float32)
        crop = np.array([[0.1, 0, 0], [0, 0.1, 0]])

    overlays = Overlays()
    overlays.take_heatmaps(Result())
    one = overlays.heatmap(5, 2, 7, "joint", POSETRACK15)
    assert np.array_equal(one.values, Result.heatmaps[7]) and "left wrist" in one.title
    assert np.array_equal(overlays.heatmap(5, 2, None, "max", POSETRACK15).values, Result.heatmaps.max(0))
    assert overlays.heatmap(6, 2, 7, "joint", POSETRACK15) is None
    assert overlays.heatmap(5, 1, 7, "joint", POSETRACK15) is None
    assert overlays.heatmap(5, 2, 7, "off", POSETRACK15) is None

    stack = np.arange(5 * 8 * 6, dtype=np.float32).reshape(5, 8, 6)
    maps = ActivationMaps({"all": stack}, (2, 1, 1), Result.crop, MapKind())
    pictures = np.zeros((5, 16, 12, 3), np.uint8)
    overlays.take_activation(PersonActivation(5, 2, 7, maps, (3, 4, 5, 6, 7), pictures, (("gsm", 0),)))
    on = DisplayOptions(show_activation=True)
    shown = overlays.activation(5, {2}, on, POSETRACK15)
    below, right = np.minimum(np.arange(8) + 1, 7), np.minimum(np.arange(6) + 1, 5)  # values rise: a wide cell is its last
    np.testing.assert_allclose(shown.values, np.log10(stack[2][np.ix_(below, right)]), rtol=1e-6)  # the key frame
    assert (shown.low, shown.high) == pytest.approx((np.log10(239) - 3, np.log10(239)))  # on the scale of the whole window
    assert "left wrist" in shown.title and overlays.activation(5, {1, 2}, on, POSETRACK15) is shown
    assert overlays.activation(4, {2}, on, POSETRACK15) is None and overlays.activation(5, {1}, on, POSETRACK15) is None
    assert overlays.activation(5, {2}, DisplayOptions(show_activation=True, activation_path="pair"), POSETRACK15) is None
    assert overlays.activation(5, {2}, DisplayOptions(), POSETRACK15) is None
    item = OverlayItem()
    item.set_map(ValueMap.of(Result.heatmaps[0], Result.crop, "x"), "magma", 0.5)
    rect = item.boundingRect()
    assert (rect.x(), rect.width(), rect.height()) == pytest.approx((-4.5, 60, 80))


def test_sides_are_told_apart() -> None:
    p = pose(np.ones((15, 2)))
    table = joint_colours(p, POSETRACK15, 1, "side")
    assert table[POSETRACK15.index("left_wrist")] == (0xE6, 0x9F, 0x00)
    assert table[POSETRACK15.index("right_wrist")] == (0x56, 0xB4, 0xE9)
    assert table[POSETRACK15.index("nose")] == (0x00, 0x9E, 0x73)
    edge = (POSETRACK15.index("head_bottom"), POSETRACK15.index("left_shoulder"))
    assert bone_colour(table, POSETRACK15, edge, "side", p) == (0xE6, 0x9F, 0x00)
    hips = (POSETRACK15.index("left_hip"), POSETRACK15.index("right_hip"))
    assert bone_colour(table, POSETRACK15, hips, "side", p) == (0x00, 0x9E, 0x73)
    assert len(set(joint_colours(p, POSETRACK15, 1, "joint"))) == 15


def test_picture_from_far_is_averaged(qapp) -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 254
    item = PictureItem()
    item.set_picture(stripes)
    assert {item.level(2).pixelColor(x, 7).red() for x in range(16)} == {127}
    item.set_picture(stripes[:, ::-1])  # a view of a buffer: not contiguous
    assert item.level(0).pixelColor(0, 0).red() == 0
