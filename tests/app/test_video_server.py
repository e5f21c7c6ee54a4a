"""The frame server: exact pictures, the newest wish first, no waiting for callers, no thread left behind."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import read_number

from app.video.cache import FrameCache
from app.video.server import FrameServer
from glsmamba.data.video import VideoError, VideoReader, build_index

PATIENCE = 20


class Watched(VideoReader):
    """A reader that tells what it decodes and can be held up."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.decoded: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.closed_by: str | None = None

    def approach(self, i: int, keep: int = 0):  # type: ignore[no-untyped-def]
        for decoded in super().approach(i, keep):
            assert self.gate.wait(PATIENCE)
            self.decoded.append(decoded.index)
            yield decoded

    def close(self) -> None:
        self.closed_by = threading.current_thread().name
        super().close()


class Client:
    """A server with what it has delivered."""

    def __init__(self, path: Path, **options: object) -> None:
        self.pictures: queue.Queue[tuple[int, np.ndarray]] = queue.Queue()
        self.errors: queue.Queue[tuple[int, Exception]] = queue.Queue()
        self.reader: Watched | None = None

        def open_reader() -> Watched:
            self.reader = Watched(path)
            return self.reader

        self.server = FrameServer(
            open_reader, lambda i, p: self.pictures.put((i, p)), lambda i, e: self.errors.put((i, e)), **options
        )

    def ask(self, i: int) -> tuple[int, np.ndarray]:
        self.server.request(i)
        return self.pictures.get(timeout=PATIENCE)

    def settle(self) -> None:
        """Wait until nothing more is decoded."""
        before = -1
        while before != len(self.reader.decoded):
            before = len(self.reader.decoded)
            time.sleep(0.15)


@pytest.fixture
def client(small_video: Path) -> Iterator[Callable[..., Client]]:
    made: list[Client] = []

    def make(**options: object) -> Client:
        made.append(Client(small_video, **options))
        return made[-1]

    yield make
    for each in made:
        each.server.stop()


def test_pictures_are_the_wanted_ones(client: Callable[..., Client]) -> None:
    c = client()
    for i in (0, 39, 7, 8, 9, 8, 7, 20, 0):
        frame, picture = c.ask(i)
        assert (frame, read_number(picture)) == (i, i)


def test_the_newest_wish_wins(client: Callable[..., Client]) -> None:
    c = client()
    c.ask(0)
    c.settle()
    c.reader.gate.clear()
    for i in (35, 3, 30, 25, 39):
        c.server.request(i)
    time.sleep(0.05)
    c.reader.gate.set()
    shown = [c.pictures.get(timeout=PATIENCE)[0]]
    while shown[-1] != 39:
        shown.append(c.pictures.get(timeout=PATIENCE)[0])
    assert len(shown) <= 3, "overtaken wishes are dropped"
    time.sleep(0.1)
    assert c.pictures.empty(), "nothing comes after the newest"


def test_callers_never_wait_for_decoding(client: Callable[..., Client]) -> None:
    c = client()
    c.ask(0)
    c.settle()
    c.reader.gate.clear()
    started = time.monotonic()
    for i in range(13, 40):
        c.server.request(i)
    waited = time.monotonic() - started
    c.reader.gate.set()
    assert waited < 0.5


def test_the_next_frames_are_decoded_ahead_in_the_direction_of_travel(client: Callable[..., Client]) -> None:
    c = client(ahead=5)
    c.ask(10)
    c.settle()
    assert all(c.server.cache.has(i) for i in range(10, 16)) and not c.server.cache.has(17)
    before = len(c.reader.decoded)
    c.ask(11)
    c.settle()
    assert c.reader.decoded[before:] == [16], "one step needs one more picture"
    c.ask(30)
    c.ask(29)
    c.settle()
    assert all(c.server.cache.has(i) for i in range(24, 31))


def test_a_set_direction_is_obeyed(client: Callable[..., Client]) -> None:
    c = client(ahead=5)
    c.server.prefetch_direction = 0
    c.ask(10)
    c.settle()
    assert c.reader.decoded == list(range(11)), "only what leads to the frame"


def test_stepping_back_decodes_the_way_only_once(client: Callable[..., Client]) -> None:
    c = client(ahead=0, keep=40)
    c.ask(39)
    decoded = len(c.reader.decoded)
    for i in range(38, -1, -1):
        assert c.ask(i)[0] == i
    assert len(c.reader.decoded) == decoded


def test_the_budget_holds(client: Callable[..., Client]) -> None:
    one = 320 * 240 * 3 // 2
    c = client(cache=FrameCache(one * 9))
    for i in (39, 20, 0, 12):
        assert read_number(c.ask(i)[1]) == i
        assert c.server.cache.nbytes <= one * 9
    c.settle()
    assert c.server.cache.nbytes <= one * 9
    assert c.server.cache.has(12), "decoding ahead does not push out the frame on screen"


def test_it_rests_when_there_is_nothing_to_do(client: Callable[..., Client]) -> None:
    c = client()
    c.ask(5)
    c.settle()
    started = time.thread_time(), time.process_time()
    time.sleep(0.4)
    assert time.process_time() - started[1] < 0.1


def test_stop_ends_the_thread_and_closes_the_reader_there(client: Callable[..., Client]) -> None:
    c = client()
    c.ask(3)
    c.server.request(39)
    c.server.stop()
    c.server.stop()
    assert c.reader.closed_by == "frame-server"
    assert not any(t is c.server._thread for t in threading.enumerate())
    while not c.pictures.empty():
        c.pictures.get()
    c.server.request(5)
    time.sleep(0.1)
    assert c.pictures.empty()


def test_stop_may_be_called_from_a_callback(small_video: Path) -> None:
    done = threading.Event()
    box: list[FrameServer] = []

    def on_picture(_i: int, _picture: np.ndarray) -> None:
        box[0].stop()
        done.set()

    box.append(FrameServer(lambda: VideoReader(small_video), on_picture, lambda _i, _e: None))
    box[0].request(1)
    assert done.wait(PATIENCE)
    box[0]._thread.join(PATIENCE)
    assert not box[0]._thread.is_alive()


def test_a_video_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    c = Client(tmp_path / "gone.mp4")
    frame, error = c.errors.get(timeout=PATIENCE)
    c.server.stop()
    assert frame == -1 and isinstance(error, VideoError) and "does not exist" in str(error)


def test_a_frame_that_cannot_be_decoded_is_told_and_the_rest_goes_on(client: Callable[..., Client]) -> None:
    c = client()
    c.ask(0)
    c.server.request(40)
    frame, error = c.errors.get(timeout=PATIENCE)
    assert frame == 40 and "There is no frame 40" in str(error)
    assert c.ask(39)[0] == 39


def test_a_failing_receiver_does_not_end_the_service(small_video: Path) -> None:
    seen: queue.Queue[int] = queue.Queue()

    def on_picture(i: int, _picture: np.ndarray) -> None:
        seen.put(i)
        if i == 1:
            raise RuntimeError("the receiver's own fault")

    index = build_index(small_video)
    server = FrameServer(lambda: VideoReader(small_video, index), on_picture, lambda _i, _e: None)
    for i in (1, 2):
        server.request(i)
        assert seen.get(timeout=PATIENCE) == i
    server.stop()
