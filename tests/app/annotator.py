"""A program for test_end_to_end: opens a video in the real window, corrects one joint by hand, then waits to be killed.

    annotator.py VIDEO

Says what it did as one JSON line: the person, the frame, the joint, where the model had it and where the hand put it.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from hands import CTRL, SHIFT, drag, key, wait_until
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from app.labels.pose import Pose, Provenance
from app.ui.application import make_application, make_window
from app.ui.main_window import MainWindow
from app.ui.settings import settings


def surest(window: MainWindow) -> tuple[int, int]:
    """Person and joint of this frame that the model is surest of, well inside the picture and far from all others."""
    session = window.session
    best = (-1.0, -1, -1)
    poses = session.poses(session.frame)
    everyone = np.concatenate([pose.keypoints for pose in poses.values()])
    size = np.array([session.video.width, session.video.height])
    for track, pose in poses.items():
        for joint, (xy, score) in enumerate(zip(pose.keypoints, pose.scores, strict=True)):
            apart = np.sort(np.linalg.norm(everyone - xy, axis=1))[1] * window.canvas.view.camera_scale
            inside = (xy > 0.05 * size).all() and (xy < 0.9 * size).all()
            if inside and apart > 12 and pose.visibility[joint] and score > best[0]:
                best = (float(score), track, joint)
    return best[1], best[2]


def main(video: Path) -> None:
    """The whole visit."""
    make_application([])
    settings().setValue("hints/dismissed", True)
    window = make_window(video)
    session = window.session
    wait_until(lambda: session.picture is not None, "the first picture")
    wait_until(lambda: session.model.status is not None, "the model")
    wait_until(lambda: session.project.predicted_frames()[session.frame], "predictions of the frame on screen")
    if not session.poses(session.frame):  # a made video with nobody in it: draw a box, and the model fills it
        key(window, Qt.Key.Key_B)
        drag(window, np.array([90.0, 50.0]), np.array([230.0, 220.0]))
        wait_until(lambda: session.poses(session.frame), "the person drawn by hand")
        wait_until(lambda: session.selected_track is not None, "the person to be selected")
        key(window, Qt.Key.Key_Tab)
        key(window, Qt.Key.Key_V)  # the model may see nothing in a box without a person: this joint is there, says the human
        track, joint = session.selected_track, session.selected_joint
        wait_until(lambda: session.poses(session.frame)[track].provenance[joint] == Provenance.HUMAN, "the joint")
    else:
        track, joint = surest(window)

    def pose() -> Pose:
        return session.poses(session.frame)[track]

    before = pose().keypoints[joint].copy()
    drag(window, before, before + np.array([17.0, -11.0]))
    wait_until(lambda: not np.allclose(pose().keypoints[joint], before, atol=1.0), "the drag")
    assert pose().provenance[joint] == Provenance.HUMAN
    after = pose().keypoints[joint].copy()
    key(window, Qt.Key.Key_Z, CTRL)
    wait_until(lambda: np.allclose(pose().keypoints[joint], before, atol=1e-6), "undo")
    key(window, Qt.Key.Key_Z, CTRL | SHIFT)
    wait_until(lambda: np.allclose(pose().keypoints[joint], after, atol=1e-6), "redo")
    said = {"frame": session.frame, "track": track, "joint": joint, "before": before.tolist(), "after": after.tolist(),
            "project": str(session.project.path), "people": len(session.poses(session.frame))}  # fmt: skip
    print(json.dumps(said), flush=True)
    while True:  # goes on predicting until it is killed
        QApplication.processEvents()
        time.sleep(0.005)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
