"""Reading pictures: the emotion that a photograph evokes in people who look at it.

This is not what a person in the picture feels or shows, and no face is looked for, so no purpose
has to be declared. Where a user has the weights of EmoNet (Kragel et al. 2019), the twenty emotions
are its own; otherwise they are a guess that says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtr, softmax

from affectome.data import read_picture
from affectome.errors import InputError
from affectome.networks.emonet import EMOTIONS
from affectome.networks.own import find_emonet, load_emonet
from affectome.people.pictures.backbone import (
    SHIPPED,
    Backbone,
    is_flat,
    objects_of,
)
from affectome.people.pictures.model import Head, load_head
from affectome.people.pictures.own_network import OwnNetwork
from affectome.people.reading import UNVALIDATED, Estimate, Reading

SURE = 0.75
PLEASANT, UNPLEASANT = "pleasant", "unpleasant"
EVOKED = "what viewers would feel, not what a person in the picture feels or shows"
NEAR_MIDDLE = "valence is too near the middle of the scale to call it pleasant or unpleasant"
FLAT = "the picture is one colour from side to side: there is nothing to read"
GUESSED = (
    f"emotions: {UNVALIDATED}, from the names of objects and what people say of videos; no picture "
    "with such labels was seen (the model's card has the only check)"
)


class PicturesReader:
    """Read pictures with the shipped model, or with one that was trained on own pictures.

    Parameters
    ----------
    folder
        Folder of a model; by default the one that is shipped.
    dtype
        Arithmetic of the networks: ``torch.float32``, or ``torch.bfloat16`` for many pictures.
    """

    def __init__(self, folder: Path | None = None, dtype: torch.dtype = torch.float32) -> None:
        self._head: Head = load_head(folder or SHIPPED)
        self.card = self._head.card
        own = self.card.settings.get("network")
        self._eyes = Backbone(dtype=dtype) if own is None else OwnNetwork.of_card(own)
        self._dimensions: dict[str, Any] = dict(self.card.settings.get("dimensions", {}))

    def read_file(self, file: Path, person: str | None = None) -> Iterator[Reading]:
        """Read one picture.

        Raises
        ------
        InputError
            If it can't be read.
        """
        reading = self.by_emonet(file, self.read_pixels([self.shorten(file)])[0])
        yield replace(reading, file=str(file), person=person)

    @property
    def emonet(self) -> Path | None:
        """EmoNet's weights, where they are at hand and this model only guesses emotions."""
        return None if self._head.categories is None else find_emonet()

    @property
    def emotions(self) -> tuple[str, ...]:
        """Emotions that are read or guessed, or the labels of a model of a user's own."""
        if self._head.categories is not None:
            return self._head.categories.names
        return tuple(self.card.labels) if self.card.settings["head"] == "labels" else ()

    def by_emonet(self, file: Path, reading: Reading) -> Reading:
        """Put EmoNet's emotions in the place of guessed ones, where its weights are at hand."""
        path = self.emonet
        if path is None or reading.abstains:
            return reading
        network, see, source = _emonet(str(path))
        pixels = see.shorten(read_picture(file, at_least=2 * see.side))
        with torch.inference_mode():
            logits = network(see.to_input(pixels[None].copy()))
        p = softmax(logits.numpy().astype(float), axis=1)[0]
        note = f"emotions: EmoNet (Kragel et al. 2019), {source}, {see.words()}"
        emotions = dict(zip(EMOTIONS, map(float, p), strict=True))
        return replace(reading, emotions=emotions, notes=(EVOKED, note))

    @property
    def side(self) -> int:
        """Pixels on either side of what is looked at."""
        return self._eyes.side

    def shorten(self, file: str | Path) -> NDArray[np.uint8]:
        """Read a picture and bring it to the size that is looked at."""
        return self._eyes.shorten(file)

    def read_pixels(self, pictures: Sequence[NDArray[np.uint8]]) -> list[Reading]:
        """Read shortened pictures, shape (side, side, 3) each."""
        features = self._eyes.features(np.stack(pictures))
        outputs = self._head.outputs(features)
        about: dict[str, Any] = {"model": self.card.name, "licence": self.card.licence}
        found = (
            self._rated(features, outputs)
            if self.card.settings["head"] == "values"
            else self._labelled(outputs)
        )
        return [
            Reading("pictures", abstains=True, because=FLAT, **about)
            if is_flat(pixels)
            else replace(reading, **about)
            for pixels, reading in zip(pictures, found, strict=True)
        ]

    def guess(self, pictures: NDArray[np.uint8]) -> list[dict[str, float]]:
        """Guess the emotions of shortened pictures, shape (n, 192, 192, 3), whatever is in them.

        Raises
        ------
        InputError
            If the model guesses none.
        """
        features = self._eyes.features(pictures)
        emotions = self._guessed(features, self._head.outputs(features))
        if not emotions[0]:
            raise InputError(f"the model {self.card.name} guesses no emotions")
        return emotions

    def _guessed(
        self, features: NDArray[np.float32], outputs: NDArray[np.float64]
    ) -> list[dict[str, float]]:
        categories = self._head.categories
        if categories is None:
            return [{} for _ in outputs]
        spreads = [how["spread"] for how in self._dimensions.values()]
        found = categories.guess(objects_of(features), outputs, spreads)
        return [dict(zip(categories.names, map(float, row), strict=True)) for row in found]

    def _rated(self, features: NDArray[np.float32], outputs: NDArray[np.float64]) -> list[Reading]:
        return [
            self._one(dict(zip(self._dimensions, map(float, row), strict=True)), own)
            for row, own in zip(outputs, self._guessed(features, outputs), strict=True)
        ]

    def _one(self, values: dict[str, float], emotions: dict[str, float]) -> Reading:
        estimates: dict[str, Any] = {}
        quality: dict[str, float] = {}
        labels: tuple[str, ...] = ()
        notes = [EVOKED]
        for name, value in values.items():
            how = self._dimensions[name]
            low, high = how["scale"]
            bounded = float(np.clip(value, low, high))
            half = how["half"]
            interval = (max(low, bounded - half), min(high, bounded + half))
            estimates[name] = Estimate(bounded, interval)
        if "valence" in values:
            how = self._dimensions["valence"]
            off = (values["valence"] - self.card.settings["middle"]) / how["spread"]
            quality["p_pleasant"] = float(ndtr(off))
            labels = sides(quality["p_pleasant"], SURE)
            notes += [] if labels else [NEAR_MIDDLE]
        known = {n: e for n, e in estimates.items() if n in {"valence", "arousal", "dominance"}}
        return Reading(
            "pictures",
            emotions,
            labels=labels,
            quality=quality,
            notes=(*notes, *([GUESSED] if emotions else [])),
            **known,
        )

    def _labelled(self, outputs: NDArray[np.float64]) -> list[Reading]:
        level, names = self.card.settings["level"], list(self.card.labels)
        readings = []
        for row in self._head.probabilities(outputs):
            emotions = dict(zip(names, map(float, row), strict=True))
            ranked = sorted(names, key=lambda label: -emotions[label])
            within = tuple(label for label in ranked if emotions[label] >= level)
            readings.append(
                Reading(
                    "pictures",
                    emotions,
                    labels=(ranked[0],),
                    set=within or (ranked[0],),
                    notes=(EVOKED,),
                )
            )
        return readings


def sides(p_pleasant: float, sure: float) -> tuple[str, ...]:
    """Name the side of valence that reaches a probability; empty where neither does."""
    if p_pleasant >= sure:
        return (PLEASANT,)
    return (UNPLEASANT,) if 1 - p_pleasant >= sure else ()


@lru_cache(maxsize=1)
def _emonet(path: str) -> Any:
    return load_emonet(path)


@lru_cache(maxsize=4)
def reader(model: str | None = None) -> PicturesReader:
    """Give the reader of the shipped model, or of a folder that ``affectome train`` made."""
    return PicturesReader(None if model is None else Path(model))
