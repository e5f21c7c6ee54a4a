"""Learning from corrections: which labels count, stopping and going on, what the new checkpoint says."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from learning_help import K, corrected, joints, tiny_checkpoint

from app.cli import main
from app.labels.edits import move_joint
from app.labels.pose import Provenance
from app.labels.project import Project
from app.labels.reviewing import review_pose
from app.learning.examples import ACCEPTED, PLACED, Examples, TooFewError, gather
from app.learning.improve import Job, Stopped, begin, improve
from app.learning.places import adopt, start_for
from app.learning.words import verdict
from app.weights.folder import weights_folder
from glsmamba.data.skeletons import POSETRACK15
from glsmamba.weight_file import read_info


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corrected project with its video, and the checkpoint that predicted it."""
    made = tmp_path_factory.mktemp("learning")
    tiny_checkpoint(made / "tiny.safetensors")
    corrected(made)
    return made


def test_what_counts_and_how_much_and_what_is_held_out(tmp_path: Path) -> None:
    wrist = POSETRACK15.index("left_wrist")
    with Project.open(corrected(tmp_path, frames=30, reviewed=12)) as project:
        examples = gather(project)
        assert set(examples.frames.tolist()) < set(range(12))
        assert (examples.trust[:, ::2] == PLACED).all() and (examples.trust[:, 1::2] == ACCEPTED).all()
        held = examples.frames[examples.held_out]
        assert held.tolist() == [9, 10, 11] and examples.frames[~examples.held_out].max() < held.min() - 1
        assert f"from {held.min()} on" in examples.words
        # A joint placed in a pose that nobody reviewed speaks for itself alone: too little; with two more it counts.
        for n, joint in enumerate((wrist, 1, 3)):
            project.apply(move_joint(project, 20, 1, joint, joints(20)[joint] + 2))
            assert (20 in gather(project).frames) == (n == 2)
        only = gather(project)
        at = only.frames.tolist().index(20)
        assert only.known[at].sum() == 3 and (only.trust[at][only.known[at]] == PLACED).all()
        np.testing.assert_allclose(only.points[at, wrist], joints(20)[wrist] + 2, atol=1e-3)
        # Reviewed as it is, all its joints count, but half.
        project.apply(review_pose(project, 25, 1))
        found = gather(project)
        at = found.frames.tolist().index(25)
        assert found.known[at].all() and (found.trust[at] == ACCEPTED).all()
        # Absent joints are unknown, also when a human said so.
        pose = project.poses(11)[1]
        absent = pose.with_(visibility=np.where(np.arange(K) == 0, 0, 2))
        assert pose.provenance[0] == Provenance.HUMAN
        project.store_predictions(28, {2: absent}, model="x")
        at = gather(project).frames.tolist().index(28)
        assert not gather(project).known[at, 0] and gather(project).known[at, 1:].all()
        found.save(tmp_path / "e.npz")
        assert Examples.load(tmp_path / "e.npz").digest == found.digest != only.digest


def test_too_few_reviewed_frames_are_refused_in_a_sentence(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = corrected(tmp_path, reviewed=4)
    with Project.open(project) as opened, pytest.raises(TooFewError, match=r"at least 10 frames .* this project has 4\."):
        gather(opened)
    out = tmp_path / "new.safetensors"
    start = str(folder / "tiny.safetensors")
    assert main(["improve", str(project), "--out", str(out), "--checkpoint", start]) == 2
    assert "this project has 4." in capsys.readouterr().err and not out.exists()
    assert main(["improve", str(tmp_path / "none.glsproj"), "--out", str(out), "--checkpoint", start]) == 2
    assert "does not exist" in capsys.readouterr().err
    assert main(["improve", str(folder / "person.mp4"), "--out", start, "--checkpoint", start]) == 2
    assert "choose another --out" in capsys.readouterr().err


def test_it_goes_on_where_it_stopped_learns_and_says_where_it_comes_from(folder: Path, tmp_path: Path) -> None:
    import torch

    from glsmamba.checkpoint import load_checkpoint

    before = (folder / "tiny.safetensors").read_bytes()
    with Project.open(folder / "person.glsproj") as project:
        examples = gather(project)
    settings = {"steps": 8, "lr": 4e-3, "measures": 2, "batch": 2, "seconds": 1e9}
    job = Job(
        "person.glsproj", str(folder / "person.mp4"), str(folder / "tiny.safetensors"), "cpu", examples.words, examples.digest,
        settings,
    )  # fmt: skip

    def run(name: str, stop_at: int = 10**9) -> list[float]:
        losses: list[float] = []

        def tell(line: dict) -> None:
            if line.get("loss") is not None:
                losses.append(line["loss"])

        begin(tmp_path / name, job, examples)
        try:
            improve(tmp_path / name, tell, lambda: len(losses) >= stop_at, threads=1)
        except Stopped:
            assert len(losses) >= stop_at
        return losses

    whole = run("whole")
    cut = run("cut", 3)
    assert begin(tmp_path / "cut", job, examples)
    assert len(whole) == 8 and len(cut) == 3
    # the step at which it was stopped is done, though not told of
    np.testing.assert_allclose([*cut, *run("cut")], [*whole[:3], *whole[4:]], rtol=1e-4)
    assert np.mean(whole[-3:]) < 0.95 * np.mean(whole[:3])
    new, info = load_checkpoint(tmp_path / "cut" / "improved.safetensors")
    old, _ = load_checkpoint(folder / "tiny.safetensors")
    assert (folder / "tiny.safetensors").read_bytes() == before
    said = info.provenance
    assert said["improved_on"] == "person.glsproj" and said["improved_from"] == "GLSMamba-T (tiny.safetensors)"
    assert said["licence"] == "Apache-2.0" and said["after"]["error"] < said["before"]["error"]
    assert info.calibration is None and info.config == read_info(folder / "tiny.safetensors").config
    for name, value in old.encoder.state_dict().items():
        torch.testing.assert_close(new.encoder.state_dict()[name], value, rtol=0, atol=0)
    assert not torch.equal(new.head.weight, old.head.weight)
    # Adopted, it lies among the weights under a name of its own, and the same project begins from the old model again.
    known = weights_folder() / "tiny.safetensors"
    known.parent.mkdir(parents=True)
    known.write_bytes(before)
    copy = (tmp_path / "cut" / "improved.safetensors").read_bytes()
    adopted = [adopt(tmp_path / "cut" / "improved.safetensors", "person.glsproj", datetime(2026, 3, 4))]
    (tmp_path / "cut" / "improved.safetensors").write_bytes(copy)
    adopted.append(adopt(tmp_path / "cut" / "improved.safetensors", "person.glsproj", datetime(2026, 3, 4)))
    assert [path.name for path in adopted] == ["person-2026-03-04.safetensors", "person-2026-03-04-2.safetensors"]
    assert start_for(str(adopted[0]), "person.glsproj") == known
    assert start_for(str(adopted[0]), "other.glsproj") == adopted[0]
    assert not begin(tmp_path / "cut", Job(**{**job.__dict__, "device": "cuda:0"}), examples)
    assert not (tmp_path / "cut" / "improved.safetensors").exists()


def test_few_joints_are_not_called_a_loss():
    few = {"people": 3, "joints": 17, "error": 0.04, "off": 0.2, "placed": 0, "placed_error": None, "placed_off": None}
    many = {**few, "people": 40, "joints": 500}
    worse = verdict(few, {**few, "error": 0.041})
    assert "prove little" in worse and "keep the old" not in worse
    assert "better keep the old model" in verdict(many, {**many, "error": 0.041})
    assert "by 25 %" in verdict(many, {**many, "error": 0.03}) and "prove" not in verdict(many, {**many, "error": 0.03})
