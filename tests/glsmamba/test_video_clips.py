"""Real clips: random access equals a linear decode, bit for bit."""

from __future__ import annotations

import random
import zlib
from pathlib import Path

import av
import pytest

from glsmamba.data.frame_index import build_index
from glsmamba.data.video import VideoError, VideoReader

#: Clip, frames. Small enough to be decoded twice in a test.
CLIPS = {
    "basketball.mp4": 300,
    "dancer_upper_body.mp4": 117,
    "ntu_one_person.avi": 103,
    "ntu_two_people.mp4": 72,
    "football_5_frames.mp4": 5,
    "no_person.mp4": 32,
}


def crc(picture) -> int:
    return zlib.crc32(picture[::5].tobytes())


@pytest.mark.data
@pytest.mark.parametrize("name", CLIPS)
def test_random_access_to_a_real_clip(shared_data: Path, name: str) -> None:
    path = shared_data / "clips" / name
    rng = random.Random(name)
    wanted = [rng.randrange(CLIPS[name]) for _ in range(4)]
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "FRAME"
        expected, count = {}, 0
        for count, frame in enumerate(container.decode(video=0), start=1):
            if count - 1 in wanted:
                expected[count - 1] = crc(frame.to_ndarray(format="rgb24"))
    with VideoReader(path) as reader:
        assert reader.n_frames == count == CLIPS[name]
        assert [crc(reader.read(i)) for i in wanted] == [expected[i] for i in wanted]


@pytest.mark.data
def test_a_corrupted_clip_gives_its_sound_frames(shared_data: Path) -> None:
    path = shared_data / "clips" / "corrupted.mp4"
    index = build_index(path)
    with VideoReader(path, index) as reader:
        assert 40 <= reader.n_frames <= 50
        for i in range(reader.n_frames - 1, -1, -7):
            assert reader.read(i).shape == (720, 1280, 3)


@pytest.mark.data
def test_a_text_file_among_the_clips_is_refused(shared_data: Path) -> None:
    with pytest.raises(VideoError, match="is not a video"):
        VideoReader(shared_data / "clips" / "two_people_calibration.qca.txt")
