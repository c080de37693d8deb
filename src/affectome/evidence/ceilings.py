"""Ceilings of ratings: how well any decoder could do, given how far raters agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affectome.errors import InputError


@dataclass(frozen=True)
class RaterCeiling:
    """Bounds on the correlation that the best decoder reaches with one rater.

    ``lower`` is the mean correlation of a rater with the mean of the others, ``upper`` that with
    the mean of all, the rater included (Nili et al. 2014). ``reliability`` is that of the mean of
    all raters, by Spearman and Brown from the mean correlation of pairs.
    """

    lower: float
    upper: float
    reliability: float


def rater_ceiling(ratings: ArrayLike) -> RaterCeiling:
    """Find how well a decoder of ratings could do at best.

    Parameters
    ----------
    ratings
        Shape (n_raters, n_stimuli); NaN where a rater did not rate.

    Raises
    ------
    InputError
        If there are fewer than 2 raters or 3 stimuli, or no two raters share 3 stimuli.
    """
    values = np.asarray(ratings, dtype=float)
    if values.ndim != 2 or values.shape[0] < 2 or values.shape[1] < 3:
        raise InputError(
            f"ratings have the shape {values.shape}; a ceiling needs (n_raters, n_stimuli) with at "
            "least 2 raters and 3 stimuli"
        )
    given = np.isfinite(values)
    total, count = np.where(given, values, 0).sum(axis=0), given.sum(axis=0)
    lower, upper = [], []
    for own, there in zip(values, given, strict=True):
        both = there & (count > 1)
        lower.append(_r(own[both], (total[both] - own[both]) / (count[both] - 1)))
        upper.append(_r(own[both], total[both] / count[both]))
    pairs = [
        _r(values[i][given[i] & given[j]], values[j][given[i] & given[j]])
        for i in range(len(values))
        for j in range(i)
    ]
    if np.isnan(pairs).all():
        raise InputError("no two raters share 3 stimuli on which their ratings vary")
    r, k = float(np.nanmean(pairs)), float(count.mean())
    return RaterCeiling(
        float(np.nanmean(lower)), float(np.nanmean(upper)), k * r / (1 + (k - 1) * r)
    )


def ceiling_of_means(mean: ArrayLike, spread: ArrayLike, raters: ArrayLike) -> float:
    r"""Largest correlation with mean ratings that a reader can reach, as raters differ.

    A mean of n raters with the standard deviation s is off by :math:`s^2 / n`; what is left of the
    variance of the means is the stimuli's own, and its share's square root is the ceiling.

    Parameters
    ----------
    mean, spread, raters
        Mean rating, standard deviation over raters and their number, each of shape (n_stimuli,).

    Raises
    ------
    InputError
        If the means vary no more than their raters' differences explain.
    """
    means = np.asarray(mean, dtype=float)
    noise = np.mean(np.asarray(spread, dtype=float) ** 2 / np.asarray(raters, dtype=float))
    variance = float(np.var(means, ddof=1))
    if not noise < variance:
        raise InputError("mean ratings vary no more than their raters differ: there is no ceiling")
    return float(np.sqrt(1 - noise / variance))


def _r(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    if a.size < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])
