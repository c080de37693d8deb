"""Scores within people or animals, averaged over them: rank correlation and balanced accuracy.

Animals differ in how much they move and how they are lit, so trials are compared within an animal.
With z_g the scores of G animals on a fitting scale (Fisher's z for correlations) and s their
standard deviation,

    mean z_g ± t_f · √(s²/G + e)

is the 95 % interval. Animals share their training sets: what one taught to the others and they to
it makes their scores go together, which s² can't show. e is how much the variance of the mean under
the null exceeds the mean of s²/G there, and f are Satterthwaite's degrees of freedom.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from affectome.errors import InputError
from affectome.evidence.claims import LINKS, tested
from affectome.evidence.exchange import Exchange
from affectome.evidence.scores import Score

Array = NDArray[np.float64]
FEWEST_TRIALS = 4
FEWEST_GROUPS = 3
INSIDE = 1 - 1e-6


@dataclass(frozen=True, eq=False)
class GroupScores:
    """Scores of each group, for the real labels and for arrangements of them.

    Attributes
    ----------
    metric
        Name of the score.
    names
        Groups that have one.
    real
        Shape (n_groups,).
    null
        Shape (n_draws, n_groups); no row where there is no null.
    link
        ``"fisher"`` or ``"identity"``, on which scores are averaged.
    bounds
        Least and largest score.
    """

    metric: str
    names: tuple[str, ...]
    real: Array
    null: Array
    link: str
    bounds: tuple[float, float]

    @property
    def by_group(self) -> dict[str, float]:
        """Group → score."""
        return dict(zip(self.names, self.real.tolist(), strict=True))

    def less(self, other: GroupScores) -> GroupScores:
        """Give how much higher these scores are than others of the same groups."""
        low, high = self.bounds
        bounds = (low - high, high - low)
        real, null = self.real - other.real, self.null - other.null
        return GroupScores(self.metric, self.names, real, null, "identity", bounds)

    def score(
        self,
        over: str,
        exchange: Exchange | None = None,
        alternative: str = "greater",
        why: str | None = None,
    ) -> Score:
        """Give the mean over groups, its interval, and its p where the null was drawn.

        Parameters
        ----------
        over
            What groups are, in words: ``"animals"``.
        exchange
            What traded places in the null; without it there is no p.
        alternative
            ``"greater"`` or ``"two-sided"``.
        why
            Why there is no p, where there is none.
        """
        z, n = self._at(self.real), len(self.real)
        value = self._back(float(z.mean()))
        whose = over.removesuffix("s") if n == 1 else over
        found = Score(self.metric, value, self._interval(z), None, n, f"{n} {whose}")
        if exchange is None or not len(self.null):
            reason = why or (exchange and exchange.why_not and f"no p, because {exchange.why_not}")
            return replace(found, why=reason or "no p, because none was asked for")
        drawn = self._at(self.null).mean(axis=1)
        real = float(z.mean())
        p, null = tested(real, drawn, exchange.scheme, exchange.n_groups, alternative)
        return found.with_p(p, null)

    @property
    def shared(self) -> float:
        """Variance of the mean that the spread over groups does not show."""
        if len(self.null) < FEWEST_GROUPS or len(self.real) < FEWEST_GROUPS:
            return 0.0
        z = self._at(self.null)
        apart = float(z.var(axis=1, ddof=1).mean()) / z.shape[1]
        return max(float(z.mean(axis=1).var()) - apart, 0.0)

    def _interval(self, z: Array) -> tuple[float, float] | None:
        n = len(z)
        if n < FEWEST_GROUPS:
            return None
        low, high = self.bounds
        for end, sign in ((low, 1.0), (high, -1.0)):
            if np.all(np.abs(self.real - end) < 1e-9):
                # All groups are perfect, or none is: the bound on how often one would differ.
                other = end + sign * (high - low) * (1 - 0.025 ** (1 / n))
                return (min(end, other), max(end, other))
        apart, shared = float(z.var(ddof=1)) / n, self.shared
        if apart + shared < 1e-18:
            return None  # all groups agree to the last digit, which says nothing of others
        freedom = (n - 1) * ((apart + shared) / max(apart, 1e-12)) ** 2
        reach = float(stats.t.ppf(0.975, min(freedom, 1e6))) * np.sqrt(apart + shared)
        mean = float(z.mean())
        return self._back(mean - reach), self._back(mean + reach)

    def _at(self, values: Array) -> Array:
        if self.link == "fisher":
            values = values.clip(-INSIDE, INSIDE)
        found: Array = LINKS[self.link].forward(values)
        return found

    def _back(self, value: float) -> float:
        return float(np.clip(LINKS[self.link].back(value), *self.bounds))


def spearman_within(
    target: ArrayLike,
    found: ArrayLike,
    groups: ArrayLike,
    given: ArrayLike | None = None,
    reliability: float = 1.0,
) -> GroupScores:
    """Spearman's rho of target and prediction within each group.

    Parameters
    ----------
    target, found
        Shape (n_trials,), or (n_draws + 1, n_trials) with arrangements after the real ones.
    groups
        Shape (n_trials,).
    given
        Covariates whose ranks are regressed out of both ranks, shape (n_trials, n_covariates).
    reliability
        Share of the variance of the covariates' ranks that is not error. Below 1 the regression is
        that on the covariates without error (Spearman 1904).

    Raises
    ------
    InputError
        If no group has four trials over which the target varies.
    """
    y = np.atleast_2d(np.asarray(target, dtype=float))
    p = np.atleast_2d(np.asarray(found, dtype=float))
    who = np.asarray(groups).astype(str)
    names = [
        str(name)
        for name in np.unique(who)
        if np.count_nonzero(who == name) >= FEWEST_TRIALS and np.ptp(y[0, who == name]) > 0
    ]
    if not names:
        raise InputError("no animal has four trials or more over which the intensity varies")
    columns = []
    for name in names:
        rows = who == name
        left, right = (_standard(stats.rankdata(v[:, rows], axis=1)) for v in (y, p))
        if given is None:
            columns.append((left * right).sum(axis=1))
        else:
            ranks = _standard(stats.rankdata(np.asarray(given)[rows].T, axis=1))
            columns.append(_partial(left, right, ranks, reliability))
    rho = np.column_stack([np.broadcast_to(c, max(len(y), len(p))) for c in columns])
    return GroupScores("spearman_within", tuple(names), rho[0], rho[1:], "fisher", (-1.0, 1.0))


def balanced_within(target: ArrayLike, found: ArrayLike, groups: ArrayLike) -> GroupScores:
    """Balanced accuracy within each group, over the classes that it has.

    Parameters
    ----------
    target, found
        Classes, shape (n_trials,), or (n_draws + 1, n_trials) with arrangements after the real
        ones.
    groups
        Shape (n_trials,).
    """
    y, p = np.atleast_2d(np.asarray(target)), np.atleast_2d(np.asarray(found))
    who = np.asarray(groups).astype(str)
    names = [str(name) for name in np.unique(who)]
    columns = []
    for name in names:
        rows = who == name
        mine, hit = y[:, rows], y[:, rows] == p[:, rows]
        n_there, total = np.zeros(len(hit)), np.zeros(len(hit))
        for level in np.unique(mine):
            shown = np.broadcast_to(mine == level, hit.shape)
            size = shown.sum(axis=1)
            total += (hit & shown).sum(axis=1) / np.maximum(size, 1)
            n_there += size > 0
        columns.append(total / n_there)
    share = np.column_stack(columns)
    metric = "balanced_accuracy"
    return GroupScores(metric, tuple(names), share[0], share[1:], "identity", (0.0, 1.0))


def _partial(left: Array, right: Array, ranks: Array, reliability: float) -> Array:
    among = ranks @ ranks.T
    np.fill_diagonal(among, reliability * np.diag(among))
    inverse = np.linalg.pinv(among, rcond=1e-6, hermitian=True)
    to_y, to_p = left @ ranks.T, right @ ranks.T
    part = (left * right).sum(axis=1) - np.einsum("di,ij,dj->d", to_y, inverse, to_p)
    free = [1 - np.einsum("di,ij,dj->d", one, inverse, one) for one in (to_y, to_p)]
    scale = np.sqrt(np.maximum(free[0], 1e-3) * np.maximum(free[1], 1e-3))
    found: Array = (part / scale).clip(-1, 1)
    return found


def _standard(ranks: Array) -> Array:
    """Rows centred and of length 1; rows that don't vary are 0."""
    centred = ranks - ranks.mean(axis=-1, keepdims=True)
    length = np.linalg.norm(centred, axis=-1, keepdims=True)
    return np.divide(centred, length, out=np.zeros_like(centred), where=length > 1e-9)
