"""Improving the model beside the work: starts and follows the process, and knows how things stand for all who show it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import QObject, Signal

from app.ui.session import Session
from app.ui.threads.worker import Worker

__all__ = ["Improver", "State"]

#: nothing known yet; too little to learn from; could begin; was stopped and could go on; at work; done, undecided; went wrong
State = Literal["looking", "refused", "ready", "interrupted", "running", "finished", "failed"]
_ROOT = Path(__file__).resolve().parents[2]


class Improver(QObject):
    """The improvement of the open project. No verb waits: the disk and the process are left to threads.

    The process ends with the window, or when another video is opened, and keeps its state: it can go on later. A finished
    improvement waits, also over restarts, until somebody adopts it or keeps the old model.

    Attributes:
        nicer: steps of niceness of the process: the window and its predictions come first.
        state: how it stands.
        words: what is or would be learnt from and measured on.
        sentence: why not, in the states refused and failed.
        start: name of the model that is or would be improved.
        steps, step, seconds_left, reading: how far it is; ``reading`` is a share, None once the video was read.
        stopping: it was told to stop and has not yet.
        losses: (step, loss) so far. errors: (step, held-out error).
        before, after: fields of ``Measured``; ``after`` is there when it has finished.
    """

    changed = Signal()
    progressed = Signal()
    """Only numbers changed, several times a second at most."""
    finished = Signal()

    _line = Signal(int, object)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._process: subprocess.Popen[str] | None = None
        self._ticket = 0
        self._settings: dict[str, Any] = {}
        self.nicer = 10
        self._line.connect(self._said)
        self._forget()
        session.video_opened.connect(lambda _video: self.leave())

    def _forget(self) -> None:
        self.state: State = "looking"
        self.stopping = False
        self.words = self.sentence = self.start = ""
        self.step, self.steps, self.seconds_left = 0, 0, 0.0
        self.reading: float | None = None
        self.losses: list[tuple[int, float]] = []
        self.errors: list[tuple[int, float]] = []
        self.before: dict[str, Any] | None = None
        self.after: dict[str, Any] | None = None
        self._folder = Path()
        self._job: Any = None
        self._examples: Any = None

    def use_settings(self, **settings: Any) -> None:
        """Fields of ``ImproveSettings`` for improvements begun from now on; for tests and trials."""
        self._settings = settings

    @property
    def fraction(self) -> float:
        """How far it is."""
        return self.step / self.steps if self.steps else 0.0

    @property
    def can_begin(self) -> bool:
        """Whether there is enough to learn from."""
        return self._job is not None

    # ---- verbs ---------------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Find out what could be learnt from, and whether something is there to go on with or to decide about."""
        if self.state == "running" or self._session.project is None:
            return
        project, weights, device = self._session.project, self._session.model.weights, self._session.model.device
        video, settings, ticket = self._session.video_path, self._settings, self._ticket

        def find(_progress: Any) -> dict[str, Any]:
            return _look(project, Path(str(video)), weights, device, settings)

        def found(facts: dict[str, Any]) -> None:
            if ticket == self._ticket and self.state != "running":
                self._forget()
                for name, value in facts.items():
                    setattr(self, name, value)
                self.changed.emit()

        # Edits that are still on their way are waited for by going through the project thread first.
        self._session.write(lambda _project: None, lambda _none: self._work(find, found))

    def begin(self, anew: bool = False) -> None:
        """Start, or go on where it stopped; ``anew`` begins from the start with the labels as they are now."""
        if self.state not in ("ready", "interrupted", "finished", "failed") or self._job is None:
            return
        self._ticket += 1
        ticket, folder, job, examples = self._ticket, self._folder, self._job, self._examples
        nicer = self.nicer
        going_on = self.state == "interrupted" and not anew
        if not going_on:
            self.losses, self.errors, self.step = [], [], 0
        self.state, self.reading, self.sentence, self.after, self.stopping = "running", 0.0, "", None, False
        self.changed.emit()

        def run() -> None:
            from app.learning.improve import begin

            try:
                if not going_on:
                    shutil.rmtree(folder, ignore_errors=True)
                    begin(folder, job, examples)
                process = _spawn(folder, nicer)
            except OSError as error:
                self._tell(ticket, {"failed": f"The improvement could not be started ({error.strerror or error})."})
                return
            if ticket != self._ticket:  # cancelled meanwhile
                _end(process, kill=True)
                return
            self._process = process
            if self.stopping:
                _end(process)
            assert process.stdout is not None
            last: dict[str, Any] = {}
            for text in process.stdout:
                with contextlib.suppress(ValueError):
                    last = json.loads(text)
                    self._tell(ticket, last)
            process.wait()
            if not last.keys() & {"finished", "stopped", "failed"}:
                self._tell(ticket, {"failed": "The process that improves the model ended without a word; try again."})

        threading.Thread(target=run, name="improving", daemon=True).start()

    def stop(self) -> None:
        """Stop after the present step; the state is kept, to go on with or to throw away."""
        if self.state == "running":
            self.stopping = True
            if self._process is not None:
                _end(self._process)
            self.changed.emit()

    def throw_away(self) -> None:
        """Delete what was learnt so far."""
        if self.state == "interrupted":
            self._drop()

    def keep_old(self) -> None:
        """Decide for the old model: the new one is deleted."""
        if self.state == "finished":
            self._drop()

    def adopt(self) -> None:
        """Decide for the new model: it moves into the weights folder and predicts from now on. The old one stays there, too."""
        if self.state != "finished":
            return
        folder, project = self._folder, Path(self._session.project.path)

        def move(_progress: Any) -> Path:
            from app.learning.places import adopt

            path = adopt(folder / "improved.safetensors", project.name)
            shutil.rmtree(folder, ignore_errors=True)
            return path

        def moved(path: Path) -> None:
            self._session.tell(f"Adopted {path.name}. To go back, choose the old one in Model > Model….")
            self._session.model.set_weights(str(path))
            self._forget()
            self.changed.emit()
            self.look()

        self._work(move, moved)

    def leave(self) -> None:
        """Let the process stop by itself with its state on the disk, and forget about it; returns at once."""
        self._ticket += 1
        process, self._process = self._process, None
        self._forget()
        if process is not None:
            _end(process)
        self.changed.emit()

    # ---- what the process says -----------------------------------------------------------------------------------------

    def _tell(self, ticket: int, line: dict[str, Any]) -> None:
        with contextlib.suppress(RuntimeError):  # the window has gone
            self._line.emit(ticket, line)

    def _said(self, ticket: int, line: dict[str, Any]) -> None:
        if ticket != self._ticket:
            return
        if "failed" in line:
            self._process = None
            self.state, self.sentence = "failed", str(line["failed"])
            self.changed.emit()
        elif "stopped" in line:
            self._process = None
            self.state = "interrupted"
            self.changed.emit()
        elif "finished" in line:
            self._process = None
            self.state = "finished"
            self.changed.emit()
            self.finished.emit()
        elif "reading" in line:
            self.reading = float(line["reading"])
            self.progressed.emit()
        else:
            self.reading = None
            self._note(line)
            self.progressed.emit()

    def _note(self, line: dict[str, Any]) -> None:
        """One step, as it is told and as it is written in the folder."""
        self.step, self.steps, self.seconds_left = int(line["step"]), int(line["steps"]), float(line["seconds_left"])
        if line["loss"] is not None:
            self.losses.append((self.step, float(line["loss"])))
        if line["measured"] is not None:
            measured = dict(line["measured"])
            self.errors.append((self.step, float(measured["error"])))
            self.before = self.before or measured
            self.after = measured

    # ---- threads -------------------------------------------------------------------------------------------------------

    def _work(self, call: Any, done: Any) -> None:
        worker = Worker(call, self)
        worker.done.connect(done)
        worker.failed.connect(self._failed)

    def _failed(self, sentence: str) -> None:
        self.state, self.sentence = "failed", sentence
        self.changed.emit()

    def _drop(self) -> None:
        self._ticket += 1
        process, self._process, folder = self._process, None, self._folder
        self._forget()
        self.changed.emit()

        def clear(_progress: Any) -> None:
            if process is not None:
                _end(process, kill=True)
                process.wait()
            shutil.rmtree(folder, ignore_errors=True)

        self._work(clear, lambda _none: self.look())


def _look(project: Any, video: Path, weights: str, device: str, settings: dict[str, Any]) -> dict[str, Any]:
    """How things stand, as attributes of :class:`Improver`; in a thread."""
    from app.learning.examples import TooFewError, gather
    from app.learning.improve import Job, read_job
    from app.learning.places import start_for, work_folder
    from glsmamba.weight_file import read_info

    path = Path(project.path)
    folder = work_folder(path)
    facts: dict[str, Any] = {"_folder": folder, "state": "ready"}
    info = read_info(start_for(weights, path.name))
    facts["start"] = info.name
    if info.single_frame:
        sentence = "The single-frame baseline cannot be improved: choose a GLSMamba model in Model > Model… first."
        facts |= {"state": "refused", "sentence": sentence}
    else:
        try:
            examples = gather(project)
            facts["words"] = examples.words
            facts["_examples"] = examples
            facts["_job"] = Job(
                path.name, str(video), str(info.path), device, examples.words, examples.digest, settings
            )  # fmt: skip
        except TooFewError as few:
            facts |= {"state": "refused", "sentence": str(few)}
    kept = read_job(folder)
    if kept is None:
        return facts
    # What was begun, or is to be decided about, goes before: also where labels or the model have changed since.
    facts |= {"words": kept.words, "start": _name_of(kept.start)}
    facts |= _history(folder)
    if (folder / "result.json").is_file() and (folder / "improved.safetensors").is_file():
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        return facts | {"state": "finished", "before": result["before"], "after": result["after"], "sentence": ""}
    return facts | {"state": "interrupted", "sentence": ""}


def _name_of(start: str) -> str:
    from app.weights.folder import said_of

    said = said_of(Path(start))
    return Path(start).name if isinstance(said, str) else said.name


def _history(folder: Path) -> dict[str, Any]:
    """Losses and errors from the file that the process wrote."""
    losses, errors, last = [], [], {"step": 0, "steps": 0, "seconds_left": 0.0}
    with contextlib.suppress(OSError, ValueError, KeyError), (folder / "progress.jsonl").open(encoding="utf-8") as file:
        for text in file:
            last = json.loads(text)
            if last["loss"] is not None:
                losses.append((last["step"], last["loss"]))
            if last["measured"] is not None:
                errors.append((last["step"], last["measured"]["error"]))
    numbers = {name: last[name] for name in ("step", "steps", "seconds_left")}
    return {"losses": losses, "errors": errors, **numbers}


def _spawn(folder: Path, nicer: int) -> subprocess.Popen[str]:
    """The process; its input stays open as long as this program lives."""
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(
        [sys.executable, "-m", "app.learning.process", str(folder), str(nicer)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, encoding="utf-8", env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
    )  # fmt: skip


def _end(process: subprocess.Popen[str], kill: bool = False) -> None:
    """Ask the process to stop with its state on the disk, or stop it at once."""
    with contextlib.suppress(OSError):
        if kill:
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
