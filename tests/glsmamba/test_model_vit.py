"""The ViTPose encoder."""

from __future__ import annotations

import pytest
import torch
from model_cases import awake

from glsmamba.config import PRESETS
from glsmamba.modeling.model import GLSMamba
from glsmamba.modeling.vit import VIT_SIZES, ViTPoseEncoder, resized_positions


@pytest.mark.parametrize(("encoder", "millions"), [("vit_s", 21.7), ("vit_b", 85.8), ("vit_l", 303.3), ("vit_h", 630.8)])
def test_trunk_sizes_are_those_of_vit(encoder, millions):
    # Public counts of the ViT trunks without a class token and head; on the meta device, where H's 2.5 GB cost nothing.
    with torch.device("meta"):
        model = ViTPoseEncoder(PRESETS["B"].with_(encoder=encoder))
    trunk = sum(p.numel() for name, p in model.named_parameters() if not name.startswith("deconv_layers"))
    assert trunk / 1e6 == pytest.approx(millions, rel=0.005)
    assert model(torch.zeros(5, 3, 256, 192, device="meta")).shape == (5, 256, 64, 48)


@pytest.mark.parametrize("encoder", ["vit_b", "vit_h"])
def test_presets_b_and_h_run_with_a_shallow_trunk(encoder):
    # H's 32 blocks are 2.5 GB: width and heads are kept; two blocks of depth, one block of each kind behind it, a small crop.
    config = PRESETS["H" if encoder == "vit_h" else "B"].with_(input_size=(64, 48), gsm_blocks=1, lrm_blocks=1)
    model = awake(GLSMamba(config, encoder=ViTPoseEncoder(config, depth=2))).train()
    maps = model(torch.randn(1, 5, 3, 64, 48))
    assert maps.shape == (1, 15, 16, 12)
    maps.square().mean().backward()
    assert not model.encoder.training
    assert all(p.grad is None for p in model.encoder.parameters())
    assert all(p.grad.abs().max() > 0 for name, p in model.named_parameters() if not name.startswith("encoder"))


def test_attention_block_follows_the_equations():
    torch.manual_seed(0)
    config = PRESETS["B"].with_(encoder="vit_s", input_size=(32, 32))
    encoder = ViTPoseEncoder(config, depth=1).eval()
    x = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        tokens = encoder.patch_embed.proj(x).flatten(2).transpose(1, 2)
        tokens = tokens + encoder.pos_embed[:, 1:] + encoder.pos_embed[:, :1]
        block, heads, e = encoder.blocks[0], VIT_SIZES["vit_s"].heads, VIT_SIZES["vit_s"].embed
        q, k, v = torch.chunk(block.attn.qkv(block.norm1(tokens)), 3, dim=-1)
        mixed = []
        for head in range(heads):
            part = slice(head * e // heads, (head + 1) * e // heads)
            scores = q[..., part] @ k[..., part].transpose(1, 2) / (e // heads) ** 0.5
            mixed.append(scores.softmax(-1) @ v[..., part])
        tokens = tokens + block.attn.proj(torch.cat(mixed, -1))
        tokens = tokens + block.mlp.fc2(torch.nn.functional.gelu(block.mlp.fc1(block.norm2(tokens))))
        expected = encoder.last_norm(tokens).transpose(1, 2).reshape(1, e, 2, 2)
        assert torch.allclose(encoder.trunk(x), expected, atol=1e-5)


def test_positions_are_resized_and_slot_zero_kept():
    positions = torch.randn(1, 193, 8)
    assert torch.equal(resized_positions(positions, (16, 12)), positions)
    resized = resized_positions(positions, (24, 18))
    assert resized.shape == (1, 1 + 24 * 18, 8)
    assert torch.equal(resized[:, 0], positions[:, 0])
    without = resized_positions(positions[:, 1:], (16, 12))
    assert torch.equal(without[:, 1:], positions[:, 1:])
    assert not without[:, 0].any()
    with pytest.raises(ValueError, match="193"):
        resized_positions(torch.zeros(1, 197, 8), (16, 12))
