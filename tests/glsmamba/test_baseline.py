"""The single-frame baseline: ViTPose behind the predictor's door."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from vitpose_files import mmpose, official, vitpose

from glsmamba.baseline import ESTIMATED, BaselinePredictor, to_posetrack
from glsmamba.data.skeletons import COCO17, POSETRACK15
from glsmamba.heatmaps import warped_crop
from glsmamba.modeling.pixels import normalised
from glsmamba.predictor import PoseWindow, Predictor
from glsmamba.vitpose.importing import read_vitpose, save_vitpose

RNG = np.random.default_rng(5)
FRAMES = [RNG.integers(0, 256, (240, 200, 3), dtype=np.uint8) for _ in range(3)]
BOX = (60.0, 40.0, 80.0, 150.0)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One classic and one simple model, imported from what others write."""
    folder = tmp_path_factory.mktemp("weights")
    torch.save({"state_dict": official(vitpose("classic"))}, folder / "classic.pth")
    torch.save({"state_dict": mmpose(vitpose("simple"))}, folder / "simple.pth")
    for head in ("classic", "simple"):
        save_vitpose(read_vitpose(folder / f"{head}.pth"), folder / f"{head}.safetensors")
    return folder


@pytest.mark.parametrize("head", ["classic", "simple"])
def test_a_frame_and_a_box_become_posetracks_joints(files: Path, head: str) -> None:
    predictor = Predictor.from_checkpoint(files / f"{head}.safetensors")
    assert isinstance(predictor, BaselinePredictor) and predictor.config.frames == 1
    assert predictor.name == f"ViTPose-S, single-frame baseline ({head}.safetensors)"
    facts = predictor.backends()
    assert facts["estimated"] == "head_bottom, head_top" and "single-frame baseline" in facts["notice"]
    windows = [PoseWindow((frame,), BOX) for frame in FRAMES]
    poses = predictor.predict(windows, keep_heatmaps=True)
    for frame, pose in zip(FRAMES, poses, strict=True):
        affine = predictor._crop(PoseWindow((frame,), BOX))
        crop = torch.from_numpy(warped_crop(frame, affine, (256, 192))[None])
        with torch.inference_mode():
            maps = vitpose(head).encode(normalised(crop))[0].numpy()
        assert pose.heatmaps.shape == (15, 64, 48) and pose.keypoints.shape == (15, 2)
        for n, joint in enumerate(POSETRACK15.joints):
            if joint in ESTIMATED:
                assert not pose.heatmaps[n].any()
                continue
            theirs = maps[COCO17.index(joint)]
            assert np.abs(pose.heatmaps[n] - theirs).max() < 1e-4
            assert pose.scores[n] == pytest.approx(np.clip(theirs.max(), 0, 1), abs=1e-4)
            column, row = pose.crop[:, :2] @ pose.keypoints[n] + pose.crop[:, 2]
            assert abs(row - theirs.argmax() // 48) <= 1.01 and abs(column - theirs.argmax() % 48) <= 1.01


def test_neck_and_top_of_head_lie_on_the_line_through_shoulders_and_ears() -> None:
    points, scores = RNG.uniform(0, 100, (17, 2)), RNG.uniform(0.4, 1, 17).astype(np.float32)
    made, sure = to_posetrack(points, scores)
    for joint in set(POSETRACK15.joints) - set(ESTIMATED):
        assert (made[POSETRACK15.index(joint)] == points[COCO17.index(joint)]).all()
        assert sure[POSETRACK15.index(joint)] == scores[COCO17.index(joint)]
    pairs = {part: [COCO17.index(f"{side}_{part}") for side in ("left", "right")] for part in ("shoulder", "ear")}
    middle = {part: points[pair].mean(axis=0) for part, pair in pairs.items()}
    least = min(scores[pair].min() for pair in pairs.values())
    for joint, along in (("head_bottom", 0.3), ("head_top", 1.7)):
        expected = (1 - along) * middle["shoulder"] + along * middle["ear"]
        assert np.allclose(made[POSETRACK15.index(joint)], expected)
        assert sure[POSETRACK15.index(joint)] == pytest.approx(least / 2)
    mirrored, _ = to_posetrack((points * (-1, 1))[COCO17.flip], scores[COCO17.flip])  # sides do not matter to them
    assert np.allclose(mirrored * (-1, 1), made[POSETRACK15.flip])


def test_joints_are_mapped_by_the_names_in_the_file(files: Path, tmp_path: Path) -> None:
    weights = read_vitpose(files / "classic.pth")
    turned = list(range(17))[::-1]
    for name in ("final_layer.weight", "final_layer.bias"):
        weights.tensors[name] = weights.tensors[name][turned].contiguous()
    weights.joints = tuple(reversed(COCO17.joints))
    save_vitpose(weights, tmp_path / "turned.safetensors")
    window = [PoseWindow((FRAMES[0],), BOX)]
    (a,) = Predictor.from_checkpoint(files / "classic.safetensors").predict(window)
    (b,) = Predictor.from_checkpoint(tmp_path / "turned.safetensors").predict(window)
    assert np.allclose(a.keypoints, b.keypoints, atol=1e-3)


def test_it_says_that_it_has_no_activation_maps(files: Path) -> None:
    predictor = Predictor.from_checkpoint(files / "simple.safetensors")
    with pytest.raises(ValueError, match="baseline has no activation maps"):
        predictor.activation(PoseWindow((FRAMES[0],), BOX), 3)
    with pytest.raises(ValueError, match="takes 1"):
        predictor.predict([PoseWindow(tuple(FRAMES), BOX)])
