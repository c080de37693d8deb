"""Columns: what each reads of the label on its own, which are constant, which are copies.

A column is cut into up to 32 bins of equal counts, eight values or more in each (categories are
their own bins; so is a missing value). In each fold the other folds say what a bin means, and the
skill of a column is what it then reads of the held-out trials: for a class, hit rate less false
alarm rate (Youden's J, the best class counts); for ratings, the squared correlation. The relation
may have any shape, nothing is fitted that could overfit, and ten thousand columns take seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from affectome.audit.findings import Finding, listed
from affectome.evidence.quick import Folds, difference_bounds, fold_numbers, normal_reach

N_BINS = 32
FEWEST_IN_BIN = 8
ALPHA = 0.05
MOST_PAIRED = 3000
SAME = 1.0 - 1e-9
LEAST_READ = 0.1
NO_MATCH = 1000


@dataclass(frozen=True)
class Reading:
    """What each column reads, arrays of shape (p,).

    Attributes
    ----------
    skill
        Skill of its best class (or of the ratings).
    low, high
        Interval that holds for all columns and classes at once (95 %, Bonferroni).
    sure
        Lower bound for this column alone (95 %).
    best
        Its best class.
    over
        What the intervals are drawn over, in words.
    """

    skill: np.ndarray
    low: np.ndarray
    high: np.ndarray
    sure: np.ndarray
    best: np.ndarray
    over: str


def bins_of(X: np.ndarray) -> np.ndarray:
    """Bins (n, p) of numeric columns, of eight values or more; the last is for missing values."""
    codes = np.empty(X.shape, dtype=np.int16)
    n_bins = int(np.clip(len(X) // FEWEST_IN_BIN, 4, N_BINS))
    for j in range(X.shape[1]):
        column = X[:, j]
        there = ~np.isnan(column)
        values = np.unique(column[there])
        if len(values) > n_bins:
            edges = np.unique(np.quantile(column[there], np.linspace(0, 1, n_bins + 1)[1:-1]))
            codes[:, j] = np.searchsorted(edges, column, side="right")
        else:
            codes[:, j] = np.searchsorted(values, column)
        codes[~there, j] = N_BINS
    return codes


def read_columns(
    codes: np.ndarray,
    y: np.ndarray,
    n_classes: int,
    folds: Folds,
    units: np.ndarray | None = None,
    n_tests: int | None = None,
) -> Reading:
    """Skill of every column on its own.

    Parameters
    ----------
    codes
        Bins, shape (n, p), from 0 on.
    y
        Class numbers or ratings, shape (n,).
    n_classes
        Number of classes, 0 for ratings.
    folds
        Pairs (train, test) that test every trial once.
    units
        What is independent of what, codes (n,): bounds count as many trials as the groups are
        worth. Every trial by default.
    n_tests
        Number of columns that the intervals hold for at once; p by default.
    """
    fold = fold_numbers(folds, len(y))
    tests = n_tests or codes.shape[1]
    read = _read_class_column if n_classes else _read_rating_column
    rows = [
        read(codes[:, j].astype(int), y, n_classes, fold, units, tests)
        for j in range(codes.shape[1])
    ]
    table = np.array(rows).reshape(-1, 5)
    skill, low, high, sure, best = table.T
    over = f"{len(y)} trials"
    if units is not None:
        over += f" of {int(units.max()) + 1} groups"
    return Reading(skill, low, high, sure, best.astype(int), over)


def _read_class_column(
    code: np.ndarray,
    y: np.ndarray,
    n_classes: int,
    fold: np.ndarray,
    units: np.ndarray | None,
    tests: int,
) -> tuple[float, float, float, float, int]:
    n_folds, n_bins = fold.max() + 1, code.max() + 1
    cell = (fold * n_bins + code) * n_classes + y
    counts = np.bincount(cell, minlength=n_folds * n_bins * n_classes)
    test = counts.reshape(n_folds, n_bins, n_classes).astype(float)
    train = test.sum(axis=0) - test
    size = train.sum(axis=1, keepdims=True)
    rest = train.sum(axis=2, keepdims=True)
    others = np.maximum(rest.sum(axis=1, keepdims=True) - size, 1.0)
    positive = train / np.maximum(size, 1.0) > (rest - train) / others
    hits = (test * positive).sum(axis=(0, 1))
    alarms = ((test.sum(axis=2, keepdims=True) - test) * positive).sum(axis=(0, 1))
    n_in = np.bincount(y, minlength=n_classes).astype(float)
    n_out = len(y) - n_in
    j = hits / np.maximum(n_in, 1.0) - alarms / np.maximum(n_out, 1.0)
    best = int(j.argmax())
    pair = [hits[best], n_in[best], alarms[best], n_out[best]]
    if units is not None and j[best] > LEAST_READ:
        said = positive[fold, code, best]
        rate = np.where(y == best, hits[best] / n_in[best], alarms[best] / max(n_out[best], 1))
        worth = min(1.0, _worth(said - rate, y == best, units, tests))
        pair = [v * worth for v in pair]
    counted = (pair[0], pair[1], pair[2], pair[3])
    low, high = difference_bounds(*counted, normal_reach(tests * n_classes))
    return float(j[best]), low, high, difference_bounds(*counted, normal_reach())[0], best


def _worth(left: np.ndarray, is_c: np.ndarray, units: np.ndarray, tests: int) -> float:
    """How many independent trials one trial is worth (Kish 1965).

    That is the variance of the skill if trials were independent, over its variance between groups.
    A column that errs nowhere where groups have one label each is worth its groups, unless there
    are so many ways to label the groups that none of all the columns could match by chance.
    """
    weight = np.where(is_c, 1.0 / is_c.sum(), -1.0 / max((~is_c).sum(), 1))
    alone = float(((left * weight) ** 2).sum())
    n_groups = int(units.max()) + 1
    together = float((np.bincount(units, left * weight) ** 2).sum()) * n_groups / (n_groups - 1)
    if together > 0 and alone > 0:
        return alone / together
    shared = np.bincount(units, is_c) % np.bincount(units) == 0
    if not shared.all():
        return 1.0
    labelled = int((np.bincount(units, is_c) > 0).sum())
    return 1.0 if comb(n_groups, labelled) >= NO_MATCH * tests else n_groups / len(units)


def _read_rating_column(
    code: np.ndarray,
    y: np.ndarray,
    _: int,
    fold: np.ndarray,
    units: np.ndarray | None,
    tests: int,
) -> tuple[float, float, float, float, int]:
    n_folds, n_bins = fold.max() + 1, code.max() + 1
    cell = fold * n_bins + code
    size = np.bincount(cell, minlength=n_folds * n_bins).reshape(n_folds, n_bins)
    total = np.bincount(cell, y, minlength=n_folds * n_bins).reshape(n_folds, n_bins)
    n_train, s_train = size.sum(axis=0) - size, total.sum(axis=0) - total
    mean = s_train.sum(axis=1, keepdims=True) / np.maximum(n_train.sum(axis=1, keepdims=True), 1)
    # one trial's worth of the mean keeps a bin with a trial or two from shouting
    estimate = ((s_train + mean) / (n_train + 1.0))[fold, code]
    a, b = estimate - estimate.mean(), y - y.mean()
    spread = float(a.std() * b.std())
    covariance = float(np.mean(a * b))
    r = covariance / spread if spread > 1e-12 * max(1.0, float(y.std()) ** 2) else 0.0
    n = float(len(y))
    if units is not None and r * abs(r) > LEAST_READ:
        a, b = a / a.std(), b / b.std()
        # the influence of a trial on r
        pull = a * b - r * (a**2 + b**2) / 2
        n_groups = int(units.max()) + 1
        between = (np.bincount(units, pull) ** 2).sum() * n_groups / (n_groups - 1)
        n *= min(1.0, float((pull**2).sum() / max(between, 1e-300)))
    low, high = _correlation(r, n, normal_reach(tests))
    return r * abs(r), low, high, _correlation(r, n, normal_reach())[0], 0


def _correlation(r: float, n: float, z: float) -> tuple[float, float]:
    """Bounds of a signed square of a correlation (Fisher 1921)."""
    middle, half = np.arctanh(np.clip(r, -0.9999999, 0.9999999)), z / np.sqrt(max(n - 3, 1))
    low, high = np.tanh([middle - half, middle + half])
    return float(low * abs(low)), float(high * abs(high))


def constant_columns(
    X: np.ndarray, names: tuple[str, ...], notes: pd.DataFrame
) -> tuple[list[Finding], np.ndarray]:
    """Columns with one value or none, and which columns of ``X`` vary, shape (p,).

    A column of one value that is missing here and there is constant, but varies: that it is missing
    may tell something. ``notes`` are further columns, such as text.
    """
    there = ~np.isnan(X)
    first = np.where(there, X, -np.inf).max(axis=0, initial=-np.inf)
    last = np.where(there, X, np.inf).min(axis=0, initial=np.inf)
    flat = first <= last
    constant = [n for n, f in zip(names, flat, strict=True) if f]
    constant += [str(c) for c in notes if notes[c].nunique() < 2]
    varies = ~flat | (there.any(axis=0) & (~there).any(axis=0))
    if not constant:
        return [], varies
    of = len(names) + notes.shape[1]
    finding = Finding(
        "constant_columns",
        "low",
        f"{len(constant)} of {of} columns never change ({listed(constant)}).",
        {"constant": len(constant), "without_any_value": int((~there.any(0)).sum()), "of": of},
        "Drop them: they carry nothing, and a scaler divides by zero.",
        "a column that never changes changes no score",
        constant,
    )
    return [finding], varies


def duplicate_columns(
    X: np.ndarray, names: tuple[str, ...], varies: np.ndarray, categories: pd.DataFrame
) -> tuple[list[Finding], np.ndarray]:
    """Columns that are copies of another, and the first of its kind of each column of ``X``.

    Numbers are copies up to scale, or if they have the same ranks; categories if they part the
    trials alike, whatever the values are called.
    """
    first = np.arange(X.shape[1])
    columns = np.flatnonzero(varies)[:MOST_PAIRED]
    if len(X) > 2 and len(columns) > 1:
        Z = X[:, columns].astype(float)
        Z = np.where(np.isnan(Z), np.nanmean(Z, axis=0), Z)
        for values in (Z, rankdata(Z, axis=0)):
            for i, j in np.argwhere(np.triu(np.abs(_correlations(values)) >= SAME, 1)):
                first[columns[j]] = min(first[columns[j]], first[columns[i]])
    copies = np.flatnonzero(first != np.arange(len(first)))
    pairs = [(names[first[j]], names[j]) for j in copies]
    few = [j for j in columns if first[j] == j and len(np.unique(X[:, j])) <= N_BINS]
    pairs += _same_parts(pd.DataFrame(X[:, few], columns=[names[j] for j in few]), categories)
    if not pairs:
        return [], first
    said = [f"{b} = {a}" for a, b in pairs]
    finding = Finding(
        "duplicate_columns",
        "low",
        f"Columns that repeat another, but for scale or names: {len(pairs)} ({listed(said, 3)}).",
        {
            "copies": len(pairs),
            "pairs": [list(pair) for pair in pairs[:50]],
            "correlation_at_least": SAME,
        },
        "Keep one of each: a copy doubles the weight of what it measures and spoils selection.",
        "a copy of a column adds nothing to a score that a penalty would not change as much",
        [b for _, b in pairs],
    )
    return [finding], first


def _correlations(values: np.ndarray) -> np.ndarray:
    Z = values - values.mean(axis=0)
    Z /= np.maximum(np.linalg.norm(Z, axis=0), 1e-300)
    return np.asarray(Z.T @ Z)


def _same_parts(numbers: pd.DataFrame, categories: pd.DataFrame) -> list[tuple[str, str]]:
    """Categories that part the trials as an earlier column does: (the earlier, the copy)."""
    seen: dict[bytes, str] = {}
    pairs = []
    for name, column in (*numbers.items(), *categories.items()):
        codes = pd.factorize(column)[0]
        key = codes.astype(np.int32).tobytes()
        if name in categories and key in seen and codes.max() > 0:
            pairs.append((seen[key], str(name)))
        seen.setdefault(key, str(name))
    return pairs


def category_codes(table: pd.DataFrame) -> np.ndarray:
    """Categories of text columns as bins, shape (n, p)."""
    codes = np.zeros(table.shape, dtype=np.int32)
    for j, name in enumerate(table.columns):
        found = pd.factorize(table[name])[0]
        codes[:, j] = np.where(found < 0, found.max() + 1, found)
    return codes
