r"""What is gained by choosing on the trials that are then reported.

Of many configurations (layers, thresholds, models) scored on the same trials the best looks better
than it is: with k of them that are all alike, the best of k draws of the noise is reported. Here
the choice is made anew on other groups: one half of them chooses, the other half is scored with
what was chosen, and the other way round, for ten ways of halving. What the reported score has above
that is the optimism; its interval is that of a difference between two scores of the same trials
(:func:`difference`). It is what choosing adds on average: that all scores of one sample may be high
together is no matter of choice, and is what their own intervals are for. Larger parts to choose on
would share more trials with the choice that is to be judged, and their intervals miss the optimism
too often.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectome.errors import InputError
from affectome.evidence.labels import strata
from affectome.evidence.quick import Folds, folds_of
from affectome.evidence.scores import Score, difference, find_metric, score
from affectome.evidence.splits import deal

N_REPEATS = 10
WIDENING = 1.3
N_BOOTSTRAP = 1000
FEWEST_GROUPS = 6
N_THRESHOLDS = 200

Array = NDArray[Any]


def weighted_scores(metric: str, y: Array, found: Array, weights: Array) -> Array:
    """Score every configuration under every weighting of the trials, shape (n_configs, n_draws).

    Parameters
    ----------
    metric
        Name of a metric.
    y
        Class numbers or ratings, shape (n,).
    found
        What each configuration found, shape (n_configs, n).
    weights
        Shape (n_draws, n).
    """
    one = find_metric(metric)
    fold = np.zeros(len(y), dtype=np.intp)
    sign = 1 if one.higher_is_better else -1
    shaped = [np.column_stack([-f, f]) if one.wants == "scores" else f for f in found]
    return np.stack([sign * one.weighted(y, f, weights, fold) for f in shaped])


def chosen_elsewhere(
    metric: str, y: Array, found: Array, groups: Array, random_state: int = 0
) -> tuple[Array, Array]:
    """Choose on the other half of the groups.

    Returns
    -------
    picked
        Configuration that each trial is scored with, shape (n_repeats, n).
    best
        The one that is best on all trials, shape ().

    Raises
    ------
    InputError
        If there are fewer than six groups.
    """
    n_groups = int(groups.max()) + 1
    if n_groups < FEWEST_GROUPS:
        raise InputError(
            f"{n_groups} groups can't be parted into those that choose and those that are scored; "
            f"{FEWEST_GROUPS} are needed"
        )
    rng = np.random.default_rng(random_state)
    foldings: list[Folds] = [
        folds_of(deal(groups, "group", strata(y), 2, rng)) for _ in range(N_REPEATS)
    ]
    weights = np.zeros((1 + sum(map(len, foldings)), len(y)))
    weights[0] = 1
    tests = [test for folds in foldings for _, test in folds]
    for k, (train, _) in enumerate([pair for folds in foldings for pair in folds], 1):
        weights[k, train] = 1
    values = np.nan_to_num(weighted_scores(metric, y, found, weights), nan=-np.inf)
    choice = values.argmax(axis=0)
    picked = np.empty((N_REPEATS, len(y)), dtype=np.intp)
    for k, test in enumerate(tests):
        picked[k // len(foldings[0]), test] = choice[k + 1]
    return picked, choice[0]


def optimism(
    metric: str,
    y: Array,
    reported: Array,
    elsewhere: Array,
    groups: Array,
    over: str,
) -> tuple[Score, Score, Score]:
    """Score what is reported, what was chosen elsewhere, and what lies between, paired by trial.

    Parameters
    ----------
    metric
        Name of a metric.
    y
        Class numbers or ratings, shape (n,).
    reported
        Found by the configuration that is reported, shape (n,).
    elsewhere
        Found by those that other groups chose, shape (n_repeats, n).
    groups
        What is independent, codes (n,).
    over
        What the groups are, in words.
    """
    repeats = len(elsewhere)
    labels, units = np.tile(y, repeats), np.tile(groups, repeats)
    first, second = np.tile(reported, repeats), elsewhere.ravel()
    how: dict[str, Any] = {
        "n_bootstrap": N_BOOTSTRAP,
        "over": f"{int(groups.max()) + 1} {over}",
        "inflation": WIDENING,
    }
    return (
        score(metric, y, reported, groups, **how),
        score(metric, labels, second, units, **how),
        difference(metric, labels, first, second, units, **how),
    )


def cut(values: Array, thresholds: Array) -> Array:
    """Classes 0 and 1 by every threshold, shape (n_thresholds, n)."""
    return (values >= thresholds[:, None]).astype(int)


def thresholds_of(values: Array) -> Array:
    """Thresholds between neighbouring values, at most two hundred."""
    levels = np.unique(values)
    middle = (levels[1:] + levels[:-1]) / 2
    if len(middle) <= N_THRESHOLDS:
        return middle
    return middle[np.linspace(0, len(middle) - 1, N_THRESHOLDS).round().astype(int)]
