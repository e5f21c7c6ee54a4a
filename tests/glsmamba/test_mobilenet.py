from __future__ import annotations

import pytest
import torch
from torch import nn

from glsmamba.modeling.mobilenet import MobileNetEncoder


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def public_layout() -> nn.Sequential:
    """MobileNetV2 features[0:18] with batch norms, named as the public checkpoints name them (torchvision's older layout)."""

    def block(i: int, o: int, s: int, e: int) -> nn.Module:
        h = i * e
        layers: list[nn.Module] = []
        if e != 1:
            layers += [nn.Conv2d(i, h, 1, bias=False), nn.BatchNorm2d(h), nn.ReLU6()]
        layers += [nn.Conv2d(h, h, 3, s, 1, groups=h, bias=False), nn.BatchNorm2d(h), nn.ReLU6()]
        layers += [nn.Conv2d(h, o, 1, bias=False), nn.BatchNorm2d(o)]
        out = nn.Module()
        out.conv = nn.Sequential(*layers)
        out.forward = (lambda x: x + out.conv(x)) if s == 1 and i == o else (lambda x: out.conv(x))  # type: ignore[method-assign]
        return out

    stages = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    features: list[nn.Module] = [nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6())]
    inputs = 32
    for e, o, n, s in stages:
        for k in range(n):
            features.append(block(inputs, o, s if k == 0 else 1, e))
            inputs = o
    return nn.Sequential(*features)


def test_features_are_a_quarter_of_the_input_at_any_size():
    encoder = MobileNetEncoder(channels=64).eval()
    with torch.no_grad():
        for h, w in ((96, 72), (64, 48), (32, 80)):
            assert encoder(torch.zeros(2, 3, h, w)).shape == (2, 64, h // 4, w // 4)


def test_folded_trunk_equals_the_public_network_with_batch_norms():
    torch.manual_seed(0)
    public = public_layout().eval()
    for module in public.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.8, 1.6)
            nn.init.normal_(module.bias, 0, 0.3)
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.3, 1.0)
    encoder = MobileNetEncoder().eval()
    encoder.load_imagenet({f"features.{k}": v for k, v in public.state_dict().items()})
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(encoder.features(x), public(x), rtol=1e-3, atol=1e-4)


def test_foreign_weights_are_refused_in_one_sentence():
    with pytest.raises(ValueError, match="not MobileNetV2 weights"):
        MobileNetEncoder().load_imagenet({"features.0.0.weight": torch.zeros(8, 3, 3, 3)})


def test_gradients_reach_every_layer():
    encoder = MobileNetEncoder(channels=16)
    encoder(torch.randn(2, 3, 64, 64)).square().mean().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in encoder.parameters())
