"""``predict``: videos in, projects and PoseTrack files out, without a window."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from app.labels.project import Project
from glsmamba.data.video import VideoReader, build_index

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.inference.engine import Engine

__all__ = ["Stopped", "predict"]


class Stopped(Exception):
    """The user pressed Ctrl-C; the message says what is kept and how to go on."""


@dataclass(frozen=True)
class Options:
    """How to predict; see ``glsmamba-studio predict --help``."""

    out: Path
    device: str = "auto"
    checkpoint: str | None = None
    limit: int | None = None
    detect_every: int = 1
    again: bool = False
    exact: bool = False
    flip_test: bool = False


def predict(videos: Sequence[Path], options: Options) -> list[Path]:
    """Predict videos one after the other; returns the PoseTrack files written.

    Raises:
        Stopped: Ctrl-C; frames done so far are in the project.
        ValueError, OSError, RuntimeError: one sentence each.
    """
    names = [_name(video) for video in videos]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"Two of the videos are called {twice}, so their results would be one file; give them one by one.")
    if options.limit is not None and options.limit < 1:
        raise ValueError("--limit must be at least 1 frame.")
    options.out.mkdir(parents=True, exist_ok=True)
    return [path for video in videos for path in _predict_one(video, options)]


def _name(video: Path) -> str:
    return video.name if video.is_dir() else video.stem


def _predict_one(video: Path, options: Options) -> list[Path]:
    from app.inference.engine import Engine
    from app.inference.loading import load_predictor
    from app.inference.settings import EngineSettings

    with tqdm(total=1.0, desc=f"Reading {video.name}", delay=1, leave=False, bar_format="{l_bar}{bar}") as bar:
        index = build_index(video, progress=lambda part: bar.update(part - bar.n))
    with VideoReader(video, index) as reader:
        info = reader.info
    place = options.out / f"{_name(video)}.glsproj"
    project = Project.open(place) if place.exists() else Project.create(place, info)
    with project:
        problem = project.video_matches(info)
        if problem is not None:
            raise ValueError(f"{place.name} in {options.out} belongs to another video: {problem} Choose another --out.")
        frames = range(min(options.limit or info.n_frames, info.n_frames))
        if options.again:
            project.forget_predicted()
        elif project.predicted_frames()[frames.start : frames.stop].all():
            tqdm.write(f"All frames of {video.name} were predicted before; --again predicts them anew.", file=sys.stderr)
        engine = Engine(
            project,
            lambda: VideoReader(video, index),
            lambda device: load_predictor(device, options.checkpoint),
            device=options.device,
            settings=EngineSettings(options.detect_every, exact=options.exact, flip_test=options.flip_test),
            frames=frames,
            on_message=_say,
        )
        _work(engine, project, frames, video.name)
        return _export(project, options.out / f"{_name(video)}.json")


def _say(text: str, level: str) -> None:
    if level != "error":  # that one ends the command and is said at its end
        tqdm.write(text, file=sys.stderr)


def _export(project: Project, target: Path) -> list[Path]:
    from app.labels.exporting import to_record
    from glsmamba.data import posetrack18

    return list(posetrack18.write(to_record(project, name=target.stem), target, kind="prediction").paths)


def _work(engine: Engine, project: Project, frames: range, name: str) -> None:
    """Step the engine in this thread, with a bar; Ctrl-C ends it between two blocks of the model."""

    def done() -> int:
        return int(np.count_nonzero(project.predicted_frames()[frames.start : frames.stop]))

    before = done()
    with tqdm(total=len(frames), initial=before, desc=name, unit="frame") as bar, _stopping(engine) as stopped:
        while engine.step():
            bar.update(done() - bar.n)
            speed = engine.status.windows_per_s
            bar.set_postfix_str(f"{speed:.1f} persons/s" if speed else "", refresh=False)
        bar.update(done() - bar.n)
        status = engine.status
        engine.close()
        engine.run()  # lets go of the video and the model
    if stopped:
        raise Stopped(
            f"Stopped: {done()} of {len(frames)} frames of {name} are predicted and kept in {project.path}. "
            "Give the same command again to go on from there."
        )
    if status.state == "failed":
        raise RuntimeError(status.message)
    if status.message:
        tqdm.write(f"{name}: {status.message}.", file=sys.stderr)


@contextmanager
def _stopping(engine: Engine) -> Iterator[list[int]]:
    """While inside, the first Ctrl-C cancels the engine (and is noted in the list), the second one ends the program."""
    pressed: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)
        engine.cancel()

    try:
        before = signal.signal(signal.SIGINT, stop)
    except ValueError:  # not the main thread: nobody can press Ctrl-C here
        yield pressed
        return
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)
