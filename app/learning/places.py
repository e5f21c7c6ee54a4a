"""Where improvements are kept: one folder a project while they are being made, the weights folder once they are adopted."""

from __future__ import annotations

import hashlib
import os
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from app.weights.folder import found_weights, resolved, weights_folder
from glsmamba.weight_file import file_digest, read_info

__all__ = ["adopt", "start_for", "work_folder"]


def work_folder(project: Path) -> Path:
    """The folder of a project's improvement, in the user's data folder; not made here."""
    mark = hashlib.sha256(os.path.abspath(project).encode()).hexdigest()[:8]
    return weights_folder().parent / "improving" / f"{project.stem}-{mark}"


def start_for(choice: str, project: str) -> Path:
    """The checkpoint to improve where ``choice`` predicts: its own start, if it learnt from this project already.

    Otherwise it would be measured on frames that it may have learnt from, and drift further from improvement to improvement.
    All corrections are still in the project, so that nothing is lost by beginning again. Where the start is not on this machine
    any more, ``choice`` itself is taken.

    Raises:
        WeightsError, CheckpointError: the chosen file is missing or cannot be used.
    """
    path = resolved(choice).absolute()
    said = read_info(path).provenance
    while said.get("improved_on") == project and (before := _found(said)) is not None:
        path, said = before, read_info(before).provenance
    return path


def _found(said: dict[str, Any]) -> Path | None:
    """The checkpoint that an improved one started from."""
    for path, info in found_weights():
        if path.name == said.get("improved_from_file") and not isinstance(info, str):
            return path.absolute() if file_digest(path) == said.get("improved_from_sha256") else None
    return None


def adopt(checkpoint: Path, project: str, when: datetime | None = None) -> Path:
    """Move a finished checkpoint into the weights folder, named by the project and the date; nothing there is replaced.

    Raises:
        OSError: it could not be moved; it is where it was.
    """
    when = when or datetime.now()
    stem = re.sub(r"[^\w.+-]+", "-", Path(project).stem).strip("-.") or "project"
    folder = weights_folder()
    folder.mkdir(parents=True, exist_ok=True)
    names = (f"{stem}-{when:%Y-%m-%d}{more}.safetensors" for more in ("", *(f"-{n}" for n in range(2, 1000))))
    target = next(folder / name for name in names if not (folder / name).exists())
    os.replace(checkpoint, target)
    return target
