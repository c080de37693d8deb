"""Quick looks at thousands of columns and pairs: folds, skills with their draws, and bounds.

What is read is a skill: 0 for guessing, 1 for all. For classes it is balanced accuracy above
chance, ``(b - 1/k) / (1 - 1/k)``; for ratings the squared correlation of estimate and rating, with
its sign. Each trial adds to sums a group: a bootstrap over groups is one matrix product. Nothing is
proved of these folds, and they are no :class:`Split`: random ones are what honest ones are held
against.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from affectome.evidence.claims import Null
from affectome.evidence.labels import strata
from affectome.evidence.splits import deal

Folds = Sequence[tuple[np.ndarray, np.ndarray]]
N_SPLITS = 5
LEVEL = 0.05


def drawn_order(n: int, rng: np.random.Generator) -> np.ndarray:
    """Order in which n trials, columns or groups are drawn, shape (n,)."""
    return rng.permutation(n)


def drawn_labels(y: np.ndarray, n_draws: int, rng: np.random.Generator) -> np.ndarray:
    """Labels that trade places freely, shape (n_draws, n)."""
    return np.stack([rng.permutation(y) for _ in range(n_draws)])


def normal_reach(tests: int = 1) -> float:
    """Standard errors that 95 % bounds lie away, for so many of them at once (Bonferroni)."""
    return float(stats.norm.isf(LEVEL / (2 * max(tests, 1))))


def gap_test(
    gap: float, spread: float, n_groups: int, tests: int, n_draws: int
) -> tuple[tuple[float, float], float, Null]:
    """Interval and p of a difference between two scores of the same trials, by its draws' spread.

    Parameters
    ----------
    gap
        The difference.
    spread
        Its standard error over draws of groups.
    n_groups, n_draws
        How many groups were drawn, and how often.
    tests
        How many differences it is one of.
    """
    df = max(n_groups - 1, 1)
    half = float(stats.t.isf(LEVEL / (2 * tests), df)) * spread
    p = float(min(1.0, 2 * tests * stats.t.sf(gap / spread, df)))
    scheme = "groups drawn anew, Student's t"
    correction = f"Bonferroni over the {tests} gaps of this audit"
    return (gap - half, gap + half), p, Null(scheme, n_groups, n_draws, correction)


def above_nothing(value: float, spread: float, n_groups: int) -> float:
    """P of a skill above zero, by Student's t over groups."""
    return float(stats.t.sf(value / max(spread, 1e-12), max(n_groups - 1, 1)))


def share_low(hits: int, n: int, confidence: float = 0.99) -> float:
    """Lower bound of a share (Wilson 1927)."""
    return float(stats.binomtest(hits, n).proportion_ci(confidence, method="wilson").low)


def binomial_bounds(hits: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact bounds on a share (Clopper & Pearson 1934): what few examples allow to be said."""
    if n == 0:
        return 0.0, 1.0
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else float(stats.beta.ppf(tail, hits, n - hits + 1))
    high = 1.0 if hits == n else float(stats.beta.ppf(1 - tail, hits + 1, n - hits))
    return low, high


def random_folds(y: np.ndarray, rng: np.random.Generator, n_splits: int = N_SPLITS) -> Folds:
    """Random folds, stratified by class (by rank for ratings)."""
    order = rng.permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]
    fold = np.empty(len(y), dtype=int)
    offset = rng.permutation(n_splits)
    fold[order] = offset[np.arange(len(y)) % n_splits]
    return folds_of(fold)


def group_folds(groups: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Folds:
    """Up to five folds of whole groups, each with its share of every class (or range of ratings).

    Without those shares a fold's training set has most of the classes that its test lacks, and a
    reader that knows nothing falls below chance.

    Parameters
    ----------
    groups
        Group numbers from 0 on, shape (n,).
    y
        Class numbers or ratings, shape (n,).
    rng
        Breaks ties.
    """
    n_splits = min(N_SPLITS, int(groups.max()) + 1)
    return folds_of(deal(groups, "group", strata(y), n_splits, rng))


def folds_of(fold: np.ndarray) -> Folds:
    """Pairs (train, test) from the number of the fold that tests each trial."""
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in np.unique(fold)]


def fold_numbers(folds: Folds, n: int) -> np.ndarray:
    """Number of the fold that tests each trial, shape (n,)."""
    numbers = np.zeros(n, dtype=int)
    for k, (_, test) in enumerate(folds):
        numbers[test] = k
    return numbers


def group_sums(
    y: np.ndarray, estimates: np.ndarray, n_classes: int, groups: np.ndarray
) -> np.ndarray:
    """Sums a group from which `skill` is made, shape (n_groups, s); they add up over groups."""
    if n_classes:
        hit = estimates == y
        parts = [(y == c).astype(float) for c in range(n_classes)]
        parts += [hit * part for part in parts]
    else:
        e = estimates - estimates.mean()
        r = y - y.mean()
        parts = [np.ones(len(y)), r, e, r * r, e * e, r * e]
    return np.stack([np.bincount(groups, part) for part in parts], axis=1)


def skill(sums: np.ndarray, n_classes: int) -> np.ndarray:
    """Skill from sums (..., s); classes that are not there count as guessed."""
    if n_classes:
        size, hits = sums[..., :n_classes], sums[..., n_classes:]
        rate = np.divide(hits, size, out=np.full(size.shape, np.nan), where=size > 0)
        chance = 1.0 / n_classes
        return (np.nan_to_num(np.nanmean(rate, axis=-1), nan=chance) - chance) / (1.0 - chance)
    n, sy, se, syy, see, sye = np.moveaxis(sums, -1, 0)
    cov = n * sye - sy * se
    spread = np.maximum((n * syy - sy**2) * (n * see - se**2), 0.0)
    r = np.divide(cov, np.sqrt(spread), out=np.zeros_like(cov), where=spread > 1e-12 * n**4)
    return r * np.abs(r)


def bootstrap_weights(n_groups: int, rng: np.random.Generator, n: int = 1000) -> np.ndarray:
    """How often each group is drawn, shape (n, n_groups)."""
    return rng.multinomial(n_groups, np.full(n_groups, 1.0 / n_groups), size=n).astype(float)
