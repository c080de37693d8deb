"""The model of pictures: what the shipped networks see, turned into ratings and a guess."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from scipy.special import softmax

from affectome.errors import InputError
from affectome.people.cards import Card, load_card
from affectome.people.pictures.categories import Categories
from affectome.people.pictures.fitting import Fitted

HEAD = "head.safetensors"
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Head:
    """Linear maps from features to ratings or to the logits of labels.

    Attributes
    ----------
    card
        Says what the outputs are, in ``settings``.
    mean, gain
        Of the features, shape (n_features,).
    weights, bias
        Shapes (n_outputs, n_features), (n_outputs,).
    categories
        What a guess of emotions rests on; None for models of a user's own.
    """

    card: Card
    mean: Array
    gain: Array
    weights: Array
    bias: Array
    categories: Categories | None = None

    def outputs(self, features: NDArray[np.float32]) -> Array:
        """Ratings, or logits of labels, shape (n, n_outputs)."""
        return ((features - self.mean) * self.gain) @ self.weights.T + self.bias

    def probabilities(self, outputs: Array) -> Array:
        """Calibrated probabilities of labels, shape (n, n_labels)."""
        return np.asarray(softmax(outputs / self.card.settings["temperature"], axis=1))


def head_arrays(fitted: Fitted) -> dict[str, NDArray[np.float32]]:
    """Give the arrays of a head that reads ratings."""
    return {
        "mean": fitted.mean.astype(np.float32),
        "gain": fitted.gain.astype(np.float32),
        "weights": np.stack([one.weights for one in fitted.ratings]).astype(np.float32),
        "bias": np.array([one.bias for one in fitted.ratings], np.float32),
    }


def category_arrays(found: Categories) -> dict[str, NDArray[np.float32]]:
    """Give the arrays that a guess of emotions rests on."""
    return {
        f"categories.{name}": getattr(found, name).astype(np.float32)
        for name in ("of_object", "place", "often", "beside")
    }


def save_head(arrays: dict[str, NDArray[np.float32]], folder: Path) -> Path:
    """Write the arrays of a head."""
    save_file({n: np.ascontiguousarray(v) for n, v in arrays.items()}, folder / HEAD)
    return folder / HEAD


def load_head(folder: Path) -> Head:
    """Read a model's head and card.

    Raises
    ------
    InputError
        If the folder holds no model of pictures.
    """
    card = load_card(folder)
    if card.modality != "pictures":
        raise InputError(f"{folder} holds a model of {card.modality}, not of pictures")
    try:
        kept = {n: v.astype(float) for n, v in load_file(folder / HEAD).items()}
        parts = {n.partition(".")[2]: v for n, v in kept.items() if n.startswith("categories.")}
        names: Sequence[str] = card.settings.get("emotions", ())
        guess = Categories(tuple(names), **parts) if parts else None
        return Head(card, kept["mean"], kept["gain"], kept["weights"], kept["bias"], guess)
    except (OSError, SafetensorError, KeyError, TypeError) as error:
        raise InputError(
            f"{folder / HEAD} is not the head of a model of pictures: {error}"
        ) from error
