"""Figures of motion over time against what the labels were made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.labels import edits
from app.labels.pose import Pose, Provenance
from app.labels.project import Project
from app.labels.statistics import MEASURES, Course, jumps
from glsmamba.data.skeletons import POSETRACK15
from glsmamba.data.video import VideoInfo

N, K = 400, len(POSETRACK15)
WRIST, ELBOW = POSETRACK15.index("left_wrist"), POSETRACK15.index("left_elbow")
FOREARM = next(i for i, edge in enumerate(POSETRACK15.edges) if set(edge) == {WRIST, ELBOW})


@pytest.fixture
def project(tmp_path: Path):
    rng = np.random.default_rng(3)
    walk = rng.normal(0, 1.0, (N, K, 2)).cumsum(0) + 500
    walk[200:, WRIST] += 90  # one jump there that stays
    scores = rng.uniform(0.7, 0.8, (N, K))
    with Project.create(tmp_path / "a.glsproj", VideoInfo("v.mp4", 1000, 1000, N, 25.0, False, "h264", "0" * 64)) as made:
        for frame in range(N):
            if not 100 <= frame < 120:
                pose = Pose(walk[frame], np.full(K, 2), scores[frame], np.full(K, Provenance.MODEL), box=(400, 400, 200, 200))
                made.store_predictions(frame, {1: pose, 2: pose})
        yield made, walk, scores


def course(project: Project) -> Course:
    made = Course(project, 1)
    assert made.read()
    return made


def test_figures_are_those_of_the_labels_and_gaps_stay_gaps(project) -> None:
    labels, walk, scores = project
    read = course(labels)
    gone = np.zeros(N, bool)
    gone[100:120] = True
    moved = read.series("displacement", WRIST)
    expected = np.array([np.nan, *(np.hypot(*(walk[i, WRIST] - walk[i - 1, WRIST])) for i in range(1, N))])
    expected[gone] = expected[120] = np.nan  # the first frame after a gap has none before it
    np.testing.assert_allclose(moved.values, expected, atol=1e-3)
    length = np.where(gone, np.nan, np.hypot(*(walk[:, WRIST] - walk[:, ELBOW]).T))
    np.testing.assert_allclose(read.series("length", None, FOREARM).values, length, atol=1e-3)
    np.testing.assert_allclose(read.series("score", WRIST).values, np.where(gone, np.nan, scores[:, WRIST]), atol=1e-6)
    all_joints = read.series("displacement")
    np.testing.assert_allclose(
        all_joints.values[1:50], np.median(np.linalg.norm(np.diff(walk[:50], axis=0), axis=-1), axis=1), atol=1e-3
    )
    assert moved.jumps.tolist() == [200] and read.series("length", None, FOREARM).jumps.tolist() == [200]
    assert not len(read.series("displacement", POSETRACK15.index("nose")).jumps)


def test_a_corrected_joint_is_a_humans_has_no_score_and_only_its_frame_is_read_again(project) -> None:
    labels, _walk, _scores = project
    read = course(labels)
    labels.apply(edits.move_joint(labels, 50, 1, WRIST, (10.0, 20.0)))
    read.update({50, N + 5})
    again = course(labels)
    for measure in MEASURES:
        kept, fresh = read.series(measure, WRIST, FOREARM), again.series(measure, WRIST, FOREARM)
        np.testing.assert_array_equal(kept.values, fresh.values)
        assert kept.human.tolist() == fresh.human.tolist() == [50]
        assert kept.jumps.tolist() == fresh.jumps.tolist()
    assert np.isnan(read.series("score", WRIST).values[50]) and read.points[50, WRIST].tolist() == [10, 20]
    assert {50, 51} <= set(read.series("displacement", WRIST).jumps.tolist())


def test_the_bound_holds_while_less_than_half_of_the_steps_are_wrong() -> None:
    rng = np.random.default_rng(0)
    steps = rng.normal(5, 1, 1000)
    clean = jumps(steps)[1]
    wrong = rng.permutation(1000)[:400]
    steps[wrong] = 1000
    found, bound = jumps(steps)
    assert clean < bound < 100 and sorted(wrong.tolist()) == found.tolist()
    assert np.isnan(jumps(np.full(3, np.nan))[1]) and jumps(np.array([np.nan, 0, 0, 0.4]), 0.5)[0].tolist() == []
