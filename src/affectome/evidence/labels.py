"""Labels of trials: their checks, and whether they are classes or ratings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from affectome.errors import InputError


def check_labels(y: ArrayLike, n_trials: int) -> NDArray[Any]:
    """Give labels as an array, or say in one line what is wrong with them.

    Raises
    ------
    InputError
        If the length differs from ``n_trials``, labels are missing or not finite, or all equal.
    """
    labels = np.asarray(y)
    if labels.ndim == 0 or len(labels) != n_trials:
        raise InputError(
            f"y has the shape {labels.shape} but there are {n_trials} trials; give one label each"
        )
    missing = np.asarray(pd.isna(labels))
    if labels.dtype.kind == "f":
        missing = missing | ~np.isfinite(labels)
    if labels.dtype.kind == "U":
        missing = missing | (labels == "")
    if missing.any():
        row = int(np.argwhere(missing)[0][0])
        raise InputError(
            f"{int(missing.sum())} of {labels.size} labels are missing or not finite, the first in "
            f"trial {row}; drop those trials"
        )
    if labels.dtype == object:
        labels = labels.astype(str)
    if n_trials == 0 or (labels.ndim == 1 and np.all(labels == labels[0])):
        only = f"is {labels[0]!s}" if n_trials else "is there"
        raise InputError(
            f"all {n_trials} labels are the same: only one class {only}; decoding needs two"
        )
    return labels


def is_rating(y: NDArray[Any]) -> bool:
    """Whether a target is a rating (floats); everything else names classes."""
    return y.dtype.kind == "f"


def strata(labels: NDArray[Any]) -> NDArray[np.intp]:
    """Class of each trial; for ratings the fifth they are in; all alike for several targets."""
    if labels.ndim > 1:
        return np.zeros(len(labels), dtype=np.intp)
    if is_rating(labels):
        return np.digitize(labels, np.quantile(labels, [0.2, 0.4, 0.6, 0.8]))
    return pd.factorize(labels, sort=True)[0]


def row_codes(labels: NDArray[Any]) -> NDArray[np.intp]:
    """Codes of the distinct labels, or of the distinct rows of several targets."""
    if labels.ndim == 1:
        return pd.factorize(labels)[0]
    return np.unique(labels, axis=0, return_inverse=True)[1].reshape(-1)
