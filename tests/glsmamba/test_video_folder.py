"""A folder of pictures is a video in natural order."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numbered_clips import number_of, numbered_picture

from glsmamba.data.picture_folder import natural_key, picture_size, read_picture
from glsmamba.data.video import VideoError, VideoReader


def save(path: Path, picture: np.ndarray, *options: int) -> Path:
    assert cv2.imwrite(str(path), picture[..., ::-1], list(options))
    return path


def test_natural_order_times_and_pictures(tmp_path: Path) -> None:
    for n in (0, 1, 2, 9, 10, 11, 100):
        save(tmp_path / f"shot {n}.png", numbered_picture(n))
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / ".hidden.png").write_bytes(b"")
    with VideoReader(tmp_path) as reader:
        assert [number_of(reader.read(i)) for i in range(reader.n_frames)] == [0, 1, 2, 9, 10, 11, 100]
        assert np.array_equal(reader.read(3), numbered_picture(9))
        assert reader.codec == "pictures" and not reader.variable_rate and reader.fps == 25
        assert (reader.width, reader.height, reader.key_before(4)) == (160, 96, 4)
        assert [d.index for d in reader.approach(5)] == [5]
        with pytest.raises(IndexError):
            reader.read(7)


def test_the_digest_follows_the_pictures_and_not_the_folder(tmp_path: Path) -> None:
    digests = []
    for folder, numbers in (("a", (1, 2, 3)), ("b", (1, 2, 3)), ("c", (1, 2))):
        (tmp_path / folder).mkdir()
        for n in numbers:
            save(tmp_path / folder / f"{n}.jpg", numbered_picture(n))
        with VideoReader(tmp_path / folder) as reader:
            digests.append(reader.info.digest)
    assert digests[0] == digests[1] != digests[2]


def test_differing_sizes_are_refused_by_name(tmp_path: Path) -> None:
    save(tmp_path / "1.jpg", np.zeros((20, 30, 3), np.uint8))
    save(tmp_path / "2.jpg", np.zeros((20, 31, 3), np.uint8))
    with pytest.raises(
        VideoError, match=r"^2\.jpg is 31x20 but 1\.jpg is 30x20: the pictures of a sequence must have one size\.$"
    ):
        VideoReader(tmp_path)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="holds no pictures"):
        VideoReader(tmp_path)


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    save(tmp_path / "1.png", np.zeros((20, 30, 3), np.uint8))
    good = (tmp_path / "1.png").read_bytes()
    (tmp_path / "2.png").write_bytes(good[:30])
    (tmp_path / "3.jpg").write_bytes(b"\xff\xd8 nothing")
    with pytest.raises(VideoError, match=r"3\.jpg cannot be decoded"):
        VideoReader(tmp_path)
    (tmp_path / "3.jpg").unlink()
    with VideoReader(tmp_path) as reader, pytest.raises(VideoError, match=r"2\.png cannot be decoded"):
        reader.read(1)


def test_a_picture_turned_by_its_tag_is_upright(tmp_path: Path) -> None:
    path = save(tmp_path / "1.jpg", numbered_picture(5))
    exif = b"Exif\0\0" + b"II*\0" + struct.pack("<I", 8) + struct.pack("<HHHIII", 1, 0x0112, 3, 1, 6, 0)
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:])
    with VideoReader(tmp_path) as reader:
        assert (reader.width, reader.height) == (96, 160)
        assert number_of(np.rot90(reader.read(0), 1)) == 5


@given(width=st.integers(1, 60), height=st.integers(1, 60), kind=st.sampled_from(["png", "jpg", "progressive", "bmp", "webp"]))
def test_sizes_from_headers_are_those_of_the_pictures(width: int, height: int, kind: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        options = (cv2.IMWRITE_JPEG_PROGRESSIVE, 1) if kind == "progressive" else ()
        suffix = "jpg" if kind == "progressive" else kind
        path = save(Path(folder) / f"a.{suffix}", np.zeros((height, width, 3), np.uint8), *options)
        assert picture_size(path) == (width, height) == read_picture(path).shape[1::-1]


@given(numbers=st.lists(st.integers(0, 10**6), unique=True), stem=st.sampled_from(["", "im", "a-b_"]))
def test_numbers_sort_as_numbers(numbers: list[int], stem: str) -> None:
    names = [f"{stem}{n}.jpg" for n in numbers]
    assert sorted(names, key=natural_key) == [f"{stem}{n}.jpg" for n in sorted(numbers)]


def test_any_names_can_be_ordered() -> None:
    names = ["1.jpg", "a.jpg", "a1.jpg", "1a.jpg", "²3.jpg", "A.jpg", "-.jpg"]
    assert len(sorted(names, key=natural_key)) == 7
