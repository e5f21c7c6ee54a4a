"""What can go wrong with a video, as one clear sentence each."""

from __future__ import annotations

import errno
import os
from pathlib import Path


class VideoError(OSError):
    """A video cannot be opened or a picture of it cannot be decoded; the message is one sentence for the user."""


class VideoCancelled(Exception):
    """The caller asked to stop while a video was being indexed."""


def check_path(path: str | Path) -> Path:
    """The path as an absolute one; :class:`VideoError` if nothing readable is there."""
    found = Path(os.path.abspath(Path(path).expanduser()))
    try:
        if found.is_dir():
            next(found.iterdir(), None)
            return found
        with found.open("rb") as file:
            if not file.read(1):
                raise VideoError(f"{found.name} is empty: it holds no video.")
    except VideoError:
        raise
    except OSError as error:
        raise explain(error, found) from error
    return found


def explain(error: OSError, path: Path) -> VideoError:
    """An operating system's error as a :class:`VideoError` naming the file."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return VideoError(f"{path} does not exist: check the path.")
    if error.errno in (errno.EACCES, errno.EPERM):
        return VideoError(f"{path} may not be read: you lack the permission.")
    return VideoError(f"{path} cannot be read: {error.strerror or error}.")
