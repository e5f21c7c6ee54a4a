"""Commands as a person gives them: what is written, what is said, and the exit code."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from app import cli
from app.commands.screen import has_screen
from app.labels import edits
from app.labels.pose import Provenance
from app.labels.project import Project

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with random weights: all blocks, quick on a busy machine."""
    import torch

    from glsmamba.checkpoint import save_checkpoint
    from glsmamba.config import PRESETS
    from glsmamba.modeling.model import GLSMamba

    torch.manual_seed(0)
    config = PRESETS["T"].with_(
        preset="tiny", input_size=(64, 48), width=16, encoder="mobilenet_v2", encoder_channels=16, gsm_blocks=1
    )
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_checkpoint(GLSMamba(config), path, {"data": "none"})
    return path


def say(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    code = cli.main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


def test_help_shows_every_command_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    text = capsys.readouterr().out
    assert ended.value.code == 0
    for word in ("open", "predict", "export", "check", "info", "sample", "train", "evaluate", "calibrate", "examples:"):
        assert word in text
    for command in ("open", "predict", "export", "check", "info", "sample", "train", "evaluate", "calibrate"):
        with pytest.raises(SystemExit):
            cli.main([command, "--help"])
        assert "examples:" in capsys.readouterr().out


def test_a_video_is_predicted_and_a_second_run_goes_on(
    capsys: pytest.CaptureFixture[str], small_video: Path, checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "results"
    words = ["predict", small_video, "--out", out, "--checkpoint", checkpoint, "--device", "cpu"]
    code, _, err = say(capsys, *words, "--limit", "5")
    assert code == 0, err
    with Project.open(out / "numbered.glsproj") as project:
        np.testing.assert_array_equal(np.flatnonzero(project.predicted_frames()), range(5))
        edit, track = edits.add_person(project, 6, (100, 60, 60, 150))
        project.apply(edit)
    code, printed, err = say(capsys, *words, "--limit", "8")
    assert code == 0, err
    with Project.open(out / "numbered.glsproj") as project:
        np.testing.assert_array_equal(np.flatnonzero(project.predicted_frames()), range(8))
        pose = project.poses(6)[track]
        assert pose.box == (100, 60, 60, 150) and (pose.provenance == Provenance.MODEL).all()
    assert json.loads((out / "numbered.json").read_text())["images"]
    assert str(out / "numbered.json") in printed


def test_ctrl_c_stops_with_a_sentence_and_the_next_run_goes_on(
    capsys: pytest.CaptureFixture[str], small_video: Path, checkpoint: Path, tmp_path: Path
) -> None:
    """A real process and a real signal, in the middle of the work."""
    words = ["predict", str(small_video), "--out", str(tmp_path), "--checkpoint", str(checkpoint), "--device", "cpu"]
    quiet = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=quiet
    )
    assert process.stderr is not None
    said = b""
    while not re.search(rb" [1-9]\d*/40 ", said):  # the bar: a frame is done
        piece = os.read(process.stderr.fileno(), 4096)
        assert piece, said
        said += piece
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    text = err.decode()
    assert process.returncode == 130, text
    assert "Traceback" not in text and "same command again" in text and not out
    stopped = re.search(r"Stopped: (\d+) of 40 frames", text)
    assert stopped is not None
    with Project.open(tmp_path / "numbered.glsproj") as project:
        done = project.predicted_frames()
        assert 0 < done.sum() == int(stopped[1]) < 40
    code, _, err_text = say(capsys, *words, "--limit", str(int(stopped[1]) + 1))
    assert code == 0, err_text
    with Project.open(tmp_path / "numbered.glsproj") as project:
        assert project.predicted_frames().sum() == int(stopped[1]) + 1
    code, _, err_text = say(capsys, *words, "--limit", "1")
    assert code == 0 and "--again" in err_text


def test_a_folder_of_pictures_and_a_video_in_one_go(
    capsys: pytest.CaptureFixture[str], small_video: Path, checkpoint: Path, tmp_path: Path
) -> None:
    pictures = tmp_path / "stills"
    pictures.mkdir()
    for n in range(3):
        cv2.imwrite(str(pictures / f"{n}.png"), np.full((120, 160, 3), 40 * n, np.uint8))
    out = tmp_path / "out"
    code, printed, err = say(
        capsys, "predict", pictures, small_video, "--out", out, "--checkpoint", checkpoint, "--limit", "2", "--exact",
        "--device", "cpu",
    )  # fmt: skip
    assert code == 0, err
    assert printed.split() == [str(out / "stills.json"), str(out / "numbered.json")]
    assert len(json.loads((out / "stills.json").read_text())["images"]) == 3


def test_damaged_and_empty_videos_are_no_trouble(
    capsys: pytest.CaptureFixture[str], checkpoint: Path, tmp_path: Path, shared_data: Path
) -> None:
    clips = [shared_data / "clips" / name for name in ("corrupted.mp4", "no_person.mp4")]
    code, printed, err = say(capsys, "predict", *clips, "--out", tmp_path, "--checkpoint", checkpoint, "--limit", "3")
    assert code == 0, err
    assert "Traceback" not in err and printed.count(".json") == 2
    code, printed, _ = say(capsys, "check", tmp_path / "no_person.json")
    assert code == 0, printed


def test_export_and_check(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from glsmamba.data.video import VideoInfo

    place = tmp_path / "walk.glsproj"
    with Project.create(place, VideoInfo("walk.mp4", 320, 240, 4, 25.0, False, "h264", "0" * 64)) as project:
        edit, track = edits.add_person(project, 1, (100, 60, 60, 150))
        project.apply(edit)
        for joint in range(15):
            project.apply(edits.move_joint(project, 1, track, joint, (120 + joint, 70 + 8 * joint)))
    code, printed, err = say(capsys, "export", place, "--out", tmp_path / "posetrack", "--format", "posetrack18")
    assert code == 0, err
    written = tmp_path / "posetrack" / "walk.json"
    assert printed.strip() == str(written)
    content = json.loads(written.read_text())
    assert len(content["images"]) == 4 and len(content["annotations"]) == 1
    keypoints = np.array(content["annotations"][0]["keypoints"]).reshape(17, 3)
    np.testing.assert_allclose(keypoints[0, :2], (120, 70), atol=0.01)

    content["annotations"][0]["keypoints"] = content["annotations"][0]["keypoints"][:-3]
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(content))
    code, printed, _ = say(capsys, "check", broken)
    assert code == 1 and "error" in printed and str(broken) in printed


def test_wrong_input_is_one_sentence_and_exit_code_two(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_video: Path
) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("this is no video")
    absent = tmp_path / "absent"
    for words in (
        ["predict", absent, "--out", tmp_path],
        ["predict", text, "--out", tmp_path],
        ["predict", small_video, small_video, "--out", tmp_path],
        ["predict", small_video, "--out", tmp_path, "--limit", "0"],
        ["predict", small_video, "--out", tmp_path, "--checkpoint", text],
        ["predict", small_video, "--out", text],
        ["export", absent, "--out", tmp_path],
        ["export", text, "--out", tmp_path],
        ["check", text],
        ["check", absent],
        ["open", absent],
        ["train", absent],
        ["calibrate", text, "--data", absent],
    ):
        code, _, err = say(capsys, *words)
        lines = [line for line in err.replace("\r", "\n").splitlines() if line.startswith("glsmamba-studio: ")]
        assert code == 2 and len(lines) == 1, (words, code, err)
        assert "Traceback" not in err and len(lines[0]) > 30
    monkeypatch.setenv("GLSMAMBA_DEBUG", "1")
    with pytest.raises(OSError):
        cli.main(["predict", str(absent), "--out", str(tmp_path)])


def test_without_a_screen_open_says_so_and_names_what_needs_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    for name, value in (("HOME", "/"), ("DISPLAY", ":4711"), ("DISPLAY", "nonsense"), ("WAYLAND_DISPLAY", "wayland-77")):
        with monkeypatch.context() as here:  # also where a display is named that has gone
            here.setenv(name, value)
            here.setenv("XDG_RUNTIME_DIR", str(tmp_path))
            code, _, err = say(capsys)
            assert code == 2 and "no screen" in err and "predict VIDEO --out DIR" in err, (name, value)


def test_a_screen_that_answers_is_found(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "wayland-0"))
        server.listen()
        assert has_screen({"WAYLAND_DISPLAY": "wayland-0", "XDG_RUNTIME_DIR": str(tmp_path)})
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if port >= 6000:
            assert has_screen({"DISPLAY": f"127.0.0.1:{port - 6000}.0"})
    assert has_screen({"QT_QPA_PLATFORM": "offscreen"})


def test_info_names_versions_devices_kernels_and_checkpoint(capsys: pytest.CaptureFixture[str], checkpoint: Path) -> None:
    code, printed, _ = say(capsys, "info", "--checkpoint", checkpoint)
    assert code == 0
    for word in ("torch", "cpu", "Selective scan", "tiny", "left_wrist", "person-detector.onnx"):
        assert word in printed


def test_a_checkpoint_is_measured_on_what_a_human_said_in_a_project(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, small_video: Path, checkpoint: Path
) -> None:
    from glsmamba.data.video import VideoReader

    place = tmp_path / "numbered.glsproj"
    with VideoReader(small_video) as video, Project.create(place, video.info) as project:
        for frame in (3, 20):
            edit, track = edits.add_person(project, frame, (100, 60, 60, 150))
            project.apply(edit)
        for joint in range(4):
            project.apply(edits.move_joint(project, 20, track, joint, (120 + joint, 70 + 20 * joint)))
    told = tmp_path / "figures.json"
    code, printed, err = say(
        capsys, "evaluate", checkpoint, "--data", place, "--boxes", "both", "--device", "cpu", "--json", told
    )  # fmt: skip
    assert code == 0, err
    assert "1 labelled frame, 1 person" in err and "1 person, 4 labelled joints" in printed
    figures = json.loads(told.read_text())
    assert figures["data"]["kind"] == "project" and set(figures["boxes"]) == {"truth", "detector"}
    assert set(figures["boxes"]["truth"]["labelled"]) == {"nose", "head_bottom", "head_top", "left_shoulder"}
    assert figures["boxes"]["detector"]["overall"]["PCK@0.2 person"] == 0  # nobody is to be seen there
    code, printed, err = say(capsys, "export", place, "--out", tmp_path / "out")
    assert code == 0, err
    code, printed, err = say(
        capsys, "evaluate", tmp_path / "out", "--data", tmp_path / "out" / "numbered.json", "--video", small_video, "--json"
    )  # fmt: skip
    assert code == 0, err
    assert json.loads(printed)["boxes"]["files"]["overall"]["AP"] == 1
    code, _, err = say(capsys, "evaluate", checkpoint, "--data", tmp_path / "nothing")
    assert code == 2 and "no data set at" in err


def test_training_says_beforehand_what_data_and_weights_it_wants(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = say(capsys, "train", ROOT / "resources" / "train" / "posetrack-b.toml", "--check")
    assert code == 2 and "posetrack17 with annotations/train/*.json and images/" in err and "weights fetch vitpose-b" in err
