"""The judge of one evaluation: every number by the same trials, folds, groups and draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectome.evidence._exchange import borrow
from affectome.evidence._labels import is_rating
from affectome.evidence._metrics import METRICS
from affectome.evidence._predictions import Predictions, fold_of
from affectome.evidence._split import Split
from affectome.evidence.permutation import Null, null_scores
from affectome.evidence.scores import USUAL_INFLATION, Score, difference, score, spread

CALIBRATED = 16
"""Permuted arrangements whose own standard error is found."""
CALIBRATING_DRAWS = 100
ENOUGH_PERMUTATIONS = 100
BORROWED = 200


def calibrating_null(
    decoder: Any,
    X: NDArray[Any],
    y: NDArray[Any],
    split: Split,
    metrics: list[str],
    null: Null,
    random_state: int,
    n_jobs: int | None = None,
) -> Null:
    """Give the null that says how far the scores of other people would lie.

    That is the null of the test, unless it exchanges labels within groups only.
    """
    n_drawn = len(null.labels) - 1
    if n_drawn < ENOUGH_PERMUTATIONS:
        return null
    labels = borrow(y, split, min(n_drawn, BORROWED), random_state)
    if labels is None or len(labels) < ENOUGH_PERMUTATIONS:
        return null
    scheme = "labels of other groups"
    return null_scores(decoder, X, y, split, metrics, labels, scheme, n_jobs)


class Judge:
    """Scores predictions of the tested trials.

    Parameters
    ----------
    y
        Labels of all trials.
    split
        The folds.
    groups
        What is independent, shape (n, 1) or (n, 2).
    n_bootstrap, random_state
        Draws of groups, and their seed.
    """

    def __init__(
        self,
        y: NDArray[Any],
        split: Split,
        groups: NDArray[np.intp],
        n_bootstrap: int,
        random_state: int,
    ) -> None:
        fold = fold_of(split, len(y))
        self.rows = np.flatnonzero(fold >= 0)
        self.y, self.fold, self.groups = y[self.rows], fold[self.rows], groups[self.rows]
        self.n_bootstrap, self.random_state = n_bootstrap, random_state

    def score(
        self, metric: str, own: Predictions, inflation: float, null: Null | None = None
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
        )
        return one if null is None or metric not in null.tests else one.with_p(null.tests[metric].p)

    def difference(
        self, metric: str, own: Predictions, rival: Predictions, inflation: float
    ) -> Score:
        """How much better ``own`` is than ``rival``, by the paired interval."""
        wants = METRICS[metric].wants
        return difference(
            metric,
            self.y,
            own.of(wants)[self.rows],
            rival.of(wants)[self.rows],
            self.groups,
            self.fold,
            self.n_bootstrap,
            self.random_state,
            inflation,
        )

    def inflation(self, metric: str, null: Null) -> float:
        """Ratio of the spread of the null to the standard error that groups alone would give it.

        Scores of different folds share training trials, so that they vary together, which no
        reweighting of tested groups can show. Under the null both spreads are known.
        """
        if metric not in null.tests or null.tests[metric].null.size < ENOUGH_PERMUTATIONS:
            return USUAL_INFLATION
        wants = METRICS[metric].wants
        own = [
            spread(
                metric,
                null.labels[r][self.rows],
                null.predictions.of(wants)[r][self.rows],
                self.groups,
                self.fold,
                CALIBRATING_DRAWS,
                self.random_state + r,
            ).error
            for r in range(1, CALIBRATED + 1)
        ]
        expected = float(np.sqrt(np.mean(np.square(own))))
        seen = float(null.tests[metric].null.std())
        return seen / expected if expected > 0 and seen > 0 else 1.0

    def by_subject(
        self, metric: str, own: Predictions, trials: pd.DataFrame
    ) -> dict[str, float | None]:
        """Score of each subject's trials; None where they hold some of the classes only."""
        if "subject" not in trials:
            return {}
        subject = trials["subject"].to_numpy()[self.rows]
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
