"""The engine: what comes next, what is kept, and that nothing is lost when it is stopped or something breaks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.inference.answers import EngineError
from app.inference.detector import Detection
from app.inference.engine import Engine
from app.inference.order import next_frame
from app.inference.settings import EngineSettings
from app.inference.status import EngineStatus
from app.inference.windows import Frames
from app.labels import edits
from app.labels.pose import Provenance
from app.labels.project import Project
from glsmamba.data.video import VideoError, VideoInfo
from glsmamba.maps import MapKind

N, WIDTH, HEIGHT = 24, 480, 240
RED, BLUE = (200, 30, 30), (30, 30, 200)


def red_box(frame: int) -> tuple[float, float, float, float]:
    return 40.0 + 4 * frame, 60.0, 40.0, 120.0


def blue_box(frame: int) -> tuple[float, float, float, float]:
    return 400.0 - 3 * frame, 80.0, 40.0, 120.0


def red_start(picture: np.ndarray) -> int:
    """The number of a frame by where the red person stands in it."""
    columns = np.nonzero((picture == RED).all(axis=2).any(axis=0))[0]
    return round((columns.min() - 40) / 4)


class FakeReader:
    """Two people walk; frames in ``damaged`` cannot be decoded."""

    def __init__(self, damaged: Sequence[int] = ()) -> None:
        self.damaged = set(damaged)
        self.reads: list[int] = []
        self.closed = False

    @property
    def n_frames(self) -> int:
        return N

    def read(self, i: int) -> np.ndarray:
        assert 0 <= i < N
        self.reads.append(i)
        if i in self.damaged:
            raise VideoError(f"Frame {i} of test.mp4 cannot be decoded: the file is damaged there.")
        picture = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
        for (x, y, w, h), colour in ((blue_box(i), BLUE), (red_box(i), RED)):
            picture[int(y) : int(y + h), int(x) : int(x + w)] = colour
        return picture

    def close(self) -> None:
        self.closed = True


class FakeDetector:
    """Finds the coloured people."""

    def detect(self, frame: np.ndarray) -> list[Detection]:
        found = []
        for colour in (RED, BLUE):
            rows, columns = np.nonzero((frame == colour).all(axis=2))
            if len(rows) > 50:
                x, y = float(columns.min()), float(rows.min())
                found.append(Detection((x, y, float(columns.max() + 1 - x), float(rows.max() + 1 - y)), 0.8))
        return found


class FakePredictor:
    """Answers with fixed places in the box; the model's blocks are eight chances to cancel."""

    config = SimpleNamespace(
        frames=5, key=2, input_size=(64, 48), gsm_blocks=2, lrm_blocks=1, sigma=2.0, unified_pair="reverse"
    )  # fmt: skip
    name = "fake"
    device = "CPU"
    flip_test = False

    def __init__(self) -> None:
        self.windows: list[Any] = []
        self.captured: list[Any] = []
        self.before_block: Callable[[int], None] = lambda _n: None
        self.fail: Exception | None = None
        self.notice = ""

    def backends(self) -> dict[str, str]:
        return {"device": self.device, "scan": "numba (fake)", **({"notice": self.notice} if self.notice else {})}

    def predict(self, windows: Sequence[Any], *, cancelled: Any = None, keep_heatmaps: bool = False) -> list[Any]:
        from glsmamba.predictor import Cancelled, PosePrediction

        if self.fail is not None:
            raise self.fail
        for n in range(8):
            self.before_block(n)
            if cancelled is not None and cancelled():
                raise Cancelled
        self.windows += windows
        maps = np.zeros((15, 8, 6), np.float32) if keep_heatmaps else None
        grid = np.linspace(0.1, 0.9, 15)
        scores = np.full(15, 0.7, np.float32)
        places = [np.stack([w.box[0] + w.box[2] * grid[::-1], w.box[1] + w.box[3] * grid], axis=1) for w in windows]
        doubt = np.full(15, 3.5, np.float32), np.full(15, 0.625, np.float32)  # spreads, probabilities
        return [PosePrediction(place, scores, maps, np.eye(2, 3), (8, 6), *doubt) for place in places]

    def predict_frames(self, windows: Sequence[Any], read: slice, features: Any, *, cancelled: Any = None) -> list[list[Any]]:
        return [[pose] * (read.stop - read.start) for pose in self.predict(windows, cancelled=cancelled)]

    def capture(self, window: Any, *, cancelled: Any = None) -> Any:
        from glsmamba.maps import ActivationMaps
        from glsmamba.predictor import Cancelled

        if cancelled is not None and cancelled():
            raise Cancelled
        self.captured.append(window)
        crop = np.eye(2, 3) * 0.1

        def maps(query: Any, kind: Any, between: Callable[[], None]) -> Any:
            self.before_block(0)
            between()
            return ActivationMaps({"all": np.zeros((5, 8, 6), np.float32)}, query, crop, kind)

        blocks = (("gsm", 0), ("gsm", 1), ("lrm", 0))
        return SimpleNamespace(heatmaps=np.zeros((15, 8, 6), np.float32), crop=crop, blocks=blocks, maps=maps)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    info = VideoInfo("test.mp4", WIDTH, HEIGHT, N, 25.0, False, "h264", "0" * 64)
    with Project.create(tmp_path / "test.glsproj", info) as made:
        yield made


class Stage:
    """An engine over fakes, with all that it said."""

    def __init__(self, project: Project, damaged: Sequence[int] = (), **settings: Any) -> None:
        self.project = project
        self.reader, self.predictor = FakeReader(damaged), FakePredictor()
        self.statuses: list[EngineStatus] = []
        self.messages: list[tuple[str, str]] = []
        self.stored: list[int] = []
        self.open_predictor: Callable[[str], Any] = lambda _device: self.predictor
        self.open_detector: Callable[[], Any] = FakeDetector
        project.changed.connect(self._changed)
        self.engine = Engine(
            project, lambda: self.reader, lambda device: self.open_predictor(device),
            open_detector=lambda: self.open_detector(), settings=EngineSettings(**settings),
            on_status=self.statuses.append, on_message=lambda text, level: self.messages.append((text, level)),
        )  # fmt: skip

    def _changed(self, change: Any) -> None:
        if change.reason == "prediction" and change.frames is not None:
            self.stored += change.frames

    def work(self, limit: int = 2000) -> None:
        for _ in range(limit):
            if not self.engine.step():
                return
        raise AssertionError("the engine does not come to an end")

    def ids(self, box: Callable[[int], tuple[float, ...]]) -> set[int]:
        """Ids of the person who walks in ``box``, over all frames."""
        found = set()
        for f in range(N):
            for track, pose in self.project.poses(f).items():
                if pose.box is not None and abs(pose.box[0] - box(f)[0]) < 15 and abs(pose.box[1] - box(f)[1]) < 8:
                    found.add(track)
        return found


def test_how_far_overlapping_windows_disagree_is_stored_with_the_pose(project: Project) -> None:
    stage = Stage(project)
    answer = stage.predictor.predict_frames

    def farther_out(windows: Sequence[Any], read: slice, features: Any, **more: Any) -> list[list[Any]]:
        """What lies beyond the frames that are shown is read four pixels to the right."""
        found = answer(windows, read, features, **more)
        if read.stop - read.start == 4:
            for poses in found:
                poses[-1] = replace(poses[-1], keypoints=poses[-1].keypoints + np.array([4.0, 0.0]))
        return found

    stage.predictor.predict_frames = farther_out  # type: ignore[method-assign]
    stage.work()
    told = [pose.disagreement for f in range(N) for pose in project.poses(f).values()]
    twice = [values for values in told if np.isfinite(values).any()]
    assert 0 < len(twice) < len(told) / 2 and all(np.allclose(values, 4, atol=1e-3) for values in twice)
    frame, track = next((f, t) for f in range(N) for t, p in project.poses(f).items() if np.isfinite(p.disagreement).any())
    stage.engine.request(frame, track)
    stage.work()
    assert np.isnan(project.poses(frame)[track].disagreement).all()  # a window of its own, and no other


def test_all_frames_are_predicted_from_the_one_on_screen_onward_and_then_backward(project: Project) -> None:
    stage = Stage(project)
    stage.engine.want(10)
    stage.work()
    assert project.predicted_frames().all()
    assert list(dict.fromkeys(stage.stored)) == [*range(10, N), *range(9, -1, -1)]
    assert len(project.tracks()) == 2
    for f in range(N):
        for pose in project.poses(f).values():
            assert (pose.provenance == Provenance.MODEL).all() and pose.model == "fake"
    status = stage.engine.status
    assert (status.state, status.done, status.total, status.fraction) == ("done", N, N, 1.0)
    assert any(s.state == "running" and "frames" in s.text for s in stage.statuses)


def test_what_the_model_says_of_its_doubt_reaches_the_labels(project: Project) -> None:
    stage = Stage(project)
    stage.work()
    for frame in (0, N - 1):
        for pose in project.poses(frame).values():
            known = pose.provenance == Provenance.MODEL
            assert known.any() and (pose.probability[known] == 0.625).all() and (pose.spread[known] == 3.5).all()
    track = next(iter(project.poses(3)))
    project.apply(edits.move_joint(project, 3, track, 4, (20, 30)))
    assert np.isnan(project.poses(3)[track].probability[4]) and project.poses(3)[track].probability[5] == np.float32(0.625)


def test_windows_hold_five_frames_in_time_order_clamped_at_the_ends(project: Project) -> None:
    stage = Stage(project, exact=True)
    stage.work()

    firsts = {tuple(red_start(p) for p in w.frames) for w in stage.predictor.windows}
    assert (0, 0, 0, 1, 2) in firsts and (3, 4, 5, 6, 7) in firsts and (N - 3, N - 2, N - 1, N - 1, N - 1) in firsts
    assert len(firsts) == N
    assert len(stage.reader.reads) == N  # each decoded once


def test_frames_in_order_share_windows_and_what_is_asked_for_by_hand_has_its_own(project: Project) -> None:
    stage = Stage(project)
    while project.predicted_frames().sum() < 12:
        stage.engine.step()
    assert len(stage.predictor.windows) < 2 * 12  # two people
    known = {track: pose.keypoints for track, pose in project.poses(11).items()}
    stage.predictor.windows.clear()
    asked = stage.engine.request(11)
    while not asked.done():
        stage.engine.step()
    assert sorted(w.box for w in stage.predictor.windows) == sorted([red_box(11), blue_box(11)])
    assert {tuple(red_start(p) for p in w.frames) for w in stage.predictor.windows} == {(9, 10, 11, 12, 13)}
    for track, pose in project.poses(11).items():  # the held crop is not far from their own
        assert np.abs(pose.keypoints - known[track]).max() < 0.1 * 1.25 * 120
    # Frame 12 may have been read ahead; a box that a human draws there is what counts.
    edit, track = edits.add_person(project, 12, (200.0, 20.0, 50.0, 100.0))
    project.apply(edit)
    stage.predictor.windows.clear()
    stage.work()
    mine = [w for w in stage.predictor.windows if w.box == (200.0, 20.0, 50.0, 100.0)]
    assert tuple(red_start(p) for p in mine[0].frames) == (10, 11, 12, 13, 14)
    assert project.poses(12)[track].box == (200.0, 20.0, 50.0, 100.0) and project.predicted_frames().all()


def test_exact_windows_can_be_switched_on_on_the_way(project: Project) -> None:
    stage = Stage(project)
    while project.predicted_frames().sum() < 8:
        stage.engine.step()
    stage.engine.set_exact(True)
    before = len(stage.predictor.windows)
    stage.work()
    assert len(stage.predictor.windows) - before == 2 * (N - 8)
    assert {w.box for w in stage.predictor.windows[before:]} >= {red_box(f) for f in range(8, N)}


def test_the_newest_wanted_frame_comes_next(project: Project) -> None:
    stage = Stage(project, settle_s=0.0)
    for _ in range(3):
        stage.engine.step()
    stage.engine.want(20)
    stage.engine.want(15)
    before = len(stage.stored)
    while len(stage.stored) == before:
        stage.engine.step()
    assert stage.stored[before] == 15


def test_two_stretches_that_meet_share_their_ids(project: Project) -> None:
    stage = Stage(project, settle_s=0.0, reach=1)
    while project.predicted_frames().sum() < 4:
        stage.engine.step()
    stage.engine.want(12)
    while not project.predicted_frames()[13]:
        stage.engine.step()
    assert len(project.tracks()) == 4  # nothing ties them yet
    stage.work()
    assert project.predicted_frames().all()
    assert len(stage.ids(red_box)) == 1 and len(stage.ids(blue_box)) == 1
    assert project.tracks() == tuple(sorted(project.poses(0)))  # the older ids stay


def test_work_goes_on_where_it_was_left(project: Project, tmp_path: Path) -> None:
    stage = Stage(project)
    while project.predicted_frames().sum() < 7:
        stage.engine.step()
    stage.engine.close()
    assert stage.engine.step() is False
    project.close()
    with Project.open(tmp_path / "test.glsproj") as again:
        assert again.predicted_frames().sum() == 7
        later = Stage(again)
        later.work()
        assert set(later.stored) >= set(range(7, N)) and not set(later.stored) & set(range(7))
        assert len(again.tracks()) == 2


def test_a_human_pose_is_never_overwritten_and_carries_its_id_on(project: Project) -> None:
    edit, track = edits.add_person(project, 5, red_box(5))
    project.apply(edit)
    project.apply(edits.move_joint(project, 5, track, 9, (70.0, 100.0)))
    stage = Stage(project)
    stage.work()
    pose = project.poses(5)[track]
    assert pose.provenance[9] == Provenance.HUMAN and tuple(pose.keypoints[9]) == (70.0, 100.0)
    assert (pose.provenance == Provenance.HUMAN).sum() == 1
    assert track in stage.ids(red_box)
    assert project.poses(6).keys() >= {track} and project.poses(23).keys() >= {track}


def test_somebody_deleted_from_a_frame_does_not_come_back_to_it(project: Project) -> None:
    stage = Stage(project)
    stage.work()
    track = next(iter(stage.ids(red_box)))
    for frame in (0, 1, 9):
        project.apply(edits.delete_pose(project, frame, track))
    again = stage.engine.request(9)
    stage.work()
    assert again.result() in (True, False)
    stage.engine.close()
    project.forget_predicted()
    Stage(project).work()
    assert project.predicted_frames().all()
    assert [f for f in range(N) if len(project.poses(f)) != 2] == [0, 1, 9]
    assert stage.ids(red_box) == {track} and len(project.tracks()) == 2


def test_a_drawn_box_is_predicted_in_and_kept(project: Project) -> None:
    stage = Stage(project)
    stage.work()
    edit, track = edits.add_person(project, 3, (200.0, 20.0, 50.0, 100.0))
    project.apply(edit)
    stage.work()
    pose = project.poses(3)[track]
    assert pose.box == (200.0, 20.0, 50.0, 100.0) and pose.box_by_human and pose.visibility.all()
    project.apply(edits.move_box(project, 3, track, (210.0, 20.0, 50.0, 100.0)))
    stage.work()
    np.testing.assert_allclose(project.poses(3)[track].keypoints, pose.keypoints + np.array([10, 0]), atol=1e-3)
    project.undo()
    project.undo()
    stage.work()
    assert track not in project.poses(3)


def test_cancel_stops_between_blocks_and_loses_nothing(project: Project) -> None:
    stage = Stage(project)
    while project.predicted_frames().sum() < 3:
        stage.engine.step()
    blocks: list[int] = []

    def stop_at_third(n: int) -> None:
        blocks.append(n)
        if n == 3:
            stage.engine.cancel()

    stage.predictor.before_block = stop_at_third
    stage.work()
    assert max(blocks) == 3 and stage.engine.status.state == "off"
    assert project.predicted_frames().sum() == 3
    stage.predictor.before_block = lambda _n: None
    stage.engine.resume()
    stage.work()
    assert project.predicted_frames().all() and len(project.tracks()) == 2


def test_requests_are_met_while_paused(project: Project) -> None:
    stage = Stage(project)
    while project.predicted_frames().sum() < 3:
        stage.engine.step()
    stage.engine.pause()
    stage.work()
    assert stage.engine.status.state == "paused"
    track = next(iter(project.poses(1)))
    again, maps = stage.engine.request(1, track), stage.engine.heatmaps(1, track)
    joint, whole = stage.engine.activation(1, track, 4), stage.engine.request(8)
    stage.work()
    assert again.result() in (True, False) and whole.result() is True
    assert project.predicted_frames()[8] and len(project.poses(8)) == 2
    result = maps.result()
    assert (result.frame, result.track, result.prediction.heatmaps.shape) == (1, track, (15, 8, 6))
    assert (joint.result().joint, joint.result().maps.query) == (4, 4)
    assert stage.engine.status.state == "paused" and project.predicted_frames().sum() == 4


def test_maps_of_one_person_run_the_model_once_and_the_newest_request_wins(project: Project) -> None:
    stage = Stage(project)
    stage.work()
    one, other = sorted(project.poses(4))
    engine, captured = stage.engine, stage.predictor.captured
    first = engine.activation(4, one, 4)
    stage.work()
    over = [engine.activation(4, one, (50.0 + n, 60.0)) for n in range(5)]
    stage.work()
    assert [future.cancelled() for future in over] == [True] * 4 + [False]
    assert over[-1].result().maps.query == (54.0, 60.0) and over[-1].result().joint is None
    assert first.result().maps.query == first.result().joint == 4 and len(captured) == 1
    late: list[Any] = []
    stage.predictor.before_block = lambda _n: late.append(engine.activation(4, one, 7)) if not late else None
    left = engine.activation(4, one, 6, MapKind(("gsm", 1), "column_norm"))
    stage.work()
    with pytest.raises(CancelledError):  # somebody asked for something else half way
        left.result()
    assert late[0].result().joint == 7 and len(captured) == 1
    late.clear()  # a pointer that goes on moving: what it was over gets its map all the same, then where it is now
    over = [engine.activation(4, one, (50.0, 60.0), MapKind(("gsm", 1), "column_norm"))]
    stage.predictor.before_block = lambda _n: late.append(
        engine.activation(4, one, (51.0, 60.0), MapKind(("gsm", 1), "column_norm"))) if not late else None  # fmt: skip
    stage.work()
    assert over[0].result().maps.query == (50.0, 60.0) and late[0].result().maps.query == (51.0, 60.0)
    stage.predictor.before_block = lambda _n: None
    gone = engine.activation(4, one, 4, MapKind(("gsm", 3)))  # a block of the model before, or of one that has more
    stage.work()
    assert gone.result().maps.block == ("gsm", 0)
    engine.activation(4, other, 4), stage.work()
    assert len(captured) == 2
    engine.activation(4, one, 4), stage.work()
    assert len(captured) == 2  # both are kept, so that a pointer can go to and fro
    x, y, w, h = project.poses(4)[one].box
    project.apply(edits.move_box(project, 4, one, (x - 3, y, w, h)))
    engine.activation(4, one, 4), stage.work()
    assert len(captured) == 3 and captured[-1].box[0] == x - 3
    engine.set_device("cuda:0")
    engine.activation(4, one, 4), stage.work()
    assert len(captured) == 4  # another model object: what the old one was given says nothing


def test_impossible_requests_are_answered_with_a_sentence(project: Project) -> None:
    stage = Stage(project)
    futures = [stage.engine.request(N + 3), stage.engine.heatmaps(0, 99)]
    stage.engine.step()
    stage.engine.step()
    for future, words in zip(futures, ("There is no frame 27", "is not in frame 0"), strict=True):
        with pytest.raises(EngineError, match=words):
            future.result()
    stage.work()
    edit = edits.accept_pose(project, 2, next(iter(project.poses(2))))
    project.apply(edit)
    kept = stage.engine.request(2, edit.changes[0].track)
    stage.work()
    with pytest.raises(EngineError, match="are kept"):
        kept.result()


@pytest.mark.parametrize("exact", [False, True])
def test_a_damaged_frame_is_left_out_and_named(project: Project, exact: bool) -> None:
    stage = Stage(project, damaged=[6, 7, 15], exact=exact)
    stage.work()
    expected = np.ones(N, bool)
    expected[[6, 7, 15]] = False
    np.testing.assert_array_equal(project.predicted_frames(), expected)
    assert "Frame 6" in stage.messages[0][0] and stage.messages[0][1] == "warning"
    assert len(stage.messages) == 1 and len(project.tracks()) == 2
    assert stage.engine.status.state == "done" and "3 frames" in stage.engine.status.text
    around = {tuple(red_start(p) for p in w.frames) for w in stage.predictor.windows}
    assert (3, 4, 5, 5, 5) in around  # a sound neighbour stands in for them
    assert (8, 8, 8, 9, 10) in around or not exact


def test_maps_name_the_frames_that_they_show_where_damaged_ones_are_stood_in_for(project: Project) -> None:
    stage = Stage(project, damaged=[6, 7])
    stage.work()
    asked = stage.engine.activation(5, next(iter(project.poses(5))), 4)
    stage.work()
    assert asked.result().frames == (3, 4, 5, 5, 5)


def test_a_failing_device_stops_with_a_sentence_and_goes_on_when_told(project: Project) -> None:
    stage = Stage(project)
    while project.predicted_frames().sum() < 2:
        stage.engine.step()
    stage.predictor.fail = RuntimeError("CUDA error: device-side assert triggered\nmany more lines")
    stage.work()
    status = stage.engine.status
    assert status.state == "failed" and "CUDA error: device-side assert triggered" in status.text and "\n" not in status.text
    assert stage.messages[-1][1] == "error" and 2 <= project.predicted_frames().sum() < N
    stage.work()
    assert stage.engine.status.state == "failed"
    asked = [stage.engine.request(0), stage.engine.request(1)]
    stage.work()
    assert all("device-side assert" in str(future.exception(timeout=0)) for future in asked)
    stage.predictor.fail = None
    stage.engine.resume()
    stage.work()
    assert project.predicted_frames().all()


def test_people_are_followed_between_detections(project: Project) -> None:
    stage = Stage(project, detect_every=4)
    looked: list[int] = []
    stage.open_detector = lambda: SimpleNamespace(
        detect=lambda frame: looked.append(1) or FakeDetector().detect(frame)  # type: ignore[func-returns-value]
    )
    stage.work()
    assert project.predicted_frames().all() and len(project.tracks()) == 2
    assert len(looked) <= N // 4 + 2
    assert all(len(project.poses(f)) == 2 for f in range(N))


def test_another_device_loads_the_model_again(project: Project) -> None:
    stage = Stage(project)
    opened: list[str] = []
    stage.open_predictor = lambda device: opened.append(device) or stage.predictor  # type: ignore[func-returns-value]
    stage.engine.step()
    while project.predicted_frames().sum() < 2:
        stage.engine.step()
    stage.engine.set_device("cuda:0")
    stage.predictor.device, stage.predictor.notice = "cuda:0 (a card)", "Something about the card is worth telling."
    stage.work()
    assert opened == ["cpu", "cuda:0"] and project.predicted_frames().all()
    assert [text for text, _ in stage.messages] == ["Something about the card is worth telling."]


def test_the_worker_sleeps_wakes_and_ends(project: Project) -> None:
    stage = Stage(project)
    stage.engine.pause()
    worker = threading.Thread(target=stage.engine.run)
    worker.start()
    try:
        future = stage.engine.request(4)
        assert future.result(timeout=20) is True
        stage.engine.resume()
        deadline = time.monotonic() + 20
        while not project.predicted_frames().all() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert project.predicted_frames().all()
        edit, track = edits.add_person(project, 3, (200.0, 20.0, 50.0, 100.0))
        project.apply(edit)
        while not project.poses(3)[track].visibility.any() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert project.poses(3)[track].visibility.all()
    finally:
        stage.engine.close()
        worker.join(timeout=20)
    assert not worker.is_alive() and stage.reader.closed


def test_a_worker_at_rest_hands_memory_back_once_and_works_on(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(project)
    returned = threading.Semaphore(0)
    monkeypatch.setattr("app.inference.engine.return_memory", returned.release)
    monkeypatch.setattr("app.inference.engine._REST_S", 0.02)
    worker = threading.Thread(target=stage.engine.run)
    worker.start()
    try:
        assert returned.acquire(timeout=20)
        assert not returned.acquire(timeout=0.2)  # asleep
        assert stage.engine.request(4).result(timeout=20) is True
        assert returned.acquire(timeout=20)
    finally:
        stage.engine.close()
        worker.join(timeout=20)
    assert not worker.is_alive()
    assert stage.engine.request(1).cancelled()


def test_of_heat_map_requests_only_the_newest_is_met(project: Project) -> None:
    stage = Stage(project)
    stage.work()
    track = next(iter(project.poses(0)))
    futures = [stage.engine.heatmaps(f, track) for f in range(4)]
    stage.work()
    assert [f.cancelled() for f in futures] == [True, True, True, False]
    assert futures[-1].result().frame == 3


def test_peaks_wait_for_all_else_and_can_be_left(project: Project) -> None:
    stage = Stage(project)
    stage.work()
    stage.predictor.windows.clear()
    box = (10.0, 20.0, 40.0, 80.0)
    futures = [stage.engine.peaks(frame, box) for frame in range(4)]
    asked = stage.engine.request(6)
    assert futures[2].cancel()
    stage.engine.step()
    assert asked.done() and not futures[0].done()
    stage.work()
    assert set(futures[0].result()) == set(range(15)) and all(f.done() for f in futures)
    assert [w.box for w in stage.predictor.windows].count(box) == 3
    beyond = stage.engine.peaks(N + 3, box)
    stage.work()
    assert "There is no frame" in str(beyond.exception())


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(0, 39))
def test_every_frame_gets_its_turn_and_follows_a_done_one(start: list[bool], wanted: int) -> None:
    done = np.array(start)
    wanted = min(wanted, len(done) - 1)
    missing = int((~done).sum())
    for n in range(missing):
        frame, direction = next_frame(done, wanted) or (-1, 0)
        assert not done[frame] and direction in (-1, 1)
        if n and not (direction == 1 and frame == wanted) and 0 <= frame - direction < len(done) and direction == 1:
            assert frame >= wanted and done[wanted:frame].all()
        done[frame] = True
    assert next_frame(done, wanted) is None


def test_windows_bridge_damaged_neighbours() -> None:
    reader = FakeReader(damaged=[4, 8])
    frames = Frames(reader)
    window = frames.window(5, 5)
    assert window[0] is frames.read(3) and window[1] is frames.read(5) and window[4] is frames.read(7)
    with pytest.raises(VideoError):
        frames.window(8, 5)
    assert reader.reads.count(8) == 1
    backward = FakeReader()
    frames = Frames(backward)
    for i in reversed(range(N)):
        frames.window(i, 5, backward=True)
    assert len(backward.reads) == N


def test_another_model_is_taken_once_it_is_loaded_and_one_that_fails_changes_nothing(project: Project) -> None:
    stage = Stage(project, people_per_step=1)
    stage.engine.want(0)
    while not stage.stored:
        stage.engine.step()

    def broken(_device: str) -> Any:
        raise EngineError("There are no weights there.")

    refused = stage.engine.use_model(broken)
    stage.engine.step()
    assert str(refused.exception()) == "There are no weights there."
    assert stage.engine.status.model == "fake" and stage.engine.status.state == "running"

    class Estimating(FakePredictor):
        name = "baseline"

        def backends(self) -> dict[str, str]:
            return {**super().backends(), "estimated": "head_bottom, head_top", "notice": "One frame only."}

    other = Estimating()
    left = stage.engine.use_model(lambda _device: other)  # type: ignore[arg-type,return-value]
    taken = stage.engine.use_model(lambda _device: other)  # type: ignore[arg-type,return-value]
    assert left.cancelled()
    before = set(stage.stored)
    stage.work()
    assert taken.result() == "baseline" and ("One frame only.", "info") in stage.messages
    assert other.windows and stage.engine.status.state == "done"
    for frame in range(N):
        for pose in project.poses(frame).values():
            estimated = {project.skeleton.joints[n] for n in np.flatnonzero(pose.provenance == Provenance.ESTIMATED)}
            assert estimated == (set() if frame in before else {"head_bottom", "head_top"}), frame
            assert pose.model == ("fake" if frame in before else "baseline")


def test_a_model_that_cannot_tell_of_itself_leaves_nobody_waiting(project: Project) -> None:
    stage = Stage(project)

    class Broken(FakePredictor):
        def backends(self) -> dict[str, str]:
            raise RuntimeError("no driver")

    refused = stage.engine.use_model(lambda _device: Broken())  # type: ignore[arg-type,return-value]
    stage.work()
    assert "no driver" in str(refused.exception(timeout=0)) and stage.engine.status.state == "failed"
    stage.engine.close()
    assert stage.engine.use_model(lambda _device: FakePredictor()).cancelled()  # type: ignore[arg-type,return-value]
