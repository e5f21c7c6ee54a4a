from __future__ import annotations

import json
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from glsmamba.checkpoint import load_checkpoint
from glsmamba.data.skeletons import COCO17, LSP14, POSETRACK15
from glsmamba.training.evaluate import score
from glsmamba.training.labels import BLAZEPOSE33, TrainingDataError
from glsmamba.training.run import Trainer, heatmap_loss, train
from glsmamba.training.settings import SettingsError, read_settings, settings_from
from glsmamba.training.state import newest_state

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
name = "tiny"
stills = "people"
unit = "steps"
threads = 1
warmup = 2
save_every = 1e9
validate_every = 1e9
validation_limit = 2
[model]
preset = "T"
frames = {frames}
gsm_blocks = {blocks}
lrm_blocks = {blocks}
freeze_encoder = {frozen}
[[phase]]
size = [32, 32]
batch = 4
length = 3
[[phase]]
size = [64, 48]
batch = 4
length = 3
"""


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def project(tmp_path) -> Path:
    """A project folder with forty pictures of stick people, labels and teachers, in the layout of the real data."""
    rng = np.random.default_rng(3)
    folder = tmp_path / "people"
    (folder / "images").mkdir(parents=True)
    labels = np.zeros((40, 14, 3), np.float32)
    movenet, blazepose = np.zeros((40, 17, 3), np.float32), np.zeros((40, 33, 3), np.float32)
    for n in range(40):
        points = rng.uniform(20, 100, (15, 2))
        picture = rng.integers(0, 256, (120, 120, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / "images" / f"im{n + 1:05d}.jpg"), picture)
        for target, skeleton in ((labels, LSP14), (movenet, COCO17), (blazepose, BLAZEPOSE33)):
            for k, name in enumerate(skeleton.joints):
                if name in POSETRACK15.joints:
                    target[n, k] = *points[POSETRACK15.index(name)], 1
    np.savez(folder / "joints.npz", keypoints=labels)
    np.savez(folder / "teachers.npz", movenet_thunder=movenet, blazepose_full=blazepose)
    write(tmp_path)
    return tmp_path


def write(root: Path, frames: int = 1, blocks: int = 0, frozen: bool = False, extra: str = "") -> Path:
    path = root / "tiny.toml"
    path.write_text(extra + CONFIG.format(frames=frames, blocks=blocks, frozen=str(frozen).lower()))
    return path


def stopped_after(trainer: Trainer, steps: int) -> Trainer:
    step = trainer._step

    def counted(*arguments):
        loss = step(*arguments)
        trainer.stopping = trainer.progress.step + 1 >= steps
        return loss

    trainer._step = counted  # type: ignore[method-assign]
    trainer.run()
    return trainer


def test_a_resumed_run_has_the_losses_and_weights_of_an_unbroken_one(project):
    settings = read_settings(project / "tiny.toml")
    whole = Trainer(settings, project / "runs" / "whole", project)
    whole.run()
    first = stopped_after(Trainer(settings, project / "runs" / "cut", project), 2)
    second = stopped_after(Trainer(settings, project / "runs" / "cut", project), 4)
    third = Trainer(settings, project / "runs" / "cut", project)
    third.run()
    assert [len(t.losses) for t in (first, second, third)] == [2, 2, 2]
    np.testing.assert_allclose(first.losses + second.losses + third.losses, whole.losses, rtol=1e-5)
    for name, value in whole.ema.items():
        torch.testing.assert_close(third.ema[name], value, rtol=1e-4, atol=1e-6)


def test_stage_two_starts_from_stage_one_and_leaves_the_encoder_alone(project):
    train(project / "tiny.toml", root=project)
    path = write(project, 3, 1, True, 'start = "runs/tiny/checkpoint.safetensors"\n')
    path.write_text(path.read_text().replace('name = "tiny"', 'name = "two"'))
    still, _ = load_checkpoint(project / "runs/tiny/checkpoint.safetensors")
    trainer = Trainer(read_settings(path), project / "runs" / "two", project)
    trainer._enter(1)
    frame = torch.rand(1, 1, 3, 64, 48)
    with torch.no_grad():
        trainer.model.eval().embed.temporal.zero_()
        repeated = trainer.model(frame.expand(-1, 3, -1, -1, -1).contiguous())
        still.embed.temporal.zero_()
        torch.testing.assert_close(repeated, still(frame), rtol=1e-3, atol=1e-4)
    trainer.run()
    trained, info = load_checkpoint(project / "runs" / "two" / "checkpoint.safetensors")
    assert info.config.frames == 3 and info.config.gsm_blocks == 1 and info.config.input_size == (64, 48)
    for name, value in still.encoder.state_dict().items():
        torch.testing.assert_close(trained.encoder.state_dict()[name], value)
    moved = [n for n, p in trained.named_parameters() if n.startswith(("gsm", "lrm")) and p.abs().sum() > 0]
    assert moved and not torch.equal(trained.head.weight, still.head.weight)


def test_a_signal_saves_and_stops(project, monkeypatch):
    path = project / "tiny.toml"
    path.write_text(path.read_text().replace("length = 3", "length = 100000"))
    step = Trainer._step

    def interrupted(self, *arguments):
        if self.progress.step == 2:
            signal.raise_signal(signal.SIGTERM)
        return step(self, *arguments)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(Trainer, "_step", interrupted)
    assert train(path, root=project).step == 3
    assert signal.getsignal(signal.SIGTERM) is before
    state = newest_state(project / "runs" / "tiny")
    assert state is not None and json.loads((state / "progress.json").read_text())["step"] == 3


def test_unknown_joints_have_no_say_in_the_loss():
    predicted = torch.randn(2, 15, 8, 6, requires_grad=True)
    targets, weights = torch.rand(2, 15, 8, 6), torch.ones(2, 15)
    weights[:, 4] = 0
    heatmap_loss(predicted, targets, weights).backward()
    assert predicted.grad is not None
    assert predicted.grad[:, 4].abs().max() == 0 and predicted.grad[:, 5].abs().min() > 0
    assert heatmap_loss(predicted.detach(), targets, torch.zeros(2, 15)).item() == 0


def test_pck_counts_what_it_says():
    truth = np.zeros((1, 15, 2))
    truth[0, :, 1] = np.linspace(0, 100, 15)
    predicted = truth.copy()
    predicted[0, 0, 0] = 19.9
    predicted[0, 1, 0] = 20.1
    predicted[0, 2, 0] = 9.9
    labelled = np.ones((1, 15), bool)
    labelled[0, 3] = False
    predicted[0, 3] = 999
    result = score(predicted, truth, labelled)
    assert result.joints == 14
    assert result.body == pytest.approx(13 / 14) and result.body_strict == pytest.approx(12 / 14)
    assert result.per_joint["nose"] == (1.0, 0.0, 1) and result.per_joint[POSETRACK15.joints[3]][2] == 0


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({}, r"no \[\[phase\]\]"),
        ({"model": {"preset": "Q"}, "phase": []}, "no preset"),
        ({"phase": [{"size": [1, 2]}]}, "batch"),
    ],
)
def test_bad_settings_are_named(raw, words):
    with pytest.raises(SettingsError, match=words):
        settings_from(raw, "x")


def test_unknown_settings_and_missing_files_are_named(project):
    raw = {"stills": "a", "learning_rat": 1, "phase": [{"size": [32, 32], "batch": 1, "length": 1}]}
    with pytest.raises(SettingsError, match="learning_rat"):
        settings_from(raw, "x")
    with pytest.raises(SettingsError, match="no training configuration"):
        read_settings(project / "nothing.toml")
    with pytest.raises(TrainingDataError, match="encoders"):
        Trainer(read_settings(write(project, extra='encoder = "cache/none.json"\n')), project / "runs" / "x", project)


@pytest.mark.parametrize("name", ["t-still", "t"])
def test_shipped_configurations_are_sound(name):
    settings = read_settings(ROOT / "resources" / "train" / f"{name}.toml")
    assert settings.model.preset == "T" and settings.phases[-1].size == settings.model.input_size
