"""``weights``: listing, importing, and fetching from a real server that misbehaves."""

from __future__ import annotations

import hashlib
import http.server
import re
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import cli
from app.weights.fetch import fetch
from app.weights.folder import default_weights, resolved, weights_folder
from app.weights.known import TABLE, KnownFile, WeightsError, known_weights

sys.path.append(str(Path(__file__).resolve().parents[1] / "glsmamba"))

CONTENT = bytes(range(256)) * 4000


class Server(http.server.ThreadingHTTPServer):
    """Serves :attr:`files`; ``ranges`` says whether it can go on in the middle, ``cut`` after how many bytes it hangs up."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.ranges, self.cut, self.etag, self.length = True, None, '"one"', True
        self.asked: list[str | None] = []

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_args: object) -> None:
        pass

    def do_GET(self) -> None:
        server = self.server
        wanted = self.headers.get("Range")
        server.asked.append(wanted)
        content = server.files.get(self.path.lstrip("/"))
        if content is None:
            self.send_error(404)
            return
        start = 0
        if wanted and server.ranges and self.headers.get("If-Range") == server.etag:
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])  # type: ignore[index]
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("ETag", server.etag)
        if server.length:
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = len(content) if server.cut is None else min(start + server.cut, len(content))
        self.wfile.write(content[start:end])
        self.close_connection = True
        if end < len(content):
            self.connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        running.files["w.bin"] = CONTENT
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield running
        running.shutdown()


SUM = hashlib.sha256(CONTENT).hexdigest()


def test_a_file_comes_whole_and_with_progress(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    fetch(KnownFile(server.url("w.bin"), len(CONTENT), SUM), tmp_path / "w.bin", lambda *told: seen.append(told))
    assert (tmp_path / "w.bin").read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT)) and len(seen) > 2
    assert [path.name for path in tmp_path.iterdir()] == ["w.bin"]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_cut_connection_is_said_and_the_next_time_goes_on(server: Server, tmp_path: Path, ranges: bool) -> None:
    file, target = KnownFile(server.url("w.bin"), sha256=SUM), tmp_path / "w.bin"
    server.ranges, server.cut = ranges, 300_000
    with pytest.raises(WeightsError, match=r"broke .*0\.3 MB are kept.*same command"):
        fetch(file, target)
    assert not target.exists() and (tmp_path / "w.bin.part").stat().st_size == 300_000
    server.cut = None
    fetch(file, target)
    assert target.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=300000-"]


def test_a_file_that_changed_meanwhile_begins_anew(server: Server, tmp_path: Path) -> None:
    server.cut = 300_000
    with pytest.raises(WeightsError):
        fetch(KnownFile(server.url("w.bin")), tmp_path / "w.bin")
    server.cut, server.etag = None, '"two"'
    server.files["w.bin"] = other = CONTENT[::-1]
    fetch(KnownFile(server.url("w.bin")), tmp_path / "w.bin")
    assert (tmp_path / "w.bin").read_bytes() == other


def test_what_was_whole_but_not_yet_checked_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    file = KnownFile(server.url("w.bin"), sha256=SUM)

    class Cut(Exception):
        pass

    def stop(have: int, size: int | None) -> None:
        if have == size:
            raise Cut

    with pytest.raises(Cut):  # as Ctrl-C after the last byte
        fetch(file, tmp_path / "w.bin", stop)
    fetch(file, tmp_path / "w.bin")
    assert (tmp_path / "w.bin").read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={len(CONTENT)}-"]


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"sha256": "0" * 64}, "not the expected file"),
        ({"sha256": "0" * 8}, "not the expected file"),
        ({"size": 5}, "instead of 5"),
    ],
)
def test_a_file_that_is_not_the_expected_one_is_thrown_away(server: Server, tmp_path: Path, known: dict, said: str) -> None:
    with pytest.raises(WeightsError, match=said):
        fetch(KnownFile(server.url("w.bin"), **known), tmp_path / "w.bin")
    assert not list(tmp_path.glob("w.bin*")) or list(tmp_path.iterdir()) == [tmp_path / "w.bin.part.json"]


def test_a_full_disk_is_said_and_nothing_is_lost(server: Server, tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    (tmp_path / "w.bin.part").symlink_to("/dev/full")  # a device on which nothing has room
    with pytest.raises(WeightsError, match="is full; make room"):
        fetch(KnownFile(server.url("w.bin")), tmp_path / "w.bin")


def test_what_the_network_refuses_is_one_sentence(server: Server, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="answered 404"):
        fetch(KnownFile(server.url("absent.bin")), tmp_path / "x")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(WeightsError, match="check the network"):
        fetch(KnownFile(f"http://127.0.0.1:{port}/x"), tmp_path / "x")
    with pytest.raises(WeightsError, match="not an https address"):
        fetch(KnownFile("http://example.org/x"), tmp_path / "x")
    server.length = False  # a server that does not say how much there is
    fetch(KnownFile(server.url("w.bin"), sha256=SUM[:8]), tmp_path / "w.bin")
    assert (tmp_path / "w.bin").read_bytes() == CONTENT


def test_the_table_claims_only_what_can_be_checked() -> None:
    table = known_weights(TABLE)
    assert {"vitpose-s", "vitpose-b", "vitpose-l", "vitpose-h"} <= set(table)
    for entry in table.values():
        assert entry.licence and entry.title
        for file in entry.files:
            assert file.url.startswith("https://") and file.name
            assert re.fullmatch(r"[0-9a-f]{64}|[0-9a-f]{8}|", file.sha256)
            assert not file.sha256 or file.sha256[:8] in file.name  # mmpose writes it into the name


# ---- the commands ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def official_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ViTPose-S with two blocks and random weights, as its makers write it."""
    import torch
    from vitpose_files import official, vitpose

    path = tmp_path_factory.mktemp("theirs") / "my vitpose.pth"
    torch.save({"state_dict": official(vitpose(depth=2)), "meta": {"epoch": 210}}, path)
    return path


def say(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    code = cli.main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


def test_imported_weights_are_listed_and_predict_as_the_baseline(
    capsys: pytest.CaptureFixture[str], official_file: Path, small_video: Path, tmp_path: Path
) -> None:
    import numpy as np

    from app.labels import edits
    from app.labels.pose import Provenance
    from app.labels.project import Project

    code, printed, err = say(capsys, "weights", "import", official_file)
    assert code == 0, err
    assert Path(printed.strip()) == weights_folder() / "my-vitpose.safetensors" and "--checkpoint my-vitpose" in err
    code, printed, _ = say(capsys, "weights", "list")
    rows = {line.split()[0]: line for line in printed.splitlines() if line}
    assert code == 0 and rows["glsmamba-t"].endswith("shipped") and rows["my-vitpose"].endswith("imported")
    assert "single-frame baseline" in rows["my-vitpose"] and rows["vitpose-h"].endswith("can be fetched")
    code, printed, _ = say(capsys, "info", "--checkpoint", "my-vitpose")
    assert code == 0 and "single frame" in printed and "ViTPose-S" in printed

    out = tmp_path / "out"
    out.mkdir()
    words = ["predict", small_video, "--out", out, "--device", "cpu", "--checkpoint", "my-vitpose"]
    assert say(capsys, *words, "--limit", "1")[0] == 0
    with Project.open(out / "numbered.glsproj") as project:
        edit, track = edits.add_person(project, 1, (100, 60, 60, 150))
        project.apply(edit)
    code, _, err = say(capsys, *words, "--limit", "3")
    assert code == 0 and "single-frame baseline" in err and "estimated" in err
    with Project.open(out / "numbered.glsproj") as project:
        pose = project.poses(1)[track]
        assert "single-frame baseline" in pose.model
        made = [project.skeleton.joints[n] for n in np.flatnonzero(pose.provenance == Provenance.ESTIMATED)]
        assert made == ["head_bottom", "head_top"]
    code, _, err = say(capsys, *words, "--again", "--limit", "2")  # estimated joints are the model's to replace
    assert code == 0


def test_without_a_glsmamba_checkpoint_the_baseline_is_taken(
    capsys: pytest.CaptureFixture[str], official_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert say(capsys, "weights", "import", official_file, "--name", "mine")[0] == 0
    assert default_weights().name == "glsmamba-t.safetensors"
    monkeypatch.setattr("app.weights.folder.SHIPPED", tmp_path / "absent.safetensors")
    assert default_weights() == resolved("mine") == weights_folder() / "mine.safetensors"
    from app.inference.loading import load_predictor

    assert "single-frame baseline" in load_predictor("cpu").name


def test_fetching_by_name(
    capsys: pytest.CaptureFixture[str], official_file: Path, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = official_file.read_bytes()
    server.files["vitpose.pth"] = content
    digits = hashlib.sha256(content).hexdigest()[:8]
    table = tmp_path / "weights.toml"
    table.write_text(
        f'[mine]\ntitle = "Mine"\nlicence = "CC0"\nfiles = [{{ url = "{server.url("vitpose.pth")}", sha256 = "{digits}" }}]\n'
    )
    from app.commands import weights

    server.cut = 1_000_000
    with pytest.raises(WeightsError, match=r"1\.0 MB are kept"):
        weights.fetch_weights("mine", table)
    server.cut = None
    made = weights.fetch_weights("mine", table)
    assert made == weights_folder() / "mine.safetensors" and made.is_file()
    assert "only the first 8 digits" in capsys.readouterr().err
    assert not (weights_folder() / "partial" / "mine").exists()
    assert server.asked == [None, "bytes=1000000-"]
    assert "CC0" in say(capsys, "weights", "list")[1]


def test_wrong_weights_are_one_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path, small_video: Path) -> None:
    (tmp_path / "notes.pth").write_text("hello")
    for words in (
        ["weights", "import", tmp_path / "absent.pth"],
        ["weights", "import", tmp_path / "notes.pth"],
        ["weights", "import", tmp_path],
        ["weights", "fetch", "nobody"],
        ["predict", small_video, "--out", tmp_path / "o", "--checkpoint", "vitpose-h"],
        ["predict", small_video, "--out", tmp_path / "o", "--checkpoint", "nobody"],
    ):
        code, _, err = say(capsys, *words)
        lines = [line for line in err.replace("\r", "\n").splitlines() if line.startswith("glsmamba-studio: ")]
        assert code == 2 and len(lines) == 1 and len(lines[0]) > 40, (words, err)
    assert not weights_folder().exists() or not list(weights_folder().glob("*"))
