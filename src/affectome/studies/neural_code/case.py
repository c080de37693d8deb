"""What the parts of the neural-code study share: the case, and its samples over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from affectome.decoding import RidgeDecoder, ShrinkageLDA
from affectome.errors import InputError
from affectome.evidence import Design, Evidence, Score, evaluate
from affectome.evidence.splits import named
from affectome.features.windows import window_means

MOST_TIMES = 30
MOST_TRIALS = 120
FEWEST_PEOPLE = 4
SORTED = 0.9
DRAWS = 1000  # of groups for an interval: its ends are then sure to two or three percent
ALPHAS = (1.0, 10.0, 100.0, 1000.0, 10000.0)
CLASSES_METRIC, RATING_METRIC = "balanced_accuracy", "pearson_r"
RATING = "the target is a rating, and this asks for classes"


@dataclass(frozen=True, eq=False)
class Case:
    """What a part needs to know.

    Attributes
    ----------
    recording
        All samples, dims (trial, [time,] unit).
    X
        One response a trial and unit, dims (trial, unit).
    respond
        From samples to such responses, as they were asked for.
    design
        What is held out, what is independent and what may trade places.
    target, nuisance, connectivity, n_permutations, random_state
        As in :func:`affectome.studies.neural_code.run`.
    """

    recording: xr.DataArray
    X: xr.DataArray
    respond: Callable[[xr.DataArray], xr.DataArray]
    target: str
    design: Design
    nuisance: Sequence[str]
    connectivity: str
    n_permutations: int
    random_state: int

    @property
    def trials(self) -> pd.DataFrame:
        """One row a trial, without the target."""
        return self.design.trials

    @property
    def y(self) -> np.ndarray:
        """The class, or the rating, of each trial."""
        return self.design.y

    @property
    def rated(self) -> bool:
        """Whether the target is a rating."""
        return self.y.dtype.kind == "f"

    @property
    def metric(self) -> str:
        """What the target is scored by."""
        return RATING_METRIC if self.rated else CLASSES_METRIC

    @property
    def names(self) -> np.ndarray:
        """The classes.

        Raises
        ------
        InputError
            If the target is a rating.
        """
        if self.rated:
            raise InputError(RATING)
        return np.unique(self.y)

    def column(self, role: str) -> np.ndarray | None:
        """Values of the column that names subjects, or stimuli; None where there is none."""
        name = named(self.trials, role)
        return None if name is None else self.trials[name].astype(str).to_numpy()

    def evaluate(self, X: xr.DataArray, design: Design | None = None) -> Evidence:
        """Decode the target from other units, or from some of the trials, with the same nulls."""
        return evaluate(
            decoder_for(self.y),
            X,
            self.target,
            design or self.design,
            nuisance=self.nuisance,
            n_permutations=self.n_permutations,
            n_bootstrap=DRAWS,
            random_state=self.random_state,
        )


def decoder_for(y: np.ndarray) -> Any:
    """Give the linear decoder of classes, or of ratings."""
    return RidgeDecoder(alpha=ALPHAS) if y.dtype.kind == "f" else ShrinkageLDA(priors="equal")


def main_score(found: Evidence) -> Score:
    """Give balanced accuracy, or r of a rating."""
    scores = found.scores
    return scores[CLASSES_METRIC] if CLASSES_METRIC in scores else scores[RATING_METRIC]


def order_score(found: Evidence) -> float | None:
    """Give what the order of the trials alone tells (AUC, or r of a rating)."""
    order = found.baselines.get("trial order")
    return None if order is None or not np.isfinite(order.value) else order.value


def follows_the_clock(found: Evidence) -> bool:
    """Tell whether the order of the trials reads the target; few trials make wide intervals."""
    order = found.baselines.get("trial order")
    if order is None or order.interval is None:
        return False
    chance = 0.5 if found.metric == "macro_auc" else 0.0
    return order.interval[0] > chance or order.value >= SORTED


def has_times(recording: xr.DataArray) -> bool:
    """Tell whether there are samples over time."""
    return "time" in recording.dims


def past(case: Case) -> xr.DataArray:
    """Give the response before the event, by the same features as after it.

    Raises
    ------
    InputError
        If there is nothing before the event, or it was taken away as the baseline.
    """
    recording = case.recording
    if not has_times(recording) or float(recording["time"][0]) >= 0:
        raise InputError("the trials hold no samples before the event; widen the window")
    before = recording.isel(time=np.flatnonzero(recording["time"].values < 0))
    found = case.respond(before)
    size = float(np.abs(case.X.values).max())
    if np.ptp(found.values, axis=0).max() <= 1e-6 * size:
        raise InputError(
            "what came before the event was subtracted as the baseline, so that nothing is left "
            "of it to read"
        )
    return found


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
    return window_means(recording.isel(trial=kept(recording.sizes["trial"])), step, step)


def kept(n_trials: int) -> np.ndarray:
    """Give the rows of the trials that thinning keeps."""
    return np.unique(np.linspace(0, n_trials - 1, MOST_TRIALS).astype(int))
