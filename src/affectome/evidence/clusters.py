r"""How many groups of categories can be told apart (Kragel et al. 2019).

From a confusion matrix with rows that add up to 1, :math:`C`, the distance of two categories is
:math:`D = 1 - (C + C^\top) / 2`. Ward's linkage gives a cut into every number of clusters k. With
categories replaced by their cluster, a cluster is discriminable where its trials are named right
more often than

- *base rate*: the share of all guesses that name it; or
- *rival* (stricter): the other cluster that its own trials are most often taken for,

by a one-sided binomial test at .05. The k with the largest share of discriminable clusters is
taken, the larger one where shares are equal. The interval draws groups of trials anew with
replacement and does all of it again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from affectome.errors import InputError
from affectome.evidence.intervals import group_codes

LEVEL = 0.05
FEWEST_GROUPS = 3
VARIANTS = ("base rate", "rival")


@dataclass(frozen=True, eq=False)
class Clusters:
    """Groups of categories that can be told apart.

    Attributes
    ----------
    variant
        What a cluster's hits were held against.
    n
        Number of clusters that was taken.
    members
        Cluster of each category, 0 … n − 1, shape (n_categories,).
    share
        Share of discriminable clusters for k = 2 … n_categories, NaN where a k has no cut.
    interval
        95 % of the numbers that draws of groups give; None without draws or with two groups.
    over
        What was drawn.
    """

    variant: str
    n: int
    members: NDArray[np.intp]
    share: NDArray[np.float64]
    interval: tuple[int, int] | None = None
    over: str = ""

    def to_dict(self) -> dict[str, object]:
        """Give the numbers as they go into ``result.json``."""
        return {
            "variant": self.variant,
            "n": self.n,
            "members": self.members.tolist(),
            "share": [None if np.isnan(s) else float(s) for s in self.share],
            "interval": None if self.interval is None else list(self.interval),
            "over": self.over,
        }


def discriminable_clusters(
    y: ArrayLike,
    y_hat: ArrayLike,
    n_categories: int,
    *,
    variant: str = "base rate",
    groups: ArrayLike | None = None,
    n_bootstrap: int = 1000,
    random_state: int = 0,
    over: str = "",
) -> Clusters:
    """Find the largest number of clusters of categories that a decoder tells apart.

    Parameters
    ----------
    y, y_hat
        Codes of the true and the guessed category, 0 … n_categories − 1, shape (n_trials,).
    n_categories
        Number of categories.
    variant
        ``"base rate"`` or ``"rival"``.
    groups
        What is drawn as a whole, such as the video of a frame; single trials if not given. Of two
        groupings that cross, shape (n_trials, 2), both are drawn and a trial comes as often as both
        of its groups together (Owen 2007), which is rather too wide.
    n_bootstrap
        Draws for the interval; 0 for none.
    random_state
        Seed of the draws.
    over
        What was drawn, in words; how many trials or groups if not given.

    Raises
    ------
    InputError
        If there are fewer than three categories, or one has no trial.
    """
    if variant not in VARIANTS:
        raise InputError(f"variant is one of {', '.join(VARIANTS)}; got {variant!r}")
    true, guess = np.asarray(y, dtype=np.intp), np.asarray(y_hat, dtype=np.intp)
    if n_categories < 3:
        raise InputError(f"clusters are looked for among 3 categories or more; got {n_categories}")
    drawn_by = group_codes(groups, len(true))
    cells = true * n_categories + guess
    whole = np.bincount(cells, minlength=n_categories**2).astype(float)
    whole = whole.reshape(n_categories, n_categories)
    if (whole.sum(axis=1) == 0).any():
        empty = int(np.flatnonzero(whole.sum(axis=1) == 0)[0])
        raise InputError(f"category {empty} has no trial, so nothing is known of its confusions")
    n, members, share = _taken(whole, variant)
    sizes = [int(codes.max()) + 1 for codes in drawn_by]
    if n_bootstrap == 0 or min(sizes) < FEWEST_GROUPS:
        return Clusters(variant, n, members, share)
    rng = np.random.default_rng(random_state)
    drawn = []
    for _ in range(n_bootstrap):
        times = np.ones(len(true))
        for codes, n_groups in zip(drawn_by, sizes, strict=True):
            times *= rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups))[codes]
        again = np.bincount(cells, times, n_categories**2).astype(np.float64)
        again = again.reshape(n_categories, n_categories)
        if (again.sum(axis=1) > 0).all():
            drawn.append(_taken(again, variant)[0])
    what = "trials" if groups is None else "groups"
    over = over or f"{' × '.join(map(str, sizes))} {what}"
    low, high = np.quantile(drawn, [0.025, 0.975], method="inverted_cdf") if drawn else (n, n)
    return Clusters(variant, n, members, share, (int(low), int(high)), over)


def _taken(
    counts: NDArray[np.float64], variant: str
) -> tuple[int, NDArray[np.intp], NDArray[np.float64]]:
    """Number of clusters, cluster of each category, and shares for k = 2 …."""
    K = len(counts)
    shares = counts / counts.sum(axis=1, keepdims=True)
    distance = 1 - (shares + shares.T) / 2
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "ward")
    found = np.full(K - 1, np.nan)
    cuts: list[NDArray[np.intp]] = []
    for k in range(2, K + 1):
        members = np.asarray(fcluster(tree, k, "maxclust"), dtype=np.intp) - 1
        cuts.append(members)
        if members.max() + 1 == k:
            found[k - 2] = float(np.mean(_discriminable(counts, members, variant)))
    best = np.flatnonzero(found >= np.nanmax(found) - 1e-12)[-1]
    return int(best) + 2, cuts[best], found


def _discriminable(
    counts: NDArray[np.float64], members: NDArray[np.intp], variant: str
) -> NDArray[np.bool_]:
    """Whether each cluster is told apart, shape (k,)."""
    indicator = np.eye(members.max() + 1)[members]
    table = indicator.T @ counts @ indicator
    hits, total = np.diag(table), table.sum(axis=1)
    if variant == "base rate":
        against = table.sum(axis=0) / table.sum()
        p = stats.binom.sf(hits - 1, total, against)
    else:
        rival = np.where(np.eye(len(table), dtype=bool), -1, table).max(axis=1)
        # Of the trials that went to either, as many as by the toss of a coin?
        p = stats.binom.sf(hits - 1, hits + rival, 0.5)
    return np.asarray(p < LEVEL)
