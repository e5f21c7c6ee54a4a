"""What each edit does to a pose, and that undo takes it back exactly."""

from __future__ import annotations

import numpy as np
import pytest
from labels_help import K, everything, new_project, plain, predicted

from app.labels import Pose, ProjectError, Provenance, Visibility, edits
from glsmamba.data.records import FrameRecord, PersonRecord, SequenceRecord
from glsmamba.data.skeletons import POSETRACK15, POSETRACK18


@pytest.fixture
def project(tmp_path):
    with new_project(tmp_path) as project:
        full = predicted(1).with_(visibility=np.full(K, 2), provenance=np.full(K, Provenance.MODEL))
        project.store_predictions(3, {1: full, 2: predicted(2)})
        yield project


def applied(project, edit):
    """The pose of person 1 in frame 3 after the edit; undo and redo are checked on the way."""
    before = everything(project)
    project.apply(edit)
    after = everything(project)
    project.undo()
    assert everything(project) == before
    project.redo()
    assert everything(project) == after
    return project.poses(3).get(1)


def test_move_joint(project):
    old = project.poses(3)[1]
    new = applied(project, edits.move_joint(project, 3, 1, 4, (10.25, -3.5)))
    assert new.keypoints[4].tolist() == [10.25, -3.5]
    assert (new.scores[4], new.provenance[4], new.visibility[4]) == (1, Provenance.HUMAN, Visibility.VISIBLE)
    rest = np.arange(K) != 4
    assert (new.keypoints[rest] == old.keypoints[rest]).all() and (new.provenance[rest] == Provenance.MODEL).all()
    assert project.undo_title == "Move right shoulder of Person 1"


def test_a_moved_occluded_joint_stays_occluded_and_an_absent_one_appears(project):
    project.apply(edits.set_visibility(project, 3, 1, 4, Visibility.OCCLUDED))
    assert applied(project, edits.move_joint(project, 3, 1, 4, (1, 1))).visibility[4] == Visibility.OCCLUDED
    project.apply(edits.set_visibility(project, 3, 1, 4, Visibility.ABSENT))
    assert applied(project, edits.move_joint(project, 3, 1, 4, (1, 1))).visibility[4] == Visibility.VISIBLE


def test_cycling_goes_round_and_keeps_the_place(project):
    place = project.poses(3)[1].keypoints[4].tolist()
    states = [int(applied(project, edits.cycle_visibility(project, 3, 1, 4)).visibility[4]) for _ in range(3)]
    assert states == [Visibility.OCCLUDED, Visibility.ABSENT, Visibility.VISIBLE]
    assert project.poses(3)[1].keypoints[4].tolist() == place


def test_a_joint_that_never_was_appears_among_its_neighbours(project):
    edit, track = edits.add_person(project, 0, (100, 50, 40, 80))
    project.apply(edit)
    project.apply(edits.cycle_visibility(project, 0, track, POSETRACK15.index("left_shoulder")))
    assert project.poses(0)[track].keypoints[POSETRACK15.index("left_shoulder")].tolist() == [120, 90]
    project.apply(edits.move_joint(project, 0, track, POSETRACK15.index("left_shoulder"), (110, 60)))
    project.apply(edits.cycle_visibility(project, 0, track, POSETRACK15.index("left_elbow")))
    assert project.poses(0)[track].keypoints[POSETRACK15.index("left_elbow")].tolist() == [110, 60]


def test_move_pose_moves_all_but_what_is_absent(project):
    project.apply(edits.set_visibility(project, 3, 1, 7, Visibility.ABSENT))
    project.apply(edits.set_head_box(project, 3, 1, (1, 2, 3, 4)))
    old = project.poses(3)[1]
    new = applied(project, edits.move_pose(project, 3, 1, 5, -2))
    there = np.arange(K) != 7
    assert np.allclose(new.keypoints[there], old.keypoints[there] + [5, -2]) and (new.keypoints[7] == old.keypoints[7]).all()
    assert new.box == (old.box[0] + 5, old.box[1] - 2, *old.box[2:]) and new.box_by_human
    assert new.head_box == (6, 0, 3, 4)
    assert (new.provenance == Provenance.HUMAN).all()


def test_swapping_sides_twice_gives_the_same_places(project):
    old = project.poses(3)[1]
    new = applied(project, edits.swap_sides(project, 3, 1))
    left, right, nose = (POSETRACK15.index(name) for name in ("left_wrist", "right_wrist", "nose"))
    assert (new.keypoints[left] == old.keypoints[right]).all() and new.provenance[nose] == Provenance.MODEL
    again = applied(project, edits.swap_sides(project, 3, 1))
    assert (again.keypoints == old.keypoints).all() and (again.visibility == old.visibility).all()


def test_accepting_a_frame_and_deleting_people(project):
    applied(project, edits.accept_frame(project, 3))
    assert all(pose.accepted for pose in project.poses(3).values())
    assert not edits.accept_frame(project, 3)
    assert applied(project, edits.delete_pose(project, 3, 1)) is None
    project.store_predictions(9, {2: predicted(4)})
    project.apply(edits.delete_track(project, 2, first=5))
    assert project.track_frames(2).tolist() == [3] and project.deleted(9) == (2,)
    with pytest.raises(ProjectError, match="none of these frames"):
        edits.delete_track(project, 2, first=5)


def record(people_by_frame, skeleton=POSETRACK18, **kwargs):
    frames = tuple(FrameRecord(i, tuple(people), labeled=bool(people)) for i, people in sorted(people_by_frame.items()))
    return SequenceRecord("900001_mpiinew_test", frames, skeleton=skeleton, **kwargs)


def person(track, seed=0, skeleton=POSETRACK18):
    rng = np.random.default_rng(seed)
    visibility = np.array([0 if "ear" in name else 2 for name in skeleton.joints], np.uint8)
    places = rng.random((len(skeleton), 2)) * 100 + 1
    return PersonRecord(track, places, visibility, box=(0.5, 1, 99, 98), head_box=(3, 4, 10, 12))


def test_import_maps_by_name_and_keeps_ids(project):
    empty = record({i: [person(7, i), person(1, i + 50)] for i in range(5)})
    project.apply(edits.import_sequence(project, empty))
    seven = project.poses(4)[7]
    for name in POSETRACK15.joints:
        assert (seven.keypoints[POSETRACK15.index(name)] == empty.frames[4].people[0].keypoints[POSETRACK18.index(name)]).all()
    assert (seven.provenance == Provenance.IMPORTED).all() and seven.head_box == (3, 4, 10, 12)
    fresh = set(project.poses(4)) - {7}  # person 1 of the file is not person 1 of the project
    assert len(fresh) == 1 and fresh.isdisjoint({1, 2}) and project.poses(3).keys() == {1, 2, 7, *fresh}
    assert not project.store_predictions(4, {7: predicted(3)})
    assert project.track_summary(7).tolist() == [4] * 5 + [0] * 15
    project.undo()
    assert set(project.poses(3)) == {1, 2}


def test_import_as_predictions_can_be_replaced(project):
    project.apply(edits.import_sequence(project, record({0: [person(7)]}), as_predictions=True))
    assert project.poses(0)[7].model == "900001_mpiinew_test"
    assert project.store_predictions(0, {7: predicted(3)})
    assert plain(project.poses(0)[7]) == plain(predicted(3))


def test_import_of_a_foreign_file_is_refused(project):
    for wrong, word in (
        (record({20: [person(1)]}), "has only 20"),
        (record({0: [person(1)]}, width=100, height=100), "100x100"),
        (record({0: [person(1), person(1)]}), "twice"),
    ):
        with pytest.raises(ProjectError, match=word):
            edits.import_sequence(project, wrong)


def test_ignore_regions_come_in_as_spans(project):
    square = np.array([[0, 0], [10, 0], [10, 10.0]])
    frames = [FrameRecord(i, ignore_regions=(square, square + 50 + i // 3) if i < 6 else ()) for i in range(10)]
    project.apply(edits.import_sequence(project, SequenceRecord("x", tuple(frames), skeleton=POSETRACK15)))
    spans = sorted((r.first, r.last, r.polygon_at(r.first)[0].tolist()) for r in project.ignore_regions().values())
    assert spans == [(0, 2, [50, 50]), (0, 5, [0, 0]), (3, 5, [51, 51])]


def test_a_pose_is_bytes_and_back_exactly():
    from hypothesis import given, settings
    from hypothesis import strategies as st
    from hypothesis.extra import numpy as hnp

    from app.labels.codec import (
        REVIEWED,
        checked_summaries,
        decode_many,
        decode_pose,
        encode_pose,
        pack_frame,
        pose_sizes,
        summaries,
        summary_of,
    )  # fmt: skip

    number = st.floats(-1e6, 1e6)
    box = st.none() | st.tuples(number, number, number, number)
    names = ["", "T", "B"]

    @settings(max_examples=150, deadline=None)
    @given(
        st.builds(
            Pose, hnp.arrays(np.float64, (K, 2), elements=number), hnp.arrays(np.uint8, K, elements=st.integers(0, 2)),
            hnp.arrays(np.float32, K, elements=st.floats(0, 1, width=32)),
            hnp.arrays(np.uint8, K, elements=st.integers(0, 5)),
            box, st.booleans(), box, st.floats(0, 1), st.booleans(), st.sampled_from(names),
            st.none() | hnp.arrays(np.float32, K, elements=st.just(np.nan) | st.floats(0, 1, width=32)),
            st.none() | hnp.arrays(np.float32, K, elements=st.just(np.nan) | st.floats(0, 99, width=32)),
            st.booleans(), st.none() | hnp.arrays(np.float32, (K, 2), elements=st.just(np.nan) | st.floats(-99, 99, width=32)),
            st.none() | hnp.arrays(np.float32, K, elements=st.just(np.nan) | st.floats(0, 99, width=32)),
        )
    )  # fmt: skip
    def check(pose):
        cell = encode_pose(pose, names.index)
        assert plain(decode_pose(cell, names.__getitem__)) == plain(pose)
        doubted = not np.isnan([pose.probability, pose.spread]).all()
        moved, compared = (not np.isnan(values).all() for values in (pose.predicted, pose.disagreement))
        assert len(cell) == pose_sizes(K)[cell[0] + 256 * doubted + 512 * moved + 1024 * compared]
        many = decode_many([cell, encode_pose(Pose.empty(K), names.index), cell])
        for name, values in many.items():
            one = getattr(pose, name)
            one = np.full(4, np.nan) if one is None else one
            np.testing.assert_array_equal(values[0], one, err_msg=name)
            np.testing.assert_array_equal(values[2], one, err_msg=name)
        expected = [(7, summary_of(pose) | REVIEWED * pose.reviewed)]
        assert list(checked_summaries(pack_frame({7: cell}), pose_sizes(K), K, len(names))) == expected
        assert list(summaries(pack_frame({7: cell}))) == expected

    check()
