"""Improve a model on a project's examples: reads the video, trains, keeps everything in a folder, so that it can be stopped
at any time and goes on from there.

The folder holds ``job.json`` (what is to be done), ``examples.npz``, ``progress.jsonl`` (a line each step), the state of the
training and, at the end, ``improved.safetensors`` and ``result.json``. The same job begun again goes on from its state.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.learning.examples import Examples
from glsmamba.data.whole_file import whole_file

if TYPE_CHECKING:
    from glsmamba.training.corrections import Outcome
    from glsmamba.training.samples import Person

__all__ = ["Job", "Stopped", "Tell", "begin", "improve", "read_job"]

#: Seconds to wait for a process that still works in the folder.
_WAIT = 30.0
#: Told of dictionaries as they go into ``progress.jsonl``.
Tell = Callable[[dict[str, Any]], None]


class Stopped(Exception):
    """Somebody said so; the state is kept in the folder."""


@dataclass(frozen=True)
class Job:
    """What is to be done.

    Attributes:
        project: file name of the project. video: its path. start: path of the checkpoint to improve.
        device: ``auto``, ``cpu`` or ``cuda:n``.
        words, examples: what is learnt from, for people, and its digest.
        settings: fields of ``ImproveSettings`` that are to be other than by default.
    """

    project: str
    video: str
    start: str
    device: str
    words: str
    examples: str
    settings: dict[str, Any]


def begin(folder: Path, job: Job, examples: Examples) -> bool:
    """Put a job into a folder. The same job as is there already goes on from its state; another takes its place.

    Returns whether it goes on.
    """
    if read_job(folder) == job and (folder / "examples.npz").is_file():
        (folder / "result.json").unlink(missing_ok=True)
        return (folder / "progress.jsonl").is_file()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    examples.save(folder / "examples.npz")
    _write(folder / "job.json", asdict(job))
    return False


def read_job(folder: Path) -> Job | None:
    """The job in a folder, None where there is none that can be read."""
    try:
        return Job(**json.loads((folder / "job.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def improve(folder: Path, tell: Tell, stopped: Callable[[], bool] = lambda: False, threads: int | None = None) -> Outcome:
    """Do the job in a folder, from its last state on.

    Args:
        folder: see :func:`begin`.
        tell: told of everything that goes into ``progress.jsonl``.
        stopped: asked again and again; when true the state is saved.
        threads: CPU threads.

    Raises:
        Stopped: ``stopped`` said so.
        ValueError, OSError, RuntimeError: one sentence each; the start checkpoint is untouched.
    """
    lock = _locked(folder)
    try:
        return _improve(folder, tell, stopped, threads)
    finally:
        lock.close()


def _locked(folder: Path) -> sqlite3.Connection:
    """Nobody else works in the folder while this is open; a process that is just ending is waited for.

    SQLite's lock, because it is the same on every system and gone with the process.
    """
    lock = sqlite3.connect(folder / "lock", timeout=_WAIT, isolation_level=None)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lock.close()
        raise RuntimeError("This improvement is being made by another window or command; wait for it or stop it.") from error
    return lock


def _improve(folder: Path, tell: Tell, stopped: Callable[[], bool], threads: int | None) -> Outcome:
    from glsmamba.devices import best_device
    from glsmamba.training.corrections import Improvement, ImproveSettings, Step
    from glsmamba.weight_file import read_info

    job = read_job(folder)
    if job is None:
        raise ValueError(f"There is nothing to be done in {folder}; begin again from Model > Improve on my corrections….")
    examples = Examples.load(folder / "examples.npz")
    info = read_info(job.start)
    if info.single_frame:
        raise ValueError(
            "The single-frame baseline cannot be improved; choose a GLSMamba model in Model > Model… (or by --checkpoint)."
        )
    people = _people(examples, Path(job.video), info.config.input_size, info.config.frames, tell, stopped)
    learn = [person for person, held in zip(people, examples.held_out, strict=True) if not held and person is not None]
    held_out = [person for person, held in zip(people, examples.held_out, strict=True) if held and person is not None]
    settings = ImproveSettings(**job.settings)
    said = {
        "licence": info.provenance.get("licence", ""), "improved_on": job.project, "video": Path(job.video).name,
        "labels": job.words,
        "date": datetime.now().astimezone().isoformat(timespec="seconds"), "start": info.provenance,
    }  # fmt: skip
    device = best_device() if job.device == "auto" else job.device
    work = Improvement(job.start, learn, held_out, folder, settings, device, threads, said)
    with (folder / "progress.jsonl").open("a", encoding="utf-8") as log:

        def note(step: Step) -> None:
            line = asdict(step)
            log.write(json.dumps(line) + "\n")
            log.flush()
            tell(line)

        outcome = work.run(note, stopped)
    if outcome.checkpoint is None:
        raise Stopped
    _write(folder / "result.json", {**asdict(outcome), "checkpoint": outcome.checkpoint.name})
    return outcome


def _people(
    examples: Examples, video: Path, size: tuple[int, int], length: int, tell: Tell, stopped: Callable[[], bool]
) -> list[Person | None]:
    """The examples cut out of the video; None for those in damaged frames."""
    from app.inference.windows import Frames
    from glsmamba.data.video import VideoCancelled, VideoError, VideoReader, build_index
    from glsmamba.training.cutting import cut_person

    tell({"reading": 0.0})
    try:
        frames = Frames(VideoReader(video, build_index(video, cancelled=stopped)))
    except VideoCancelled as cancelled:
        raise Stopped from cancelled
    people: list[Person | None] = []
    try:
        for n in range(len(examples.frames)):
            if stopped():
                raise Stopped
            tell({"reading": (n + 1) / len(examples.frames)})
            x, y, w, h = examples.boxes[n].tolist()
            try:
                window = frames.window(int(examples.frames[n]), length)
                people.append(cut_person(window, (x, y, w, h), examples.points[n], examples.known[n], examples.trust[n], size))
            except VideoError:
                people.append(None)
    finally:
        frames.close()
    return people


def _write(path: Path, values: dict[str, Any]) -> None:
    with whole_file(path) as part:
        part.write_text(json.dumps(values, default=float), encoding="utf-8")
