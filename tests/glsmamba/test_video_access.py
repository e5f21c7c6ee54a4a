"""Frame n is the same picture however it is reached: random access against a plain linear decode, in many formats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numbered_clips import CLIPS, number_of

from glsmamba.data.frame_index import FrameIndex, build_index
from glsmamba.data.video import VideoError, VideoReader


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, FrameIndex]]:
    """Makes a named clip and its index once a session."""
    made: dict[str, tuple[Path, FrameIndex]] = {}

    def get(name: str) -> tuple[Path, FrameIndex]:
        if name not in made:
            try:
                path = CLIPS[name][0](tmp_path_factory.mktemp(name))
            except av.codec.codec.UnknownCodecError:
                pytest.skip(f"this PyAV has no encoder for {name}")
            made[name] = path, build_index(path)
        return made[name]

    return get


def linear_decode(path: Path) -> list[av.VideoFrame]:
    """The independent oracle: every picture that plain PyAV delivers from start to end, single-threaded."""
    frames = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for packet in container.demux(stream):
            try:
                frames += packet.decode()
            except av.error.InvalidDataError:
                continue
    return frames


@pytest.mark.parametrize("name", CLIPS)
def test_frames_are_those_of_a_linear_decode(clip: Callable, name: str) -> None:
    path, index = clip(name)
    expected = CLIPS[name][1]
    oracle = linear_decode(path)
    assert [number_of(f.to_ndarray(format="rgb24")) for f in oracle] == list(expected), "the clip itself"
    with VideoReader(path, index) as reader:
        assert reader.n_frames == len(expected)
        pictures = [reader.read(i) for i in range(reader.n_frames)]
        assert [number_of(p) for p in pictures] == list(expected)
        assert all(np.array_equal(p, f.to_ndarray(format="rgb24")) for p, f in zip(pictures[::7], oracle[::7], strict=True))
        assert pictures[0].dtype == np.uint8 and pictures[0].shape == (reader.height, reader.width, 3)
        if not index.linear:
            assert [reader.time(i) for i in range(len(expected))] == pytest.approx([float(f.time) for f in oracle])
    if CLIPS[name][2]:
        assert not index.linear


@pytest.mark.parametrize("name", CLIPS)
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_gives_the_same_pictures(clip: Callable, name: str, data: st.DataObject) -> None:
    path, index = clip(name)
    expected = CLIPS[name][1]
    order = data.draw(st.lists(st.integers(0, len(expected) - 1), min_size=1, max_size=10))
    threads = data.draw(st.sampled_from([1, 2]))
    with VideoReader(path, index, threads) as reader:
        assert [number_of(reader.read(i)) for i in order] == [expected[i] for i in order]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(visits=[(0, 0, 0), (13, 1, 0), (5, 1, 2)])
@example(visits=[(0, 0, 0), (13, 1, 0), (4, 1, 0)])
@given(visits=st.lists(st.tuples(st.integers(0, 89), st.integers(0, 30), st.integers(0, 40)), min_size=1, max_size=6))
def test_an_approach_may_be_left_on_the_way(clip: Callable, visits: list[tuple[int, int, int]]) -> None:
    path, index = clip("h264_b_frames")
    with VideoReader(path, index) as reader:
        for target, patience, keep in visits:
            passed: list[int] = []
            for decoded in reader.approach(target, keep):
                passed.append(decoded.index)
                assert number_of(reader.to_rgb(decoded)) == decoded.index
                if len(passed) > patience:
                    break
            else:
                assert passed[-1] == target
            assert passed == sorted(set(passed))
            asked = [i for i in passed if i >= target - keep]
            assert not asked or asked == list(range(asked[0], asked[-1] + 1)), "no gaps where pictures are to be kept"


@pytest.mark.parametrize("name", ["h264_b_frames", "h264_10_bit_odd", "vp9", "mpeg4_avi"])
def test_opencv_reading_from_start_to_end_agrees(clip: Callable, name: str) -> None:
    path, index = clip(name)
    capture = cv2.VideoCapture(str(path))
    numbers = []
    while True:
        ok, picture = capture.read()
        if not ok:
            break
        numbers.append(number_of(picture))
    capture.release()
    with VideoReader(path, index) as reader:
        assert numbers == [number_of(reader.read(i)) for i in range(reader.n_frames)]


def test_pictures_are_the_callers_own(clip: Callable) -> None:
    path, index = clip("h264_b_frames")
    with VideoReader(path, index) as reader:
        picture = reader.read(5)
        picture[:] = 0
        assert number_of(reader.read(5)) == 5


def test_frames_outside_are_refused_by_number(clip: Callable) -> None:
    path, index = clip("h264_b_frames")
    with VideoReader(path, index) as reader:
        for i in (-1, 90):
            with pytest.raises(IndexError, match=r"There is no frame .*: a\.mp4 has frames 0 to 89\."):
                reader.read(i)
            with pytest.raises(IndexError):
                reader.time(i)


def test_a_closed_reader_says_so(clip: Callable) -> None:
    path, index = clip("h264_b_frames")
    reader = VideoReader(path, index)
    reader.close()
    reader.close()
    with pytest.raises(VideoError, match="was closed"):
        reader.read(0)
