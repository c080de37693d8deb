r"""Which emotion and how strong, together: a continuous and an ordinal decoder of intensity.

The response of a population to emotion c at intensity s grows along the direction of c. So
intensity is read along the direction of the emotion that is there: with :math:`\hat p_c` the
probability of emotion c (shrinkage LDA) and one ridge a class,

.. math:: \hat s(x) = \sum_c \hat p_c(x) \, (\bar s_c + w_c^\top (x - \bar x_c)) .

Where intensity has ordered levels (rating categories) the proportional-odds model is used,

.. math:: P(s \le k \mid x) = \sigma(\theta_k - w^\top x), \quad \theta_1 < \theta_2 < \dots

(McCullagh 1980), with a penalty :math:`\tfrac{\alpha}{2} \lVert w \rVert^2`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import RidgeCV
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from affectome.errors import InputError

ALPHAS = (1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3, 1e4)


class EmotionIntensityDecoder(BaseEstimator):
    """Decode the emotion of a trial and its intensity from the same responses.

    ``y`` has two columns, the emotion and its intensity; ``predict`` gives the same two.

    Parameters
    ----------
    classifier
        Classifier with ``predict_proba``; shrinkage LDA when not given.
    alphas
        Ridge penalties of intensity, chosen by leave-one-out inside the training trials.

    Attributes
    ----------
    classes_ : ndarray
    classifier_ : the fitted classifier
    regressors_ : list of fitted ridges, one a class
    """

    def __init__(self, classifier: Any = None, alphas: Sequence[float] = ALPHAS):
        self.classifier = classifier
        self.alphas = alphas

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to responses (n_trials, n_units) and pairs (emotion, intensity), (n_trials, 2).

        Raises
        ------
        InputError
            If ``y`` does not have two columns, intensity is not a finite number, or a class has
            fewer than three trials.
        """
        emotion, intensity = _pairs(y)
        values = validate_data(self, X, dtype=np.float64)
        self.classes_, counts = np.unique(emotion, return_counts=True)
        if counts.min() < 3:
            rare = str(self.classes_[counts.argmin()])
            raise InputError(
                f"intensity of {rare!r} is learned from {counts.min()} trials; give three or more "
                "of each class"
            )
        default = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        self.classifier_ = clone(self.classifier or default).fit(values, emotion)
        self.regressors_ = [
            RidgeCV(self.alphas).fit(values[emotion == c], intensity[emotion == c])
            for c in self.classes_
        ]
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Give the probability of each emotion, shape (n_trials, n_classes)."""
        check_is_fitted(self, "regressors_")
        return self.classifier_.predict_proba(validate_data(self, X, reset=False, dtype=np.float64))

    def predict_intensity(self, X: ArrayLike) -> np.ndarray:
        """Give the intensity expected over the emotions that may be there, shape (n_trials,)."""
        probability = self.predict_proba(X)
        values = validate_data(self, X, reset=False, dtype=np.float64)
        each = np.stack([r.predict(values) for r in self.regressors_], axis=1)
        return np.einsum("tc,tc->t", probability, each)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Give pairs (emotion, intensity), object, shape (n_trials, 2)."""
        named = self.classes_[self.predict_proba(X).argmax(1)]
        return np.stack([named.astype(object), self.predict_intensity(X).astype(object)], axis=1)


class OrdinalDecoder(ClassifierMixin, BaseEstimator):
    """Decode ordered levels by the proportional-odds model; ``classes_`` are in rising order.

    Parameters
    ----------
    alpha
        Penalty on the squared weights of standardised units, per trial.
    max_iter
        Most steps of L-BFGS.

    Attributes
    ----------
    classes_ : ndarray
        Levels in their sorted order.
    coef_ : ndarray of shape (n_units,)
    thresholds_ : ndarray of shape (n_levels - 1,)
    """

    def __init__(self, alpha: float = 0.01, max_iter: int = 1000):
        self.alpha = alpha
        self.max_iter = max_iter

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        # One direction can't tell apart classes that have no order, as scikit-learn's checks ask.
        tags.classifier_tags.poor_score = True
        return tags

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to responses (n_trials, n_units) and levels (n_trials,)."""
        values, levels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(levels)
        self.classes_, codes = np.unique(levels, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError(
                f"a decoder needs two classes; y holds one class: {self.classes_[0]!r}"
            )
        mean, scale = values.mean(0), values.std(0)
        scale[scale == 0] = 1
        below = np.cumsum(np.bincount(codes))[:-1] / len(codes)
        theta = np.log(below / (1 - below))
        start = np.concatenate([theta[:1], np.log(np.maximum(np.diff(theta), 1e-3))])
        found = minimize(
            _ordinal_loss,
            np.concatenate([start, np.zeros(values.shape[1])]),
            args=((values - mean) / scale, codes, self.alpha),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": self.max_iter, "ftol": 1e-12, "gtol": 1e-7},
        )
        self.n_iter_ = int(found.nit)
        self.coef_ = found.x[len(start) :] / scale
        self.thresholds_ = _thresholds(found.x[: len(start)]) + float(mean @ self.coef_)
        return self

    def predict_position(self, X: ArrayLike) -> np.ndarray:
        """Give the position of each trial on the scale of the thresholds, shape (n_trials,)."""
        check_is_fitted(self, "coef_")
        return validate_data(self, X, reset=False, dtype=np.float64) @ self.coef_

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Give the probability of each level, shape (n_trials, n_levels)."""
        below = expit(-np.subtract.outer(self.predict_position(X), self.thresholds_))
        return np.diff(below, axis=1, prepend=0, append=1)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Give the most probable level of each trial."""
        likely = self.predict_proba(X).argmax(1)
        return self.classes_[likely]


def _pairs(y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    pairs = np.asarray(y, dtype=object)
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise InputError(
            f"y needs two columns, emotion and intensity, shape (n_trials, 2); got {pairs.shape}"
        )
    try:
        intensity = pairs[:, 1].astype(float)
    except (TypeError, ValueError) as error:
        raise InputError(f"intensity, the second column of y, is no number: {error}") from error
    if not np.isfinite(intensity).all():
        row = int(np.flatnonzero(~np.isfinite(intensity))[0])
        raise InputError(f"intensity is NaN or infinite in row {row}; drop those trials first")
    return pairs[:, 0].astype(str), intensity


def _thresholds(free: np.ndarray) -> np.ndarray:
    return free[0] + np.concatenate([[0.0], np.cumsum(np.exp(free[1:]))])


def _ordinal_loss(
    free: np.ndarray, X: np.ndarray, codes: np.ndarray, alpha: float
) -> tuple[float, np.ndarray]:
    n, n_cuts = len(X), len(free) - X.shape[1]
    theta, w = _thresholds(free[:n_cuts]), free[n_cuts:]
    below = expit(theta - (X @ w)[:, None])
    edges = np.pad(below, ((0, 0), (1, 1)), constant_values=(0, 1))
    rows = np.arange(n)
    chance = np.maximum(edges[rows, codes + 1] - edges[rows, codes], 1e-300)
    density = np.pad(below * (1 - below), ((0, 0), (1, 1)))
    upper, lower = density[rows, codes + 1] / chance, density[rows, codes] / chance
    to_theta = np.zeros(n_cuts + 2)
    np.add.at(to_theta, codes + 1, -upper)
    np.add.at(to_theta, codes, lower)
    inner = to_theta[1:-1] / n
    # A gap between thresholds moves every threshold above it.
    above = np.cumsum(inner[::-1])[::-1]
    to_free = np.concatenate([above[:1], above[1:] * np.exp(free[1:n_cuts])])
    to_w = X.T @ (upper - lower) / n + alpha * w
    loss = -np.log(chance).mean() + 0.5 * alpha * float(w @ w)
    return float(loss), np.concatenate([to_free, to_w])
