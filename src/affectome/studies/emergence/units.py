"""Which units of the network are selective, again in a second set, and in untrained networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from threadpoolctl import threadpool_limits

from affectome.data import Catalog, Skipped, trial_table
from affectome.errors import InputError
from affectome.evidence import Split
from affectome.networks import Network, load_network
from affectome.progress import Progress
from affectome.studies.emergence.driving_pictures import Drivers
from affectome.studies.emergence.readout import read, squeezed
from affectome.studies.emergence.stimuli import Settings, halves, respond, with_classes
from affectome.units import Selectivity, selectivity, shared_units

LEVEL = 0.05
BEST_OF_A_CLASS = 2
DRIVERS = 5
PICTURES_A_STATISTIC = 3


@dataclass(frozen=True, eq=False)
class TwoSets:
    """Selectivity of the same units in two sets of pictures, where there are; what the sets are."""

    both: tuple[Selectivity, Selectivity] | None
    skipped: tuple[Skipped, ...]
    note: str


@dataclass(frozen=True, eq=False)
class Untrained:
    """What the same network shows before it has learned anything, seed by seed.

    Attributes
    ----------
    layers
        A row a seed and layer: ``selective_share``, ``median_index``.
    scores
        Balanced accuracy, or name of a rating, → one score a seed.
    responses
        Responses of the first seed, dims (trial, unit).
    """

    layers: pd.DataFrame
    scores: dict[str, list[float]]
    responses: xr.DataArray


def two_sets(
    network: Network,
    recording: xr.DataArray,
    units: Selectivity,
    catalog2: Catalog | None,
    split: Split,
    settings: Settings,
    progress: Progress,
) -> TwoSets:
    """Compare with a second catalog, or one half of the groups with the other.

    Raises
    ------
    InputError
        If the second catalog has other classes.
    """
    if catalog2 is None:
        return _two_halves(recording, split, settings.random_state)
    other = with_classes(catalog2)
    found = respond(network, other, settings.precision, progress)
    again = selectivity(found.recording, "emotion", q=LEVEL)
    if again.classes != units.classes:
        raise InputError(
            f"{catalog2.source} has the classes {', '.join(again.classes)}, but the first set has "
            f"{', '.join(units.classes)}; give both the same labels or the same --cut"
        )
    note = f"overlap compares {len(recording)} pictures with {len(found.recording)} of a second set"
    return TwoSets((units, again), (*other.skipped, *found.skipped), note)


def _two_halves(recording: xr.DataArray, split: Split, random_state: int) -> TwoSets:
    try:
        parts = halves(trial_table(recording), split, random_state)
        first, second = (selectivity(recording[rows], "emotion", q=LEVEL) for rows in parts)
        if first.classes != second.classes:
            raise InputError("one half lacks a class")
    except InputError as error:
        return TwoSets(None, (), f"there is no second set, and no halves to compare: {error}")
    by = " and ".join(split.by) or "pictures, drawn at random"
    note = (
        f"there is no second set of pictures: overlap compares two halves of the {by} "
        f"({len(parts[0])} and {len(parts[1])} pictures)"
    )
    return TwoSets((first, second), (), note)


def given_statistics(recording: xr.DataArray, statistics: xr.DataArray) -> Selectivity | None:
    """Test what image statistics leave unexplained, where there are pictures enough for it."""
    if len(recording) < PICTURES_A_STATISTIC * statistics.sizes["unit"]:
        return None
    return selectivity(recording, "emotion", q=LEVEL, covariates=statistics.values)


def compare_untrained(
    name: str,
    catalog: Catalog,
    split: Split,
    ratings: Mapping[str, Split],
    settings: Settings,
    progress: Progress,
) -> Untrained:
    """Ask networks that have learned nothing the same questions."""
    rows: list[dict[str, Any]] = []
    scores: dict[str, list[float]] = {n: [] for n in ("balanced_accuracy", *ratings)}
    quick: Any = {"n_permutations": 0, "n_bootstrap": 0}
    first = None
    for seed in range(settings.n_untrained):
        network = load_network(name, "untrained", random_state=seed)

        def report(step: str, done: int, total: int, seed: int = seed) -> None:
            progress(f"untrained {seed}: {step}", done, total)

        recording = respond(network, catalog, settings.precision, report).recording
        found = selectivity(recording, "emotion", q=LEVEL)
        rows += [
            {"seed": seed, "layer": layer, **share} for layer, share in by_layer(found).items()
        ]
        plain = squeezed(recording)
        with threadpool_limits(1, user_api="blas"):
            scores["balanced_accuracy"].append(read(plain, "emotion", split, **quick).score.value)
            for rating, folds in ratings.items():
                scores[rating].append(read(plain, rating, folds, **quick).score.value)
        first = plain if first is None else first
    assert first is not None
    return Untrained(pd.DataFrame(rows), scores, first)


def by_layer(found: Selectivity) -> dict[str, dict[str, float]]:
    """Share of selective units and median selectivity index of the units that vary, by layer."""
    return {
        str(layer): {
            "selective_share": float(table["selective"].mean()),
            "median_index": float(table["index"][table["preferred"] != ""].median()),
        }
        for layer, table in found.table.groupby("layer", sort=False)
    }


def unit_table(units: Selectivity, given: Selectivity | None, sets: TwoSets) -> pd.DataFrame:
    """Give a row a unit, as `EmergenceResult.units` says."""
    table = units.table.rename(columns={"channel": "unit"})
    for c, name in enumerate(units.classes):
        table[f"mean_{name}"] = units.mean[c]
        table[f"sem_{name}"] = units.sem[c]
    if given is not None:
        table["selective_given_statistics"] = given.selective
    if sets.both is not None:
        table["shared"] = shared_units(*sets.both)
    return table


def drivers(recording: xr.DataArray, units: Selectivity) -> tuple[Drivers, ...]:
    """Find the pictures that drive the most selective units of every class most and least."""
    files = recording["file"].values.astype(str)
    found = []
    for name in units.classes:
        own = np.flatnonzero(units.selective & (units.table["preferred"] == name).to_numpy())
        best = own[np.argsort(-units.table["index"].to_numpy()[own], kind="stable")]
        for unit in best[:BEST_OF_A_CLASS]:
            order = np.argsort(-recording.values[:, unit], kind="stable")
            most, least = files[order[:DRIVERS]], files[order[::-1][:DRIVERS]]
            layer, channel = units.table.loc[unit, ["layer", "channel"]]
            found.append(Drivers(layer, int(channel), name, most.tolist(), least.tolist()))
    return tuple(found)
