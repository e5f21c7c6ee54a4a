"""Shaping, swapping, copying, placing, locking, regions: what each does to labels, and that undo takes it back exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labels_help import K, everything, new_project, plain, predicted

from app.labels import IgnoreRegion, Pose, Project, ProjectError, Provenance, Visibility, edits
from app.labels.copying import copy_from_frame, duplicate, paste
from app.labels.exporting import to_record
from app.labels.placing import fit_box, guided_order, place_joint
from app.labels.shaping import chosen_points, scaling, shift, transform, turning
from app.labels.sides import limb_joints, swap_sides
from glsmamba.data.skeletons import POSETRACK15, POSETRACK18

LEFT_WRIST, RIGHT_WRIST = POSETRACK15.index("left_wrist"), POSETRACK15.index("right_wrist")


@pytest.fixture
def project(tmp_path):
    with new_project(tmp_path) as project:
        for frame in (3, 4, 5, 9):
            full = predicted(frame).with_(visibility=np.full(K, 2), provenance=np.full(K, Provenance.MODEL))
            project.store_predictions(frame, {1: full, 2: predicted(frame + 50)})
        yield project


def applied(project, edit, frame=3, track=1):
    """The pose after the edit; undo and redo are checked on the way, and that it is one step."""
    before, steps = everything(project), len(project.history())
    project.apply(edit)
    after = everything(project)
    assert len(project.history()) == steps + 1 and project.undo_title == edit.title
    project.undo()
    assert everything(project) == before
    project.redo()
    assert everything(project) == after
    return project.poses(frame).get(track)


# ---- shaping -----------------------------------------------------------------------------------------------------------


def test_turning_a_person_is_clockwise_and_keeps_every_distance(project):
    project.apply(fit_box(project, 3, 1))
    old = project.poses(3)[1]
    centre = old.keypoints.mean(axis=0)
    new = applied(project, transform(project, 3, {1: None}, turning(90, centre), "Turn"))
    offset = old.keypoints - centre
    assert np.allclose(new.keypoints - centre, np.stack([-offset[:, 1], offset[:, 0]], axis=1))  # right goes down
    assert (new.provenance == Provenance.HUMAN).all() and new.box_by_human
    x, y, w, h = new.box
    assert (new.keypoints >= (x, y)).all() and (new.keypoints <= (x + w, y + h)).all()
    assert project.undo_title == "Turn Person 1"


def test_scaling_takes_the_boxes_along_and_some_joints_do_not(project):
    project.apply(edits.set_head_box(project, 3, 1, (10, 20, 30, 40)))
    old = project.poses(3)[1]
    corner = np.array(old.box[:2])
    new = applied(project, transform(project, 3, {1: None}, scaling(2, 0.5, corner), "Scale"))
    assert new.box == pytest.approx((*old.box[:2], old.box[2] * 2, old.box[3] * 0.5))
    assert new.head_box[2:] == pytest.approx((60, 20))
    some = applied(project, transform(project, 3, {1: [4, 5]}, shift(3, 4)))
    assert np.allclose(some.keypoints[[4, 5]], new.keypoints[[4, 5]] + [3, 4]) and some.box == new.box
    assert (np.delete(some.keypoints, [4, 5], axis=0) == np.delete(new.keypoints, [4, 5], axis=0)).all()
    assert project.undo_title == "Move 2 joints of Person 1"
    every = applied(project, transform(project, 3, {1: range(K)}, shift(1, 0)))  # all that are there is the whole person
    assert every.box[0] == some.box[0] + 1


def test_two_people_are_one_step_and_absent_joints_stay(project):
    project.apply(edits.set_visibility(project, 3, 1, 7, Visibility.ABSENT))
    old = project.poses(3)
    edit = transform(project, 3, {1: None, 2: None}, shift(5, -2))
    applied(project, edit)
    assert edit.title == "Move 2 people"
    assert (project.poses(3)[1].keypoints[7] == old[1].keypoints[7]).all()
    there = old[2].visibility > 0
    assert np.allclose(project.poses(3)[2].keypoints[there], old[2].keypoints[there] + [5, -2])
    with pytest.raises(ProjectError, match="absent"):
        transform(project, 3, {1: [7]}, shift(1, 1))
    with pytest.raises(ProjectError, match="by less"):
        transform(project, 3, {1: None}, scaling(0, 1, np.zeros(2)), "Scale")


@settings(max_examples=30, deadline=None)
@given(st.floats(-360, 360), st.floats(0.2, 5), st.floats(0.2, 5), st.tuples(st.floats(-99, 999), st.floats(-99, 999)))
def test_turning_and_scaling_can_be_turned_and_scaled_back(degrees, x, y, centre):
    points = np.random.default_rng(0).random((9, 2)) * 500

    def through(affine, at):
        return at @ affine[:, :2].T + affine[:, 2]

    centre = np.array(centre)
    assert np.allclose(through(turning(-degrees, centre), through(turning(degrees, centre), points)), points)
    assert np.allclose(through(scaling(1 / x, 1 / y, centre), through(scaling(x, y, centre), points)), points)
    assert np.allclose(through(turning(degrees, centre), centre), centre)


# ---- left and right ----------------------------------------------------------------------------------------------------


def test_one_limb_over_a_range_is_one_step_and_leaves_the_rest(project):
    old = {f: project.poses(f)[1] for f in (3, 4, 5, 9)}
    edit = swap_sides(project, range(4, 20), 1, "legs")
    applied(project, edit)
    assert edit.title == "Swap legs of Person 1 in frames 4 to 9"
    legs = np.array(limb_joints(POSETRACK15, "legs"))
    flip = POSETRACK15.flip
    for frame in (4, 5, 9):
        new = project.poses(frame)[1]
        assert (new.keypoints[legs] == old[frame].keypoints[flip[legs]]).all()
        rest = np.setdiff1d(np.arange(K), legs)
        assert (new.keypoints[rest] == old[frame].keypoints[rest]).all()
        assert (new.provenance[rest] == Provenance.MODEL).all() and (new.provenance[legs] == Provenance.HUMAN).all()
    assert plain(project.poses(3)[1]) == plain(old[3])
    with pytest.raises(ProjectError, match="none of these frames"):
        swap_sides(project, [0, 1], 1)


def test_limbs_cover_the_pairs_and_a_pair_can_be_named(project):
    paired = {j for j in range(K) if POSETRACK15.flip[j] != j}
    assert set(limb_joints(POSETRACK15, "all")) == paired
    assert set(limb_joints(POSETRACK15, "arms")) | set(limb_joints(POSETRACK15, "legs")) == paired
    assert not limb_joints(POSETRACK15, "head") and len(limb_joints(POSETRACK18, "head")) == 2
    old = project.poses(3)[1]
    new = applied(project, swap_sides(project, 3, 1, joints=[LEFT_WRIST]))
    assert (new.keypoints[LEFT_WRIST] == old.keypoints[RIGHT_WRIST]).all()
    assert project.undo_title == "Swap wrists of Person 1"
    for limb, joints in (("head", None), ("all", [POSETRACK15.index("nose")])):
        with pytest.raises(ProjectError, match="no left and right"):
            swap_sides(project, 3, 1, limb, joints)


# ---- copying -----------------------------------------------------------------------------------------------------------


def test_pasting_makes_poses_a_humans_across_frames_and_people(project):
    copied = project.poses(3)[1]
    new = applied(project, paste(project, 7, {1: copied}), 7)
    assert (new.keypoints == copied.keypoints).all() and (new.provenance == Provenance.HUMAN).all() and new.box_by_human
    assert not project.store_predictions(7, {1: predicted(3)})  # the model leaves it alone
    other = applied(project, paste(project, 3, {2: copied}), track=2)
    assert (other.keypoints == copied.keypoints).all()
    assert not paste(project, 7, {1: copied})


def test_the_earlier_pose_is_taken_over(project):
    edit = copy_from_frame(project, 7)
    applied(project, edit)
    assert set(project.poses(7)) == {1, 2} and edit.title == "Copy 2 people from frame 5"
    assert (project.poses(7)[1].keypoints == project.poses(5)[1].keypoints).all()
    with pytest.raises(ProjectError, match="select who"):
        copy_from_frame(project, 7)
    one = copy_from_frame(project, 9, [1])
    assert one.title == "Copy the pose of Person 1 from frame 7"
    applied(project, one, 9)
    with pytest.raises(ProjectError, match="no earlier"):
        copy_from_frame(project, 3, [1])


def test_a_duplicate_is_somebody_new(project):
    project.apply(edits.set_visibility(project, 3, 1, 7, Visibility.ABSENT))
    old = project.poses(3)[1]
    edit, tracks = duplicate(project, 3, [old], 8, 6)
    new = applied(project, edit, track=tracks[0])
    assert tracks[0] not in (1, 2) and new.visibility[7] == Visibility.ABSENT
    there = np.arange(K) != 7
    assert np.allclose(new.keypoints[there], old.keypoints[there] + [8, 6])
    assert new.box == pytest.approx((old.box[0] + 8, old.box[1] + 6, *old.box[2:]))


# ---- placing -----------------------------------------------------------------------------------------------------------


def test_joint_by_joint_makes_a_person_whose_box_grows(project):
    track = project.new_track_id()
    order = guided_order(POSETRACK15)
    assert sorted(order) == list(range(K)) and sorted(guided_order(POSETRACK18)) == list(range(17))
    places = {j: (100.0 + 10 * n, 50.0 + 7 * n) for n, j in enumerate(order)}
    for joint in order:
        state = Visibility.OCCLUDED if joint == LEFT_WRIST else Visibility.VISIBLE
        pose = applied(project, place_joint(project, 0, track, joint, places[joint], state), 0, track)
    assert np.array_equal(pose.keypoints, [places[j] for j in range(K)])
    assert pose.visibility[LEFT_WRIST] == Visibility.OCCLUDED and (pose.provenance == Provenance.HUMAN).all()
    low, size = np.min(list(places.values()), axis=0), np.ptp(list(places.values()), axis=0)
    assert pose.box == pytest.approx((*(low - 0.15 * size), *(1.3 * size)))
    assert len(project.history()) == K


def test_a_box_drawn_by_hand_is_fitted_only_when_asked(project):
    project.apply(edits.move_box(project, 3, 1, (0, 0, 10, 10)))
    project.apply(place_joint(project, 3, 1, 4, (50, 60), Visibility.VISIBLE))
    assert project.poses(3)[1].box == (0, 0, 10, 10)
    new = applied(project, fit_box(project, 3, 1))
    low, size = new.keypoints.min(axis=0), np.ptp(new.keypoints, axis=0)
    assert new.box == pytest.approx((*(low - 0.15 * size), *(1.3 * size))) and not new.box_by_human
    edit, track = edits.add_person(project, 0, (1, 2, 30, 40))
    project.apply(edit)
    with pytest.raises(ProjectError, match="too few joints"):
        fit_box(project, 0, track)


# ---- locking -----------------------------------------------------------------------------------------------------------


def test_a_locked_person_is_changed_by_no_hand_and_stays_locked_on_the_disk(project):
    applied(project, edits.set_locked(project, [1]))
    before = everything(project)
    for edit in (
        edits.move_joint(project, 3, 1, 0, (1, 1)), edits.delete_pose(project, 3, 1), swap_sides(project, range(20), 1),
        transform(project, 3, {1: None, 2: None}, shift(1, 1)), paste(project, 0, {1: project.poses(3)[1]}),
    ):  # fmt: skip
        with pytest.raises(ProjectError, match="Person 1 is locked"):
            project.apply(edit)
    assert everything(project) == before and len(project.history()) == 1
    assert project.store_predictions(3, {1: predicted(7)})  # the model is no hand
    project.close()
    with Project.open(project.path) as again:
        assert again.is_locked(1) and not again.is_locked(2)
        again.apply(edits.set_locked(again, [1, 2], False))
        assert again.undo_title == "Unlock Person 1"
        again.apply(edits.move_joint(again, 3, 1, 0, (1, 1)))
        again.undo()
        again.undo()
        assert again.is_locked(1)


# ---- ignore regions ----------------------------------------------------------------------------------------------------

SQUARE = np.array([[0, 0], [10, 0], [10, 10], [0, 10.0]])


def test_corners_of_a_region_come_and_go_in_all_keys(project):
    region = IgnoreRegion(0, 19, {0: SQUARE, 10: SQUARE + 100}, "the crowd")
    more = region.with_corner(5, 0, np.array([55.0, 45.0]))  # from the middle of the upper edge, pulled up
    assert sorted(more.keys) == [0, 5, 10] and {len(p) for p in more.keys.values()} == {5}
    assert more.keys[0][1].tolist() == [5, 0] and more.keys[10][1].tolist() == [105, 100]
    assert more.polygon_at(5)[1].tolist() == [55, 45]
    less = more.without_corner(5, 1)
    assert (less.keys[0] == SQUARE).all() and len(less.polygon_at(7)) == 4
    with pytest.raises(ValueError, match="three"):
        less.without_corner(0, 0).without_corner(0, 0)
    with pytest.raises(ValueError, match="key frame"):
        region.without_key(0).without_key(10)


def test_regions_are_named_steps_kept_exactly_and_exported_as_they_move(project):
    edit, number = edits.set_ignore_region(project, IgnoreRegion(2, 8, {2: SQUARE, 6: SQUARE + np.array([40, 0])}, "the crowd"))
    project.apply(edit)
    assert project.undo_title == "Add the crowd"
    region = project.ignore_regions()[number]
    project.apply(edits.set_ignore_region(project, region.with_polygon(8, SQUARE + 5), number, "Move a corner of")[0])
    assert project.undo_title == "Move a corner of the crowd"
    frames = to_record(project).frames
    assert [len(f.ignore_regions) for f in frames] == [0] * 2 + [1] * 7 + [0] * 11
    assert np.allclose(frames[4].ignore_regions[0], SQUARE + np.array([20, 0]))
    assert np.allclose(frames[7].ignore_regions[0][0], [22.5, 2.5])
    project.close()
    with Project.open(project.path) as again:
        assert again.ignore_regions()[number].name == "the crowd"
        again.apply(edits.remove_ignore_region(again, number))
        assert again.undo_title == "Delete the crowd" and not again.ignore_regions()
        again.undo()
        assert (again.ignore_regions()[number].polygon_at(8) == SQUARE + 5).all()


def test_an_empty_person_turns_with_its_box(project):
    edit, track = edits.add_person(project, 0, (10, 10, 20, 40))
    project.apply(edit)
    points = chosen_points(project, 0, {track: None})
    assert points.tolist() == [[10, 10], [30, 50]]
    project.apply(transform(project, 0, {track: None}, turning(180, points.mean(axis=0)), "Turn"))
    assert project.poses(0)[track].box == pytest.approx((10, 10, 20, 40))
    assert isinstance(project.poses(0)[track], Pose)
