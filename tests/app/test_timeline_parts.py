"""The timeline's arithmetic and pixels, without a window: axis, ticks, lanes, bars."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.labels.codec import DELETED, REVIEWED
from app.ui.timeline.axis import MAX_SCALE, Axis
from app.ui.timeline.bars import ROW_HEIGHT, draw_curve, draw_frames, draw_notes, draw_person, pixel
from app.ui.timeline.lanes import EMPTY, GAP, LOOKED_AT, STATE_BIT, FrameLane, Lane, TrackLanes
from app.ui.timeline.ticks import frame_step, short_time, slot_step, small_step


class FakeLabels:
    def __init__(self, states: np.ndarray) -> None:
        self.states, self.done, self.seen = states, np.zeros(states.shape[1], bool), np.zeros(states.shape[1], bool)
        self.reads = 0

    def tracks(self):
        return tuple(range(len(self.states)))

    def track_summary(self, track):
        self.reads += 1
        return self.states[track].copy()

    def track_flags(self, track):
        return self.track_summary(track)

    def frame_flags(self, frame):
        return {t: int(v) for t, v in enumerate(self.states[:, frame]) if v}

    def marks(self):
        return ()

    def frame_states(self, frame):
        return {t: int(v) for t, v in enumerate(self.states[:, frame]) if v}

    def track_name(self, track):
        return str(track)

    def predicted_frames(self):
        return self.done.copy()

    def reviewed_frames(self):
        return self.seen.copy()

    def is_reviewed(self, frame):
        return bool(self.seen[frame])


# ---- axis -------------------------------------------------------------------------------------------------------------


def test_the_whole_video_is_shown_at_first_and_follows_the_width():
    axis = Axis(1000, 500)
    assert (axis.first, axis.shown, axis.fitted) == (0, 1000, True)
    axis.set_width(250)
    assert axis.shown == 1000 and axis.visible == range(0, 1000)


moves = st.lists(st.tuples(st.floats(0.1, 10), st.floats(0, 1), st.floats(-9999, 9999)), max_size=8)


@given(st.integers(1, 200_000), st.floats(50, 4000), moves)
def test_whatever_is_done_the_axis_stays_on_the_video(count, width, moves):
    axis = Axis(count, width)
    for factor, share, pan in moves:
        axis.zoom_at(factor, share * width)
        axis.pan(pan)
        assert axis.first >= 0 and axis.first + axis.shown <= count * (1 + 1e-9)
        assert axis.fit_scale * (1 - 1e-9) <= axis.scale <= max(MAX_SCALE, axis.fit_scale)
        assert 0 <= axis.frame_at(0) <= axis.frame_at(width) <= count - 1


def test_zooming_keeps_the_frame_under_the_pointer():
    axis = Axis(100_000, 1000)
    axis.zoom_at(50, 400)
    before = axis.first + 300 / axis.scale
    axis.zoom_at(1.7, 300)
    assert axis.first + 300 / axis.scale == pytest.approx(before)


def test_a_frame_out_of_sight_is_brought_back_with_room_ahead():
    axis = Axis(1000, 100)
    axis.zoom_at(10, 0)
    assert axis.visible.stop - 1 <= 100
    assert axis.reveal(500) and axis.frame_at(10) == 500
    assert not axis.reveal(550)
    assert axis.reveal(489) and axis.frame_at(90) == pytest.approx(489, abs=1)


def test_showing_some_frames_shows_all_of_them():
    axis = Axis(10_000, 800)
    axis.show(2000, 2400)
    assert axis.visible.start <= 2000 and axis.visible.stop > 2400 and axis.shown < 500


# ---- ticks ------------------------------------------------------------------------------------------------------------


@given(st.floats(0.001, 100), st.floats(10, 200))
def test_labels_have_their_room_and_no_more_than_needed(scale, room):
    step = frame_step(scale, room)
    assert step * scale >= room * (1 - 1e-9)
    assert step == 1 or step / 2.5 * scale < room
    assert step % small_step(step, scale) == 0
    places = slot_step(scale, room)
    assert places * scale >= room * (1 - 1e-9) and (places == 1 or places / 2 * scale < room)


def test_times_are_as_fine_as_the_ticks():
    assert short_time(64.26, False) == "1:04" and short_time(64.26, True) == "1:04.26"
    assert short_time(3600 + 64.996, True) == "1:01:05.00" and short_time(-1, False) == "0:00"


# ---- lanes ------------------------------------------------------------------------------------------------------------


def plain_columns(bits, first, per, n):
    """What the columns hold, one frame after the other."""
    out = np.zeros(n, np.uint8)
    for i in range(n):
        a, b = int(np.floor(first + i * per)), int(np.floor(first + (i + 1) * per))
        out[i] = np.bitwise_or.reduce(bits[max(a, 0) : max(b, a + 1)]) if a < len(bits) else 0
    return out


@given(st.integers(1, 3000), st.floats(1.01, 60), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_columns_hold_the_bits_of_all_their_frames(count, per, where, seed):
    bits = STATE_BIT[np.random.default_rng(seed).integers(0, 5, count)]
    n, first = 40, where * count
    assert (Lane(bits).columns(first, per, n) == plain_columns(bits, first, per, n)).all()


def test_a_single_edited_frame_of_a_long_video_is_never_lost():
    rng = np.random.default_rng(0)
    for frame in rng.integers(0, 100_000, 50):
        bits = np.full(100_000, 2, np.uint8)
        bits[frame] = 4
        for per in (71.3, 100_000 / 1500, 17.0, 3000.0):
            columns = Lane(bits).columns(0, per, int(100_000 / per) + 1)
            at = np.flatnonzero(columns & 4)
            assert len(at) and np.abs(at - frame / per).min() <= 1.25


def test_wide_frames_are_looked_up_one_by_one():
    columns = Lane(STATE_BIT[np.array([1, 2, 3])]).columns(-1, 0.25, 20)
    assert columns.tolist() == [0] * 4 + [2] * 4 + [4] * 4 + [8] * 4 + [0] * 4


@given(st.integers(2, 5000), st.integers(0, 2**32 - 1))
def test_a_changed_frame_changes_all_sums(count, seed):
    rng = np.random.default_rng(seed)
    bits = STATE_BIT[rng.integers(0, 5, count)]
    lane = Lane(bits)
    for frame, state in zip(rng.integers(0, count, 20), rng.integers(0, 5, 20), strict=True):
        lane.set(int(frame), int(STATE_BIT[state]))
        bits[frame] = STATE_BIT[state]
    for level, anew in zip(lane.levels, Lane(bits).levels, strict=True):
        assert (level == anew).all()


def test_people_are_read_once_and_then_frame_by_frame():
    labels = FakeLabels(np.ones((3, 500), np.uint8))
    lanes = TrackLanes()
    lanes.set_labels(labels)
    assert lanes.lane(1).levels[0][40] == 2
    labels.states[1, 40], labels.states[1, 41] = 3, 0
    lanes.touch([40, 41])
    assert lanes.lane(1).levels[0][40:42].tolist() == [8, 1]
    assert labels.reads == 1, "the other people weren't looked at, this one only once"


def test_the_whole_videos_lane_follows():
    labels = FakeLabels(np.zeros((1, 100), np.uint8))
    lane = FrameLane()
    lane.set_labels(labels)
    assert set(lane.lane.levels[0].tolist()) == {1}
    labels.done[3] = labels.seen[3] = labels.seen[4] = True
    lane.touch([3, 4])
    assert lane.lane.levels[0][2:6].tolist() == [1, 6, 4, 1]


# ---- bars -------------------------------------------------------------------------------------------------------------

GROUND, COLOUR = (10, 20, 30), (230, 159, 0)


def row(bits, ratio=1.0, light=False) -> np.ndarray:
    out = np.full((round(ROW_HEIGHT * ratio), len(bits)), pixel(GROUND), np.uint32)
    draw_person(out, np.asarray(bits, np.uint8), COLOUR, GROUND, ratio, light)
    return out


def heights(bits, **more) -> list[int]:
    return (row(bits, **more) != pixel(GROUND)).sum(axis=0).tolist()


def test_states_are_told_apart_by_form():
    assert heights([1] * 9) == [0] * 9
    assert heights([2] * 9) == [4] * 9, "predicted: a thin line"
    assert heights([8] * 9) == [12] * 9, "accepted: full height"
    filled_in = heights([16] * 12)
    assert set(filled_in) == {0, 4} and filled_in[:6] == [4, 4, 4, 4, 0, 0], "filled in: the thin line, dashed"
    edited, accepted = row([1, *[4] * 9, 1])[:, 1:-1], row([8] * 9)
    assert (accepted[4:16] == pixel(COLOUR)).all()
    assert (edited[4] == pixel(COLOUR)).all() and (edited[6, 1:-1] != pixel(COLOUR)).all(), "edited: hollow"
    assert edited[6, 0] == edited[6, -1] == pixel(COLOUR), "and closed at its ends"


def test_a_mixed_column_shows_what_a_human_did_but_paler():
    mixed, pure = row([2, 2, 2 | 8, 2, 2]), row([2, 2, 8, 2, 2])
    assert (mixed[4:16, 2] != pixel(GROUND)).all() and (mixed[4:16, 2] != pure[4:16, 2]).all()
    assert heights([1 | 2] * 3) == [4] * 3, "a gap among predicted frames"
    assert row([1 | 2] * 3)[9, 0] != row([2] * 3)[9, 0]


@pytest.mark.parametrize("ratio", [1.25, 1.5, 2.0, 3.0])
def test_forms_grow_with_the_screens_scale(ratio):
    assert heights([2] * 4, ratio=ratio)[1] == pytest.approx(4 * ratio, abs=1)
    assert heights([8] * 4, ratio=ratio)[1] == pytest.approx(12 * ratio, abs=1)


def test_reviewed_and_predicted_frames_lie_above_each_other():
    out = np.full((16, 4), pixel(GROUND), np.uint32)
    draw_frames(out, np.array([1, 2, 4, 6], np.uint8), (200, 200, 200), (0, 200, 0), GROUND, 1.0)
    green, grey = (out == pixel((0, 200, 0))).sum(axis=0), (out == pixel((200, 200, 200))).sum(axis=0)
    assert (green > 0).tolist() == [False, False, True, True]
    assert (grey > 0).tolist() == [False, True, False, True]


# ---- gaps and reviews ---------------------------------------------------------------------------------------------------


def naive_gaps(present: list[bool], deleted: list[bool]) -> list[bool]:
    """A frame is in a gap if somebody is absent there and present at most 30 frames apart on both sides."""
    out = []
    for frame, here in enumerate(present):
        before = [f for f in range(frame) if present[f]]
        after = [f for f in range(frame + 1, len(present)) if present[f]]
        short = bool(before and after) and after[0] - before[-1] - 1 <= 30
        out.append(not here and short and not deleted[frame])
    return out


some_changes = st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from([0, 1, 3, DELETED])), max_size=6)
rows_of_flags = st.lists(st.sampled_from([0, 0, 0, 1, 2, 3, 1 | REVIEWED, 4, DELETED]), min_size=1, max_size=30)


@given(rows_of_flags, st.integers(1, 7), some_changes)
def test_gaps_and_reviews_are_those_of_the_labels_also_after_changes(flags, times, changes):
    labels = FakeLabels(np.repeat(np.array([flags], np.uint8), times, axis=1))
    lanes = TrackLanes()
    lanes.set_labels(labels)
    lanes.notes(0)
    for where, value in changes:
        labels.states[0, where % labels.states.shape[1]] = value
        lanes.touch([where % labels.states.shape[1]])
    row = labels.states[0].tolist()
    notes = lanes.notes(0).levels[0]
    assert (notes & GAP != 0).tolist() == naive_gaps([v & 15 > 0 for v in row], [v == DELETED for v in row])
    assert (notes & LOOKED_AT != 0).tolist() == [bool(v & REVIEWED) or v == 3 for v in row]
    np.testing.assert_array_equal(lanes.lane(0).levels[0], STATE_BIT[np.array(row) & 15])


def test_a_gap_is_dotted_and_a_review_is_a_line_below():
    row = np.zeros((ROW_HEIGHT, 40), np.uint32)
    bits = np.full(40, EMPTY, np.uint8)
    bits[10:20], bits[20:30] = GAP, LOOKED_AT
    draw_notes(row, bits, np.where(bits == GAP, 1, 2).astype(np.uint8), (1, 2, 3), (4, 5, 6), 1.0)
    assert (row[18, 20:30] == pixel((1, 2, 3))).all() and not row[:, 30:].any() and not row[:, :10].any()
    dots = row[10, 10:20] == pixel((4, 5, 6))
    assert 4 <= dots.sum() <= 6


def test_the_curve_stands_on_the_lower_edge_and_the_greatest_of_a_column_is_seen():
    row = np.zeros((20, 4), np.uint32)
    draw_curve(row, np.array([0, 1, 128, 255], np.uint8), (9, 9, 9))
    assert (row == pixel((9, 9, 9))).sum(0).tolist() == [0, 1, 11, 20] and row[-1, 1] and not row[0, 2]
    curve = np.zeros(5000, np.uint8)
    curve[[1234, 1240]] = 40, 200
    assert Lane(curve, np.maximum).columns(0, 100, 50).tolist() == [200 if n == 12 else 0 for n in range(50)]
