"""The sample video: a man on a wall and passers-by, from the Python package sports2d (BSD-3-Clause, credited in the README).

It is fetched from the package's wheel with pip the first time it is wanted, checked by its hash and kept in the user's cache
folder. Nothing of the package is installed or run.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from platformdirs import user_cache_path

PACKAGE = "sports2d==0.8.34"
MEMBER = "Sports2D/Demo/demo.mp4"
SHA256 = "d9a66417185647b112304b57093f0c180f37a768e6a14daca75ca541f3b78039"
FILE_NAME = "sports2d_demo.mp4"
_TIMEOUT = 300


class SampleError(OSError):
    """The sample video could not be had; the message is one sentence for the user."""


def sample_path() -> Path:
    """Where the sample video is kept once it was fetched."""
    return user_cache_path("glsmamba-studio", appauthor=False) / FILE_NAME


def sample_video(fetch: bool = True) -> Path:
    """The path of the sample video, fetched if need be (4 MB, once).

    Args:
        fetch: False only looks whether it is there already.

    Raises:
        SampleError: not there and not to be fetched, no network, or a file that is not the expected one.
    """
    target = sample_path()
    if target.is_file() and _sha256(target) == SHA256:
        return target
    if not fetch:
        raise SampleError("The sample video has not been fetched yet: connect to the network and open it once.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="sample-", dir=target.parent) as folder:
            video = _extracted(_downloaded(Path(folder)), Path(folder))
            os.replace(video, target)
    except SampleError:
        raise
    except OSError as error:
        raise SampleError(f"The sample video cannot be kept in {target.parent}: {error.strerror or error}.") from error
    return target


def _downloaded(folder: Path) -> Path:
    """The package's wheel, fetched by pip into a folder."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--disable-pip-version-check"]
    command += ["--only-binary", ":all:", "--dest", str(folder), PACKAGE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise SampleError("The sample video could not be fetched in five minutes: check the network and try again.") from error
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        last = f" (pip: {lines[-1].removeprefix('ERROR: ')})" if lines else ""
        raise SampleError(
            f"The sample video could not be fetched: check the network, or open a video of your own instead{last}."
        )
    return wheels[0]


def _extracted(wheel: Path, folder: Path) -> Path:
    """The video out of the wheel, checked."""
    video = folder / FILE_NAME
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as source, video.open("wb") as target:
            shutil.copyfileobj(source, target)
    except (zipfile.BadZipFile, KeyError) as error:
        raise SampleError(f"The package {PACKAGE} does not hold the sample video: open a video of your own.") from error
    if _sha256(video) != SHA256:
        raise SampleError("The sample video that was fetched is not the expected file, so it was thrown away: try again.")
    return video


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
