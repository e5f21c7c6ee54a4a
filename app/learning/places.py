"""Where improvements are kept: one folder a project while they are being made, the weights folder once they are adopted."""

from __future__ import annotations

import hashlib
import os
import re
from datetime import datetime
from pathlib import Path

from app.weights.folder import weights_folder

__all__ = ["adopt", "work_folder"]


def work_folder(project: Path) -> Path:
    """The folder of a project's improvement, in the user's data folder; not made here."""
    mark = hashlib.sha256(os.path.abspath(project).encode()).hexdigest()[:8]
    return weights_folder().parent / "improving" / f"{project.stem}-{mark}"


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
