"""What each modality gives a model of several: a row of features a recording."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affectome.errors import InputError

Array = NDArray[np.float64]
Describe = Callable[[str, Path], Array | None]
COLUMNS = {
    "words": ("text", "words"),
    "voice": ("voice", "sound"),
    "face": ("face",),
    "body": ("body",),
}
"""Modality → columns of a table that hold it: texts, or names of files."""


def columns_of(table: object) -> dict[str, str]:
    """Modality → its column, for those that a table has.

    Raises
    ------
    InputError
        If it has fewer than two.
    """
    found = {m: name for m, names in COLUMNS.items() for name in names if name in table}  # type: ignore[operator]
    if len(found) < 2:
        wanted = ", ".join(names[0] for names in COLUMNS.values())
        raise InputError(f"the table needs two or more of the columns {wanted}")
    return found


def cell_of(value: object) -> str | None:
    """Give what stands in a cell; None where nothing does."""
    missing = value is None or value != value  # noqa: PLR0124  NaN is not itself
    return None if missing or not str(value).strip() else str(value)


def describer(modality: str) -> Describe:
    """Give what describes a cell of a modality's column; None where nothing can be read in it."""
    return _MAKERS[modality]()


def _words() -> Describe:
    from affectome.people.words.features import WordsFeatures  # noqa: PLC0415

    features = WordsFeatures()
    return lambda text, folder: np.asarray(features.transform([text])[0], dtype=float)


def _voice() -> Describe:
    from affectome.people.voice.model import features_of, shipped_listener  # noqa: PLC0415
    from affectome.people.voice.training import speech_of  # noqa: PLC0415

    listener = shipped_listener()

    def heard(name: str, folder: Path) -> Array | None:
        window = speech_of(folder / name)
        return None if window is None else features_of([window.levelled()], listener)[0]

    return heard


def _face() -> Describe:
    from affectome.people.face.model import SHIPPED, load_network  # noqa: PLC0415
    from affectome.people.face.training import described  # noqa: PLC0415

    network = load_network(SHIPPED)
    return lambda name, folder: described(folder / name, network)


def _body() -> Describe:
    from affectome.people.body.training import described  # noqa: PLC0415

    def moved(name: str, folder: Path) -> Array | None:
        row = described(folder / name)
        return None if row is None else np.nan_to_num(row)

    return moved


_MAKERS: dict[str, Callable[[], Describe]] = {
    "words": _words,
    "voice": _voice,
    "face": _face,
    "body": _body,
}
