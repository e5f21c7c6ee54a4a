"""Doubts and the lookout: what is found where, in which order, and that looking again at what changed finds what looking at
all of it finds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.labels import Pose, Project, Provenance, edits, reviewing
from app.labels.doubt import Cause, doubts_of, words
from app.labels.lookout import NEAR, Lookout
from app.labels.span import Span
from glsmamba.data.skeletons import POSETRACK15
from glsmamba.data.video import VideoInfo

SHAPE = np.array(
    [[0, -62], [0, -50], [0, -80], [13, -45], [-13, -45], [20, -22], [-20, -22], [22, 0], [-22, 0], [9, 0], [-9, 0], [10, 35],
     [-10, 35], [11, 70], [-11, 70]], float,
)  # fmt: skip
WRIST, ANKLE = POSETRACK15.index("left_wrist"), POSETRACK15.index("right_ankle")
N = 120


def walking(n: int = 40) -> np.ndarray:
    """(n, K, 2) somebody who walks to the right."""
    return SHAPE + np.stack([100 + 3.0 * np.arange(n), np.full(n, 150.0)], -1)[:, None]


def span_of(points: np.ndarray, **changes: np.ndarray) -> Span:
    n, k = points.shape[:2]
    fields = {
        "frames": np.arange(n), "keypoints": points, "visibility": np.full((n, k), 2, np.uint8),
        "scores": np.full((n, k), 0.9, np.float32), "provenance": np.full((n, k), Provenance.MODEL, np.uint8),
        "probability": np.full((n, k), np.nan, np.float32), "spread": np.full((n, k), np.nan, np.float32),
        "disagreement": np.full((n, k), np.nan, np.float32),
        "box": np.concatenate([points.min(1), np.ptp(points, axis=1)], -1), "head_box": np.full((n, 4), np.nan),
        "accepted": np.zeros(n, bool), "reviewed": np.zeros(n, bool),
    }  # fmt: skip
    return Span(**{**fields, **changes})


def told(span: Span, frame: int) -> str:
    d = doubts_of(span, POSETRACK15)
    at = int(np.flatnonzero(d.frames == frame)[0])
    return words(int(d.cause[at]), int(d.joint[at]), float(d.amount[at]), int(d.part[at]), POSETRACK15)


# ---- doubt -----------------------------------------------------------------------------------------------------------------


def test_somebody_who_walks_evenly_is_not_doubtful_and_neither_is_a_camera_that_jumps():
    assert not doubts_of(span_of(walking()), POSETRACK15).level.any()
    jerked = walking()
    jerked[20:] += (150, 90)
    assert not doubts_of(span_of(jerked), POSETRACK15).level.any()


def test_a_joint_that_is_elsewhere_for_one_frame_is_off_its_path_there():
    points = walking()
    points[20, WRIST] += (60, 0)
    d = doubts_of(span_of(points), POSETRACK15)
    assert d.level.argmax() == 20 and d.joint[20] == WRIST and d.level[20] > 0.7
    assert told(span_of(points), 20) == "left wrist is 60 px off its path"
    assert not d.level[:19].any() and not d.level[22:].any()


def test_a_joint_that_moves_over_for_good_jumps():
    points = walking()
    points[20:, ANKLE] += (50, 0)
    assert told(span_of(points), 19) == told(span_of(points), 20) == "right ankle jumps 50 px"


def test_legs_that_change_sides_are_told():
    points = walking()
    left, right = ([POSETRACK15.index(f"{s}_{j}") for j in ("hip", "knee", "ankle")] for s in ("left", "right"))
    points[:, left] += (25, 0)
    points[20:, [*left, *right]] = points[20:, [*right, *left]]
    assert told(span_of(points), 20) == "sides flip: legs"


def test_a_word_of_the_model_counts_and_a_probability_before_a_score():
    scores, probability = np.full((40, 15), 0.9, np.float32), np.full((40, 15), np.nan, np.float32)
    scores[7, WRIST] = 0.12
    assert told(span_of(walking(), scores=scores), 7) == "left wrist: score 0.12"
    probability[:] = 0.95
    probability[9, ANKLE] = 0.11
    d = doubts_of(span_of(walking(), scores=scores, probability=probability), POSETRACK15)
    assert d.level.argmax() == 9 and d.level[9] == pytest.approx(0.67)
    assert told(span_of(walking(), scores=scores, probability=probability), 9) == "right ankle: probability 0.11"
    # As good as a joint usually is, at a tolerance so strict: nobody needs to look.
    probability[:] = 0.4
    assert not doubts_of(span_of(walking(), scores=scores, probability=probability), POSETRACK15).level.any()


def test_windows_that_disagree_about_a_joint_are_told():
    apart = np.full((40, 15), np.nan, np.float32)
    apart[::3] = 1.0  # as every window does
    assert not doubts_of(span_of(walking(), disagreement=apart), POSETRACK15).level.any()
    apart[21, WRIST] = 34.0
    d = doubts_of(span_of(walking(), disagreement=apart), POSETRACK15)
    assert d.level.argmax() == 21 and d.level[21] > 0.5 and not np.delete(d.level, 21).any()
    assert told(span_of(walking(), disagreement=apart), 21) == "left wrist: two windows have it 34 px apart"


def test_what_a_human_placed_or_accepted_is_never_doubtful():
    points = walking()
    points[20, WRIST] += (60, 0)
    provenance = np.full((40, 15), Provenance.MODEL, np.uint8)
    provenance[20, WRIST] = Provenance.HUMAN
    assert doubts_of(span_of(points, provenance=provenance), POSETRACK15).level[20] == 0
    accepted = np.arange(40) == 20
    assert doubts_of(span_of(points, accepted=accepted), POSETRACK15).level[20] == 0


def test_doubt_is_measured_in_the_size_of_the_person():
    points = walking()
    points[20, WRIST] += (25, 0)
    near, far = span_of(points), span_of(points * 0.3)
    np.testing.assert_allclose(doubts_of(near, POSETRACK15).level, doubts_of(far, POSETRACK15).level, atol=1e-5)


# ---- the lookout -----------------------------------------------------------------------------------------------------------


def pose(points: np.ndarray) -> Pose:
    low, size = points.min(0), np.ptp(points, axis=0)
    box = (float(low[0]), float(low[1]), float(size[0]), float(size[1]))
    return Pose(points, np.full(15, 2), np.full(15, 0.9), np.full(15, Provenance.MODEL), box=box, score=0.9, model="T")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "walk.glsproj", VideoInfo("walk.mp4", 900, 480, N, 25.0, False, "h264", "0" * 64)) as made:
        points = walking(N)
        points[30, WRIST] += (70, 0)
        points[34, WRIST] += (60, 0)
        points[80, ANKLE] += (40, 0)
        for frame in range(N):
            made.store_predictions(frame, {1: pose(points[frame])})
        yield made


def looked(project: Project) -> Lookout:
    lookout = Lookout(project)
    assert lookout.update(None)
    return lookout


def test_places_come_in_order_of_doubt_and_neighbours_of_a_worse_one_later(project: Project) -> None:
    order = [place.frame for place in looked(project).places()]
    assert order[0] == 30
    assert order.index(80) < order.index(34), "frame 34 tells the same as 30, and is near"
    assert abs(30 - 34) <= NEAR


def test_what_was_reviewed_is_no_place_any_more_and_counts(project: Project) -> None:
    lookout = looked(project)
    assert (lookout.progress.reviewed, lookout.progress.people) == (0, N) and lookout.curve[30] > 180
    project.apply(reviewing.review_pose(project, 30, 1))
    project.apply(reviewing.review_frames(project, range(100, 110)))
    lookout.update({30, *range(100, 110)})
    assert 30 not in [place.frame for place in lookout.places()]
    assert lookout.curve[30] == 0 and lookout.person_curve(1, 30, 31)[0] == 0
    assert (lookout.progress.reviewed, lookout.progress.frames_reviewed, lookout.progress.frames) == (11, 10, N)
    project.undo()
    project.undo()
    lookout.update({30, *range(100, 110)})
    assert next(lookout.places()).frame == 30


def test_a_look_can_be_stopped(project: Project) -> None:
    lookout = Lookout(project)
    assert lookout.update(None, stop=lambda: True) is False
    assert not lookout.looked


def test_two_ids_on_one_person_are_told(project: Project) -> None:
    project.store_predictions(50, {1: project.pose(50, 1), 2: project.pose(50, 1)})
    assert [(p.rule, p.frame, p.track) for p in looked(project).problems if p.rule == "double"] == [("double", 50, 2)]


doings = st.sampled_from(["move", "delete", "review", "accept", "undo", "predict"])
change = st.tuples(doings, st.integers(0, N - 1), st.integers(0, 14), st.floats(-90, 90))
changes = st.lists(change, min_size=1, max_size=8)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(changes)
def test_looking_again_at_what_changed_finds_what_looking_at_all_of_it_finds(tmp_path_factory, made) -> None:
    folder = tmp_path_factory.mktemp("look")
    with Project.create(folder / "a.glsproj", VideoInfo("a.mp4", 900, 480, N, 25.0, False, "h264", "0" * 64)) as project:
        points = walking(N)
        for frame in range(N):
            project.store_predictions(frame, {1: pose(points[frame]), **({2: pose(points[frame] + 200)} if frame % 50 else {})})
        lookout, heard = looked(project), []
        project.changed.connect(lambda change: heard.append(change.frames))
        for what, frame, joint, far in made:
            there = project.pose(frame, 1)
            if what == "undo":
                project.undo()
            elif what == "predict":
                project.store_predictions(frame, {1: pose(points[frame] + far)})
            elif there is None:
                continue
            elif what == "move":
                project.apply(edits.move_joint(project, frame, 1, joint, tuple(there.keypoints[joint] + far)))
            elif what == "delete":
                project.apply(edits.delete_pose(project, frame, 1))
            elif what == "review":
                project.apply(reviewing.review_pose(project, frame, 1, not there.reviewed))
            else:
                project.apply(edits.accept_pose(project, frame, 1))
            lookout.update(set().union(*heard))
            heard.clear()
        fresh = looked(project)
        np.testing.assert_array_equal(lookout.curve, fresh.curve)
        assert lookout.progress == fresh.progress
        assert lookout.problems == fresh.problems
        assert list(lookout.places()) == list(fresh.places())


def test_every_cause_has_words() -> None:
    for cause in Cause:
        assert bool(words(cause, WRIST, 1.5, 0, POSETRACK15)) == (cause != Cause.NONE)
