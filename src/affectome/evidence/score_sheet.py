"""The score sheet of one evaluation: every number by the same trials, folds, groups and draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from affectome.decoding.ridge import RidgeClassifierDecoder, RidgeDecoder
from affectome.evidence.cross_fit import Predictions, fold_of
from affectome.evidence.design import Design
from affectome.evidence.labels import is_rating
from affectome.evidence.metrics import METRICS
from affectome.evidence.permutation import NullScores, null_scores
from affectome.evidence.scores import (
    USUAL_INFLATION,
    Score,
    difference,
    score,
    spreads,
    widening_to,
)
from affectome.evidence.splits import named

CALIBRATED = 99
"""Permuted arrangements whose own standard error is found."""
CALIBRATING_DRAWS = 60
ENOUGH_PERMUTATIONS = 100
BORROWED = 200
STAND_IN = (1.0, 100.0, 10000.0)
"""Penalties of the ridge that stands in for a decoder without a closed form."""


def calibrating_null(
    decoder: Any,
    X: NDArray[Any],
    design: Design,
    metrics: list[str],
    null: NullScores,
    random_state: int,
) -> NullScores:
    """Give the null that says how far the scores of other people would lie.

    That is the null of the test, unless it exchanges labels within groups only, or there is none.
    A decoder that would have to be refitted for it is stood in for by ridge on the same trials:
    how scores of folds vary together is a matter of the design, more than of the decoder.
    """
    alike = design.exchange.by_others is None
    if alike and len(null.labels) > ENOUGH_PERMUTATIONS:
        return _calibrating(null)
    y = design.y
    labels = design.exchange.draw_others(BORROWED, random_state)
    if labels is None or y.ndim > 1:
        return _calibrating(null)
    labels = labels[_can_train(labels, design)]
    if len(labels) < ENOUGH_PERMUTATIONS:
        return _calibrating(null)
    if not hasattr(decoder, "closed_form_predictions"):
        if len(null.labels) > ENOUGH_PERMUTATIONS:
            return _calibrating(null)
        decoder = RidgeDecoder(STAND_IN) if is_rating(y) else RidgeClassifierDecoder(STAND_IN)
        X = X.reshape(len(X), -1)
    others = null_scores(decoder, X, design, metrics, labels, "labels of other groups", len(y))
    return _calibrating(others)


def _calibrating(null: NullScores) -> NullScores:
    """Keep the labels and predictions of those arrangements whose standard error is found."""
    found, scores = null.predictions
    return NullScores(
        null.tests,
        null.labels[: CALIBRATED + 1].copy(),
        Predictions(
            found[: CALIBRATED + 1].copy(),
            None if scores is None else scores[: CALIBRATED + 1].copy(),
        ),
    )


def _can_train(labels: NDArray[Any], design: Design) -> NDArray[np.bool_]:
    """Whether every training set holds every class, (n_arrangements,); always so for ratings."""
    able = np.ones(len(labels), dtype=bool)
    if not is_rating(design.y):
        names = np.unique(design.y)
        codes = np.searchsorted(names, labels)
        for train, _ in design.split:
            for k in range(len(names)):
                able &= (codes[:, train] == k).any(axis=1)
    return able


def _tells(metric: str, null: NullScores) -> bool:
    """Whether a null has arrangements enough to say how far scores lie apart."""
    return metric in null.tests and null.tests[metric].null.size >= ENOUGH_PERMUTATIONS


def _widening(metric: str, scores: NDArray[np.float64], reach: NDArray[np.float64]) -> float:
    """Give the factor with which 95 % of the intervals of scores hold their mean.

    Where some arrangements are predicted so much alike that their scores have no spread at all, a
    few groups decide everything; distances are then taken as they are, which is wider.
    """
    mean, able = float(scores.mean()), np.flatnonzero(reach > 0)
    if able.size == reach.size:
        needed = [widening_to(METRICS[metric], float(scores[r]), reach[r], mean) for r in able]
    else:
        needed = [abs(float(scores[r]) - mean) / reach[r] for r in able]
    told = np.sort(np.array(needed)[np.isfinite(needed)])
    if told.size < CALIBRATED // 2:
        return USUAL_INFLATION
    return float(told[min(int(np.ceil(0.95 * (told.size + 1))), told.size) - 1])


class ScoreSheet:
    """Scores predictions of the tested trials.

    Parameters
    ----------
    design
        Trials, labels, folds and what is independent.
    n_bootstrap, random_state
        Draws of groups, and their seed.
    """

    def __init__(self, design: Design, n_bootstrap: int, random_state: int) -> None:
        fold = fold_of(design.split, len(design.y))
        self.design = design
        self.rows = np.flatnonzero(fold >= 0)
        self.y, self.fold = design.y[self.rows], fold[self.rows]
        self.groups = design.groups[self.rows]
        self.n_bootstrap, self.random_state = n_bootstrap, random_state

    def value(self, metric: str, own: Predictions) -> float:
        """Score without an interval."""
        found = own.of(METRICS[metric].wants)[self.rows]
        return score(metric, self.y, found, self.groups, self.fold, 0).value

    def score(
        self, metric: str, own: Predictions, inflation: float, null: NullScores | None = None
    ) -> Score:
        """Score with its interval, and its p where a null is given."""
        found = own.of(METRICS[metric].wants)[self.rows]
        one = score(
            metric,
            self.y,
            found,
            self.groups,
            self.fold,
            self.n_bootstrap,
            self.random_state,
            inflation,
            self.design.over,
        )
        one = self._told(one)
        if null is None or not np.isfinite(one.value):
            return one
        if metric not in null.tests:
            return replace(one, why=self.design.why_no_p or "no p, because none was asked for")
        return one.with_p(null.tests[metric].p, null.tests[metric].claim)

    def difference(
        self, metric: str, own: Predictions, rival: Predictions, inflation: float
    ) -> Score:
        """How much better ``own`` is than ``rival``, by the paired interval."""
        wants = METRICS[metric].wants
        found = difference(
            metric,
            self.y,
            own.of(wants)[self.rows],
            rival.of(wants)[self.rows],
            self.groups,
            self.fold,
            self.n_bootstrap,
            self.random_state,
            inflation,
            self.design.over,
        )
        return self._told(found)

    def _told(self, one: Score) -> Score:
        """Leave out an interval over groups whose scores vary together."""
        return replace(one, interval=None) if self.design.one_course else one

    def inflations(self, asked: Sequence[tuple[str, NullScores]]) -> list[float]:
        """Factors on the standard error with which 95 % of intervals under the null are right.

        Scores of different folds share training trials, so that they vary together, which no
        reweighting of tested groups can show. Under the null it is known by how much the interval
        of a score must be widened to hold the mean: with R arrangements, the 0.95 (R + 1)-th
        smallest of these factors is enough for 95 % of new ones, whatever their distribution.

        Parameters
        ----------
        asked
            A metric and its null, each. All nulls are of the same arrangements of the labels.
        """
        told = [number for number, (metric, null) in enumerate(asked) if _tells(metric, null)]
        found = [USUAL_INFLATION] * len(asked)
        if not told:
            return found
        labels = asked[told[0]][1].labels[: CALIBRATED + 1, self.rows]
        predicted = [
            null.predictions.of(METRICS[metric].wants)[: CALIBRATED + 1, self.rows]
            for metric, null in (asked[number] for number in told)
        ]
        if labels.dtype.kind in "OU":
            names = np.unique(labels)
            labels = np.searchsorted(names, labels)
            predicted = [
                np.searchsorted(names, one) if one.dtype.kind in "OU" else one for one in predicted
            ]
        reach = np.full((len(told), CALIBRATED), np.nan)
        for r in range(CALIBRATED):
            own = spreads(
                [(asked[n][0], p[r + 1]) for n, p in zip(told, predicted, strict=True)],
                labels[r + 1],
                self.groups,
                self.fold,
                CALIBRATING_DRAWS,
                self.random_state + r,
            )
            reach[:, r] = [
                float(stats.t.ppf(0.975, max(one.freedom, 1))) * one.error for one in own
            ]
        for number, ends in zip(told, reach, strict=True):
            metric, null = asked[number]
            found[number] = _widening(metric, null.tests[metric].null, ends)
        return found

    def by_subject(self, metric: str, own: Predictions) -> dict[str, float | None]:
        """Score of each subject's trials; None where they hold some of the classes only."""
        name_of = named(self.design.trials, "subject")
        if name_of is None:
            return {}
        subject = self.design.trials[name_of].to_numpy()[self.rows]
        found = own.of(METRICS[metric].wants)[self.rows]
        classes = len(np.unique(self.y))
        scores: dict[str, float | None] = {}
        for name in np.unique(subject):
            mine = subject == name
            y = self.y[mine]
            whole = y.ndim > 1 or is_rating(y) or len(np.unique(y)) == classes
            one = score(metric, y, found[mine], None, self.fold[mine], 0) if whole else None
            scores[str(name)] = None if one is None else one.value
        return scores

    def table(self, names: tuple[str, ...], own: Predictions) -> pd.DataFrame:
        """One row a tested trial: its number, fold, target, prediction and scores of classes."""
        columns: dict[str, NDArray[Any]] = {"trial": self.rows, "fold": self.fold}
        true = self.y.reshape(self.rows.size, -1)
        found = own.found[self.rows].reshape(self.rows.size, -1)
        for k, name in enumerate(names):
            columns[name] = true[:, k]
            columns[f"predicted {name}"] = found[:, k]
        if own.scores is not None:
            for k, label in enumerate(np.unique(self.y)):
                columns[f"score {label}"] = own.scores[self.rows, k]
        return pd.DataFrame(columns)
