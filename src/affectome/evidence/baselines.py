"""Baselines: what could be read without the measurements, scored on the same folds.

A label that follows from the trial's number, from the label before, from how bright the picture was
or from which session it was needs no brain. Identities and previous labels are looked up: the
estimate is the mean of the training trials with the same value (one pseudo-trial at the overall
mean). Numbers go into a ridge regression, trial order with its square and cube.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectome.errors import InputError, no_column
from affectome.evidence.labels import is_rating
from affectome.evidence.split import Split
from affectome.kernels.ridge import cross_validated_predictions

Array = NDArray[np.float64]
IDENTITIES = ("subject", "stimulus", "session")
ORDER = ("onset", "trial", "trial_order")


def baseline_scores(
    trials: pd.DataFrame, y: NDArray[Any], split: Split, nuisance: Sequence[str] = ()
) -> dict[str, Array]:
    """Scores of every baseline for every trial, out of fold.

    Parameters
    ----------
    trials
        One row a trial, in the order of recording (or with an ``onset``).
    y
        Classes or ratings, shape (n,), or 0 and 1, shape (n, n_labels).
    split
        The folds of the decoder that is to be compared.
    nuisance
        Columns of ``trials`` that should not explain the labels: motion, loudness, brightness.

    Returns
    -------
    dict
        Name → scores: (n, n_classes) for classes, (n,) for ratings, (n, n_labels) for labels. Names
        are ``majority``, ``trial order``, ``previous label``, ``nuisance: …`` and ``… identity``.

    Raises
    ------
    InputError
        If a nuisance column is missing, or has empty or infinite values.
    """
    targets = _targets(y)
    found = {
        "majority": np.tile(targets.mean(axis=0), (len(y), 1)),
        "trial order": _regress(_order(trials), targets, split),
        "previous label": _look_up(_previous(trials, y), targets, split),
    }
    for name in nuisance:
        found[f"nuisance: {name}"] = _from_column(_nuisance(trials, name), targets, split)
    if len(nuisance) > 1:
        both = [_design(_nuisance(trials, name)) for name in nuisance]
        found["all nuisances"] = _regress(np.column_stack(both), targets, split)
    for name in IDENTITIES:
        if name in trials and trials[name].nunique() > 1:
            codes = pd.factorize(trials[name])[0]
            found[f"{name} identity"] = _look_up(codes, targets, split)
    if y.ndim == 1 and is_rating(y):
        return {name: values[:, 0] for name, values in found.items()}
    return found


def _targets(y: NDArray[Any]) -> Array:
    """One column a class, a label or a rating."""
    if y.ndim == 1 and not is_rating(y):
        return (y[:, None] == np.unique(y)).astype(float)
    return y.reshape(len(y), -1).astype(float)


def _look_up(codes: NDArray[np.intp], targets: Array, split: Split) -> Array:
    found = np.zeros_like(targets)
    n_levels = int(codes.max()) + 1
    for train, test in split:
        mean = targets[train].mean(axis=0)
        total = np.zeros((n_levels, targets.shape[1]))
        np.add.at(total, codes[train], targets[train])
        count = np.bincount(codes[train], minlength=n_levels)[:, None]
        found[test] = ((total + mean) / (count + 1))[codes[test]]
    return found


def _regress(columns: Array, targets: Array, split: Split) -> Array:
    return np.nan_to_num(
        cross_validated_predictions(columns, targets, split.folds, 1.0, standardize=True)
    )


def _from_column(column: pd.Series, targets: Array, split: Split) -> Array:
    if pd.api.types.is_numeric_dtype(column):
        return _regress(_design(column), targets, split)
    return _look_up(pd.factorize(column)[0], targets, split)


def _design(column: pd.Series) -> Array:
    """Numbers as they are; anything else by one column a value."""
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=float)[:, None]
    return pd.get_dummies(column).to_numpy(dtype=float)


def _nuisance(trials: pd.DataFrame, name: str) -> pd.Series:
    if name not in trials:
        raise no_column("the trials have", name, trials.columns, "of a nuisance")
    column = trials[name]
    bad = column.isna().to_numpy()
    if pd.api.types.is_numeric_dtype(column):
        bad = bad | ~np.isfinite(column.to_numpy(dtype=float))
    if bad.any():
        raise InputError(
            f"the nuisance column {name!r} is empty or infinite in {int(bad.sum())} trials, the "
            f"first is trial {int(bad.argmax())}; fill it, or drop those"
        )
    return column


def _runs(trials: pd.DataFrame) -> NDArray[np.intp]:
    """Codes of what is recorded in one go: subject, session and run."""
    named = [c for c in ("subject", "session", "run") if c in trials]
    if not named:
        return np.zeros(len(trials), dtype=np.intp)
    return pd.factorize(pd.MultiIndex.from_frame(trials[named]))[0]


def _ranks(trials: pd.DataFrame) -> NDArray[np.intp]:
    """Trials in the order of recording within runs: row numbers sorted by run, then time."""
    named = next((c for c in ORDER if c in trials and pd.api.types.is_numeric_dtype(trials[c])), "")
    time = trials[named].to_numpy(dtype=float) if named else np.arange(len(trials), dtype=float)
    return np.lexsort((time, _runs(trials)))


def _order(trials: pd.DataFrame) -> Array:
    """Place of each trial in its run, from -1 to 1, with its square and cube."""
    runs, order = _runs(trials), _ranks(trials)
    place = np.empty(len(trials))
    place[order] = np.arange(len(trials)) - np.searchsorted(runs[order], runs[order])
    place = 2 * place / np.maximum(np.bincount(runs)[runs] - 1, 1) - 1
    return np.column_stack([place, place**2, place**3])


def _previous(trials: pd.DataFrame, y: NDArray[Any]) -> NDArray[np.intp]:
    """Code of the label before in the same run, 0 for the first; ratings in fifths."""
    runs, order = _runs(trials), _ranks(trials)
    if y.ndim > 1:
        codes = np.unique(y, axis=0, return_inverse=True)[1].reshape(-1)
    elif is_rating(y):
        codes = np.digitize(y, np.quantile(y, [0.2, 0.4, 0.6, 0.8]))
    else:
        codes = pd.factorize(y, sort=True)[0]
    before = np.zeros(len(y), dtype=np.intp)
    same = runs[order][1:] == runs[order][:-1]
    before[order[1:]] = np.where(same, codes[order[:-1]] + 1, 0)
    return before
