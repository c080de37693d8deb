"""Cells of `evaluate`: its p, its intervals and its paired differences, design by design."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from affectome.data import make_recording
from affectome.decoding import RidgeClassifierDecoder, RidgeDecoder
from affectome.evidence import Evidence, evaluate, make_design, permutation_test
from bench.calibration.cell import COVERAGE, FALSE_ALARMS, POWER, Cell, Count
from bench.calibration.designs import DESIGNS, Data

VARYING = {
    # Their tables differ from draw to draw, so labels of one draw don't fit another.
    "10 people of 4 to 60 trials",
    "12 people × 16 films, a fifth missing",
    "12 people rate 20 films, one of 240 missing",
    "12 people rate 20 films, half missing",
    "12 people label 20 films, one missing",
    "40 themes of unequal size, ratings",
    "40 themes of unequal size, classes",
    "the clock tells the label",
    "7 people, slow ratings",
}
POWERED = 0.7
STRONG = 2.0
OF_MANY = ("site", "famil", "films", "kinds", "days")
"""Designs whose labels are those of people, films or days, few of which there are, need more."""
SEED = 1_000_000
"""Arrangements are not drawn from the numbers that made the data."""


def cells() -> list[Cell]:
    """False alarms and power of p, coverage of intervals with and without an effect."""
    found = [
        Cell("evaluate: p", name, FALSE_ALARMS, partial(alarms, name, 0.0)) for name in DESIGNS
    ]
    for effect in (0.0, 1.0):
        statistic = f"evaluate: interval, effect {effect:g}"
        found += [Cell(statistic, n, COVERAGE, partial(held, n, effect)) for n in DESIGNS]
    for name in [name for name in DESIGNS if name not in VARYING]:
        labelled = any(word in name for word in OF_MANY) and " rate " not in name
        effect = STRONG if labelled and "label 20" not in name else POWERED
        planted = f"evaluate: p, with an effect of {effect:g}"
        found.append(Cell(planted, name, POWER, partial(alarms, name, effect)))
        ideal = "evaluate: the same, labels drawn anew by the process that made them"
        found.append(Cell(ideal, name, POWER, partial(alarms, name, effect, ideal=True)))
    return found


def alarms(name: str, effect: float, n_sets: int, ideal: bool = False) -> Count:
    """Count p ≤ .05 by ridge in closed form.

    ``ideal`` draws the null by the process that made the labels, which nobody knows of real data:
    the best that any valid test with this statistic can do.
    """
    hits = refused = 0
    for k in range(n_sets):
        data = DESIGNS[name](effect, np.random.default_rng(k))
        design = make_design(data.trials, data.y, data.holdout)
        if design.why_no_p is not None and not ideal:
            refused += 1
            continue
        drawn = None
        if ideal:
            seeds = range(10_000 + 199 * k, 10_000 + 199 * (k + 1))
            drawn = np.stack([DESIGNS[name](0.0, np.random.default_rng(s)).y for s in seeds])
        test = permutation_test(
            decoder_for(data), data.X, data.y, design, None, 199, drawn, random_state=SEED + k
        )
        hits += test.p <= 0.05
    return Count(hits, n_sets, refused)


def held(name: str, effect: float, n_sets: int) -> Count:
    """Count intervals that hold the mean score of the procedure over all data sets."""
    scores = [evidence(name, effect, k).score for k in range(n_sets)]
    expected = float(np.mean([one.value for one in scores]))
    told = [one.interval for one in scores if one.interval is not None]
    hits = sum(low <= expected <= high for low, high in told)
    return Count(hits, n_sets, n_sets - len(told))


def evidence(name: str, effect: float, number: int) -> Evidence:
    """The whole of `evaluate` on one data set."""
    data = DESIGNS[name](effect, np.random.default_rng(number))
    units = pd.DataFrame({"sensor": range(data.X.shape[1])})
    recording = make_recording(data.X, data.trials.assign(target=data.y), units)
    return evaluate(
        decoder_for(data),
        recording,
        "target",
        data.holdout,
        n_permutations=199,
        n_bootstrap=500,
        random_state=SEED + number,
    )


def decoder_for(data: Data) -> RidgeDecoder | RidgeClassifierDecoder:
    """Ridge for ratings or for classes."""
    return RidgeDecoder(10.0) if data.y.dtype.kind == "f" else RidgeClassifierDecoder(10.0)
