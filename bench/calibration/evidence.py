"""Cells of `evaluate`: its p, its intervals and its paired differences, design by design."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from affectome.data import make_recording
from affectome.decoding import RidgeClassifierDecoder, RidgeDecoder
from affectome.evidence import Evidence, evaluate, make_design, permutation_test
from bench.calibration.cell import COVERAGE, FALSE_ALARMS, Cell, Count
from bench.calibration.designs import DESIGNS, Data


def cells() -> list[Cell]:
    """False alarms and power of p, coverage of intervals with and without an effect."""
    return [
        Cell("evaluate: p", name, FALSE_ALARMS, partial(alarms, name, 0.0)) for name in DESIGNS
    ] + [
        Cell(f"evaluate: interval, effect {effect:g}", name, COVERAGE, partial(held, name, effect))
        for effect in (0.0, 1.0)
        for name in DESIGNS
    ]


def alarms(name: str, effect: float, n_sets: int) -> Count:
    """Count p ≤ .05 by ridge in closed form."""
    hits = refused = 0
    for k in range(n_sets):
        data = DESIGNS[name](effect, np.random.default_rng(k))
        design = make_design(data.trials, data.y, data.holdout)
        if design.why_no_p is not None:
            refused += 1
            continue
        hits += (
            permutation_test(
                decoder_for(data), data.X, data.y, design, n_permutations=199, random_state=k
            ).p
            <= 0.05
        )
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
        random_state=number,
    )


def decoder_for(data: Data) -> RidgeDecoder | RidgeClassifierDecoder:
    """Ridge for ratings or for classes."""
    return RidgeDecoder(10.0) if data.y.dtype.kind == "f" else RidgeClassifierDecoder(10.0)
