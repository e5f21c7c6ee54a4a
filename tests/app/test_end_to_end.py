"""The main job, end to end, in the real window: open, wait for the model, correct, undo, redo, be killed, reopen, export."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, SHARED_DATA, write_numbered_video
from hands import CTRL, SHIFT, key, wait_until
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.cli import main as command_line
from app.labels.pose import Provenance
from app.ui.application import make_application, make_window
from app.ui.dialogs.export import ExportDialog
from app.ui.settings import settings

REAL = SHARED_DATA / "clips" / "football_5_frames.mp4"
VIDEOS = [
    pytest.param("real", marks=pytest.mark.skipif(not REAL.is_file(), reason=f"{REAL.name} is not here")),
    "made",
]


@pytest.fixture
def video(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "made":
        return write_numbered_video(tmp_path / "made.mp4", n_frames=3)
    return Path(shutil.copy(REAL, tmp_path / "football.mp4"))


def correct_and_be_killed(video: Path) -> dict:
    """Run the window in a process of its own until it has corrected a joint; kill it without warning."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(Path(__file__).with_name("annotator.py")), str(video)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=lambda: [lines.put(line) for line in process.stdout] + [lines.put("")], daemon=True).start()
        try:
            line = lines.get(timeout=240)
        finally:
            process.send_signal(signal.SIGKILL)
        assert process.stderr is not None
        assert line, process.stderr.read()
    assert process.returncode == -signal.SIGKILL
    return json.loads(line)


@pytest.mark.parametrize("video", VIDEOS, indirect=True)
def test_a_corrected_joint_survives_a_kill_and_is_exported(qtbot, video: Path, tmp_path: Path) -> None:
    done = correct_and_be_killed(video)
    frame, track, joint = done["frame"], done["track"], done["joint"]
    before, after = np.array(done["before"]), np.array(done["after"])
    assert np.allclose(after - before, [17.0, -11.0], atol=0.05)

    make_application([])
    settings().setValue("hints/dismissed", True)
    window = make_window(video)  # the video, as a person would: its project lies beside it
    qtbot.addWidget(window)
    session = window.session
    wait_until(lambda: session.picture is not None, "the first picture")
    assert str(session.project.path) == done["project"]

    def pose():
        return session.poses(frame)[track]

    assert np.allclose(pose().keypoints[joint], after, atol=0.01)
    assert pose().provenance[joint] == Provenance.HUMAN

    # What was done before the kill can still be undone, and done again.
    key(window, Qt.Key.Key_Z, CTRL)
    wait_until(lambda: np.allclose(pose().keypoints[joint], before, atol=0.01), "undo after reopening")
    key(window, Qt.Key.Key_Z, CTRL | SHIFT)
    wait_until(lambda: np.allclose(pose().keypoints[joint], after, atol=0.01), "redo after reopening")

    # The model goes on where it was killed and leaves the human's joint alone, also when told to predict again.
    wait_until(lambda: session.project.predicted_frames().all(), "predictions of all frames", 240)
    session.model.request_prediction(frame, track)
    qtbot.wait(1500)
    # All may have been predicted before the kill: then there's no status until the request has brought the model up.
    wait_until(lambda: (now := session.model.status) is not None and now.state == "done", "the model to come to rest")
    assert np.allclose(pose().keypoints[joint], after, atol=0.01)

    key(window, Qt.Key.Key_E, CTRL | SHIFT)
    wait_until(lambda: any(isinstance(d, ExportDialog) for d in window.dialogs), "the export dialog")
    dialog = next(d for d in window.dialogs if isinstance(d, ExportDialog))
    dialog.folder.setFocus()
    dialog.folder.selectAll()
    QTest.keyClicks(dialog.folder, str(tmp_path / "out"))
    QTest.mouseClick(dialog.export_button, Qt.MouseButton.LeftButton)
    wait_until(lambda: dialog.outcome.text().startswith("Written"), "the export")
    (written,) = (tmp_path / "out").rglob("*.json")
    window.close()

    content = json.loads(written.read_text())
    names = content["categories"][0]["keypoints"]
    name = ["right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "right_wrist", "right_elbow",
            "right_shoulder", "left_shoulder", "left_elbow", "left_wrist", "head_bottom", "nose", "head_top"]  # fmt: skip
    assert set(name) <= set(names)
    image = content["images"][frame]["id"]
    slot = names.index(session.skeleton.joints[joint])
    points = [np.array(a["keypoints"]).reshape(-1, 3)[slot] for a in content["annotations"] if a["image_id"] == image]
    assert len(points) >= done["people"]
    nearest = min(points, key=lambda p: float(np.linalg.norm(p[:2] - after)))
    assert np.abs(nearest[:2] - after).max() <= 0.01
    assert nearest[2] > 0
    assert command_line(["check", str(written)]) == 0
