"""Ids survive crossings, gaps and changes of direction; an annotator's people keep the ids they were given."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.inference.detector import Detection
from app.inference.motion import BoxMotion
from app.inference.similarity import appearance, appearance_similarity, box_of_pose, carried_box, pose_similarity
from app.inference.tracker import Candidate, Tracked, Tracker

RED, BLUE = (200, 30, 30), (30, 30, 200)
#: A standing figure in a box of one by one.
FIGURE = np.array(
    [(0.5, 0.08), (0.5, 0.17), (0.5, 0.0), (0.7, 0.2), (0.3, 0.2), (0.8, 0.38), (0.2, 0.38), (0.85, 0.52), (0.15, 0.52),
     (0.62, 0.52), (0.38, 0.52), (0.63, 0.75), (0.37, 0.75), (0.63, 0.98), (0.37, 0.98)]
)  # fmt: skip


def figure(box: tuple[float, float, float, float]) -> np.ndarray:
    return FIGURE * [box[2], box[3]] + [box[0], box[1]]


def walker(frame: int, start: float, speed: float) -> tuple[float, float, float, float]:
    return start + speed * frame, 60.0, 40.0, 120.0


def picture(people: list[tuple[tuple[float, float, float, float], tuple[int, int, int]]]) -> np.ndarray:
    canvas = np.full((240, 480, 3), 120, np.uint8)
    for (x, y, w, h), colour in people:
        canvas[int(y) : int(y + h), max(int(x), 0) : max(int(x + w), 0)] = colour
    return canvas


def run_crossing(frames: list[int], hidden: set[int], poses: bool) -> dict[int, dict[str, int]]:
    """Two people walk past each other; the one behind is not detected in ``hidden`` frames. Ids by colour and frame."""
    tracker, seen = Tracker(), {}
    for f in frames:
        red, blue = walker(f, 40, 6), walker(f, 400, -6)
        canvas = picture([(blue, BLUE), (red, RED)])
        found = [Detection(red, 0.8)] + ([] if f in hidden else [Detection(blue, 0.7)])
        candidates = tracker.propose(f, found)
        if poses:
            sure = np.full(15, 0.8)
            candidates = [c.with_pose(figure(c.box), sure if c.score else sure * 0.1) for c in candidates]
        named = tracker.update(f, candidates, canvas)
        seen[f] = {"red" if np.allclose(t.candidate.box, red) else "blue": t.track for t in named}
    return seen


@pytest.mark.parametrize("poses", [False, True])
@pytest.mark.parametrize("backward", [False, True])
def test_ids_survive_a_crossing_with_an_occlusion(poses: bool, backward: bool) -> None:
    frames = list(range(60))[:: -1 if backward else 1]
    seen = run_crossing(frames, set(range(25, 36)), poses)
    assert len({s["red"] for s in seen.values()}) == 1
    assert len({s["blue"] for s in seen.values() if "blue" in s}) == 1
    assert seen[frames[0]]["red"] != seen[frames[0]]["blue"]
    assert "blue" in seen[frames[-1]]


def test_a_person_of_another_colour_gets_another_id() -> None:
    tracker = Tracker()
    box = (100.0, 60.0, 40.0, 120.0)
    first = tracker.update(0, tracker.propose(0, [Detection(box, 0.8)]), picture([(box, RED)]))
    for f in range(1, 30):
        tracker.update(f, tracker.propose(f, []), picture([]))
    second = tracker.update(30, tracker.propose(30, [Detection(box, 0.8)]), picture([(box, BLUE)]))
    again = tracker.update(31, tracker.propose(31, [Detection(box, 0.8)]), picture([(box, BLUE)]))
    assert first[0].track != second[0].track == again[0].track


def test_an_annotators_person_keeps_id_and_box_and_hides_the_detection_under_it() -> None:
    tracker = Tracker()
    box = (100.0, 60.0, 40.0, 120.0)
    candidates = tracker.propose(5, [Detection((102, 61, 40, 118), 0.9)], {17: Candidate(box, 1.0)})
    assert len(candidates) == 1
    named = tracker.update(5, candidates, picture([(box, RED)]))
    assert [(t.track, t.box) for t in named] == [(17, box)]
    onward = tracker.update(6, tracker.propose(6, [Detection((104, 61, 40, 118), 0.9)]), picture([(box, RED)]))
    assert [t.track for t in onward] == [17]


def test_weak_detections_count_only_where_somebody_is_expected() -> None:
    tracker = Tracker()
    box, far = (100.0, 60.0, 40.0, 120.0), (300.0, 60.0, 40.0, 120.0)
    tracker.update(0, tracker.propose(0, [Detection(box, 0.8), Detection(far, 0.2)]))
    named = tracker.update(1, tracker.propose(1, [Detection((103, 60, 40, 120), 0.2), Detection(far, 0.2)]))
    assert [round(t.candidate.box[0]) for t in named] == [103]


def test_without_detection_people_are_followed_by_their_pose_and_lost_with_it() -> None:
    tracker, sure = Tracker(), np.full(15, 0.8)
    for f in range(4):
        box = walker(f, 40, 6)
        tracker.update(f, [c.with_pose(figure(box), sure) for c in tracker.propose(f, [Detection(box, 0.8)])])
    named: list[Tracked] = []
    for f in range(4, 12):
        box = walker(f, 40, 6)
        candidates = [c.with_pose(figure(box), sure) for c in tracker.propose(f, None)]
        named = tracker.update(f, candidates, detected=False)
        assert [t.track for t in named] == [0]
    np.testing.assert_allclose(named[0].box, walker(11, 40, 6), atol=12)
    candidates = [c.with_pose(figure(c.box), sure * 0.1) for c in tracker.propose(12, [])]
    assert tracker.update(12, candidates) == []


def test_two_boxes_on_one_pose_are_one_person() -> None:
    tracker, box, sure = Tracker(), (100.0, 60.0, 40.0, 120.0), np.full(15, 0.8)
    found = [Detection(box, 0.8), Detection((100, 60, 40, 70), 0.5)]
    named = tracker.update(0, [c.with_pose(figure(box), sure) for c in tracker.propose(0, found)])
    assert [t.candidate.score for t in named] == [0.8]


def test_the_upper_half_and_the_whole_of_somebody_are_one_person() -> None:
    tracker, box = Tracker(), (100.0, 60.0, 40.0, 120.0)
    found = [Detection(box, 0.8), Detection((102, 61, 36, 55), 0.5), Detection((140, 60, 40, 120), 0.7)]
    named = tracker.update(0, tracker.propose(0, found))
    assert [t.candidate.score for t in named] == [0.8, 0.7]


def test_a_box_on_half_of_a_hidden_person_is_nobody() -> None:
    """The pose found in it is that of the person in front."""
    tracker, front, sure = Tracker(), (100.0, 60.0, 60.0, 160.0), np.full(15, 0.8)
    half = tracker.propose(0, [Detection(front, 0.8), Detection((165, 70, 25, 140), 0.4)])
    mixed = figure(front) + np.where(np.arange(15)[:, None] > 8, [45.0, -15.0], [0.0, 0.0])
    poses = [figure(front), mixed]
    named = tracker.update(0, [c.with_pose(pose, sure) for c, pose in zip(half, poses, strict=True)])
    assert [t.candidate.box for t in named] == [front]


def test_somebody_in_full_view_keeps_the_id_when_another_who_was_away_comes_back_beside() -> None:
    tracker = Tracker()
    still, beside = (100.0, 60.0, 60.0, 160.0), (100.0, 80.0, 60.0, 140.0)
    first = tracker.update(0, tracker.propose(0, [Detection(still, 0.8)]))[0].track
    tracker.update(1, tracker.propose(1, [Detection(still, 0.8), Detection(beside, 0.7)]))
    for f in range(2, 20):
        tracker.update(f, tracker.propose(f, [Detection(still, 0.8)]))
    # What is seen of the other overlaps the box of the first, too: the best sum would swap the two.
    named = tracker.update(20, tracker.propose(20, [Detection(still, 0.8), Detection((100, 60, 30, 80), 0.4)]))
    assert {t.candidate.box: t.track for t in named}[still] == first


def test_seeded_people_go_on_in_the_other_direction() -> None:
    tracker = Tracker(new_id=iter([9]).__next__)
    for f in (12, 11, 10):
        tracker.seed(f, {3: Candidate(walker(f, 40, 6), 1.0), 4: Candidate(walker(f, 400, -6), 1.0)})
    found = [Detection(walker(9, 400, -6), 0.8), Detection(walker(9, 40, 6), 0.8), Detection((200, 60, 40, 120), 0.8)]
    named = {t.track: t.candidate.box[0] for t in tracker.update(9, tracker.propose(9, found))}
    assert named == {3: 94, 4: 346, 9: 200}


@settings(deadline=None, max_examples=25)
@given(st.permutations(list(range(6))), st.integers(0, 2**16))
def test_ids_do_not_depend_on_the_order_of_detections(order: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    starts = rng.uniform(0, 900, 6)

    def ids(permutation: list[int]) -> list[dict[float, int]]:
        tracker, out = Tracker(), []
        for f in range(5):
            boxes = [(float(starts[i]) + 4 * f, 50.0, 40.0, 120.0) for i in permutation]
            found = [Detection(b, 0.5 + 0.01 * i) for b, i in zip(boxes, permutation, strict=True)]
            named = tracker.update(f, tracker.propose(f, found))
            out.append({t.candidate.box[0]: t.track for t in named})
        return out

    straight, shuffled = ids(list(range(6))), ids(order)
    assert groups(straight) == groups(shuffled)


def groups(frames: list[dict[float, int]]) -> set[frozenset[tuple[int, float]]]:
    """Who is one person, whatever the ids: sets of (frame, place)."""
    people: dict[int, set[tuple[int, float]]] = {}
    for f, places in enumerate(frames):
        for place, track in places.items():
            people.setdefault(track, set()).add((f, place))
    return {frozenset(p) for p in people.values()}


@given(st.floats(-20, 20), st.floats(-20, 20), st.integers(1, 5))
def test_motion_learns_a_constant_velocity(vx: float, vy: float, gap: int) -> None:
    motion = BoxMotion.start((0.0, 0.0, 50.0, 150.0))
    for n in range(1, 25):
        motion = motion.predicted(1).corrected((vx * n, vy * n, 50.0, 150.0))
    x, y, *_ = motion.predicted(gap).box
    assert abs(x - vx * (24 + gap)) < 1 + 0.05 * abs(vx) * gap
    assert abs(y - vy * (24 + gap)) < 1 + 0.05 * abs(vy) * gap


def test_likeness_of_poses_and_colours() -> None:
    box, sure = (100.0, 60.0, 40.0, 120.0), np.full(15, 0.9)
    pose = figure(box)
    assert pose_similarity(pose, sure, pose, sure, 4800) == pytest.approx(1)
    far = pose_similarity(pose, sure, pose + 60, sure, 4800)
    assert far is not None and far < 0.01
    assert pose_similarity(pose, sure * 0.1, pose, sure, 4800) is None
    canvas = picture([(box, RED), ((300.0, 60.0, 40.0, 120.0), BLUE)])
    red, blue = appearance(canvas, box), appearance(canvas, (300.0, 60.0, 40.0, 120.0))
    assert red is not None and blue is not None
    assert appearance_similarity(red, red) == pytest.approx(1, abs=1e-5) and appearance_similarity(red, blue) < 0.1
    assert appearance(canvas, (-200.0, 0.0, 50.0, 50.0)) is None


@given(st.floats(-50, 50), st.floats(-50, 50))
def test_a_box_is_carried_by_its_pose(dx: float, dy: float) -> None:
    box, sure = (100.0, 60.0, 40.0, 120.0), np.full(15, 0.2)
    moved = carried_box(box, figure(box), figure(box) + np.array([dx, dy]), sure)
    np.testing.assert_allclose(moved, (100 + dx, 60 + dy, 40, 120), atol=1e-6)
    around = box_of_pose(figure(box), np.full(15, 0.9))
    assert around is not None and around[0] < 106 and around[1] < 60
    assert box_of_pose(figure(box), sure) is None
