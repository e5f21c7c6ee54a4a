"""Where a video's project lies."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import platformdirs

__all__ = ["PROJECT_SUFFIX", "project_path_for"]

PROJECT_SUFFIX = ".glsproj"


def project_path_for(video: Path) -> Path:
    """``clip.glsproj`` beside ``clip.mp4``, or in the user's data folder when that folder can't be written."""
    beside = video.parent / (video.stem + PROJECT_SUFFIX if video.is_file() else video.name + PROJECT_SUFFIX)
    if os.access(beside, os.W_OK) or (not beside.exists() and os.access(video.parent, os.W_OK)):
        return beside
    mark = hashlib.sha256(str(video).encode()).hexdigest()[:8]
    return platformdirs.user_data_path("glsmamba-studio") / "projects" / f"{video.stem}-{mark}{PROJECT_SUFFIX}"
