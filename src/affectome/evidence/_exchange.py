"""Which labels may trade places when there is no effect, from what a split holds out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectome.evidence._arrangements import constant_within
from affectome.evidence._holdout import COARSE
from affectome.evidence._labels import is_rating
from affectome.evidence._predictions import fold_of
from affectome.evidence._split import Split
from affectome.evidence.nulls import (
    circular_shifts,
    permute_crossed,
    permute_whole,
    permute_within,
)

SHOWN = ("stimulus", *COARSE)


def arrange(
    y: NDArray[Any], split: Split, n_permutations: int, random_state: int
) -> tuple[NDArray[Any], str]:
    """Draw labels under the null, shape (n_permutations, n_trials), and say how.

    Time series are shifted. Labels that are constant within a held-out group trade places by whole
    groups. Labels that vary within what was shown move with it, for all subjects alike where the
    design is crossed. All other labels are permuted within the groups.
    """
    if split.kind == "time":
        return _shift(y, split, n_permutations, random_state)
    columns = {name: np.asarray(split.columns[name]) for name in split.by}
    fold = fold_of(split, len(y))
    if not columns:
        trials = np.arange(len(y))
        drawn = permute_whole(y, trials, None, n_permutations, random_state, fold)
        return drawn, "labels permuted over trials"
    fixed = [name for name, values in columns.items() if constant_within(y, values)]
    if fixed:
        name = min(fixed, key=lambda c: len(np.unique(columns[c])))
        units = columns[name]
        around = [c for c in columns if c not in fixed and constant_within(columns[c], units)]
        blocks = columns[around[0]] if around else None
        within = f" within {around[0]}" if around else ""
        parts = None if around else _first_fold(units, fold)
        drawn = permute_whole(y, units, blocks, n_permutations, random_state, parts)
        return drawn, f"labels permuted over whole values of {name}{within}"
    shown = _shown(columns)
    kept = [name for name in columns if name != shown]
    if shown is not None and not kept:
        drawn = permute_whole(y, columns[shown], None, n_permutations, random_state)
        return drawn, f"label sequences permuted over whole values of {shown}"
    if shown is not None and _crossed_once(columns[kept[0]], columns[shown]):
        drawn = permute_crossed(y, columns[kept[0]], columns[shown], n_permutations, random_state)
        return drawn, f"{shown} permuted for all alike"
    drawn = permute_within(y, _joint(columns, kept), n_permutations, random_state)
    return drawn, f"labels permuted within {' and '.join(kept)}"


def borrow(y: NDArray[Any], split: Split, n_draws: int, random_state: int) -> NDArray[Any] | None:
    """Draw labels under the null with whole groups exchanged, too, shape (n_draws, n_trials).

    Labels that trade places within a person keep that person's mean rating or share of classes.
    That is right for p. How far the scores of *other* people would lie depends on such means
    as well, so here each group takes the labels of another one, in random order. None where
    groups trade places anyway.
    """
    columns = {name: np.asarray(split.columns[name]) for name in split.by}
    shown = _shown(columns)
    kept = [name for name in columns if name != shown]
    whole = any(constant_within(y, values) for values in columns.values())
    if split.kind == "time" or whole or not kept:
        return None
    rng = np.random.default_rng(random_state)
    if shown is not None and _crossed_once(columns[kept[0]], columns[shown]):
        drawn = permute_crossed(y, columns[kept[0]], columns[shown], n_draws, random_state)
        subject, stimulus = (pd.factorize(columns[c])[0] for c in (kept[0], shown))
        trial = np.empty((subject.max() + 1, stimulus.max() + 1), dtype=np.intp)
        trial[subject, stimulus] = np.arange(len(y))
        orders = [rng.permutation(len(trial)) for _ in range(n_draws)]
        return np.stack(
            [d[trial[o[subject], stimulus]] for d, o in zip(drawn, orders, strict=True)]
        )
    codes = _joint(columns, kept)
    rows = [np.flatnonzero(codes == g) for g in range(int(codes.max()) + 1)]
    index = np.empty((n_draws, len(y)), dtype=np.intp)
    for draw in index:
        for mine, other in zip(rows, rng.permutation(len(rows)), strict=True):
            draw[mine] = np.resize(rng.permutation(rows[other]), mine.size)
    drawn = np.asarray(y[index])
    return drawn[[_can_train(labels, y, split) for labels in drawn]]


def _can_train(labels: NDArray[Any], y: NDArray[Any], split: Split) -> bool:
    """Whether every training set holds every class; always so for ratings and several labels."""
    if y.ndim > 1 or is_rating(y):
        return True
    n_classes = len(np.unique(y))
    return all(len(np.unique(labels[train])) == n_classes for train, _ in split)


def _shown(columns: Mapping[str, NDArray[Any]]) -> str | None:
    return next((name for name in columns if name in SHOWN), None)


def _joint(columns: Mapping[str, NDArray[Any]], names: Sequence[str]) -> NDArray[np.intp]:
    return np.asarray(pd.factorize(pd.MultiIndex.from_arrays([columns[n] for n in names]))[0])


def _first_fold(units: NDArray[Any], fold: NDArray[np.intp]) -> NDArray[np.intp]:
    """Smallest number of a fold that tests the unit of each trial.

    In a double hold-out a stimulus is tested in several folds, and none of them tests a stimulus of
    another part.
    """
    codes = pd.factorize(units)[0]
    first = np.full(codes.max() + 1, fold.max() + 1)
    np.minimum.at(first, codes[fold >= 0], fold[fold >= 0])
    return first[codes]


def _shift(
    y: NDArray[Any], split: Split, n_permutations: int, random_state: int
) -> tuple[NDArray[Any], str]:
    time, run = np.asarray(split.columns["time"]), np.asarray(split.columns["run"])
    order = np.lexsort((time, run))
    steps = np.diff(time[order])[np.diff(run[order]) == 0]
    step = float(np.median(steps[steps > 0])) if np.any(steps > 0) else 1.0
    min_shift = max(1, int(np.ceil(split.gap / step)))
    drawn = np.empty((n_permutations, *y.shape), dtype=y.dtype)
    drawn[:, order] = circular_shifts(y[order], run[order], min_shift, n_permutations, random_state)
    return drawn, f"labels shifted along each run by {min_shift} trials or more"


def _crossed_once(rows: NDArray[Any], columns: NDArray[Any]) -> bool:
    """Whether each row value meets each column value exactly once."""
    table = pd.crosstab(pd.factorize(rows)[0], pd.factorize(columns)[0]).to_numpy()
    return bool((table == 1).all())
