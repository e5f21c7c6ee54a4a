"""The model's blocks: shapes, switches, starting point, and what each part must not do."""

from __future__ import annotations

import pytest
import torch
from model_cases import TINY, AverageEncoder, awake, small_model

from glsmamba.config import PRESETS, ConfigError, ModelConfig
from glsmamba.modeling.attention import SequentialChannelAttention
from glsmamba.modeling.embedding import sine_cosine
from glsmamba.modeling.gsm import GSMBlock
from glsmamba.modeling.lrm import LRMBlock, WindowedScan
from glsmamba.modeling.model import GLSMamba
from glsmamba.modeling.stmm import ScanMerge

SWITCHES = {
    "default": {},
    "unified only": {"paths": ("unified",)},
    "unified and spatial": {"paths": ("unified", "spatial")},
    "transposed pair": {"unified_pair": "transpose"},
    "shared directions": {"share_directions": "per-type"},
    "plain sum": {"stmm": "sum"},
    "state reset": {"window_state_reset": True},
    "3-D convolutions": {"dwconv": "3d"},
    "gated FFN": {"ffn": "gmlp"},
    "no GSM": {"gsm_blocks": 0},
    "no LRM": {"lrm_blocks": 0},
    "single frame, no blocks": {"frames": 1, "gsm_blocks": 0, "lrm_blocks": 0},
    "three frames": {"frames": 3},
    "windows that do not divide the grid": {"window": (5, 7)},
    "reset windows that do not divide the grid": {"window": (5, 7), "window_state_reset": True},
}


def clips(config: ModelConfig, batch: int = 1, seed: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, config.frames, 3, *config.input_size, generator=generator)


@pytest.mark.parametrize("changes", SWITCHES.values(), ids=SWITCHES.keys())
def test_every_switch_runs_forward_and_backward(changes):
    config = TINY.with_(**changes)
    model = small_model(config).train()
    maps = model(clips(config, 2))
    assert maps.shape == (2, config.joints, *config.grid)
    maps.square().mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        if not name.startswith("encoder") and "mask" not in name:
            assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("changes", SWITCHES.values(), ids=SWITCHES.keys())
def test_batch_and_fast_path_equal_one_window_computed_in_full(changes):
    config = TINY.with_(**changes)
    model = small_model(config).eval()
    frames = clips(config, 2)
    with torch.no_grad():
        batched = model(frames)
        with torch.enable_grad():
            full = torch.cat([model(frames[n : n + 1], full=True) for n in range(2)])
    assert torch.allclose(batched, full, atol=1e-5)


def test_preset_t_in_full_size():
    model = awake(GLSMamba(PRESETS["T"])).train()
    maps = model(clips(PRESETS["T"]))
    assert maps.shape == (1, 15, *PRESETS["T"].grid)
    maps.square().mean().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_preset_b_blocks_in_full_size_behind_a_fast_encoder():
    # The ViT, and B's gradients on a small crop, are in test_model_vit.py; here the paper's 15,360 tokens go through one block
    # of each kind.
    config = PRESETS["B"].with_(gsm_blocks=1, lrm_blocks=1)
    with torch.no_grad():
        maps = small_model(config).eval()(clips(config))
    assert maps.shape == (1, 15, 64, 48)
    assert torch.isfinite(maps).all()
    assert maps.std() > 0


def test_new_blocks_are_the_identity():
    torch.manual_seed(0)
    x = torch.randn(1, 5, 16, 12, 64)
    for block in (GSMBlock(TINY), LRMBlock(TINY)):
        assert torch.equal(block(x), x)
        assert torch.equal(block(x, slice(2, 3)), x[:, 2:3])


def test_a_new_model_predicts_what_its_single_frame_model_does():
    torch.manual_seed(0)
    encoder = AverageEncoder(64)
    single = GLSMamba(TINY.with_(frames=1, gsm_blocks=0, lrm_blocks=0), encoder=encoder).eval()
    model = GLSMamba(TINY, encoder=encoder).eval()
    weights = {name: value for name, value in single.state_dict().items() if name != "embed.temporal"}
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected
    assert not [name for name in missing if name.startswith(("embed.proj", "head", "encoder"))]
    with torch.no_grad():
        model.embed.temporal[2] = single.embed.temporal[0]
    frames = clips(TINY)
    assert torch.allclose(model(frames), single(frames[:, 2:3]), atol=1e-6)


def test_the_key_frame_sees_the_other_frames():
    model = small_model().eval()
    frames = clips(TINY)
    with torch.no_grad():
        base = model(frames)
        for t in (0, 4):
            changed = frames.clone()
            changed[:, t] += 1
            assert (model(changed) - base).abs().max() > 1e-4


def test_a_new_stmm_is_the_plain_sum():
    torch.manual_seed(0)
    streams = {name: torch.randn(2, 5, 8, 6, 64) for name in ("unified", "spatial", "temporal")}
    deformable, plain = ScanMerge(TINY), ScanMerge(TINY.with_(stmm="sum"))
    assert torch.allclose(deformable(streams), plain(streams), atol=1e-6)
    assert torch.allclose(plain(streams), streams["unified"] + streams["spatial"] + streams["temporal"], atol=1e-6)


def test_stmm_compensates_with_what_lies_where_the_offsets_point():
    torch.manual_seed(0)
    merge = ScanMerge(TINY)
    streams = {name: torch.randn(1, 5, 8, 6, 64) for name in ("unified", "spatial", "temporal")}
    with torch.no_grad():
        merge.branches["spatial"].offset.bias[2 * 4 + 1] = 1.0  # x offset of the centre tap: one cell to the right
    shifted = torch.zeros_like(streams["spatial"])
    shifted[:, :, :, :-1] = streams["spatial"][:, :, :, 1:]
    expected = streams["unified"] + shifted + streams["temporal"]
    assert torch.allclose(merge(streams), expected, atol=1e-5)


def test_sca_weighs_channels_of_each_frame_by_the_equation():
    torch.manual_seed(0)
    sca = SequentialChannelAttention(TINY)
    x = torch.randn(2, 5, 4, 3, 64)
    pooled = x.mean((2, 3)).reshape(2, 5 * 64)
    hidden = torch.relu(pooled @ sca.fc1.weight.T + sca.fc1.bias)
    weights = torch.sigmoid(hidden @ sca.fc2.weight.T + sca.fc2.bias).view(2, 5, 1, 1, 64)
    assert torch.allclose(sca(x), x * weights, atol=1e-6)


def test_the_state_crosses_windows_unless_reset():
    torch.manual_seed(0)
    x = torch.randn(1, 5, 16, 12, 64)
    changed = x.clone()
    changed[:, :, 0, 0] += 1  # in the first window
    for reset, crosses in ((False, True), (True, False)):
        scan = WindowedScan(TINY.with_(window_state_reset=reset))
        with torch.no_grad():
            scan.s6.dt_bias.fill_(-6.0)  # small steps: the state lasts
            difference = (scan(changed) - scan(x)).abs().amax(-1)
        assert difference[:, :, :4, :6].max() > 0
        assert bool(difference[:, :, :4, 6:].max() > 0) == crosses


def test_window_tokens_lay_out_and_back():
    x = torch.arange(5 * 16 * 12, dtype=torch.float32).view(1, 5, 16, 12, 1)
    for window in ((4, 6), (5, 7)):
        for reset in (False, True):
            scan = WindowedScan(TINY.with_(window=window, window_state_reset=reset))
            assert torch.equal(scan.from_tokens(scan.to_tokens(x), x.shape), x)
            assert scan.to_tokens(x).shape[1] == scan.order.shape[1]


def test_sine_cosine_is_unique_per_cell_and_separable():
    e = sine_cosine(16, 12, 64)
    assert e.shape == (16, 12, 64)
    assert torch.equal(e[3, :, :32], e[3, :1, :32].expand(12, 32))  # first half: y only
    assert torch.equal(e[:, 5, 32:], e[:1, 5, 32:].expand(16, 32))
    assert len(torch.unique(e.reshape(-1, 64), dim=0)) == 16 * 12


def test_a_frozen_encoder_stays_frozen():
    config = TINY.with_(freeze_encoder=True)
    model = GLSMamba(config, encoder=torch.nn.Sequential(AverageEncoder(64), torch.nn.BatchNorm2d(64))).train()
    before = model.encoder[1].running_mean.clone()
    model(clips(config)).sum().backward()
    assert not model.encoder.training
    assert model.gsm.training
    assert torch.equal(model.encoder[1].running_mean, before)
    assert all(p.grad is None for p in model.encoder.parameters())


def test_callback_runs_between_blocks_and_can_stop():
    model = small_model().eval()
    calls = []

    def between() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise InterruptedError

    with torch.no_grad(), pytest.raises(InterruptedError):
        model(clips(TINY), between)
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("shape", "message"), [((1, 3, 3, 64, 48), "3 frames"), ((1, 5, 3, 60, 48), "pixels"), ((5, 3, 64, 48), "batch, frames")]
)
def test_wrong_shapes_are_named(shape, message):
    with pytest.raises(ValueError, match=message):
        small_model()(torch.zeros(shape))


@pytest.mark.parametrize(
    "changes",
    [{"frames": 4}, {"paths": ("spatial",)}, {"input_size": (190, 144)}, {"width": 66}, {"ffn": "moe"}, {"window": (0, 6)},
     {"encoder": "vit_b", "input_size": (200, 144)}, {"joints": 0}, {"gsm_blocks": -1}],
)  # fmt: skip
def test_impossible_configurations_are_refused_in_a_sentence(changes):
    with pytest.raises(ConfigError, match=r"\.$"):
        TINY.with_(**changes)


def test_configuration_survives_json():
    for config in (*PRESETS.values(), TINY.with_(paths=("unified", "temporal"), dt_rank=3)):
        assert ModelConfig.from_json(config.to_json()) == config
    with pytest.raises(ConfigError, match="does not know"):
        ModelConfig.from_json('{"depth": 3}')
    with pytest.raises(ConfigError, match="not JSON"):
        ModelConfig.from_json("{")
