"""Labels as numbers and back, for one arrangement of the labels or for thousands."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affectome.errors import InputError


def class_indicators(Y: NDArray[np.generic], classes: NDArray[np.generic]) -> NDArray[np.float64]:
    """One where a trial is of the class, else zero: (..., n) -> (..., n, n_codes).

    Two classes share one column, which marks the second.
    """
    marked = classes[1:] if len(classes) == 2 else classes
    return (Y[..., None] == marked).astype(np.float64)


def decide(scores: NDArray[np.float64], classes: NDArray[np.generic]) -> NDArray[np.generic]:
    """Label with the highest score: (n,) signed scores of two classes, or (n, n_classes)."""
    if scores.ndim == 1:
        return classes[(scores > 0).astype(np.intp)]
    return classes[scores.argmax(axis=1)]


def check_arrangements(Y: ArrayLike) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    """Arrangements (n_arrangements, n) of labels, and the sorted classes, two or more."""
    labels = np.asarray(Y)
    if labels.ndim != 2:
        raise InputError(f"Y has shape {labels.shape}; wanted (n_arrangements, n_trials)")
    classes = np.unique(labels)
    if len(classes) < 2:
        raise InputError(f"Y holds {len(classes)} class; give labels of two or more")
    return labels, classes


def scores_by_class(
    Y: ArrayLike, predict: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Scores of every class from a regression on the codes +1 (the class) and -1 (the rest).

    Parameters
    ----------
    Y
        Arrangements of the labels, shape (n_arrangements, n).
    predict
        From codes (n_arrangements, n, n_codes) to predictions of the same shape.

    Returns
    -------
    ndarray
        Shape (n_arrangements, n) for two classes, else (n_arrangements, n, n_classes).
    """
    labels, classes = check_arrangements(Y)
    codes = 2.0 * class_indicators(labels, classes) - 1.0
    scores = predict(codes)
    return scores[..., 0] if scores.shape[-1] == 1 else scores
