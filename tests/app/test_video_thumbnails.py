"""Thumbnails: small, truthful about their frame, cancellable."""

from __future__ import annotations

import queue
import time
from pathlib import Path

import cv2
import numpy as np
from conftest import read_number

from app.video.thumbnails import Thumbnail, ThumbnailMaker
from glsmamba.data.video import VideoReader

PATIENCE = 20


def number_in(picture: np.ndarray) -> int:
    return read_number(cv2.resize(picture, (320, 240)))


def test_exact_thumbnails_show_their_frame(small_video: Path) -> None:
    got: queue.Queue[Thumbnail] = queue.Queue()
    maker = ThumbnailMaker(lambda: VideoReader(small_video), got.put, pause=0)
    maker.request([30, 2, 17])
    made = [got.get(timeout=PATIENCE) for _ in range(3)]
    maker.stop()
    assert [t.wanted for t in made] == [t.frame for t in made] == [number_in(t.picture) for t in made] == [30, 2, 17]
    assert all(t.picture.shape == (54, 72, 3) and t.picture.dtype == np.uint8 for t in made)


def test_quick_thumbnails_say_which_frame_they_show(small_video: Path) -> None:
    got: queue.Queue[Thumbnail] = queue.Queue()
    maker = ThumbnailMaker(lambda: VideoReader(small_video), got.put, pause=0)
    maker.request(range(0, 40, 9), exact=False)
    made = [got.get(timeout=PATIENCE) for _ in range(5)]
    maker.stop()
    assert [t.wanted for t in made] == [0, 9, 18, 27, 36]
    assert all(t.frame <= t.wanted and number_in(t.picture) == t.frame for t in made)


def test_cancelling_and_stopping(small_video: Path) -> None:
    got: queue.Queue[Thumbnail] = queue.Queue()
    maker = ThumbnailMaker(lambda: VideoReader(small_video), got.put, pause=0.05)
    maker.request(range(40))
    got.get(timeout=PATIENCE)
    maker.cancel()
    time.sleep(0.3)
    assert got.qsize() <= 2
    maker.request([1])
    time.sleep(0.2)
    maker.request(range(40))
    maker.stop()
    count = got.qsize()
    time.sleep(0.15)
    assert got.qsize() == count


def test_errors_are_told(tmp_path: Path, small_video: Path) -> None:
    errors: queue.Queue[Exception] = queue.Queue()
    got: queue.Queue[Thumbnail] = queue.Queue()
    ThumbnailMaker(lambda: VideoReader(tmp_path / "gone.mp4"), got.put, on_error=errors.put).stop()
    assert "does not exist" in str(errors.get(timeout=PATIENCE))
    maker = ThumbnailMaker(lambda: VideoReader(small_video), got.put, on_error=errors.put)
    maker.request([99, 3])
    assert got.get(timeout=PATIENCE).frame == 3
    assert "There is no frame 99" in str(errors.get(timeout=PATIENCE))
    maker.stop()
