"""What two small object networks see in a picture, as one row of numbers.

EfficientNet-lite0 and -lite2 (Apache-2.0), trained on ImageNet's objects only, stored as 8-bit
integers. Of each network five blocks are taken: means of a middle and of a late layer's maps, means
and maxima of the last maps, and the logits of the 1,000 object classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from affectome.data import read_picture
from affectome.errors import InputError
from affectome.networks.efficientnet import EfficientNetLite
from affectome.networks.own import LITE_INPUT
from affectome.people.cards import MODELS
from affectome.people.int8 import load_int8

SHIPPED = MODELS / "pictures"
FILE = "backbones.safetensors"
SIZES = ("lite0", "lite2")
SIDE = 192
BLOCKS = ("middle", "late", "mean", "max", "objects")
LAYERS = {"lite0": ("block11", "block15"), "lite2": ("block15", "block20")}
FLAT = 1.0
"""Standard deviation of all pixels, of 255, below which a picture shows nothing."""

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Column:
    """Where a block of one network lies in a row of features."""

    network: str
    block: str
    start: int
    stop: int


class Backbone:
    """Both networks, ready to look.

    Parameters
    ----------
    file
        Their weights, as `affectome.people.int8` keeps them; names start with ``lite0.`` and
        ``lite2.``. By default the shipped ones.
    dtype
        ``torch.bfloat16`` is two to three times as fast where the processor has it.
    random_state
        Draws untrained weights in their place, for controls.
    """

    def __init__(
        self,
        file: Path | None = None,
        dtype: torch.dtype = torch.float32,
        random_state: int | None = None,
    ) -> None:
        self.dtype = dtype
        weights = load_int8(file or SHIPPED / FILE) if random_state is None else None
        self.networks: dict[str, EfficientNetLite] = {}
        for size in SIZES:
            network = EfficientNetLite(size)
            if weights is None:
                _draw(network, int(random_state or 0))
            else:
                try:
                    own = {
                        name.removeprefix(f"{size}."): values
                        for name, values in weights.items()
                        if name.startswith(f"{size}.")
                    }
                    network.load_state_dict(own)
                except RuntimeError as error:
                    raise InputError(
                        f"{file} does not hold the networks of pictures: "
                        f"{' '.join(str(error).split())[:120]}"
                    ) from error
            network.eval().requires_grad_(False)
            self.networks[size] = network.to(dtype, memory_format=torch.channels_last)

    side = SIDE

    def shorten(self, file: str | Path) -> NDArray[np.uint8]:
        """Read a picture as it looks at it; see `shorten`."""
        return shorten(file)

    def features(self, pixels: NDArray[np.uint8]) -> Array:
        """Look at pictures.

        Parameters
        ----------
        pixels
            Shape (n, 192, 192, 3), from `shorten`.

        Returns
        -------
        ndarray
            Shape (n, n_features), float32; `columns()` says what is where.
        """
        pictures = LITE_INPUT.to_input(pixels, self.dtype)
        parts: list[torch.Tensor] = []
        with torch.inference_mode():
            for size, network in self.networks.items():
                middle, late, head = network.maps(pictures, LAYERS[size]).values()
                mean = head.mean((2, 3))
                parts += [middle.mean((2, 3)), late.mean((2, 3)), mean, head.amax((2, 3))]
                parts.append(network.objects(mean))
        return torch.cat([part.float() for part in parts], dim=1).numpy()


def objects_of(features: Array) -> Array:
    """Probabilities of the 1,000 object classes, shape (n, 1000), from both networks' mean logits.

    Parameters
    ----------
    features
        From `Backbone.features`.
    """
    logits = np.mean([features[:, c.start : c.stop] for c in columns() if c.block == "objects"], 0)
    scaled = np.exp(logits - logits.max(axis=1, keepdims=True))
    return scaled / scaled.sum(axis=1, keepdims=True)


def columns() -> tuple[Column, ...]:
    """Say what each part of a row of features is."""
    widths = {
        "lite0": (112, 192, 1280, 1280, 1000),
        "lite2": (120, 208, 1280, 1280, 1000),
    }
    found: list[Column] = []
    start = 0
    for size in SIZES:
        for block, width in zip(BLOCKS, widths[size], strict=True):
            found.append(Column(size, block, start, start + width))
            start += width
    return tuple(found)


def shorten(file: str | Path) -> NDArray[np.uint8]:
    """Read a picture and squeeze all of it to 192 × 192.

    Raises
    ------
    InputError
        If it can't be read.
    """
    see = LITE_INPUT.with_side(SIDE)
    return see.shorten(read_picture(file, at_least=2 * SIDE))


def is_flat(pixels: NDArray[np.uint8]) -> bool:
    """Whether a picture is one colour from side to side."""
    return bool(pixels.reshape(-1, 3).std(axis=0).max() < FLAT)


def features_of(backbone: Backbone, pictures: Sequence[NDArray[np.uint8]]) -> Array:
    """Look at shortened pictures, some at a time; shape (n, n_features)."""
    batches = [np.stack(pictures[i : i + 16]) for i in range(0, len(pictures), 16)]
    return np.concatenate([backbone.features(batch) for batch in batches])


def _draw(network: EfficientNetLite, random_state: int) -> None:
    """He-normal weights; maps that no ReLU follows keep their variance as they are."""
    generator = torch.Generator().manual_seed(random_state)
    with torch.no_grad():
        for name, values in network.named_parameters():
            if values.ndim > 1:
                plain = "project" in name or "objects" in name
                kind = "linear" if plain else "relu"
                torch.nn.init.kaiming_normal_(values, nonlinearity=kind, generator=generator)
            else:
                values.zero_()
