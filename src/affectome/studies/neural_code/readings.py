"""Parts of the neural-code study: what is read from which trials, how graded and how surely.

Each takes the case and gives its numbers, or says in one line why the trials don't allow it.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
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
    tested,
)
from affectome.evidence.score_sheet import ScoreSheet, calibrating_null
from affectome.features.connectivity import correlation, spectral
from affectome.features.spectra import BANDS
from affectome.features.windows import sampling_rate
from affectome.kernels.ranks import pearson
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
from affectome.studies.neural_code.parts import (
    BeforeEvent,
    Contrast,
    Contrasts,
    Intensity,
    Mixture,
    Pairs,
    Part,
    Personal,
    Sureness,
    Way,
    excess,
)

MOST_CONNECTED = 300
CONNECTIVITY = {"correlation": "", "coherence": "coh", "wpli": "wpli"}
FEWEST_OF_A_CLASS = 10
CONFIDENCE = 0.9
MOST_MIXTURES, FEWEST_MIXTURES = 100, 20
WAYS = ("within", "none", "standardise", "hyperalign")


def contrasts(case: Case) -> Contrasts:
    """Decode every pair of classes from the trials of these two alone."""
    return Contrasts(tuple(_contrast(case, a, b) for a, b in combinations(case.names, 2)))


def _contrast(case: Case, a: str, b: str) -> Contrast:
    chosen = np.flatnonzero((case.y == a) | (case.y == b))
    try:
        design = by_the_clock(case.design.restricted(chosen))
        found = case.evaluate(case.X.isel(trial=chosen), design)
    except InputError as error:
        return Contrast(str(a), str(b), None, len(chosen), why=str(error))
    try:
        before = main_score(case.evaluate(past(case).isel(trial=chosen), design))
    except InputError:
        before = None
    own = main_score(found)
    return Contrast(str(a), str(b), own, len(chosen), order_score(found), before)


def pre_event(case: Case) -> BeforeEvent:
    """Decode the target from what was measured before the event, where it should not be."""
    found = case.evaluate(past(case))
    return BeforeEvent(main_score(found), order_score(found), follows_the_clock(found))


def calibration(case: Case) -> Sureness:
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
    tested_ = split.tested
    return Sureness(
        reliability(codes[tested_], softmax(scores[tested_], axis=1)),
        coverage(sets[tested_], codes[tested_]),
        CONFIDENCE,
        promised,
        fewest,
    )


def intensity(case: Case) -> Intensity:
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
    return Intensity(
        found.scores["pearson_r"], found.scores["ccc"].value, excess(found), found.predictions
    )


def blends(case: Case) -> Mixture:
    """Decode the mixture of emotions in a trial, from columns called blend_EMOTION.

    Mixtures trade places as whole rows, as the design of the trials allows, and the decoder is
    fitted anew to each arrangement.
    """
    names = [name for name in map(str, case.trials) if name.startswith("blend_")]
    if len(names) < 2:
        raise InputError("the trials have no columns blend_EMOTION, two or more")
    weights = case.trials[names].to_numpy(dtype=float)
    weights = weights / weights.sum(axis=1, keepdims=True)
    design = by_the_clock(make_design(case.trials.drop(columns=names), weights, case.design.split))
    found, base = _read_blends(case, weights)
    rows = case.design.split.tested
    scores = score_blends(weights[rows], found[rows])
    rival = score_blends(weights[rows], base[rows])
    each = pearson(weights[rows].T, found[rows].T)
    p = null = None
    why = design.why_no_p
    n = min(case.n_permutations, MOST_MIXTURES)
    if n < FEWEST_MIXTURES:
        why = why or f"no p, because {n} permutations were asked for"
    if why is None:
        drawn = [
            score_blends(one[rows], _read_blends(case, one)[0][rows])["r"]
            for one in design.arrange(n, case.random_state)
        ]
        p, null = tested(scores["r"], drawn, design.exchange.scheme, design.exchange.n_groups)
    short = [name.removeprefix("blend_") for name in names]
    table = pd.DataFrame({"trial": rows})
    table[names] = weights[rows]
    table[[f"predicted {name}" for name in names]] = found[rows]
    r_of_each = dict(zip(short, each.tolist(), strict=True))
    return Mixture(scores, rival, r_of_each, p, null, why, table)


def _read_blends(case: Case, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mixture of each trial as it is read out of fold, and the mean mixture of its training set."""
    X, found, base = case.X.values, np.full_like(weights, np.nan), np.full_like(weights, np.nan)
    for train, test in case.design.split:
        found[test] = BlendDecoder().fit(X[train], weights[train]).predict_proba(X[test])
        base[test] = weights[train].mean(0)
    return found, base


def connectivity(case: Case) -> Pairs:
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
    return Pairs(measure, pairs.sizes["unit"], main_score(case.evaluate(pairs)))


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


def personal(case: Case) -> Personal:
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
    return Personal(curve, () if stimuli is None else _across(case, subjects, stimuli))


def _across(case: Case, subjects: np.ndarray, stimuli: np.ndarray) -> tuple[Way, ...]:
    """Each way to reach a new person, scored on the same trials, and above no alignment."""
    sheet = ScoreSheet(case.design, DRAWS, case.random_state)
    wider = _inflation(case, sheet)
    ways: list[Way] = []
    plain = None
    for method in WAYS:
        try:
            found = cross_subject(
                case.X.values,
                case.y,
                subjects,
                stimuli,
                method=method,
                random_state=case.random_state,
            )
        except InputError as error:
            ways.append(Way(method, why=str(error)))
            continue
        own = Predictions(found.predicted, None)
        plain = own if method == "none" else plain
        more = None
        if plain is not None and method != "none":
            more = sheet.difference(CLASSES_METRIC, own, plain, wider)
        ways.append(Way(method, found, sheet.score(CLASSES_METRIC, own, wider), more))
    return tuple(ways)


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


def warn_of_pre_event(before: Part | None, evidence: Evidence) -> list[str]:
    """Say why a target can be read before the event, where it can."""
    if not isinstance(before, BeforeEvent) or before.score.p is None or before.score.p >= 0.05:
        return []
    why = (
        "trial order alone tells it, so slow drift or the state left by earlier trials is enough"
        if before.follows_the_clock
        else "something before the event tells the classes apart: cues, expectation, or a filter "
        "that looked ahead"
    )
    name = "an r" if evidence.metric == "pearson_r" else "a balanced accuracy"
    return [
        f"before the event the target is already read with {name} of "
        f"{before.score.value:.2f} (p = {before.score.p:.3f}): {why}"
    ]
