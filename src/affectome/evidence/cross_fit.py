"""Out-of-fold predictions of any scikit-learn estimator, with the columns of every fold aligned."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object

from affectome.errors import InputError
from affectome.evidence.split import Split


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


class Predictions(NamedTuple):
    """What ``predict`` gives for every trial, and scores (n, n_classes) where they were wanted."""

    found: NDArray[Any]
    scores: NDArray[np.float64] | None

    def of(self, wants: str) -> NDArray[Any]:
        """What a metric wants: scores, or else what was predicted."""
        return self.scores if wants == "scores" and self.scores is not None else self.found


def cross_fit(
    estimator: Any,
    X: NDArray[Any],
    y: NDArray[Any],
    split: Split,
    scored: bool,
    groups: NDArray[np.intp] | None = None,
) -> Predictions:
    """Fit in every fold and predict its tested trials.

    Parameters
    ----------
    estimator
        Any scikit-learn estimator; cloned for every fold.
    X, y
        Measurements (n, …) and labels (n,) or (n, n_labels).
    split
        Which trials train and test.
    scored
        Whether decision values or probabilities are wanted, (n, n_classes) in the sorted order of
        all classes.
    groups
        What is independent of what, codes (n, k); see :func:`fit_with_groups`.

    Returns
    -------
    Predictions
        Rows that no fold tests hold the first label, or zeros.
    """
    classes = np.unique(y)
    found = np.full(y.shape, classes[0], dtype=y.dtype)
    scores = np.zeros((len(y), classes.size)) if scored else None
    for train, test in split:
        fitted = fit_with_groups(
            estimator, X[train], y[train], None if groups is None else groups[train]
        )
        found[test] = fitted.predict(X[test])
        if scores is not None:
            scores[test] = _scores(fitted, X[test], classes)
    return Predictions(found, scores)


def fit_with_groups(
    estimator: Any, X: NDArray[Any], y: NDArray[Any], groups: NDArray[np.intp] | None
) -> Any:
    """Fit a clone, which gets the trials' groups where it asks for them by metadata routing.

    So whatever splits training trials again (calibration, conformal sets, grid searches, early
    stopping) can hold out whole people and stimuli too. An estimator with the attribute
    ``crossed_groups = True`` gets all columns of groups, any other the first.

    Parameters
    ----------
    estimator
        Any scikit-learn estimator.
    X, y
        Training trials.
    groups
        Codes (n_train, k), None where nothing is held out.
    """
    fresh = clone(estimator)
    if groups is None:
        return fresh.fit(X, y)
    with config_context(enable_metadata_routing=True):
        if "groups" not in get_routing_for_object(fresh).consumes("fit", ["groups"]):
            return fresh.fit(X, y)
        last = fresh.steps[-1][1] if isinstance(fresh, Pipeline) else fresh
        crossed = getattr(last, "crossed_groups", False)
        return fresh.fit(X, y, groups=groups if crossed else groups[:, 0])


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
