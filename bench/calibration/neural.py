"""Calibration of the neural code: clusters, moments, lead times, and a whole page."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from affectome.data import make_recording, trial_table
from affectome.data.readers.measurement import Measurement
from affectome.decoding import ShrinkageLDA
from affectome.decoding.conformal import ConformalDecoder, coverage
from affectome.dynamics.generalisation import temporal_generalisation
from affectome.dynamics.lead_time import lead_time
from affectome.dynamics.over_time import decode_over_time
from affectome.evidence import Design, make_design
from affectome.studies import neural_code
from affectome.studies.neural_code.case import Case
from affectome.studies.neural_code.readings import blends
from bench.calibration.cell import COVERAGE, FALSE_ALARMS, Cell, Count

PERMUTATIONS = 200
TIMES = 4


def recording(
    seed: int, n_people: int, n_stimuli: int, missing: float = 0.0
) -> tuple[xr.DataArray, Design]:
    """No effect of the emotion; every person and every stimulus is like itself."""
    rng = np.random.default_rng(seed)
    person, stimulus = (a.ravel() for a in np.indices((n_people, n_stimuli)))
    emotion = rng.permutation(np.arange(n_stimuli) % 2)
    kept = rng.random(person.size) >= missing
    person, stimulus = person[kept], stimulus[kept]
    trials = pd.DataFrame(
        {
            "subject": [f"s{i:02d}" for i in person],
            "stimulus": [f"film{i:02d}" for i in stimulus],
            "emotion": np.array(["fear", "joy"])[emotion[stimulus]],
        }
    )
    if n_people == 1:
        trials = trials.drop(columns="subject")
    own = rng.normal(size=(n_people, 1, 8))[person]
    shown = rng.normal(size=(n_stimuli, 1, 8))[stimulus]
    X = own + shown + rng.normal(size=(person.size, TIMES, 8))
    units = pd.DataFrame({"sensor": [f"u{i}" for i in range(8)]})
    made = make_recording(X, trials, units, np.arange(-TIMES, 0) / 10 + 0.1)
    y = trials["emotion"].to_numpy()
    parts = 4 if n_people == 1 else min(4, n_people)
    return made, make_design(trials.drop(columns="emotion"), y, n_splits=parts)


Made = tuple[xr.DataArray, Design]


def clusters(made: Made, seed: int) -> np.ndarray:
    """p of the clusters of a generalisation map."""
    found = temporal_generalisation(
        made[0], "emotion", made[1], n_permutations=PERMUTATIONS, random_state=seed
    )
    return np.array([np.nan]) if found.clusters is None else np.append(found.clusters.p, 1.0)


def moments(made: Made, seed: int) -> np.ndarray:
    """p of every moment."""
    return decode_over_time(
        made[0], "emotion", made[1], n_permutations=PERMUTATIONS, random_state=seed
    ).p


def leads(made: Made, seed: int) -> np.ndarray:
    """p of every lead."""
    return lead_time(
        made[0],
        "emotion",
        made[1],
        length=0.1,
        n_permutations=PERMUTATIONS,
        n_bootstrap=100,
        random_state=seed,
    ).p


def alarms(make: Callable[[int], Made], test: Callable[[Made, int], np.ndarray]) -> Callable:
    """Count data sets in which anything has p ≤ .05."""

    def run(n_sets: int) -> Count:
        hits = refused = 0
        for seed in range(n_sets):
            p = test(make(seed), seed)
            refused += bool(np.isnan(p).all())
            hits += bool((p <= 0.05).any())
        return Count(hits, n_sets, refused)

    return run


def bands(n_sets: int) -> Count:
    """Count bands of lead times that hold the truth, chance, at every lead at once."""
    hits = 0
    for seed in range(n_sets):
        made, design = recording(seed, 12, 16)
        found = lead_time(
            made, "emotion", design, length=0.1, n_permutations=PERMUTATIONS, n_bootstrap=200
        )
        ends = [one.score.interval or (0.0, 1.0) for one in found.windows]
        hits += all(low <= 0.5 <= high for low, high in ends)
    return Count(hits, n_sets, 0)


def mixtures(made: Made, seed: int) -> np.ndarray:
    """p of the mixture of emotions, one a stimulus, that no unit tells."""
    known = trial_table(made[0]).drop(columns="emotion")
    stimulus = pd.factorize(known["stimulus"])[0]
    rng = np.random.default_rng(1_000_000 + seed)
    weights = rng.dirichlet([1.0, 1.0, 1.0], stimulus.max() + 1)[stimulus]
    names = [f"blend_{name}" for name in ("fear", "joy", "anger")]
    trials = known.assign(**dict(zip(names, weights.T, strict=True)))
    design = make_design(trials, made[1].y, made[1].split)
    X = made[0].mean("time")
    case = Case(X, X, _same, "emotion", design, (), "correlation", PERMUTATIONS, seed)
    p = blends(case).p
    return np.array([np.nan if p is None else p])


def _same(recording: xr.DataArray) -> xr.DataArray:
    return recording


def pages(n_sets: int) -> Count:
    """Count whole neural-code pages without effect on which any q is at most .05."""
    hits = 0
    for seed in range(n_sets):
        made, _ = recording(seed, 6, 16)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = neural_code.run(
                Measurement(made, Path("null")), n_permutations=PERMUTATIONS, random_state=seed
            )
        hits += any(q <= 0.05 for q in _values(found.to_dict(), "q"))
    return Count(hits, n_sets, 0)


def _values(part: object, key: str) -> list[float]:
    if isinstance(part, dict):
        own = [part[key]] if isinstance(part.get(key), float) and "p" in part else []
        return own + [v for one in part.values() for v in _values(one, key)]
    return [v for one in part for v in _values(one, key)] if isinstance(part, list) else []


def cells() -> list[Cell]:
    """False alarms of maps, moments, leads and pages; coverage of bands."""
    designs: dict[str, Callable[[int], Made]] = {
        "12 people × 16 stimuli, identities": lambda seed: recording(seed, 12, 16),
        "the same, a tenth of cells missing": lambda seed: recording(seed, 12, 16, 0.1),
        "3 people × 16 stimuli": lambda seed: recording(seed, 3, 16),
        "one person, 24 stimuli": lambda seed: recording(seed, 1, 24),
    }
    tests = {"generalisation clusters": clusters, "decoding over time": moments, "lead time": leads}
    found = [
        Cell(name, design, FALSE_ALARMS, alarms(make, test))
        for name, test in tests.items()
        for design, make in designs.items()
    ]
    found += [
        Cell(
            "mixture of emotions",
            f"{n_people} people × 16 stimuli, a mixture a stimulus",
            FALSE_ALARMS,
            alarms(partial(recording, n_people=n_people, n_stimuli=16), mixtures),
        )
        for n_people in (3, 6)
    ]
    found.append(Cell("lead time, all at once", "12 people × 16 stimuli", COVERAGE, bands))
    found.append(Cell("any q of a neural-code page", "6 people × 16 stimuli", FALSE_ALARMS, pages))
    return found


def sets_hold(n_sets: int, n_people: int, n_stimuli: int) -> float:
    """Share of trials of new people and new stimuli whose set of ".90" holds the true class."""
    held = []
    for seed in range(n_sets):
        rng = np.random.default_rng(seed)
        groups = np.column_stack([a.ravel() for a in np.indices((n_people + 12, n_stimuli + 12))])
        y = groups[:, 1] % 3
        X = rng.normal(size=(3, 12))[y] * 0.6 + rng.normal(size=(len(y), 12))
        X += rng.normal(size=(n_people + 12, 12))[groups[:, 0]]
        X += rng.normal(size=(n_stimuli + 12, 12))[groups[:, 1]]
        known = (groups < [n_people, n_stimuli]).all(axis=1)
        new = (groups >= [n_people, n_stimuli]).all(axis=1)
        decoder = ConformalDecoder(ShrinkageLDA(priors="equal"))
        sets = decoder.fit(X[known], y[known], groups[known]).predict_sets(X[new])
        held.append(coverage(sets, y[new]).coverage)
    return float(np.mean(held))
