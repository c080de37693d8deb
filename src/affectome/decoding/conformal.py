r"""Sets of emotions that hold the true one with a stated probability, and the right to abstain.

Split conformal prediction: on calibration trials the score of a trial is
:math:`s_i = 1 - \hat p_{i, y_i}`; with :math:`\hat q` the :math:`\lceil (n+1)(1-\alpha) \rceil / n`
quantile of the scores, the set :math:`\{c : 1 - \hat p_c \le \hat q\}` holds the true class with
probability at least :math:`1-\alpha` when calibration and test trials are exchangeable
(Vovk 2005; Sadinle 2019). Trials of a person outside the calibration trials are not exchangeable
with them; so calibrate on whole groups, and report the coverage that was seen.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import GroupShuffleSplit, StratifiedShuffleSplit
from sklearn.utils.validation import check_is_fitted

from affectome.errors import InputError, require

TRIES = 20


class ConformalDecoder(ClassifierMixin, BaseEstimator):
    """A decoder with conformal sets; it abstains where the set does not hold exactly one class.

    Parameters
    ----------
    estimator
        A classifier with ``predict_proba``.
    confidence
        Share of trials whose set shall hold the true class.
    calibration
        Share of the training trials (or groups) kept for calibration.
    score
        Conformity score of mapie: "lac" (smallest sets), "aps" or "raps" (even across trials).
    random_state
        Seed of the choice of calibration trials.

    Attributes
    ----------
    classes_ : ndarray
    estimator_ : the decoder, fitted without the calibration trials
    conformal_ : mapie.classification.SplitConformalClassifier
    """

    def __init__(
        self,
        estimator: Any,
        confidence: float = 0.9,
        calibration: float = 0.3,
        score: str = "lac",
        random_state: int | None = 0,
    ):
        self.estimator = estimator
        self.confidence = confidence
        self.calibration = calibration
        self.score = score
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Fit the decoder on one part of the trials (whole groups) and calibrate on the other.

        Raises
        ------
        InputError
            If the confidence can't be had from so few calibration trials, or a class is missing on
            one side.
        """
        values, labels = np.asarray(X), np.asarray(y)
        self.classes_ = np.unique(labels)
        train, held = self._split(values, labels, groups)
        for rows, purpose in ((train, "training"), (held, "calibration")):
            if len(np.unique(labels[rows])) < len(self.classes_):
                raise InputError(
                    f"a class has no trial left for {purpose} once calibration groups are taken; "
                    "give more groups or another calibration share"
                )
        needed = int(np.ceil(1 / (1 - self.confidence))) - 1
        if len(held) < needed:
            raise InputError(
                f"a confidence of {self.confidence:g} needs {needed} calibration trials; there are "
                f"{len(held)}; give more trials or a lower confidence"
            )
        mapie = require("mapie.classification", "uncertainty")
        self.estimator_ = clone(self.estimator).fit(values[train], labels[train])
        self.conformal_ = mapie.SplitConformalClassifier(
            estimator=self.estimator_,
            confidence_level=self.confidence,
            conformity_score=self.score,
            prefit=True,
            random_state=self.random_state,
        ).conformalize(values[held], labels[held])
        return self

    def predict_sets(self, X: ArrayLike) -> np.ndarray:
        """Say which classes are in each trial's set, bool, shape (n_trials, n_classes)."""
        check_is_fitted(self, "conformal_")
        return self.conformal_.predict_set(np.asarray(X))[1][:, :, 0].astype(bool)

    def decide(self, X: ArrayLike) -> np.ndarray:
        """Name the class of each trial, or None (abstain) where the set is not a single class."""
        sets = self.predict_sets(X)
        named = self.classes_[sets.argmax(1)].astype(object)
        named[sets.sum(1) != 1] = None
        return named

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Give the decoder's probabilities, shape (n_trials, n_classes)."""
        check_is_fitted(self, "conformal_")
        return self.estimator_.predict_proba(np.asarray(X))

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Name the most probable class of each trial, abstaining from none."""
        return self.classes_[self.predict_proba(X).argmax(1)]

    def _split(
        self, X: np.ndarray, y: np.ndarray, groups: ArrayLike | None
    ) -> tuple[np.ndarray, np.ndarray]:
        kind = StratifiedShuffleSplit if groups is None else GroupShuffleSplit
        chosen = kind(TRIES, test_size=self.calibration, random_state=self.random_state)
        try:
            drawn = list(chosen.split(X, y, None if groups is None else np.asarray(groups)))
        except ValueError as error:
            raise InputError(f"can't set calibration trials aside: {error}") from error
        # Groups of one class each may leave a class on one side alone.
        return max(drawn, key=lambda parts: min(len(np.unique(y[rows])) for rows in parts))


def coverage(sets: ArrayLike, y: ArrayLike) -> dict[str, float]:
    """Say how well sets kept their word: share that hold the true class, size, share abstained.

    Parameters
    ----------
    sets
        Classes in each set, bool, shape (n_trials, n_classes).
    y
        Column of the true class, int, shape (n_trials,).
    """
    members, codes = np.asarray(sets, dtype=bool), np.asarray(y)
    size = members.sum(1)
    return {
        "coverage": float(members[np.arange(len(codes)), codes].mean()),
        "mean_size": float(size.mean()),
        "abstained": float((size != 1).mean()),
    }
