from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import tiny_sets
import torch
from model_cases import TINY
from movenet_files import published
from safetensors.torch import load_file

from glsmamba.checkpoint import load_checkpoint, save_checkpoint
from glsmamba.config import PRESETS
from glsmamba.data.sets import DataSetError
from glsmamba.data.skeletons import COCO17, LSP14, POSETRACK15
from glsmamba.modeling.model import GLSMamba
from glsmamba.modeling.movenet import movenet_state
from glsmamba.modeling.pixels import normalised
from glsmamba.modeling.s6 import S6Paths
from glsmamba.training.augment import Augmentation
from glsmamba.training.labels import BLAZEPOSE33, TrainingDataError
from glsmamba.training.loss import heatmap_loss
from glsmamba.training.run import Trainer, told_data, train
from glsmamba.training.samples import BatchSource, Shape
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
encoder = "movenet_lightning"
width = 16
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


def test_all_frames_that_are_to_answer_have_a_say_in_the_loss(project):
    settings = read_settings(write(project, 3, 1, extra="answers = 3\nlr = 0.0\n"))
    trainer = Trainer(settings, project / "runs" / "three", project)
    batches: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    step = trainer._step
    trainer._step = lambda *batch: batches.append(batch) or step(*batch)  # type: ignore[assignment, func-returns-value]
    stopped_after(trainer, 1)
    ((crops, targets, weights),) = batches
    assert targets.shape == (4, 3, 15, 8, 8) and weights.shape == (4, 3, 15)
    model = trainer.model.train()
    with torch.no_grad():
        features = model.encode(normalised(torch.from_numpy(crops).flatten(0, 1))).unflatten(0, (4, 3))
        maps = model.decode_frames(features, slice(0, 3))
    assert float(heatmap_loss(maps, torch.from_numpy(targets), torch.from_numpy(weights))) == pytest.approx(trainer.losses[0])


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


def test_a_start_is_laid_together_from_files_and_its_encoder_mixed_with_public_weights(project):
    config = read_settings(project / "tiny.toml").model
    first, second = (GLSMamba(config.with_(gsm_blocks=blocks)) for blocks in (1, 0))
    for n, model in enumerate((first, second)):
        for p in model.parameters():
            torch.nn.init.constant_(p, n + 1.0)
        save_checkpoint(model, project / f"{n}.safetensors")
    public, _ = published(project, 1.0)
    extra = 'start = ["0.safetensors", "1.safetensors"]\nencoder = "movenet.json"\nencoder_share = 0.75\n'
    begun = Trainer(read_settings(write(project, blocks=1, extra=extra)), project / "runs" / "x", project).model
    expected, _, _ = movenet_state(public)
    # The later file has no blocks.
    for name, value in begun.encoder.state_dict().items():
        torch.testing.assert_close(value, 0.75 * 2 + 0.25 * expected[name], msg=name)
    assert (begun.head.weight == 2).all() and all((p == 1).all() for p in begun.gsm.parameters())
    for wrong, words in (
        ("encoder_share = 1.5\n", "from 0 to 1"),
        ("teacher_share = -0.1\n", "from 0 to 1"),
        ("encoder_share = 0.5\n", "name both"),
    ):
        with pytest.raises(SettingsError, match=words):
            read_settings(write(project, extra=wrong))


def test_new_scans_start_with_the_step_sizes_asked_for_and_blocks_learn_at_their_own_rate(project):
    extra = "scan_steps = [0.5, 1.0]\nscan_gain = 4.0\nblocks_lr = 8.0\n"
    begun = Trainer(read_settings(write(project, 3, 1, extra=extra)), project / "runs" / "x", project)
    usual = Trainer(read_settings(write(project, 3, 1)), project / "runs" / "y", project)
    scans = [module for module in begun.model.modules() if isinstance(module, S6Paths)]
    assert len(scans) == 2
    for scan in scans:
        steps = torch.nn.functional.softplus(scan.dt_bias)
        assert steps.min() > 0.499 and steps.max() < 1.001
        reach = 4 * scan.x_proj.shape[-1] ** -0.5
        assert 0.9 * reach < scan.x_proj.abs().max() <= reach
    assert torch.nn.functional.softplus(usual.model.gsm[0].sts6d.s6.dt_bias).max() < 0.101
    rate = begun._set_rate()
    rates = {id(p): group["lr"] for group in begun.optimiser.param_groups for p in group["params"]}
    assert rates[id(begun.model.gsm[0].linear_out.weight)] == rates[id(begun.model.lrm[0].ffn.fc1.bias)] == 8 * rate
    assert rates[id(begun.model.head.weight)] == rate
    with pytest.raises(SettingsError, match="least and a greatest"):
        read_settings(write(project, extra="scan_steps = [0.5, 0.1]\n"))


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


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({}, r"no \[\[phase\]\]"),
        ({"model": {"preset": "Q"}, "phase": []}, "no preset"),
        ({"phase": [{"size": [1, 2]}]}, "batch"),
        ({"stills": "a", "answers": 2, "phase": [{"size": [32, 32], "batch": 1, "length": 1}]}, "answers is 2"),
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


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "resources" / "train").glob("t*.toml")))
def test_shipped_configurations_are_sound(name):
    settings = read_settings(ROOT / "resources" / "train" / f"{name}.toml")
    assert settings.model.preset == "T" and settings.phases[-1].size == settings.model.input_size


def test_the_paper_s_recipe_is_sound_and_says_what_it_wants(tmp_path):
    path = ROOT / "resources" / "train" / "posetrack-b.toml"
    settings = read_settings(path)
    assert settings.model == PRESETS["B"] and settings.model.freeze_encoder and settings.phases[0].length == 20
    assert settings.rate_steps == ((6, 0.1), (12, 0.01)) and settings.lr == 1e-4 and settings.unit == "epochs"
    wanted = r"posetrack17 with annotations/train/\*.json .* annotations/val.* weights .*vitpose-b"
    with pytest.raises(DataSetError, match=wanted):
        told_data(path, tmp_path)


@pytest.fixture
def clips(project) -> Path:
    """The same project with four sets: pictures of all kinds, real neighbours, one that only watches."""
    for name, maker in (("pt", tiny_sets.posetrack18), ("coco", tiny_sets.coco), ("jhmdb", tiny_sets.jhmdb)):
        maker(project / name)
    sets = "".join(
        f'[[{what}]]\npath = "{path}"\nkind = "{kind}"\nsplit = "{split}"\n'
        for what, path, kind, split in (
            ("data", "pt", "posetrack18", "val"), ("data", "coco", "coco", "val"), ("data", "jhmdb", "sub-jhmdb", "train1"),
            ("validation", "jhmdb", "sub-jhmdb", "test1"),
        )
    )  # fmt: skip
    path = write(project, 3, 1)
    text = path.read_text().replace('stills = "people"', 'unit = "epochs"\nrate_steps = [[1, 0.1]]\nworkers = 2')
    path.write_text(text.replace('unit = "steps"\n', "").replace("length = 3", "length = 1") + sets)
    return project


def test_data_sets_are_mixed_with_real_windows_and_unlabelled_joints_masked(clips):
    trainer = Trainer(read_settings(clips / "tiny.toml"), clips / "runs" / "tiny", clips)
    people = trainer._people()
    assert [len(person.frames) for person in people] == [3, 3, 1, 1, 3, 3, 3]
    shades = [[round(frame.mean() / 10) for frame in person.frames[:]] for person in people[:2] + people[4:]]
    assert shades == [[0, 0, 1], [1, 2, 3], [0, 0, 1], [0, 1, 2], [1, 2, 2]]
    assert people[0].box == (15, 5, 60, 85)
    absent = {POSETRACK15.joints[k] for k in range(15) if not people[2].known[k]}
    assert absent == {"head_bottom", "head_top"}
    batch, *_ = next(trainer._source(people, trainer.settings.phases[0]).batches(0, 0))
    assert ((batch.weights == 0).sum(-1) >= 1).all() and (batch.targets[batch.weights == 0] == 0).all()


def test_a_run_on_data_sets_by_epochs_leaves_curves_pictures_and_figures(clips):
    progress = train(clips / "tiny.toml", root=clips)
    assert (progress.epoch, progress.step, progress.samples) == (1, 2, 8)
    folder = clips / "runs" / "tiny"
    sheet = cv2.imread(str(next((folder / "samples").glob("*.jpg"))))
    assert sheet.shape == (4 * 64, 5 * 48, 3)
    lines = (folder / "log.csv").read_text().splitlines()
    assert lines[-1].split(",")[4] == "1.00e-04" and 0 <= float(lines[-1].split(",")[6]) <= 1
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    curves = EventAccumulator(str(folder / "events"))
    curves.Reload()
    tags = curves.Tags()
    assert {"training/loss", "sub-jhmdb-test1/PCK_0.2_person"} <= set(tags["scalars"]) and tags["images"] == ["samples"]
    assert curves.Scalars("training/loss")[-1].step == 2


def test_samples_are_the_same_by_threads_and_shared_among_processes(clips):
    trainer = Trainer(read_settings(clips / "tiny.toml"), clips / "runs" / "tiny", clips)
    people, shape = trainer._people(), Shape((32, 32), (8, 8), 1.0, 3)

    def batches(**how):
        source = BatchSource(people, shape, 4, 7, Augmentation(), **how)
        run = source.batches(0, 0)
        return [next(run) for _ in range(3)]

    alone, threads = batches(), batches(workers=3)
    shares = [batches(share=(n, 2)) for n in range(2)]
    for n, (batch, epoch, position) in enumerate(alone):
        np.testing.assert_array_equal(batch.crops, threads[n][0].crops)
        assert (epoch, position) == threads[n][1:] == shares[0][n][1:]
        np.testing.assert_array_equal(batch.targets[0::2], shares[0][n][0].targets)
        np.testing.assert_array_equal(batch.crops[1::2], shares[1][n][0].crops)


def test_two_processes_take_the_steps_of_one(clips):
    """Same samples, same weights; how many joints count differs between the two, so that a mean of means would show."""
    path = clips / "tiny.toml"
    path.write_text("clip_norm = 5.0\n" + path.read_text().replace("validation_limit = 2", "validation_limit = 0"))
    alone = Trainer(read_settings(path), clips / "runs" / "alone", clips)
    alone.run()
    command = [sys.executable, "-m", "glsmamba.training.run", str(path), "--root", str(clips), "--devices", "2"]
    done = subprocess.run(
        [*command, "--accelerator", "cpu"], cwd=ROOT, capture_output=True, text=True, timeout=200, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    state = newest_state(clips / "runs" / "tiny")
    assert state is not None and json.loads((state / "progress.json").read_text())["step"] == alone.progress.step
    together = load_file(state / "model.safetensors")
    for name, value in alone.model.state_dict().items():
        torch.testing.assert_close(together[name], value, rtol=1e-3, atol=2e-5, msg=name)


def test_the_trained_ablation_goes_on_where_it_was_and_says_what_each_part_brings(project):
    spec = importlib.util.spec_from_file_location("trained_ablation", ROOT / "resources" / "train" / "ablation.py")
    ablation = importlib.util.module_from_spec(spec)
    sys.modules["trained_ablation"] = ablation
    spec.loader.exec_module(ablation)
    torch.manual_seed(0)
    save_checkpoint(GLSMamba(TINY.with_(gsm_blocks=1)), project / "tiny.safetensors")
    folder = project / "ablation"
    command = [
        "--stills", project / "people", "--checkpoint", project / "tiny.safetensors", "--folder", folder,
        "--cache", project / "kept", "--variants", "full", "sum", "no-blocks", "--size", "64", "48", "--batch", "2",
        "--first-steps", "2", "--windows", "4", "--validation", "2", "--steps", "2",
    ]  # fmt: skip

    def lines(seeds: int) -> list[str]:
        ablation.main([*map(str, command), "--seeds", *map(str, range(1, seeds + 1))])
        return (folder / "results.jsonl").read_text().splitlines()

    first = lines(1)
    both = lines(2)
    rows = [json.loads(line) for line in both]
    assert both[:3] == first  # what was done is not done again
    assert [(row["seed"], row["variant"]) for row in rows] == [(s, v) for s in (1, 2) for v in ("full", "sum", "no-blocks")]
    table = (folder / "table.md").read_text()
    gains = [
        100 * (a["measures"]["moving pictures"]["pck10"] - b["measures"]["moving pictures"]["pck10"])
        for a, b in ((rows[0], rows[1]), (rows[3], rows[4]))
    ]
    assert f"| STMM over the sum | 2 | {np.mean(gains):+.1f} ± {np.std(gains, ddof=1):.1f} |" in table
    command[-1] = "3"
    assert len(lines(1)) == 9  # another budget is another table
    assert "± " not in (folder / "table.md").read_text()
    assert [ablation.verdict(v) for v in ([0.01, 0.012, 0.011], [-0.02, -0.03], [0.01, -0.01, 0.02], [0.0, 0.0], [0.1])] == [
        "helps", "hurts", "not shown", "not shown", "one seed",
    ]  # fmt: skip
