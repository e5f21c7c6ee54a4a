"""The project file: durability, locks, damage, full disks, moved videos, size."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from labels_help import K, everything, new_project, plain, predicted, video

from app.labels import Change, Edit, FactChange, IgnoreRegion, LabelChange, Pose, Project, ProjectError, Provenance, edits
from app.labels.codec import encode_pose, pack_frame

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path):
    with new_project(tmp_path) as project:
        yield project


def test_what_was_edited_is_there_after_reopening(project):
    project.store_predictions(3, {1: predicted(1)}, model="T")
    project.apply(edits.move_joint(project, 3, 1, 4, (12.345678901234, 99.25)))
    box = (1.1, 2.2, 33.3, 44.4)
    edit, track = edits.add_person(project, 5, box)
    project.apply(edit)
    project.apply(edits.set_head_box(project, 3, 1, (7.7, 8.8, 9.9, 10.1)))
    project.set_meta("view", {"zoom": 2.5})
    before = everything(project)
    project.close()
    with Project.open(project.path) as again:
        assert everything(again) == before
        assert again.poses(3)[1].keypoints[4].tolist() == [12.345678901234, 99.25]
        assert again.poses(3)[1].provenance[4] == Provenance.HUMAN
        assert again.poses(5)[track].box == box
        assert again.get_meta("view") == {"zoom": 2.5}
        assert again.new_track_id() > track
        assert again.video == project.video


def test_events_come_after_the_commit(project):
    seen = []

    def look(change: LabelChange) -> None:
        assert project._db is not None and not project._db.in_transaction
        seen.append((change.reason, change.frames, len(project.poses(3))))

    project.changed.connect(look)
    project.store_predictions(3, {1: predicted(1)})
    project.apply(edits.delete_pose(project, 3, 1))
    project.undo()
    project.redo()
    project.apply(edits.rename_track(project, 1, "Ann"))
    three = frozenset({3})
    assert seen == [("prediction", three, 1), ("edit", three, 0), ("undo", three, 1), ("redo", three, 0), ("edit", None, 0)]


def test_predictions_leave_human_work_alone(project):
    everyone = {t: predicted(t) for t in range(1, 7)}
    project.store_predictions(0, everyone)
    project.apply(edits.move_joint(project, 0, 1, 0, (5, 6)))
    project.apply(edits.accept_pose(project, 0, 2))
    project.apply(edits.move_box(project, 0, 3, (1, 2, 3, 4)))
    project.apply(edits.delete_pose(project, 0, 4))
    imported = project.poses(0)[5].with_(provenance=np.where(project.poses(0)[5].visibility, Provenance.IMPORTED, 0))
    project.apply(Edit("Import", (Change(0, 5, project.poses(0)[5], imported),)))
    edit, drawn = edits.add_person(project, 0, (10, 10, 50, 60))
    project.apply(edit)
    before = everything(project)
    second = {t: predicted(t + 100, "B") for t in (*range(1, 7), drawn)}
    assert project.store_predictions(0, second)
    after = everything(project)
    for track in (1, 2, 4, 5):
        assert after[0, track] == before[0, track]
    assert project.poses(0)[3].box == (1, 2, 3, 4) and project.poses(0)[3].box_by_human
    assert plain(project.poses(0)[3].with_(box=second[3].box, box_by_human=False)) == plain(second[3])
    assert plain(project.poses(0)[6]) == plain(second[6])
    assert project.poses(0)[drawn].box == (10, 10, 50, 60) and project.poses(0)[drawn].visibility.any()
    third = {t: predicted(t + 200, "C") for t in (*range(1, 7), drawn)}
    assert not project.store_predictions(0, third, overwrite_untouched=False)
    assert project.store_predictions(0, {4: third[4]}, revive=True)
    assert 4 in project.poses(0)
    project.store_predictions(0, {}, drop_missing=True)
    assert set(project.poses(0)) == {1, 2, 3, 5, drawn}


def test_undo_of_a_deletion_lets_predictions_in_again(project):
    project.store_predictions(2, {1: predicted(1)})
    project.apply(edits.delete_pose(project, 2, 1))
    assert not project.store_predictions(2, {1: predicted(2)})
    assert project.deleted(2) == (1,)
    project.undo()
    assert project.store_predictions(2, {1: predicted(2)})


def test_undo_and_redo_give_back_what_was_there_also_across_predictions(project):
    first, second, third = (plain(predicted(seed)) for seed in (1, 2, 3))
    project.store_predictions(0, {1: predicted(1)})
    project.apply(edits.accept_pose(project, 0, 1))
    project.undo()
    project.store_predictions(0, {1: predicted(2)})
    project.redo()
    assert project.poses(0)[1].accepted and plain(project.poses(0)[1].with_(accepted=False)) == first
    project.undo()
    assert plain(project.poses(0)[1]) == second
    edit, track = edits.add_person(project, 4, (1, 1, 9, 9))
    project.apply(edit)
    project.store_predictions(4, {track: predicted(3)})
    filled = everything(project)
    assert filled[4, track] != third  # the box stays the human's
    project.undo()
    assert (4, track) not in everything(project)
    project.close()
    with Project.open(project.path) as again:
        again.redo()
        assert everything(again) == filled


def test_an_edit_made_from_an_older_pose_changes_only_what_it_changes(project):
    project.store_predictions(0, {1: predicted(1).with_(visibility=np.full(K, 2), provenance=np.full(K, 1))})
    first = edits.move_joint(project, 0, 1, 3, (100, 100))
    second = edits.move_joint(project, 0, 1, 4, (200, 200))  # built before the first is applied, as a quick hand does
    project.apply(first)
    project.apply(second)
    assert project.poses(0)[1].keypoints[3].tolist() == [100, 100]
    assert project.poses(0)[1].keypoints[4].tolist() == [200, 200]
    project.undo()
    assert project.poses(0)[1].keypoints[3].tolist() == [100, 100]


def test_an_edit_that_changes_a_pose_several_times_keeps_the_name_of_its_new_model(project):
    first = predicted(1, "a model not met before").with_(box=(0.0, 0.0, 50.0, 90.0))
    scored, boxed = first.with_(score=0.5), first.with_(box=(5.0, 5.0, 50.0, 90.0))
    project.apply(Edit("Three at once", (Change(0, 1, None, first), Change(0, 1, first, scored), Change(0, 1, first, boxed))))
    pose = project.poses(0)[1]
    assert (pose.model, pose.score, pose.box) == ("a model not met before", 0.5, (5.0, 5.0, 50.0, 90.0))


def test_one_id_is_in_a_frame_once(project):
    one, track = edits.add_person(project, 0, (1, 1, 5, 5))
    other, _ = edits.add_person(project, 0, (9, 9, 5, 5), track)
    project.apply(one)
    before = everything(project)
    with pytest.raises(ProjectError, match="already in frame 0"):
        project.apply(other)
    assert everything(project) == before and len(project.history()) == 1


def test_a_new_edit_drops_what_was_undone(project):
    for name in ("a", "b", "c"):
        project.apply(edits.rename_track(project, 1, name))
    project.undo()
    project.undo()
    assert project.redo_title == "Rename a to b"
    project.apply(edits.rename_track(project, 1, "d"))
    assert [item.title for item in project.history()] == ["Rename Person 1 to a", "Rename a to d"]
    assert not project.can_redo and project.redo() is None


def test_impossible_edits_are_refused_in_a_sentence(project):
    for wrong in (
        lambda: edits.move_joint(project, 0, 1, 0, (1, 1)),
        lambda: edits.add_person(project, 0, (0, 0, 0, 5)),
        lambda: edits.add_person(project, 0, (0, 0, float("nan"), 5)),
        lambda: project.apply(edits.add_person(project, 20, (0, 0, 5, 5))[0]),
        lambda: project.store_predictions(-1, {}, model="T"),
        lambda: project.store_predictions(0, {-3: predicted(1)}),
        lambda: project.store_predictions(0, {1: predicted(1).with_(keypoints=np.full((K, 2), np.nan))}),
        lambda: project.store_predictions(0, {1: Pose.empty(17)}),
        lambda: project.go_to_history(77),
    ):
        with pytest.raises(ProjectError) as caught:
            wrong()
        assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
    assert everything(project) == {} and not project.can_undo


# --- kills, locks, disks -----------------------------------------------------------------------------------------------------

CHILD = """
    import sys, time
    from app.labels import Project, edits
    project = Project.open(sys.argv[1])
    first, count = int(sys.argv[2]), int(sys.argv[3])
    for i in range(first, first + count):
        project.apply(edits.move_joint(project, 0, 1, i % 15, (i, i + 0.5)))
        print(i, flush=True)
    time.sleep(60)
"""


def start_child(path: Path, count: int, first: int = 0) -> subprocess.Popen:
    code = textwrap.dedent(CHILD)
    command = [sys.executable, "-c", code, str(path), str(first), str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_kill_right_after_apply_keeps_the_edit_and_leaves_no_lock(project):
    project.store_predictions(0, {1: predicted(1)})
    project.close()
    child = start_child(project.path, 1)
    assert child.stdout is not None and child.stdout.readline() == "0\n"
    with pytest.raises(ProjectError, match="open in another window or program"):
        Project.open(project.path)
    child.send_signal(signal.SIGKILL)
    child.wait()
    with Project.open(project.path) as again:
        assert again.poses(0)[1].keypoints[0].tolist() == [0, 0.5]
        assert again.undo() is not None
        assert again.poses(0)[1].provenance[0] != Provenance.HUMAN


def test_a_kill_at_any_moment_keeps_every_finished_edit(project):
    project.store_predictions(0, {1: predicted(1)})
    project.close()
    done = 0
    for pause in (0.01, random.Random(1).random() * 0.2):
        child = start_child(project.path, 10_000, done)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(pause)
        child.send_signal(signal.SIGKILL)
        told = 1 + child.stdout.read().count("\n")
        child.wait()
        with Project.open(project.path) as again:
            kept = len(again.history())
            assert done + told <= kept <= done + told + 1
            assert again.poses(0)[1].keypoints[(kept - 1) % K].tolist() == [kept - 1, kept - 0.5]
            done = kept


def test_the_same_file_twice_in_one_program(project):
    with pytest.raises(ProjectError, match="open in this program"):
        Project.open(project.path)
    link = project.path.with_name("link.glsproj")
    link.symlink_to(project.path)
    with pytest.raises(ProjectError, match="open in this program"):
        Project.open(link)
    project.apply(edits.rename_track(project, 1, "still writable"))


def test_a_full_disk_loses_nothing(project):
    project.store_predictions(0, {1: predicted(1)})
    project.apply(edits.move_joint(project, 0, 1, 0, (1, 2)))
    before, history = everything(project), project.history()
    assert project._db is not None
    project._db.execute("PRAGMA max_page_count=1")
    big = Edit("Big", tuple(Change(f, t, None, predicted(f)) for f in range(20) for t in range(2, 9)))
    for write in (
        lambda: project.apply(big),
        lambda: [project.store_predictions(5, {t: predicted(t + 50 * i) for t in range(1, 40)}) for i in range(9)],
        lambda: project.set_meta("note", "x" * 100_000),
    ):
        with pytest.raises(ProjectError, match="disk is full"):
            write()
    assert everything(project) == before and project.history() == history and project.get_meta("note") is None
    project._db.execute("PRAGMA max_page_count=1000000")
    project.apply(big)
    after = everything(project)
    project.close()
    with Project.open(project.path) as again:
        assert everything(again) == after


def test_a_failing_commit_changes_nothing(project, monkeypatch):
    project.store_predictions(0, {1: predicted(1)})
    before = everything(project)

    class Failing:
        in_transaction = False

        def execute(self, *args):
            raise sqlite3.OperationalError("disk I/O error")

    real, project._db = project._db, Failing()
    for write in (
        lambda: project.apply(edits.accept_pose(project, 0, 1)),
        lambda: project.store_predictions(0, {1: predicted(9)}),
    ):
        with pytest.raises(ProjectError):
            write()
    project._db = real
    assert everything(project) == before and not project.can_undo


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anything")
def test_a_read_only_file_is_said(project):
    project.close()
    project.path.chmod(0o444)
    with pytest.raises(ProjectError, match="read-only"):
        Project.open(project.path)


@pytest.mark.parametrize("content", [b"", b"hello", b"SQLite format 3\0" + b"\0" * 84, b"{}" * 100, None])
def test_what_is_no_project_is_left_alone(tmp_path, content):
    path = tmp_path / "x.glsproj"
    if content is None:
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE t (x)")
        db.close()
        content = path.read_bytes()
    else:
        path.write_bytes(content)
    with pytest.raises(ProjectError) as caught:
        Project.open(path)
    assert "not a GLSMamba Studio project" in str(caught.value)
    assert path.read_bytes() == content and os.listdir(tmp_path) == ["x.glsproj"]


def test_missing_file_folder_and_existing_file(tmp_path, project):
    with pytest.raises(ProjectError, match="no project file"):
        Project.open(tmp_path / "none.glsproj")
    with pytest.raises(ProjectError, match="folder"):
        Project.open(tmp_path)
    with pytest.raises(ProjectError, match="already a file"):
        Project.create(project.path, project.video)
    with pytest.raises(ProjectError, match="does not exist"):
        Project.create(tmp_path / "no" / "a.glsproj", project.video)


def test_a_newer_file_is_said_and_left_alone(project):
    project.close()
    db = sqlite3.connect(project.path)
    db.execute("PRAGMA journal_mode=DELETE")
    db.execute("PRAGMA user_version=99")
    db.close()
    content = project.path.read_bytes()
    with pytest.raises(ProjectError, match="newer GLSMamba Studio"):
        Project.open(project.path)
    assert project.path.read_bytes() == content


def test_a_file_of_the_first_version_opens_with_all_that_was_in_it(tmp_path):
    """Made by the program when project files had version 1: three frames, two people, three edits."""
    place = tmp_path / "old.glsproj"
    shutil.copy(Path(__file__).parents[1] / "data" / "project-version-1.sqlite", place)
    n = np.arange(15)
    for _ in range(2):  # brought up to date the first time, only opened the second
        with Project.open(place) as project:
            for frame, track in ((0, 1), (1, 1), (1, 2), (2, 1), (2, 2)):
                pose = project.poses(frame)[track]
                where = np.stack([100 * track + 10 * n + frame, 20 * n + 0.5 * frame], axis=1)
                if (frame, track) == (1, 1):
                    where[3] = 33.25, 44.5
                assert np.array_equal(pose.keypoints, where)
                assert np.isnan(pose.probability).all() and np.isnan(pose.spread).all()
                assert pose.accepted == ((frame, track) == (2, 2)) and pose.model == "GLSMamba-T (shipped)"
            assert project.deleted(0) == (2,)
            assert project.history()[0].title == "Move left shoulder of Person 1"
    with Project.open(place) as project:
        project.go_to_history(0)
        assert set(project.poses(0)) == {1, 2} and not project.poses(2)[2].accepted
        assert project.poses(1)[1].keypoints[3].tolist() == [131.0, 60.5]
        new = predicted(1)
        project.store_predictions(0, {1: new})
        assert plain(project.poses(0)[1]) == plain(new)
    db = sqlite3.connect(place)
    assert db.execute("PRAGMA user_version").fetchone() == (4,)  # older programs leave it alone
    db.close()


def test_damage_gives_a_sentence_and_leaves_the_file_alone(project):
    for frame in range(20):
        project.store_predictions(frame, {t: predicted(frame * 9 + t) for t in range(6)}, model="T")
    project.apply(edits.delete_track(project, 3))
    project.close()
    good = project.path.read_bytes()
    rng = random.Random(5)
    opened = 0
    for trial in range(60):
        bad = bytearray(good)
        if trial % 3 == 0:
            del bad[rng.randrange(100, len(bad)) :]
        else:
            for _ in range(rng.choice([1, 30, 400])):
                bad[rng.randrange(100, len(bad))] = rng.randrange(256)
        path = project.path.with_name(f"bad{trial}.glsproj")
        path.write_bytes(bad)
        try:
            with Project.open(path) as broken:  # a changed digit in a coordinate cannot be noticed
                everything(broken)
                opened += 1
        except ProjectError as error:
            assert "\n" not in str(error)
            assert path.read_bytes() == bytes(bad)
        path.unlink()
    assert opened < 60


# --- the video ---------------------------------------------------------------------------------------------------------------


def test_moved_folders_find_their_video(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "clip.mp4").write_bytes(b"x")
    new_project(home).close()
    moved = tmp_path / "moved"
    home.rename(moved)
    with Project.open(moved / "a.glsproj") as project:
        assert Path(project.video.path) == moved / "clip.mp4"
    shutil.move(moved / "a.glsproj", tmp_path / "a.glsproj")
    home.mkdir()
    shutil.move(moved / "clip.mp4", home / "clip.mp4")
    with Project.open(tmp_path / "a.glsproj") as project:  # not beside it any more: the place it was made for
        assert Path(project.video.path) == home / "clip.mp4"


def test_another_video_is_recognised(project, tmp_path):
    info = project.video
    assert project.video_matches(info) is None
    assert project.video_matches(replace(info, path="elsewhere", fps=30.0)) is None
    for other, word in (
        (replace(info, width=100), "100x480"),
        (replace(info, n_frames=19), "19 frames"),
        (replace(info, digest="cd" * 32), "re-encoded"),
    ):
        sentence = project.video_matches(other)
        assert sentence is not None and word in sentence
        with pytest.raises(ProjectError, match="does not fit"):
            project.relink_video(tmp_path / "b.mp4", other)
    (tmp_path / "b.mp4").write_bytes(b"x")
    project.relink_video(tmp_path / "b.mp4", info)
    assert Path(project.video.path) == tmp_path / "b.mp4"
    project.close()
    with Project.open(project.path) as again:
        assert Path(again.video.path) == tmp_path / "b.mp4"


# --- many --------------------------------------------------------------------------------------------------------------------


def test_a_hundred_thousand_frames_open_without_their_poses(tmp_path):
    import resource

    n = 100_000
    project = Project.create(tmp_path / "big.glsproj", video(tmp_path, n))
    row = pack_frame({t: encode_pose(predicted(seed), lambda name: 1) for t, seed in ((1, 1), (2, 2), (3, 9))})
    assert project._db is not None
    project._db.execute("BEGIN")
    project._db.execute("INSERT INTO models VALUES (1, 'T')")
    project._db.executemany("INSERT INTO frames VALUES (?, ?, 1)", ((f, row) for f in range(n)))
    project._db.execute("COMMIT")
    project.close()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with Project.open(project.path) as big:
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        packed = n * len(row) / 2**20  # the labels as they lie in the file
        assert grown < 1.14 * packed, f"{grown:.0f} MB for {packed:.0f}"
        assert big.track_summary(2).all() and big.predicted_frames("T").all()
        big.apply(edits.move_joint(big, 50_000, 2, 3, (1, 2)))
        assert tuple(big.pose(50_000, 2).keypoints[3]) == (1, 2) and len(big.poses(1999)) == 3


def test_readers_do_not_wait_for_a_writer(project):
    project.store_predictions(0, {1: predicted(1)})
    with project._lock:  # as while a commit waits for the disk
        answers = []

        def read() -> None:
            answers.append((len(project.poses(0)), project.tracks(), project.track_summary(1)[0], project.new_track_id()))
            answers.append((project.can_undo, project.history(), project.predicted_frames().any(), project.ignore_regions()))

        thread = threading.Thread(target=read)
        thread.start()
        thread.join(5)
        assert not thread.is_alive() and len(answers) == 2


def test_two_threads_write_at_once(project):
    def human() -> None:
        for i in range(30):
            project.apply(edits.add_person(project, i % 20, (i, i, 10, 10))[0])

    def model() -> None:
        for i in range(30):
            project.store_predictions(i % 20, {project.new_track_id(): predicted(i)}, model="T")

    threads = [threading.Thread(target=work) for work in (human, model, human)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(everything(project)) == 90 and len(project.history()) == 60
    before = everything(project)
    project.close()
    with Project.open(project.path) as again:
        assert everything(again) == before
        again.go_to_history(0)
        assert len(everything(again)) == 30


def test_ignore_regions_move_between_key_frames(project):
    square = np.array([[0, 0], [10, 0], [10, 10.0]])
    region = IgnoreRegion(2, 8, {2: square, 6: square + 8})
    edit, number = edits.set_ignore_region(project, region)
    project.apply(edit)
    project.close()
    with Project.open(project.path) as again:
        kept = again.ignore_regions()[number]
        assert kept.polygon_at(1) is None and kept.polygon_at(9) is None
        assert np.allclose(kept.polygon_at(4), square + 4) and np.allclose(kept.polygon_at(8), square + 8)
        again.apply(edits.remove_ignore_region(again, number))
        assert again.ignore_regions() == {}
        again.undo()
        assert number in again.ignore_regions()
    with pytest.raises(ValueError, match="three corners"):
        IgnoreRegion(0, 1, {0: square[:2]})


def test_after_closing_reading_goes_on_and_writing_says_so(project):
    project.store_predictions(0, {1: predicted(1)})
    project.close()
    project.close()
    assert 1 in project.poses(0)
    with pytest.raises(ProjectError, match="closed"):
        project.apply(Edit("x", facts=(FactChange("reviewed", 0, None, True),)))
