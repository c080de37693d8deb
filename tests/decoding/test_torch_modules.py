"""The networks against the papers' own order of layers, and their sizes."""

import numpy as np
import pytest
import torch
from torch import nn

from affectome.decoding.torch_modules import EEGNet, ShallowConvNet, WindowGRU

SIZES = [(1, 8, 2), (5, 40, 3), (12, 101, 9)]


@pytest.mark.parametrize("network", [EEGNet, ShallowConvNet, WindowGRU])
@pytest.mark.parametrize(("n_units", "n_times", "n_classes"), SIZES)
def test_gives_one_logit_a_class_and_learns_in_every_weight(network, n_units, n_times, n_classes):
    torch.manual_seed(0)
    module = network(n_units, n_times, n_classes)
    logits = module(torch.randn(6, n_units, n_times))
    assert logits.shape == (6, n_classes)
    nn.functional.cross_entropy(logits, torch.arange(6) % n_classes).backward()
    for name, weight in module.named_parameters():
        assert weight.grad is not None, name
        assert torch.isfinite(weight.grad).all(), name


def test_eegnet_is_the_papers_temporal_then_spatial_convolution():
    torch.manual_seed(1)
    module = EEGNet(6, 50, 3, kernel=9).eval()
    X = torch.randn(4, 6, 50)
    temporal = nn.Conv2d(1, 8, (1, 9), padding="same", bias=False)
    spatial = nn.Conv2d(8, 16, (6, 1), groups=8, bias=False)
    with torch.no_grad():
        module(X)
        temporal.weight.copy_(module.temporal.weight[:, :, None])
        spatial.weight.copy_(module.spatial.weight[:, :, 0][:, None, :, None])
        expected = module.classify(module.body(spatial(temporal(X[:, None]))[:, :, 0]))
        np.testing.assert_allclose(module(X), expected, rtol=1e-4, atol=1e-5)


def test_shallow_is_the_papers_temporal_then_spatial_convolution():
    torch.manual_seed(2)
    module = ShallowConvNet(6, 50, 3, n_filters=7).eval()
    X = torch.randn(4, 6, 50)
    with torch.no_grad():
        temporal = nn.functional.conv2d(X[:, None], module.temporal.weight[:, :, None])
        power = module.average(module.normalise(module.spatial(temporal)[:, :, 0]) ** 2)
        expected = module.classify(power.clamp(min=1e-6).log().flatten(1))
        np.testing.assert_allclose(module(X), expected, rtol=1e-4, atol=1e-5)


def test_eegnet_keeps_the_papers_bounds_on_its_weights():
    module = EEGNet(6, 50, 3)
    with torch.no_grad():
        module.spatial.weight.mul_(100)
        module.classify.weight.mul_(100)
    module(torch.randn(4, 6, 50))
    assert module.spatial.weight.flatten(1).norm(dim=1).max() <= 1 + 1e-5
    assert module.classify.weight.norm(dim=1).max() <= 0.25 + 1e-5


def test_gru_reads_to_the_end_of_the_trial():
    torch.manual_seed(3)
    module = WindowGRU(2, 23, 2, window=5, kernel=1).eval()
    X = torch.randn(1, 2, 23)
    start, end = X.clone(), X.clone()
    start[:, :, :3] += 10
    end[:, :, -1] += 10
    with torch.no_grad():
        assert torch.equal(module(X), module(start))
        assert not torch.allclose(module(X), module(end))
