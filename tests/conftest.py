"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

# How long an example takes says more of what else the machine does.
settings.register_profile("without a clock", deadline=None)
settings.load_profile("without a clock")

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"


@pytest.fixture
def shared_data() -> Path:
    """The development data folder beside the checkout; the test is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the development data folder {SHARED_DATA} is not here")
    return SHARED_DATA


@pytest.fixture(autouse=True)
def isolated_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep recent files, window layout and caches of the tests away from the user's own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def write_numbered_video(path: Path, n_frames: int = 40, size: tuple[int, int] = (240, 320), fps: int = 25) -> Path:
    """Write an H.264 clip whose frame n carries n as eight black or white cells along the top."""
    import av

    height, width = size
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = Fraction(1, fps)
        for n in range(n_frames):
            picture = np.full((height, width, 3), 90, np.uint8)
            picture[:, : width // 2, 2] = 60 + (n * 3) % 120
            for bit in range(8):
                picture[0:32, bit * 40 : bit * 40 + 40] = 255 if (n >> bit) & 1 else 0
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = n
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return path


def read_number(picture: np.ndarray) -> int:
    """The frame number written by :func:`write_numbered_video`."""
    return sum(1 << bit for bit in range(8) if picture[8:24, bit * 40 + 8 : bit * 40 + 32].mean() > 127)


@pytest.fixture(scope="session")
def numbered_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip that :func:`small_video` copies."""
    return write_numbered_video(tmp_path_factory.mktemp("video") / "numbered.mp4")


@pytest.fixture
def small_video(tmp_path: Path, numbered_video: Path) -> Path:
    """A 320x240 clip of 40 numbered frames made at test time, in a folder of the test's own."""
    return Path(shutil.copy(numbered_video, tmp_path / "numbered.mp4"))
