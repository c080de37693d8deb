"""One cell of the table: a statistic in a design, and how its hits are counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from scipy.stats import binomtest

FALSE_ALARMS = "false alarms"
COVERAGE = "coverage"
POWER = "power"


class Count(NamedTuple):
    """Hits (p ≤ .05, or intervals that hold the truth) among data sets; refused: no p, and why."""

    hits: int
    sets: int
    refused: int


class Cell(NamedTuple):
    """A statistic, the design it is tried in, what is counted, and ``run(n_sets) -> Count``."""

    statistic: str
    design: str
    kind: str
    run: Callable[[int], Count]


def share(count: Count) -> tuple[float, float, float]:
    """Hits among the data sets that were not refused, with the exact binomial interval."""
    told = count.sets - count.refused if count.sets > count.refused else count.sets
    found = binomtest(count.hits, told).proportion_ci()
    return count.hits / told, found.low, found.high


def verdict(kind: str, count: Count) -> str:
    """Whether a cell is within its bounds: 6.5 % false alarms, 92 to 98 % coverage."""
    if count.refused == count.sets:
        return "no p"
    value, low, high = share(count)
    if kind == FALSE_ALARMS:
        return "held" if value <= 0.065 or low <= 0.05 else "too many"
    if kind == COVERAGE:
        if (0.92 <= value <= 0.98) or (low <= 0.95 <= high):
            return "held"
        return "too wide" if value > 0.98 else "too narrow"
    return ""
