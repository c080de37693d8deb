"""Which units of the network are selective, and what untrained networks show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from threadpoolctl import threadpool_limits

from affectome.data import Catalog
from affectome.evidence import Split
from affectome.networks import Network, untrained
from affectome.progress import Progress
from affectome.studies.emergence.driving_pictures import Drivers
from affectome.studies.emergence.readout import read, squeezed
from affectome.studies.emergence.second_set import SecondSet, overlap_of
from affectome.studies.emergence.stimuli import Settings, respond
from affectome.units import Overlap, Selectivity, selectivity
from affectome.units.overlap import ANY

LEVEL = 0.05
BEST_OF_A_CLASS = 2
DRIVERS = 5
PICTURES_A_STATISTIC = 3


@dataclass(frozen=True, eq=False)
class Untrained:
    """What the same network shows before it has learned anything, seed by seed.

    Attributes
    ----------
    layers
        A row a seed and layer: ``selective_share``, ``median_index``, ``shared``, ``expected`` and
        ``overlap_p`` (the last three missing where two sets were not compared).
    scores
        Balanced accuracy, or name of a rating, → one score a seed.
    responses
        Responses of the first seed, dims (trial, unit).
    """

    layers: pd.DataFrame
    scores: dict[str, list[float]]
    responses: xr.DataArray


def find_selective(
    recording: xr.DataArray, settings: Settings, statistics: xr.DataArray | None = None
) -> Selectivity:
    """Test every unit for the classes, with image statistics held constant where they are given."""
    return selectivity(
        recording,
        "emotion",
        q=LEVEL,
        covariates=None if statistics is None else statistics.values,
        n_permutations=settings.n_permutations,
        order="none",
        random_state=settings.random_state,
    )


def given_statistics(
    recording: xr.DataArray, statistics: xr.DataArray, settings: Settings
) -> Selectivity | None:
    """Test what image statistics leave unexplained, where there are pictures enough for it."""
    if len(recording) < PICTURES_A_STATISTIC * statistics.sizes["unit"]:
        return None
    return find_selective(recording, settings, statistics)


def compare_untrained(
    trained: Network,
    catalog: Catalog,
    second: SecondSet,
    split: Split,
    ratings: Mapping[str, Split],
    settings: Settings,
    folder: Path | None,
    progress: Progress,
) -> Untrained:
    """Ask networks that have learned nothing the same questions."""
    rows: list[dict[str, Any]] = []
    scores: dict[str, list[float]] = {n: [] for n in ("balanced_accuracy", *ratings)}
    quick: Any = {"n_permutations": 0, "n_bootstrap": 0}
    first = None
    for seed in range(settings.n_untrained):
        network = untrained(trained, seed)

        def report(step: str, done: int, total: int, seed: int = seed) -> None:
            progress(f"untrained {seed}: {step}", done, total)

        recording = respond(network, catalog, settings.precision, report, folder).recording
        found = find_selective(recording, settings)
        again = overlap_of(network, recording, second, settings, folder, report)
        shared = {} if again is None else shared_by_layer(again)
        for layer, share in by_layer(found).items():
            rows.append({"seed": seed, "layer": layer, **share, **shared.get(layer, NO_OVERLAP)})
        plain = squeezed(recording)
        with threadpool_limits(1, user_api="blas"):
            scores["balanced_accuracy"].append(read(plain, "emotion", split, **quick).score.value)
            for rating, folds in ratings.items():
                scores[rating].append(read(plain, rating, folds, **quick).score.value)
        first = plain if first is None else first
    assert first is not None
    return Untrained(pd.DataFrame(rows), scores, first)


NO_OVERLAP = {"shared": np.nan, "expected": np.nan, "overlap_p": np.nan}


def shared_by_layer(found: Overlap) -> dict[str, dict[str, float]]:
    """Shared units over all classes, what rearranged labels share, and p, by layer."""
    rows = found.table[found.table["preferred"] == ANY]
    return {
        str(row["layer"]): {
            "shared": float(row["shared"]),
            "expected": float(row["expected"]),
            "overlap_p": float(row["p"]),
        }
        for row in rows.to_dict("records")
    }


def by_layer(found: Selectivity) -> dict[str, dict[str, float]]:
    """Share of selective units and median selectivity index of the units that vary, by layer."""
    return {
        str(layer): {
            "selective_share": float(table["selective"].mean()),
            "median_index": float(table["index"].median()),
        }
        for layer, table in found.table.groupby("layer", sort=False)
    }


def unit_table(
    units: Selectivity, given: Selectivity | None, again: Overlap | None
) -> pd.DataFrame:
    """Give a row a unit, as `EmergenceResult.units` says."""
    table = units.table.rename(columns={"channel": "unit"})
    for c, name in enumerate(units.classes):
        table[f"mean_{name}"] = units.mean[c]
        table[f"sem_{name}"] = units.sem[c]
    if given is not None:
        table["q_given_statistics"] = given.table["q"]
        table["selective_given_statistics"] = given.selective
    if again is not None:
        table["shared"] = again.shared
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
