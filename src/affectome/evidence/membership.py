"""Whether it matters which trials belong together: groups that trade trials of the same label.

Random folds read more than folds of whole groups where trials of a group are more alike than their
labels say. If they are not, who belongs to which group is of no account among trials with the same
label: membership may trade places there, and folds of the traded groups read as little as folds of
the real ones. The labels of each group stay what they are, so groups that have one label each, and
folds that were dealt by label, are the same under the null. Likewise, if no class is more frequent
than another, the names of the classes may trade places within every group.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from affectome.evidence.claims import Null, tested
from affectome.evidence.exchange import shuffle
from affectome.evidence.labels import row_codes, strata
from affectome.evidence.tails import tail_p

N_DRAWS = 500
ENOUGH_REACHED = 10
"""Draws as far out as the real one after which a p can't become small any more (Besag & Clifford
1991)."""
N_NAMINGS = 1999
AT_ONCE = 2_000_000


def membership_test(
    read: Callable[[np.ndarray], float],
    groups: np.ndarray,
    y: np.ndarray,
    what: str,
    tests: int,
    random_state: int,
) -> tuple[float, Null]:
    """Give the p of folds of whole groups reading as little as they do.

    Parameters
    ----------
    read
        Groups, codes (n,) -> score over folds of them; readers are fitted anew.
    groups
        The real ones, codes (n,).
    y
        Class numbers or ratings, shape (n,); trials of one class, or with ratings as near as a
        fifth of all, trade their groups.
    what
        What the groups are, in words.
    tests
        How many such p there are (Bonferroni).
    random_state
        Seed of the draws.
    """
    rng = np.random.default_rng(random_state)
    blocks = row_codes(strata(y))
    real, reached = -read(groups), 0
    drawn: list[float] = []
    while len(drawn) < N_DRAWS and reached < ENOUGH_REACHED:
        drawn.append(-read(groups[shuffle(blocks, 1, rng)[0]]))
        reached += drawn[-1] >= real - 1e-12
    p = float(tail_p(np.array([real]), np.array(drawn)[:, None])[0])
    scheme = f"trials with the same label exchanged between values of {what}, readers fitted anew"
    n_groups = int(groups.max()) + 1
    correction = f"Bonferroni over the {tests} gaps of this audit"
    return min(1.0, tests * p), Null(scheme, n_groups, len(drawn), correction)


def balance_test(
    y: np.ndarray, n_classes: int, groups: np.ndarray | None, what: str, random_state: int
) -> tuple[float, Null]:
    """Give the p of classes as unequal as these, where the classes' names trade places in a group.

    Parameters
    ----------
    y
        Class numbers, shape (n,).
    n_classes
        Number of classes.
    groups
        What is independent, codes (n,); None where every trial is.
    what
        What the groups are, in words.
    random_state
        Seed of the draws.
    """
    rng = np.random.default_rng(random_state)
    units = np.arange(len(y)) if groups is None else groups
    counts = np.zeros((int(units.max()) + 1, n_classes))
    np.add.at(counts, (units, y), 1)
    several = (counts > 0).sum(axis=1) > 1
    drawn = np.zeros((N_NAMINGS, n_classes))
    for size, number in zip(*np.unique(counts[~several].sum(1), return_counts=True), strict=True):
        drawn += size * rng.multinomial(number, np.full(n_classes, 1 / n_classes), N_NAMINGS)
    mixed = counts[several]
    step = max(1, AT_ONCE // max(mixed.size, 1))
    for start in range(0, N_NAMINGS if len(mixed) else 0, step):
        part = drawn[start : start + step]
        names = rng.random((len(part), *mixed.shape)).argsort(axis=2)
        part += np.take_along_axis(mixed[None], names, axis=2).sum(axis=1)
    real = float(counts.sum(axis=0).var())
    scheme = f"names of the classes exchanged within {what}"
    return tested(real, drawn.var(axis=1), scheme, len(counts))
