"""Chosen on the test set: layers, thresholds or models picked by what is then reported."""

from __future__ import annotations

from typing import Any

import numpy as np

from affectome.audit.costs import Cost
from affectome.audit.findings import Finding, Severity
from affectome.audit.predictions import Predictions
from affectome.errors import InputError
from affectome.evidence.choice import (
    chosen_elsewhere,
    cut,
    optimism,
    thresholds_of,
    weighted_scores,
)

MATTERS = 0.02
FEWEST_TRIALS = 20
MOST_LISTED = 50
FIXED = "the predictions given"


def chosen_findings(given: Predictions, seed: int) -> list[Finding]:
    """What the choice of a configuration, and of a threshold, adds to the score that is reported.

    Parameters
    ----------
    given
        Predictions; those of a validation set are there to choose on.
    seed
        Deals the halves.
    """
    test = ~given.validation
    findings = []
    if len(given.configurations) > 1:
        findings += _of_configurations(given, test, seed)
    elif given.scores:
        findings += _of_thresholds(given, test, seed)
    return findings


def _metric(given: Predictions) -> str:
    if not given.classes:
        return "pearson_r"
    return "macro_auc" if given.scores else "balanced_accuracy"


def _of_configurations(given: Predictions, test: np.ndarray, seed: int) -> list[Finding]:
    metric, y, found = _metric(given), given.y[test], given.found[:, test]
    groups = np.unique(given.groups[test], return_inverse=True)[1]
    values = np.nan_to_num(weighted_scores(metric, y, found, np.ones((1, len(y))))[:, 0], nan=-1)
    best = int(values.argmax())
    if given.validation.any():
        other = _best_on_validation(given, metric)
        if other == best:
            given.warnings.append(
                f"the validation trials choose {given.configurations[best]}, which is best on the "
                "test trials, too"
            )
            return []
        elsewhere, how = found[other][None], f"{given.configurations[other]}, chosen on validation"
    else:
        try:
            picked, _ = chosen_elsewhere(metric, y, found, groups, seed)
        except InputError as error:
            return [_unpriced(given, best, values, str(error))]
        elsewhere = np.take_along_axis(found, picked, axis=0)
        how = "what the other half would choose"
    scored = optimism(metric, y, found[best], elsewhere, groups, given.over)
    words = (f"the best of {len(found)} ({given.configurations[best]})", how)
    cost = Cost(FIXED, *words, *scored)
    why = "" if not given.validation.any() else "; report the one that validation chose"
    return [
        Finding(
            "chosen_on_test",
            _severity(cost),
            f"{len(found)} configurations are scored on the same {len(y)} trials; the best, "
            f"{given.configurations[best]}, is {_too_good(cost)} if that is why it is "
            f"reported{why}.",
            _evidence(given, best, values),
            "Choose on trials that are not reported (a validation set, or inner folds), and say "
            "how many were tried.",
            cost,
            [c for c in given.columns if c != "configuration column"],
        )
    ]


def _best_on_validation(given: Predictions, metric: str) -> int:
    side = given.validation
    if len(np.unique(given.y[side])) < 2:
        raise InputError(
            f"{given.file}: the validation trials have one class only; none can be chosen"
        )
    ones = np.ones((1, int(side.sum())))
    return int(weighted_scores(metric, given.y[side], given.found[:, side], ones)[:, 0].argmax())


def _unpriced(given: Predictions, best: int, values: np.ndarray, why: str) -> Finding:
    return Finding(
        "chosen_on_test",
        "medium",
        f"{len(given.found)} configurations are scored on the same trials; the best is "
        f"{given.configurations[best]}.",
        _evidence(given, best, values),
        "Choose on trials that are not reported (a validation set, or inner folds), and say how "
        "many were tried.",
        why,
        [c for c in given.columns if c != "configuration column"],
    )


def _evidence(given: Predictions, best: int, values: np.ndarray) -> dict[str, Any]:
    order = np.argsort(-values)[:MOST_LISTED]
    return {
        "configurations": len(values),
        "best": given.configurations[best],
        "metric": _metric(given),
        "scores": {given.configurations[k]: float(values[k]) for k in order},
        "chosen_on_validation": bool(given.validation.any()),
    }


def _severity(cost: Cost) -> Severity:
    ends = cost.difference.interval
    if ends is None:
        return "medium"
    if ends[0] > 0:
        return "high"
    return "medium" if ends[1] >= MATTERS else "low"


def _too_good(cost: Cost) -> str:
    ends = cost.difference.interval
    reach = "" if ends is None else f" (interval {ends[0]:+.2f} to {ends[1]:+.2f})"
    return f"{cost.difference.value:+.2f} {cost.metric} too good{reach}"


def _of_thresholds(given: Predictions, test: np.ndarray, seed: int) -> list[Finding]:
    """Best threshold on the trials that are reported, against that of the other half."""
    y = given.y[test]
    if len(y) < FEWEST_TRIALS or len(np.unique(y)) < 2:
        return []
    values = given.found[0][test]
    groups = np.unique(given.groups[test], return_inverse=True)[1]
    tried = thresholds_of(values)
    if not len(tried):
        return []
    if given.thresholds is not None:
        reported = (values > given.thresholds[test]).astype(int)
        if not _best_where_used(y, values, given.thresholds[test], given.parts[test]):
            given.warnings.append(
                "the thresholds given are not the best ones on their own trials, as they would be "
                "if they had been chosen there"
            )
            return []
    found = cut(values, tried)
    try:
        picked, top = chosen_elsewhere("balanced_accuracy", y, found, groups, seed)
    except InputError as error:
        given.warnings.append(f"thresholds: {error}")
        return []
    if given.thresholds is None:
        reported = found[top]
    elsewhere = np.take_along_axis(found, picked, axis=0)
    scored = optimism("balanced_accuracy", y, reported, elsewhere, groups, given.over)
    words = ("the threshold that is best on these trials", "that of the other half")
    cost = Cost(FIXED, *words, *scored)
    severity = _severity(cost)
    if given.thresholds is None:
        what = "Scores without a threshold: the one that is best on the reported trials is"
        severity = "low" if severity == "low" else "medium"
    else:
        what = "The threshold given is the best one on the very trials that are reported, which is"
    return [
        Finding(
            "chosen_on_test",
            severity,
            f"{what} {_too_good(cost)}.",
            {
                "thresholds_tried": len(tried),
                "given": given.thresholds is not None,
                "trials": len(y),
            },
            "Take the threshold from training trials or inner folds, or report the AUC.",
            cost,
            ["threshold"] if given.thresholds is not None else [],
        )
    ]


def _best_where_used(
    y: np.ndarray, values: np.ndarray, thresholds: np.ndarray, parts: np.ndarray
) -> bool:
    """Whether every threshold is the best for the trials that it was held against."""
    same = np.unique(np.column_stack([parts, thresholds]), axis=0, return_inverse=True)[1].ravel()
    for one in np.unique(same):
        inside = same == one
        if len(np.unique(y[inside])) < 2:
            continue
        ones = np.ones((1, int(inside.sum())))
        own = (values[inside] > thresholds[inside]).astype(int)[None]
        every = cut(values[inside], thresholds_of(values[inside]))
        reached = weighted_scores("balanced_accuracy", y[inside], own, ones)[0, 0]
        if reached < weighted_scores("balanced_accuracy", y[inside], every, ones).max() - 1e-9:
            return False
    return True
