"""Whether there is a screen to open a window on. Qt itself can't be asked: where it finds none it ends the whole program."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["has_screen"]

_PATIENCE_S = 3.0


def has_screen(environment: Mapping[str, str] = os.environ) -> bool:
    """True when a window can be opened, as far as can be told: on Linux some display named there must answer."""
    if not sys.platform.startswith("linux") or environment.get("QT_QPA_PLATFORM"):
        return True
    wayland = environment.get("WAYLAND_DISPLAY")
    if wayland and _answers(Path(environment.get("XDG_RUNTIME_DIR", "/")) / wayland):
        return True
    found = re.fullmatch(r"(?:[^:]*/)?([^:/]*):(\d+)(?:\.\d+)?", environment.get("DISPLAY", ""))
    if found is None:
        return False
    host, number = found[1], int(found[2])
    if host in ("", "unix"):
        local = f"/tmp/.X11-unix/X{number}"
        return _answers(local) or _answers("\0" + local)
    try:
        with socket.create_connection((host, 6000 + number), timeout=_PATIENCE_S):
            return True
    except OSError:
        return False


def _answers(place: str | Path) -> bool:
    """Whether something listens on a Unix socket; a name that begins with NUL is not in the file system."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(_PATIENCE_S)
        try:
            link.connect(str(place))
        except OSError:
            return False
    return True
