"""Simulations that ask if the evidence keeps its word: false alarms, coverage, confound, power.

Data sets are made by five designs, with or without an effect, and go through the very functions
that :func:`affectome.evidence.evaluate` is made of. ``examples/honesty.py`` prints and draws what
comes out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.signal import lfilter

from affectome.decoding.ridge import RidgeClassifierDecoder, RidgeDecoder
from affectome.evidence.cross_fit import cross_fit
from affectome.evidence.design import make_design
from affectome.evidence.permutation import NullScores, null_scores
from affectome.evidence.score_sheet import ScoreSheet, calibrating_null
from affectome.evidence.scores import Score
from affectome.evidence.splits import Split, make_split, purged_time_split

Array = NDArray[np.float64]
N_UNITS = 10


@dataclass(frozen=True, eq=False)
class Simulated:
    """One data set: measurements (n, units), labels or ratings, table of trials and split."""

    X: Array
    y: NDArray[Any]
    trials: pd.DataFrame
    split: Split


def grouped(effect: float, rng: np.random.Generator) -> Simulated:
    """Ten subjects with 20 trials each and offsets of their own; labels vary within a subject.

    The effect differs between subjects by half its size (standard deviation).
    """
    trials = pd.DataFrame({"subject": np.repeat(np.arange(10), 20)})
    subject = trials["subject"].to_numpy()
    y = rng.permuted(np.tile([0, 1], (10, 10)), axis=1).ravel()
    X = rng.normal(size=(200, N_UNITS)) + rng.normal(size=(10, N_UNITS))[subject]
    X[:, 0] += effect * (1 + 0.5 * rng.normal(size=10))[subject] * y
    return Simulated(X, y, trials, make_split(trials, y, "subject", 5, int(rng.integers(1 << 31))))


def rated(effect: float, rng: np.random.Generator) -> Simulated:
    """Twelve subjects rate 20 things each, around a mean of their own, with offsets of their own.

    The effect differs between subjects by half its size (standard deviation).
    """
    trials = pd.DataFrame({"subject": np.repeat(np.arange(12), 20)})
    subject = trials["subject"].to_numpy()
    y = rng.normal(size=240) + 0.5 * rng.normal(size=12)[subject]
    X = rng.normal(size=(240, N_UNITS)) + rng.normal(size=(12, N_UNITS))[subject]
    X[:, 0] += effect * (0.5 + 0.25 * rng.normal(size=12))[subject] * y
    return Simulated(X, y, trials, make_split(trials, y, "subject", 5, int(rng.integers(1 << 31))))


def blocked(effect: float, rng: np.random.Generator) -> Simulated:
    """Twenty-four films shown six times each; the label is the film's, which has a pattern."""
    trials = pd.DataFrame({"stimulus": np.repeat(np.arange(24), 6)})
    film = trials["stimulus"].to_numpy()
    y = rng.permutation(np.arange(24) % 2)[film]
    X = rng.normal(size=(144, N_UNITS)) + rng.normal(size=(24, N_UNITS))[film]
    X[:, 0] += effect * y
    return Simulated(X, y, trials, make_split(trials, y, "stimulus", 6, int(rng.integers(1 << 31))))


def crossed(effect: float, rng: np.random.Generator) -> Simulated:
    """Eight subjects see 16 stimuli once each; subjects and stimuli have patterns of their own."""
    pairs = np.indices((8, 16)).reshape(2, -1)
    trials = pd.DataFrame({"subject": pairs[0], "stimulus": pairs[1]})
    y = rng.permutation(np.arange(16) % 2)[pairs[1]]
    X = rng.normal(size=(128, N_UNITS)) + rng.normal(size=(8, N_UNITS))[pairs[0]]
    X += rng.normal(size=(16, N_UNITS))[pairs[1]]
    X[:, 0] += effect * y
    return Simulated(X, y, trials, make_split(trials, y, None, 4, int(rng.integers(1 << 31))))


def time_series(effect: float, rng: np.random.Generator) -> Simulated:
    """Two hundred and forty seconds of slow units and a slow rating (first-order, 0.8 a second)."""
    slow = lfilter([0.6], [1, -0.8], rng.normal(size=(300, N_UNITS + 1)), axis=0)[60:]
    X, y = slow[:, :N_UNITS].copy(), slow[:, N_UNITS]
    X[:, 0] += effect * y
    seconds = np.arange(240.0)
    split = purged_time_split(seconds, gap=10, n_splits=6)
    return Simulated(X, y, pd.DataFrame({"onset": seconds}), split)


DESIGNS: dict[str, Callable[[float, np.random.Generator], Simulated]] = {
    "grouped": grouped,
    "rated": rated,
    "blocked": blocked,
    "crossed": crossed,
    "time series": time_series,
}


def null_of(data: Simulated, metric: str, n_permutations: int, seed: int) -> NullScores:
    """Ridge in closed form on one data set, with its null by the scheme of the design."""
    design = make_design(data.trials, data.y, data.split)
    valid = design.exchange.why_not is None
    drawn = design.arrange(n_permutations, seed) if valid else data.y[None][:0]
    scheme, n_groups = design.exchange.scheme, design.exchange.n_groups
    return null_scores(_decoder(data), data.X, design, [metric], drawn, scheme, n_groups)


def p_values(design: str, n_sets: int, n_permutations: int = 399, effect: float = 0.0) -> Array:
    """Permutation p of each of ``n_sets`` data sets, shape (n_sets,); NaN where there is none."""
    metric = _metric(design)
    found = np.full(n_sets, np.nan)
    for k in range(n_sets):
        tests = null_of(_data(design, effect, k), metric, n_permutations, k).tests
        found[k] = tests[metric].p if metric in tests else np.nan
    return found


@dataclass(frozen=True)
class Coverage:
    """How often 95 % intervals hold the expected score of the procedure.

    ``expected`` is the mean score over all data sets; ``share`` the part of intervals that hold it.
    """

    design: str
    metric: str
    effect: float
    expected: float
    share: float
    width: float


def coverage(
    design: str,
    effect: float,
    n_sets: int,
    metric: str | None = None,
    n_permutations: int = 199,
    n_bootstrap: int = 500,
) -> Coverage:
    """Make data sets anew, and count the intervals that hold the mean of their scores."""
    name = metric or _metric(design)
    scores = [
        _scored(_data(design, effect, k), name, n_permutations, n_bootstrap, k)
        for k in range(n_sets)
    ]
    values = np.array([one.value for one in scores])
    bounds = np.array([one.interval for one in scores])
    expected = float(values.mean())
    inside = (bounds[:, 0] <= expected) & (expected <= bounds[:, 1])
    width = float((bounds[:, 1] - bounds[:, 0]).mean())
    return Coverage(design, name, effect, expected, float(inside.mean()), width)


def confounded(rng: np.random.Generator) -> tuple[pd.DataFrame, NDArray[np.intp], Array]:
    """Ten subjects see 20 stimuli three times; each stimulus has a pattern, its label has none.

    Returns
    -------
    trials, y, X
        Table with ``subject`` and ``stimulus``, labels (600,), measurements (600, 40).
    """
    cells = np.indices((10, 20, 3)).reshape(3, -1)
    trials = pd.DataFrame({"subject": cells[0], "stimulus": cells[1]})
    y = rng.permutation(np.arange(20) % 2)[cells[1]]
    X = rng.normal(size=(600, 40)) + rng.normal(size=(20, 40))[cells[1]]
    return trials, y, X


def confound_scores(n_sets: int) -> tuple[Array, Array]:
    """Macro AUC of confounded data by a random split and by the double hold-out, (n_sets,) each."""
    scores: dict[str, list[float]] = {"random": [], "double": []}
    for k in range(n_sets):
        trials, y, X = confounded(np.random.default_rng(k))
        for kind, holdout in (("random", "random"), ("double", None)):
            split = make_split(trials, y, holdout, 5, k)
            null = null_of(Simulated(X, y, trials, split), "macro_auc", 1, k)
            scores[kind].append(null.tests["macro_auc"].observed)
    return np.array(scores["random"]), np.array(scores["double"])


def power(effect: float, n_trials: int, n_sets: int, n_permutations: int = 199) -> float:
    """Share of data sets with p ≤ .05: one unit, two classes, groups of eight trials held out."""
    found = 0
    for k in range(n_sets):
        rng = np.random.default_rng(k)
        trials = pd.DataFrame({"subject": np.arange(n_trials) // 8})
        y = np.arange(n_trials) % 2
        X = rng.normal(size=(n_trials, 1)) + effect * y[:, None]
        data = Simulated(X, y, trials, make_split(trials, y, "subject", 5, k))
        found += null_of(data, "macro_auc", n_permutations, k).tests["macro_auc"].p <= 0.05
    return found / n_sets


def expected_power(effect: float, n_trials: int) -> float:
    """Power of a two-sided rank test at .05 (Lehmann 1975): a t test with 3/π of the trials.

    A decoder has to learn the sign of an effect, so its test is two-sided; AUC is a rank statistic.
    """
    centre = effect * np.sqrt(3 / np.pi * n_trials) / 2
    reach = stats.t.ppf(0.975, n_trials - 2)
    upper = stats.nct.sf(reach, n_trials - 2, centre)
    return float(upper + stats.nct.cdf(-reach, n_trials - 2, centre))


def _data(design: str, effect: float, number: int) -> Simulated:
    return DESIGNS[design](effect, np.random.default_rng(number))


def _decoder(data: Simulated) -> RidgeDecoder | RidgeClassifierDecoder:
    return RidgeDecoder(10.0) if data.y.dtype.kind == "f" else RidgeClassifierDecoder(10.0)


def _metric(design: str) -> str:
    return "pearson_r" if design in ("rated", "time series") else "macro_auc"


def _scored(
    data: Simulated, metric: str, n_permutations: int, n_bootstrap: int, seed: int
) -> Score:
    null = null_of(data, metric, n_permutations, seed)
    design = make_design(data.trials, data.y, data.split)
    sheet = ScoreSheet(design, n_bootstrap, seed)
    decoder = _decoder(data)
    wider = calibrating_null(decoder, data.X, design, [metric], null, seed)
    own = cross_fit(decoder, data.X, data.y, data.split, data.y.dtype.kind != "f")
    return sheet.score(metric, own, sheet.inflation(metric, wider), null)
