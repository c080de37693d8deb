"""Splits: which trials train and which are tested, with a proof that they share nothing.

A random split of trials lets a decoder recognise the person, the picture or the minute instead of
the emotion. Here whole subjects, whole stimuli, or both at once are held out, and a :class:`Split`
that would share one of them between training and test can't be made.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from affectome.data.roles import role_of
from affectome.errors import InputError, no_column
from affectome.evidence.labels import check_labels, is_rating, strata
from affectome.evidence.split import Fold, Split, apart

__all__ = [
    "Split",
    "check_training",
    "inner_split",
    "make_split",
    "purged_time_split",
    "wrap_splitter",
]

RUNS = frozenset({"session", "run", "block"})
COARSE = ("group", "theme", "source")
FEWEST_HOMES = 4


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

    Examples
    --------
    >>> import pandas as pd
    >>> trials = pd.DataFrame({"subject": list("aabbcc"), "emotion": ["joy", "fear"] * 3})
    >>> af.make_split(trials, trials["emotion"])
    Split(group): 3 folds, held out: subject
      4 trials train, 2 are tested in a fold
      subject: 3 groups
    """
    n = len(trials)
    labels = None if y is None else check_labels(y, n)
    classes = np.zeros(n, dtype=np.intp) if labels is None else strata(labels)
    names = held_out(trials, holdout, labels)
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


def held_out(
    trials: pd.DataFrame,
    holdout: str | Sequence[str] | None,
    labels: NDArray[Any] | None = None,
) -> tuple[str, ...]:
    """Names of the columns to hold out; the honest default where ``holdout`` is None."""
    if holdout is not None:
        names = (holdout,) if isinstance(holdout, str) else tuple(holdout)
        if not names:
            raise InputError("holdout is empty; name a column, or 'random' for single rows")
        return names
    subject, stimulus = named(trials, "subject"), named(trials, "stimulus")
    chosen = [name for name in (subject, stimulus) if name is not None]
    coarse = next((c for c in COARSE if several(trials, c)), None)
    whole = None if stimulus is None else belongs_to(trials, stimulus, "stimulus")
    home = None if subject is None else belongs_to(trials, subject, "session")
    if whole in COARSE or (whole is not None and _classes_recur(trials[whole], labels)):
        chosen[chosen.index(str(stimulus))] = str(whole)
    elif coarse is not None and (
        not chosen or (chosen == [subject] and not nested(trials[subject], trials[coarse]))
    ):
        chosen.append(coarse)
    if home is not None and labels is not None and _of_homes(trials, str(subject), home, labels):
        chosen[chosen.index(str(subject))] = home
    chosen = chosen or [c for c in map(str, trials.columns) if _is_session(trials, c)][:1]
    if not chosen:
        raise InputError(
            "there is nothing to hold out by: the trials name no subject, stimulus, group or "
            "session with two values or more; name a column with holdout=, or ask for "
            "holdout='random' and have the result marked so"
        )
    return tuple(chosen)


def named(trials: pd.DataFrame, role: str) -> str | None:
    """Name of the column that names subjects, or stimuli: by that name, else by a word for it."""
    if several(trials, role):
        return role
    for name in map(str, trials.columns):
        column = trials[name]
        if role_of(name) != role or name in COARSE or not several(trials, name):
            continue
        whole = column.dtype.kind != "f" or bool((column.dropna() % 1 == 0).all())
        if whole and column.nunique() <= len(trials) / 1.5:
            return name
    return None


def belongs_to(trials: pd.DataFrame, fine: str, role: str) -> str | None:
    """Coarsest column of a role whose values hold whole values of ``fine``; None if none does.

    Clips belong to films and pictures to themes (role ``"stimulus"``); people belong to sites,
    families and days of measurement, mice to litters and cages (role ``"session"``).
    """
    n = trials[fine].nunique()
    coarse = [
        name
        for name in map(str, trials.columns)
        if role_of(name) == role
        and name not in (fine, *(() if role == "session" else RUNS))
        and 1 < trials[name].nunique() < n
        and nested(trials[fine], trials[name])
    ]
    return min(coarse, key=lambda name: trials[name].nunique(), default=None)


def _of_homes(trials: pd.DataFrame, subject: str, home: str, labels: NDArray[Any]) -> bool:
    """Whether labels are those of people whose sites or families can be held out as wholes."""
    if labels.ndim != 1 or not nested(trials[subject], labels):
        return False
    many = trials[home].nunique() >= FEWEST_HOMES or nested(trials[home], labels)
    return many and _classes_recur(trials[home], labels)


def _classes_recur(groups: pd.Series, labels: NDArray[Any] | None) -> bool:
    """Whether each class is found in two groups or more, so that they can be held out."""
    if labels is None or labels.ndim != 1 or is_rating(labels):
        return True
    return bool(groups.groupby(labels).nunique().min() > 1)


def several(trials: pd.DataFrame, name: str) -> bool:
    """Whether there is such a column, with two values or more."""
    return name in trials and trials[name].nunique() > 1


def _is_session(trials: pd.DataFrame, name: str) -> bool:
    return (role_of(name) == "session" or name in RUNS) and several(trials, name)


def nested(inner: ArrayLike, outer: ArrayLike) -> bool:
    """Whether every value of ``inner`` occurs with one value of ``outer``."""
    pairs = pd.DataFrame({"inner": np.asarray(inner), "outer": np.asarray(outer)})
    return len(pairs.drop_duplicates()) == pairs["inner"].nunique()


def column_of(trials: pd.DataFrame, name: str) -> NDArray[Any]:
    """Values of a column that is there and has no empty rows."""
    if name not in trials:
        raise no_column("the trials have", name, trials.columns, "to hold out")
    column = trials[name]
    empty = (column.isna() | (column.astype(str) == "")).to_numpy()
    if empty.any():
        row = int(empty.argmax())
        raise InputError(
            f"the column {name!r} is empty in {int(empty.sum())} of {len(column)} trials, "
            f"the first is trial {row}; fill it, or drop those"
        )
    return column.to_numpy()


def not_nested(columns: Mapping[str, NDArray[Any]]) -> list[str]:
    """Names of the columns that are not already held out with another one."""
    kept: list[str] = []
    names = list(columns)
    for name in names:
        others = kept + names[names.index(name) + 1 :]
        if not any(nested(columns[name], columns[other]) for other in others):
            kept.append(name)
    return kept


def honest_columns(trials: pd.DataFrame) -> tuple[str, ...]:
    """The columns that the default holds out, none where the trials name none."""
    try:
        return held_out(trials, None)
    except InputError:
        return ()


def deal(
    values: NDArray[Any],
    name: str,
    classes: NDArray[np.intp],
    n_splits: int | None,
    rng: np.random.Generator,
) -> NDArray[np.intp]:
    """Part of every trial, dealt by groups so that each part has its share of every class.

    Groups are ordered by the rarest class they hold, then by size, and dealt in turn: the groups of
    a class that few groups hold land in different parts.
    """
    codes, levels = pd.factorize(values)
    n_groups = len(levels)
    if n_groups < 2:
        raise InputError(
            f"there is only one {name} ({levels[0]!s}), so none can be held out; "
            "hold out something else"
        )
    held = np.zeros((n_groups, int(classes.max()) + 1), dtype=bool)
    held[codes, classes] = True
    holders = held.sum(axis=0)
    parts = min(5, max(2, int(holders[holders > 0].min()))) if n_splits is None else n_splits
    if not 2 <= parts <= n_groups:
        raise InputError(
            f"{parts} folds need at least {max(parts, 2)} groups, but {name} has {n_groups}; "
            f"take n_splits from 2 to {n_groups}"
        )
    rarest = np.where(held, holders, n_groups + 1).argmin(axis=1)
    size = np.bincount(codes, minlength=n_groups)
    order = np.lexsort((rng.permutation(n_groups), -size, rarest))
    part = np.empty(n_groups, dtype=np.intp)
    part[order] = np.arange(n_groups) % parts
    return part[codes]
