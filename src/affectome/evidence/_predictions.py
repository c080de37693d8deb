"""Out-of-fold predictions of any scikit-learn estimator, with the columns of every fold aligned."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from affectome.errors import InputError
from affectome.evidence._split import Split


def fold_of(split: Split, n_trials: int) -> NDArray[np.intp]:
    """Number of the fold that tests each trial, -1 where none does.

    Raises
    ------
    InputError
        If a trial is tested twice.
    """
    fold = np.full(n_trials, -1, dtype=np.intp)
    for number, (_, test) in enumerate(split):
        if np.any(fold[test] >= 0):
            row = int(test[fold[test] >= 0][0])
            raise InputError(
                f"trial {row} is tested in folds {fold[row]} and {number}; run repeats of a split "
                "one by one"
            )
        fold[test] = number
    return fold


def out_of_fold(
    estimator: Any, X: NDArray[Any], y: NDArray[Any], split: Split, wants: str
) -> NDArray[Any]:
    """Fit in every fold and predict its tested trials.

    Parameters
    ----------
    estimator
        Any scikit-learn estimator; cloned for every fold.
    X, y
        Measurements (n, …) and labels (n,) or (n, n_labels).
    split
        Which trials train and test.
    wants
        ``"classes"``, ``"labels"`` or ``"ratings"``: what ``predict`` gives; ``"scores"``: decision
        values or probabilities, (n, n_classes) in the sorted order of all classes.

    Returns
    -------
    ndarray
        Predictions; rows that no fold tests hold zeros or empty labels.
    """
    classes = np.unique(y) if wants == "scores" else None
    found: NDArray[Any] | None = None
    for train, test in split:
        fitted = clone(estimator).fit(X[train], y[train])
        if classes is None:
            rows = np.asarray(fitted.predict(X[test]))
        else:
            rows = _scores(fitted, X[test], classes)
        if found is None:
            found = np.zeros(
                (len(y), *rows.shape[1:]), dtype=y.dtype if rows.dtype.kind in "USO" else rows.dtype
            )
        found[test] = rows
    assert found is not None
    return found


def _scores(fitted: Any, X: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.float64]:
    if hasattr(fitted, "decision_function"):
        values = np.asarray(fitted.decision_function(X), dtype=float)
    elif hasattr(fitted, "predict_proba"):
        values = np.asarray(fitted.predict_proba(X), dtype=float)
    else:
        raise InputError(
            f"{type(fitted).__name__} gives neither decision values nor probabilities, which AUC "
            "needs; score it by metric='balanced_accuracy'"
        )
    if values.ndim == 1:
        values = np.column_stack([-values, values])
    learnt = np.asarray(fitted.classes_)
    if values.shape[1] != learnt.size:
        raise InputError(
            f"{type(fitted).__name__} gives {values.shape[1]} scores for {learnt.size} classes; "
            "let it decide one against the rest"
        )
    aligned = np.full((len(X), classes.size), values.min() - 1)
    aligned[:, np.searchsorted(classes, learnt)] = values
    return aligned
