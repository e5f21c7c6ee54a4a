"""Time to paint one frame of the canvas: a new 1080p picture, 20 people with all joints, boxes, names and a heat map.

Usage: ``QT_QPA_PLATFORM=offscreen python benchmarks/canvas.py``. Paints synchronously into the widget's own store, as a
screen without a GPU would. Goal: 16.7 ms (60 frames a second) in a full HD window.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from PySide6.QtWidgets import QApplication

from app.labels.pose import Pose, Provenance
from app.labels.project import Project
from app.ui.canvas.canvas import Canvas
from app.ui.session import Session
from glsmamba.data.video import VideoInfo

GOAL_MS = 16.7
FRAMES, PEOPLE = 120, 20


#: A standing person, head to ankles, as shares of the height.
SHAPE = np.array(
    [[0, -0.38], [0, -0.31], [0, -0.5], [0.08, -0.28], [-0.08, -0.28], [0.12, -0.14], [-0.12, -0.14], [0.14, 0], [-0.14, 0],
     [0.06, 0], [-0.06, 0], [0.07, 0.22], [-0.07, 0.22], [0.07, 0.5], [-0.07, 0.5]],
)  # fmt: skip


def people(rng: np.random.Generator) -> dict[int, Pose]:
    """Twenty people of about a third of the picture's height."""
    out = {}
    for track in range(1, PEOPLE + 1):
        middle = rng.uniform([100, 200], [1820, 880])
        points = middle + (SHAPE + rng.normal(0, 0.02, (15, 2))) * 360
        low, high = points.min(0), points.max(0)
        out[track] = Pose(
            points, np.full(15, 2), rng.uniform(0.4, 1, 15), np.full(15, Provenance.MODEL), score=0.9,
            box=(*low.tolist(), *(high - low).tolist()), accepted=track % 4 == 0,
        )  # fmt: skip
    return out


def measure(session: Session, canvas: Canvas, pictures: list[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """(n, 2) milliseconds of each repaint: by the clock, and of this thread's processor time."""
    canvas.resize(*size)
    QApplication.processEvents()
    times = []
    for i in range(FRAMES):
        picture = pictures[i % len(pictures)]
        canvas._picture.prepare(picture)  # in the program the decode thread does this, before the window hears of the picture
        session.picture = (0, picture)
        start, cpu = time.perf_counter(), time.thread_time()
        session.picture_ready.emit(0, picture)
        canvas.view.viewport().repaint()
        times.append(((time.perf_counter() - start) * 1e3, (time.thread_time() - cpu) * 1e3))
    return np.array(times[10:])


def main() -> None:
    """Measure and print."""
    app = QApplication([])
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (1080, 1920, 3), dtype=np.uint8) for _ in range(4)]
    with tempfile.TemporaryDirectory() as folder:
        info = VideoInfo("bench.mp4", 1920, 1080, 10, 30.0, False, "h264", "0" * 64)
        project = Project.create(Path(folder) / "bench.glsproj", info)
        project.store_predictions(0, people(rng))
        session = Session()
        session.project, session.video = project, info
        canvas = Canvas(session)
        canvas.show()
        session.picture = (0, pictures[0])
        session.video_opened.emit(info)
        session.picture_ready.emit(0, pictures[0])
        session.select(3)
        heat = SimpleNamespace(frame=0, track=3, heatmaps=rng.random((15, 64, 48), dtype=np.float32), crop=np.eye(2, 3) * 0.1)
        session.model.heatmap_ready.emit(heat)
        session.set_display(heatmap_mode="max")
        results = {size: measure(session, canvas, pictures, size) for size in ((1280, 720), (1920, 1080))}
        session.shut_down()
        project.close()
    for (w, h), times in results.items():
        clock, p95, cpu = np.median(times[:, 0]), np.percentile(times[:, 0], 95), times[:, 1].mean()
        ok = "ok" if clock <= GOAL_MS else "SHORT"
        print(
            f"canvas paint, 1080p + {PEOPLE} people + heat map in {w}x{h}: median {clock:.1f} ms "
            f"(p95 {p95:.1f}; processor time {cpu:.1f}), goal {GOAL_MS} ms, {ok}"
        )
    del app


if __name__ == "__main__":
    main()
