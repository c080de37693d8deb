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
from statsmodels.stats.proportion import confint_proportions_2indep

from affectome.evidence.labels import strata
from affectome.evidence.splits import deal

Folds = Sequence[tuple[np.ndarray, np.ndarray]]
N_SPLITS = 5
LEVEL = 0.05
STRETCHES = 20


def drawn_order(n: int, rng: np.random.Generator) -> np.ndarray:
    """Order in which n trials, columns or groups are drawn, shape (n,)."""
    return rng.permutation(n)


def normal_reach(tests: int = 1) -> float:
    """Standard errors that 95 % bounds lie away, for so many of them at once (Bonferroni)."""
    return float(stats.norm.isf(LEVEL / (2 * max(tests, 1))))


def gap_interval(
    gap: float, spread: float, n_groups: int, tests: int
) -> tuple[tuple[float, float], float]:
    """Interval of a difference between two scores of the same trials, and its lower 95 % bound.

    Parameters
    ----------
    gap
        The difference.
    spread
        Its standard error over draws of groups.
    n_groups
        How many groups were drawn.
    tests
        How many differences the interval holds for at once (Bonferroni).
    """
    freedom = max(n_groups - 1, 1)
    half = float(stats.t.isf(LEVEL / (2 * tests), freedom)) * spread
    return (gap - half, gap + half), gap - float(stats.t.isf(LEVEL, freedom)) * spread


def share_low(hits: int, n: int, confidence: float = 0.99) -> float:
    """Lower bound of a share (Wilson 1927)."""
    return float(stats.binomtest(hits, n).proportion_ci(confidence, method="wilson").low)


def binomial_bounds(hits: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact bounds on a share (Clopper & Pearson 1934): what few examples allow to be said."""
    if n == 0:
        return 0.0, 1.0
    found = stats.binomtest(hits, n).proportion_ci(confidence, method="exact")
    return float(found.low), float(found.high)


def difference_bounds(a: float, n_a: float, b: float, n_b: float, z: float) -> tuple[float, float]:
    """Bounds of a/n_a - b/n_b from Wilson's bounds of each (Newcombe 1998), z errors away."""
    low, high = confint_proportions_2indep(
        a, max(n_a, 1.0), b, max(n_b, 1.0), method="newcomb", alpha=2 * float(stats.norm.sf(z))
    )
    return float(low), float(high)


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


def kept_together(folds: Folds, family: np.ndarray) -> Folds:
    """Give the same folds, with each family, codes (n,), wholly in the fold of its first trial."""
    fold = fold_numbers(folds, len(family))
    first = np.unique(family, return_index=True)[1]
    return folds_of(fold[first][np.unique(family, return_inverse=True)[1]])


def stretches_of(place: np.ndarray) -> np.ndarray:
    """Number of the stretch of time that each trial lies in, shape (n,); twenty of equal size."""
    rank = np.empty(len(place), dtype=int)
    rank[np.argsort(place, kind="stable")] = np.arange(len(place))
    return rank * min(STRETCHES, len(place) // 2) // len(place)


def stretch_folds(place: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Folds:
    """Folds of whole stretches of time; what lies beside a tested stretch is not trained on.

    Parameters
    ----------
    place
        Clock, shape (n,).
    y
        Class numbers or ratings, shape (n,).
    rng
        Breaks ties in the deal.
    """
    n = len(place)
    rank = np.empty(n, dtype=int)
    rank[np.argsort(place, kind="stable")] = np.arange(n)
    gap = max(1, n // (5 * STRETCHES))
    kept = []
    for train, test in group_folds(stretches_of(place), y, rng):
        tested = np.sort(rank[test])
        at = np.searchsorted(tested, rank[train])
        after = tested[np.minimum(at, len(tested) - 1)] - rank[train]
        before = rank[train] - tested[np.maximum(at - 1, 0)]
        near = (np.abs(after) <= gap) | (np.abs(before) <= gap)
        kept.append((train[~near], test))
    return kept


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
