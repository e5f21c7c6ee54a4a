"""What the program remembers between runs: an INI file in the user's configuration folder (XDG on Linux)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import platformdirs
from PySide6.QtCore import QSettings

__all__ = ["APP_NAME", "add_recent", "cache_folder", "data_folder", "recent_files", "remove_recent", "settings"]

APP_NAME = "glsmamba-studio"
_RECENT_LIMIT = 12


def settings() -> QSettings:
    """The settings file, opened by its path so that ``XDG_CONFIG_HOME`` counts at every call and not only at the first."""
    return QSettings(str(platformdirs.user_config_path(APP_NAME) / "studio.ini"), QSettings.Format.IniFormat)


def data_folder() -> Path:
    """Where projects go when the video's own folder can't be written."""
    return platformdirs.user_data_path(APP_NAME)


def cache_folder() -> Path:
    """Where thumbnails of recent files are kept."""
    return platformdirs.user_cache_path(APP_NAME)


def recent_files() -> list[Path]:
    """Recently opened videos and projects that still exist, newest first."""
    stored: Any = settings().value("recent", [])
    names = [stored] if isinstance(stored, str) else list(stored or [])
    return [path for path in (Path(name) for name in names if name) if path.exists()]


def add_recent(path: Path) -> None:
    """Put a file at the top of the recent list."""
    names = [str(path), *(str(p) for p in recent_files() if p != path)]
    store = settings()
    store.setValue("recent", names[:_RECENT_LIMIT])
    store.sync()


def remove_recent(path: Path) -> None:
    """Take a file off the recent list."""
    store = settings()
    store.setValue("recent", [str(p) for p in recent_files() if p != path])
    store.sync()
