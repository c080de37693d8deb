"""What both training scripts say of trust: curves for a card, and gaps between groups."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from affectome.evidence.quick import binomial_bounds
from affectome.people.cards import Curve, Metric

BINS = 10
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def reliability_curve(sure: np.ndarray, right: np.ndarray, on: str) -> Curve:
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


def coverage_curve(sure: np.ndarray, right: np.ndarray, on: str) -> Curve:
    """How often it is right if only the surest share of readings is kept."""
    sorted_right = right[np.argsort(-sure, kind="stable")]
    n = [round(share * len(right)) for share in SHARES]
    hits = [int(sorted_right[:m].sum()) for m in n]
    y = tuple(k / m for k, m in zip(hits, n, strict=True))
    bounds = tuple(binomial_bounds(k, m) for k, m in zip(hits, n, strict=True))
    return Curve("coverage", SHARES, y, tuple(n), bounds, on)


def gap(better: Metric, worse: Metric, name: str) -> Metric:
    """Difference of two independent groups, its interval from theirs (Zou & Donner 2008).

    With estimates a, b and limits (l, u): ``a - b - sqrt((a - l_a)² + (u_b - b)²)`` and the same
    upwards.
    """
    (low_a, high_a), (low_b, high_b) = better.interval or (), worse.interval or ()
    away = better.value - worse.value
    low = away - math.hypot(better.value - low_a, high_b - worse.value)
    high = away + math.hypot(high_a - better.value, worse.value - low_b)
    return Metric(f"gap of {worse.name}", away, (low, high), worse.on, worse.over, name)


def found_gaps(gaps: Sequence[tuple[Metric, Metric, Metric, str]]) -> list[str]:
    """Name the groups that are read worse, where the interval of the gap leaves zero out.

    Each entry holds the gap, the better read, the worse read, and who they are.
    """
    said = []
    for found, better, worse, who in gaps:
        if found.interval is not None and found.interval[0] > 0:
            low, high = found.interval
            said.append(
                f"{who}: {worse.name} {worse.value:.2f} against {better.value:.2f}, a gap of "
                f"{found.value:.2f} [{low:.2f}, {high:.2f}]"
            )
    return said
