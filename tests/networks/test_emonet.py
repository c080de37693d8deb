import bz2
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy.io import savemat
from torch.nn import functional

from affectome.errors import InputError
from affectome.networks import activations, load_network
from affectome.networks import emonet as room
from affectome.networks.emonet import EMOTIONS, EmoNet, emonet_preprocessing, emonet_state
from affectome.networks.onnx_export import export_onnx
from affectome.networks.own import load_emonet

# Kragel et al. (2019): the two-tower AlexNet with 20 outputs.
PUBLISHED = {
    "conv1": (96, 3, 11, 11),
    "conv2": (256, 48, 5, 5),
    "conv3": (384, 256, 3, 3),
    "conv4": (384, 192, 3, 3),
    "conv5": (256, 192, 3, 3),
    "fc6": (4096, 9216),
    "fc7": (4096, 4096),
    "fc8": (20, 4096),
}


@pytest.fixture(scope="module")
def emonet():
    torch.manual_seed(0)
    return EmoNet().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def pictures():
    return (
        torch.randint(0, 255, (2, 3, 227, 227), generator=torch.Generator().manual_seed(1)) - 110.0
    )


def as_laboratory(state):
    names = [*(f"conv_{k}.0" for k in range(7)), "classifier.0"]
    shapes = {"fc6": (4096, 256, 6, 6), "fc7": (4096, 4096, 1, 1), "fc8": (20, 4096, 1, 1)}
    given = {}
    for ours, theirs in zip(PUBLISHED, names, strict=True):
        weight = state[f"{ours}.weight"]
        given[f"{theirs}.weight"] = weight.reshape(shapes.get(ours, weight.shape)).contiguous()
        given[f"{theirs}.bias"] = state[f"{ours}.bias"]
    return given


def matlab_columns(weight):
    """fc6 with its columns as MATLAB's flattening orders maps: height first, then width."""
    return weight.reshape(-1, 256, 6, 6).transpose(2, 3).reshape(weight.shape)


def as_matlab(state, grouped=True):
    variables = {}
    for layer in PUBLISHED:
        weight = state[f"{layer}.weight"].numpy()
        if weight.ndim == 4:
            laid = weight.transpose(2, 3, 1, 0)
            if grouped and layer in {"conv2", "conv4", "conv5"}:
                half = laid.shape[3] // 2
                laid = np.stack([laid[..., :half], laid[..., half:]], axis=4)
        else:
            laid = matlab_columns(state[f"{layer}.weight"]).numpy() if layer == "fc6" else weight
        variables[f"{layer}_weights"] = laid
        variables[f"{layer}_bias"] = state[f"{layer}.bias"].numpy()[:, None]
    return variables


def test_the_published_definition():
    shapes = {n.removesuffix(".weight"): tuple(v.shape) for n, v in EmoNet().state_dict().items()}
    assert {n: s for n, s in shapes.items() if not n.endswith("bias")} == PUBLISHED
    assert len(EMOTIONS) == 20
    assert EMOTIONS[0] == "Adoration"
    assert EMOTIONS[9] == "Empathic Pain"
    assert EMOTIONS[-1] == "Surprise"
    assert list(EMOTIONS) == sorted(EMOTIONS)


def test_forward_against_plain_functions(emonet, pictures):
    def normalise(x):
        padded = functional.pad((x**2).unsqueeze(1), (0, 0, 0, 0, 2, 2)).squeeze(1)
        total = sum(padded[:, k : k + x.shape[1]] for k in range(5))
        return x / (1 + 1e-4 / 5 * total) ** 0.75

    def tower(x, layer, padding):
        w, b = layer.weight.chunk(2), layer.bias.chunk(2)
        parts = x.chunk(2, dim=1)
        return torch.cat(
            [functional.conv2d(p, w[k], b[k], padding=padding) for k, p in enumerate(parts)], dim=1
        )

    x = functional.conv2d(pictures, emonet.conv1.weight, emonet.conv1.bias, stride=4)
    x = functional.max_pool2d(normalise(x.clamp(min=0)), 3, 2)
    x = functional.max_pool2d(normalise(tower(x, emonet.conv2, 2).clamp(min=0)), 3, 2)
    x = functional.conv2d(x, emonet.conv3.weight, emonet.conv3.bias, padding=1).clamp(min=0)
    x = tower(x, emonet.conv4, 1).clamp(min=0)
    x = functional.max_pool2d(tower(x, emonet.conv5, 1).clamp(min=0), 3, 2)
    x = x.reshape(len(x), -1)
    for layer in (emonet.fc6, emonet.fc7):
        x = (x @ layer.weight.T + layer.bias).clamp(min=0)
    expected = x @ emonet.fc8.weight.T + emonet.fc8.bias
    torch.testing.assert_close(emonet(pictures), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_released_pytorch_weights_give_the_same_network(emonet, pictures, tmp_path, suffix):
    file = tmp_path / f"EmoNet.{suffix}"
    given = as_laboratory(emonet.state_dict())
    save_file(given, file) if suffix == "safetensors" else torch.save(given, file)
    found, see, source = load_emonet(file)
    torch.testing.assert_close(found(pictures), emonet(pictures))
    assert source == f"file EmoNet.{suffix}"
    assert see.words().startswith(
        "whole picture, squeezed to 227 × 227, RGB 0–255 − 122.7/116.7/104"
    )


def test_numbered_weights_keep_matlabs_order_of_the_last_maps(emonet, pictures):
    state = emonet.state_dict()
    names = [*list(PUBLISHED)[:5], "fc1", "fc2", "fc3"]
    given = {
        f"{theirs}.{part}": state[f"{ours}.{part}"]
        for ours, theirs in zip(PUBLISHED, names, strict=True)
        for part in ("weight", "bias")
    }
    given["fc1.weight"] = matlab_columns(given["fc1.weight"])
    found = EmoNet().eval()
    found.load_state_dict(emonet_state(given, "there"))
    torch.testing.assert_close(found(pictures), emonet(pictures))


@pytest.mark.parametrize("grouped", [True, False])
def test_matlab_weights_and_their_mean_picture(emonet, pictures, tmp_path, grouped):
    mean = np.random.default_rng(0).uniform(90, 130, (227, 227, 3))
    savemat(tmp_path / "emonet.mat", as_matlab(emonet.state_dict(), grouped) | {"mean": mean})
    found, see, _ = load_emonet(tmp_path / "emonet.mat")
    torch.testing.assert_close(found(pictures), emonet(pictures), atol=1e-5, rtol=1e-5)
    given = see.to_input(np.full((1, 227, 227, 3), 200, np.uint8))
    np.testing.assert_allclose(given[0, :, 3, 5], 200 - mean[3, 5], atol=1e-4)


@pytest.mark.slow
def test_a_folder_of_matlabs_text_files(emonet, tmp_path, monkeypatch):
    # fc6 and fc7 hold 54 million numbers, which as text take minutes: here they are small
    state = dict(emonet.state_dict())
    small = {"fc6": (8, 9216), "fc7": (8, 8), "fc8": (20, 8)}
    monkeypatch.setattr(room, "MATLAB_SHAPES", room.MATLAB_SHAPES | small)
    for layer, (rows, columns) in small.items():
        state[f"{layer}.weight"] = state[f"{layer}.weight"][:rows, :columns]
        state[f"{layer}.bias"] = state[f"{layer}.bias"][:rows]
    for name, values in as_matlab(state, grouped=False).items():
        laid = values.reshape(len(values), -1, order="F")
        text = "\n".join(",".join(f"{v:.6g}" for v in row) for row in laid)
        (tmp_path / f"{name.replace('_', '.')}.txt.bz2").write_bytes(bz2.compress(text.encode(), 1))
    found = room.read_matlab(tmp_path)
    for name, values in state.items():
        torch.testing.assert_close(found[name], values, atol=1e-5, rtol=1e-4)


def test_emonet_is_read_as_any_network(emonet, tmp_path):
    save_file(emonet.state_dict(), tmp_path / "emonet.safetensors")
    network = load_network("emonet", tmp_path / "emonet.safetensors")
    assert network.layers == ("conv1", "conv2", "conv3", "conv4", "conv5")
    picture = np.random.default_rng(0).integers(0, 255, (250, 300, 3), dtype=np.uint8)
    found = activations(network, [picture]).recording
    x = network.preprocessing.to_input(network.preprocessing.shorten(picture)[None].copy())
    expected = torch.relu(emonet.conv1(x)).mean((2, 3))[0]
    np.testing.assert_allclose(found.values[0, :96], expected, rtol=1e-4)
    raw = load_network(
        "emonet", tmp_path / "emonet.safetensors", preprocessing="mean=0/0/0", layers=["fc8"]
    )
    x = raw.preprocessing.to_input(raw.preprocessing.shorten(picture)[None].copy())
    assert float(x.min()) >= 0
    given = activations(raw, [picture]).recording
    assert given.sizes["unit"] == 20
    np.testing.assert_allclose(given.values[0], emonet(x)[0], rtol=1e-3, atol=1e-4)


class Malicious:
    def __reduce__(self):
        return (exec, ("raise SystemExit('weights ran code')",))


def test_truncated_other_and_code_carrying_files_are_refused(emonet, tmp_path):
    whole = tmp_path / "whole.pth"
    torch.save(emonet.state_dict(), whole)
    cut = tmp_path / "cut.pth"
    cut.write_bytes(whole.read_bytes()[:100_000])
    code = tmp_path / "code.pth"
    torch.save({"fc8.weight": Malicious()}, code)
    plain = tmp_path / "plain.pth"
    plain.write_bytes(pickle.dumps(Malicious()))
    mat = tmp_path / "cut.mat"
    mat.write_bytes(b"MATLAB 5.0 MAT-file" + bytes(200))
    for file in (cut, code, plain):
        with pytest.raises(InputError, match="torch state dict of tensors only") as told:
            load_emonet(file)
        assert "\n" not in str(told.value)
    with pytest.raises(InputError, match=r"cut\.mat"):
        load_emonet(mat)
    with pytest.raises(InputError, match="there are no weights"):
        load_emonet(tmp_path / "gone.pth")
    state = emonet.state_dict()
    with pytest.raises(InputError, match=r"no fc8, fc3 or classifier\.0 among features\.0"):
        emonet_state({"features.0.weight": torch.zeros(1)}, "alexnet.pth")
    with pytest.raises(InputError, match=r"fc8\.weight is \(1000, 4096\), and EmoNet's fc8 has"):
        emonet_state(state | {"fc8.weight": torch.zeros(1000, 4096)}, "x.pth")
    with pytest.raises(InputError, match=r"no conv4\.bias"):
        emonet_state({n: v for n, v in state.items() if n != "conv4.bias"}, "x.pth")
    damaged = state["fc7.bias"].clone()
    damaged[3] = float("nan")
    with pytest.raises(InputError, match=r"fc7\.bias has values that are no finite numbers"):
        emonet_state(state | {"fc7.bias": damaged}, "x.safetensors")
    with pytest.raises(InputError, match=r"conv1\.bias has values that are no finite numbers"):
        emonet_state(state | {"conv1.bias": torch.zeros(96, dtype=torch.int64)}, "x.safetensors")
    with pytest.raises(InputError, match="mean picture of EmoNet's weights has values"):
        emonet_preprocessing({"mean": torch.full((3,), float("inf"))})
    savemat(tmp_path / "half.mat", {"conv1_weights": np.zeros((11, 11, 3, 96))})
    with pytest.raises(InputError, match="no conv1 weights and bias"):
        load_emonet(tmp_path / "half.mat")


def test_downloads_need_a_hash():
    with pytest.raises(InputError, match="ADDRESS#sha256=HASH"):
        load_emonet("https://example.org/emonet.pth")


def test_without_weights_it_says_where_they_go(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(InputError, match="EmoNet's weights are not shipped"):
        load_network("emonet")


@pytest.mark.slow
def test_onnx_parity(emonet, pictures, tmp_path):
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    file = export_onnx(emonet, 227, tmp_path / "emonet.onnx")
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    for batch in (pictures, pictures[:1]):
        found = session.run(None, {name: batch.numpy()})[0]
        np.testing.assert_allclose(found, emonet(batch), rtol=1e-3, atol=1e-4)
