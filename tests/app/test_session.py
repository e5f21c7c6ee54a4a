"""The session: opening, moving, editing and closing, with real files and threads, without a window."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import read_number, write_numbered_video

from app.labels import edits
from app.labels.pose import Provenance
from app.ui.opening import project_path_for
from app.ui.session import Message, Session
from app.ui.settings import recent_files, settings


@pytest.fixture
def session(qtbot, isolated_settings) -> Iterator[Session]:
    settings().setValue("model/predict_while_working", False)
    made = Session()
    yield made
    made.shut_down()


def opened(qtbot, session: Session, path: Path) -> Session:
    with qtbot.waitSignal(session.picture_ready, timeout=10_000):
        session.open_path(path)
    return session


def settle(qtbot, session: Session) -> None:
    qtbot.waitUntil(lambda: session.save_state.pending == 0, timeout=10_000)


def add_person(qtbot, session: Session) -> int:
    edit, track = edits.add_person(session.project, 0, (40, 40, 100, 160))
    session.apply(edit)
    settle(qtbot, session)
    return track


def test_opening_a_video_makes_its_project_and_shows_frame_0(qtbot, session, small_video):
    opened(qtbot, session, small_video)
    assert session.video.n_frames == session.n_frames == 40
    assert (session.video.width, session.video.height) == (320, 240)
    assert Path(session.project.path) == small_video.with_suffix(".glsproj")
    assert session.picture is not None and session.picture[0] == 0 and read_number(session.picture[1]) == 0
    assert np.allclose(session.times, np.arange(40) / 25)
    qtbot.waitUntil(lambda: recent_files() == [small_video], timeout=5000)
    assert session.save_state.text == "all changes saved"


def test_asking_at_once_does_not_keep_the_model_from_going_on_by_itself(qtbot, session, tmp_path):
    settings().setValue("model/predict_while_working", True)
    opened(qtbot, session, write_numbered_video(tmp_path / "short.mp4", n_frames=2))
    session.model.request_prediction(0)  # as the pointer does over a person, before the model has begun
    qtbot.waitUntil(lambda: session.model.status is not None and session.model.status.state == "done", timeout=120_000)
    assert session.project.predicted_frames().all()


def test_every_frame_gone_to_is_that_frame(qtbot, session, small_video):
    opened(qtbot, session, small_video)
    for wanted, got in ((17, 17), (3, 3), (39, 39), (400, 39), (-5, 0), (22, 22)):
        session.go_to(wanted)
        assert session.frame == got
        qtbot.waitUntil(lambda got=got: session.picture is not None and session.picture[0] == got, timeout=5000)
        assert read_number(session.picture[1]) == got


def test_scrubbing_ends_on_the_last_frame_asked_for(qtbot, session, small_video):
    opened(qtbot, session, small_video)
    for frame in [*range(40), *range(38, 7, -1)]:
        session.scrub(frame)
    qtbot.waitUntil(lambda: session.picture[0] == 8, timeout=5000)
    qtbot.wait(50)
    assert session.picture[0] == 8 and session.shown_frame == 8


def test_a_step_pauses_and_moves_by_exactly_that(qtbot, session, small_video):
    opened(qtbot, session, small_video)
    session.play()
    assert session.playing
    session.step(5)
    assert not session.playing
    frame = session.frame
    session.step(-2)
    assert session.frame == frame - 2


def test_playing_keeps_real_time_and_stops_at_the_end(qtbot, session, small_video):
    opened(qtbot, session, small_video)
    session.set_speed(2.0)
    shown: list[int] = []
    session.picture_ready.connect(lambda frame, _picture: shown.append(frame))
    start = time.monotonic()
    session.play()
    qtbot.waitUntil(lambda: not session.playing, timeout=10_000)
    took = time.monotonic() - start
    assert session.frame == 39
    assert 0.7 < took < 4.0, "1.56 s of video at double speed is 0.78 s"
    assert shown == sorted(shown)


def test_a_file_that_is_not_there_leaves_what_is_open(qtbot, session, small_video, tmp_path):
    opened(qtbot, session, small_video)
    session.go_to(5)
    project = session.project
    said: list[Message] = []
    session.message.connect(said.append)
    with qtbot.waitSignal(session.message, timeout=5000):
        session.open_path(tmp_path / "missing.mp4")
    assert "missing.mp4" in said[0].text and said[0].level == "error"
    assert session.project is project and session.frame == 5 and not project.closed


def test_a_file_that_is_no_video_leaves_what_is_open(qtbot, session, small_video, tmp_path):
    opened(qtbot, session, small_video)
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"not a video at all" * 100)
    said: list[Message] = []
    session.message.connect(said.append)
    with qtbot.waitSignal(session.message, timeout=5000):
        session.open_path(bad)
    assert said[0].level == "error" and session.video is not None and session.video.n_frames == 40
    assert not bad.with_suffix(".glsproj").exists()


def test_edits_are_on_the_disk_and_undo_survives_reopening(qtbot, session, small_video):
    opened(qtbot, session, small_video)
    track = add_person(qtbot, session)
    done: list[bool] = []
    session.apply(lambda p: edits.move_joint(p, 0, track, 3, (77.25, 88.5)), lambda: done.append(True))
    settle(qtbot, session)
    assert done == [True]
    pose = session.poses(0)[track]
    assert tuple(pose.keypoints[3]) == (77.25, 88.5) and pose.provenance[3] == Provenance.HUMAN
    session.go_to(12)
    session.close_project()
    assert session.project is None and session.video is None and dict(session.poses(0)) == {}

    opened(qtbot, session, small_video.with_suffix(".glsproj"))
    assert session.frame == 12, "the frame on screen is remembered"
    assert tuple(session.poses(0)[track].keypoints[3]) == (77.25, 88.5)
    session.undo()
    settle(qtbot, session)
    assert session.poses(0)[track].visibility[3] == 0
    session.redo()
    settle(qtbot, session)
    assert tuple(session.poses(0)[track].keypoints[3]) == (77.25, 88.5)


def test_quick_edits_build_on_each_other(qtbot, session, small_video):
    """Key repeat is faster than the disk: each edit must start from what the one before made."""
    opened(qtbot, session, small_video)
    track = add_person(qtbot, session)
    session.apply(lambda p: edits.move_joint(p, 0, track, 0, (50.0, 50.0)))

    def right(project):
        x, y = project.poses(0)[track].keypoints[0]
        return edits.move_joint(project, 0, track, 0, (x + 1, y))

    for _ in range(25):
        session.apply(right)
    settle(qtbot, session)
    assert session.poses(0)[track].keypoints[0][0] == 75.0


def test_a_failed_edit_is_said_and_changes_nothing(qtbot, session, small_video):
    opened(qtbot, session, small_video)
    said: list[Message] = []
    session.message.connect(said.append)
    with qtbot.waitSignals([session.message, session.labels_changed], timeout=5000):
        session.apply(lambda p: edits.move_joint(p, 0, 999, 0, (1, 1)))
    assert said[0].level == "error" and said[0].text
    settle(qtbot, session)
    assert not session.project.can_undo


def test_labels_changed_comes_in_the_windows_thread(qtbot, session, small_video):
    import threading

    opened(qtbot, session, small_video)
    where: list[object] = []
    session.labels_changed.connect(lambda change: where.append((threading.current_thread(), change.frames)))
    add_person(qtbot, session)
    qtbot.waitUntil(lambda: bool(where), timeout=5000)
    assert where == [(threading.main_thread(), frozenset({0}))]


def test_a_folder_that_cannot_be_written_keeps_the_project_elsewhere(qtbot, session, small_video, monkeypatch):
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: False if Path(path) == small_video.parent else real(path, mode))
    elsewhere = project_path_for(small_video)
    assert elsewhere.parent != small_video.parent
    said: list[Message] = []
    session.message.connect(said.append)
    opened(qtbot, session, small_video)
    assert Path(session.project.path) == elsewhere
    assert any(str(elsewhere) in message.text for message in said)


def test_a_project_whose_video_moved_asks_for_it_and_takes_it(qtbot, session, small_video, tmp_path):
    opened(qtbot, session, small_video)
    track = add_person(qtbot, session)
    session.close_project()
    project = small_video.with_suffix(".glsproj")
    moved = tmp_path / "elsewhere" / "renamed.mp4"
    moved.parent.mkdir()
    shutil.move(small_video, moved)
    with qtbot.waitSignal(session.relink_wanted, timeout=5000) as asked:
        session.open_path(project)
    assert asked.args == [project, small_video]
    with qtbot.waitSignal(session.picture_ready, timeout=5000):
        session.open_path(project, video=moved)
    assert session.video_path == moved and track in session.poses(0)
    session.close_project()
    opened(qtbot, session, project)
    assert session.video_path == moved, "the new place is remembered"


def test_another_video_under_the_old_name_is_noticed(qtbot, session, small_video):
    opened(qtbot, session, small_video)
    session.close_project()
    settle(qtbot, session)
    small_video.unlink()
    write_numbered_video(small_video, n_frames=30)
    said: list[Message] = []
    session.message.connect(said.append)
    opened(qtbot, session, small_video)
    assert any("30 frames" in message.text and message.level == "warning" for message in said)


def test_opening_another_video_lets_the_first_one_go(qtbot, session, small_video, tmp_path):
    opened(qtbot, session, small_video)
    first = session.project
    second = write_numbered_video(tmp_path / "second.mp4", n_frames=7)
    with qtbot.waitSignal(session.picture_ready, timeout=5000):
        session.open_path(second)
    assert session.n_frames == 7
    qtbot.waitUntil(lambda: first.closed, timeout=5000)
    opened(qtbot, session, small_video)
    assert session.n_frames == 40


def test_a_folder_of_pictures_opens(qtbot, session, tmp_path):
    import cv2

    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(5):
        cv2.imwrite(str(folder / f"{i}.png"), np.full((48, 64, 3), 40 * i, np.uint8))
    opened(qtbot, session, folder)
    assert session.n_frames == 5
    session.go_to(3)
    qtbot.waitUntil(lambda: session.picture[0] == 3, timeout=5000)
    assert session.picture[1].mean() == 120


def test_selection_and_display_tell_only_when_they_change(qtbot, session):
    told: list[str] = []
    session.selection_changed.connect(lambda: told.append("selection"))
    session.display_changed.connect(lambda: told.append("display"))
    session.select(3, 2)
    session.select(3, 2)
    session.set_display(threshold=session.display.threshold)
    session.set_display(threshold=0.55)
    assert told == ["selection", "display"]
    session.select(None, 4)
    assert session.selected_track is None and session.selected_joint is None
