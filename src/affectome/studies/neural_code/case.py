"""What the parts of the neural-code study share: the case, and its samples over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from affectome.data import trial_table
from affectome.decoding import ShrinkageLDA
from affectome.errors import InputError
from affectome.evidence import Evidence, Split, evaluate
from affectome.features.windows import window_means

MOST_TIMES = 30
MOST_TRIALS = 120
FEWEST_PEOPLE = 4
FEWEST_GROUPS = 3
SORTED = 0.9
DRAWS = 1000  # of groups for an interval: its ends are then sure to two or three percent


@dataclass(frozen=True, eq=False)
class Case:
    """What a part needs to know.

    Attributes
    ----------
    recording
        All samples, dims (trial, [time,] unit).
    X
        One response a trial and unit, dims (trial, unit).
    split
        The folds.
    target, nuisance, connectivity, n_permutations, random_state
        As in :func:`affectome.studies.neural_code.run`.
    """

    recording: xr.DataArray
    X: xr.DataArray
    target: str
    split: Split
    nuisance: Sequence[str]
    connectivity: str
    n_permutations: int
    random_state: int

    @property
    def trials(self) -> pd.DataFrame:
        """One row a trial."""
        return trial_table(self.X)

    @property
    def y(self) -> np.ndarray:
        """The class of each trial."""
        return self.trials[self.target].to_numpy()

    def evaluate(self, X: xr.DataArray, split: Split, **options: Any) -> Evidence:
        """Decode the target from other units, or from some of the trials, with the same nulls."""
        return evaluate(
            ShrinkageLDA(priors="equal"),
            X,
            self.target,
            split,
            nuisance=self.nuisance,
            n_permutations=self.n_permutations,
            n_bootstrap=DRAWS,
            random_state=self.random_state,
            **options,
        )


def accuracy(found: Evidence) -> dict[str, Any]:
    """Give score, interval and p."""
    return found.scores["balanced_accuracy"].to_dict()


def order_auc(found: Evidence) -> float | None:
    """Give what the order of the trials alone tells."""
    order = found.baselines.get("trial order")
    return None if order is None else order.value


def follows_the_clock(found: Evidence) -> bool:
    """Tell whether the order of the trials reads the target; few trials make wide intervals."""
    order = found.baselines.get("trial order")
    if order is None or order.interval is None:
        return False
    return order.interval[0] > 0.5 or order.value >= SORTED


def has_times(recording: xr.DataArray) -> bool:
    """Tell whether there are samples over time."""
    return "time" in recording.dims


def has_past(recording: xr.DataArray) -> bool:
    """Tell whether there are samples before the event."""
    return has_times(recording) and float(recording["time"][0]) < 0


def past(recording: xr.DataArray) -> xr.DataArray:
    """Average what lies before the event."""
    before = recording.isel(time=np.flatnonzero(recording["time"].values < 0))
    mean: xr.DataArray = before.mean("time", keep_attrs=True)
    return mean


def held_out_groups(case: Case) -> np.ndarray | None:
    """Find the held-out column whose values calibration leaves out inside a training set.

    Stimuli come first: a decoder that has seen them is far too sure of others.
    """
    y = case.y
    for name in sorted(case.split.by, key=lambda name: name != "stimulus"):
        values = np.asarray(case.split.columns[name])
        of_class = [len(np.unique(values[y == label])) for label in np.unique(y)]
        if len(np.unique(values)) >= FEWEST_PEOPLE and min(of_class) >= FEWEST_GROUPS:
            return values
    return None


def step_of(recording: xr.DataArray) -> float:
    """Give the seconds of a step that leaves at most ``MOST_TIMES`` in a trial."""
    if not has_times(recording):
        raise InputError("it needs samples over time")
    time = recording["time"].values
    sample = float(time[1] - time[0])
    return max(1, round(len(time) / MOST_TIMES)) * sample


def thinned(recording: xr.DataArray) -> xr.DataArray:
    """Thin out trials, evenly spaced, and average times: models fitted by EM are slow."""
    step = step_of(recording)
    rows = np.unique(np.linspace(0, recording.sizes["trial"] - 1, MOST_TRIALS).astype(int))
    return window_means(recording.isel(trial=rows), step, step)
