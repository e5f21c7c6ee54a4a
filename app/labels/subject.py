"""What labels belong to, a video and a skeleton, as the project file keeps them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glsmamba.data.skeletons import POSETRACK15, Skeleton

if TYPE_CHECKING:
    from glsmamba.data.video import VideoInfo

__all__ = ["skeleton_from_json", "skeleton_to_json", "video_difference", "video_from_json", "video_to_json"]


def video_to_json(video: VideoInfo, folder: Path) -> dict[str, Any]:
    """Plain JSON values of a video, with its place as seen from the project's ``folder`` too, where there is a way to it."""
    values = asdict(video)
    absolute = os.path.abspath(video.path)
    values["path"] = absolute
    try:
        values["relative_path"] = Path(os.path.relpath(absolute, folder)).as_posix()
    except ValueError:  # another drive
        values["relative_path"] = None
    return values


def video_from_json(values: Mapping[str, Any], folder: Path) -> VideoInfo:
    """The inverse of :func:`video_to_json`. ``path`` is the place as seen from ``folder`` if the video is there, else the old.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: the values are not those of a video.
    """
    from glsmamba.data.video import VideoInfo

    known = {field.name for field in fields(VideoInfo)}
    info = VideoInfo(**{name: value for name, value in values.items() if name in known})
    if not isinstance(info.n_frames, int) or info.n_frames < 0:
        raise ValueError("the number of frames")
    relative = values.get("relative_path")
    if relative:
        beside = folder / relative
        if beside.exists():
            return replace(info, path=os.path.abspath(beside))
    return info


def video_difference(mine: VideoInfo, other: VideoInfo) -> str | None:
    """None when ``other`` is the video ``mine`` that labels belong to, else one sentence saying what differs."""
    if (other.width, other.height) != (mine.width, mine.height):
        return f"This video is {other.width}x{other.height}, the labels were made on {mine.width}x{mine.height}."
    if other.n_frames != mine.n_frames:
        return f"This video has {other.n_frames} frames, the labels were made on one with {mine.n_frames}."
    if other.digest != mine.digest:
        return "This is another or a re-encoded video: its frame times differ from the video the labels were made on."
    return None


def skeleton_to_json(skeleton: Skeleton) -> dict[str, Any]:
    """Plain JSON values of a skeleton."""
    return {"name": skeleton.name, "joints": skeleton.joints, "edges": skeleton.edges}


def skeleton_from_json(values: Mapping[str, Any]) -> Skeleton:
    """The inverse of :func:`skeleton_to_json`; ``POSETRACK15`` itself for its values.

    Raises:
        KeyError, ValueError, TypeError: the values are not those of a skeleton.
    """
    edges = tuple((int(a), int(b)) for a, b in values["edges"])
    skeleton = Skeleton(values["name"], tuple(values["joints"]), edges)
    return POSETRACK15 if skeleton == POSETRACK15 else skeleton
