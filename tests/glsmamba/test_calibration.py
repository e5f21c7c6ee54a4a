"""Probabilities: the fit against a known truth, what a checkpoint keeps of it, and the spread against Gaussians."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_cases import TINY, awake
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from glsmamba.calibration import Calibration, fit, reliability, table
from glsmamba.checkpoint import CheckpointError, load_checkpoint, read_info, save_calibration, save_checkpoint
from glsmamba.data.skeletons import POSETRACK15, Skeleton
from glsmamba.heatmaps import gaussian_targets, spreads
from glsmamba.modeling.model import GLSMamba
from glsmamba.predictor import PoseWindow, Predictor

TRUE = Calibration(POSETRACK15.joints, tuple(np.linspace(-1, 1.5, 15)), 1.3, -0.8)
NOSE = POSETRACK15.index("nose")


def people(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Peaks, spreads, and whether the joint was right, drawn from the true probabilities."""
    rng = np.random.default_rng(seed)
    peaks, wide = rng.uniform(0.02, 1, (n, 15)), rng.uniform(0.5, 8, (n, 15))
    return peaks, wide, rng.random((n, 15)) < TRUE.probability(peaks, wide)


def test_the_fit_finds_the_probabilities_that_made_the_data():
    peaks, wide, right = people(3000, 1)
    known = np.ones_like(right)
    known[:, NOSE] = False  # nobody labels it
    found = fit(peaks, wide, right, known)
    others, wide, right = people(500, 2)
    told, true = found.probability(others, wide), TRUE.probability(others, wide)
    labelled = np.arange(15) != NOSE
    assert np.abs(told - true)[:, labelled].max() < 0.06
    assert reliability(told[:, labelled], right[:, labelled]).ece < 0.03
    # The nose is as sure as the joints it is connected to.
    near = [POSETRACK15.index("head_top"), POSETRACK15.index("head_bottom")]
    assert found.offsets[NOSE] == pytest.approx(np.mean([found.offsets[k] for k in near]))


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.1, 40), st.floats(0.1, 40), st.integers(0, 2**16))
def test_never_less_sure_of_a_higher_peak_or_a_tighter_map(low, high, tight, wide, seed):
    """Also where the people calibrated on say the opposite."""
    rng = np.random.default_rng(seed)
    peaks, spread = rng.uniform(0, 1, (40, 15)), rng.uniform(0.5, 9, (40, 15))
    made = fit(peaks, spread, rng.random((40, 15)) < 1 - peaks, np.ones((40, 15), bool))
    low, high, tight, wide = min(low, high), max(low, high), min(tight, wide), max(tight, wide)

    def told(peak, spread):
        return made.probability(np.full(15, peak), np.full(15, spread))

    assert (told(high, tight) >= told(low, wide) - 1e-6).all()
    assert ((told(low, np.nan) >= 0) & (told(low, np.nan) <= told(low, tight) + 1e-6)).all()


def test_reliability_by_hand():
    told = np.array([0.1, 0.1, 0.1, 0.1, 0.9, 0.9])
    came = np.array([False, False, False, True, True, False])
    got = reliability(told, came)
    assert got.count == 6
    assert got.ece == pytest.approx((4 * 0.15 + 2 * 0.4) / 6)
    assert got.brier == pytest.approx((3 * 0.01 + 0.81 + 0.01 + 0.81) / 6)
    assert "| 0.9 to 1.0 | 2 | 0.900 | 0.500 |" in table(got)


def test_too_little_to_calibrate_on_is_said():
    peaks, wide, right = people(3, 1)
    with pytest.raises(ValueError, match="too few"):
        fit(peaks, wide, right, np.ones_like(right))
    peaks, wide, right = people(30, 1)
    with pytest.raises(ValueError, match="too few"):
        fit(peaks, wide, np.ones_like(right), np.ones_like(right))


def test_a_checkpoint_keeps_its_calibration_and_all_else(tmp_path):
    path = tmp_path / "a.safetensors"
    model = awake(GLSMamba(TINY))
    save_checkpoint(model, path, {"data": "none"})
    assert read_info(path).calibration is None
    before = {name: value.clone() for name, value in load_file(path).items()}
    for calibration in (TRUE, Calibration(TRUE.joints, TRUE.offsets, 2.0, -0.1, {"ece": 0.01})):  # again replaces it
        save_calibration(path, calibration)
        assert read_info(path).calibration == calibration
    after = load_file(path)
    assert before.keys() == after.keys() and all((before[name] == after[name]).all() for name in before)
    assert load_checkpoint(path)[1].provenance == {"data": "none"}
    assert not list(tmp_path.glob("*.part"))
    with pytest.raises(CheckpointError, match="no checkpoint"):
        save_calibration(tmp_path / "none.safetensors", TRUE)


def test_damaged_and_later_calibrations(tmp_path):
    path = tmp_path / "a.safetensors"
    save_checkpoint(awake(GLSMamba(TINY)), path)
    with safe_open(path, "numpy") as file:
        metadata = file.metadata()

    def write(text: str) -> None:
        save_file(load_file(path), path, {**metadata, "calibration": text})

    for damaged in (
        "{",
        "[]",
        json.dumps({**json.loads(TRUE.to_json()), "offsets": [1.0]}),
        TRUE.to_json().replace("1.3", "NaN"),
    ):
        write(damaged)
        with pytest.raises(CheckpointError, match="damaged or of another version"):
            read_info(path)
    write(json.dumps({"method": "something later", "x": 1}))  # the weights are good all the same
    assert read_info(path).calibration is None


def test_the_predictor_says_probabilities_by_name_and_spreads_in_pixels_of_the_frame(tmp_path):
    path = tmp_path / "a.safetensors"
    save_checkpoint(awake(GLSMamba(TINY)), path)
    frames = tuple(np.random.default_rng(1).integers(0, 255, (120, 160, 3), np.uint8) for _ in range(5))
    window, double = PoseWindow(frames, (40.0, 20.0, 50.0, 80.0)), PoseWindow(frames, (15.0, -20.0, 100.0, 160.0))
    (plain,) = Predictor.from_checkpoint(path).predict([window])
    assert plain.probabilities is None and plain.spreads.shape == (15,)
    backwards = Calibration(TRUE.joints[::-1], TRUE.offsets[::-1], TRUE.peak_slope, TRUE.spread_slope)
    told = []
    for calibration in (TRUE, backwards):
        save_calibration(path, calibration)
        predictor = Predictor.from_checkpoint(path)
        (pose,) = predictor.predict([window], keep_heatmaps=True)
        told.append(pose.probabilities)
        # By the definition, cell by cell, in pixels of the frame.
        to_frame = np.linalg.inv(np.vstack([pose.crop, [0, 0, 1]]))
        rows, columns = np.mgrid[: pose.grid[0], : pose.grid[1]]
        places = np.stack([columns, rows, np.ones_like(rows)], -1) @ to_frame.T
        for k in range(15):
            mass = np.maximum(pose.heatmaps[k], 0).astype(np.float64) ** 2
            away = ((places[..., :2] - pose.keypoints[k]) ** 2).sum(-1)
            expected = np.sqrt((mass * away).sum() / mass.sum()) if mass.any() else np.nan
            assert pose.spreads[k] == pytest.approx(expected, rel=1e-4, nan_ok=True)
        assert np.isfinite(pose.spreads).sum() > 4
        cell = to_frame[0, 0]
        expected = TRUE.probability(pose.heatmaps.max((1, 2)), pose.spreads / cell / predictor.config.sigma)
        assert np.abs(pose.probabilities - expected).max() < 0.02  # cells are square to a per mille only
    assert np.allclose(told[0], told[1])
    (twice,) = predictor.predict([double])
    assert 0.5 < np.nanmedian(twice.spreads / plain.spreads) / 2 < 2


@settings(max_examples=60, deadline=None)
@given(st.floats(1, 3), st.floats(14, 22), st.floats(16, 30), st.floats(0.5, 20))
def test_the_spread_of_a_clean_gaussian_is_its_sigma(sigma, x, y, pixels):
    maps, _ = gaussian_targets(np.array([[x, y]]), np.array([True]), (48, 36), sigma)
    assert spreads(0.3 * maps, np.array([[x, y]]), (pixels, pixels))[0] == pytest.approx(sigma * pixels, rel=0.01)


def test_a_second_peak_spreads_and_an_empty_map_has_none():
    maps, _ = gaussian_targets(np.array([[10.0, 12], [28, 40]]), np.array([True, True]), (48, 36), 2.0)
    one, two, empty = maps[0], maps[0] + 0.9 * maps[1], np.zeros((48, 36), np.float32)
    got = spreads(np.stack([one, two, empty - 1]), np.tile([10.0, 12.0], (3, 1)))
    assert got[0] == pytest.approx(2, rel=0.01) and got[1] > 15 and np.isnan(got[2])
    # The small noise of many cells does not drown a peak.
    noise = np.random.default_rng(0).normal(0, 0.01, one.shape)
    assert spreads(one + noise, np.array([10.0, 12.0])) < 2.7


def test_joints_that_were_not_calibrated_have_no_probability():
    few = Calibration(("nose", "left_wrist"), (0.0, 1.0), 1.0, -1.0)
    got = few.probability(np.full(15, 0.5), np.full(15, 1.0))
    known = [POSETRACK15.index("nose"), POSETRACK15.index("left_wrist")]
    assert np.isfinite(got[known]).all() and np.isnan(np.delete(got, known)).all()
    assert few.probability(np.array([0.5]), np.array([1.0]), Skeleton("one", ("left_wrist",)))[0] == got[known[1]]
