"""Two sets of pictures that share nothing, to see which units stand out again.

A picture that is in both sets, or the same face drawn twice, would let a unit that follows a shape
be selective twice. So what both sets hold is dealt: half of it stays in the one, half in the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from affectome.data import Catalog, Skipped, trial_table
from affectome.errors import InputError
from affectome.evidence import Split
from affectome.evidence.manifest import hash_file
from affectome.networks import Network
from affectome.progress import Progress
from affectome.studies.emergence.stimuli import Settings, halves, respond, with_classes
from affectome.units import Overlap, overlap, shared_stimuli

CONTENT = "picture"
ABSENT, HALVES, SECOND = "none", "halves", "second set"

Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class SecondSet:
    """Which pictures are compared with which.

    Attributes
    ----------
    kind
        ``"second set"``, ``"halves"`` of the only set, or ``"none"``.
    first, again
        Rows of the first set, and of the second (or, with halves, of the first again).
    catalog
        The second set; None where there is none.
    skipped
        Pictures of the second set that can't be used.
    note
        What is compared, or why nothing is.
    """

    kind: str
    first: Rows
    again: Rows
    catalog: Catalog | None
    skipped: tuple[Skipped, ...]
    note: str


def second_set(
    network: Network,
    recording: xr.DataArray,
    catalog2: Catalog | None,
    split: Split,
    settings: Settings,
    folder: Path | None,
    progress: Progress,
) -> SecondSet:
    """Take the second catalog, or one half of what the split holds out against the other.

    Raises
    ------
    InputError
        If the second catalog has other classes, or hardly anything that the first has not.
    """
    if catalog2 is None:
        return _two_halves(recording, split, settings.random_state)
    other = with_classes(catalog2)
    found = respond(network, other, settings.precision, progress, folder)
    names = [sorted(set(r["emotion"].values.tolist())) for r in (recording, found.recording)]
    if names[0] != names[1]:
        raise InputError(
            f"{catalog2.source} has the classes {', '.join(names[1])}, but the first set has "
            f"{', '.join(names[0])}; give both the same labels or the same --cut"
        )
    tables = [_with_content(r) for r in (recording, found.recording)]
    rows, dealt = part(tables[0], tables[1], settings.random_state)
    usable = {Path(s.file) for s in found.skipped}
    readable = [Path(f) not in usable for f in other.table["file"]]
    note = f"overlap compares {len(rows[0])} pictures with {len(rows[1])} of a second set{dealt}"
    skipped = (*other.skipped, *found.skipped)
    return SecondSet(SECOND, *rows, other.keep(np.array(readable)), skipped, note)


def overlap_of(
    network: Network,
    recording: xr.DataArray,
    second: SecondSet,
    settings: Settings,
    folder: Path | None,
    progress: Progress,
) -> Overlap | None:
    """Count the units that are among the strongest again; None where nothing is compared."""
    if second.kind == ABSENT:
        return None
    again = recording
    if second.catalog is not None:
        again = respond(network, second.catalog, settings.precision, progress, folder).recording
    return overlap(
        recording[second.first],
        again[second.again],
        "emotion",
        by="layer",
        n_permutations=settings.n_permutations,
        order="none",
        random_state=settings.random_state,
    )


def part(
    first: pd.DataFrame, second: pd.DataFrame, random_state: int
) -> tuple[tuple[Rows, Rows], str]:
    """Part two tables of pictures so that they share no stimulus, and say what was done.

    Raises
    ------
    InputError
        If a class is left with fewer than two pictures.
    """
    rows = [np.arange(len(first)), np.arange(len(second))]
    said: list[str] = []
    rng = np.random.default_rng(random_state)
    while shared := shared_stimuli(first.iloc[rows[0]], second.iloc[rows[1]], ("emotion",)):
        column = max(shared, key=lambda name: len(first) - first[name].nunique())
        values = _by_class(shared[column], column, first.iloc[rows[0]], rng)
        for side, (table, gone) in enumerate(((first, values[1::2]), (second, values[0::2]))):
            inside = table[column].astype(str).iloc[rows[side]].isin(gone).to_numpy()
            rows[side] = rows[side][~inside]
        words = "pictures" if column == CONTENT else f"values of {column}"
        said.append(f"{len(values)} {words} are in both and were dealt, half to either set")
    for table, chosen in zip((first, second), rows, strict=True):
        count = table["emotion"].iloc[chosen].value_counts()
        if len(count) < first["emotion"].nunique() or count.min() < 2:
            raise InputError(
                "the second set shares so many pictures with the first that a class is left "
                "without two of its own; give a set of other pictures"
            )
    return (rows[0], rows[1]), "".join(f"; {line}" for line in said)


def _by_class(
    values: Sequence[str], column: str, table: pd.DataFrame, rng: np.random.Generator
) -> list[str]:
    """Put values in an order that goes through the classes, those of a class in random order."""
    usual = table.groupby(table[column].astype(str))["emotion"].agg(lambda c: c.mode().iloc[0])
    lot = dict(zip(values, rng.random(len(values)), strict=True))
    return sorted(values, key=lambda value: (str(usual[value]), lot[value]))


def _with_content(recording: xr.DataArray) -> pd.DataFrame:
    """Trials with a hash of every picture's file, so that copies are known by any name."""
    table = trial_table(recording)
    return table.assign(**{CONTENT: [hash_file(file) for file in table["file"]]})


def _two_halves(recording: xr.DataArray, split: Split, random_state: int) -> SecondSet:
    trials = trial_table(recording)
    nothing = np.empty(0, np.intp)
    try:
        first, again = halves(trials, split, random_state)
        if len({trials["emotion"].iloc[rows].nunique() for rows in (first, again)}) > 1:
            raise InputError("one half lacks a class")
        if min(trials["emotion"].iloc[r].value_counts().min() for r in (first, again)) < 2:
            raise InputError("one half has a class of one picture")
    except InputError as error:
        note = f"there is no second set, and no halves to compare: {error}"
        return SecondSet(ABSENT, nothing, nothing, None, (), note)
    by = " and ".join(split.by) or "pictures, drawn at random"
    note = (
        f"there is no second set of pictures: overlap compares two halves of the {by} "
        f"({len(first)} and {len(again)} pictures)"
    )
    return SecondSet(HALVES, first, again, None, (), note)
