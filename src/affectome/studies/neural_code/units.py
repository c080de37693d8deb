"""Parts of the neural-code study: which units carry the target, and where they lie."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import xarray as xr
from sklearn.feature_selection import f_classif

from affectome.brains import Searchlight, searchlight
from affectome.decoding import ShrinkageLDA
from affectome.errors import InputError
from affectome.evidence import Split, tested
from affectome.progress import Progress
from affectome.studies.neural_code.case import Case
from affectome.studies.neural_code.parts import Lesion, Loss
from affectome.units import Change, Effect, lesion
from affectome.units.manipulation import Match

SHARE = 0.1
FEWEST_UNITS = 4
DRAWS = 100


def light(
    X: xr.DataArray, target: str, split: Split, radius: float, progress: Progress
) -> Searchlight:
    """Read the target from the sphere around every voxel or sensor.

    Raises
    ------
    InputError
        If units have no places, or the radius is not a positive number.
    """
    if not 0 < radius < float("inf"):
        raise InputError(f"the radius of a searchlight is a positive number; got {radius:g}")
    return searchlight(X, target, split, radius, progress=progress)


def virtual_lesion(case: Case) -> Lesion:
    """Take the units that differ most from the decoder, against random units that are as active.

    The tenth of the units that differ most between the classes (by F) is found in the training
    trials of each fold. Two questions are asked of it, and kept apart: what a decoder loses that
    was fitted with these units and hears their mean instead, and what one loses that is fitted
    anew without them.
    """
    X, y = case.X.values, case.y
    case.names  # noqa: B018 - refuses ratings
    n_units = X.shape[1]
    if n_units < FEWEST_UNITS:
        raise InputError(f"it draws from {FEWEST_UNITS} units or more; there are {n_units}")
    size = int(np.clip(round(SHARE * n_units), 1, n_units // 2))
    effects: dict[str, list[Effect]] = {"frozen": [], "refitted": []}
    for train, test in case.design.split:
        with np.errstate(invalid="ignore", divide="ignore"):
            strength = np.nan_to_num(f_classif(X[train], y[train])[0])
        chosen = np.sort(np.argsort(-strength, kind="stable")[:size])
        for name, respond in _ways(X, y, train, test).items():
            found = lesion(
                respond,
                _measure(y[test]),
                {"all": chosen},
                {"all": X[train].mean(axis=0)},
                n_random=DRAWS,
                random_state=case.random_state,
            )
            effects[name].append(found["all"])
    base = float(np.mean([one.base for one in effects["frozen"]]))
    frozen, refitted = (_over_folds(of_one, size) for of_one in effects.values())
    return Lesion(size, base, len(case.design.split), frozen, refitted)


def _over_folds(effects: Sequence[Effect], size: int) -> Loss:
    """Hold the score without the chosen units against random ones, both averaged over folds."""
    score = float(np.mean([one.score for one in effects]))
    random = np.mean([one.random for one in effects], axis=0)
    ratios = [one.match.ratio for one in effects if one.match.ratio is not None]
    match = Match(
        float(np.mean(ratios)) if len(ratios) == len(effects) else None,
        float(np.mean([one.match.distance for one in effects])),
        float(np.mean([one.match.same for one in effects])),
    )
    if match.why_not is not None:
        return Loss(score, random, None, None, f"no p, because {match.why_not}")
    units = "unit that is" if size == 1 else "units that are"
    p, null = tested(score, random, f"{size} random {units} as active", size, alternative="less")
    return Loss(score, random, p, null, None)


Respond = Callable[[Sequence[Change]], Iterable[np.ndarray]]


def _ways(X: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray) -> dict[str, Respond]:
    whole = ShrinkageLDA(priors="equal").fit(X[train], y[train])
    level = X[train].mean(axis=0)

    def frozen(changes: Sequence[Change]) -> list[np.ndarray]:
        answers = []
        for change in changes:
            changed = X[test].copy()
            changed[:, list(change.units)] = level[list(change.units)]
            answers.append(whole.predict(changed))
        return answers

    def refitted(changes: Sequence[Change]) -> list[np.ndarray]:
        answers = []
        for change in changes:
            kept = np.setdiff1d(np.arange(X.shape[1]), change.units)
            decoder = ShrinkageLDA(priors="equal").fit(X[train][:, kept], y[train])
            answers.append(decoder.predict(X[test][:, kept]))
        return answers

    return {"frozen": frozen, "refitted": refitted}


def _measure(truth: np.ndarray) -> Callable[[np.ndarray], float]:
    classes = [truth == name for name in np.unique(truth)]

    def balanced(answer: np.ndarray) -> float:
        right = answer == truth
        return float(np.mean([right[own].mean() for own in classes]))

    return balanced
