"""The command that calibrates: on pictures and people made here, with a tiny model that is right about arms."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from model_cases import TINY, awake
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from app import cli
from glsmamba.calibration import Calibration
from glsmamba.checkpoint import CheckpointError, read_info, save_checkpoint
from glsmamba.data.sets.stills import lspet_split as split_of
from glsmamba.data.sets.stills import open_lsp
from glsmamba.data.skeletons import LSP14, POSETRACK15, joint_map
from glsmamba.modeling.model import GLSMamba
from glsmamba.predictor import PoseWindow, Predictor
from glsmamba.training import calibrating
from glsmamba.training.augment import joints_box
from glsmamba.training.calibrating import Answers, answers, cross_fitted, measure

ROWS = 400  # 20 people of each split that counts
SMALL = TINY.with_(width=16, encoder_channels=16, gsm_blocks=1, lrm_blocks=0)
#: Joints that fix the person's box, and so the crop, whatever the others' labels are. The head is so long that nearly all
#: of the crop is within 0.2 heads of the box.
ANCHORS = {"head_top": (5.0, 15.0), "head_bottom": (95.0, 135.0)}
HEAD = 0.6 / 0.7 * 150
LEGS = np.array([joint.endswith(("hip", "knee", "ankle")) for joint in POSETRACK15.joints])


def read(path: Path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def as_lsp(points: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(15, 2), (15,) -> (14, 3) as the data set has it."""
    source = joint_map(POSETRACK15, LSP14)
    return np.concatenate([points[source], known[source, None]], axis=1)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    torch.manual_seed(0)  # not whatever the tests before have left
    save_checkpoint(awake(GLSMamba(SMALL)), path, {"data": "none"})
    with safe_open(path, "numpy") as file:
        metadata = file.metadata()
    save_file(load_file(path), path, {**metadata, "of another version": "kept"})
    return path


@pytest.fixture(scope="module")
def stills(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labels by which the model is mostly right about upper bodies and wrong about legs; the people held out are hidden."""
    folder = tmp_path_factory.mktemp("stills")
    (folder / "images").mkdir()
    rng = np.random.default_rng(3)
    predictor = Predictor.from_checkpoint(checkpoint, threads=1)
    keypoints = np.zeros((ROWS, 14, 3))
    fixed = np.array([joint in ANCHORS for joint in POSETRACK15.joints])
    corners = np.zeros((15, 2))
    corners[fixed] = [ANCHORS[joint] for joint in POSETRACK15.joints if joint in ANCHORS]
    low, high = corners[fixed].min(0), corners[fixed].max(0)
    rows = np.flatnonzero(split_of(np.arange(ROWS)) != "train")
    paths = {row: folder / "images" / f"im{row + 1:05d}.jpg" for row in rows.tolist()}
    for path in paths.values():
        picture = cv2.resize(rng.integers(0, 255, (15, 10, 3), np.uint8), (100, 150), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(path), picture)
    box = joints_box(corners, fixed)
    poses = predictor.predict([PoseWindow((read(path),) * 5, box) for path in paths.values()])
    for row, pose in zip(paths, poses, strict=True):
        right = rng.random(15) < np.where(LEGS, 0.15, 0.95)
        away = np.where(pose.keypoints > (low + high) / 2, -0.3, 0.3) * HEAD
        points = np.clip(pose.keypoints + np.where(right[:, None], 0, away), low, high)
        keypoints[row] = as_lsp(np.where(fixed[:, None], corners, points), np.ones(15))
    keypoints[3, LSP14.index("head_top"), 2] = 0  # nobody knows what a head is there
    np.savez(folder / "joints.npz", keypoints=keypoints)
    for row, path in paths.items():
        if split_of(row) == "held-out":
            path.rename(path.with_suffix(".hidden"))
    return folder


def test_a_checkpoint_is_calibrated_and_loses_nothing(
    checkpoint: Path, stills: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.safetensors"
    path.write_bytes(checkpoint.read_bytes())
    words = ["calibrate", str(path), "--data", str(stills)]
    assert cli.main([*words, "--check"]) == 2
    assert "is not calibrated" in capsys.readouterr().err

    assert cli.main(words) == 0  # also: no picture of the people held out was needed
    printed = capsys.readouterr().out
    for expected in ("19 people", "before: the score", "after: the probability", "| 0.", "Written into"):
        assert expected in printed
    with safe_open(checkpoint, "numpy") as old, safe_open(path, "numpy") as new:
        assert new.metadata() | {"calibration": ""} == old.metadata() | {"calibration": ""}
    before, after = load_file(checkpoint), load_file(path)
    assert before.keys() == after.keys() and all((before[name] == after[name]).all() for name in before)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.safetensors"]

    made = read_info(path).calibration
    assert made is not None
    offsets = dict(zip(made.joints, made.offsets, strict=True))
    assert max(offsets["left_knee"], offsets["right_hip"]) < min(offsets["left_elbow"], offsets["right_wrist"])
    facts = made.measured
    assert facts["people"] == 19 and facts["joints"] == 19 * 14
    assert facts["ece"] < 0.5 * facts["ece_of_scores"] and facts["brier"] < facts["brier_of_scores"]
    # What came true, by the labels and the predictor alone.
    with np.load(stills / "joints.npz") as data:
        labels = {row: data["keypoints"][row] for row in range(23, ROWS, 20)}  # the first, row 3, has no head
    places = [stills / "images" / f"im{row + 1:05d}.jpg" for row in labels]
    windows = [
        PoseWindow((read(place),) * 5, joints_box(label[:, :2], np.ones(14)))
        for place, label in zip(places, labels.values(), strict=True)
    ]
    right = []
    for label, pose in zip(labels.values(), Predictor.from_checkpoint(path, threads=1).predict(windows), strict=True):
        assert ((pose.probabilities >= 0) & (pose.probabilities <= 1)).all()
        found = pose.keypoints[joint_map(POSETRACK15, LSP14)]
        right += (np.linalg.norm(found - label[:, :2], axis=1) <= 0.2 * HEAD).tolist()
    assert facts["joints"] == len(right) and facts["right"] == pytest.approx(np.mean(right), abs=1e-3)

    assert cli.main(["info", "--checkpoint", str(path)]) == 0
    assert "within 0.2 head sizes, on 19 people" in " ".join(capsys.readouterr().out.split())
    assert cli.main(["info", "--checkpoint", str(checkpoint)]) == 0
    assert "not calibrated" in capsys.readouterr().out

    # The check asks other people and writes nothing.
    for hidden in (stills / "images").glob("*.hidden"):
        hidden.rename(hidden.with_suffix(".jpg"))
    whole = path.read_bytes()
    assert cli.main([*words, "--check", "--people", "4"]) == 0
    assert "4 people" in capsys.readouterr().out and path.read_bytes() == whole


def test_what_cannot_be_calibrated_is_said_and_stays_as_it_was(
    checkpoint: Path, stills: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.safetensors"
    path.write_bytes(checkpoint.read_bytes())
    for words, told in (
        (["calibrate", str(path), "--data", str(stills), "--people", "3"], "too few"),
        (["calibrate", str(path), "--data", str(stills), "--people", "0"], "at least 1"),
        (["calibrate", str(path), "--data", str(tmp_path)], "no joints.mat"),
        (["calibrate", str(tmp_path / "none.safetensors"), "--data", str(stills)], "no weights"),
    ):
        assert cli.main(words) == 2
        lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("glsmamba-studio: ")]
        assert len(lines) == 1 and told in lines[0]
    baseline = dataclasses.replace(read_info(path), vitpose=object())
    monkeypatch.setattr(calibrating, "read_info", lambda _path: baseline)
    with pytest.raises(CheckpointError, match="single-frame baseline, which is not calibrated"):
        calibrating.calibrate(path, stills)
    assert path.read_bytes() == checkpoint.read_bytes()


def test_each_still_is_encoded_once(checkpoint: Path, stills: Path) -> None:
    predictor, people = Predictor.from_checkpoint(checkpoint, threads=1), open_lsp(stills, "validation").sequences[:12]
    encoded: list[int] = []
    predictor.model.encoder.register_forward_pre_hook(lambda _module, args: encoded.append(len(args[0])))
    assert len(answers(predictor, people)) == sum(encoded) == 11  # one has no labelled head


def drawn(true: Calibration, n: int, seed: int) -> Answers:
    rng = np.random.default_rng(seed)
    peaks, wide = rng.uniform(0.02, 1, (n, 15)), rng.uniform(0.5, 8, (n, 15))
    return Answers(peaks, wide, rng.random((n, 15)) < true.probability(peaks, wide), rng.random((n, 15)) < 0.9)


@settings(max_examples=8, deadline=None)
@given(st.floats(-3, 2), st.floats(0, 3), st.floats(-3, 0), st.integers(0, 2**16))
def test_the_error_falls_where_scores_are_no_probabilities(offset, peak_slope, spread_slope, seed):
    said = drawn(Calibration(POSETRACK15.joints, (offset,) * 15, peak_slope, spread_slope), 300, seed)
    if not 0.02 < said.right.mean() < 0.98:
        return
    told = cross_fitted(said)
    assert told.shape == (300, 15) and ((told >= 0) & (told <= 1)).all()
    measured = measure(said, told)
    assert measured.probabilities.ece < 0.06
    if measured.scores.ece > 0.1:
        assert measured.probabilities.ece < measured.scores.ece and measured.probabilities.brier < measured.scores.brier


def test_nobody_is_judged_by_a_fit_that_saw_them():
    said = drawn(Calibration(POSETRACK15.joints, (0.5,) * 15, 1.0, -1.0), 50, 1)
    told = cross_fitted(said, folds=5)
    for fold in range(5):
        own = slice(10 * fold, 10 * fold + 10)
        lied = said.right.copy()
        lied[own] = ~lied[own]
        assert (cross_fitted(dataclasses.replace(said, right=lied), folds=5)[own] == told[own]).all()
