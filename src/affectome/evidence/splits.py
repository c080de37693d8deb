"""Splits: which trials train and which are tested, with a proof that they share nothing.

A random split of trials lets a decoder recognise the person, the picture or the minute instead of
the emotion. Here whole subjects, whole stimuli, or both at once are held out, and a :class:`Split`
that would share one of them between training and test can't be made.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from affectome.errors import InputError
from affectome.evidence._deal import deal
from affectome.evidence._holdout import column_of, held_out, honest_columns, not_nested
from affectome.evidence._labels import check_labels, is_rating, strata
from affectome.evidence._split import Fold, Split, apart

__all__ = [
    "Split",
    "check_training",
    "inner_split",
    "make_split",
    "purged_time_split",
    "wrap_splitter",
]

RUNS = frozenset({"session", "run", "block"})


def make_split(
    trials: pd.DataFrame,
    y: ArrayLike | None = None,
    holdout: str | Sequence[str] | None = None,
    n_splits: int | None = None,
    random_state: int = 0,
) -> Split:
    """Hold out whole subjects, stimuli, sessions, or several of those at once.

    With several columns a test trial shares none of them with training: the groups of every column
    are dealt into ``n_splits`` parts, each combination of parts is tested once, and trains on the
    trials that lie outside all of its parts. A column whose every value occurs with a single value
    of another one (pictures of a theme) is held out with that one.

    Parameters
    ----------
    trials
        One row a trial.
    y
        Labels, or ratings as floats, shape (n_trials,). Groups are dealt so that each part has its
        share of every class.
    holdout
        Columns to hold out. ``None`` is the honest default: subject and stimulus (or the theme or
        source that stimuli belong to) where the table names both, otherwise the one that it names.
        ``"random"`` holds out single rows and marks the split as such.
    n_splits
        Parts a column is dealt into; by default 5, or fewer so that each part can have a group of
        every class.
    random_state
        Seed of the dealing.

    Raises
    ------
    InputError
        If there is nothing to hold out by, a column is missing or has empty rows, there is one
        group only, fewer groups than parts, one class, or a class that some training set would
        lack.
    """
    n = len(trials)
    labels = None if y is None else check_labels(y, n)
    classes = np.zeros(n, dtype=np.intp) if labels is None else strata(labels)
    names = held_out(trials, holdout)
    rng = np.random.default_rng(random_state)
    if names == ("random",):
        return _random_split(classes, labels, n_splits or 5, rng)
    columns = {name: column_of(trials, name) for name in names}
    parts = [deal(columns[name], name, classes, n_splits, rng) for name in not_nested(columns)]
    kind = "double" if len(parts) > 1 else "blocked" if names[0] in RUNS else "group"
    folds: list[Fold] = []
    for cell in itertools.product(*(range(int(part.max()) + 1) for part in parts)):
        test = np.logical_and.reduce([p == c for p, c in zip(parts, cell, strict=True)])
        train = np.logical_and.reduce([p != c for p, c in zip(parts, cell, strict=True)])
        if test.any():
            folds.append((np.flatnonzero(train), np.flatnonzero(test)))
    split = Split(kind, names, tuple(folds), columns)
    if labels is not None:
        check_training(split, labels)
    return split


def purged_time_split(
    time: ArrayLike,
    gap: float,
    n_splits: int = 5,
    run: ArrayLike | None = None,
) -> Split:
    """Test consecutive stretches of time, and train on what is at least ``gap`` seconds away.

    Parameters
    ----------
    time
        Seconds at which trials begin, shape (n_trials,).
    gap
        Seconds to purge on both sides of a tested stretch; longer than windows and slow drifts.
    n_splits
        Number of stretches, which hold equally many trials.
    run
        The run each trial belongs to, shape (n_trials,); clocks of different runs don't compare.

    Raises
    ------
    InputError
        If times are not finite, the gap is negative, or a stretch leaves nothing to train on.
    """
    seconds = np.asarray(time, dtype=float)
    runs = np.zeros(seconds.size, dtype=int) if run is None else pd.factorize(np.asarray(run))[0]
    if not np.isfinite(seconds).all():
        row = int(np.flatnonzero(~np.isfinite(seconds))[0])
        raise InputError(f"the time of trial {row} is not finite; drop that trial")
    if runs.size != seconds.size:
        raise InputError(f"{seconds.size} times but {runs.size} runs; give one of each a trial")
    if gap < 0:
        raise InputError(f"the gap is at least 0 seconds; got {gap:g}")
    if not 2 <= n_splits <= seconds.size:
        raise InputError(f"{seconds.size} trials can't be cut into {n_splits} stretches of time")
    folds: list[Fold] = []
    for test in np.array_split(np.lexsort((seconds, runs)), n_splits):
        near = np.zeros(seconds.size, dtype=bool)
        near[test] = True
        for name in np.unique(runs[test]):
            inside = seconds[test][runs[test] == name]
            near |= (runs == name) & (seconds > inside.min() - gap) & (seconds < inside.max() + gap)
        if near.all():
            raise InputError(
                f"a gap of {gap:g} s leaves no trial to train on in fold {len(folds)}; "
                "take a smaller gap or fewer folds"
            )
        folds.append((np.flatnonzero(~near), np.sort(test)))
    return Split("time", (), tuple(folds), {"time": seconds, "run": runs}, gap)


def wrap_splitter(
    splitter: Any,
    trials: pd.DataFrame,
    y: ArrayLike | None = None,
    by: str | Sequence[str] | None = None,
) -> Split:
    """Take the folds of a scikit-learn splitter, or a list of pairs, and check them.

    Parameters
    ----------
    splitter
        Anything with ``split(X, y, groups)``, or an iterable of pairs ``(train, test)``.
    trials
        One row a trial.
    y
        Labels handed to the splitter, shape (n_trials,).
    by
        Columns that must not be shared; the values of the first are handed over as ``groups``. By
        default the columns that :func:`make_split` would hold out, and the Split names those of
        them that the folds do keep apart: none of them makes it a random split.

    Raises
    ------
    InputError
        If the folds share rows, or values of a column in ``by``.
    """
    honest = honest_columns(trials) if by is None else ()
    names = honest if by is None else (by,) if isinstance(by, str) else tuple(by)
    columns = {name: column_of(trials, name) for name in names}
    labels = None if y is None else check_labels(y, len(trials))
    if hasattr(splitter, "split"):
        groups = columns[names[0]] if names else None
        folds = _split_by(splitter, len(trials), labels, groups)
    else:
        folds = [(np.asarray(train), np.asarray(test)) for train, test in splitter]
    if max((int(np.max(rows, initial=0)) for fold in folds for rows in fold), default=0) >= len(
        trials
    ):
        raise InputError(f"the given folds list rows beyond the {len(trials)} trials")
    if by is None:
        names = tuple(name for name in names if apart(columns[name], folds))
    return Split("given", names, tuple(folds), columns)


def _split_by(
    splitter: Any, n: int, y: NDArray[Any] | None, groups: NDArray[Any] | None
) -> list[Fold]:
    try:
        with warnings.catch_warnings():
            # KFold warns that it ignores groups; what its folds share is found by the caller.
            warnings.simplefilter("ignore", UserWarning)
            return list(splitter.split(np.zeros((n, 1)), y, groups))
    except ValueError as error:
        kind = type(splitter).__name__
        raise InputError(f"{kind} can't split these trials: {error}") from None


def inner_split(split: Split, fold: int, y: ArrayLike | None = None, n_splits: int = 3) -> Split:
    """Split the training rows of one fold again by the same columns, to choose hyper-parameters.

    Parameters
    ----------
    split
        The outer split.
    fold
        Which of its folds.
    y
        Labels of all trials.
    n_splits
        Parts of the inner split.

    Returns
    -------
    Split
        Row numbers count within ``split.folds[fold][0]``, as ``GridSearchCV(cv=…)`` wants them.
    """
    train = split.folds[fold][0]
    columns = {name: np.asarray(values)[train] for name, values in split.columns.items()}
    labels = None if y is None else np.asarray(y)[train]
    if split.kind == "time":
        return purged_time_split(columns["time"], split.gap, n_splits, columns["run"])
    holdout: Sequence[str] = split.by or ("random",)
    table = pd.DataFrame(columns, index=pd.RangeIndex(train.size))
    return make_split(table, labels, holdout, n_splits, random_state=fold)


def check_training(split: Split, labels: NDArray[Any]) -> None:
    """Refuse a split of which some training set lacks a class.

    Raises
    ------
    InputError
        Naming the class and the fold.
    """
    if labels.ndim != 1 or is_rating(labels):
        return
    codes, names = pd.factorize(labels, sort=True)
    for number, (train, _) in enumerate(split.folds):
        absent = np.flatnonzero(np.bincount(codes[train], minlength=len(names)) == 0)
        if absent.size:
            held = " and ".join(split.by) or "rows"
            raise InputError(
                f"the class {names[absent[0]]!s} has {int((codes == absent[0]).sum())} trials, all "
                f"held out at once in fold {number} (by {held}), so nothing is left to learn it "
                "from; drop or merge the class, take more folds, or hold out something else"
            )


def _random_split(
    classes: NDArray[np.intp],
    labels: NDArray[Any] | None,
    n_splits: int,
    rng: np.random.Generator,
) -> Split:
    n = classes.size
    if not 2 <= n_splits <= n:
        raise InputError(f"{n} trials can't be cut into {n_splits} folds; take 2 to {n}")
    counts = np.bincount(classes)
    smallest = int(counts[counts > 0].min())
    if labels is not None and not is_rating(labels) and smallest < n_splits:
        raise InputError(
            f"the smallest class has {smallest} trials, fewer than {n_splits} folds; take "
            f"n_splits={max(smallest, 2)}, or drop the class"
        )
    part = np.empty(n, dtype=np.intp)
    part[np.lexsort((rng.permutation(n), classes))] = np.arange(n) % n_splits
    folds = tuple((np.flatnonzero(part != k), np.flatnonzero(part == k)) for k in range(n_splits))
    return Split("random", (), folds)
