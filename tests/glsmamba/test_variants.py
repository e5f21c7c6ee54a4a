"""Every variant is a working model: it learns, is saved and loaded, predicts and shows its activation maps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from model_cases import TINY, awake

from glsmamba.checkpoint import read_info, save_checkpoint
from glsmamba.config import PRESETS, ConfigError, ModelConfig
from glsmamba.heatmaps import gaussian_targets
from glsmamba.maps import MapKind
from glsmamba.modeling.model import GLSMamba
from glsmamba.modeling.movenet import MoveNetEncoder
from glsmamba.modeling.pixels import normalised
from glsmamba.modeling.vit import ViTPoseEncoder
from glsmamba.predictor import PoseWindow, Predictor
from glsmamba.training.loss import heatmap_loss
from glsmamba.training.settings import SettingsError, settings_from
from glsmamba.variants import VARIANTS
from glsmamba.vitpose.importing import import_vitpose

#: Preset T with the light MoveNet, on a crop that every stride divides.
SMALL = PRESETS["T"].with_(input_size=(64, 64), encoder="movenet_lightning", gsm_blocks=1)


@pytest.fixture(scope="module")
def pictures() -> tuple[np.ndarray, np.ndarray]:
    """Five frames (64, 64, 3) that drift, and the joints of the middle one."""
    rng = np.random.default_rng(0)
    scene = rng.integers(0, 255, (10, 10, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    return np.stack([scene[t : t + 64, 2 * t : 2 * t + 64] for t in range(5)]), rng.uniform(8, 56, (15, 2))


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_learns_is_kept_predicts_and_shows_its_maps(name, pictures, tmp_path):
    config = VARIANTS[name].of(SMALL)
    torch.manual_seed(0)
    model = awake(GLSMamba(config)).train()
    frames, joints = pictures
    targets, weights = gaussian_targets(joints * (config.grid[0] - 1) / 63, np.ones(15, bool), config.grid, config.sigma)
    features = model.encode(normalised(torch.from_numpy(frames)))[None]  # frozen: the same at every step
    optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=5e-3)
    losses = []
    for _ in range(4):
        loss = heatmap_loss(model.decode_features(features), torch.from_numpy(targets)[None], torch.from_numpy(weights)[None])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]

    save_checkpoint(model, tmp_path / "variant.safetensors")
    assert read_info(tmp_path / "variant.safetensors").config == config
    predictor = Predictor.from_checkpoint(tmp_path / "variant.safetensors", threads=1)
    window = PoseWindow(tuple(frames), (16.0, 16.0, 32.0, 32.0))
    (pose,) = predictor.predict([window], keep_heatmaps=True)
    assert pose.grid == config.grid == (64 // config.stride,) * 2
    assert np.isfinite(pose.keypoints).all() and np.isfinite(pose.heatmaps).all()

    captured = predictor.capture(window)
    assert np.allclose(captured.heatmaps, pose.heatmaps, atol=1e-5)
    assert len(captured.blocks) == config.gsm_blocks + config.lrm_blocks
    for block in captured.blocks:
        maps = captured.maps(3, MapKind(block)).maps
        paths = config.paths if block[0] == "gsm" else ("windowed",)
        assert {key for key in maps if key.startswith("pair_")} == {f"pair_{path}" for path in paths}
        assert all(value.shape == (5, *config.grid) for value in maps.values())
        assert maps["all"][2].max() > 0
    if not captured.blocks:
        with pytest.raises(ValueError, match=r"neither GSM nor LRM"):
            captured.maps(3)
    else:
        assert captured.maps(3).block == captured.blocks[0]


def test_the_target_stays_as_wide_on_the_person_at_every_stride():
    b = PRESETS["B"]
    assert [b.at_stride(s).sigma * s for s in (4, 8, 16)] == [12.0, 12.0, 12.0]
    assert [b.at_stride(s).tokens for s in (4, 8, 16)] == [15_360, 3_840, 960]  # the paper's
    assert b.at_stride(16).encoder_channels == 768
    assert {v.of(PRESETS["H"]).encoder_channels for v in VARIANTS.values()} == {256, 1280}  # every variant can be had of H
    assert b.at_stride(16).at_stride(4) == b


def test_a_vit_leaves_out_deconvolutions_and_is_imported_all_the_same(tmp_path):
    from vitpose_files import official, vitpose

    source = vitpose(depth=1)
    torch.save(official(source), tmp_path / "x.pth")
    torch.save(official(vitpose("simple", depth=1)), tmp_path / "simple.pth")
    crops = torch.randn(1, 3, 256, 192, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        trunk = source.encoder.trunk(crops)
        expected = {8: source.encoder.deconv_layers[:3](trunk), 16: trunk}
        for stride, features in expected.items():
            config = PRESETS["B"].with_(encoder="vit_s", gsm_blocks=0, lrm_blocks=0).at_stride(stride)
            model = GLSMamba(config, encoder=ViTPoseEncoder(config, depth=1)).eval()
            assert import_vitpose(model, tmp_path / "x.pth") == []
            assert torch.allclose(model.encode(crops), features, atol=1e-5)
            assert bool(import_vitpose(model, tmp_path / "simple.pth")) == (stride == 8)  # no deconvolution, none untrained


def test_movenet_ends_at_an_earlier_level_of_its_pyramid():
    torch.manual_seed(0)
    whole = MoveNetEncoder(1.0).eval()
    levels = {}
    for stride, layer in ((16, whole.merge16), (8, whole.merge8)):
        layer.register_forward_hook(lambda _m, _a, out, s=stride: levels.update({s: out}))
    frames = torch.randn(1, 3, 64, 48)
    with torch.no_grad():
        whole(frames)
        for stride, expected in levels.items():
            encoder = MoveNetEncoder(1.0, stride).eval()
            assert set(encoder.state_dict()) < set(whole.state_dict())
            encoder.load_state_dict({name: whole.state_dict()[name] for name in encoder.state_dict()})
            assert torch.equal(encoder(frames), expected)


@pytest.mark.parametrize(
    ("config", "changes", "words"),
    [
        (PRESETS["T"], {"stride": 16}, r"at stride 16 both sides must be multiples of 16"),
        (PRESETS["T"], {"stride": 8}, r"movenet_thunder has 24 at stride 8"),
        (PRESETS["B"], {"stride": 16}, r"vit_b has 768 at stride 16"),
        (PRESETS["B"], {"stride": 2}, r"must be one of 4, 8, 16"),
        (PRESETS["B"], {"input_size": (96, 48), "stride": 16, "encoder_channels": 768}, r"at least 64 pixels"),
        (TINY, {"stride": 8}, r"at stride 4 only"),
        (PRESETS["B"], {"paths": ("spatial", "temporal")}, r"set stmm to 'sum'"),
        (PRESETS["B"], {"paths": ("spatial",), "stmm": "sum", "unified_pair": "transpose"}, r"there is no unified scan"),
        (PRESETS["B"], {"paths": ()}, r"name some of"),
        (PRESETS["B"], {"paths": ("unified", "unified")}, r"each once"),
        (PRESETS["B"], {"window": (8,)}, r"a height and a width"),
        (PRESETS["B"], {"dt_rank": 0}, r"dt_rank is 0"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_sentence(config: ModelConfig, changes, words):
    with pytest.raises(ConfigError, match=words) as caught:
        config.with_(**changes)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_a_training_file_names_a_variant_or_a_stride():
    def read(size: tuple[int, int] = (256, 192), **model: object) -> ModelConfig:
        phase = {"size": size, "batch": 1, "length": 1}
        return settings_from({"stills": "x", "encoder": "x", "model": model, "phase": [phase]}, "x").model

    low = read(preset="B", variant="stride-16")
    assert low == read(preset="B", stride=16)
    assert (low.grid, low.sigma) == ((16, 12), 0.75)
    both = read(preset="B", variant="no-lrm", stride=8, width=64)
    assert (both.lrm_blocks, both.grid, both.width, both.sigma) == (0, (32, 24), 64, 1.5)
    with pytest.raises(SettingsError, match=r"no variant 'half'; choose one of full, unified"):
        read(variant="half")
    with pytest.raises(SettingsError, match=r"\(200, 152\); at stride 16 both sides .* pixels\.$"):
        read((200, 152), preset="B", variant="stride-16")
