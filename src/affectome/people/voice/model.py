r"""The model of voices: what a listener hears, standardised, and one linear layer.

.. math:: p = \mathrm{softmax}((W z + b) / T), \quad z = (x - m) / s

``m`` and ``s`` are those of the training clips; or, where clips of the same person are given as a
baseline, that person's own, with weights that were trained on clips standardised so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from scipy.special import softmax

from affectome.errors import InputError
from affectome.features.voice.listening import heard
from affectome.networks.listener import Listener, load_listener
from affectome.people.cards import MODELS

Array = NDArray[np.float64]
SHIPPED = MODELS / "voice"
LISTENER, HEAD = "listener.safetensors", "head.safetensors"
PARTS = ("weights", "bias", "mean", "spread")
SMALLEST_SPREAD = 1e-6
FEWEST_BASELINE = 5


@dataclass(frozen=True, eq=False)
class LinearVoice:
    """Weights (n_labels, n_features), bias, and the mean and spread of what they are applied to."""

    weights: Array
    bias: Array
    mean: Array
    spread: Array

    def logits(self, x: Array, mean: Array | None = None, spread: Array | None = None) -> Array:
        """Logits of features (n, n_features), standardised by a person's own where given."""
        m = self.mean if mean is None else mean
        s = self.spread if spread is None else spread
        return (x - m) / s @ self.weights.T + self.bias


@dataclass(frozen=True, eq=False)
class Baseline:
    """Mean and spread of the features of a person's unlabelled clips."""

    mean: Array
    spread: Array
    n_clips: int


def baseline_of(features: Sequence[Array]) -> Baseline:
    """Gather a person's baseline.

    Raises
    ------
    InputError
        If there are fewer than 5 windows of speech: a spread can't be had from less.
    """
    if len(features) < FEWEST_BASELINE:
        raise InputError(
            f"a baseline needs {FEWEST_BASELINE} or more stretches of speech of the same person; "
            f"there are {len(features)}"
        )
    values = np.asarray(features)
    return Baseline(values.mean(0), values.std(0) + SMALLEST_SPREAD, len(values))


def features_of(sounds: Iterable[np.ndarray], listener: Listener) -> Array:
    """Describe sounds (16 kHz, one level) by what the listener hears, shape (n, 1536)."""
    return np.array([heard(sound, listener) for sound in sounds], dtype=np.float64)


def probabilities(logits: Array, temperature: float) -> Array:
    """Calibrated probabilities, shape (n, n_labels)."""
    return softmax(logits / temperature, axis=1)


def save_head(folder: Path, clip: LinearVoice, person: LinearVoice | None = None) -> None:
    """Write the linear layers as ``head.safetensors``."""
    kept = {
        f"{name}.{part}": np.ascontiguousarray(getattr(layer, part), dtype=np.float32)
        for name, layer in (("clip", clip), ("person", person))
        if layer is not None
        for part in PARTS
    }
    save_file(kept, folder / HEAD)


def load_head(folder: Path) -> tuple[LinearVoice, LinearVoice | None]:
    """Read the layers for a clip alone and, where there is one, with a person's baseline.

    Raises
    ------
    InputError
        If the file is missing or isn't one.
    """
    file = folder / HEAD
    try:
        kept = load_file(file)
        clip = LinearVoice(*(kept[f"clip.{part}"].astype(float) for part in PARTS))
        if "person.weights" not in kept:
            return clip, None
        person = LinearVoice(*(kept[f"person.{part}"].astype(float) for part in PARTS))
    except (OSError, SafetensorError, KeyError) as error:
        raise InputError(f"{file} is not the head of a model of voices: {error}") from error
    return clip, person


def shipped_listener() -> Listener:
    """Load the listener that comes with the package."""
    return load_listener(SHIPPED / LISTENER)
