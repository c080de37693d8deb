"""Evaluate a decoder: a score that holds up, with its interval, its null and its baselines."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_classifier, is_regressor
from sklearn.utils import get_tags

from affectome.data import as_recording, check_recording, trial_table
from affectome.data.memory import check_memory
from affectome.data.shown import Shown, plot_scores
from affectome.errors import InputError
from affectome.evidence.baselines import baseline_scores
from affectome.evidence.cross_fit import Predictions, cross_fit
from affectome.evidence.design import Design, Holdout, make_design
from affectome.evidence.given import given_trials
from affectome.evidence.labels import check_labels, is_rating
from affectome.evidence.metrics import METRICS
from affectome.evidence.permutation import (
    NullScores,
    PermutationTest,
    default_metric,
    null_scores,
)
from affectome.evidence.score_sheet import ScoreSheet, calibrating_null
from affectome.evidence.scores import Score, find_metric
from affectome.evidence.split import Split
from affectome.progress import Progress, silent

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class Evidence(Shown):
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
    over_controls
        Name of each control Recording → how far the decoder is above it, likewise.
    by_subject
        Subject → score of its trials by ``metric``; None where it has one class only.
    predictions
        One row a tested trial: ``trial``, ``fold``, true and predicted target, scores of classes.
    design
        What was held out, what is independent, and what traded places.
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
    over_controls: Mapping[str, Score]
    by_subject: Mapping[str, float | None]
    predictions: pd.DataFrame = field(repr=False)
    design: Design
    stamps: tuple[str, ...]

    @property
    def _title(self) -> str:
        return f"Evidence({', '.join(self.target)}): {self.score.words}"

    @property
    def _stamps(self) -> tuple[str, ...]:
        return self.stamps

    @property
    def _lines(self) -> list[str]:
        best = self.baselines[self.best_baseline]
        ends = self.excess.interval
        above = "" if ends is None else f" [{ends[0]:+.2f}, {ends[1]:+.2f}]"
        no_p = [] if self.score.p is not None or not self.score.why else [self.score.why]
        return [
            self.design.headline,
            *no_p,
            f"{self.excess.value:+.2f}{above} over the best baseline, "
            f"{self.best_baseline} ({best.value:.2f})",
            *self.design.notes,
        ]

    def to_frame(self) -> pd.DataFrame:
        """Give a row a score: those of the decoder, then its baselines by the main metric."""
        named = [("decoder", self.score)]
        named += [("decoder", one) for name, one in self.scores.items() if name != self.metric]
        named += list(self.baselines.items())
        return pd.DataFrame(
            {
                "what": name,
                "metric": one.metric,
                "score": one.value,
                "low": None if one.interval is None else one.interval[0],
                "high": None if one.interval is None else one.interval[1],
                "p": one.p,
                "over": one.over,
                "why": one.why,
            }
            for name, one in named
        ).astype({"score": float, "low": float, "high": float, "p": float})

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the score and those of the baselines, with their intervals."""
        marks = [("decoder", self.score), *self.baselines.items()]
        return plot_scores(ax, [(n, one.value, one.interval) for n, one in marks], self.metric)

    @property
    def split(self) -> Split:
        """The folds."""
        return self.design.split

    @property
    def score(self) -> Score:
        """The score by the main metric."""
        return self.scores[self.metric]

    def to_dict(self) -> dict[str, Any]:
        """Give all numbers, as they go into ``result.json``."""
        return {
            "target": list(self.target),
            "held_out": self.design.headline,
            "notes": list(self.design.notes),
            "metric": self.metric,
            "scores": {name: one.to_dict() for name, one in self.scores.items()},
            "null": None if self.null is None else self.null.to_dict(),
            "baselines": {name: one.to_dict() for name, one in self.baselines.items()},
            "best_baseline": self.best_baseline,
            "excess": self.excess.to_dict(),
            "over_controls": {name: one.to_dict() for name, one in self.over_controls.items()},
            "by_subject": dict(self.by_subject),
            "n_trials": len(self.predictions),
            "split": self.split.to_dict(),
            "stamps": list(self.stamps),
        }


def evaluate(
    decoder: Any,
    recording: Any,
    target: str | Sequence[str] | ArrayLike,
    holdout: Holdout = None,
    nuisance: Sequence[str] = (),
    controls: Mapping[str, Any] | None = None,
    metric: str | None = None,
    n_splits: int | None = None,
    order: str | None = None,
    n_permutations: int = 1000,
    n_bootstrap: int = 2000,
    random_state: int = 0,
    n_jobs: int | None = None,
    progress: Progress = silent,
    **columns: str | ArrayLike | None,
) -> Evidence:
    """Decode a target and gather the evidence that the decoding is real.

    Parameters
    ----------
    decoder
        Any scikit-learn estimator or Pipeline; all of it is fitted inside the folds.
    recording
        Dims (trial, [time,] unit); or what :func:`affectome.data.as_recording` takes: an array
        (n_trials, [n_times,] n_units), a DataFrame with a column a unit, ``mne.Epochs`` … Time is
        laid out as more units for estimators that don't declare the tag ``three_d_array``.
    target
        Coordinate of ``trial`` or column of the DataFrame; or the labels themselves, shape
        (n_trials,): classes for a classifier, ratings (floats) for a regressor. Several columns of
        0 and 1 are labels that may occur together.
    holdout
        Columns as in :func:`make_split`, a Split, a Design, or a scikit-learn splitter; or an array
        (n_trials,) of groups. By default subject and stimulus, where both are named.
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
    order
        Column that says when a trial was, as in :func:`make_design`.
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
    **columns
        What is known of the trials, one value each, shape (n_trials,): ``subject``, ``stimulus``,
        ``session``, ``run``, ``onset``, a nuisance such as ``loudness``; or the name of the column
        that holds it. ``groups`` are held out.

    Returns
    -------
    Evidence

    Raises
    ------
    InputError
        If the Recording, the labels or the split are unusable, the decoder does not fit the target,
        or the work would not fit into memory.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> person = np.repeat(np.arange(8), 10)
    >>> y = np.tile(["fear", "joy"], 40)
    >>> X = rng.normal(size=(80, 5)) + 2.0 * (y == "joy")[:, None]
    >>> found = af.evaluate(af.RidgeClassifierDecoder(), X, y, subject=person, n_permutations=19)
    >>> found.design.headline
    'held out: 8 people (subject)'
    >>> bool(found.score.value > 0.95), found.best_baseline
    (True, ...)
    """
    options = inspect.signature(evaluate).parameters
    recording, names, holdout = given_trials(recording, target, holdout, columns, options)
    check_memory(
        _bytes_needed(recording, n_permutations), f"evaluating the shape {recording.shape}"
    )
    trials = trial_table(check_recording(recording))
    y = check_labels(_target_of(trials, names), len(trials))
    _check_kind(decoder, y, names)
    main = metric or ("multilabel_f1" if y.ndim > 1 else default_metric(decoder))
    metrics = _metrics_for(main, decoder, y)
    design = holdout if isinstance(holdout, Design) else None
    if design is None:
        known = trials.drop(columns=[*names])
        design = make_design(
            known, y, holdout, n_splits=n_splits, order=order, random_state=random_state
        )
    sheet = ScoreSheet(design, n_bootstrap, random_state)
    progress("decode", 0, 3)
    X = _features_for(decoder, recording)
    scored = any(METRICS[name].wants == "scores" for name in metrics)
    own = cross_fit(decoder, X, y, design.split, scored, design.routed)
    progress("baselines", 1, 3)
    rivals = _rivals(baseline_scores(trials, y, design.split, nuisance), y)
    for name, values in _controls_for(decoder, recording, controls or {}).items():
        rivals[name] = cross_fit(decoder, values, y, design.split, scored, design.routed)
    progress("null", 2, 3)
    null = _null(decoder, X, design, metrics, n_permutations, random_state, n_jobs)
    spread_by = calibrating_null(decoder, X, design, metrics, null, random_state)
    factors = sheet.inflations([(name, spread_by) for name in metrics])
    wider = dict(zip(metrics, factors, strict=True))
    baselines = {name: sheet.score(main, rival, wider[main]) for name, rival in rivals.items()}
    best = _best(baselines, METRICS[main].higher_is_better)
    evidence = Evidence(
        target=names,
        metric=main,
        scores={name: sheet.score(name, own, wider[name], null) for name in metrics},
        null=null.tests.get(main),
        baselines=baselines,
        best_baseline=best,
        excess=sheet.difference(main, own, rivals[best], wider[main]),
        over_controls={
            name: sheet.difference(main, own, rivals[name], wider[main])
            for name in (controls or {})
            if np.isfinite(baselines[name].value)
        },
        by_subject=sheet.by_subject(main, own),
        predictions=sheet.table(names, own),
        design=design,
        stamps=("random split",) if design.split.random else (),
    )
    progress("done", 3, 3)
    return evidence


def _null(
    decoder: Any,
    X: NDArray[Any],
    design: Design,
    metrics: list[str],
    n_permutations: int,
    random_state: int,
    n_jobs: int | None,
) -> NullScores:
    """Scores under the null; none where none is asked for or none is valid."""
    exchange = design.exchange
    if n_permutations == 0 or exchange.why_not is not None:
        drawn = design.y[None][:0]
    else:
        drawn = design.arrange(n_permutations, random_state)
    return null_scores(
        decoder, X, design, metrics, drawn, exchange.scheme, exchange.n_groups, n_jobs
    )


def _rivals(scores: Mapping[str, NDArray[np.float64]], y: NDArray[Any]) -> dict[str, Predictions]:
    """Turn the baselines' scores into predictions of labels, ratings or classes."""
    if y.ndim > 1:
        return {name: Predictions((s > 0.5).astype(int), None) for name, s in scores.items()}
    if is_rating(y):
        return {name: Predictions(s, None) for name, s in scores.items()}
    classes = np.unique(y)
    return {name: Predictions(classes[s.argmax(axis=1)], s) for name, s in scores.items()}


def _best(baselines: Mapping[str, Score], higher_is_better: bool) -> str:
    defined = [name for name in baselines if np.isfinite(baselines[name].value)]
    ranked = sorted(defined, key=lambda name: baselines[name].value)
    return ranked[-1] if higher_is_better else ranked[0]


def _target_of(trials: pd.DataFrame, names: tuple[str, ...]) -> NDArray[Any]:
    """Labels (n,), or 0 and 1 of several labels (n, k), from the trials' columns."""
    for name in names:
        if name not in trials:
            has = ", ".join(map(str, trials.columns)) or "none"
            raise InputError(f"the trials have no coordinate {name!r} to decode; they have {has}")
    if len(names) == 1:
        return trials[names[0]].to_numpy()
    values = trials[list(names)].to_numpy()
    if values.dtype.kind not in "iub" or not np.isin(values, (0, 1)).all():
        raise InputError(
            f"several targets are labels of 0 and 1; {', '.join(names)} hold other values: decode "
            "ratings one at a time"
        )
    return values.astype(int)


def _check_kind(decoder: Any, y: NDArray[Any], names: tuple[str, ...]) -> None:
    """Refuse ratings for a classifier and classes for a regressor."""
    kind = type(decoder).__name__
    if y.ndim > 1:
        return
    if is_rating(y) and is_classifier(decoder):
        raise InputError(
            f"{names[0]!r} is a rating (floats), but {kind} is a classifier; take a regressor such "
            "as RidgeDecoder, or cut the ratings into classes"
        )
    if not is_rating(y) and is_regressor(decoder):
        raise InputError(
            f"{names[0]!r} names classes, but {kind} is a regressor; take a classifier such as "
            "RidgeClassifierDecoder, or give the ratings as floats"
        )


def _metrics_for(main: str, decoder: Any, y: NDArray[Any]) -> list[str]:
    """The main metric first, then those that are usual for the target."""
    find_metric(main)
    if y.ndim > 1:
        usual = ["multilabel_f1"]
    elif is_rating(y):
        usual = ["pearson_r", "ccc", "r2"]
    else:
        usual = ["balanced_accuracy", "f1_macro"]
        if default_metric(decoder) == "macro_auc":
            usual = ["macro_auc", *usual, "d_from_auc"]
    return [main, *(name for name in usual if name != main)]


def _features_for(decoder: Any, recording: xr.DataArray) -> NDArray[Any]:
    """Values as the decoder wants them: time is laid out as units unless it takes three dims."""
    values = recording.to_numpy()
    if values.ndim == 3 and not get_tags(decoder).input_tags.three_d_array:
        return values.reshape(len(values), -1)
    return values


def _controls_for(
    decoder: Any, recording: xr.DataArray, controls: Mapping[str, Any]
) -> dict[str, NDArray[Any]]:
    """Values of each control Recording, of the same trials."""
    n_trials = recording.sizes["trial"]
    given = {name: as_recording(control) for name, control in controls.items()}
    for name, control in given.items():
        if control.sizes.get("trial") != n_trials:
            raise InputError(
                f"the control {name!r} has the shape {control.shape}, but the Recording has "
                f"{n_trials} trials; give the same trials in the same order"
            )
    return {name: _features_for(decoder, check_recording(one)) for name, one in given.items()}


def _bytes_needed(recording: xr.DataArray, n_permutations: int) -> float:
    """Peak: values with a scaled copy and a training set in float64; labels and scores of nulls."""
    n_trials = recording.sizes.get("trial", 0)
    return 8.0 * (3 * recording.size + 4 * (n_permutations + 1) * n_trials)
