r"""EmoNet: twenty emotions of a picture (Kragel, Reddan, LaBar & Wager 2019, Science Advances).

The network of that paper, not LAION's model of faces that carries the same name since 2025. It is
the two-tower AlexNet of 2012 (grouped convolutions, local response normalisation), whose last layer
was trained anew on frames of 2,185 videos. Its weights are not shipped. They are read from

- the state dict of the paper's laboratory (``conv_0.0.weight`` … ``classifier.0.weight``, in which
  the upper layers are convolutions of one place),
- state dicts with the names ``conv1`` … ``conv5`` and ``fc1`` … ``fc3`` or ``fc6`` … ``fc8``,
- MATLAB: a ``.mat`` file or a folder of text files (``writematrix``, also ``.bz2``) with
  ``conv1.weights`` and ``conv1.bias`` … ``fc3.bias``.

**Which input.** MATLAB's network subtracts a mean picture from RGB 0–255 in its first layer. Public
ports disagree: one subtracts that picture, one feeds raw pixels. Here the mean picture is used
where the weights bring it (``mean``), else the mean colour of the same pictures;
``top=255,mean=0/0/0`` gives raw pixels. All take the whole picture, squeezed to 227 × 227.
"""

from __future__ import annotations

import bz2
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from affectome.errors import InputError
from affectome.networks.preprocessing import Preprocessing

EMOTIONS = (
    *("Adoration", "Aesthetic Appreciation", "Amusement", "Anxiety", "Awe", "Boredom"),
    *("Confusion", "Craving", "Disgust", "Empathic Pain", "Entrancement", "Excitement", "Fear"),
    *("Horror", "Interest", "Joy", "Romance", "Sadness", "Sexual Desire", "Surprise"),
)
SIDE = 227
MEAN_COLOUR = (122.6789, 116.6688, 104.0070)
LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")
LABORATORY = (*(f"conv_{k}.0" for k in range(7)), "classifier.0")
NUMBERED = (*LAYERS[:5], "fc1", "fc2", "fc3")
# (height, width, inputs, filters) as MATLAB lays a convolution out
MATLAB_SHAPES = {
    "conv1": (11, 11, 3, 96),
    "conv2": (5, 5, 48, 256),
    "conv3": (3, 3, 256, 384),
    "conv4": (3, 3, 192, 384),
    "conv5": (3, 3, 192, 256),
    "fc6": (4096, 9216),
    "fc7": (4096, 4096),
    "fc8": (20, 4096),
}


class EmoNet(nn.Module):
    """The network: five convolutions and three linear layers; 20 logits in the order `EMOTIONS`."""

    def __init__(self) -> None:
        super().__init__()
        normalise = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0)
        self.conv1 = nn.Conv2d(3, 96, 11, stride=4)
        self.conv2 = nn.Conv2d(96, 256, 5, padding=2, groups=2)
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1)
        self.conv4 = nn.Conv2d(384, 384, 3, padding=1, groups=2)
        self.conv5 = nn.Conv2d(384, 256, 3, padding=1, groups=2)
        self.pool = nn.MaxPool2d(3, 2)
        self.normalise = normalise
        self.fc6 = nn.Linear(9216, 4096)
        self.fc7 = nn.Linear(4096, 4096)
        self.fc8 = nn.Linear(4096, len(EMOTIONS))

    def forward(self, pictures: Tensor) -> Tensor:
        """Give the logits of the twenty emotions; their softmax are the network's probabilities.

        Parameters
        ----------
        pictures
            Shape (n, 3, 227, 227), see the module.

        Returns
        -------
        torch.Tensor
            Shape (n, 20).
        """
        maps = self.pool(self.normalise(torch.relu(self.conv1(pictures))))
        maps = self.pool(self.normalise(torch.relu(self.conv2(maps))))
        maps = torch.relu(self.conv4(torch.relu(self.conv3(maps))))
        vectors = self.pool(torch.relu(self.conv5(maps))).flatten(1)
        return self.fc8(torch.relu(self.fc7(torch.relu(self.fc6(vectors)))))


def emonet_state(given: Mapping[str, Any], where: str) -> OrderedDict[str, Tensor]:
    """Turn a published state dict into ours.

    Parameters
    ----------
    given
        Names → tensors, in one of the forms that the module names.
    where
        The file, for the message.

    Raises
    ------
    InputError
        If a layer is missing or of another shape: the weights are another network's.
    """
    forms = (LAYERS, NUMBERED, LABORATORY)
    names = next((form for form in forms if f"{form[-1]}.weight" in given), None)
    if names is None:
        raise InputError(
            f"{where} does not hold EmoNet's weights: no fc8, fc3 or classifier.0 among "
            f"{', '.join(list(map(str, given))[:4]) or 'nothing'} …"
        )
    wanted = {name: values.shape for name, values in EmoNet().state_dict().items()}
    state: OrderedDict[str, Tensor] = OrderedDict()
    for ours, theirs in zip(LAYERS, names, strict=True):
        for part in ("weight", "bias"):
            values = given.get(f"{theirs}.{part}")
            if not isinstance(values, Tensor):
                raise InputError(f"{where} does not hold EmoNet's weights: no {theirs}.{part}")
            shape = wanted[f"{ours}.{part}"]
            # The laboratory's upper layers are convolutions over the whole map.
            flat = values.flatten(1) if ours.startswith("fc") and part == "weight" else values
            if flat.shape != shape:
                raise InputError(
                    f"{where} holds another network's weights: {theirs}.{part} is "
                    f"{tuple(values.shape)}, and EmoNet's {ours} has {tuple(shape)}"
                )
            if not flat.is_floating_point() or not flat.isfinite().all():
                raise InputError(
                    f"{where} does not hold EmoNet's weights: {theirs}.{part} has values that are "
                    "no finite numbers"
                )
            state[f"{ours}.{part}"] = flat.to(torch.float32)
    if names is NUMBERED:
        # That port keeps MATLAB's order of the last maps: channel, width, height.
        state["fc6.weight"] = _from_matlab_order(state["fc6.weight"])
    return state


def emonet_preprocessing(given: Mapping[str, Any] | None = None) -> Preprocessing:
    """State the input: the mean picture where the weights bring it, else the mean colour.

    Raises
    ------
    InputError
        If the mean picture is of another size, or has values that are no numbers.
    """
    mean = torch.tensor(MEAN_COLOUR)
    if given is not None and isinstance(given.get("mean"), Tensor):
        mean = given["mean"].to(torch.float32)
        if not mean.isfinite().all():
            raise InputError("the mean picture of EmoNet's weights has values that are no numbers")
    return Preprocessing(SIDE, "whole", 255.0, mean, torch.ones(3))


def read_matlab(path: Path) -> dict[str, Tensor]:
    """Read weights that MATLAB wrote, with our names.

    Parameters
    ----------
    path
        ``.mat`` with the variables ``conv1_weights``, ``conv1_bias`` … ``fc8_bias`` (or ``fc1`` …
        ``fc3``) and perhaps ``mean``; or a folder of text files ``conv1.weights.txt`` … In MATLAB::

            w = struct(); n = {'conv1','conv2','conv3','conv4','conv5','fc6','fc7','fc8'};
            L = net.Layers; k = find(arrayfun(@(l) isprop(l,'Weights'), L));
            for i = 1:8, w.([n{i} '_weights']) = L(k(i)).Weights; w.([n{i} '_bias']) = L(k(i)).Bias;
            end; w.mean = L(1).AverageImage; save('emonet.mat', '-struct', 'w', '-v7')

    Raises
    ------
    InputError
        If a part is missing, no array, or of another shape.
    """
    parts = _of_folder(path) if path.is_dir() else _of_mat(path)
    found: dict[str, Tensor] = {}
    for layer, other in zip(LAYERS, NUMBERED, strict=True):
        weights, bias = (
            next((parts[n] for n in (f"{layer}.{p}", f"{other}.{p}") if n in parts), None)
            for p in ("weights", "bias")
        )
        if weights is None or bias is None:
            raise InputError(f"{path} does not hold EmoNet's weights: no {layer} weights and bias")
        found[f"{layer}.weight"] = _laid_out(weights, layer, path)
        found[f"{layer}.bias"] = torch.from_numpy(bias.astype(np.float32).ravel())
    if "mean" in parts:
        found["mean"] = torch.from_numpy(parts["mean"].astype(np.float32))
    return found


def _laid_out(weights: np.ndarray, layer: str, path: Path) -> Tensor:
    shape = MATLAB_SHAPES[layer]
    values = weights.astype(np.float32)
    if values.ndim == 5:  # one group behind the other
        values = np.concatenate(np.moveaxis(values, 4, 0), axis=3)
    if values.ndim == 2 and len(shape) == 4 and values.size == np.prod(shape):
        # writematrix lays all but the first dimension side by side, in MATLAB's order
        values = values.reshape(shape, order="F")
    if values.shape != shape:
        raise InputError(
            f"{path} holds another network's weights: {layer} is {weights.shape}, and EmoNet's has "
            f"{shape}"
        )
    if len(shape) == 4:
        return torch.from_numpy(np.ascontiguousarray(values.transpose(3, 2, 0, 1)))
    tensor = torch.from_numpy(values)
    return _from_matlab_order(tensor) if layer == "fc6" else tensor


def _from_matlab_order(weights: Tensor) -> Tensor:
    """Reorder the columns of fc6 from (channel, width, height) to (channel, height, width)."""
    return weights.reshape(-1, 256, 6, 6).transpose(2, 3).reshape(weights.shape).contiguous()


def _of_mat(path: Path) -> dict[str, np.ndarray]:
    from scipy.io import loadmat  # noqa: PLC0415  only who brings MATLAB's weights needs it

    try:
        content = loadmat(path)
    except Exception as error:  # a damaged file makes the reader raise whatever it stumbles over
        raise InputError(
            f"can't read {path} as a .mat file ({type(error).__name__}); save it with -v7"
        ) from error
    arrays = {
        n: v for n, v in content.items() if isinstance(v, np.ndarray) and v.dtype.kind in "fiu"
    }
    return {name.lower().replace("_", ".", 1): values for name, values in arrays.items()}


def _of_folder(path: Path) -> dict[str, np.ndarray]:
    found = {}
    for file in sorted(path.iterdir()):
        name = file.name.lower().removesuffix(".bz2").removesuffix(".txt")
        if file.name.lower().endswith((".txt", ".txt.bz2")):
            try:
                packed = file.read_bytes()
                text = bz2.decompress(packed) if file.suffix == ".bz2" else packed
                lines = text.decode("ascii").splitlines()
                found[name] = np.loadtxt(lines, delimiter=",", ndmin=2)
            except (OSError, ValueError, EOFError) as error:
                raise InputError(f"can't read {file} as a table of numbers: {error}") from error
    if "img_mean" in found:
        found["mean"] = found.pop("img_mean").reshape(SIDE, 3, SIDE).transpose(0, 2, 1)
    return found
