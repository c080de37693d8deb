"""Curves of a model card: is a model as often right as it is sure, and does declining help?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from affectome.evidence.quick import binomial_bounds
from affectome.people.cards import Curve

BINS = 10
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def reliability_curve(sure: NDArray[np.float64], right: NDArray[np.bool_], on: str) -> Curve:
    """How often a reading is right when it is so sure, in ten bins of equal width."""
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    filled = [bins == k for k in np.unique(bins)]
    n = [int(rows.sum()) for rows in filled]
    hits = [int(right[rows].sum()) for rows in filled]
    x = [float(sure[rows].mean()) for rows in filled]
    y = [k / m for k, m in zip(hits, n, strict=True)]
    ece = sum(m * abs(a - b) for m, a, b in zip(n, x, y, strict=True)) / len(sure)
    bounds = tuple(binomial_bounds(k, m) for k, m in zip(hits, n, strict=True))
    return Curve("reliability", tuple(x), tuple(y), tuple(n), bounds, on, ece)


def coverage_curve(sure: NDArray[np.float64], right: NDArray[np.bool_], on: str) -> Curve:
    """How often it is right if only the surest share of readings is kept."""
    sorted_right = right[np.argsort(-sure, kind="stable")]
    n = [round(share * len(right)) for share in SHARES]
    hits = [int(sorted_right[:m].sum()) for m in n]
    y = tuple(k / m for k, m in zip(hits, n, strict=True))
    bounds = tuple(binomial_bounds(k, m) for k, m in zip(hits, n, strict=True))
    return Curve("coverage", SHARES, y, tuple(n), bounds, on)
