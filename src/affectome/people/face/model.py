"""The trained network on disk, in half precision, and the probabilities that it gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch.nn import functional as f

from affectome.errors import InputError
from affectome.people.face.network import FaceNet, standardised

Array = NDArray[np.float64]
SHIPPED = Path(__file__).parents[1] / "models" / "face"


def save_network(folder: Path, network: FaceNet) -> None:
    """Write the weights with sixteen bits a number."""
    kept = {k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()}
    save_file(kept, folder / "network.safetensors")


def load_network(folder: Path) -> FaceNet:
    """Read the weights of a network, as float32.

    Raises
    ------
    InputError
        If there are none, or of another network.
    """
    file = folder / "network.safetensors"
    try:
        kept = load_file(file)
        widths = _widths(kept)
        network = FaceNet(len(kept["head.weight"]), *widths)
        network.load_state_dict(
            {k: v.float() if v.is_floating_point() else v for k, v in kept.items()}
        )
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{file} can't be read as a network of faces: {reason}") from error
    return network.eval()


def face_logits(network: FaceNet, crops: Sequence[NDArray[np.uint8]]) -> Array:
    """Logits of grey faces of 48 pixels, shape (n, n_labels)."""
    with torch.inference_mode():
        return np.asarray(network(_prepared(crops)).double().numpy())


def face_features(network: FaceNet, crops: Sequence[NDArray[np.uint8]]) -> Array:
    """What the network sees in grey faces of 48 pixels, shape (n, n_features)."""
    with torch.inference_mode():
        return np.asarray(network.features(_prepared(crops)).double().numpy())


def _prepared(crops: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
    """Make the histograms even, as those of FER2013 are, and standardise."""
    even = [np.asarray(ImageOps.equalize(Image.fromarray(crop))) for crop in crops]
    return standardised(torch.from_numpy(np.stack(even)).float()[:, None])


def probabilities(logits: Array, temperature: float) -> Array:
    """Calibrated probabilities, shape (n, k)."""
    return np.asarray(f.softmax(torch.from_numpy(logits) / temperature, 1).numpy())


def _widths(kept: dict[str, torch.Tensor]) -> tuple[list[int], list[int]]:
    """Channels and blocks of each stage, read off the weights."""
    names = sorted(
        (k for k in kept if k.startswith("blocks.") and k.endswith(".first.weight")),
        key=lambda name: int(name.split(".")[1]),
    )
    out = [len(kept[name]) for name in names]
    strided = [f"{name.removesuffix('first.weight')}around.0.weight" in kept for name in names]
    widths, depths = [out[0]], [0]
    for width, new in zip(out, strided, strict=True):
        if new:
            widths.append(width)
            depths.append(0)
        depths[-1] += 1
    return widths, depths
