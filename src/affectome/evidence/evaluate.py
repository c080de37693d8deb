"""Evaluate a decoder: a score that holds up, with its interval, its null and its baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from affectome.data import check_recording, trial_table
from affectome.data.memory import check_memory
from affectome.evidence._asked import (
    Holdout,
    bytes_needed,
    check_kind,
    controls_for,
    features_for,
    metrics_for,
    split_for,
    target_of,
)
from affectome.evidence._exchange import arrange
from affectome.evidence._holdout import independent_groups
from affectome.evidence._judge import Judge, calibrating_null
from affectome.evidence._labels import check_labels, is_rating
from affectome.evidence._metrics import METRICS
from affectome.evidence._predictions import Predictions, out_of_fold
from affectome.evidence.baselines import baseline_scores
from affectome.evidence.permutation import PermutationTest, default_metric, null_scores
from affectome.evidence.scores import Score
from affectome.evidence.splits import Split
from affectome.progress import Progress, silent


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is claimed about a decoder, and why it can be believed.

    Attributes
    ----------
    target
        The column, or columns, that were decoded.
    metric
        The metric that baselines are compared by.
    scores
        Metric → score with interval and p.
    null
        The permutation test of ``metric``.
    baselines
        Name → score of each baseline, and of each control Recording, by ``metric``.
    best_baseline
        Name of the best of them.
    excess
        How far the decoder is above that one, with the interval of the paired difference.
    by_subject
        Subject → score of its trials by ``metric``; None where it has one class only.
    predictions
        One row a tested trial: ``trial``, ``fold``, true and predicted target, scores of classes.
    split
        The folds.
    stamps
        What every figure drawn from this must say, such as ``"random split"``.
    """

    target: tuple[str, ...]
    metric: str
    scores: Mapping[str, Score]
    null: PermutationTest | None
    baselines: Mapping[str, Score]
    best_baseline: str
    excess: Score
    by_subject: Mapping[str, float | None]
    predictions: pd.DataFrame = field(repr=False)
    split: Split
    stamps: tuple[str, ...]

    @property
    def score(self) -> Score:
        """The score by the main metric."""
        return self.scores[self.metric]

    def to_dict(self) -> dict[str, Any]:
        """Give all numbers, as they go into ``result.json``."""
        return {
            "target": list(self.target),
            "metric": self.metric,
            "scores": {name: one.to_dict() for name, one in self.scores.items()},
            "null": None if self.null is None else self.null.to_dict(),
            "baselines": {name: one.to_dict() for name, one in self.baselines.items()},
            "best_baseline": self.best_baseline,
            "excess": self.excess.to_dict(),
            "by_subject": dict(self.by_subject),
            "n_trials": len(self.predictions),
            "split": self.split.to_dict(),
            "stamps": list(self.stamps),
        }


def evaluate(
    decoder: Any,
    recording: xr.DataArray,
    target: str | Sequence[str],
    holdout: Holdout = None,
    nuisance: Sequence[str] = (),
    controls: Mapping[str, xr.DataArray] | None = None,
    metric: str | None = None,
    n_splits: int | None = None,
    n_permutations: int = 1000,
    n_bootstrap: int = 2000,
    random_state: int = 0,
    n_jobs: int | None = None,
    progress: Progress = silent,
) -> Evidence:
    """Decode a target from a Recording and gather the evidence that the decoding is real.

    Parameters
    ----------
    decoder
        Any scikit-learn estimator or Pipeline; all of it is fitted inside the folds.
    recording
        Dims (trial, [time,] unit). Time is laid out as more units for estimators that don't declare
        the tag ``three_d_array``.
    target
        Coordinate of ``trial``: labels for a classifier, ratings (floats) for a regressor. Several
        columns of 0 and 1 are labels that may occur together.
    holdout
        Columns as in :func:`make_split`, a Split, or a scikit-learn splitter. By default subject
        and stimulus, where both are named.
    nuisance
        Columns that should not explain the target: motion, loudness, brightness.
    controls
        Name → Recording of the same trials, decoded as one more baseline: the units of the same
        network untrained.
    metric
        What baselines are compared by; macro AUC for classifiers, r for ratings, macro-F1 for
        several labels by default.
    n_splits
        Parts that each held-out column is dealt into.
    n_permutations
        Arrangements of the labels under the null; 0 for no test.
    n_bootstrap
        Draws of groups for the intervals.
    random_state
        Seed of everything that is drawn here.
    n_jobs
        Processes for the permutations of estimators without a closed form.
    progress
        Called with the name of the step.

    Returns
    -------
    Evidence

    Raises
    ------
    InputError
        If the Recording, the labels or the split are unusable, the decoder does not fit the target,
        or the work would not fit into memory.
    """
    names = (target,) if isinstance(target, str) else tuple(target)
    check_memory(bytes_needed(recording, n_permutations), f"evaluating the shape {recording.shape}")
    trials = trial_table(check_recording(recording))
    y = check_labels(target_of(trials, names), len(trials))
    check_kind(decoder, y, names)
    main = metric or ("multilabel_f1" if y.ndim > 1 else default_metric(decoder))
    metrics = metrics_for(main, decoder, y)
    split = split_for(holdout, trials, y, n_splits, random_state)
    judge = Judge(y, split, independent_groups(trials, split), n_bootstrap, random_state)
    progress("decode", 0, 3)
    X = features_for(decoder, recording)
    scored = any(METRICS[name].wants == "scores" for name in metrics)
    own = out_of_fold(decoder, X, y, split, scored)
    progress("baselines", 1, 3)
    rivals = _rivals(baseline_scores(trials, y, split, nuisance), y)
    for name, values in controls_for(decoder, recording, controls or {}).items():
        rivals[name] = out_of_fold(decoder, values, y, split, scored)
    progress("null", 2, 3)
    labels = _labels_under_null(y, split, n_permutations, random_state)
    null = null_scores(decoder, X, y, split, metrics, *labels, n_jobs)
    spread_by = calibrating_null(decoder, X, y, split, metrics, null, random_state, n_jobs)
    wider = {name: judge.inflation(name, spread_by) for name in metrics}
    baselines = {name: judge.score(main, rival, wider[main]) for name, rival in rivals.items()}
    best = _best(baselines, METRICS[main].higher_is_better)
    evidence = Evidence(
        target=names,
        metric=main,
        scores={name: judge.score(name, own, wider[name], null) for name in metrics},
        null=null.tests.get(main),
        baselines=baselines,
        best_baseline=best,
        excess=judge.difference(main, own, rivals[best], wider[main]),
        by_subject=judge.by_subject(main, own, trials),
        predictions=judge.table(names, own),
        split=split,
        stamps=("random split",) if split.random else (),
    )
    progress("done", 3, 3)
    return evidence


def _labels_under_null(
    y: NDArray[Any], split: Split, n_permutations: int, random_state: int
) -> tuple[NDArray[Any], str]:
    if n_permutations == 0:
        return y[None][:0], ""
    return arrange(y, split, n_permutations, random_state)


def _rivals(scores: Mapping[str, NDArray[np.float64]], y: NDArray[Any]) -> dict[str, Predictions]:
    """Turn the baselines' scores into predictions of labels, ratings or classes."""
    if y.ndim > 1:
        return {name: Predictions((s > 0.5).astype(int), None) for name, s in scores.items()}
    if is_rating(y):
        return {name: Predictions(s, None) for name, s in scores.items()}
    classes = np.unique(y)
    return {name: Predictions(classes[s.argmax(axis=1)], s) for name, s in scores.items()}


def _best(baselines: Mapping[str, Score], higher_is_better: bool) -> str:
    ranked = sorted(baselines, key=lambda name: baselines[name].value)
    return ranked[-1] if higher_is_better else ranked[0]
