"""MoveNet as an encoder: read from a TensorFlow.js file, against the arithmetic that TensorFlow publishes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from movenet_files import published
from torch.nn import functional as F

from glsmamba.config import PIXEL_MEAN, PIXEL_STD, PRESETS, ConfigError
from glsmamba.modeling.fused import fuses
from glsmamba.modeling.movenet import MoveNetEncoder, Strided, movenet_state
from glsmamba.training.encoders import load_public
from glsmamba.training.labels import TrainingDataError


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("width", [1.0, 1.75])
def test_published_weights_are_read_by_name_into_every_layer(tmp_path, width):
    path, values = published(tmp_path, width)
    state, weight, bias = movenet_state(path)
    encoder = MoveNetEncoder(width)
    encoder.load_state_dict(state)  # strict: every tensor is there and has its shape
    assert weight.shape == (17, 96) and bias.shape == (17,)
    stem = values["StatefulPartitionedCall/x/model_1/model/Conv1/Conv2D_weights"]
    assert torch.equal(encoder.features[0][0].weight, torch.from_numpy(stem).permute(3, 2, 0, 1))
    depth = values["StatefulPartitionedCall/x/model_1/model/block_7_depthwise/depthwise_weights"]
    assert torch.equal(encoder.features[8].conv[2].weight, torch.from_numpy(depth).permute(2, 3, 0, 1))
    last = values["StatefulPartitionedCall/kpt_heatmap_0/conv2d_5/Conv2D/ReadVariableOp"]
    assert torch.equal(weight, torch.from_numpy(last[0, 0].T))


@pytest.mark.parametrize("size", [(32, 32), (64, 48), (56, 40), (36, 44)])
def test_features_are_a_quarter_of_the_input_also_at_odd_levels(size):
    with torch.no_grad():
        assert MoveNetEncoder(1.0).eval()(torch.zeros(2, 3, *size)).shape == (2, 96, size[0] // 4, size[1] // 4)


@pytest.mark.parametrize(("size", "stride"), [((56, 44), 4), ((64, 40), 8)])
def test_what_runs_without_a_gradient_gives_the_same_features(size: tuple[int, int], stride: int) -> None:
    """Without one, convolutions are fused with what follows them and the finest layers go frame by frame."""
    torch.manual_seed(0)
    encoder = MoveNetEncoder(1.0, stride).eval()
    for parameter in encoder.parameters():
        parameter.data.mul_(2.0)  # so that the clipping at 6 takes part
    frames = 3 * torch.randn(3, 3, *size)
    with_gradient = encoder(frames).detach()
    with torch.no_grad():
        if not fuses(frames):
            pytest.skip("This build of PyTorch has no oneDNN.")
        without = encoder(frames)
    assert with_gradient.abs().max() > 0.1
    torch.testing.assert_close(without, with_gradient, rtol=1e-4, atol=1e-5 * float(with_gradient.abs().max()))


def test_an_odd_side_is_as_good_as_the_same_picture_with_room_around_it():
    torch.manual_seed(0)
    layer = Strided(3, 4)
    x = torch.randn(1, 3, 9, 11)
    padded = F.pad(x, (0, 1, 0, 1))  # even sides: TensorFlow's "same" pads one below and one to the right
    expected = F.conv2d(F.pad(padded, (0, 1, 0, 1)), layer.weight, layer.bias, 2)
    torch.testing.assert_close(layer(x), expected)


def test_other_files_and_other_encoders_are_refused_in_one_sentence(tmp_path):
    path, _ = published(tmp_path, 1.0)
    with pytest.raises(TrainingDataError, match="does not fit"):
        load_public(MoveNetEncoder(1.75), path)
    with pytest.raises(TrainingDataError, match="missing"):
        load_public(MoveNetEncoder(), tmp_path / "none.json")
    path.write_text('{"weightsManifest": []}')
    with pytest.raises(ValueError, match="not a single-person MoveNet"):
        movenet_state(path)
    with pytest.raises(ConfigError, match="96"):
        PRESETS["T"].with_(encoder_channels=64)


@pytest.mark.data
def test_with_the_published_weights_it_finds_what_the_published_network_finds(shared_data):
    """Needs MoveNet's own files in ``cache`` (``python -m glsmamba.training.encoders``) and the network as ONNX."""
    ort = pytest.importorskip("onnxruntime")
    import cv2

    source = Path(__file__).resolve().parents[2] / "cache" / "movenet-thunder.json"
    if not source.is_file():
        pytest.skip("cache/movenet-thunder.json is not there")
    session = ort.InferenceSession(shared_data / "models" / "movenet-thunder.onnx")
    picture = cv2.resize(cv2.imread(str(shared_data / "lspet" / "images" / "im00001.jpg"))[..., ::-1], (256, 256))
    answer = session.run(None, {session.get_inputs()[0].name: picture[None].astype(np.int32)})[0][0, 0]
    state, weight, bias = movenet_state(source)
    encoder = MoveNetEncoder().eval()
    encoder.load_state_dict(state)
    pixels = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        features = encoder((pixels - torch.tensor(PIXEL_MEAN).view(3, 1, 1)) / torch.tensor(PIXEL_STD).view(3, 1, 1))
        maps = torch.sigmoid(torch.einsum("kc,nchw->nkhw", weight, features) + bias[:, None, None])[0].numpy()
    # The network's score is its heat map at a cell near the place it returns.
    for k, (y, x, score) in enumerate(answer):
        cy, cx = int(np.clip(round(y * 64), 2, 61)), int(np.clip(round(x * 64), 2, 61))
        assert np.abs(maps[k, cy - 2 : cy + 3, cx - 2 : cx + 3] - score).min() < 2e-3
