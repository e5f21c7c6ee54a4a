"""Does the window stay smooth while the model runs on this CPU? Stalls of the event loop, and the time to the first skeleton.

Usage: ``python benchmarks/ui_stall.py [--video FILE] [--seconds 16]``. The real main window (offscreen unless a platform is
set) opens a real video as a person would; predicting starts by itself, torch being loaded beside the window. A timer of the
window beats every 2 ms; what a beat is late by is a stall. While the model runs the video is played and scrubbed in turns.

Then a pointer wanders over a person while the activation panel shows the map of what is under it.

The first is then measured for rivals, in the same window on the same video: the window alone, with predicting stopped, and
the same engine run on the window's own thread. A process that does nothing but sleep tells what the machine itself adds.

Ends with a line per goal, ``name measured goal ok|SHORT``, and exit status 1 if any falls short.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from PySide6.QtCore import QEvent, QObject, QPointF, Qt, QTimer
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication

from glsmamba.kept_memory import keep_memory

ROOT = Path(__file__).resolve().parents[1]
BEAT_MS = 2
GOAL_STALL_MS = 50.0
GOAL_PICTURE_S = 1.0
#: From a move of the pointer to the map of what is under it.
GOAL_MAP_MS = 250.0

_SLEEPER = f"""
import sys, time
worst, last, late = 0.0, time.perf_counter(), []
print("on", flush=True)
end = time.perf_counter() + float(sys.argv[1])
while last < end:
    time.sleep({BEAT_MS} / 1000)
    now = time.perf_counter()
    late.append((now - last) * 1e3 - {BEAT_MS})
    last = now
late.sort()
print(late[len(late) // 2], late[int(len(late) * 0.99)], late[-1])
"""


class Heart(QObject):
    """Beats in the window's thread and notes how late each beat comes."""

    def __init__(self, trace: Path | None) -> None:
        super().__init__()
        self.stalls: list[float] = []
        self._last = time.perf_counter()
        self._trace = trace.open("w") if trace is not None else None
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start(BEAT_MS)

    def _beat(self) -> None:
        now = time.perf_counter()
        self.stalls.append(max((now - self._last) * 1e3 - BEAT_MS, 0.0))
        self._last = now
        if self._trace is not None:
            # Python's own watchdog needs no lock: it shows what holds the lock while nobody else can run.
            faulthandler.dump_traceback_later(GOAL_STALL_MS / 1e3, file=self._trace)

    def taken(self) -> np.ndarray:
        """(n,) milliseconds each beat was late since the last call."""
        out, self.stalls = np.array(self.stalls or [0.0]), []
        return out


def live(seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
    """Let the window live; True if ``until`` came true."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        if until():
            return True
        QApplication.processEvents()
        time.sleep(0.0002)
    return until()


def play_and_scrub(session: Any, seconds: float, rng: np.random.Generator) -> None:
    """Half of the time the video plays, half of it a hand drags through it; in turns of two seconds."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        session.go_to(int(rng.integers(0, max(1, session.n_frames // 2))))
        session.play()
        live(min(2.0, end - time.perf_counter()))
        turn = min(end, time.perf_counter() + 2.0)
        while time.perf_counter() < turn:
            session.scrub(int(np.clip(session.frame + rng.integers(-12, 14), 0, session.n_frames - 1)))
            live(0.04)
    session.pause()


def hover_maps(window: Any, seconds: float) -> list[float]:
    """A hand wanders over a person while the activation panel shows the map of what is under the pointer.

    Returns the milliseconds from the pointer's move to the map, for each move that got one (a newer move wins).
    """
    session, view = window.session, window.canvas.view.viewport()
    frame = int(np.flatnonzero([bool(session.poses(f)) for f in range(session.n_frames)])[0])
    session.scrub(frame)
    live(2, lambda: session.picture is not None and session.picture[0] == frame)
    track, pose = max(session.poses(frame).items(), key=lambda item: item[1].box[2] * item[1].box[3])
    docks, show = window.docks, session.set_display
    acts = (docks["activation"].show, docks["activation"].raise_, lambda: show(show_activation=True))
    for act in (lambda: session.select(track), *acts):  # one at a time, as a hand does
        act()
        live(0.1)
    moved, waited = [0.0], []

    def arrived(_result: object) -> None:
        if moved[0]:
            waited.append((time.perf_counter() - moved[0]) * 1e3)
            moved[0] = 0.0

    session.model.activation_ready.connect(arrived)
    x, y, wide, high = pose.box
    start = time.perf_counter()
    while (now := time.perf_counter() - start) < seconds:
        at = (x + wide * (0.5 + 0.3 * np.sin(2.1 * now)), y + high * (0.5 + 0.35 * np.sin(1.3 * now)))
        point = QPointF(*window.canvas.to_screen(np.array(at)).tolist())
        glob = QPointF(view.mapToGlobal(point))
        none = Qt.MouseButton.NoButton
        QApplication.sendEvent(
            view, QMouseEvent(QEvent.Type.MouseMove, point, glob, none, none, Qt.KeyboardModifier.NoModifier)
        )
        moved[0] = moved[0] or time.perf_counter()
        live(1 / 60)
    session.model.activation_ready.disconnect(arrived)
    for act in (lambda: show(show_activation=False), docks["people"].raise_, docks["keypoints"].raise_):
        act()
        live(0.1)
    return waited


def on_this_thread(session: Any, seconds: float, rng: np.random.Generator) -> None:
    """The rival: the engine steps in the window's own thread, between its events."""
    from app.inference.engine import Engine
    from glsmamba.data.video import VideoReader

    path, index = session.video_path, session.index
    engine = Engine(session.project, lambda: VideoReader(path, index))
    timer = QTimer()
    timer.timeout.connect(engine.step)
    timer.start(0)
    play_and_scrub(session, seconds, rng)
    timer.stop()
    engine.close()
    engine.run()


def row(name: str, late: np.ndarray) -> str:
    median, p99 = np.percentile(late, [50, 99])
    return f"{name:46}{median:9.1f}{p99:9.1f}{late.max():9.1f}{int((late > GOAL_STALL_MS).sum()):8d}{len(late):9d}"


def real_video(asked: Path | None) -> Path:
    """The video asked for, else people walking from the optional data folder, else the sample video."""
    if asked is not None:
        return asked
    walking = ROOT.parent / "shared" / "data" / "clips" / "walking.mp4"
    if walking.is_file():
        return walking
    from app.video.sample import sample_video

    return sample_video()


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video", type=Path, help="a real video of people")
    parser.add_argument("--seconds", type=float, default=16.0, help="seconds of playing and scrubbing while the model runs")
    parser.add_argument("--trace", type=Path, help="file for what all threads did during stalls over the goal")
    options = parser.parse_args()
    keep_memory()  # as the program does
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory(prefix="ui-stall-") as folder:
        for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
            os.environ[name] = str(Path(folder) / name)
        if os.environ["QT_QPA_PLATFORM"] == "offscreen":  # whose screen of 800 x 800 pixels would make the window small
            screens = Path(folder) / "screens.json"
            screen = {"name": "screen", "x": 0, "y": 0, "width": 1920, "height": 1080, "dpr": 1}
            screens.write_text(json.dumps({"screens": [{**screen, "logicalDpi": 96, "logicalBaseDpi": 96}]}))
            os.environ["QT_QPA_PLATFORM"] = f"offscreen:configfile={screens}"
        video = Path(shutil.copy(real_video(options.video), folder))
        return measure(video, options.seconds, options.trace, rng)


def measure(video: Path, seconds: float, trace: Path | None, rng: np.random.Generator) -> int:
    """Run the window through all phases; the exit status."""
    from app.ui.application import make_application, make_window

    app = make_application(["ui_stall"])
    started = time.perf_counter()
    window = make_window()
    window.resize(1600, 1000)
    shown_s = time.perf_counter() - started
    session, seen = window.session, {"picture": 0.0, "skeleton": 0.0}
    live(0.5)

    def picture(_frame: int, _picture: np.ndarray) -> None:
        seen["picture"] = seen["picture"] or time.perf_counter()

    def labels(_change: object) -> None:
        if any(pose.visibility.any() for pose in session.poses(session.shown_frame).values()):
            seen["skeleton"] = seen["skeleton"] or time.perf_counter()

    failures: list[str] = []
    session.picture_ready.connect(picture)
    session.labels_changed.connect(labels)
    session.message.connect(lambda message: failures.append(message.text) if message.level == "error" else None)
    heart = Heart(trace)
    opened = time.perf_counter()
    session.open_path(video)
    came = live(120, lambda: bool(seen["skeleton"] or failures))
    if not came or failures:
        print(f"No person was predicted in {video.name}: {failures or 'nothing was said'}.", file=sys.stderr)
        return 1
    live(0.2)
    loading = heart.taken()
    sleeper = subprocess.Popen([sys.executable, "-c", _SLEEPER, str(seconds)], stdout=subprocess.PIPE, text=True)
    assert sleeper.stdout is not None and sleeper.stdout.readline()  # it has started
    live(0.1)
    heart.taken()
    before = int(session.project.predicted_frames().sum())
    play_and_scrub(session, seconds, rng)
    inferring = heart.taken()
    status, done = session.model.status, int(session.project.predicted_frames().sum()) - before
    said = sleeper.communicate(timeout=60)[0].split()
    heart.taken()
    waited = hover_maps(window, min(8.0, seconds))
    hovering = heart.taken()
    session.model.stop()
    live(10, lambda: session.model.status.state == "off")
    heart.taken()
    play_and_scrub(session, min(8.0, seconds), rng)
    alone = heart.taken()
    faulthandler.cancel_dump_traceback_later()
    heart._trace = None
    on_this_thread(session, min(8.0, seconds), rng)
    own_thread = heart.taken()
    size = window.size()
    window.close()
    session.shut_down()
    del app

    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    print(f"{video.name}, {os.cpu_count()} cores, load {load}, {status.model} on {status.device}, scan {status.backend}")
    print(f"window of {size.width()} x {size.height()} pixels")
    print(f"while it ran: {done} frames predicted in {seconds:.0f} s, {status.windows_per_s:.1f} persons/s")
    print(f"{'event loop late by, ms':46}{'median':>9}{'p99':>9}{'worst':>9}{'over':>8}{'beats':>9}")
    print(row("opening, loading the model, first skeleton", loading))
    print(row("inference thread (play and scrub)", inferring))
    print(row("activation map under a wandering pointer", hovering))
    print(row("rival: window alone (play and scrub)", alone))
    print(row("rival: engine on the window's thread", own_thread))
    print(f"{'a process that only sleeps, beside the model':46}{float(said[0]):9.1f}{float(said[1]):9.1f}{float(said[2]):9.1f}")
    print(f"window shown in {shown_s:.2f} s")
    if waited:
        middle, late = np.percentile(waited, [50, 99])
        print(f"{len(waited)} maps under the pointer, {middle:.0f} ms after it moved (p99 {late:.0f} ms)")
    goals = [
        ("ui_stall_worst_ms", float(inferring.max()), GOAL_STALL_MS, "ms"),
        ("ui_stall_worst_loading_ms", float(loading.max()), GOAL_STALL_MS, "ms"),
        ("ui_stall_worst_hover_ms", float(hovering.max()), GOAL_STALL_MS, "ms"),
        ("hover_map_median_ms", float(np.median(waited)) if waited else float("inf"), GOAL_MAP_MS, "ms"),
        ("ui_stall_p99_vs_own_thread", float(np.percentile(inferring, 99) / np.percentile(own_thread, 99)), 1.0, "x"),
        ("ui_stall_p99_vs_window_alone", float(np.percentile(inferring, 99) / np.percentile(alone, 99)), 2.0, "x"),
        ("open_to_first_picture_s", seen["picture"] - opened, GOAL_PICTURE_S, "s"),
        ("open_to_first_skeleton_s", seen["skeleton"] - opened, 10.0, "s"),
    ]
    for name, measured, limit, unit in goals:
        print(f"{name} {measured:.2f} <={limit:.1f}{unit} {'ok' if measured <= limit else 'SHORT'}")
    return 0 if all(measured <= limit for _, measured, limit, _ in goals) else 1


if __name__ == "__main__":
    sys.exit(main())
