"""The predictor as its callers see it: frames and boxes in, poses out."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from model_cases import TINY, AverageEncoder, small_model
from torch import nn

from glsmamba.checkpoint import CheckpointError, save_checkpoint
from glsmamba.config import PRESETS
from glsmamba.data.skeletons import POSETRACK15, Skeleton
from glsmamba.maps import MapKind
from glsmamba.modeling.model import GLSMamba
from glsmamba.predictor import Cancelled, PoseWindow, Predictor, PredictorError

RNG = np.random.default_rng(5)
FRAMES = [RNG.integers(0, 256, (120, 160, 3), dtype=np.uint8) for _ in range(9)]


def windows(n: int = 4, box=(40.0, 20.0, 50.0, 80.0)) -> list[PoseWindow]:
    return [PoseWindow(tuple(FRAMES[i : i + 5]), box) for i in range(n)]


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(small_model())


class RedSpot(nn.Module):
    """An encoder that answers one question, how red a place is, at 1/4 resolution."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        red = torch.nn.functional.interpolate(x[:, :1] - x[:, 1:2], size=(x.shape[2] // 4, x.shape[3] // 4), mode="bilinear",
                                              align_corners=True)  # fmt: skip
        return torch.cat([red, torch.zeros_like(red).expand(-1, PRESETS["T"].encoder_channels - 1, -1, -1)], 1)


def test_a_spot_is_found_where_it_is_in_the_picture():
    # Every part of the way counts: box, crop, colour order, normalisation, key frame, heat map, decoding, inverse affine.
    config = PRESETS["T"]
    model = GLSMamba(config, encoder=RedSpot())
    with torch.no_grad():
        for parameter in (model.embed.proj.weight, model.embed.proj.bias, model.embed.temporal, model.head.weight):
            parameter.zero_()
        model.embed.spatial.zero_()
        model.embed.proj.weight[0, 0] = 1.0
        model.head.weight[:, 0, 1, 1] = 0.2
    frames = []
    ys, xs = np.mgrid[:240, :320]
    for shift in (-40, -20, 0, 20, 40):  # the spot moves; the key frame's place is asked for
        spot = np.exp(-((xs - 171.6 - shift) ** 2 + (ys - 97.3) ** 2) / (2 * 8.0**2))
        frame = np.zeros((240, 320, 3), np.uint8)
        frame[..., 0] = np.round(250 * spot)  # red first
        frames.append(frame)
    (pose,) = Predictor(model).predict([PoseWindow(tuple(frames), (110, 40, 90, 150))], keep_heatmaps=True)
    assert pose.keypoints.shape == (15, 2)
    assert pose.keypoints.dtype == np.float64
    assert np.abs(pose.keypoints - (171.6, 97.3)).max() < 0.3
    assert pose.scores.shape == (15,)
    assert (pose.scores > 0.5).all()
    assert pose.heatmaps.shape == (15, *model.config.grid)
    assert pose.grid == model.config.grid
    column, row = pose.crop[:, :2] @ (171.6, 97.3) + pose.crop[:, 2]
    assert abs(column - pose.heatmaps[0].max(0).argmax()) <= 0.6
    assert abs(row - pose.heatmaps[0].max(1).argmax()) <= 0.6


def test_one_by_one_equals_batched(predictor):
    together = predictor.predict(windows(), keep_heatmaps=True)
    for window, pose in zip(windows(), together, strict=True):
        (alone,) = predictor.predict([window], keep_heatmaps=True)
        assert np.abs(alone.heatmaps - pose.heatmaps).max() < 1e-5 * np.ptp(pose.heatmaps)
        assert np.abs(alone.keypoints - pose.keypoints).max() < 1e-2
    assert predictor.predict([]) == []
    assert predictor.predict(windows(1))[0].heatmaps is None


def test_scores_are_clipped(predictor):
    scores = np.concatenate([pose.scores for pose in predictor.predict(windows())])
    assert ((scores >= 0) & (scores <= 1)).all()


def test_shared_frames_are_encoded_once():
    model = small_model()
    predictor = Predictor(model)
    predictor._batch = 2
    seen = []
    model.encoder.register_forward_pre_hook(lambda _module, args: seen.append(len(args[0])))
    predictor.predict(windows(4))
    assert sum(seen) == 8  # frames 0..7, although four windows hold twenty
    seen.clear()
    predictor.predict([PoseWindow((FRAMES[0],) * 3 + tuple(FRAMES[1:3]), (40, 20, 50, 80)), *windows(1, (1, 1, 9, 9))])
    assert sum(seen) == 3 + 5  # a clamped first frame once; another box is another crop


class Hungry(AverageEncoder):
    """Runs out of memory above a number of crops, as a small GPU would."""

    def __init__(self, limit: int):
        super().__init__(64)
        self.limit = limit
        self.tried: list[int] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.tried.append(len(x))
        if len(x) > self.limit:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return super().forward(x)


def test_out_of_memory_halves_the_batch_and_goes_on():
    torch.manual_seed(0)
    encoder = Hungry(limit=12)
    predictor = Predictor(GLSMamba(TINY, encoder=encoder))
    predictor._batch = 8
    far_apart = [PoseWindow(tuple(FRAMES[:5]), (10.0 + n, 10, 40, 60)) for n in range(9)]
    poses = predictor.predict(far_apart, keep_heatmaps=True)
    assert encoder.tried == [40, 20, 10, 10, 10, 10, 5]
    reference = [predictor.predict([window], keep_heatmaps=True)[0] for window in far_apart]
    assert all(np.allclose(a.heatmaps, b.heatmaps, atol=1e-5) for a, b in zip(poses, reference, strict=True))
    encoder.tried.clear()
    predictor.predict(far_apart)
    assert max(encoder.tried) == 10  # what did not fit is not tried again


def test_not_even_one_window_fits():
    predictor = Predictor(GLSMamba(TINY, encoder=Hungry(limit=4)))
    with pytest.raises(PredictorError, match="even one window"):
        predictor.predict(windows(3))


def test_other_runtime_errors_are_not_taken_for_memory():
    model = small_model()
    model.encoder.register_forward_pre_hook(lambda *_: (_ for _ in ()).throw(RuntimeError("broken")))
    with pytest.raises(RuntimeError, match="broken"):
        Predictor(model).predict(windows(1))


def test_cancel_between_blocks(predictor):
    asked = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 3

    with pytest.raises(Cancelled):
        predictor.predict(windows(2), cancelled=cancelled)
    assert len(asked) == 4
    assert len(predictor.predict(windows(1), cancelled=lambda: False)) == 1


def test_keypoints_are_mapped_by_name():
    model = small_model()
    shuffled = RNG.permutation(15)
    names = tuple(POSETRACK15.joints[i] for i in shuffled)
    plain = Predictor(model).predict(windows(1), keep_heatmaps=True)[0]
    mapped = Predictor(model, joints=names).predict(windows(1), keep_heatmaps=True)[0]
    assert np.array_equal(mapped.heatmaps[shuffled], plain.heatmaps)
    assert np.array_equal(mapped.keypoints[shuffled], plain.keypoints)
    with pytest.raises(PredictorError, match="does not predict nose"):
        Predictor(model, joints=tuple(name if name != "nose" else "snout" for name in POSETRACK15.joints))


def test_checkpoint_to_pose(tmp_path):
    torch.manual_seed(0)
    model = GLSMamba(PRESETS["T"].with_(input_size=(64, 64), window=(4, 4)))
    order = Skeleton("turned", tuple(reversed(POSETRACK15.joints)))
    save_checkpoint(model, tmp_path / "mine.safetensors", skeleton=order)
    loaded = Predictor.from_checkpoint(tmp_path / "mine.safetensors", threads=1)
    assert loaded.name == "GLSMamba-T (mine.safetensors)"
    assert loaded.config == model.config
    here = Predictor(model, joints=order.joints)
    a, b = loaded.predict(windows(1))[0], here.predict(windows(1))[0]
    assert np.allclose(a.keypoints, b.keypoints)
    assert set(loaded.backends()) >= {"device", "precision", "scan"}
    assert loaded.backends()["precision"] == "fp32"
    with pytest.raises(CheckpointError):
        Predictor.from_checkpoint(tmp_path / "absent.safetensors")


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"device": "cuda:0"}, "no CUDA device"),
        ({"device": "gpu"}, "There is no device"),
        ({"device": "meta"}, "not on meta"),
        ({"precision": "bf16"}, "slower than fp32"),
        ({"precision": "int8"}, "no precision"),
    ],
)
def test_what_is_not_there_is_said(monkeypatch, kwargs, message):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(PredictorError, match=message):
        Predictor(small_model(), **kwargs)


@pytest.mark.parametrize(
    ("window", "message"),
    [
        (PoseWindow(tuple(FRAMES[:3]), (1, 1, 9, 9)), "3 frames"),
        (PoseWindow((np.zeros((9, 9), np.uint8),) * 5, (1, 1, 9, 9)), "uint8"),
        (PoseWindow((np.zeros((9, 9, 3)),) * 5, (1, 1, 9, 9)), "uint8"),
        (PoseWindow(tuple(FRAMES[:5]), (1, 1, 0, 9)), "no area"),
    ],
)
def test_bad_windows_are_refused(predictor, window, message):
    with pytest.raises(ValueError, match=message):
        predictor.predict([window])


def test_boxes_outside_the_frame_are_black_and_harmless(predictor):
    (pose,) = predictor.predict([PoseWindow(tuple(FRAMES[:5]), (900, 900, 50, 50))])
    assert np.isfinite(pose.keypoints).all()


def test_activation_maps_of_a_joint_and_of_a_point(predictor):
    window = windows(1)[0]
    (pose,) = predictor.predict([window], keep_heatmaps=True)
    maps = predictor.activation(window, 3)
    t, row, column = maps.query
    assert t == 2
    assert (row, column) == np.unravel_index(pose.heatmaps[3].argmax(), pose.grid)
    assert maps.maps["all"].shape == (5, 16, 12)
    assert np.array_equal(maps.crop, pose.crop)
    place = np.linalg.solve(maps.crop[:, :2], np.array([column, row]) - maps.crop[:, 2])
    same = predictor.activation(window, tuple(place))
    assert same.query == maps.query
    assert np.allclose(same.maps["pair_unified"], maps.maps["pair_unified"])
    local = predictor.activation(window, 3, MapKind(("lrm", 0)))
    assert set(local.maps) == {"windowed", "windowed_reverse", "pair_windowed", "all", "nall"}
    assert (local.maps["all"] >= 0).all() and local.block == ("lrm", 0)


def test_a_captured_window_answers_as_the_model_does_and_for_all_tokens(predictor):
    window = windows(1)[0]
    captured = predictor.capture(window)
    predictor.predict(windows(2))  # whatever the model does meanwhile
    assert captured.blocks == (("gsm", 0), ("gsm", 1), ("lrm", 0))
    for block in captured.blocks:
        kind = MapKind(block, reduction="signed")
        assert np.array_equal(captured.maps(6, kind).maps["all"], predictor.activation(window, 6, kind).maps["all"])
    used = captured.maps(kind=MapKind(("lrm", 0), "column_norm"))
    assert used.query is None and used.maps["all"].shape == (5, 16, 12) and (used.maps["all"] > 0).all()
    with pytest.raises(ValueError, match="give a joint's number or a point"):
        captured.maps()


def test_maps_of_all_tokens_can_be_cancelled(predictor):
    captured, calls = predictor.capture(windows(1)[0]), []

    def stop() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        captured.maps(kind=MapKind(quantity="row_norm"), between=stop)


@pytest.mark.parametrize(
    ("query", "block", "message"),
    [
        (15, ("gsm", 0), "no joint 15"),
        (0, ("gsm", 2), "no block gsm 2"),
        (0, ("vit", 0), "no block"),
        ((-900.0, 0.0), ("gsm", 0), "outside"),
    ],
)
def test_impossible_queries_are_refused(predictor, query, block, message):
    with pytest.raises(ValueError, match=message):
        predictor.activation(windows(1)[0], query, MapKind(block))


def test_cv2_video_order_is_not_assumed(predictor):
    # A BGR frame gives another pose: the predictor must not swap channels on its own.
    rgb = windows(1)[0]
    bgr = PoseWindow(tuple(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR) for frame in rgb.frames), rgb.box)
    a, b = predictor.predict([rgb, bgr], keep_heatmaps=True)
    assert np.abs(a.heatmaps - b.heatmaps).max() > 1e-3


def test_with_the_flip_test_a_mirrored_video_has_the_mirrored_pose(predictor: Predictor):
    # Whatever the weights: both views are looked at either way, so left and right change places and nothing else happens, but
    # for grey values of the crop that were rounded the other way.
    mirrored = [np.ascontiguousarray(frame[:, ::-1]) for frame in FRAMES]
    ways = [
        PoseWindow(tuple(FRAMES[:5]), (40.0, 20.0, 50.0, 80.0)), PoseWindow(tuple(mirrored[:5]), (69.0, 20.0, 50.0, 80.0)),
        PoseWindow(tuple(FRAMES[2:7]), (40.0, 20.0, 50.0, 80.0)),
    ]  # fmt: skip
    plain = predictor.predict(ways, keep_heatmaps=True)
    assert np.abs(plain[0].heatmaps - plain[1].heatmaps[POSETRACK15.flip, :, ::-1]).max() > 1
    predictor.flip_test = True
    try:
        seen, other, third = predictor.predict(ways, keep_heatmaps=True)
    finally:
        predictor.flip_test = False
    np.testing.assert_allclose(seen.heatmaps, other.heatmaps[POSETRACK15.flip, :, ::-1], atol=0.02)
    mean = (plain[0].heatmaps + plain[1].heatmaps[POSETRACK15.flip, :, ::-1]) / 2
    np.testing.assert_allclose(seen.heatmaps, mean, atol=0.02)
    assert np.abs(third.heatmaps - seen.heatmaps).max() > 1
    again = predictor.predict(ways, keep_heatmaps=True)
    assert all(np.array_equal(a.heatmaps, b.heatmaps) for a, b in zip(plain, again, strict=True))
