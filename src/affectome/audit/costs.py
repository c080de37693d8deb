"""What a fault costs: one reader scored with it and without it, paired, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from affectome.audit.probes import READERS, filled
from affectome.evidence import Score, difference, score
from affectome.evidence.quick import Folds

N_DRAWS = 500
WIDENING = 1.2
FEWEST = 20
METRICS = {"balanced_accuracy": "balanced accuracy", "pearson_r": "r", "macro_auc": "AUC"}


@dataclass(frozen=True)
class Cost:
    """What a fault adds to the score of one reader.

    Attributes
    ----------
    reader
        Which reader was scored.
    with_it, without
        What the two scores are of, in words: ``"random folds"``, ``"folds of whole film"``.
    score_with, score_without
        The two scores.
    difference
        What the fault adds, paired over the same trials.
    """

    reader: str
    with_it: str
    without: str
    score_with: Score
    score_without: Score
    difference: Score

    def to_dict(self) -> dict[str, Any]:
        """Give the cost as it stands in ``result.json``."""
        ends = self.difference.interval
        values = (self.score_with.value, self.score_without.value, self.difference.value)
        one, other, between = (v if np.isfinite(v) else None for v in values)
        return {
            "metric": self.score_with.metric,
            "with": one,
            "without": other,
            "difference": between,
            "interval": None if ends is None else list(ends),
            "over": self.difference.over,
            "reader": self.reader,
            "with_is": self.with_it,
            "without_is": self.without,
        }

    @property
    def metric(self) -> str:
        """What the scores are, in words."""
        return METRICS[self.score_with.metric]

    @property
    def words(self) -> str:
        """One sentence with both scores and the interval of what lies between them."""
        ends = self.difference.interval
        reach = (
            f"no interval from {self.difference.over}"
            if ends is None
            else f"{ends[0]:+.2f} to {ends[1]:+.2f} over {self.difference.over}"
        )
        return (
            f"Price: {self.difference.value:+.2f} {self.metric} ({reach}): "
            f"{self.score_with.value:.2f} with {self.with_it}, {self.score_without.value:.2f} with "
            f"{self.without} ({self.reader})."
        )


def price(
    y: np.ndarray,
    n_classes: int,
    found: tuple[np.ndarray, np.ndarray],
    groups: np.ndarray,
    over: str,
    words: tuple[str, str],
    reader: str,
) -> Cost:
    """Price a fault from estimates with it and without it.

    Parameters
    ----------
    y
        Class numbers or ratings, shape (n,).
    n_classes
        Number of classes, 0 for ratings.
    found
        Estimates with the fault and without it, each shape (n_repeats, n) over repeated folds,
        which count as more trials of the same groups.
    groups
        What is independent of what, codes (n,).
    over
        What the groups are, in words: ``"film"``.
    words
        What the two scores are of.
    reader
        Name of the reader.
    """
    metric = "balanced_accuracy" if n_classes else "pearson_r"
    repeats = max(map(len, found))
    a, b = (np.resize(one, (repeats, len(y))).ravel() for one in found)
    if n_classes:
        a, b = a.astype(int), b.astype(int)
    labels, units = np.tile(y, repeats), np.tile(groups, repeats)
    how: dict[str, Any] = {
        "n_bootstrap": N_DRAWS,
        "inflation": WIDENING,
        "over": f"{int(groups.max()) + 1} {over}",
    }
    return Cost(
        f"{reader} reader",
        *words,
        score(metric, labels, a, units, **how),
        score(metric, labels, b, units, **how),
        difference(metric, labels, a, b, units, **how),
    )


def read_and_price(
    X: tuple[np.ndarray, np.ndarray],
    y: np.ndarray,
    n_classes: int,
    folds: tuple[Sequence[Folds], Sequence[Folds]],
    groups: np.ndarray,
    over: str,
    words: tuple[str, str],
) -> Cost | str:
    """Price a fault by the reader that scores best with it: the one that would be reported.

    Parameters
    ----------
    X
        Features with the fault and without it, each (n, p).
    y, n_classes, groups, over, words
        As in :func:`price`.
    folds
        Repeated folds with the fault and without it.

    Returns
    -------
    Cost or str
        Why there is none, where it can't be measured.
    """
    if len(y) < FEWEST:
        return f"{len(y)} trials are too few to score a reader twice"
    if not X[0].shape[1]:
        return "there are no features to read"
    if not X[1].shape[1] and not n_classes:
        return "without it no feature is left to read ratings from"
    least = min(len(train) for part in folds for repeat in part for train, _ in repeat)
    if least < FEWEST // 2:
        return f"a fold would be trained on {least} trials only"
    units = np.unique(groups, return_inverse=True)[1]
    costs = []
    with threadpool_limits(1):
        for name, reader in READERS.items():
            read = [reader(filled(values), y, n_classes) for values in X]
            found = [
                np.stack([one(f) for f in repeats])
                for one, repeats in zip(read, folds, strict=True)
            ]
            costs.append(price(y, n_classes, (found[0], found[1]), units, over, words, name))
    return max(costs, key=lambda cost: np.nan_to_num(cost.score_with.value, nan=-1.0))
