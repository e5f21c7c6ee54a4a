"""Corrections spread: what is filled in between and beside them, and what is never touched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labels_help import K, everything, new_project, plain, predicted

from app.labels import Change, Edit, Pose, Project, ProjectError, Provenance, Visibility, copying, edits, spreading
from glsmamba.data.skeletons import POSETRACK15

WRIST, OTHER = POSETRACK15.index("left_wrist"), POSETRACK15.index("right_wrist")
N = 40


def truth(frame: int) -> np.ndarray:
    """A body of 300 px that walks and waves."""
    base = np.stack([np.linspace(100, 200, K), np.linspace(50, 350, K)], axis=1)
    wave = 12 * np.sin(frame / 6 + np.arange(K))
    return base + np.stack([3.0 * frame + wave, wave], axis=1)


def seen(frame: int, off: dict[int, tuple[float, float]] | None = None) -> Pose:
    places = truth(frame)
    for joint, (dx, dy) in (off or {}).items():
        places[joint] += (dx, dy)
    box = (float(50 + 3 * frame), 30.0, 250.0, 340.0)
    return Pose(places, np.full(K, 2), np.full(K, 0.8), np.full(K, Provenance.MODEL), box=box, model="T")


@pytest.fixture
def project(tmp_path: Path):
    with new_project(tmp_path, N) as made:
        yield made


def fill(project: Project, wrong: range = range(0), off: tuple[float, float] = (60.0, -40.0), away: range = range(0)) -> None:
    for frame in range(N):
        if frame not in away:
            project.store_predictions(frame, {1: seen(frame, {WRIST: off} if frame in wrong else None)}, model="T")


def errors(project: Project, joint: int = WRIST) -> np.ndarray:
    return np.array([np.linalg.norm(project.pose(f, 1).keypoints[joint] - truth(f)[joint]) for f in range(N)])


def correct(project: Project, frame: int, joint: int = WRIST) -> None:
    project.apply(edits.move_joint(project, frame, 1, joint, truth(frame)[joint]))


def test_one_correction_mends_the_whole_stretch_where_the_model_was_wrong(project: Project) -> None:
    fill(project, range(15, 23))
    correct(project, 18)
    plan = spreading.plan(project, 1, [18])
    assert set(range(15, 23)) - {18} <= set(plan.frames) and plan.joints == (WRIST,)
    project.apply(spreading.spread(project, plan))
    assert errors(project).max() < 3
    pose = project.pose(16, 1)
    assert pose.provenance[WRIST] == Provenance.INTERPOLATED and 0 < pose.scores[WRIST] <= 1
    assert (np.delete(pose.provenance, WRIST) == Provenance.MODEL).all()
    assert project.pose(18, 1).provenance[WRIST] == Provenance.HUMAN
    assert "Spread left wrist of Person 1 in frames" in project.undo_title
    project.undo()
    assert errors(project)[16] > 50 and errors(project)[18] == 0


def test_without_asking_the_model_all_between_two_corrections_is_interpolated_and_nothing_beyond(project: Project) -> None:
    fill(project)
    correct(project, 10)
    assert not spreading.plan(project, 1, [10], believe=False)
    correct(project, 14)
    assert spreading.plan(project, 1, [14], believe=False).frames == (11, 12, 13)


def test_a_lasting_shift_of_the_model_is_carried_on_between_two_corrections(project: Project) -> None:
    fill(project, range(N), (9.0, 7.0))
    before = errors(project)
    for frame in (10, 16):
        correct(project, frame)
    project.apply(spreading.spread(project, spreading.plan(project, 1, [16])))
    after = errors(project)
    assert after[11:16].max() < 0.5 * before[11:16].min()
    assert after[20] < before[20] and after[35] == before[35]


def test_swapped_sides_are_recognised_from_one_wrist(project: Project) -> None:
    for frame in range(N):
        pose = seen(frame)
        if 15 <= frame < 23:
            both = [WRIST, OTHER]
            places = pose.keypoints.copy()
            places[both] = places[both[::-1]]
            pose = pose.with_(keypoints=places)
        project.store_predictions(frame, {1: pose}, model="T")
    for joint in (WRIST, OTHER):
        correct(project, 18, joint)
    project.apply(spreading.spread(project, spreading.plan(project, 1, [18])))
    assert errors(project).max() < 3 and errors(project, OTHER).max() < 3


def test_jumps_exchanged_sides_and_gaps_are_mended_without_a_correction_and_nothing_else(project: Project) -> None:
    for frame in range(N):
        pose = seen(frame, {WRIST: (60.0, -40.0)} if 8 <= frame < 13 else {OTHER: (6.0, 4.0)} if frame == 20 else None)
        if 25 <= frame < 29:
            pose = pose.with_(keypoints=np.where(np.isin(np.arange(K), [WRIST, OTHER])[:, None],
                                                 pose.keypoints[POSETRACK15.flip], pose.keypoints))  # fmt: skip
        if frame not in (33, 34):
            project.store_predictions(frame, {1: pose}, model="T")
    before = everything(project)
    plan = spreading.mended(project, 1, 0, N - 1)
    assert plan.frames == (*range(8, 13), *range(25, 29), 33, 34) and plan.mends
    assert {joint for frame, joint in plan.places if frame < 33} == {WRIST, OTHER}
    project.apply(spreading.spread(project, plan))
    assert errors(project).max() < 6 and np.flatnonzero(errors(project, OTHER) > 6).tolist() == [20]  # too small for a jump
    assert project.undo_title == "Mend jumps of Person 1 in frames 8 to 34"
    project.undo()
    assert everything(project) == before
    assert spreading.mended(project, 1, 9, 11).frames == ()  # from inside a stretch nothing shows that it is one
    assert not spreading.mended(project, 7, 0, N - 1)  # nobody


def test_a_gap_is_filled_whole(project: Project) -> None:
    fill(project, away=range(20, 24))
    project.apply(spreading.spread(project, spreading.plan(project, 1, [21])))
    for frame in range(20, 24):
        pose = project.pose(frame, 1)
        assert np.abs(pose.keypoints - truth(frame)).max() < 6
        assert (pose.provenance == Provenance.INTERPOLATED).all() and pose.box is not None
    assert project.undo_title == "Fill the gap of Person 1 in frames 20 to 23"


def test_people_whom_a_human_deleted_do_not_come_back(project: Project) -> None:
    fill(project)
    project.apply(edits.delete_pose(project, 21, 1))
    assert not spreading.plan(project, 1, [21])


def test_the_nearest_peak_wins_where_the_place_is_a_guess_and_one_is_near(project: Project) -> None:
    fill(project, away=range(15, 23))
    plan = spreading.plan(project, 1, [17])
    planned = plan.after[18].keypoints[WRIST]
    far, near = planned + 2 * plan.size, planned + 0.1 * plan.size
    peaks = {18: {WRIST: (np.stack([far, near]), np.array([0.9, 0.4]))}, 17: {WRIST: (far[None], np.ones(1))}}
    done = spreading.refined(plan, peaks)
    assert done.after[18].keypoints[WRIST] == pytest.approx(near) and done.after[18].scores[WRIST] == pytest.approx(0.4)
    assert done.after[18].provenance[WRIST] == Provenance.REFINED
    assert done.after[17].provenance[WRIST] == Provenance.INTERPOLATED
    project.apply(spreading.spread(project, done))
    assert project.pose(18, 1).provenance[WRIST] == Provenance.REFINED


def test_places_interpolated_over_few_frames_are_better_than_peaks(project: Project) -> None:
    fill(project, range(15, 19))
    correct(project, 16)
    plan = spreading.plan(project, 1, [16])
    assert (17, WRIST) in plan.places - plan.guessed
    peak = plan.after[17].keypoints[[WRIST]] + 1
    assert (spreading.refined(plan, {17: {WRIST: (peak, np.ones(1))}}).after[17].keypoints == plan.after[17].keypoints).all()


def test_what_a_human_did_after_the_plan_was_made_stays(project: Project) -> None:
    fill(project, range(15, 23))
    correct(project, 18)
    plan = spreading.plan(project, 1, [18])
    project.apply(edits.move_joint(project, 16, 1, WRIST, (7, 8)))
    project.apply(edits.accept_pose(project, 17, 1))
    project.apply(edits.delete_pose(project, 19, 1))
    kept = plain(project.pose(17, 1))
    project.apply(spreading.spread(project, plan))
    assert project.pose(16, 1).keypoints[WRIST].tolist() == [7, 8]
    assert plain(project.pose(17, 1)) == kept and project.pose(19, 1) is None
    assert project.pose(20, 1).provenance[WRIST] == Provenance.INTERPOLATED


def test_locked_people_stay_as_they_are(project: Project) -> None:
    fill(project, range(15, 23))
    correct(project, 18)
    plan = spreading.plan(project, 1, [18])
    project.apply(edits.set_locked(project, [1]))
    with pytest.raises(ProjectError, match="locked"):
        project.apply(spreading.spread(project, plan))


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_never_touches_what_a_human_said(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Random predictions, corrections, absences, acceptances, reviews, imports; any frames and joints."""
    n = 12
    with new_project(tmp_path_factory.mktemp("spread"), n) as project:
        for frame in range(n):
            if data.draw(st.booleans()) or frame in (0, n - 1):
                project.store_predictions(frame, {1: predicted(data.draw(st.integers(0, 99)))})
        there = [int(f) for f in project.track_frames(1)]
        for _ in range(data.draw(st.integers(1, 6))):
            frame, joint = data.draw(st.sampled_from(there)), data.draw(st.integers(0, K - 1))
            if project.pose(frame, 1) is None:
                continue
            match data.draw(st.sampled_from(["move", "move", "absent", "accept", "delete"])):
                case "move":
                    project.apply(edits.move_joint(project, frame, 1, joint, (joint * 9.0, frame * 11.0)))
                case "absent":
                    project.apply(edits.set_visibility(project, frame, 1, joint, Visibility.ABSENT))
                case "accept":
                    project.apply(edits.accept_pose(project, frame, 1))
                case "delete":
                    project.apply(edits.delete_pose(project, frame, 1))
        before = everything(project)
        poses = {f: project.pose(f, 1) for f in range(n)}
        deleted = [f for f in range(n) if 1 in project.deleted(f)]
        centres = data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=3))
        believe = data.draw(st.booleans())
        mends = data.draw(st.booleans())
        plan = spreading.mended(project, 1, 0, n - 1) if mends else spreading.plan(project, 1, centres, believe=believe)
        project.apply(spreading.spread(project, plan))
        for frame, old in poses.items():
            new = project.pose(frame, 1)
            if frame in deleted:
                assert new is None
            if old is None:
                continue
            kept = (old.provenance == Provenance.HUMAN) | old.accepted
            assert (new.keypoints[kept] == old.keypoints[kept]).all() and (new.provenance[kept] == old.provenance[kept]).all()
            other = (new.keypoints != old.keypoints).any(axis=1)
            assert np.isin(new.provenance[other], (Provenance.INTERPOLATED, Provenance.REFINED)).all()
            assert (new.box, new.accepted, new.model) == (old.box, old.accepted, old.model)
        if plan:
            project.undo()
        assert everything(project) == before


def test_a_person_of_whom_nothing_is_seen_but_the_ends_mends_without_complaint(project: Project) -> None:
    """Two far frames, the wrist ruled out in both by the annotator: nothing is known of it, and nothing is made up."""
    for frame in (0, 11):
        project.store_predictions(frame, {1: seen(frame)}, model="T")
        project.apply(edits.set_visibility(project, frame, 1, WRIST, Visibility.ABSENT))
    plan = spreading.mended(project, 1, 0, 11)
    assert WRIST not in plan.joints
    project.apply(edits.delete_pose(project, 11, 1))
    assert not spreading.mended(project, 1, 0, 11)


def test_a_second_correction_starts_from_what_the_model_saw_not_from_what_the_first_made_of_it(project: Project) -> None:
    """Off by ten pixels throughout, by more and more at the end: what counts is what was corrected, not in which order."""
    for frame in range(N):
        off = 10.0 + max(0, frame - 20)
        project.store_predictions(frame, {1: seen(frame, {WRIST: (off, 0.0)})}, model="T")
    model = project.pose(25, 1).keypoints[WRIST].copy()
    results = []
    for order in ((12, 25, 18), (25, 12, 18)):
        for frame in order:
            correct(project, frame)
            project.apply(spreading.spread(project, spreading.plan(project, 1, [frame])))
        assert not spreading.plan(project, 1, [18])  # all said already
        results.append(errors(project)[12:26])
        for _ in range(2 * len(order)):
            project.undo()
    assert results[0] == pytest.approx(results[1]) and results[0].max() < 6
    assert (project.pose(25, 1).keypoints[WRIST] == model).all()


def test_what_the_model_saw_is_kept_through_edits_and_reopening_and_never_comes_from_another_frame(project: Project) -> None:
    fill(project)
    project.apply(edits.set_visibility(project, 5, 1, OTHER, Visibility.ABSENT))
    correct(project, 5)
    project.apply(edits.swap_sides(project, 5, 1, "legs"))
    project.apply(edits.move_pose(project, 5, 1, 3, 3))
    assert (project.pose(5, 1).model_places == truth(5).astype(np.float32)).all()
    assert np.isnan(project.pose(6, 1).predicted).all()  # nothing to remember: it is all the model's
    project.apply(copying.copy_from_frame(project, 6, [1]))
    assert (project.pose(6, 1).model_places == truth(6).astype(np.float32)).all()
    edit, (new,) = copying.duplicate(project, 5, [project.pose(5, 1)], 40, 0)
    project.apply(edit)
    assert np.isnan(project.pose(5, new).model_places).all()
    path, kept = project.path, everything(project)
    project.close()
    with Project.open(path) as again:
        assert everything(again) == kept
        while again.can_undo:
            again.undo()
        assert all(np.isnan(again.pose(f, 1).predicted).all() for f in range(N))


def test_a_correction_reaches_as_far_as_an_earlier_spread_or_mending_was_wrong(project: Project) -> None:
    """The wrist is right throughout, but frames 15 to 22 were mended to the wrong place: one correction gives them back."""
    fill(project)
    changes = []
    for frame in range(15, 23):
        pose = project.pose(frame, 1)
        places, origin = pose.keypoints.copy(), pose.provenance.copy()
        places[WRIST] += (60.0, -40.0)
        origin[WRIST] = Provenance.INTERPOLATED
        changes.append(Change(frame, 1, pose, pose.with_(keypoints=places, provenance=origin)))
    project.apply(Edit("Mend", tuple(changes)))
    correct(project, 15)
    project.apply(spreading.spread(project, spreading.plan(project, 1, [15])))
    assert errors(project).max() < 1


def test_a_small_error_of_one_frame_is_not_carried_far(project: Project) -> None:
    for frame in range(N):
        project.store_predictions(frame, {1: seen(frame, {WRIST: (4.0, 2.0)} if frame == 20 else None)}, model="T")
    correct(project, 20)
    project.apply(spreading.spread(project, spreading.plan(project, 1, [20])))
    after, head = errors(project), spreading.head_size(project.pose(20, 1), POSETRACK15)
    assert after.max() < 0.5 * np.hypot(4, 2) and after[[5, 35]].max() < 0.06 * head


def test_only_the_joints_named_are_spread(project: Project) -> None:
    for frame in range(N):
        project.store_predictions(frame, {1: seen(frame, {WRIST: (60.0, 0.0), OTHER: (60.0, 0.0)})}, model="T")
    for joint in (WRIST, OTHER):
        correct(project, 18, joint)
    assert set(spreading.plan(project, 1, {18: [WRIST]}).joints) == {WRIST}
    assert set(spreading.plan(project, 1, {18: None}).joints) == {WRIST, OTHER}
