"""Gaps between groups that a model reads, with intervals, in words for its card."""

from __future__ import annotations

import math
from collections.abc import Sequence

from affectome.people.cards import Metric


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
