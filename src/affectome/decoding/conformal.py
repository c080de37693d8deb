r"""Sets of emotions that hold the true one with a stated probability, and the right to abstain.

Conformal prediction asks how strange the true class of a trial looked, :math:`s_i = 1 - \hat
p_{i, y_i}`, to a decoder that had not seen the trial's groups (people, stimuli, or both where they
cross), and takes as the set of a new trial all classes that look no stranger than the threshold
:math:`\hat q` (Vovk 2005; Sadinle 2019). Were trials exchangeable, :math:`\hat q` would be the
:math:`\lceil (n+1)(1-\alpha) \rceil / n` quantile of the :math:`s_i`. A trial of a new person is
not exchangeable with those of the people in training, but the person is exchangeable with them
(Dunn, Wasserman & Ramdas 2023). So the quantile is taken at the level :math:`\ell` at which it
holds for people (and stimuli) left out. With :math:`F_{-i}` the distribution of the scores of the
trials that share no group with trial i (each cell of groups weighs the same, and the cell that is
left out counts as one that lies above all), and with F that of all,

.. math:: u_i = F_{-i}(s_i^-), \quad
          \ell = \min\{u_i : \text{the share of } u_j < u_i \text{ is } \ge 1-\alpha\}, \quad
          \hat q = \min\{s_i : F(s_i) \ge \ell\} .

Where people are alike, :math:`\ell \approx 1-\alpha`; where they differ it is larger. Sets are full
where no threshold would do. What holds whatever the distribution is less: K groups promise a
coverage of :math:`K/(K+1)` at most, and ``promised_`` says so.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from affectome.decoding.groups import Codes, cross_fitted, fit_grouped, group_columns
from affectome.errors import InputError

SCORES = ("lac", "aps")


class ConformalDecoder(ClassifierMixin, BaseEstimator):
    """A decoder with conformal sets; it abstains where the set does not hold exactly one class.

    Parameters
    ----------
    estimator
        A classifier with ``predict_proba``. It gets the groups of its trials if it asks for them.
    confidence
        Share of trials, of people and stimuli like those in training, whose set shall hold the
        true class.
    n_splits
        Parts that each column of groups is dealt into.
    score
        "lac" (one minus the probability: smallest sets) or "aps" (probability of the classes up to
        it: more even across trials).

    Attributes
    ----------
    classes_ : ndarray
    estimator_ : the decoder, fitted on all training trials
    threshold_ : float
        Largest score of a class in a set; infinite where sets have to be full.
    n_groups_ : int
        Groups of the column that has the fewest.
    promised_ : float
        Coverage of a new group that so many groups can promise whatever the distribution, at most
        ``confidence``.
    """

    __metadata_request__fit = {"groups": True}  # noqa: RUF012
    crossed_groups = True

    def __init__(
        self, estimator: Any, confidence: float = 0.9, n_splits: int = 5, score: str = "lac"
    ):
        self.estimator = estimator
        self.confidence = confidence
        self.n_splits = n_splits
        self.score = score

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Find the threshold out of fold, then fit the decoder on all of ``X`` and ``y``.

        Parameters
        ----------
        X, y
            Trials and their labels.
        groups
            What trials share, shape (n_trials,) or (n_trials, n_columns). Without it trials are
            taken as independent, and a warning says so.

        Raises
        ------
        InputError
            If the confidence can't be had from so few trials, or a class or the groups are too few
            for two folds.
        """
        if self.score not in SCORES or not 0 < self.confidence < 1:
            raise InputError(
                f"the score is one of {', '.join(SCORES)} and the confidence lies in 0–1; got "
                f"{self.score!r} and {self.confidence:g}"
            )
        values, labels = np.asarray(X), np.asarray(y)
        columns = group_columns(groups, len(labels), "conformal prediction")
        self.classes_, codes = np.unique(labels, return_inverse=True)
        needed = int(np.ceil(1 / (1 - self.confidence) - 1e-9)) - 1
        if len(labels) < needed:
            raise InputError(
                f"a confidence of {self.confidence:g} needs {needed} trials; there are "
                f"{len(labels)}; give more trials or a lower confidence"
            )
        p = cross_fitted(
            self.estimator, values, codes, columns, self.n_splits, lambda e, X: e.predict_proba(X)
        )
        seen = np.flatnonzero(np.isfinite(p).all(1))
        strange = _strangeness(p[seen], self.score)[np.arange(len(seen)), codes[seen]]
        self.threshold_ = group_threshold(strange, columns[seen], self.confidence)
        self.n_groups_ = int((columns.max(axis=0) + 1).min())
        self.promised_ = min(self.confidence, self.n_groups_ / (self.n_groups_ + 1))
        self.estimator_ = fit_grouped(self.estimator, values, labels, columns)
        return self

    def predict_sets(self, X: ArrayLike) -> np.ndarray:
        """Say which classes are in each trial's set, bool, shape (n_trials, n_classes)."""
        return _strangeness(self.predict_proba(X), self.score) <= self.threshold_

    def decide(self, X: ArrayLike) -> np.ndarray:
        """Name the class of each trial, or None (abstain) where the set is not a single class."""
        sets = self.predict_sets(X)
        named = self.classes_[sets.argmax(1)].astype(object)
        named[sets.sum(1) != 1] = None
        return named

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Give the decoder's probabilities, shape (n_trials, n_classes)."""
        check_is_fitted(self, "threshold_")
        return self.estimator_.predict_proba(np.asarray(X))

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Name the most probable class of each trial, abstaining from none."""
        return self.classes_[self.predict_proba(X).argmax(1)]


def group_threshold(scores: ArrayLike, groups: Codes, confidence: float) -> float:
    """Find the threshold that holds the scores of a share of trials of groups that are left out.

    Parameters
    ----------
    scores
        Strangeness of the true class, shape (n_trials,).
    groups
        Codes of what trials share, shape (n_trials, n_columns).
    confidence
        The share.

    Returns
    -------
    float
        Infinite where no threshold holds that share.
    """
    values = np.asarray(scores, dtype=float)
    cells, size = np.unique(groups, axis=0, return_inverse=True, return_counts=True)[1:]
    weight = 1 / size[cells.reshape(-1)]
    order = np.argsort(values, kind="stable")
    ordered, heavy, shared = values[order], weight[order], groups[order]
    if len(size) == len(values) and groups.shape[1] == 1:
        rank = np.searchsorted(ordered, ordered, side="left") / len(values)
    else:
        rank = _rank_among_strangers(ordered, heavy, shared)
    by_rank = np.argsort(rank, kind="stable")
    below = np.searchsorted(rank[by_rank], rank[by_rank], side="left")
    covered = np.concatenate([[0.0], np.cumsum(heavy[by_rank])])[below] / len(size)
    enough = np.flatnonzero(covered >= confidence - 1e-9)
    if not len(enough):
        return np.inf
    level = rank[by_rank][enough[0]]
    reached = np.flatnonzero(np.cumsum(heavy) / (len(size) + 1) >= level - 1e-9)
    return float(ordered[reached[0]]) if len(reached) else np.inf


def _rank_among_strangers(ordered: np.ndarray, weight: np.ndarray, groups: Codes) -> np.ndarray:
    """Share of the scores of trials without a common group that lie below each trial's.

    The trial's own cell is counted with them, as one that lies above.
    """
    rank = np.ones(len(ordered))
    below = np.searchsorted(ordered, ordered, side="left")
    cells = pd.factorize(pd.MultiIndex.from_arrays(list(groups.T)))[0]
    for rows in np.split(np.argsort(cells, kind="stable"), np.cumsum(np.bincount(cells))[:-1]):
        strangers = np.where((groups != groups[rows[0]]).all(axis=1), weight, 0.0)
        sums = np.concatenate([[0.0], np.cumsum(strangers)])
        if sums[-1] > 0:
            rank[rows] = sums[below[rows]] / (sums[-1] + 1)
    return rank


def _strangeness(probability: np.ndarray, score: str) -> np.ndarray:
    """How strange each class looks in each trial, shape (n_trials, n_classes)."""
    if score == "lac":
        return 1 - probability
    order = np.argsort(-probability, axis=1, kind="stable")
    summed = np.cumsum(np.take_along_axis(probability, order, axis=1), axis=1)
    found = np.empty_like(summed)
    np.put_along_axis(found, order, summed, axis=1)
    return found


@dataclass(frozen=True)
class Coverage:
    """How well sets kept their word.

    Attributes
    ----------
    coverage
        Share of trials whose set holds the true class.
    mean_size
        Mean number of classes in a set.
    abstained
        Share of trials whose set does not name exactly one class.
    """

    coverage: float
    mean_size: float
    abstained: float

    def to_dict(self) -> dict[str, float]:
        """Give the three shares."""
        return asdict(self)


def coverage(sets: ArrayLike, y: ArrayLike) -> Coverage:
    """Say how well sets kept their word.

    Parameters
    ----------
    sets
        Classes in each set, bool, shape (n_trials, n_classes).
    y
        Column of the true class, int, shape (n_trials,).
    """
    members, codes = np.asarray(sets, dtype=bool), np.asarray(y)
    size = members.sum(1)
    return Coverage(
        coverage=float(members[np.arange(len(codes)), codes].mean()),
        mean_size=float(size.mean()),
        abstained=float((size != 1).mean()),
    )
