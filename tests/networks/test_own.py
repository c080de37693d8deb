import re
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from affectome.errors import InputError
from affectome.networks import (
    Manipulation,
    activations,
    load_network,
    manipulated_activations,
    untrained,
)
from affectome.networks.own import KNOWN
from affectome.networks.preprocessing import Preprocessing, parse_preprocessing
from affectome.networks.traced import Traced, export

FACTORY = """
import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm = nn.BatchNorm2d(outputs)
        self.again = nn.Conv2d(outputs, outputs, 1)

    def forward(self, x):
        x = functional.relu_(self.norm(self.conv(x)))
        return torch.relu(self.again(x) + x)


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.low, self.high, self.out = Block(3, 6), Block(6, 10), nn.Linear(10, 4)

    def forward(self, x):
        x = self.high(functional.max_pool2d(self.low(x), 2))
        return self.out(x.mean((2, 3)))


def make():
    torch.manual_seed(3)
    return Tiny()


def wrong():
    return 7
"""
LAYERS = ("low.conv", "low.again", "high.conv", "high.again")


@pytest.fixture(scope="module")
def factory(tmp_path_factory):
    file = tmp_path_factory.mktemp("own") / "tiny_of_mine.py"
    file.write_text(FACTORY)
    return file


@pytest.fixture(scope="module")
def network(factory):
    return load_network(f"{factory}:make", preprocessing="side=48")


@pytest.fixture(scope="module")
def pictures():
    draws = np.random.default_rng(0)
    return [draws.integers(0, 255, (60, 70, 3), dtype=np.uint8) for _ in range(5)]


def by_hand(module, pictures, scale=None):
    """Every layer's response, with torch's own hooks; ``scale`` multiplies one of them."""
    see = parse_preprocessing("side=48")
    x = see.to_input(np.stack([see.shorten(p) for p in pictures]))
    found = {}

    def block(name, part, x):
        rectified = torch.relu(part.norm(part.conv(x)))
        if scale and scale[0] == f"{name}.conv":
            rectified = rectified * scale[1]
        found[f"{name}.conv"] = rectified.mean((2, 3))
        more = part.again(rectified)
        if scale and scale[0] == f"{name}.again":
            more = more * scale[1]
        found[f"{name}.again"] = more.mean((2, 3))
        return torch.relu(more + rectified)

    with torch.inference_mode():
        low = block("low", module.low, x)
        block("high", module.high, nn.functional.max_pool2d(low, 2))
    return found


def test_layers_are_found_and_read_behind_norm_and_activation(network, factory, pictures):
    assert network.layers == LAYERS
    assert network.name == "make"
    assert [network.units(layer) for layer in LAYERS] == [6, 6, 10, 10]
    module = sys.modules["tiny_of_mine"].make().eval()
    expected = by_hand(module, pictures)
    found = activations(network, pictures, batch_size=2).recording
    for layer in LAYERS:
        own = found.values[:, found.layer.values == layer]
        np.testing.assert_allclose(own, expected[layer].numpy(), atol=1e-5)


def test_lesions_of_any_layer_match_the_network_run_by_hand(network, pictures):
    module = sys.modules["tiny_of_mine"].make().eval()
    asked = [
        Manipulation("low.conv", (0, 4), -1.0),
        Manipulation("high.conv", (2,), 3.0),
        Manipulation("low.again", (1, 2, 3), -1.0),
    ]
    found = manipulated_activations(network, pictures, asked, readout=["high.again"], batch_size=2)
    base = by_hand(module, pictures)["high.again"].numpy()
    np.testing.assert_allclose(found.base, base, atol=1e-5)
    for values, m in zip(found.values, asked, strict=True):
        scale = torch.ones(1, network.units(m.layer), 1, 1)
        scale[:, list(m.units)] = 1 + m.gain
        expected = by_hand(module, pictures, (m.layer, scale))["high.again"].numpy()
        np.testing.assert_allclose(values, expected, atol=1e-5)
        assert np.abs(values - base).max() > 1e-3


def test_a_saved_program_answers_as_the_module_does(network, factory, pictures, tmp_path):
    module = sys.modules["tiny_of_mine"].make()
    torch.export.save(export(module, 48), tmp_path / "mine.pt2")
    saved = load_network(str(tmp_path / "mine.pt2"))
    assert saved.layers == LAYERS
    assert saved.name == "mine"
    ours, theirs = (activations(n, pictures).recording.values for n in (network, saved))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_named_layers(factory, pictures):
    some = load_network(f"{factory}:make", preprocessing="side=48", layers=["out", "low.norm"])
    assert some.layers == ("low.norm", "out")
    found = activations(some, pictures).recording
    module = sys.modules["tiny_of_mine"].make().eval()
    expected = by_hand(module, pictures)["low.conv"].numpy()
    np.testing.assert_allclose(found.values[:, :6], expected, atol=1e-5)
    assert found.sizes["unit"] == 6 + 4


def test_tokens_and_vectors_are_layers_of_networks_without_convolutions(pictures):
    class Patches(nn.Module):
        def __init__(self):
            super().__init__()
            self.cut = nn.Conv2d(3, 8, 16, stride=16)
            self.mix = nn.Linear(8, 12)
            self.out = nn.Linear(12, 3)

        def forward(self, x):
            tokens = self.cut(x).flatten(2).transpose(1, 2)
            return self.out(nn.functional.gelu(self.mix(tokens)).mean(1))

    stack = Traced(export(Patches(), 48))
    assert {name: layer.units for name, layer in stack.layers.items()} == {
        "cut": 8,
        "mix": 12,
        "out": 3,
    }


def test_untrained_copies_follow_the_seed_and_leave_the_network_alone(network):
    before = network.sha256
    one, same, other = (untrained(network, seed) for seed in (0, 0, 1))
    assert one.sha256 == same.sha256 != other.sha256
    assert (
        load_network("alexnet", "untrained").sha256 == untrained(load_network("alexnet"), 0).sha256
    )
    weight = one.stack.state_dict()["graph_module.high.conv.weight"]
    assert float(weight.std()) == pytest.approx(np.sqrt(2 / 54), rel=0.15)
    assert network.sha256 == before


def test_weights_of_a_file_fill_a_network_of_the_users_own(factory, tmp_path):
    module = sys.modules["tiny_of_mine"].make()
    with torch.no_grad():
        module.low.conv.weight.mul_(2)
    save_file(module.state_dict(), tmp_path / "w.safetensors")
    filled = load_network(f"{factory}:make", tmp_path / "w.safetensors", preprocessing="side=48")
    found = filled.stack.state_dict()["graph_module.low.conv.weight"]
    torch.testing.assert_close(found, module.low.conv.weight.data)
    save_file({"low.conv.weight": torch.zeros(2, 2)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=r"low\.conv\.weight is \(2, 2\); this network has"):
        load_network(f"{factory}:make", tmp_path / "other.safetensors", preprocessing="side=48")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("resnet900", {}, "there is no network 'resnet900'; choose one of alexnet, vgg16"),
        ("no.such:thing", {}, "can't import 'no.such'"),
        ("json:loads_nothing", {}, "json has no function 'loads_nothing'"),
        ("FACTORY:wrong", {}, "gives int, not a torch module"),
        ("FACTORY:make", {"layers": ["low.conf"]}, "there is no module low.conf"),
        ("FACTORY:make", {"preprocessing": "size=3"}, "preprocessing knows side, cut, top"),
        ("FACTORY:make", {"preprocessing": "side=x"}, "'side=x' is not a number"),
        ("FACTORY:make", {"preprocessing": "cut=oval"}, "cut is one of square, whole"),
        ("gone.pt2", {}, "there is no saved program gone.pt2"),
        ("alexnet", {"layers": ["conv1"]}, "the layers of alexnet are its convolutions"),
    ],
)
def test_what_is_no_network_is_told_in_a_line(factory, name, options, message):
    with pytest.raises(InputError, match=message.replace(".", r"\.")) as told:
        load_network(name.replace("FACTORY", str(factory)), **options)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise RuntimeError('two\\nlines')", "can't import '{}': RuntimeError: two lines"),
        ("def make(:", "can't import '{}': SyntaxError: "),
        ("import sys; sys.exit(5)", "can't import '{}': SystemExit: 5"),
        ("def make(): raise KeyError('k')", "{}:make makes no network: KeyError: 'k'"),
        ("def make(size): pass", "{}:make makes no network: TypeError: make() missing 1"),
        ("def make(): raise SystemExit(3)", "{}:make makes no network: SystemExit: 3"),
    ],
)
def test_code_that_fails_is_told_in_a_line(tmp_path, code, message):
    file = tmp_path / "of_a_stranger.py"
    file.write_text(code)
    with pytest.raises(InputError, match=re.escape(message.format(file))) as told:
        load_network(f"{file}:make")
    assert "\n" not in str(told.value)


def test_a_network_that_can_not_be_followed_says_so_and_no_more(tmp_path, capfd):
    file = tmp_path / "loud.py"
    file.write_text(
        "from torch import nn\n"
        "def make():\n    return nn.Sequential(nn.Linear(10, 4), nn.ReLU(), nn.Linear(4, 4))\n"
    )
    with pytest.raises(InputError, match="can't be run on pictures"):
        load_network(f"{file}:make")
    assert capfd.readouterr() == ("", "")


def test_damaged_and_misfitting_programs_are_refused(tmp_path):
    broken = tmp_path / "broken.pt2"
    broken.write_bytes(b"PK\x03\x04 not a program")
    with pytest.raises(InputError, match=r"is not a program that torch\.export\.save wrote"):
        load_network(str(broken))
    torch.export.save(
        torch.export.export(nn.Linear(4, 2), (torch.zeros(3, 4),)), tmp_path / "l.pt2"
    )
    with pytest.raises(InputError, match="one batch of pictures"):
        load_network(str(tmp_path / "l.pt2"))


def test_preprocessing_is_stated_and_does_what_it_says():
    see = Preprocessing(
        4, "whole", 255.0, torch.tensor([10.0, 20.0, 30.0]), torch.tensor([1.0, 2.0, 5.0])
    )
    picture = np.full((8, 16, 3), 110, np.uint8)
    picture[:, :4] = 210
    given = see.to_input(np.stack([see.shorten(picture)]))
    assert given.shape == (1, 3, 4, 4)
    np.testing.assert_allclose(given[0, :, 0, 3], [100, 45, 16])
    np.testing.assert_allclose(given[0, :, 0, 0], [186, 88, 33.2], atol=1)
    assert see.words() == (
        "whole picture, squeezed to 4 × 4, RGB 0–255 − 10/20/30, divided by 1/2/5"
    )


def test_efficientnet_is_a_network_as_any_other(pictures):
    found = load_network("efficientnet-lite0", "untrained")
    assert found.layers[0] == "stem"
    assert found.layers[-1] == "head"
    assert found.units("head") == 1280
    assert len(found.layers) == 1 + 2 + 15 * 3 + 1
    assert set(KNOWN) == {"efficientnet-lite0", "emonet"}
