"""Reading bodies: movement over time, and an emotion only by a model of the user's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectome.features.body import FEATURES
from affectome.people.body.movement import Stretch, stretches
from affectome.people.cards import load_card
from affectome.people.deciding import decided
from affectome.people.reading import Reading
from affectome.people.voice.model import load_head, probabilities

NOTE = "movement goes along with arousal and names no emotion by itself"


class BodyReader:
    """Read how bodies move in films and pose tables.

    Parameters
    ----------
    folder
        Folder of a model that ``affectome train body`` made; without, movement alone is given.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._card = None if folder is None else load_card(folder)
        self._head = None if folder is None else load_head(folder)[0]

    def read_file(self, file: Path, person: str | None = None) -> Iterator[Reading]:
        """Read one recording: a reading a body, with parts of five seconds each.

        Raises
        ------
        InputError
            If it can't be read.
        """
        notes: list[str] = []
        bodies: dict[int, list[Stretch]] = {}
        most = [0]
        for one in stretches(file, notes, None if person is None else partial(_count, most)):
            bodies.setdefault(one.body, []).append(one)
        about: dict[str, Any] = {"file": str(file), "person": person}
        if not bodies:
            yield Reading("body", abstains=True, because="it has fewer than three frames", **about)
        elif person is not None and max(most[0], len(bodies)) > 1:
            # Who is who is never inferred, so nobody is read beside the one who is named.
            why = "several people are there, and it is not known which is the one who is named"
            yield Reading("body", abstains=True, because=why, **about)
        else:
            for number, parts in bodies.items():
                yield self._whole(number, parts, notes, about)

    def _whole(
        self, number: int, found: Sequence[Stretch], notes: Sequence[str], about: dict[str, Any]
    ) -> Reading:
        parts = tuple(_part(one) for one in found)
        row = mean_features(found)
        ends: dict[str, Any] = {"start_s": found[0].start_s, "end_s": found[-1].end_s}
        every = about | ends | {"parts": parts, "notes": tuple(notes)}
        if row is None:
            return Reading("body", abstains=True, because=found[0].because, **every)
        measured = {k: float(v) for k, v in zip(FEATURES, row, strict=True) if np.isfinite(v)}
        every["quality"] = measured | ({"track": float(number)} if number else {})
        if self._card is None or self._head is None:
            return Reading("body", **(every | {"notes": (*notes, NOTE)}))
        settings = self._card.settings
        x = np.where(np.isfinite(row), row, settings["middle"])[None]
        p = probabilities(self._head.logits(x), settings["temperature"])[0]
        every |= {"model": self._card.name, "licence": self._card.licence}
        labels = list(self._card.labels)
        return decided("body", labels, p, settings["least"], settings["level"], **every)


def mean_features(found: Sequence[Stretch]) -> NDArray[np.float64] | None:
    """Mean of what was measured, shape (n_features,); None where nothing was."""
    rows = np.array([[one.features[name] for name in FEATURES] for one in found if not one.because])
    if not len(rows):
        return None
    known = np.isfinite(rows)
    total = np.where(known, rows, 0).sum(0)
    return np.where(known.any(0), total / np.maximum(known.sum(0), 1), np.nan)


def _part(one: Stretch) -> Reading:
    ends: dict[str, Any] = {"start_s": one.start_s, "end_s": one.end_s}
    if one.because:
        return Reading("body", abstains=True, because=one.because, **ends)
    measured = {name: value for name, value in one.features.items() if np.isfinite(value)}
    return Reading("body", quality=measured, **ends)


def _count(most: list[int], picture: NDArray[np.uint8]) -> None:
    """Keep the largest number of faces in a picture."""
    from affectome.people.face.detector import find_faces  # noqa: PLC0415  only where one is named

    most[0] = max(most[0], len(find_faces(picture)))


@lru_cache(maxsize=4)
def reader(model: str | None = None) -> BodyReader:
    """Give a reader of movement, or of a model of the user's own."""
    return BodyReader(None if model is None else Path(model))
