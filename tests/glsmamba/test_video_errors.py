"""Bad input is refused with one clear sentence."""

from __future__ import annotations

import errno
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numbered_clips import cut_end, h264

from glsmamba.data.frame_index import build_index
from glsmamba.data.video import VideoError, VideoReader


def refused(path: Path) -> str:
    with pytest.raises(VideoError) as caught:
        VideoReader(path)
    text = str(caught.value)
    assert "\n" not in text and "Errno" not in text and "avcodec" not in text
    return text


def test_missing_file(tmp_path: Path) -> None:
    assert refused(tmp_path / "gone.mp4").endswith("gone.mp4 does not exist: check the path.")


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    assert refused(tmp_path / "empty.mp4") == "empty.mp4 is empty: it holds no video."


@pytest.mark.parametrize("name", ["notes.txt", "notes.mp4", "notes.srt"])
def test_text(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("1\n00:00:01,000 --> 00:00:02,000\nnot a video\n\n" * 40)
    assert name in refused(tmp_path / name)


def test_random_bytes(tmp_path: Path) -> None:
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(1).bytes(20000))
    assert refused(tmp_path / "noise.mp4") == "noise.mp4 is not a video that can be read: it may be damaged or cut short."


def test_video_whose_table_of_contents_is_cut_off(tmp_path: Path) -> None:
    path = cut_end(h264(tmp_path, "full.mp4"), tmp_path / "half.mp4", 0.5)
    assert "damaged or cut short" in refused(path)


def test_single_picture(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "one.png"), np.zeros((20, 30, 3), np.uint8))
    assert refused(tmp_path / "one.png") == "one.png is not a video: open a video file, or a folder of pictures."


def test_sound_without_pictures(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.time_base = 8000, Fraction(1, 8000)
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    assert refused(path) == "sound.wav has no video stream: open a file that has pictures in it."


def test_pictures_that_cannot_be_decoded(tmp_path: Path) -> None:
    path = h264(tmp_path, "a.mp4", muxing={"movflags": "faststart"})
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    data[start:] = b"\xff" * (len(data) - start)
    path.write_bytes(data)
    assert refused(path) == "a.mp4 holds no picture that can be decoded: the file is damaged."


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = h264(tmp_path, "a.mp4")

    def refuse(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)  # the superuser may read everything, so chmod would not show it
    assert refused(path).endswith("a.mp4 may not be read: you lack the permission.")


def test_file_that_vanishes_after_indexing(tmp_path: Path) -> None:
    path = h264(tmp_path, "a.mp4")
    index = build_index(path)
    path.unlink()
    with pytest.raises(VideoError, match=r"does not exist"):
        VideoReader(path, index)
