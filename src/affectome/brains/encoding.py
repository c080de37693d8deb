r"""Encoding models: what of the stimulus, the category and the intensity a unit's response follows.

Banded ridge (Dupré la Tour et al. 2022) gives each band of features its own penalty, chosen inside
the training trials,

.. math:: \min_b \lVert Y - \sum_j X_j b_j \rVert^2 + \sum_j \alpha_j \lVert b_j \rVert^2 .

The variance that only band *j* explains is the held-out :math:`R^2` of the full model less that
of the model without it; what is left after all of these is shared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from statsmodels.stats.multitest import multipletests

from affectome.brains._banded import banded_ridge
from affectome.data import check_recording, trial_table, unit_table
from affectome.errors import InputError
from affectome.evidence import Split, inner_split, permute_whole
from affectome.progress import Progress, silent

Bands = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Encoding:
    """How well bands of features predict each unit on held-out trials.

    Attributes
    ----------
    units
        One row a unit: its coordinates, ``r``, ``r2``, ``p`` and ``q`` of the full model, and for
        each band ``alone_<band>`` and ``unique_<band>`` (both :math:`R^2`) where there are several.
    bands
        Names.
    predictions
        Out-of-fold predictions of the full model, shape (n_trials, n_units); NaN where a trial was
        never tested.
    """

    units: pd.DataFrame
    bands: tuple[str, ...]
    predictions: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Give medians over units and how many are predicted at q < .05."""
        numbers = [c for c in self.units if str(c).startswith(("alone_", "unique_"))]
        return {
            "bands": list(self.bands),
            "n_units": len(self.units),
            "n_predicted": int((self.units["q"] < 0.05).sum()),
            "median_r": float(self.units["r"].median()),
            "median_r2": float(self.units["r2"].median()),
            **{f"median_{c}": float(self.units[c].median()) for c in numbers},
        }


def trial_bands(recording: xr.DataArray, stimulus: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Build the bands that a trial table allows: stimulus, category, intensity.

    Parameters
    ----------
    recording
        With ``emotion`` (category), ``intensity`` where it is known, and the columns of
        ``stimulus``, such as brightness or loudness.
    stimulus
        Numeric columns that describe the stimulus.

    Returns
    -------
    dict
        Name → features, shape (n_trials, n_features). Intensity enters for each emotion apart.

    Raises
    ------
    InputError
        If a named column is missing or not numeric, or there is nothing to build a band from.
    """
    trials = trial_table(recording)
    bands: dict[str, np.ndarray] = {}
    for column in stimulus:
        if column not in trials or not pd.api.types.is_numeric_dtype(trials[column]):
            raise InputError(
                f"the Recording has no numeric column {column!r}; it has "
                f"{', '.join(map(str, trials))}"
            )
    if stimulus:
        bands["stimulus"] = trials[list(stimulus)].to_numpy(dtype=float)
    if "emotion" in trials:
        category = pd.get_dummies(trials["emotion"]).to_numpy(dtype=float)
        bands["category"] = category
        if "intensity" in trials:
            centred = trials["intensity"].to_numpy(dtype=float)
            bands["intensity"] = category * (centred - centred.mean())[:, None]
    if not bands:
        raise InputError("there is neither an emotion nor a stimulus column to build bands from")
    return {name: X for name, X in bands.items() if np.ptp(X, axis=0).max() > 0}


def encode(
    recording: xr.DataArray,
    bands: Bands,
    split: Split,
    *,
    n_iter: int = 20,
    n_permutations: int = 1000,
    random_state: int = 0,
    progress: Progress = silent,
) -> Encoding:
    """Fit banded ridge in every fold and predict the units' responses on held-out trials.

    Parameters
    ----------
    recording
        Dims (trial, unit).
    bands
        Name → features of the trials, shape (n_trials, n_features); standardised by the training
        trials.
    split
        Which trials train and which are tested; penalties are chosen by splitting the training
        trials by the same columns.
    n_iter
        Mixtures of band weights that are tried, each with nine penalties.
    n_permutations
        Arrangements in the null of *r*: predictions are held against the responses to other
        stimuli (or trials) of the same fold.
    random_state
        Seed of the mixtures and the null.
    progress
        Called with each model that is fitted.

    Returns
    -------
    Encoding

    Raises
    ------
    InputError
        If there is time, or a band does not have one row a trial.
    """
    check_recording(recording)
    if "time" in recording.dims:
        raise InputError("encoding models take one value a trial; average over a window first")
    Y = recording.values.astype(np.float64)
    for name, X in bands.items():
        if X.ndim != 2 or len(X) != len(Y) or not np.isfinite(X).all():
            raise InputError(
                f"the band {name!r} has the shape {X.shape}; finite features of {len(Y)} trials, "
                "one row each, are needed"
            )
    models = _models(tuple(bands))
    fitted: dict[tuple[str, ...], np.ndarray] = {}
    for done, model in enumerate(models):
        progress("encoding models", done, len(models))
        fitted[model] = _out_of_fold(
            [bands[name] for name in model], Y, split, n_iter, random_state
        )
    progress("encoding models", len(models), len(models))
    full = tuple(bands)
    r2 = {model: _r2(Y, predictions, split) for model, predictions in fitted.items()}
    table = unit_table(recording)
    r, p = _correlation(
        Y, fitted[full], split, trial_table(recording), n_permutations, random_state
    )
    table["r"], table["r2"] = r, r2[full]
    table["p"], table["q"] = p, multipletests(p, method="fdr_bh")[1]
    if len(full) > 1:
        for name in full:
            table[f"alone_{name}"] = r2[(name,)]
            table[f"unique_{name}"] = r2[full] - r2[tuple(b for b in full if b != name)]
    return Encoding(table, full, fitted[full])


def noise_ceiling(
    recording: xr.DataArray, by: Sequence[str] = ("subject", "stimulus")
) -> np.ndarray:
    r"""Largest :math:`R^2` that a model of the stimulus can reach on single trials, for each unit.

    With repeats of the same cell (subject and stimulus) the variance within cells is noise:
    :math:`c = \max(0, 1 - s^2_{within} / s^2_{total})`.

    Parameters
    ----------
    recording
        Dims (trial, unit).
    by
        Columns whose combinations are repeated.

    Returns
    -------
    numpy.ndarray
        Shape (n_units,), 0–1.

    Raises
    ------
    InputError
        If a column is missing, or nothing is repeated.
    """
    trials = trial_table(recording)
    missing = [c for c in by if c not in trials]
    if missing:
        raise InputError(f"the Recording has no column {missing[0]!r} to find repeats by")
    cells = trials.groupby(list(by), sort=False).ngroup().to_numpy()
    counts = np.bincount(cells)
    if counts.max() < 2:
        raise InputError(
            f"no combination of {' and '.join(by)} occurs twice, so noise can't be told from signal"
        )
    Y = recording.values.astype(np.float64)
    repeated = (counts >= 2)[cells]
    means = np.stack([np.bincount(cells, y) for y in Y.T], axis=1) / counts[:, None]
    within = ((Y - means[cells])[repeated] ** 2).sum(axis=0)
    within /= (counts[counts >= 2] - 1).sum()
    total = Y[repeated].var(axis=0, ddof=1)
    return np.clip(1 - np.divide(within, total, out=np.ones_like(total), where=total > 0), 0, 1)


def _models(names: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The full model, each band alone, and all bands but one."""
    without = [tuple(b for b in names if b != name) for name in names]
    wanted = [names, *[(name,) for name in names], *[w for w in without if w]]
    return list(dict.fromkeys(wanted))


def _out_of_fold(
    bands: list[np.ndarray], Y: np.ndarray, split: Split, n_iter: int, random_state: int
) -> np.ndarray:
    predictions = np.full(Y.shape, np.nan)
    for number, (train, test) in enumerate(split):
        inner = list(inner_split(split, number))
        scaled = [_standardised(X, train) for X in bands]
        level = Y[train].mean(axis=0)
        predictions[test] = level + banded_ridge(
            [X[train] for X in scaled],
            Y[train] - level,
            [X[test] for X in scaled],
            inner,
            n_iter,
            random_state,
        )
    return predictions


def _standardised(X: np.ndarray, train: np.ndarray) -> np.ndarray:
    scale = X[train].std(axis=0)
    centred = X - X[train].mean(axis=0)
    return np.divide(centred, scale, out=np.zeros_like(centred), where=scale > 0)


def _r2(Y: np.ndarray, predictions: np.ndarray, split: Split) -> np.ndarray:
    error, total = np.zeros((2, Y.shape[1]))
    for train, test in split:
        error += ((Y[test] - predictions[test]) ** 2).sum(axis=0)
        total += ((Y[test] - Y[train].mean(axis=0)) ** 2).sum(axis=0)
    return 1 - np.divide(error, total, out=np.ones_like(error), where=total > 0)


def _correlation(
    Y: np.ndarray,
    predictions: np.ndarray,
    split: Split,
    trials: pd.DataFrame,
    n_permutations: int,
    random_state: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Correlation within folds, and how often a permuted one is as large, for each unit."""
    rows = np.concatenate([test for _, test in split])
    fold = np.repeat(np.arange(len(split.folds)), [len(test) for _, test in split])
    predicted, measured = (_unit_columns(M[rows], fold) for M in (predictions, Y))
    r = (predicted * measured).sum(axis=0)
    shown = trials["stimulus"].to_numpy()[rows] if "stimulus" in trials else rows
    units = pd.MultiIndex.from_arrays([fold, shown]).factorize()[0]
    drawn = permute_whole(np.arange(rows.size), units, fold, n_permutations, random_state)
    exceeds = np.ones_like(r)
    for arrangement in drawn:
        exceeds += (predicted * measured[arrangement]).sum(axis=0) >= r - 1e-12
    return r, exceeds / (len(drawn) + 1)


def _unit_columns(values: np.ndarray, fold: np.ndarray) -> np.ndarray:
    centred = values.copy()
    for f in np.unique(fold):
        centred[fold == f] -= values[fold == f].mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    return np.divide(centred, length, out=np.zeros_like(centred), where=length > 0)
