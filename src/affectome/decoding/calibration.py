r"""Probabilities that mean what they say: temperature scaling, reliability, calibration error.

Temperature scaling (Guo et al. 2017) divides the logits by one number,

.. math:: \hat p_c \propto \exp(z_c / T), \quad T = \arg\min_T -\sum_i \log \hat p_{i, y_i},

which changes how sure the decoder is, never which class it names. With :math:`b = 1/T` the loss is
convex in b, and Newton's steps find its minimum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from affectome.decoding.groups import cross_fitted, fit_grouped, group_columns
from affectome.errors import InputError

LOWEST, HIGHEST = 1e-3, 1e3


def fit_temperature(logits: ArrayLike, y: ArrayLike, *, max_iter: int = 100) -> float:
    """Find the temperature with the smallest log loss.

    Parameters
    ----------
    logits
        Scores of held-out trials, shape (n_trials, n_classes).
    y
        Column of the true class, int, shape (n_trials,).
    max_iter
        Most steps.

    Returns
    -------
    float
        Temperature, within .001–1000; above 1 the decoder was too sure of itself.

    Raises
    ------
    InputError
        If the shapes do not meet.
    """
    z, codes = np.asarray(logits, dtype=float), np.asarray(y)
    if z.ndim != 2 or codes.shape != (len(z),) or len(z) == 0:
        raise InputError(
            f"logits need the shape (n_trials, n_classes) and y (n_trials,); got {z.shape} and "
            f"{codes.shape}"
        )
    z = z - z[np.arange(len(z)), codes][:, None]
    low, high = 1 / HIGHEST, 1 / LOWEST
    inverse = 1 / max(float(z.std()), LOWEST)
    for _ in range(max_iter):
        p = softmax(inverse * z, axis=1)
        mean = (p * z).sum(1)
        slope, curve = mean.mean(), ((p * z**2).sum(1) - mean**2).mean()
        low, high = (inverse, high) if slope < 0 else (low, inverse)
        step = inverse - slope / curve if curve > 0 else high if slope < 0 else low
        step = step if low < step < high else np.sqrt(low * high)
        if abs(step - inverse) <= 1e-10 * inverse:
            break
        inverse = step
    return float(1 / inverse)


class CalibratedDecoder(ClassifierMixin, BaseEstimator):
    """A decoder whose probabilities are scaled by a temperature learned inside the training trials.

    The temperature is learned on logits of trials whose groups (people, stimuli, both where they
    cross) the decoder had not seen; the decoder is then fitted on all training trials.

    Parameters
    ----------
    estimator
        A classifier with ``decision_function`` or ``predict_proba``.
    n_splits
        Parts that each column of groups is dealt into.

    Attributes
    ----------
    temperature_ : float
    estimator_ : the decoder, fitted on all training trials
    classes_ : ndarray
    """

    __metadata_request__fit = {"groups": True}  # noqa: RUF012
    crossed_groups = True

    def __init__(self, estimator: Any, n_splits: int = 5):
        self.estimator = estimator
        self.n_splits = n_splits

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Learn the temperature out of fold, then the decoder on all of ``X`` and ``y``.

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
            If a class or the groups are too few for two folds.
        """
        values, labels = np.asarray(X), np.asarray(y)
        columns = group_columns(groups, len(labels), "calibration")
        self.classes_, codes = np.unique(labels, return_inverse=True)
        held_out = cross_fitted(self.estimator, values, codes, columns, self.n_splits, logits_of)
        seen = np.isfinite(held_out).all(1)
        self.temperature_ = fit_temperature(held_out[seen], codes[seen])
        self.estimator_ = fit_grouped(self.estimator, values, labels, columns)
        return self

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Give logits divided by the temperature, shape (n_trials, n_classes)."""
        check_is_fitted(self, "estimator_")
        return logits_of(self.estimator_, np.asarray(X)) / self.temperature_

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Give the calibrated probability of each class, shape (n_trials, n_classes)."""
        return softmax(self.decision_function(X), axis=1)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Give the most probable class of each trial."""
        return self.classes_[self.decision_function(X).argmax(1)]


def logits_of(decoder: Any, X: np.ndarray) -> np.ndarray:
    """Give one logit a class, whatever a fitted classifier offers; shape (n_trials, n_classes)."""
    if not hasattr(decoder, "decision_function"):
        return np.log(np.clip(decoder.predict_proba(X), 1e-12, None))
    scores = np.asarray(decoder.decision_function(X), dtype=float)
    if scores.ndim == 1:
        return np.stack([-scores / 2, scores / 2], axis=1)
    return scores


@dataclass(frozen=True)
class Reliability:
    """How often a decoder is right when it is so sure, bin by bin of its confidence.

    Attributes
    ----------
    confidence, accuracy
        Means in each bin that is not empty.
    count
        Trials in each of those bins.
    ece
        Expected calibration error: mean gap of accuracy and confidence, weighted by trials.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    count: np.ndarray
    ece: float

    def to_dict(self) -> dict[str, Any]:
        """Give the diagram as plain lists."""
        return {
            "confidence": self.confidence.tolist(),
            "accuracy": self.accuracy.tolist(),
            "count": self.count.tolist(),
            "ece": self.ece,
        }


def reliability(y: ArrayLike, probability: ArrayLike, n_bins: int = 10) -> Reliability:
    r"""Bin trials by the probability of the named class against how often that is right.

    .. math:: \mathrm{ECE} = \sum_b \frac{n_b}{n} | \mathrm{acc}_b - \mathrm{conf}_b |

    Parameters
    ----------
    y
        Column of the true class, int, shape (n_trials,).
    probability
        Probabilities of held-out trials, shape (n_trials, n_classes).
    n_bins
        Bins of equal width over 0–1.

    Raises
    ------
    InputError
        If the shapes do not meet or rows are not probabilities.
    """
    codes, p = np.asarray(y), np.asarray(probability, dtype=float)
    if p.ndim != 2 or codes.shape != (len(p),):
        raise InputError(
            f"probability needs the shape (n_trials, n_classes) and y (n_trials,); got {p.shape} "
            f"and {codes.shape}"
        )
    if (p < 0).any() or not np.allclose(p.sum(1), 1, atol=1e-6):
        raise InputError("rows of probability must lie in 0–1 and sum to 1")
    sure, right = p.max(1), p.argmax(1) == codes
    bins = np.minimum((sure * n_bins).astype(int), n_bins - 1)
    count = np.bincount(bins, minlength=n_bins)
    filled = count > 0
    confidence = np.bincount(bins, sure, n_bins)[filled] / count[filled]
    accuracy = np.bincount(bins, right, n_bins)[filled] / count[filled]
    gap = float(np.abs(accuracy - confidence) @ count[filled] / len(p))
    return Reliability(confidence, accuracy, count[filled], gap)
