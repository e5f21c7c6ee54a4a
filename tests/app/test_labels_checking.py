"""What find_problems finds in a project, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.labels import edits
from app.labels.checking import find_problems
from app.labels.pose import Pose, Provenance
from app.labels.project import Project
from glsmamba.data.records import Visibility
from glsmamba.data.skeletons import POSETRACK15
from glsmamba.data.video import VideoInfo

N = 20
SHAPE = np.array(
    [[0, -62], [0, -50], [0, -80], [13, -45], [-13, -45], [20, -22], [-20, -22], [22, 0], [-22, 0], [9, 0], [-9, 0], [10, 35],
     [-10, 35], [11, 70], [-11, 70]], float,
)  # fmt: skip


def standing(x: float) -> Pose:
    return Pose(
        SHAPE + np.array([x, 150.0]),
        np.full(15, 2),
        np.full(15, 0.8),
        np.full(15, Provenance.MODEL),
        box=(x - 30, 60, 60, 170),
        score=0.9,
        model="T",
    )


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "walk.glsproj", VideoInfo("walk.mp4", 640, 480, N, 25.0, False, "h264", "0" * 64)) as made:
        for frame in range(N):
            made.store_predictions(frame, {1: standing(100.0 + 3 * frame), 2: standing(400.0)})
        yield made


def found(project: Project) -> set[tuple]:
    return {(p.rule, p.frame, p.track, p.joint) for p in find_problems(project)}


def test_sound_people_have_no_problems(project: Project) -> None:
    assert find_problems(project) == []


def test_each_finding_names_its_place_and_goes_away_with_its_cause(project: Project) -> None:
    wrist, top = POSETRACK15.index("left_wrist"), POSETRACK15.index("head_top")
    project.apply(edits.move_joint(project, 4, 1, wrist, (650.0, 100.0)))
    assert {("outside", 4, 1, wrist)} <= found(project)
    assert any(rule == "bone" and (frame, track) == (4, 1) for rule, frame, track, _ in found(project))
    project.undo()
    assert found(project) == set()
    project.apply(edits.set_visibility(project, 7, 2, top, Visibility.ABSENT))
    assert found(project) == {("head box", 7, 2, None)}
    project.apply(edits.set_head_box(project, 7, 2, (390.0, 60.0, 20.0, 24.0)))
    assert found(project) == set()


def test_a_lost_person_is_a_gap_but_one_deleted_by_hand_is_not(project: Project) -> None:
    project.apply(edits.delete_pose(project, 9, 2))
    assert found(project) == set()
    with Project.create(project.path.with_name("gap.glsproj"), project.video) as other:
        for frame in (0, 1, 4, 5):
            other.store_predictions(frame, {1: standing(100.0)})
        assert found(other) == {("gap", 2, 1, None)}


def test_the_search_stops_when_told_and_tells_how_far_it_is(project: Project) -> None:
    told: list[float] = []
    project.apply(edits.move_joint(project, 4, 1, 0, (-50.0, 100.0)))
    assert find_problems(project, told.append, lambda: True) == []
    assert find_problems(project, told.append, lambda: False) and told and all(0 <= value <= 1 for value in told)
