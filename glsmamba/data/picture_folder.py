"""A folder of pictures read as a video: natural order, one size."""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from glsmamba.data.video_errors import VideoError, explain

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
#: Frames per second at which a folder of pictures is played: it carries no times, and PoseTrack's clips have about 25.
NOMINAL_RATE = 25


@dataclass(frozen=True)
class PictureFolder:
    """Facts of a folder: picture file names in natural order, their common size in pixels and the digest."""

    files: tuple[str, ...]
    width: int
    height: int
    digest: str


def natural_key(name: str) -> tuple[object, ...]:
    """Sort key that puts ``2.jpg`` before ``10.jpg``."""
    parts = re.split(r"(\d+)", name.casefold())
    return (*((int(p), "") if p.isdecimal() else (-1, p) for p in parts), name)


def list_pictures(folder: Path) -> tuple[str, ...]:
    """Names of the pictures in a folder in natural order; hidden files are passed over."""
    try:
        shown = (p for p in folder.iterdir() if not p.name.startswith("."))
        names = [p.name for p in shown if p.suffix.lower() in SUFFIXES and p.is_file()]
    except OSError as error:
        raise explain(error, folder) from error
    return tuple(sorted(names, key=natural_key))


def scan(folder: Path, pulse: Callable[[float], None]) -> PictureFolder:
    """List the pictures of a folder and see that they share one size.

    Raises:
        VideoError: no pictures, one that cannot be read, or one of another size than the first (it is named).
    """
    files = list_pictures(folder)
    if not files:
        raise VideoError(f"{folder.name} holds no pictures (JPEG or PNG): open a video file, or a folder of pictures.")
    digest = hashlib.sha256()
    common: tuple[int, int] | None = None
    for n, name in enumerate(files):
        pulse(n / len(files))
        path = folder / name
        size = picture_size(path)
        if common is not None and size != common:
            raise VideoError(
                f"{name} is {size[0]}x{size[1]} but {files[0]} is {common[0]}x{common[1]}: "
                "the pictures of a sequence must have one size."
            )
        common = size
        digest.update(f"{name}\0{path.stat().st_size}\0".encode())
    assert common is not None
    digest.update(f"pictures {common[0]}x{common[1]}".encode())
    return PictureFolder(files, *common, digest.hexdigest())


def read_picture(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB, turned upright by its EXIF tag; :class:`VideoError` if it cannot be decoded."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise explain(error, path) from error
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if data.size else None
    if picture is None:
        raise VideoError(f"{path.name} cannot be decoded: the picture is damaged.")
    return picture


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height, from the header where that is possible (PNG, JPEG without an orientation tag)."""
    try:
        with path.open("rb") as file:
            head = file.read(65536)
    except OSError as error:
        raise explain(error, path) from error
    size = _png_size(head) or _jpeg_size(head)
    if size is None:
        height, width = read_picture(path).shape[:2]
        return width, height
    return size


def _png_size(head: bytes) -> tuple[int, int] | None:
    if head[:8] != b"\x89PNG\r\n\x1a\n" or len(head) < 24 or b"eXIf" in head:
        return None
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def _jpeg_size(head: bytes) -> tuple[int, int] | None:
    """Size from the frame header (SOFn marker, ITU-T T.81 B.2.2); None where an EXIF tag may turn the picture."""
    if head[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 9 < len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if marker == 0xE1 and head[at + 4 : at + 8] == b"Exif":
            return None
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            return (width, height) if width and height else None
        at += 2 + struct.unpack(">H", head[at + 2 : at + 4])[0]
    return None
