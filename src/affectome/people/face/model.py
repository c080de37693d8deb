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
        stages = sorted(name for name in kept if name.endswith(".widen.weight"))
        widths = [len(kept[name]) for name in ("stem.weight", *stages)]
        network = FaceNet(len(kept["head.weight"]), widths)
        network.load_state_dict(
            {k: v.float() if v.is_floating_point() else v for k, v in kept.items()}
        )
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{file} can't be read as a network of faces: {reason}") from error
    return network.eval().to(memory_format=torch.channels_last)


def face_logits(network: FaceNet, crops: Sequence[NDArray[np.uint8]]) -> Array:
    """Logits of grey faces of 48 pixels, shape (n, n_labels)."""
    with torch.inference_mode():
        return np.asarray(network(_prepared(crops)).double().numpy())


def face_features(network: FaceNet, crops: Sequence[NDArray[np.uint8]]) -> Array:
    """What the network sees in grey faces of 48 pixels, shape (n, n_features)."""
    with torch.inference_mode():
        return np.asarray(network.features(_prepared(crops)).double().numpy())


def _prepared(crops: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
    return standardised(torch.from_numpy(evened(crops)).float()[:, None])


def evened(crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Make the histograms of grey faces even, as most of those of FER2013 are."""
    return np.stack([np.asarray(ImageOps.equalize(Image.fromarray(crop))) for crop in crops])


def probabilities(logits: Array, temperature: float) -> Array:
    """Calibrated probabilities, shape (n, k)."""
    return np.asarray(f.softmax(torch.from_numpy(logits) / temperature, 1).numpy())
