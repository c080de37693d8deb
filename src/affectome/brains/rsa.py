"""Representational similarity: does a population arrange the conditions as a model does.

Each subject's conditions (stimuli, emotions) span a matrix of dissimilarities. Models are matrices
over the same conditions: equal or different emotion, distance in valence, or those of another
system, such as the layers of a network or another region.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike
from scipy.spatial.distance import pdist, squareform
from sklearn.covariance import LedoitWolf

from affectome.data import check_recording, trial_table
from affectome.errors import InputError
from affectome.kernels import rdm
from affectome.kernels.rsa import (
    bootstrap_comparisons,
    bootstrap_counts,
    compare,
    noise_ceiling,
)

MEASURES = {"correlation": rdm.correlation, "squared_euclidean": rdm.squared_euclidean}
CROSSED = "crossnobis"


@dataclass(frozen=True)
class Rdms:
    """Dissimilarities between the conditions, subject by subject.

    Attributes
    ----------
    values
        Upper triangles row by row, shape (n_subjects, n_conditions (n_conditions - 1) / 2).
    subjects
        Names.
    conditions
        One row a condition that all subjects have: its name as ``condition``, and every column of
        the trials that is constant within it.
    """

    values: np.ndarray
    subjects: tuple[str, ...]
    conditions: pd.DataFrame


@dataclass(frozen=True)
class Rsa:
    """How well models describe the dissimilarities of the data.

    Attributes
    ----------
    models
        One row a model: ``model``, ``similarity`` (mean over subjects), ``low``, ``high`` (95 %
        interval over conditions and subjects), ``p`` (conditions of the model permuted).
    ceiling
        Lower and upper bound of what the true model could reach; None with a single subject.
    n_conditions, n_subjects
        Sizes.
    method
        How matrices are compared.
    """

    models: pd.DataFrame
    ceiling: tuple[float, float] | None
    n_conditions: int
    n_subjects: int
    method: str

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers for ``result.json``."""
        return {
            "models": self.models.to_dict(orient="records"),
            "noise_ceiling": self.ceiling,
            "n_conditions": self.n_conditions,
            "n_subjects": self.n_subjects,
            "method": self.method,
        }


def rdms(
    recording: xr.DataArray,
    condition: str = "stimulus",
    measure: str = "correlation",
    parts: str = "run",
) -> Rdms:
    """Compute a matrix of dissimilarities for each subject.

    Parameters
    ----------
    recording
        Dims (trial, unit); trials of a subject and condition are averaged.
    condition
        Column of the conditions.
    measure
        ``"correlation"``, ``"squared_euclidean"`` or ``"crossnobis"``: distances across
        independent parts of the data, in the metric of the noise within a condition and part
        (Ledoit-Wolf), zero on average where two conditions do not differ.
    parts
        Column of the independent parts (runs, sessions) for crossnobis.

    Raises
    ------
    InputError
        If a column is missing, there is time, fewer than three conditions are shared by all
        subjects, or crossnobis misses a condition in a part or repeated trials of it.
    """
    X = check_recording(recording).values
    trials = trial_table(recording)
    if "time" in recording.dims:
        raise InputError("dissimilarities take one value a trial; average over a window first")
    if condition not in trials:
        raise InputError(f"the trials have no column {condition!r}; they have {list(trials)}")
    if measure not in (*MEASURES, CROSSED):
        raise InputError(f"measure is one of {', '.join((*MEASURES, CROSSED))}; got {measure!r}")
    if measure == CROSSED and parts not in trials:
        raise InputError(f"crossnobis needs a column {parts!r} of parts; there are {list(trials)}")
    subject = trials["subject"] if "subject" in trials else pd.Series("all", index=trials.index)
    counts = pd.crosstab(trials[condition], subject)
    shared = counts.index[(counts > 0).all(axis=1)]
    if len(shared) < 3:
        raise InputError(
            f"{len(shared)} values of {condition!r} are shared by all {counts.shape[1]} subjects; "
            "three or more are needed"
        )
    found = []
    for name in counts.columns:
        rows = ((subject == name) & trials[condition].isin(shared)).to_numpy()
        patterns, cells = pd.DataFrame(X[rows]), trials.loc[rows].reset_index(drop=True)
        if measure == CROSSED:
            found.append(_crossnobis(patterns, cells[parts], cells[condition], str(name)))
        else:
            means = patterns.groupby(cells[condition]).mean()
            found.append(MEASURES[measure](means.loc[shared].to_numpy()))
    values = np.stack(found)
    if not np.isfinite(values).all():
        pattern = int(np.argwhere(~np.isfinite(values))[0, 0])
        raise InputError(
            f"subject {counts.columns[pattern]!s} has a condition whose pattern is constant; drop "
            "it or take squared_euclidean"
        )
    table = _conditions(trials, condition, list(shared))
    return Rdms(values, tuple(map(str, counts.columns)), table)


def _crossnobis(
    patterns: pd.DataFrame, parts: pd.Series, conditions: pd.Series, subject: str
) -> np.ndarray:
    cells = patterns.groupby([parts, conditions])
    means = cells.mean()
    n_parts, n_conditions = parts.nunique(), conditions.nunique()
    if n_parts < 2 or len(means) < n_parts * n_conditions:
        raise InputError(
            f"crossnobis needs every condition in each of two or more parts; subject {subject} has "
            f"{len(means)} of {n_conditions} conditions x {n_parts} values of {parts.name!r}"
        )
    noise = (patterns - cells.transform("mean")).to_numpy()
    if len(noise) == len(means):
        raise InputError(
            f"crossnobis takes the noise from repeated trials of a condition in a part; subject "
            f"{subject} has one each"
        )
    noise *= np.sqrt(len(noise) / (len(noise) - len(means)))
    precision = LedoitWolf(assume_centered=True).fit(noise).precision_
    return rdm.crossnobis(means.to_numpy().reshape(n_parts, n_conditions, -1), precision)


def category_model(labels: ArrayLike) -> np.ndarray:
    """Model: conditions of the same label are alike (0), others differ (1); upper triangle."""
    names = np.asarray(labels)
    return (names[:, None] != names)[np.triu_indices(names.size, 1)].astype(float)


def distance_model(ratings: ArrayLike) -> np.ndarray:
    """Model: Euclidean distance of ratings, shape (n_conditions,) or (n_conditions, n_ratings)."""
    values = np.asarray(ratings, dtype=float)
    return np.asarray(pdist(values.reshape(len(values), -1)))


def rsa(
    data: Rdms,
    models: Mapping[str, np.ndarray],
    *,
    method: str = "correlation",
    n_bootstrap: int = 1000,
    n_permutations: int = 1000,
    random_state: int = 0,
) -> Rsa:
    """Compare models with the subjects' matrices.

    Parameters
    ----------
    data
        From :func:`rdms`.
    models
        Name → upper triangle over the same conditions in the same order.
    method
        ``"correlation"``, ``"cosine"`` or ``"spearman"``.
    n_bootstrap
        Draws of conditions and of subjects, both at once.
    n_permutations
        Arrangements of a model's conditions under the null.
    random_state
        Seed.

    Raises
    ------
    InputError
        If there is no model, one has the wrong length, or one does not vary.
    """
    n = len(data.conditions)
    if not models:
        raise InputError("no model was given to compare with")
    for name, model in models.items():
        if np.shape(model) != (n * (n - 1) // 2,) or np.ptp(model) == 0:
            raise InputError(
                f"the model {name!r} has the shape {np.shape(model)}; it needs "
                f"{n * (n - 1) // 2} values that vary, one for each pair of {n} conditions"
            )
    rng = np.random.default_rng(random_state)
    stack = np.stack(list(models.values()))
    similarity = compare(stack, data.values, method).mean(axis=1)
    drawn = bootstrap_comparisons(stack, data.values, bootstrap_counts(n, n_bootstrap, rng), method)
    people = rng.integers(0, len(data.subjects), (n_bootstrap, len(data.subjects)))
    means = np.stack([d[:, who].mean(axis=1) for d, who in zip(drawn, people, strict=True)])
    low, high = np.nanquantile(means, [0.025, 0.975], axis=0)
    table = pd.DataFrame(
        {
            "model": list(models),
            "similarity": similarity,
            "low": low,
            "high": high,
            "p": _permuted(stack, data.values, similarity, n, n_permutations, method, rng),
        }
    )
    ceiling = noise_ceiling(data.values, method) if len(data.subjects) > 1 else None
    return Rsa(table, ceiling, n, len(data.subjects), method)


def _permuted(
    models: np.ndarray,
    data: np.ndarray,
    observed: np.ndarray,
    n: int,
    n_permutations: int,
    method: str,
    rng: np.random.Generator,
) -> np.ndarray:
    squares = np.stack([squareform(m, checks=False) for m in models])
    rows, columns = np.triu_indices(n, 1)
    exceeds = np.ones(len(models))
    for _ in range(n_permutations):
        order = rng.permutation(n)
        shuffled = squares[:, order[rows], order[columns]]
        exceeds += compare(shuffled, data, method).mean(axis=1) >= observed - 1e-12
    return exceeds / (n_permutations + 1)


def _conditions(trials: pd.DataFrame, condition: str, shared: list[Any]) -> pd.DataFrame:
    grouped = trials.groupby(condition)
    once = (grouped.nunique() == 1).all()
    constant = [str(c) for c in once.index[once]]
    table = grouped[constant].first().loc[shared].reset_index()
    return table.rename(columns={condition: "condition"})
