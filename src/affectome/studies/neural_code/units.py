"""Parts of the neural-code study: which units carry the target, and where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from sklearn.metrics import recall_score

from affectome.brains import Searchlight, searchlight
from affectome.decoding import ShrinkageLDA
from affectome.errors import InputError
from affectome.evidence import Split, p_value
from affectome.progress import Progress
from affectome.studies.neural_code.case import Case
from affectome.units import Change, Effect, lesion, selectivity


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


def virtual_lesion(case: Case) -> dict[str, Any]:
    """Take the selective units from the decoder, against random units that are as active.

    Units are chosen in the training trials of each fold, the strongest half where more are
    selective, so that as many are left to draw from; scores are means over folds.
    """
    X, y = case.X, case.y
    effects = []
    for train, test in case.split:
        found = selectivity(X.isel(trial=train), case.target)
        strongest = np.argsort(-found.table["F"].to_numpy(), kind="stable")
        chosen = np.sort(strongest[: min(int(found.selective.sum()), X.sizes["unit"] // 2)])
        if len(chosen):
            effects.append(_lesion_in_fold(X.values, y, train, test, chosen, case.random_state))
    if not effects:
        raise InputError("no unit is selective in the training trials of a fold")
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
