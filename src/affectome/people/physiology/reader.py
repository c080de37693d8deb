"""Reading body signals, with a model of the user's own, against the person's usual ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from affectome.data.readers.physiology import read_physiology
from affectome.errors import InputError
from affectome.features.physiology import FEATURES, by_person, physiology_features
from affectome.people.cards import load_card
from affectome.people.deciding import decided
from affectome.people.physiology.training import NAMES, described
from affectome.people.reading import Reading
from affectome.people.voice.model import Array, load_head, probabilities

FEWEST_BASELINE = 5


class PhysiologyReader:
    """Read recordings of body signals.

    Parameters
    ----------
    folder
        Folder of a model that ``affectome train physiology`` made.
    """

    def __init__(self, folder: Path) -> None:
        self.card = load_card(folder)
        self._head = load_head(folder)[0]
        self._labels = list(self.card.labels)
        self._rows = [NAMES.index(name) for name in self.card.settings["features"]]
        self._usual: Array | None = None

    def with_baseline(self, files: Sequence[Path]) -> PhysiologyReader:
        """Give a reader for the person of these recordings, which need no labels.

        Raises
        ------
        InputError
            If fewer than five of them could be measured.
        """
        rows = [row for file in files if (row := described(file)) is not None]
        if len(rows) < FEWEST_BASELINE:
            raise InputError(
                f"a baseline needs {FEWEST_BASELINE} recordings of the same person that can be "
                f"measured; there are {len(rows)}"
            )
        other = object.__new__(PhysiologyReader)
        other.__dict__ |= self.__dict__ | {"_usual": np.array(rows)}
        return other

    def read_file(self, file: Path, person: str | None = None) -> Iterator[Reading]:
        """Read one recording: a file, or a folder of an E4.

        Raises
        ------
        InputError
            If it can't be read, or there is no baseline of the person.
        """
        if self._usual is None:
            raise InputError(
                "body signals are read against the person's own: give five other recordings of "
                "the same person, --baseline FILE each"
            )
        found = physiology_features(read_physiology(file), tuple(FEATURES))
        about: dict[str, Any] = {
            "file": str(file),
            "person": person,
            "model": self.card.name,
            "licence": self.card.licence,
            "notes": found.notes,
            "quality": {f"contact_{kind}": share for kind, share in found.contact.items()},
        }
        if not found.measured:
            yield Reading("physiology", abstains=True, because="nothing could be measured", **about)
            return
        row = np.array([found.features[name] for name in NAMES])
        table = np.vstack([self._usual, row])
        x = by_person(table, np.zeros(len(table)))[-1:, self._rows]
        settings = self.card.settings
        p = probabilities(self._head.logits(x), settings["temperature"])[0]
        yield decided("physiology", self._labels, p, settings["least"], settings["level"], **about)


def reader(model: str | None = None) -> PhysiologyReader:
    """Give the reader of a model of the user's own.

    Raises
    ------
    InputError
        If none is named: none is shipped.
    """
    if model is None:
        raise InputError(
            "no model of body signals is shipped, for none beat its baselines on people it had not "
            "seen; make one: affectome train physiology TABLE, then --model FOLDER"
        )
    return PhysiologyReader(Path(model))
