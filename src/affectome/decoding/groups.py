"""What trials share inside a training set: folds that leave whole groups out, and who asks for it.

Trials of one person, or of one stimulus, are alike. A decoder that learns anything out of fold
(a temperature, the size of a set, when to stop) has to leave whole groups out while it does, and
where people and stimuli cross, both at once: else it believes itself as sure of strangers as of
those whom it knows.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.utils.metadata_routing import get_routing_for_object

from affectome.errors import InputError

Codes = NDArray[np.intp]
Fold = tuple[NDArray[np.intp], NDArray[np.intp]]


def group_columns(groups: ArrayLike | None, n_trials: int, purpose: str) -> Codes:
    """Give the codes of what trials share, shape (n_trials, n_columns).

    Parameters
    ----------
    groups
        One column, shape (n_trials,), or several that cross, shape (n_trials, n_columns). None says
        nothing of the trials: each is then its own group, and a warning says so.
    n_trials
        How many there are.
    purpose
        What is learned with them, for messages.

    Raises
    ------
    InputError
        If the shape is another, or there is one group only.
    """
    if groups is None:
        warnings.warn(
            f"{purpose} takes the trials as independent of each other, for want of groups; give "
            "the people, stimuli or sessions that they share as groups",
            UserWarning,
            stacklevel=3,
        )
        return np.arange(n_trials)[:, None]
    given = np.asarray(groups)
    if given.ndim not in (1, 2) or len(given) != n_trials:
        raise InputError(
            f"groups have the shape {given.shape} but there are {n_trials} trials; give one group "
            "a trial"
        )
    columns = given.reshape(n_trials, -1)
    codes = np.column_stack([pd.factorize(column)[0] for column in columns.T])
    if codes.max() == 0:
        raise InputError(f"{purpose} holds out whole groups, and there is one group; need two")
    return codes


def inner_folds(classes: Codes, groups: Codes, n_splits: int) -> list[Fold]:
    """Folds inside training trials that test groups which no training trial of theirs belongs to.

    Parameters
    ----------
    classes
        Codes of the classes, shape (n_trials,); parts hold a share of each as far as groups allow.
    groups
        From :func:`group_columns`. Where several columns cross, a fold tests a part of each at
        once, and trains on the trials that share nothing with it.
    n_splits
        Parts of each column, so that two columns that cross need its square of fits.

    Raises
    ------
    InputError
        If a class has one trial, or there is one class.
    """
    count = np.bincount(classes)
    if len(count) < 2 or count.min() < 2:
        raise InputError(
            f"two classes with two trials each are needed; the rarest has {count.min()}"
        )
    columns = [column for column in groups.T if len(np.unique(column)) > 1]
    sides = [_parts(classes, column, min(n_splits, int(count.min()))) for column in columns]
    folds = []
    for tests in product(*sides):
        test = np.all(tests, axis=0)
        train = ~np.any(tests, axis=0)
        if test.any() and train.any():
            folds.append((np.flatnonzero(train), np.flatnonzero(test)))
    return folds


def _parts(classes: Codes, column: Codes, n_parts: int) -> list[NDArray[np.bool_]]:
    """Which trials each part of a column holds, each part with its share of every class."""
    n_groups = len(np.unique(column))
    if n_groups == len(column):
        dealt = StratifiedKFold(n_parts, shuffle=True, random_state=0).split(column, classes)
    else:
        deal = StratifiedGroupKFold(min(n_parts, n_groups), shuffle=True, random_state=0)
        dealt = deal.split(column, classes, column)
    return [np.isin(np.arange(len(column)), test) for _, test in dealt]


def cross_fitted(
    estimator: Any,
    X: NDArray[Any],
    classes: Codes,
    groups: Codes,
    n_splits: int,
    read: Callable[[Any, NDArray[Any]], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Read each trial by a decoder that saw none of its groups, shape (n_trials, n_classes).

    Parameters
    ----------
    estimator
        Cloned for each fold; it gets the groups of its own trials if it asks for them.
    X, classes, groups, n_splits
        As in :func:`inner_folds`.
    read
        From a fitted decoder and trials to one column a class.

    Returns
    -------
    ndarray
        NaN where no fold tests a trial with every class in training.

    Raises
    ------
    InputError
        If that is so for all trials.
    """
    n_classes = int(classes.max()) + 1
    found = np.full((len(classes), n_classes), np.nan)
    for train, test in inner_folds(classes, groups, n_splits):
        if len(np.unique(classes[train])) == n_classes:
            fitted = fit_grouped(estimator, X[train], classes[train], groups[train])
            found[test] = read(fitted, X[test])
    if np.isnan(found).all():
        raise InputError(
            "no inner fold holds every class in training; give groups that each hold several "
            "classes, or more groups of each class"
        )
    return found


def fit_grouped(estimator: Any, X: NDArray[Any], y: NDArray[Any], groups: Codes) -> Any:
    """Fit a clone, with groups where it asks for them by scikit-learn's metadata routing.

    One that says ``crossed_groups = True`` gets all columns, shape (n_trials, n_columns); any other
    gets one, whose values are those of the first column.
    """
    own = clone(estimator)
    if not get_routing_for_object(own).consumes("fit", ["groups"]):
        return own.fit(X, y)
    given = groups if getattr(own, "crossed_groups", False) else groups[:, 0]
    with config_context(enable_metadata_routing=True):
        return own.fit(X, y, groups=given)
