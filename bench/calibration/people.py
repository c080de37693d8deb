"""Cells of readings of people: the alarm of ``monitor``, the gaps of ``bias``."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from affectome.evidence.drift import drift
from affectome.people.bias import bias
from bench.calibration.cell import FALSE_ALARMS, POWER, Cell, Count

QUANTITIES, STREAM, RATE = 8, 1000, 0.05
LABELS = np.array(["anger", "happiness", "neutral"])


def alarms(n_sets: int, reference: int, fall: float = 0.0) -> Count:
    """Sets in which any of eight quantities that go together rings within a thousand units."""
    hits = 0
    for seed in range(n_sets):
        rng = np.random.default_rng(seed)
        n = reference + STREAM
        z = 0.7 * rng.normal(size=(n, 1)) + 0.7 * rng.normal(size=(n, QUANTITIES))
        bins = np.digitize(z, [-1, 0, 1])
        right = rng.random(n) < 0.8 - fall * (np.arange(n) >= reference + STREAM // 2)
        columns = [*bins.T, right.astype(int)]
        hits += any(
            drift(
                np.bincount(one[:reference], minlength=4), one[reference:], RATE, len(columns), seed
            ).first
            is not None
            for one in columns
        )
    return Count(hits, n_sets, 0)


def gaps(
    n_sets: int, n_people: int, each: int, planted: float = 0.0, shared: bool = False
) -> Count:
    """Sets in which any group of two columns is said to be read worse."""
    hits = 0
    for seed in range(n_sets):
        rng = np.random.default_rng(seed)
        person = np.repeat(np.arange(n_people), each)
        own = rng.normal(0, 0.6, n_people)[person]
        unit = np.arange(person.size) if shared else person
        columns = pd.DataFrame(
            {"age": np.array(["old", "young"])[unit % 2], "skin": np.array([*"abc"])[unit % 3]}
        )
        chance = 1 / (1 + np.exp(-(0.8 + own))) - planted * (columns["age"] == "old").to_numpy()
        y = rng.choice(LABELS, person.size)
        other = LABELS[(np.searchsorted(LABELS, y) + 1) % 3]
        said = np.where(rng.random(person.size) < chance, y, other)
        hits += bool(bias(y, said, columns, person, "people").found)
    return Count(hits, n_sets, 0)


def cells() -> list[Cell]:
    """All cells of this room."""
    return [
        Cell(
            "monitor: any alarm, ever",
            "reference of 100, 9 quantities that go together, 1,000 units",
            FALSE_ALARMS,
            partial(alarms, reference=100),
        ),
        Cell(
            "monitor: any alarm, ever",
            "reference of 2,000, 9 quantities that go together, 1,000 units",
            FALSE_ALARMS,
            partial(alarms, reference=2000),
        ),
        Cell(
            "monitor: any alarm, ever",
            "reference of 2,000, accuracy falls from .8 to .6 halfway",
            POWER,
            partial(alarms, reference=2000, fall=0.2),
        ),
        Cell(
            "bias: any gap of two columns",
            "40 people of 10 readings",
            FALSE_ALARMS,
            partial(gaps, n_people=40, each=10),
        ),
        Cell(
            "bias: any gap of two columns",
            "40 people of 10 readings, groups share people",
            FALSE_ALARMS,
            partial(gaps, n_people=40, each=10, shared=True),
        ),
        Cell(
            "bias: any gap of two columns",
            "40 people of 10 readings, accuracy .2 lower for one group",
            POWER,
            partial(gaps, n_people=40, each=10, planted=0.2),
        ),
    ]
