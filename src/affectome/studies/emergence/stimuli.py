"""The pictures of the emergence study: their classes, the network's responses, plain statistics."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from affectome.data import (
    Catalog,
    Skipped,
    cut_valence,
    make_recording,
    picture_statistics,
    read_picture,
    trial_table,
    unit_table,
)
from affectome.data.catalog import FILE_COLUMNS
from affectome.data.roles import role_of
from affectome.errors import InputError, unknown
from affectome.evidence import Split, make_split
from affectome.networks import Network, Precision, activations
from affectome.networks.store import digest
from affectome.progress import Progress
from affectome.units.manipulation import check_draws

ROLES = ("subject", "stimulus", "session")
HELD = ("group", "random")
THREADS = 4
FEWEST_PERMUTATIONS = 20
FOLDS = 10
MANY = 100


@dataclass(frozen=True)
class Settings:
    """Options that the result depends on; `affectome.studies.emergence.run` says what they mean."""

    holdout: str = "group"
    n_splits: int | None = None
    precision: str = "auto"
    n_untrained: int = 5
    n_random: int = 20
    n_manipulated: int = 24
    n_permutations: int = 1000
    random_state: int = 0

    def __post_init__(self) -> None:
        if self.holdout not in HELD:
            raise unknown("holdout", self.holdout, HELD)
        if self.n_untrained < 1:
            raise InputError(f"at least one untrained network is compared; got {self.n_untrained}")
        if self.n_manipulated < 0:
            raise InputError(
                "the number of pictures to manipulate units on is 0 or more; got "
                f"{self.n_manipulated}"
            )
        if self.n_permutations < FEWEST_PERMUTATIONS:
            raise InputError(
                f"a p below .05 takes at least {FEWEST_PERMUTATIONS} permutations; got "
                f"{self.n_permutations}"
            )
        if self.random_state < 0:
            raise InputError(f"the seed is 0 or more; got {self.random_state}")
        check_draws(self.n_random)


@dataclass(frozen=True, eq=False)
class Responses:
    """A network's responses to the readable pictures of a catalog.

    Attributes
    ----------
    recording
        Dims (trial, unit), float32: spatial mean of every filter's map.
    skipped
        Pictures that can't be read.
    precision
        Arithmetic of the pass, and why.
    """

    recording: xr.DataArray
    skipped: tuple[Skipped, ...]
    precision: Precision


def with_classes(catalog: Catalog, bounds: tuple[float, float] | None = None) -> Catalog:
    """Give the catalog with a class for every picture; without labels, thirds of valence.

    Raises
    ------
    InputError
        If there are neither labels nor valence, no files, or fewer than two classes.
    """
    if "file" not in catalog.table:
        raise InputError(
            f"{catalog.source} names no picture files; name their column with --file COL"
        )
    if "emotion" not in catalog.table:
        catalog = _cut(catalog, bounds)
    names, count = np.unique(catalog.table["emotion"].to_numpy(dtype=str), return_counts=True)
    if len(names) < 2:
        raise InputError(
            f"{catalog.source} has one class only ({names[0]}, {count[0]} pictures); at least two "
            "are compared: check the labels, or the bounds of --cut"
        )
    return catalog


def _cut(catalog: Catalog, bounds: tuple[float, float] | None) -> Catalog:
    table = catalog.table
    if "valence" not in table:
        raise InputError(
            f"{catalog.source} has neither labels nor a rating of valence to cut classes from; "
            "name one with --target COL or --rating valence=COL"
        )
    if bounds is None:
        low, high = np.nanquantile(table["valence"].to_numpy(dtype=float), [1 / 3, 2 / 3])
        if not low < high:
            raise InputError(
                f"valence in {catalog.source} has too few values for thirds; give --cut LOW,HIGH"
            )
        bounds = (float(low), float(high))
    classes = cut_valence(table, bounds, catalog.source)
    rated = classes.notna().to_numpy()
    note = (
        f"there are no labels and no --cut, so classes are thirds of valence: unpleasant below "
        f"{bounds[0]:.3g}, pleasant from {bounds[1]:.3g}"
    )
    skipped = [Skipped(str(file), "no valence in this row") for file in table["file"][~rated]]
    marked = replace(catalog, table=table.assign(emotion=classes), notes=(*catalog.notes, note))
    return marked.keep(rated, skipped)


def respond(
    network: Network,
    catalog: Catalog,
    precision: str,
    progress: Progress,
    folder: Path | None = None,
) -> Responses:
    """Run the network over the pictures of a catalog.

    Where a folder is given the responses are kept in it, so that a run that was killed goes on
    where it was.
    """
    kept = ["file", "emotion", *catalog.ratings, *belonging(catalog.table)]
    trials = catalog.table[list(dict.fromkeys(kept))]
    files = trials["file"].tolist()
    name = f"{network.name}-{network.sha256[:8]}-{digest(files)[:8]}.zarr"
    store = None if folder is None else folder / name
    found = activations(network, files, precision=precision, store=store, progress=progress)
    recording = make_recording(
        found.recording.values,
        trials.iloc[found.rows].reset_index(drop=True),
        unit_table(found.recording),
    )
    return Responses(recording, found.skipped, found.precision)


def belonging(trials: pd.DataFrame) -> list[str]:
    """Columns that say what pictures belong to: a person, a stimulus, a theme, a session."""
    named = [str(c) for c in trials if role_of(str(c)) in ROLES and trials[c].notna().all()]
    return [c for c in named if c not in FILE_COLUMNS]


def image_statistics(recording: xr.DataArray, progress: Progress) -> xr.DataArray:
    """Measure brightness, contrast, colour and spectrum of the pictures of a Recording."""
    files = [str(f) for f in recording["file"].values]
    rows = []
    with ThreadPoolExecutor(THREADS) as pool:
        for row in pool.map(lambda f: picture_statistics(read_picture(f)), files):
            rows.append(row)
            progress("image statistics", len(rows), len(files))
    table = pd.DataFrame(rows)
    values = table.to_numpy(dtype=np.float64)
    names = pd.DataFrame({"statistic": table.columns.astype(str)})
    return make_recording(values, trial_table(recording), names)


def split_pictures(trials: pd.DataFrame, settings: Settings) -> Split:
    """Hold out groups of pictures, or single pictures where that is asked for.

    There are 10 folds where every class has 100 pictures or more, else 5 or what the classes allow.

    Raises
    ------
    InputError
        If there is nothing to hold out by, or a class is smaller than the folds.
    """
    y = trials["emotion"].to_numpy(dtype=str)
    many = np.unique(y, return_counts=True)[1].min() >= MANY
    parts = settings.n_splits or (FOLDS if many else None)
    if settings.holdout == "random":
        return make_split(trials, y, "random", parts, settings.random_state)
    if not any(trials[c].nunique() > 1 for c in belonging(trials)):
        raise InputError(
            "the pictures name no group, theme, subject or stimulus to hold out by; name a column "
            "with --group COL, or ask for --split random, which is stamped on the report"
        )
    return make_split(trials, y, None, parts, settings.random_state)


def halves(trials: pd.DataFrame, split: Split, random_state: int) -> list[NDArray[np.intp]]:
    """Part the trials in two sets that share nothing of what the split holds out."""
    by = split.by or "random"
    two = make_split(trials, trials["emotion"].to_numpy(), by, 2, random_state)
    return [two.folds[0][1], two.folds[-1][1]]
