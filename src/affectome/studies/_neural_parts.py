"""The parts of the neural-code study.

Each takes the case and gives its numbers, or says in one line why the trials don't allow it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from sklearn.metrics import recall_score

from affectome.data import trial_table
from affectome.decoding import RidgeDecoder, ShrinkageLDA
from affectome.decoding.alignment import cross_subject
from affectome.decoding.blends import BlendDecoder, score_blends
from affectome.decoding.calibration import CalibratedDecoder, reliability
from affectome.decoding.conformal import ConformalDecoder, coverage
from affectome.decoding.personal import few_shot_curve
from affectome.dynamics.generalisation import temporal_generalisation
from affectome.dynamics.latent import time_constants
from affectome.dynamics.lead_time import lead_time
from affectome.dynamics.states import hidden_states
from affectome.errors import InputError
from affectome.evidence import Evidence, Split, evaluate, p_value
from affectome.features.connectivity import correlation
from affectome.features.windows import window_means
from affectome.progress import Progress
from affectome.units import Change, Effect, lesion, selectivity

ALPHAS = (1.0, 10.0, 100.0, 1000.0, 10000.0)
MOST_TIMES = 30
MOST_TRIALS = 120
MOST_STATES = 4
SLOW_SECONDS = 8.0
FEWEST_PEOPLE = 4
LEADS = 6


@dataclass(frozen=True, eq=False)
class Case:
    """What a part needs to know.

    Attributes
    ----------
    recording
        All samples, dims (trial, [time,] unit).
    X
        One response a trial and unit, dims (trial, unit).
    target, split, nuisance, n_permutations, random_state, n_jobs, progress
        As in :func:`affectome.studies.neural_code.run`.
    """

    recording: xr.DataArray
    X: xr.DataArray
    target: str
    split: Split
    nuisance: Sequence[str]
    n_permutations: int
    random_state: int
    n_jobs: int
    progress: Progress

    @property
    def trials(self) -> pd.DataFrame:
        """One row a trial."""
        return trial_table(self.X)

    @property
    def y(self) -> np.ndarray:
        """The class of each trial."""
        return self.trials[self.target].to_numpy()

    def evaluate(self, X: xr.DataArray, split: Split, **options: Any) -> Evidence:
        """Decode the target from other units, or from some of the trials, with the same nulls."""
        return evaluate(
            ShrinkageLDA(priors="equal"),
            X,
            self.target,
            split,
            nuisance=self.nuisance,
            n_permutations=self.n_permutations,
            random_state=self.random_state,
            **options,
        )


def contrasts(case: Case) -> list[dict[str, Any]]:
    """Decode every pair of classes from the trials of these two alone."""
    y = case.y
    rows = []
    for number, (a, b) in enumerate(combinations(np.unique(y), 2)):
        chosen = np.flatnonzero((y == a) | (y == b))
        try:
            split = _restricted(case.split, chosen, y)
            found = case.evaluate(case.X.isel(trial=chosen), split)
        except InputError as error:
            rows.append({"a": str(a), "b": str(b), "score": None, "why": str(error)})
            continue
        rows.append(
            {"a": str(a), "b": str(b), **_accuracy(found), "trials": len(chosen)}
            | {"trial_order_auc": _order(found), "before_event": _before(case, chosen, split)}
        )
        case.progress("contrasts", number, 0)
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
    if not _has_past(case.recording):
        return None
    past = _past(case.recording).isel(trial=chosen)
    return _accuracy(case.evaluate(past, split))


def pre_event(case: Case) -> dict[str, Any]:
    """Decode the target from what was measured before the event, where it should not be."""
    if not _has_past(case.recording):
        raise InputError("the trials hold no samples before the event; widen the window")
    found = case.evaluate(_past(case.recording), case.split)
    order = found.baselines.get("trial order")
    follows = order is not None and order.interval is not None and order.interval[0] > 0.5
    return _accuracy(found) | {"trial_order_auc": _order(found), "follows_the_clock": follows}


def _has_past(recording: xr.DataArray) -> bool:
    return _has_times(recording) and float(recording["time"][0]) < 0


def _past(recording: xr.DataArray) -> xr.DataArray:
    before = recording.isel(time=np.flatnonzero(recording["time"].values < 0))
    mean: xr.DataArray = before.mean("time", keep_attrs=True)
    return mean


def _accuracy(found: Evidence) -> dict[str, Any]:
    return found.scores["balanced_accuracy"].to_dict()


def _order(found: Evidence) -> float | None:
    order = found.baselines.get("trial order")
    return None if order is None else order.value


def calibration(case: Case) -> dict[str, Any]:
    """How often is the decoder right when it is so sure, and how large are sets that hold?"""
    names, codes = np.unique(case.y, return_inverse=True)
    if np.bincount(codes).min() < 10:
        raise InputError("it is learned from ten trials or more of each class")
    groups = _groups(case)
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


def _groups(case: Case) -> np.ndarray | None:
    """The first held-out column with enough values inside a training set."""
    for name in case.split.by:
        values = np.asarray(case.split.columns[name])
        if len(np.unique(values)) >= FEWEST_PEOPLE:
            return values
    return None


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
    """Decode the target from who varies with whom: correlations of units within each trial."""
    if not _has_times(case.recording):
        raise InputError("correlations within a trial need samples over time")
    found = case.evaluate(correlation(case.recording), case.split)
    return {"measure": "correlation", **_accuracy(found)}


def virtual_lesion(case: Case) -> dict[str, Any]:
    """Take the selective units from the decoder, against random units that are as active.

    Units are chosen in the training trials of each fold; scores are means over folds.
    """
    X, y = case.X, case.y
    effects = []
    for train, test in case.split:
        chosen = selectivity(X.isel(trial=train), case.target).selective.nonzero()[0]
        if 0 < len(chosen) <= X.sizes["unit"] // 2:
            effects.append(_lesion_in_fold(X.values, y, train, test, chosen, case.random_state))
    if not effects:
        raise InputError("no fold leaves selective units, at most half of all, to be silenced")
    random = np.mean([e.random for e in effects], axis=0)
    score = float(np.mean([e.score for e in effects]))
    return {
        "units": float(np.mean([len(e.units) for e in effects])),
        "score": score,
        "base": float(np.mean([e.base for e in effects])),
        "random_mean": float(random.mean()),
        "random_interval": np.quantile(random, [0.025, 0.975]).tolist(),
        "p": p_value(score, random, higher_is_better=False),
        "folds": len(effects),
    }


def _lesion_in_fold(
    X: np.ndarray,
    y: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    chosen: np.ndarray,
    random_state: int,
) -> Effect:
    def respond(changes: Sequence[Change]) -> list[np.ndarray]:
        answers = []
        for change in changes:
            kept = np.setdiff1d(np.arange(X.shape[1]), change.units)
            decoder = ShrinkageLDA(priors="equal").fit(X[train][:, kept], y[train])
            answers.append(decoder.predict(X[test][:, kept]))
        return answers

    def measure(answer: np.ndarray) -> float:
        return float(recall_score(y[test], answer, average="macro", labels=np.unique(y[test])))

    activity = {"all": X[train].mean(axis=0)}
    found = lesion(respond, measure, {"all": chosen}, activity, random_state=random_state)
    return found["all"]


def generalisation(case: Case) -> dict[str, Any]:
    """Does the code found at one moment hold at another?"""
    step = _step(case.recording)
    coarse = window_means(case.recording, step, step)
    found = temporal_generalisation(
        coarse,
        case.target,
        case.split,
        n_permutations=min(case.n_permutations, 200),
        random_state=case.random_state,
    )
    return found.to_dict()


def _step(recording: xr.DataArray) -> float:
    if not _has_times(recording):
        raise InputError("it needs samples over time")
    time = recording["time"].values
    sample = float(time[1] - time[0])
    return max(1, round(len(time) / MOST_TIMES)) * sample


def lead(case: Case) -> dict[str, Any]:
    """How long before the report can the target be read?"""
    if not _has_past(case.recording):
        raise InputError("the trials hold no samples before the event; widen the window")
    length = -float(case.recording["time"][0]) * 2 / (LEADS + 1)
    found = lead_time(
        case.recording,
        case.target,
        case.split,
        length=length,
        nuisance=case.nuisance,
        n_permutations=min(case.n_permutations, 500),
        random_state=case.random_state,
    )
    return found.to_dict()


def states(case: Case) -> dict[str, Any]:
    """Hidden states of the population: how many, how long, and which class dwells where."""
    coarse = _thinned(case.recording)
    found: dict[str, Any] = hidden_states(
        coarse, case.target, most_states=MOST_STATES, n_starts=3, random_state=case.random_state
    ).to_dict()
    return found


def slow_dimensions(case: Case) -> dict[str, Any]:
    """Time constants of the population's latent dynamics, and whether one is a line attractor."""
    seconds = float(np.ptp(case.recording["time"].values)) if _has_times(case.recording) else 0.0
    if seconds < SLOW_SECONDS:
        raise InputError(
            f"trials of {seconds:g} s are too short for slow dynamics; {SLOW_SECONDS:g} s or more "
            "are needed"
        )
    found = time_constants(
        _thinned(case.recording), most_states=MOST_STATES, n_bootstrap=50, max_iter=50
    ).to_dict()
    return {
        "values": found["time_constants_s"],
        "intervals": found["intervals_s"],
        "attractor_s": found["attractor_s"],
    }


def _has_times(recording: xr.DataArray) -> bool:
    return "time" in recording.dims


def _thinned(recording: xr.DataArray) -> xr.DataArray:
    """At most so many trials, evenly spaced, and times, averaged: models fitted by EM are slow."""
    step = _step(recording)
    rows = np.unique(np.linspace(0, recording.sizes["trial"] - 1, MOST_TRIALS).astype(int))
    return window_means(recording.isel(trial=rows), step, step)


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
    order = evidence.baselines.get("trial order")
    if order is None or order.interval is None or order.interval[0] <= 0.5:
        return []
    return [
        f"labels follow the clock: trial order alone reads them with an AUC of {order.value:.2f}; "
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
