"""Cells of the tests of single units: selectivity, overlap, lesion and enhancement."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from affectome.data import make_recording
from affectome.units import Change, enhance, lesion, overlap, selectivity
from bench.calibration.cell import FALSE_ALARMS, Cell, Count
from bench.calibration.designs import DESIGNS, Data

Floats = NDArray[np.float64]
Rng = np.random.Generator
DRAWS = 199
DRAWS_OF_FAMILIES = 999
OASIS_SIZES = (*[1] * 54, *[2] * 28, *[3] * 23, *[4] * 16, *[5] * 11, *[6] * 7, *[7, 8] * 5)
LARGE_THEMES = (*[9] * 6, *[10] * 3, *[11] * 3, 12, 17, 31)


def cells() -> list[Cell]:
    """False alarms of each p, and of q over many units that are alike."""
    classes = [n for n, make in DESIGNS.items() if _labels(make(0.0, np.random.default_rng(0)))]
    found = [
        Cell("selectivity: p", name, FALSE_ALARMS, partial(unit_alarms, name)) for name in classes
    ]
    found += [
        Cell(f"selectivity: {what}", words, FALSE_ALARMS, partial(run, **settings))
        for what, words, run, settings in (
            ("p", "pictures, theme sizes of OASIS, three classes", picture_alarms, {}),
            ("p", "the same, brightness held constant", picture_alarms, {"bright": 1.0}),
            ("any q < .05", "the same, 200 units of rank 10", family_alarms, {}),
        )
    ]
    found += [
        Cell(
            "overlap: p",
            f"unrelated effects, layer of rank {rank}",
            FALSE_ALARMS,
            partial(overlap_alarms, rank),
        )
        for rank in (3, 10, 60)
    ]
    found += [
        Cell("lesion: p", "units that matter no more", FALSE_ALARMS, lesion_alarms),
        Cell("lesion: q", "the same, ten places", FALSE_ALARMS, partial(lesion_alarms, places=10)),
        Cell("enhancement: p", "wiggly curves of gain", FALSE_ALARMS, enhancement_alarms),
    ]
    return found


def _labels(data: Data) -> bool:
    return bool(data.y.ndim == 1 and data.y.dtype.kind in "iub")


class Pictures(NamedTuple):
    """Pictures of themes: responses, class and theme of each, and its brightness."""

    X: Floats
    emotion: NDArray[np.intp]
    theme: NDArray[np.intp]
    brightness: Floats

    def recording(self) -> xr.DataArray:
        """Give the pictures as a Recording of filters."""
        trials = pd.DataFrame({"emotion": np.array(list("nup"))[self.emotion]})
        trials["theme"] = [f"theme {t}" for t in self.theme]
        trials["brightness"] = self.brightness
        units = pd.DataFrame({"layer": "conv1", "channel": np.arange(self.X.shape[1])})
        return make_recording(self.X.astype(np.float32), trials, units)


def pictures(
    rng: Rng,
    n_units: int = 1,
    effect: float = 0.0,
    coding: float = 0.0,
    bright: float = 0.0,
    rank: int | None = None,
    alike: float = 0.8,
) -> Pictures:
    """Pictures whose classes and responses are alike within a theme.

    ``coding`` is the share of units, the last ones, that respond to a class of their own by
    ``effect`` standard deviations; ``bright`` the slope on brightness, which the classes share;
    ``rank`` the number of directions that drive the units.
    """
    size = np.array((*OASIS_SIZES, *LARGE_THEMES))
    theme = np.repeat(np.arange(size.size), size)
    n = theme.size

    def shared(k: int) -> Floats:
        whole, own = rng.normal(size=(size.size, k))[theme], rng.normal(size=(n, k))
        return np.sqrt(alike) * whole + np.sqrt(1 - alike) * own

    emotion = np.digitize(shared(1)[:, 0], [-0.4, 0.5])
    brightness = shared(1)[:, 0] + 0.7 * (emotion == 1)
    X = shared(n_units) if rank is None else shared(rank) @ rng.normal(size=(rank, n_units))
    X = X / X.std() + bright * brightness[:, None]
    planted = np.arange(n_units - round(coding * n_units), n_units)
    X[:, planted] += effect * (emotion[:, None] == planted % 3)
    return Pictures(X, emotion, theme, brightness)


def unit_alarms(name: str, n_sets: int) -> Count:
    """Count p ≤ .05 of one unit in a design of the evidence."""
    hits = refused = 0
    for k in range(n_sets):
        data = DESIGNS[name](0.0, np.random.default_rng(k))
        units = pd.DataFrame({"sensor": range(data.X.shape[1])})
        recording = make_recording(data.X, data.trials.assign(target=data.y), units)
        found = selectivity(recording, "target", n_permutations=DRAWS, random_state=k)
        refused += found.why is not None
        hits += bool(found.table["p"].iloc[1] <= 0.05)
    return Count(hits, n_sets, refused)


def picture_alarms(n_sets: int, bright: float = 0.0) -> Count:
    """Count p ≤ .05 of one filter that follows its pictures' themes and brightness only."""
    hits = 0
    for k in range(n_sets):
        recording = pictures(np.random.default_rng(k), bright=bright).recording()
        given = ["brightness"] if bright else None
        found = selectivity(
            recording,
            "emotion",
            covariates=given,
            n_permutations=DRAWS,
            order="none",
            random_state=k,
        )
        hits += bool(found.table["p"].iloc[0] <= 0.05)
    return Count(hits, n_sets, 0)


def family_alarms(n_sets: int) -> Count:
    """Count data sets without an effect in which a filter of 200 that are alike is selective."""
    hits = 0
    for k in range(n_sets):
        recording = pictures(np.random.default_rng(k), 200, rank=10).recording()
        found = selectivity(
            recording, "emotion", n_permutations=DRAWS_OF_FAMILIES, order="none", random_state=k
        )
        hits += bool(found.selective.any())
    return Count(hits, n_sets, 0)


def false_discoveries(n_sets: int, effect: float = 0.7, coding: float = 0.2) -> tuple[float, float]:
    """Mean share of false discoveries, and of the planted units that are found."""
    false, power = [], []
    for k in range(n_sets):
        recording = pictures(np.random.default_rng(k), 200, effect, coding, rank=10).recording()
        chosen = selectivity(
            recording, "emotion", n_permutations=DRAWS_OF_FAMILIES, order="none", random_state=k
        ).selective
        null = 200 - round(coding * 200)
        false.append(chosen[:null].sum() / max(1, chosen.sum()))
        power.append(chosen[null:].mean())
    return float(np.mean(false)), float(np.mean(power))


def layer(rng: Rng, mixing: Floats, direction: Floats, effect: float, name: str) -> xr.DataArray:
    """Pictures of forty themes in a layer that a few directions drive, and classes along others."""
    rank, n_units = mixing.shape
    theme = np.repeat(np.arange(40), 3)
    emotion = rng.permutation(np.arange(40) % 3)[theme]
    driven = rng.normal(size=(40, rank))[theme] + rng.normal(size=(120, rank))
    driven += effect * direction[emotion]
    X = driven @ mixing + 0.5 * rng.normal(size=(120, n_units))
    trials = pd.DataFrame({"emotion": np.array(list("nup"))[emotion]})
    trials["theme"] = [f"{name} {t}" for t in theme]
    units = pd.DataFrame({"layer": "conv1", "channel": np.arange(n_units)})
    return make_recording(X.astype(np.float32), trials, units)


def overlap_p(rank: int, seed: int, related: float = 0.0, effect: float = 1.2) -> float:
    """P of the overlap of two sets whose effects have so much to do with each other; NaN: none."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(rank, 64)) / np.sqrt(rank)
    one, other = (d - d.mean(axis=0) for d in rng.normal(size=(2, 3, rank)))
    other = related * one + np.sqrt(1 - related**2) * other
    sets = layer(rng, mixing, one, effect, "a"), layer(rng, mixing, other, effect, "b")
    found = overlap(*sets, "emotion", n_permutations=DRAWS, order="none", random_state=seed)
    return float(found.table["p"].iloc[-1])


def overlap_alarms(rank: int, n_sets: int) -> Count:
    """Count p ≤ .05 where both sets have effects that have nothing to do with each other."""
    p = np.array([overlap_p(rank, k) for k in range(n_sets)])
    return Count(int((p <= 0.05).sum()), n_sets, int(np.isnan(p).sum()))


def _readers(rng: Rng, n_units: int, n_trials: int) -> tuple[Any, Any]:
    """A decoder of all units on test trials, and its accuracy."""
    y = np.arange(n_trials) % 2
    X = rng.gamma(2.0, size=(n_trials, n_units)) + 0.4 * y[:, None] * rng.normal(size=n_units)
    weights = rng.normal(size=n_units)

    def respond(changes: Sequence[Change]) -> list[Floats]:
        answers = []
        for change in changes:
            changed = X.copy()
            changed[:, list(change.units)] *= 1 + change.gain
            answers.append((changed - changed.mean(axis=0)) @ weights)
        return answers

    return respond, lambda scores: float(np.mean((scores > 0) == y))


def lesion_alarms(n_sets: int, places: int = 1) -> Count:
    """Count p, or any q over places, of units that were chosen by lot."""
    hits = refused = 0
    for k in range(n_sets):
        rng = np.random.default_rng(k)
        respond, measure = _readers(rng, 60, 40)
        chosen = {f"area {i}": rng.choice(60, 6, replace=False) for i in range(places)}
        activity = {place: rng.gamma(2.0, size=60) for place in chosen}
        effects = lesion(respond, measure, chosen, activity, random_state=k).values()
        told = [e.p if places == 1 else e.q for e in effects if e.null is not None]
        refused += not told
        hits += any(p is not None and p <= 0.05 for p in told)
    return Count(hits, n_sets, refused)


def enhancement_alarms(n_sets: int) -> Count:
    """Count p of units that were chosen by lot, each set with the gain that suits it best."""
    hits = refused = 0
    for k in range(n_sets):
        rng = np.random.default_rng(k)
        test, judge = _readers(rng, 60, 24)
        chosen = {"area": rng.choice(60, 6, replace=False)}
        activity = {"area": rng.gamma(2.0, size=60)}
        found = enhance(test, judge, test, judge, chosen, activity, random_state=k)["area"]
        refused += found.null is None
        hits += found.p is not None and found.p <= 0.05
    return Count(hits, n_sets, refused)
