"""Parts of the neural-code study: what is read from which trials, how graded and how surely.

Each takes the case and gives its numbers, or says in one line why the trials don't allow it.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import xarray as xr
from scipy.special import softmax

from affectome.decoding import RidgeClassifierDecoder, RidgeDecoder, ShrinkageLDA
from affectome.decoding.alignment import cross_subject
from affectome.decoding.blends import BlendDecoder, score_blends
from affectome.decoding.calibration import CalibratedDecoder, reliability
from affectome.decoding.conformal import ConformalDecoder, coverage
from affectome.decoding.few_shot import few_shot_curve
from affectome.errors import InputError
from affectome.evidence import (
    Evidence,
    Predictions,
    cross_fit,
    evaluate,
    fit_with_groups,
    make_design,
    null_scores,
)
from affectome.evidence.score_sheet import ScoreSheet, calibrating_null
from affectome.features.connectivity import correlation, spectral
from affectome.features.spectra import BANDS
from affectome.features.windows import sampling_rate
from affectome.studies.neural_code.case import (
    ALPHAS,
    CLASSES_METRIC,
    DRAWS,
    FEWEST_PEOPLE,
    Case,
    follows_the_clock,
    has_times,
    main_score,
    order_score,
    past,
)
from affectome.studies.neural_code.inputs import by_the_clock

MOST_CONNECTED = 300
CONNECTIVITY = {"correlation": "", "coherence": "coh", "wpli": "wpli"}
FEWEST_OF_A_CLASS = 10
CONFIDENCE = 0.9
WAYS = ("within", "none", "standardise", "hyperalign")


def contrasts(case: Case) -> list[dict[str, Any]]:
    """Decode every pair of classes from the trials of these two alone."""
    y = case.y
    rows = []
    for a, b in combinations(case.names, 2):
        chosen = np.flatnonzero((y == a) | (y == b))
        try:
            design = by_the_clock(case.design.restricted(chosen))
            found = case.evaluate(case.X.isel(trial=chosen), design)
        except InputError as error:
            rows.append({"a": str(a), "b": str(b), "score": None, "p": None, "why": str(error)})
            continue
        try:
            before = main_score(case.evaluate(past(case).isel(trial=chosen), design)).to_dict()
        except InputError:
            before = None
        rows.append(
            {"a": str(a), "b": str(b), **main_score(found).to_dict(), "trials": len(chosen)}
            | {"trial_order": order_score(found), "before_event": before}
        )
    return rows


def pre_event(case: Case) -> dict[str, Any]:
    """Decode the target from what was measured before the event, where it should not be."""
    found = case.evaluate(past(case))
    follows = follows_the_clock(found)
    return main_score(found).to_dict() | {
        "trial_order": order_score(found),
        "follows_the_clock": follows,
    }


def calibration(case: Case) -> dict[str, Any]:
    """How often is the decoder right when it is so sure, and how large are sets that hold?"""
    names, codes = case.names, np.searchsorted(case.names, case.y)
    if np.bincount(codes).min() < FEWEST_OF_A_CLASS:
        raise InputError("it is learned from ten trials or more of each class")
    X, split = case.X.values, case.design.split
    groups = case.design.routed
    if groups is None:
        groups = np.arange(len(codes))[:, None]
    decoder = ShrinkageLDA(priors="equal")
    scores = cross_fit(CalibratedDecoder(decoder), X, codes, split, True, groups).scores
    if scores is None:
        raise InputError("the decoder gives no probabilities")
    if len(names) == 2:
        scores = scores - scores.mean(axis=1, keepdims=True)
    sets = np.zeros((len(codes), len(names)), dtype=bool)
    promised, fewest = CONFIDENCE, len(codes)
    conformal = ConformalDecoder(decoder, CONFIDENCE)
    for train, test in split:
        fitted = fit_with_groups(conformal, X[train], codes[train], groups[train])
        sets[test] = fitted.predict_sets(X[test])
        promised, fewest = min(promised, fitted.promised_), min(fewest, fitted.n_groups_)
    tested = split.tested
    return {
        **reliability(codes[tested], softmax(scores[tested], axis=1)).to_dict(),
        "conformal": coverage(sets[tested], codes[tested])
        | {"confidence": CONFIDENCE, "promised": promised, "n_groups": fewest},
    }


def intensity(case: Case) -> dict[str, Any]:
    """Decode how intense the emotion was."""
    if "intensity" not in case.trials or case.trials["intensity"].nunique() < 3:
        raise InputError("the trials have no column 'intensity' with three levels or more")
    if "intensity" in case.nuisance:
        raise InputError("the intensity is a nuisance here")
    levels = case.trials["intensity"].to_numpy(dtype=float)
    known = case.trials.drop(columns="intensity")
    found = evaluate(
        RidgeDecoder(alpha=ALPHAS),
        case.X.assign_coords(intensity=("trial", levels)),
        "intensity",
        by_the_clock(make_design(known, levels, case.design.split)),
        nuisance=case.nuisance,
        n_permutations=case.n_permutations,
        random_state=case.random_state,
    )
    r = found.scores["pearson_r"].to_dict()
    ccc = found.scores["ccc"].value
    return (
        {"r": r.pop("score"), "ccc": ccc if np.isfinite(ccc) else None}
        | r
        | {"excess_over_baseline": excess(found)}
    )


def excess(found: Evidence) -> dict[str, Any]:
    """Give how far the decoder is above the best of what needs no recording."""
    return {
        "metric": found.metric,
        "value": found.excess.value,
        "interval": found.excess.interval,
        "over": found.excess.over,
        "baseline": found.best_baseline,
    }


def blends(case: Case) -> dict[str, Any]:
    """Decode the mixture of emotions in a trial, from columns called blend_EMOTION."""
    names = [name for name in map(str, case.trials) if name.startswith("blend_")]
    if len(names) < 2:
        raise InputError("the trials have no columns blend_EMOTION, two or more")
    weights = case.trials[names].to_numpy(dtype=float)
    weights = weights / weights.sum(axis=1, keepdims=True)
    X, found, base = case.X.values, np.full_like(weights, np.nan), np.full_like(weights, np.nan)
    for train, test in case.design.split:
        found[test] = BlendDecoder().fit(X[train], weights[train]).predict_proba(X[test])
        base[test] = weights[train].mean(0)
    tested = np.isfinite(found).all(1)
    scores = score_blends(weights[tested], found[tested])
    rival = score_blends(weights[tested], base[tested])
    r = [np.corrcoef(weights[tested, k], found[tested, k])[0, 1] for k in range(len(names))]
    return {
        "emotions": [name.removeprefix("blend_") for name in names],
        **scores,
        "r_of_each": dict(zip(names, map(float, r), strict=True)),
        "baseline": rival,
        "p": None,
        "why": "no p, because the mixture has no null here; hold it against the mean blend",
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
    found = main_score(case.evaluate(pairs)).to_dict()
    return {"measure": measure, "pairs": pairs.sizes["unit"]} | found


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
    subjects, stimuli = case.column("subject"), case.column("stimulus")
    people = 1 if subjects is None else len(np.unique(subjects))
    if subjects is None or people < FEWEST_PEOPLE:
        raise InputError(f"it needs {FEWEST_PEOPLE} people or more; there are {people}")
    case.names  # noqa: B018 - refuses ratings
    curve = few_shot_curve(
        case.X.values,
        case.y,
        subjects,
        stimuli=stimuli,
        random_state=case.random_state,
        n_repeats=5,
    )
    found: dict[str, Any] = curve.to_dict()
    if stimuli is not None:
        found["across"] = _across(case, subjects, stimuli)
    return found


def _across(case: Case, subjects: np.ndarray, stimuli: np.ndarray) -> list[dict[str, Any]]:
    """Each way to reach a new person, scored on the same trials, and above no alignment."""
    sheet = ScoreSheet(case.design, DRAWS, case.random_state)
    wider = _inflation(case, sheet)
    rows, plain = [], None
    for method in WAYS:
        try:
            way = cross_subject(
                case.X.values,
                case.y,
                subjects,
                stimuli,
                method=method,
                random_state=case.random_state,
            )
        except InputError as error:
            rows.append({"method": method, "why": str(error)})
            continue
        own = Predictions(way.predicted, None)
        plain = own if method == "none" else plain
        row = way.to_dict() | sheet.score(CLASSES_METRIC, own, wider).to_dict()
        if plain is not None and method != "none":
            more = sheet.difference(CLASSES_METRIC, own, plain, wider)
            row["above_none"] = {
                "value": more.value,
                "interval": more.interval,
                "over": more.over,
            }
        rows.append(row | {"why": "no p, because people are not aligned anew for a null"})
    return rows


def _inflation(case: Case, sheet: ScoreSheet) -> float:
    """How far scores of folds vary together, from labels of other people and a ridge."""
    decoder, X = RidgeClassifierDecoder(alpha=ALPHAS), case.X.values
    none = null_scores(decoder, X, case.design, [CLASSES_METRIC], case.y[None][:0], "", 0)
    null = calibrating_null(decoder, X, case.design, [CLASSES_METRIC], none, case.random_state)
    (wider,) = sheet.inflations([(CLASSES_METRIC, null)])
    return wider


def warn_of_clock(evidence: Evidence) -> list[str]:
    """Say so where labels follow the clock."""
    if not follows_the_clock(evidence):
        return []
    what = "an AUC" if evidence.metric == "macro_auc" else "r ="
    return [
        f"labels follow the clock: trial order alone reads them with {what} of "
        f"{order_score(evidence):.2f}; ".replace("= of", "=")
        + "anything that drifts will seem to carry them: mix the order of the classes, or trust "
        "only contrasts whose trials are mixed"
    ]


def warn_of_pre_event(found: Mapping[str, Any], evidence: Evidence) -> list[str]:
    """Say why a target can be read before the event, where it can."""
    before = found.get("pre_event")
    if not before or before["p"] is None or before["p"] >= 0.05:
        return []
    why = (
        "trial order alone tells it, so slow drift or the state left by earlier trials is enough"
        if before["follows_the_clock"]
        else "something before the event tells the classes apart: cues, expectation, or a filter "
        "that looked ahead"
    )
    name = "an r" if evidence.metric == "pearson_r" else "a balanced accuracy"
    return [
        f"before the event the target is already read with {name} of "
        f"{before['score']:.2f} (p = {before['p']:.3f}): {why}"
    ]
