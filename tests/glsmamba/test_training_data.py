from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glsmamba.data.skeletons import COCO17, LSP14, POSETRACK15
from glsmamba.heatmaps import transformed
from glsmamba.training.augment import Augmentation, disturbed, flipped_joints, place, window_affines
from glsmamba.training.labels import BLAZEPOSE33, TrainingDataError, load_lspet, merged_labels, split_of
from glsmamba.training.samples import BatchSource, Person, Shape, make_sample

SHAPE = Shape((64, 48), (16, 12), 1.0)


def standing() -> np.ndarray:
    """(15, 2): a person in a 100 x 200 picture; the person's left is on the picture's right."""
    points = np.zeros((15, 2))
    place = {
        "nose": (50, 25), "head_bottom": (50, 40), "head_top": (50, 10), "shoulder": (25, 50), "elbow": (40, 80),
        "wrist": (45, 110), "hip": (18, 110), "knee": (20, 150), "ankle": (22, 190),
    }  # fmt: skip
    for k, name in enumerate(POSETRACK15.joints):
        if name in place:
            points[k] = place[name]
        else:
            side, part = name.split("_")
            dx, y = place[part]
            points[k] = 50 + (dx if side == "left" else -dx), y
    return points


def as_source(points: np.ndarray, skeleton) -> np.ndarray:
    out = np.zeros((1, len(skeleton), 3))
    for k, name in enumerate(skeleton.joints):
        if name in POSETRACK15.joints:
            out[0, k] = *points[POSETRACK15.index(name)], 1.0
    return out


def sources() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    p = standing()
    return as_source(p, LSP14), as_source(p, COCO17), as_source(p, BLAZEPOSE33)


def person(points: np.ndarray | None = None, known: np.ndarray | None = None) -> Person:
    picture = np.random.default_rng(0).integers(0, 256, (200, 100, 3), dtype=np.uint8)
    return Person((picture,), standing() if points is None else points, np.ones(15, bool) if known is None else known)


def test_splits_are_disjoint_and_held_out_is_row_7_of_20():
    rows = np.arange(10_000)
    split = split_of(rows)
    assert set(rows[split == "held-out"]) == set(range(7, 10_000, 20))
    assert (split == "held-out").sum() == 500 and (split == "validation").sum() == 500
    assert not np.any((rows % 20 == 7) & (split == "train"))


def test_labels_are_mapped_by_name_and_the_nose_comes_from_the_teachers():
    points, known, human, contradicted = merged_labels(*sources())
    np.testing.assert_allclose(points[0], standing())
    assert known.all() and not contradicted[0]
    assert not human[0, POSETRACK15.index("nose")] and human[0].sum() == 14


def test_a_missing_joint_is_filled_only_where_both_teachers_agree():
    labels, movenet, blazepose = sources()
    for name in ("left_wrist", "right_wrist"):
        labels[0, LSP14.index(name)] = 0
    movenet[0, COCO17.index("right_wrist"), 0] += 60  # a third of the person apart
    points, known, human, _ = merged_labels(labels, movenet, blazepose)
    left, right = POSETRACK15.index("left_wrist"), POSETRACK15.index("right_wrist")
    assert known[0, left] and not human[0, left]
    np.testing.assert_allclose(points[0, left], standing()[left])
    assert not known[0, right] and not human[0, right]


def test_labels_move_towards_a_teacher_only_where_both_mean_the_same_place():
    labels, movenet, blazepose = sources()
    near, far, unsure = "left_hip", "left_knee", "left_ankle"  # the person is 180 pixels high
    for name, shift in ((near, 10), (far, 30), (unsure, 10)):
        movenet[0, COCO17.index(name), 0] += shift
    movenet[0, COCO17.index(unsure), 2] = 0.1
    points, known, human, _ = merged_labels(labels, movenet, blazepose, teacher_share=0.7)
    expected = standing()
    expected[POSETRACK15.index(near), 0] += 7
    np.testing.assert_allclose(points[0], expected)
    assert known.all() and human[0].sum() == 14
    np.testing.assert_allclose(merged_labels(labels, movenet, blazepose)[0][0], standing())


def test_confused_sides_and_foreign_labels_are_contradicted():
    labels, movenet, blazepose = sources()
    swapped = labels[:, [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13]]
    assert merged_labels(swapped, movenet, blazepose)[3][0]
    upside_down = labels.copy()
    upside_down[..., 1] = 200 - upside_down[..., 1]
    assert merged_labels(upside_down, movenet, blazepose)[3][0]


def test_missing_data_is_named(tmp_path):
    with pytest.raises(TrainingDataError, match=r"joints\.npz"):
        load_lspet(tmp_path, "train")


@pytest.mark.data
def test_real_training_rows_never_hold_held_out_ones(shared_data):
    folder = shared_data / "lspet"
    if not (folder / "joints.npz").is_file():
        pytest.skip("the labelled pictures are absent")
    rows = {split: set(load_lspet(folder, split).rows.tolist()) for split in ("train", "validation", "held-out")}
    assert len(rows["held-out"]) == 500 and all(row % 20 == 7 for row in rows["held-out"])
    assert not rows["train"] & (rows["held-out"] | rows["validation"])
    assert 8_000 < len(rows["train"]) < 9_000


def test_flip_renames_the_sides():
    points, known = standing(), np.ones(15, bool)
    known[POSETRACK15.index("left_wrist")] = False
    mirrored, mirrored_known = flipped_joints(points, known)
    for k, name in enumerate(POSETRACK15.joints):
        other = name.replace("left", "#").replace("right", "left").replace("#", "right")
        np.testing.assert_array_equal(mirrored[k], points[POSETRACK15.index(other)])
        assert mirrored_known[k] == known[POSETRACK15.index(other)]


def test_flipped_sample_keeps_the_person_s_left_on_the_picture_s_right():
    """A mirrored standing person facing us still has the left wrist on the right of the picture."""
    only_flip = Augmentation(**{**Augmentation.none().__dict__, "flip": 1.0})
    _, (targets,), (weights,) = make_sample(person(), np.random.default_rng(0), SHAPE, only_flip)
    assert weights.all()
    column = targets.max(1).argmax(-1)
    assert column[POSETRACK15.index("left_wrist")] > column[POSETRACK15.index("right_wrist")]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_targets_peak_where_the_affine_puts_the_joint_in_each_frame_that_is_learnt(seed):
    picture = np.zeros((200, 100, 3), np.uint8)
    points = standing()
    k = POSETRACK15.index("left_knee")
    x, y = points[k].astype(int)
    picture[y - 2 : y + 3, x - 2 : x + 3] = 255
    moving = Augmentation(colour=0, blur=0, low_resolution=0, jpeg=0, noise=0, occlude=0, half_body=0, flip=0.5)
    shape = Shape((192, 144), (48, 36), 2.0, frames=5, answers=3)
    somebody = Person((picture,), points, np.ones(15, bool))
    crops, targets, weights = make_sample(somebody, np.random.default_rng(seed), shape, moving)
    assert targets.shape == (3, 15, 48, 36) and weights.shape == (3, 15)
    for crop, maps, weight in zip(crops[shape.read], targets, weights, strict=True):
        bright = crop.sum(-1)
        if not weight[k] or bright.max() < 300 or maps[k].max() < 0.8:
            continue
        mirrored = maps[POSETRACK15.flip[k]]
        cell = np.array(np.unravel_index(maps[k].argmax(), maps[k].shape)) * [191 / 47, 143 / 35]
        other = np.array(np.unravel_index(mirrored.argmax(), mirrored.shape)) * [191 / 47, 143 / 35]
        light = np.argwhere(bright > 0.5 * bright.max()).mean(0)
        assert min(np.abs(cell - light).max(), np.abs(other - light).max()) < 6


def test_the_key_frame_is_learnt_alike_alone_and_among_others():
    shape = Shape((192, 144), (48, 36), 2.0, frames=5)
    crops, targets, weights = make_sample(person(), np.random.default_rng(4), shape, Augmentation())
    more = replace(shape, answers=5)
    again, among, weighing = make_sample(person(), np.random.default_rng(4), more, Augmentation())
    np.testing.assert_array_equal(again, crops)
    np.testing.assert_array_equal(among[2], targets[0])
    np.testing.assert_array_equal(weighing[2], weights[0])
    crops, targets, weighing = make_sample(person(), np.random.default_rng(4), more, Augmentation.none())
    np.testing.assert_allclose(weighing[[0, 1, 3, 4]].sum(0), weighing[2])  # nothing moves, so that all is in every frame


def test_beside_the_key_frame_of_a_clip_nobody_knows_where_the_joints_are():
    shape = Shape((192, 144), (48, 36), 2.0, frames=5, answers=3)
    clip = Person((np.zeros((200, 100, 3), np.uint8),) * 5, standing(), np.ones(15, bool))
    _, targets, weights = make_sample(clip, np.random.default_rng(0), shape, Augmentation.none())
    assert weights[1].all() and targets[1].max((1, 2)).all()
    assert not weights[[0, 2]].any() and not targets[[0, 2]].any()


def test_absent_joints_weigh_nothing_and_joints_outside_the_crop_are_taught_as_empty():
    known = np.ones(15, bool)
    known[3] = False
    points = standing()
    points[14] = (50, 900)  # far below, known: no map may light up for it
    near = np.ones(15, bool)
    near[[3, 14]] = False
    a = Augmentation.none()
    placement = place(np.random.default_rng(0), points, near, SHAPE.size, a)
    assert transformed(placement.affine, points[14])[1] > SHAPE.size[0]
    half = Augmentation(**{**a.__dict__, "half_body": 1.0})
    seen_empty = False
    for seed in range(8):
        _, (targets,), (weights,) = make_sample(person(known=known), np.random.default_rng(seed), SHAPE, half)
        assert weights[3] == 0 and targets[3].max() == 0
        seen_empty |= bool(((targets.max((1, 2)) == 0) & (weights == 1)).any())
    assert seen_empty


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([3, 5]))
def test_the_key_frame_of_a_window_keeps_its_place_and_the_path_is_smooth(seed, frames):
    affine = np.array([[1.0, 0, 3], [0, 1, 4]])
    path = window_affines(np.random.default_rng(seed), affine, (192, 144), frames, 1.0)
    assert len(path) == frames
    np.testing.assert_array_equal(path[frames // 2], affine)
    centre = np.array([transformed(a, np.array([72.0, 96.0])) for a in path])
    assert np.abs(np.diff(centre, axis=0)).max() < 80


def test_disturbances_keep_shape_and_type():
    crops = [np.full((64, 48, 3), 90, np.uint8)] * 5
    strong = Augmentation(colour=1, blur=1, low_resolution=1, jpeg=1, noise=1, occlude=1)
    for seed in range(6):
        out = disturbed(np.random.default_rng(seed), crops, strong)
        assert len(out) == 5 and all(c.shape == (64, 48, 3) and c.dtype == np.uint8 for c in out)
    plain = disturbed(np.random.default_rng(0), crops, Augmentation.none())
    assert all(np.array_equal(a, b) for a, b in zip(plain, crops, strict=True))


def test_batches_depend_on_the_place_alone():
    source = BatchSource([person() for _ in range(7)], SHAPE, 2, 5, Augmentation())
    run = source.batches(0, 0)
    made = [next(run) for _ in range(6)]
    _, epoch, position = made[3]
    again = next(BatchSource([person() for _ in range(7)], SHAPE, 2, 5, Augmentation()).batches(epoch, position))
    np.testing.assert_array_equal(again[0].crops, made[4][0].crops)
    np.testing.assert_array_equal(again[0].targets, made[4][0].targets)
    assert sorted(source.order(0)) == list(range(7)) and (source.order(0) != source.order(1)).any()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000))
def test_where_the_picture_is_cut_nothing_is_shown_and_nothing_may_be_found(seed):
    white = Person((np.full((200, 100, 3), 255, np.uint8),), standing(), np.ones(15, bool))
    cut = Augmentation(**{**Augmentation.none().__dict__, "cut": 1.0})
    shape = Shape((192, 144), (48, 36), 2.0)
    crops, (targets,), (weights,) = make_sample(white, np.random.default_rng(seed), shape, cut)
    assert (weights == 1).all()
    found = targets.max((1, 2)) > 0
    assert 4 <= found.sum() < 15
    for target in targets[found]:
        y, x = np.unravel_index(target.argmax(), target.shape)
        near = crops[0][max(round(y * 191 / 47) - 9, 0) : round(y * 191 / 47) + 10]
        assert near[:, max(round(x * 143 / 35) - 9, 0) : round(x * 143 / 35) + 10].max() == 255
    assert (crops[0] == 0).any()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000))
def test_a_neighbour_is_seen_but_not_learnt_and_leaves_most_of_the_person(seed):
    shape = Shape((192, 144), (48, 36), 2.0, 5)
    alone = Augmentation.none()
    beside = Augmentation(**{**alone.__dict__, "neighbour": 1.0})
    black = Person((np.zeros((200, 100, 3), np.uint8),), standing(), np.ones(15, bool))
    white = Person((np.full((200, 100, 3), 255, np.uint8),), standing() + 3, np.ones(15, bool))
    crops, (targets,), (weights,) = make_sample(black, np.random.default_rng(seed), shape, beside, white)
    _, (same,), (also,) = make_sample(black, np.random.default_rng(seed), shape, alone, white)
    np.testing.assert_array_equal(targets, same)
    np.testing.assert_array_equal(weights, also)
    if crops[2].any():
        assert all(crop.any() for crop in crops[1:4])
    placement = place(np.random.default_rng(0), standing(), np.ones(15, bool), shape.size, alone)
    at = np.rint(transformed(placement.affine, standing())).astype(int)
    assert (crops[2][at[:, 1], at[:, 0]].max(-1) > 200).sum() <= 8


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 100_000))
def test_a_damaged_key_frame_leaves_the_frames_beside_it_and_the_labels_alone(seed):
    rng = np.random.default_rng(3)
    shape = Shape((96, 72), (24, 18), 2.0, 5)
    whole = Augmentation.none()
    damaged = Augmentation(**{**whole.__dict__, "key_damage": 1.0})
    person = Person((rng.integers(0, 256, (200, 100, 3), dtype=np.uint8),), standing(), np.ones(15, bool))
    plain, (targets,), (weights,) = make_sample(person, np.random.default_rng(seed), shape, whole)
    crops, (same,), (also,) = make_sample(person, np.random.default_rng(seed), shape, damaged)
    assert (crops[2] != plain[2]).mean() > 0.01
    np.testing.assert_array_equal(np.delete(crops, 2, 0), np.delete(plain, 2, 0))
    np.testing.assert_array_equal(targets, same)
    np.testing.assert_array_equal(weights, also)
    several = replace(shape, answers=3)
    crops = make_sample(person, np.random.default_rng(seed), several, damaged)[0]
    changed = (crops != plain).any((1, 2, 3))
    assert changed.sum() == 1 and changed[several.read].any()  # one of those that are learnt
    single = make_sample(person, np.random.default_rng(seed), Shape((96, 72), (24, 18), 2.0, 1), damaged)[0]
    np.testing.assert_array_equal(single[0], plain[2])  # one frame by itself has nothing to make up for it


def test_somebody_with_few_known_joints_is_nobodys_neighbour():
    few = Person((np.full((200, 100, 3), 255, np.uint8),), standing(), np.arange(15) < 5)
    beside = Augmentation(**{**Augmentation.none().__dict__, "neighbour": 1.0})
    black = Person((np.zeros((200, 100, 3), np.uint8),), standing(), np.ones(15, bool))
    assert not make_sample(black, np.random.default_rng(0), SHAPE, beside, few)[0].any()
