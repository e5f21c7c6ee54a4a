"""PCK and PoseTrack's AP: cases worked out by hand, and properties that any right computation has."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glsmamba.data.metrics import AveragePrecision, area_under, average_precision, head_size, match_people, pck
from glsmamba.data.records import FrameRecord, PersonRecord, SequenceRecord, Visibility

K = 15
HEAD_BOX = (0.0, 0.0, 30.0, 40.0)  # diagonal 50, head size 30: right within 15 pixels


def person(x: float, score: float = 0.5, absent: tuple[int, ...] = (), head_box=HEAD_BOX) -> PersonRecord:
    points = np.column_stack([np.full(K, x), 20.0 * np.arange(K)])
    seen = np.full(K, Visibility.VISIBLE, np.uint8)
    seen[list(absent)] = Visibility.ABSENT
    return PersonRecord(0, points, seen, np.full(K, score, np.float32), head_box=head_box)


def clip(*frames: list[PersonRecord]) -> SequenceRecord:
    return SequenceRecord("clip", tuple(FrameRecord(n, tuple(people)) for n, people in enumerate(frames)))


def ap(predicted: SequenceRecord, truth: SequenceRecord) -> AveragePrecision:
    return average_precision([predicted], [truth])


def test_pck_counts_what_is_labelled_up_to_the_border() -> None:
    assert head_size(HEAD_BOX) == 30.0
    truth = np.zeros((3, 4, 2))
    predicted = truth.copy()
    predicted[0, 0] = (9, 12)  # 15 pixels: just right
    predicted[1, 0] = (9, 12.001)
    predicted[0, 1] = np.nan  # nothing predicted: wrong
    predicted[:, 2] = 1000
    labelled = np.ones((3, 4), bool)
    labelled[0, 2] = labelled[1, 2] = False
    labelled[:, 3] = False
    shares = pck(predicted, truth, labelled, np.full(3, 30.0))
    np.testing.assert_allclose(shares, [2 / 3, 2 / 3, 0, np.nan])
    assert pck(predicted, truth, labelled, np.array([30.0, 31.0, 30.0]))[0] == 1


def test_the_truth_as_prediction_is_perfect_in_every_joint_that_occurs() -> None:
    truth = clip([person(0, absent=(14,)), person(200, absent=(14,))], [], [person(50, absent=(14,))])
    result = ap(truth, truth)
    assert (result.per_joint[:14] == 1).all() and np.isnan(result.per_joint[14])
    assert result.mean == 1 and result.labelled.tolist() == [3] * 14 + [0]


def test_missed_people_cost_recall_and_strangers_precision_by_their_score() -> None:
    truth = clip([person(0), person(200)])
    assert ap(clip([person(3)]), truth).mean == 0.5
    assert ap(clip([]), truth).mean == 0
    # ranked: right, stranger, right: 1/2 at precision 1, 1/2 at 2/3
    between = clip([person(0, 0.9), person(500, 0.8), person(200, 0.7)])
    np.testing.assert_allclose(ap(between, truth).per_joint, (1 + 2 / 3) / 2)
    last = clip([person(0, 0.9), person(500, 0.1), person(200, 0.7)])
    assert ap(last, truth).mean == 1


def test_a_joint_beyond_half_a_head_is_wrong_for_that_joint_alone() -> None:
    guess = person(0)
    guess.keypoints[4] += (15.1, 0)
    per_joint = ap(clip([guess]), clip([person(0)])).per_joint
    assert per_joint[4] == 0 and (np.delete(per_joint, 4) == 1).all()
    guess.keypoints[4] -= (0.2, 0)
    assert ap(clip([guess]), clip([person(0)])).mean == 1


def test_a_joint_the_truth_does_not_label_is_a_false_positive() -> None:
    truth = clip([person(0, absent=(2,))], [person(0)])
    # joint 2: first a wrong one at 0.9, then the right one at 0.5 -> precision 1/2 at recall 1
    per_joint = ap(clip([person(0, 0.9)], [person(0, 0.5)]), truth).per_joint
    assert per_joint[2] == 0.5 and (np.delete(per_joint, 2) == 1).all()


def test_frames_without_people_in_the_truth_are_passed_over() -> None:
    assert ap(clip([person(0)], [person(0, 0.99)]), clip([person(0)], [])).mean == 1


def test_of_two_predictions_of_one_person_one_counts() -> None:
    near = clip([person(1, 0.5), person(2, 0.9)])  # both fit in all joints: the first is taken, the other is a stranger
    assert ap(near, clip([person(0)])).mean == 0.5


def test_matching_takes_the_best_and_gives_no_second_choice() -> None:
    labelled = np.ones((2, 4), bool)
    close = np.zeros((3, 2, 4), bool)
    close[0, 0, :3] = True
    close[1, 0] = close[1, 1, :2] = True
    close[2, 1, :1] = True
    assert match_people(close, labelled).tolist() == [-1, 0, 1]
    assert match_people(np.zeros((2, 2, 4), bool), labelled).tolist() == [-1, -1]
    assert match_people(np.zeros((2, 0, 4), bool), labelled[:0]).tolist() == [-1, -1]


@given(st.lists(st.booleans(), max_size=12), st.integers(0, 4), st.randoms())
def test_the_area_is_that_of_its_definition(hits: list[bool], missed: int, shuffle) -> None:
    """Against the definition in exact fractions: for every rise of recall, the best precision at that recall or beyond."""
    total = sum(hits) + missed
    order = list(range(len(hits)))
    shuffle.shuffle(order)
    scores = np.array([1.0 - i / 20 for i in order])
    area = area_under(scores, np.array([hits[i] for i in order], bool), total)
    if total == 0:
        assert np.isnan(area)
        return
    points = [(Fraction(sum(hits[: n + 1]), total), Fraction(sum(hits[: n + 1]), n + 1)) for n in range(len(hits))]
    exact = Fraction(0)
    for found in range(1, total + 1):
        recall = Fraction(found, total)
        exact += Fraction(1, total) * max((p for r, p in points if r >= recall), default=Fraction(0))
    assert area == pytest.approx(float(exact))


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="different frames"):
        ap(clip([person(0)]), clip([person(0)], []))
    with pytest.raises(ValueError, match="no head box"):
        ap(clip([person(0)]), clip([person(0, head_box=None)]))
