"""The frame index: digest, times, rotation, damage, progress and cancelling."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numbered_clips import VFR_TIMES, X264, cut_end, edit_list, encode, h264, number_of, rotated

from glsmamba.data.frame_index import FrameIndex, build_index
from glsmamba.data.video import VideoCancelled, VideoError, VideoReader

MS = Fraction(1, 1000)


def test_a_copy_has_the_same_digest_and_a_reencoded_file_another(tmp_path: Path) -> None:
    original = h264(tmp_path, "a.mp4")
    copy = Path(shutil.copy(original, tmp_path / "renamed elsewhere.mp4"))
    again = h264(tmp_path, "b.mp4", options={**X264, "crf": "30"})
    digest = build_index(original).digest
    assert build_index(copy).digest == digest
    assert build_index(again).digest != digest
    assert len(digest) == 64


def test_info_says_what_a_project_keeps(tmp_path: Path) -> None:
    path = h264(tmp_path, "a.mp4")
    with VideoReader(path) as reader:
        info = reader.info
    assert (info.width, info.height, info.n_frames, info.codec, info.variable_rate) == (160, 96, 90, "h264", False)
    assert info.fps == pytest.approx(25)
    assert Path(info.path) == path and info.digest == reader.index.digest


def test_variable_rate_is_flagged_and_times_are_the_files(tmp_path: Path) -> None:
    index = build_index(h264(tmp_path, "v.mp4", times=VFR_TIMES, time_base=MS))
    assert index.variable_rate
    assert [index.time(i) for i in range(len(index))] == pytest.approx([t / 1000 for t in VFR_TIMES], abs=1e-3)


def test_a_millisecond_clock_is_not_a_variable_rate(tmp_path: Path) -> None:
    index = build_index(h264(tmp_path, "a.mkv", times=[round(k * 1001 / 30) for k in range(90)], time_base=MS))
    assert not index.variable_rate
    assert index.fps == pytest.approx(30 / 1.001, rel=1e-3)


@given(steps=st.lists(st.integers(1, 50), min_size=0, max_size=40), start=st.integers(-100, 100), data=st.data())
def test_the_frame_at_its_own_time_is_itself(steps: list[int], start: int, data: st.DataObject) -> None:
    pts = np.cumsum([start, *steps]).astype(np.int64)
    index = FrameIndex(pts, MS, pts[:1], "", 4, 4, "raw")
    i = data.draw(st.integers(0, len(pts) - 1))
    assert index.frame_at(index.time(i)) == i
    assert index.frame_at(index.time(len(pts) - 1) + 9) == len(pts) - 1
    assert index.frame_at(index.time(0) - 9) == 0


def test_pre_roll_of_an_edit_list_is_decoded_but_not_counted(tmp_path: Path) -> None:
    index = build_index(edit_list(h264(tmp_path, "full.mp4"), tmp_path / "cut.mp4", 17))
    assert len(index) == 73
    assert index.keyframes[0] < index.pts[0]
    assert index.key_before(0) == 0 and index.key_before(20) == 13


@pytest.mark.parametrize(("matrix", "turns"), [((0, 1, -1, 0), 3), ((-1, 0, 0, -1), 2), ((0, -1, 1, 0), 1)])
def test_rotation_is_applied_as_opencv_does(tmp_path: Path, matrix: tuple[int, ...], turns: int) -> None:
    plain = h264(tmp_path, "plain.mp4")
    path = rotated(plain, tmp_path / "turned.mp4", matrix)
    capture = cv2.VideoCapture(str(path))
    _, expected = capture.read()
    capture.release()
    with VideoReader(path) as turned, VideoReader(plain) as upright:
        assert (turned.height, turned.width) == expected.shape[:2]
        assert np.array_equal(turned.read(0), np.rot90(upright.read(0), turns))
        assert np.abs(turned.read(0).astype(int) - expected[..., ::-1]).mean() < 2


def smashed(path: Path, target: Path, at: float) -> Path:
    data, noise = bytearray(path.read_bytes()), random.Random(1)
    start = int(len(data) * at)
    data[start : start + 400] = bytes(noise.randrange(256) for _ in range(400))
    target.write_bytes(data)
    return target


def punctured(path: Path, target: Path, at: float) -> Path:
    data = path.read_bytes()
    start = int(len(data) * at)
    target.write_bytes(data[:start] + data[start + 5000 :])
    return target


SOURCES: dict[str, Callable[[Path], Path]] = {
    "mp4": lambda d: h264(d, "f.mp4", muxing={"movflags": "faststart"}),
    "mkv": lambda d: h264(d, "f.mkv"),
    "ts": lambda d: h264(d, "f.ts"),
    "avi": lambda d: encode(d / "f.avi", "mpeg4", options={"bf": "2", "qscale": "3"}),
    "h264.avi": lambda d: h264(d, "f.h264.avi"),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("harm", [cut_end, smashed, punctured])
@pytest.mark.parametrize("at", [0.5, 0.75])
def test_damaged_files_give_the_same_frame_in_any_order(tmp_path: Path, source: str, harm: Callable, at: float) -> None:
    path = harm(SOURCES[source](tmp_path), tmp_path / f"damaged.{source}", at)

    def read(reader: VideoReader, i: int) -> int | None:
        try:
            return number_of(reader.read(i))
        except VideoError as error:
            assert f"Frame {i} of" in str(error)
            return None

    index = build_index(path)
    with VideoReader(path, index) as reader:
        forward = [read(reader, i) for i in range(len(index))]
    assert len(index) > 20
    assert forward.count(None) <= 3
    shuffled = random.Random(5).sample(range(len(index)), min(24, len(index)))
    with VideoReader(path, index) as reader:
        again = [read(reader, i) for i in shuffled]
    # What a decoder paints over a damaged area depends on what it decoded before (-1: the cells are unreadable there).
    assert all(a == forward[i] or -1 in (a, forward[i]) for i, a in zip(shuffled, again, strict=True))
    assert len(set(forward)) > 20


def test_a_file_whose_clock_starts_again_is_counted(tmp_path: Path) -> None:
    once = h264(tmp_path, "once.ts").read_bytes()
    twice = tmp_path / "twice.ts"
    twice.write_bytes(once + once)
    index = build_index(twice)
    assert index.linear and len(index) == 180
    with VideoReader(twice, index) as reader:
        assert [number_of(reader.read(i)) for i in (100, 179, 3, 95, 90, 89)] == [10, 89, 3, 5, 0, 89]
        times = [reader.time(i) for i in range(180)]
    assert times == sorted(times)


def test_progress_rises_to_one_and_cancelling_stops(tmp_path: Path) -> None:
    path = h264(tmp_path, "a.avi")
    seen: list[float] = []
    build_index(path, seen.append)
    assert seen == sorted(seen) and seen[-1] == 1.0 and len(seen) > 3
    with pytest.raises(VideoCancelled):
        build_index(path, cancelled=lambda: True)
