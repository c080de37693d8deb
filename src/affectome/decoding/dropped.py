"""A linear classifier of several modalities of which any may be missing.

It is fitted on every subset of the modalities at once, each trial standing once for each, what is
left out at its mean (zero once standardised), and what is there scaled up by the root of how many
there could be over how many there are, so that the spread of the scores stays the same. So weights
learn to do without a modality, which those of a classifier that always saw all of them don't: the
linear, exhaustive form of training with modalities dropped at random (Neverova et al. 2016).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted, validate_data

from affectome.decoding.classes import decide
from affectome.errors import InputError

Array = NDArray[np.float64]
SMALLEST_SPREAD = 1e-9


class DroppedModalities(ClassifierMixin, BaseEstimator):
    """Logistic regression on blocks of features.

    The first columns of ``X`` say, one a block, whether a trial has it (1) or not (0); the features
    follow, and those of a block that is missing are not looked at.

    Parameters
    ----------
    blocks
        Block of each feature, counted from 0, shape (n_features,).
    C
        Inverse strength of the penalty.
    max_iter
        Steps of the solver.
    """

    def __init__(self, blocks: Sequence[int], C: float = 0.01, max_iter: int = 1000) -> None:
        self.blocks = blocks
        self.C = C
        self.max_iter = max_iter

    def fit(self, X: ArrayLike, y: ArrayLike) -> DroppedModalities:
        """Fit on flags and features (n, n_blocks + n_features) and labels (n,)."""
        table, labels = validate_data(self, X, y, dtype=np.float64)
        n_blocks = int(np.max(self.blocks)) + 1
        if table.shape[1] != n_blocks + len(self.blocks):
            raise InputError(
                f"{n_blocks} flags and {len(self.blocks)} features are wanted; got "
                f"{table.shape[1]} columns"
            )
        there, x = table[:, :n_blocks] > 0, table[:, n_blocks:]
        known = there[:, self.blocks]
        count = np.maximum(known.sum(0), 1)
        self.mean_ = np.where(known, x, 0).sum(0) / count
        self.scale_ = np.sqrt((np.where(known, x - self.mean_, 0) ** 2).sum(0) / count)
        self.scale_[self.scale_ < SMALLEST_SPREAD] = 1.0
        rows, targets = [], []
        for kept in subsets(n_blocks):
            left = there & np.isin(np.arange(n_blocks), kept)
            some = left.any(1)
            rows.append(self._seen(left[some], x[some]))
            targets.append(labels[some])
        self.model_ = LogisticRegression(
            C=self.C, max_iter=self.max_iter, class_weight="balanced"
        ).fit(np.concatenate(rows), np.concatenate(targets))
        self.classes_ = self.model_.classes_
        return self

    def decision_function(self, X: ArrayLike) -> Array:
        """Scores, shape (n,) for two classes, else (n, n_classes)."""
        check_is_fitted(self)
        table = validate_data(self, X, reset=False, dtype=np.float64)
        n_blocks = table.shape[1] - len(self.blocks)
        seen = self._seen(table[:, :n_blocks] > 0, table[:, n_blocks:])
        return np.asarray(self.model_.decision_function(seen))

    def predict(self, X: ArrayLike) -> NDArray[np.generic]:
        """Label with the highest score, shape (n,)."""
        return decide(self.decision_function(X), self.classes_)

    def _seen(self, there: NDArray[np.bool_], x: Array) -> Array:
        return scaled_up((x - self.mean_) / self.scale_, there, self.blocks)


def subsets(n: int) -> Iterator[tuple[int, ...]]:
    """Every subset of n things but the empty one, the small ones first."""
    for size in range(1, n + 1):
        yield from combinations(range(n), size)


def scaled_up(z: Array, there: NDArray[np.bool_], blocks: Sequence[int]) -> Array:
    """Standardised features (n, n_features) with missing blocks at 0 and the others scaled up.

    Parameters
    ----------
    there
        Which blocks each trial has, shape (n, n_blocks).
    blocks
        Block of each feature.
    """
    up = np.sqrt(there.shape[1] / np.maximum(there.sum(1, keepdims=True), 1))
    return np.where(there[:, blocks], z, 0.0) * up
