"""Parts of the neural-code study: what is read from which trials, how graded and how surely.

Each takes the case and gives its numbers, or says in one line why the trials don't allow it.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import xarray as xr

from affectome.decoding import RidgeDecoder, ShrinkageLDA
from affectome.decoding.alignment import cross_subject
from affectome.decoding.blends import BlendDecoder, score_blends
from affectome.decoding.calibration import CalibratedDecoder, reliability
from affectome.decoding.conformal import ConformalDecoder, coverage
from affectome.decoding.few_shot import few_shot_curve
from affectome.errors import InputError
from affectome.evidence import Evidence, Split, evaluate
from affectome.features.connectivity import correlation, spectral
from affectome.features.spectra import BANDS
from affectome.features.windows import sampling_rate
from affectome.studies.neural_code.case import (
    FEWEST_PEOPLE,
    Case,
    accuracy,
    follows_the_clock,
    has_past,
    has_times,
    held_out_groups,
    order_auc,
    past,
)

ALPHAS = (1.0, 10.0, 100.0, 1000.0, 10000.0)
MOST_CONNECTED = 300
CONNECTIVITY = {"correlation": "", "coherence": "coh", "wpli": "wpli"}


def contrasts(case: Case) -> list[dict[str, Any]]:
    """Decode every pair of classes from the trials of these two alone."""
    y = case.y
    rows = []
    for a, b in combinations(np.unique(y), 2):
        chosen = np.flatnonzero((y == a) | (y == b))
        try:
            split = _restricted(case.split, chosen, y)
            found = case.evaluate(case.X.isel(trial=chosen), split)
        except InputError as error:
            rows.append({"a": str(a), "b": str(b), "score": None, "why": str(error)})
            continue
        rows.append(
            {"a": str(a), "b": str(b), **accuracy(found), "trials": len(chosen)}
            | {"trial_order_auc": order_auc(found), "before_event": _before(case, chosen, split)}
        )
    return rows


def _restricted(split: Split, chosen: np.ndarray, y: np.ndarray) -> Split:
    """Keep the chosen trials of every fold, renumbered; folds without both classes fall away."""
    place = np.full(len(y), -1)
    place[chosen] = np.arange(len(chosen))
    folds = []
    for fold in split:
        train, test = (place[rows][place[rows] >= 0] for rows in fold)
        if len(test) and len(np.unique(y[chosen][train])) == 2:
            folds.append((train, test))
    if not folds:
        raise InputError("no fold trains on both classes")
    columns = {name: np.asarray(values)[chosen] for name, values in split.columns.items()}
    return Split(split.kind, split.by, tuple(folds), columns)


def _before(case: Case, chosen: np.ndarray, split: Split) -> dict[str, Any] | None:
    if not has_past(case.recording):
        return None
    return accuracy(case.evaluate(past(case.recording).isel(trial=chosen), split))


def pre_event(case: Case) -> dict[str, Any]:
    """Decode the target from what was measured before the event, where it should not be."""
    if not has_past(case.recording):
        raise InputError("the trials hold no samples before the event; widen the window")
    found = case.evaluate(past(case.recording), case.split)
    follows = follows_the_clock(found)
    return accuracy(found) | {"trial_order_auc": order_auc(found), "follows_the_clock": follows}


def calibration(case: Case) -> dict[str, Any]:
    """How often is the decoder right when it is so sure, and how large are sets that hold?"""
    names, codes = np.unique(case.y, return_inverse=True)
    if np.bincount(codes).min() < 10:
        raise InputError("it is learned from ten trials or more of each class")
    groups = held_out_groups(case)
    probability = np.full((len(codes), len(names)), np.nan)
    sets = np.zeros((len(codes), len(names)), dtype=bool)
    X = case.X.values
    for train, test in case.split:
        inner = None if groups is None else groups[train]
        base = CalibratedDecoder(ShrinkageLDA(priors="equal"))
        probability[test] = base.fit(X[train], codes[train], inner).predict_proba(X[test])
        conformal = ConformalDecoder(base, random_state=case.random_state)
        sets[test] = conformal.fit(X[train], codes[train], inner).predict_sets(X[test])
    tested = np.isfinite(probability).all(1)
    return {
        **reliability(codes[tested], probability[tested]).to_dict(),
        "conformal": coverage(sets[tested], codes[tested]) | {"confidence": 0.9},
    }


def intensity(case: Case) -> dict[str, Any]:
    """Decode how intense the emotion was."""
    if "intensity" not in case.trials or case.trials["intensity"].nunique() < 3:
        raise InputError("the trials have no column 'intensity' with three levels or more")
    X = case.X.assign_coords(intensity=("trial", case.trials["intensity"].to_numpy(dtype=float)))
    found = evaluate(
        RidgeDecoder(alpha=ALPHAS),
        X,
        "intensity",
        case.split,
        n_permutations=case.n_permutations,
        random_state=case.random_state,
    )
    r, ccc = found.scores["pearson_r"], found.scores["ccc"]
    return {"r": r.value, "ccc": ccc.value, "interval": r.interval, "p": r.p} | {
        "excess_over_baseline": {
            "value": found.excess.value,
            "interval": found.excess.interval,
            "baseline": found.best_baseline,
        }
    }


def blends(case: Case) -> dict[str, Any]:
    """Decode the mixture of emotions in a trial, from columns called blend_EMOTION."""
    names = [name for name in map(str, case.trials) if name.startswith("blend_")]
    if len(names) < 2:
        raise InputError("the trials have no columns blend_EMOTION, two or more")
    weights = case.trials[names].to_numpy(dtype=float)
    weights = weights / weights.sum(axis=1, keepdims=True)
    X, found, base = case.X.values, np.full_like(weights, np.nan), np.full_like(weights, np.nan)
    for train, test in case.split:
        found[test] = BlendDecoder().fit(X[train], weights[train]).predict_proba(X[test])
        base[test] = weights[train].mean(0)
    tested = np.isfinite(found).all(1)
    scores = score_blends(weights[tested], found[tested])
    rival = score_blends(weights[tested], base[tested])
    r = [np.corrcoef(weights[tested, k], found[tested, k])[0, 1] for k in range(len(names))]
    return {
        "emotions": [name.removeprefix("blend_") for name in names],
        **scores,
        "r": dict(zip(names, map(float, r), strict=True)),
        "baseline": rival,
    }


def connectivity(case: Case) -> dict[str, Any]:
    """Decode the target from who goes with whom: a measure of all pairs within each trial."""
    recording, measure = case.recording, case.connectivity
    if not has_times(recording):
        raise InputError(f"the {measure} of units within a trial needs samples over time")
    if recording.sizes["unit"] > MOST_CONNECTED:
        raise InputError(
            f"{recording.sizes['unit']} units have too many pairs; give {MOST_CONNECTED} or fewer, "
            "such as the regions of an atlas"
        )
    pairs = correlation(recording) if measure == "correlation" else _spectral(recording, measure)
    return {"measure": measure, "pairs": pairs.sizes["unit"]} | accuracy(
        case.evaluate(pairs, case.split)
    )


def _spectral(recording: xr.DataArray, measure: str) -> xr.DataArray:
    """Cut trials into five segments, and keep the bands that those can resolve."""
    rate = sampling_rate(recording)
    segment = min(1.0, recording.sizes["time"] // 5 / rate)
    bands = {n: (a, b) for n, (a, b) in BANDS.items() if a * segment >= 1 and b <= rate / 2}
    if not bands:
        raise InputError(
            f"five segments of {segment:.2g} s at {rate:g} samples a second hold no band for "
            f"{measure}; give longer trials, or --connectivity correlation"
        )
    return spectral(recording, CONNECTIVITY[measure], bands, segment)


def personal(case: Case) -> dict[str, Any]:
    """How much better is a model that knows the person?"""
    trials = case.trials
    people = trials["subject"].nunique() if "subject" in trials else 1
    if people < FEWEST_PEOPLE:
        raise InputError(f"it needs {FEWEST_PEOPLE} people or more; there are {people}")
    stimuli = trials["stimulus"].to_numpy() if "stimulus" in trials else None
    subjects = trials["subject"].to_numpy()
    X, y = case.X.values, case.y
    curve = few_shot_curve(
        X, y, subjects, stimuli=stimuli, random_state=case.random_state, n_repeats=5
    )
    found: dict[str, Any] = curve.to_dict()
    if stimuli is not None:
        found["across"] = []
        for method in ("within", "none", "standardise", "hyperalign"):
            try:
                way = cross_subject(
                    X, y, subjects, stimuli, method=method, random_state=case.random_state
                )
                found["across"].append(way.to_dict())
            except InputError as error:
                found["across"].append({"method": method, "why": str(error)})
    return found


def warn_of_clock(evidence: Evidence) -> list[str]:
    """Say so where labels follow the clock."""
    if not follows_the_clock(evidence):
        return []
    return [
        "labels follow the clock: trial order alone reads them with an AUC of "
        f"{order_auc(evidence):.2f}; "
        "anything that drifts will seem to carry them: mix the order of the classes, or trust only "
        "contrasts whose trials are mixed"
    ]


def warn_of_pre_event(found: Mapping[str, Any], evidence: Evidence) -> list[str]:
    """Say why a target can be read before the event, where it can."""
    before = found.get("pre_event")
    if not before or before["p"] is None or before["p"] >= 0.05:
        return []
    order = before["trial_order_auc"]
    why = (
        f"trial order alone has an AUC of {order:.2f}, so slow drift or the state left by earlier "
        "trials is enough"
        if before["follows_the_clock"]
        else "something before the event tells the classes apart: cues, expectation, or a filter "
        "that looked ahead"
    )
    return [
        f"before the event the target is already read with a balanced accuracy of "
        f"{before['score']:.2f} (p = {before['p']:.3f}): {why}"
    ]
