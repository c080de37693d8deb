"""Scores with 95 % intervals: a bootstrap over groups, not over trials.

Trials of one subject are alike, so an interval that draws trials is too narrow. Here whole groups
are reweighted: group g gets the weight w_g, (w_1 … w_G) ~ Dirichlet(α, …, α) with α = (G - 2) / G,
which makes the variance of a weighted mean over draws the unbiased s² / G (Rubin 1981 has α = 1).
The spread of the score over draws is its standard error se; on a scale η on which scores are close
to normal (probit for AUC, logit for shares, Fisher's z for correlations) the interval is

    η⁻¹( η(score) ± t_{0.975, G-1} · se · η'(score) ).

Where groups have one class each, they are reweighted class by class. Where trials are crossed by
two groupings, subjects and stimuli, the variances of both bootstraps are added and that over their
cells is taken off (Cameron, Gelbach & Miller 2011), with Satterthwaite's degrees of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from affectome.errors import InputError, unknown
from affectome.evidence.claims import Null, mean_interval
from affectome.evidence.intervals import Spread, group_codes, spread_over_groups
from affectome.evidence.metrics import METRICS, Array, Metric, d_of_auc

ROUNDING = 1e-9
STEEP = 4.0
"""Distances to a bound that an interval may reach over before its link is left aside."""
USUAL_INFLATION = 2.0
"""Widening where no null could be drawn: the largest that simulated designs need."""


@dataclass(frozen=True, repr=False)
class Score:
    """One number, how sure it is, and how likely chance gives it.

    Attributes
    ----------
    metric
        Name of the metric.
    value
        The score of all tested trials.
    interval
        95 % interval over held-out groups; None with fewer than 3 groups.
    p
        Permutation p; None where it was not asked for.
    n_groups
        Number of independent groups that the interval rests on.
    over
        What the interval is drawn over, such as ``"12 subject × 16 film"``.
    null
        How the null of the p was drawn.
    why
        Why there is no p, or no score.
    """

    metric: str
    value: float
    interval: tuple[float, float] | None
    p: float | None
    n_groups: int
    over: str = ""
    null: Null | None = None
    why: str | None = None

    @property
    def words(self) -> str:
        """The score, its interval and its p, or why there is none."""
        if not np.isfinite(self.value):
            return f"no {self.metric}: {self.why or 'it is not defined for these trials'}"
        ends = self.interval
        interval = "" if ends is None else f" [{ends[0]:.2f}, {ends[1]:.2f}]"
        p = "" if self.p is None else ", p < .001" if self.p < 0.001 else f", p = {self.p:.3f}"
        return f"{self.metric} {self.value:.2f}{interval}{p}"

    def __repr__(self) -> str:
        return f"Score({self.words}; over {self.over or f'{self.n_groups} groups'})"

    def to_dict(self) -> dict[str, Any]:
        """Give the score as it goes into ``result.json``."""
        found: dict[str, Any] = {
            "metric": self.metric,
            "score": self.value if np.isfinite(self.value) else None,
            "interval": None if self.interval is None else list(self.interval),
            "over": self.over or f"{self.n_groups} groups",
            "n_groups": self.n_groups,
            "p": self.p,
        }
        if self.null is not None:
            found["null"] = self.null.to_dict()
        if self.why is not None:
            found["why"] = self.why
        return found

    def with_p(self, p: float, null: Null | None = None) -> Score:
        """Give the same score with its permutation p."""
        return replace(self, p=p, null=null, why=None)


def score(
    metric: str,
    y_true: ArrayLike,
    y_hat: ArrayLike,
    groups: ArrayLike | None = None,
    folds: ArrayLike | None = None,
    n_bootstrap: int = 2000,
    random_state: int = 0,
    inflation: float = 1.0,
    over: str = "",
) -> Score:
    """Score predictions, with a 95 % interval over groups.

    Parameters
    ----------
    metric
        ``"balanced_accuracy"``, ``"macro_auc"``, ``"d_from_auc"``, ``"f1_macro"``,
        ``"multilabel_f1"``, ``"pearson_r"``, ``"ccc"``, ``"r2"`` or ``"ordinal_error"``.
    y_true
        Classes or ratings, shape (n_trials,); 0 or 1, shape (n_trials, n_labels), for
        ``multilabel_f1``.
    y_hat
        Predicted classes, ratings or labels, shaped as ``y_true``; for the two metrics of AUC
        decision values or probabilities, shape (n_trials,) with two classes (larger means the
        second), otherwise (n_trials, n_classes) in the classes' sorted order.
    groups
        What is independent: shape (n_trials,), or (n_trials, 2) where two groupings cross.
        By default every trial by itself.
    folds
        The fold that tested each trial, shape (n_trials,): decision values of different folds are
        different scales, so AUC compares within a fold. Pairs of all folds are compared where no
        fold has two classes.
    n_bootstrap
        Draws.
    random_state
        Seed of the draws.
    inflation
        Factor on the standard error, for what groups can't show (see ``evaluate``).
    over
        What the groups are, in words.

    Returns
    -------
    Score

    Raises
    ------
    InputError
        If the metric is unknown, lengths differ, or the prediction is not of the kind it wants.
    """
    if metric == "d_from_auc":
        auc = score(
            "macro_auc", y_true, y_hat, groups, folds, n_bootstrap, random_state, inflation, over
        )
        return _as_d(auc, len(np.asarray(y_true)))
    chosen = find_metric(metric)
    y, p = _prepare(metric, y_true, y_hat)
    fold = comparable(chosen, y, folds)
    weighted = partial(_weighted, chosen, y, p, fold)
    value, n_groups, found = _estimate(weighted, chosen, y, groups, n_bootstrap, random_state)
    if metric in ("pearson_r", "ccc") and np.ptp(p) == 0:
        why = "the estimates are all the same, so that nothing correlates with them"
        return Score(metric, float("nan"), None, None, n_groups, over, None, why)
    interval = None if found is None else _interval(chosen, value, found, inflation)
    return Score(metric, value, interval, None, n_groups, over)


def _as_d(auc: Score, n_trials: int) -> Score:
    ends = auc.interval
    interval = None if ends is None else (d_of_auc(ends[0], n_trials), d_of_auc(ends[1], n_trials))
    value = d_of_auc(auc.value, n_trials)
    return replace(auc, metric="d_from_auc", value=value, interval=interval)


def group_mean(
    values: ArrayLike,
    over: str,
    link: str = "identity",
    factor: float = 1.0,
    metric: str = "mean",
) -> Score:
    """Mean over groups with its 95 % interval by Student's t: the only one of its kind.

    Parameters
    ----------
    values
        One a group, shape (n_groups,); those that are NaN are left out.
    over
        What the groups are, in words: ``"animals"``.
    link
        ``"identity"``, ``"fisher"`` for correlations, ``"logit"`` for shares.
    factor
        On the standard error, for what groups share, such as their training sets.
    metric
        Name of what is averaged.
    """
    value, interval = mean_interval(values, link, factor)
    n = int(np.isfinite(np.asarray(values, dtype=float)).sum())
    why = None if n else "no group has a value"
    return Score(metric, value, interval, None, n, f"{n} {over}", None, why)


def spreads(
    asked: Sequence[tuple[str, ArrayLike]],
    y_true: ArrayLike,
    groups: ArrayLike | None = None,
    folds: ArrayLike | None = None,
    n_bootstrap: int = 2000,
    random_state: int = 0,
) -> list[Spread]:
    """Spread of several scores of the same trials over the same draws of groups.

    Parameters
    ----------
    asked
        A metric and the predictions that it scores, each. All metrics are of classes, or none is.
    y_true, groups, folds, n_bootstrap, random_state
        As in :func:`score`.
    """
    statistics = []
    classes: NDArray[Any] | None = None
    for metric, y_hat in asked:
        chosen = find_metric(metric)
        y, p = _prepare(metric, y_true, y_hat)
        statistics.append(partial(_weighted, chosen, y, p, comparable(chosen, y, folds)))
        classes = _classes(chosen, y)
    groupings = group_codes(groups, len(np.asarray(y_true)))
    return spread_over_groups(statistics, groupings, classes, n_bootstrap, random_state)


def _weighted(
    metric: Metric, y: NDArray[Any], p: NDArray[Any], fold: NDArray[np.intp], w: Array
) -> Array:
    return metric.weighted(y, p, w, fold)


def difference(
    metric: str,
    y_true: ArrayLike,
    y_hat: ArrayLike,
    y_other: ArrayLike,
    groups: ArrayLike | None = None,
    folds: ArrayLike | None = None,
    n_bootstrap: int = 2000,
    random_state: int = 0,
    inflation: float = 1.0,
    over: str = "",
) -> Score:
    """Score how much better ``y_hat`` is than ``y_other``, on the same trials and draws.

    Parameters are those of :func:`score`. With ``ordinal_error`` a positive difference means that
    ``y_hat`` has the smaller error.
    """
    chosen = find_metric(metric)
    y, p = _prepare(metric, y_true, y_hat)
    _, other = _prepare(metric, y_true, y_other)
    fold = comparable(chosen, y, folds)
    sign = 1 if chosen.higher_is_better else -1

    def excess(w: Array) -> Array:
        return sign * (chosen.weighted(y, p, w, fold) - chosen.weighted(y, other, w, fold))

    value, n_groups, found = _estimate(excess, chosen, y, groups, n_bootstrap, random_state)
    if found is None:
        return Score(metric, value, None, None, n_groups, over)
    reach, most = inflation * _reach(found), chosen.bounds[1] - chosen.bounds[0]
    ends = max(-most, value - reach), min(most, value + reach)
    return Score(metric, value, ends, None, n_groups, over)


def contrast(
    metric: str,
    y_true: ArrayLike,
    y_hat: ArrayLike,
    inside: ArrayLike,
    groups: ArrayLike | None = None,
    n_bootstrap: int = 2000,
    random_state: int = 0,
    inflation: float = 1.0,
    over: str = "",
) -> Score:
    """Score of some trials less that of the others, on the same draws of groups.

    Parameters are those of :func:`score`; ``inside``, shape (n_trials,), says which trials the
    first score is of. Groups may lie on both sides.
    """
    chosen = find_metric(metric)
    y, p = _prepare(metric, y_true, y_hat)
    first = np.asarray(inside, dtype=bool)
    fold = comparable(chosen, y, None)

    def apart(w: Array) -> Array:
        one, other = (chosen.weighted(y, p, w * part, fold) for part in (first, ~first))
        return one - other

    value, n_groups, found = _estimate(apart, chosen, y, groups, n_bootstrap, random_state)
    if found is None or found.error < ROUNDING:
        return Score(metric, value, None, None, n_groups, over)
    reach = inflation * _reach(found)
    return Score(metric, value, (value - reach, value + reach), None, n_groups, over)


def independent_difference(
    a: float, of_a: tuple[float, float], b: float, of_b: tuple[float, float]
) -> tuple[float, tuple[float, float]]:
    """Difference of two estimates that share nothing, its interval from theirs.

    With estimates a, b and limits (l, u): ``a - b - sqrt((a - l_a)² + (u_b - b)²)`` and the same
    upwards (Zou & Donner 2008).
    """
    away = a - b
    low = away - math.hypot(a - of_a[0], of_b[1] - b)
    high = away + math.hypot(of_a[1] - a, b - of_b[0])
    return away, (low, high)


def _estimate(
    statistic: Callable[[Array], Array],
    metric: Metric,
    y: NDArray[Any],
    groups: ArrayLike | None,
    n_bootstrap: int,
    random_state: int,
) -> tuple[float, int, Spread | None]:
    """Value of a statistic of weights, number of groups, and its spread where there are three."""
    value = float(statistic(np.ones((1, len(y))))[0])
    groupings = group_codes(groups, len(y))
    n_groups = min(int(codes.max()) + 1 for codes in groupings)
    if n_groups < 3 or n_bootstrap < 2:
        return value, n_groups, None
    classes = _classes(metric, y)
    (found,) = spread_over_groups([statistic], groupings, classes, n_bootstrap, random_state)
    return value, n_groups, found


def find_metric(name: str) -> Metric:
    """Give the metric of that name."""
    if name not in METRICS:
        raise unknown("the metric", name, METRICS)
    return METRICS[name]


def _prepare(metric: str, y_true: ArrayLike, y_hat: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    """Give labels and predictions as the metric wants them: codes, floats or 0 and 1."""
    y, p = np.asarray(y_true), np.asarray(y_hat)
    wants = METRICS[metric].wants
    if len(y) != len(p):
        raise InputError(f"{len(y)} labels but {len(p)} predictions; give one of each a trial")
    if wants != "classes" and (p.dtype.kind not in "fiub" or not np.isfinite(p).all()):
        raise InputError(f"{metric} wants finite numbers as predictions; got {p.dtype}")
    if wants == "classes":
        if y.dtype.kind != p.dtype.kind:
            y, p = y.astype(str), p.astype(str)
        codes = np.unique(np.concatenate([y, p]), return_inverse=True)[1]
        return codes[: len(y)], codes[len(y) :]
    if wants == "scores":
        names, codes = np.unique(y, return_inverse=True)
        p = np.column_stack([-p, p]) if p.ndim == 1 else p
        if p.shape[1] != len(names):
            raise InputError(
                f"{metric} wants one column a class: the labels name {len(names)} classes, the "
                f"scores have the shape {p.shape}"
            )
        return codes, p.astype(float)
    if y.shape != p.shape or y.ndim != (2 if wants == "labels" else 1):
        raise InputError(f"{metric} can't compare labels {y.shape} with predictions {p.shape}")
    return y.astype(float), p.astype(float)


def comparable(metric: Metric, y: NDArray[Any], folds: ArrayLike | None) -> NDArray[np.intp]:
    """Codes within which scores compare: folds, or all trials where no fold has two classes."""
    if folds is None or metric.wants != "scores":
        return np.zeros(len(y), dtype=np.intp)
    codes = pd.factorize(np.asarray(folds))[0]
    for k in range(int(y.max()) + 1):
        inside = np.bincount(codes, y == k)
        if not np.any((inside > 0) & (inside < np.bincount(codes))):
            return np.zeros(len(y), dtype=np.intp)
    return codes


def _classes(metric: Metric, y: NDArray[Any]) -> NDArray[np.intp] | None:
    return y if metric.wants in ("classes", "scores") else None


def _reach(found: Spread) -> float:
    """Half a 95 % interval."""
    return float(stats.t.ppf(0.975, max(found.freedom, 1))) * found.error


def _interval(metric: Metric, value: float, found: Spread, inflation: float) -> tuple[float, float]:
    low, high = metric.bounds
    near = min(value - low, high - value)
    if near < ROUNDING:
        return _bounded(metric, value, value, value, found)
    if found.error < ROUNDING:
        return value, value
    reach = inflation * _reach(found)
    if np.isfinite(high - low) and reach > STEEP * near:
        # So near a bound the link is too steep for a step of this size.
        return _bounded(metric, value, max(low, value - reach), min(high, value + reach), found)
    at = metric.link.forward(value)
    reach *= float(metric.link.slope(value))
    return float(metric.link.back(at - reach)), float(metric.link.back(at + reach))


def widening_to(metric: Metric, value: float, reach: float, truth: float) -> float:
    """Smallest factor on half an interval with which that of ``value`` holds ``truth``.

    Parameters
    ----------
    metric, value, reach
        A score and half its 95 % interval, before the scale of its link is taken.
    truth
        What the interval should hold.
    """
    low, high = metric.bounds
    near = min(value - low, high - value)
    away = abs(truth - value) / reach
    if near < ROUNDING:
        return away
    link = metric.link
    linked = abs(float(link.forward(truth) - link.forward(value)))
    linked /= float(link.slope(value)) * reach
    if not np.isfinite(high - low) or linked * reach <= STEEP * near:
        return linked
    return max(away, STEEP * near / reach)


def _bounded(
    metric: Metric, value: float, at_least: float, at_most: float, found: Spread
) -> tuple[float, float]:
    """Reach as far as where all groups are perfect, or none is.

    That is the binomial bound on how often another group would differ: a spread that rests on the
    one or two groups that are not perfect can't promise more.
    """
    low, high = metric.bounds
    if not np.isfinite(high - low):
        return at_least, at_most
    reach = (high - low) * (1 - 0.025 ** (1 / (found.freedom + 1)))
    if value - low < high - value:
        return at_least, max(at_most, low + reach)
    return min(at_least, high - reach), at_most
