"""``improve``: a model that learnt from the corrections in a project."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

from tqdm import tqdm

from app.labels.places import PROJECT_SUFFIX, project_path_for
from app.labels.project import Project
from app.learning.examples import gather
from app.learning.improve import Job, Stopped, begin, improve
from app.learning.words import verdict

__all__ = ["StoppedImproving", "improve_model"]


class StoppedImproving(Exception):
    """The user pressed Ctrl-C; the message says how to go on."""


def improve_model(
    place: Path, out: Path, checkpoint: str | None = None, device: str = "auto", minutes: float | None = None
) -> str:
    """Improve a model on the corrections in a project and write it to a file; returns sentences for the user.

    Args:
        place: the project, or its video.
        out: the new checkpoint. Until it is there its state is kept beside it, in ``OUT.improving``.
        checkpoint: file or name of the model to improve; by default the one that predicts.
        device: ``auto``, ``cpu`` or ``cuda:n``.
        minutes: so long at most.

    Raises:
        StoppedImproving: Ctrl-C.
        ValueError, OSError, RuntimeError: one sentence each.
    """
    from app.learning.places import start_for

    if minutes is not None and not minutes > 0:
        raise ValueError("--minutes must be more than 0.")
    path = place if place.suffix == PROJECT_SUFFIX else project_path_for(place.absolute())
    if not path.exists():
        what = "does not exist: check the path" if path == place else "has no project yet: correct some of its frames first"
        raise FileNotFoundError(f"{place} {what}.")
    start = start_for(checkpoint or "", path.name)
    if out.exists() and out.samefile(start):
        raise ValueError(f"{out} is the model to be improved, which is kept; choose another --out.")
    with Project.open(path) as project:
        examples, video = gather(project), Path(project.video.path)
    if not video.exists():
        raise FileNotFoundError(f"The video {video} is not there; open {path.name} in the window to say where it is.")
    settings: dict[str, Any] = {} if minutes is None else {"seconds": 60 * minutes}
    folder = out.with_name(out.name + ".improving")
    out.parent.mkdir(parents=True, exist_ok=True)
    job = Job(path.name, str(video), str(start), device, examples.words, examples.digest, settings)
    tqdm.write(examples.words)
    if begin(folder, job, examples):
        tqdm.write("Going on where it stopped.")
    with tqdm(total=1.0, desc="Improving", bar_format="{l_bar}{bar}| {postfix}") as bar, _stopping() as pressed:

        def tell(line: dict[str, Any]) -> None:
            if "reading" in line:
                bar.set_description_str("Reading the video", refresh=False)
                bar.update(line["reading"] - bar.n)
                return
            bar.set_description_str("Improving", refresh=False)
            if line["loss"] is not None:
                bar.set_postfix_str(f"loss {line['loss']:.2f}, {line['seconds_left'] / 60:.1f} min left", refresh=False)
            bar.update(line["step"] / line["steps"] - bar.n)
            if line["measured"] is not None:
                tqdm.write(f"step {line['step']}: held-out error {100 * line['measured']['error']:.2f} % of the person's box")

        try:
            outcome = improve(folder, tell, lambda: bool(pressed))
        except Stopped as stopped:
            raise StoppedImproving("Stopped: the state is kept. Give the same command again to go on from there.") from stopped
    assert outcome.checkpoint is not None and outcome.after is not None
    outcome.checkpoint.replace(out)
    shutil.rmtree(folder, ignore_errors=True)
    return f"{verdict(asdict(outcome.before), asdict(outcome.after))}\n{out}"


@contextmanager
def _stopping() -> Iterator[list[int]]:
    """While inside, the first Ctrl-C or request to end is noted in the list, the second Ctrl-C ends the program."""
    pressed: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield pressed
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
