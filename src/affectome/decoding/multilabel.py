r"""Several emotions at once: calibrated probabilities, thresholds for F1, sets that hold them all.

Platt scaling gives each label :math:`p = \sigma(a z + b)`. A rare label has too few examples for a
slope of its own, so slopes are drawn towards the one that all labels share.

The threshold with the best expected F1 on calibrated probabilities is half of that F1 (Lipton,
Elkan & Naryanaswamy 2014). It is found from the probabilities alone, so it doesn't chase the few
examples of a rare label; the threshold that was best on the examples is drawn towards it,

.. math:: t = \frac{n\,t_\text{seen} + k\,t_\text{expected}}{n + k}.

A conformal set holds **all** labels of a trial with the stated probability: the score of a trial is
:math:`1 - \min_{c \in y} p_c` (Vovk 2005, split conformal).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit

from affectome.errors import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LabelScaling:
    """Slope and offset of each label's logit, shape (n_labels,) each."""

    slope: Array
    offset: Array

    def __call__(self, logits: ArrayLike) -> Array:
        """Probabilities of logits ``(n_trials, n_labels)``."""
        return expit(np.asarray(logits, dtype=float) * self.slope + self.offset)


def fit_scaling(logits: ArrayLike, y: ArrayLike, pull: float = 10.0) -> LabelScaling:
    """Fit slopes and offsets on held-out trials by penalised maximum likelihood.

    Parameters
    ----------
    logits
        Shape (n_trials, n_labels).
    y
        0 or 1, the same shape.
    pull
        How strongly a label's log slope is drawn to that of all labels: the curvature of a normal
        prior.

    Raises
    ------
    InputError
        If shapes differ or a label never or always holds.
    """
    z, held = np.asarray(logits, dtype=float), np.asarray(y, dtype=float)
    _check(z, held)
    shared = _fit(z.ravel(), held.ravel(), 0.0, 0.0)[0]
    fitted = np.array([_fit(z[:, k], held[:, k], shared, pull) for k in range(z.shape[1])])
    return LabelScaling(np.exp(fitted[:, 0]), fitted[:, 1])


def _fit(z: Array, y: Array, centre: float, pull: float) -> tuple[float, float]:
    """Log slope and offset with the smallest penalised log loss."""

    def loss(at: Array) -> tuple[float, Array]:
        slope = np.exp(at[0])
        u = slope * z + at[1]
        wrong = expit(u) - y
        value = np.logaddexp(0, u).sum() - y @ u + pull / 2 * (at[0] - centre) ** 2
        gradient = [wrong @ z * slope + pull * (at[0] - centre), wrong.sum()]
        return float(value), np.array(gradient)

    found = minimize(loss, np.array([centre, 0.0]), jac=True, method="L-BFGS-B").x
    return float(found[0]), float(found[1])


def f1_thresholds(probability: ArrayLike, y: ArrayLike, pull: float = 50.0) -> Array:
    """Find each label's threshold for the best F1.

    Parameters
    ----------
    probability
        Calibrated, of held-out trials, shape (n_trials, n_labels).
    y
        0 or 1, the same shape.
    pull
        Examples that the expected threshold is worth; infinity takes that alone.

    Returns
    -------
    ndarray
        Shape (n_labels,); a label holds where its probability is at least that.
    """
    p, held = np.asarray(probability, dtype=float), np.asarray(y, dtype=float)
    _check(p, held)
    expected = np.array([_best_threshold(column, column) for column in p.T])
    if np.isinf(pull):
        return expected
    seen = np.array([_best_threshold(*both) for both in zip(p.T, held.T, strict=True)])
    n = held.sum(0)
    return np.asarray((n * seen + pull * expected) / (n + pull))


def _best_threshold(p: Array, weight: Array) -> float:
    """Threshold with the best F1, each trial counting as ``weight`` of an example.

    It lies halfway between the last trial that is taken and the first that isn't.
    """
    order = np.argsort(-p, kind="stable")
    f1 = 2 * np.cumsum(weight[order]) / (np.arange(1, len(p) + 1) + weight.sum())
    best = int(np.argmax(f1))
    after = p[order[best + 1]] if best + 1 < len(p) else p[order[best]]
    return float((p[order[best]] + after) / 2)


def conformal_level(probability: ArrayLike, y: ArrayLike, confidence: float = 0.9) -> float:
    """Find the probability that a label needs to enter the set.

    Parameters
    ----------
    probability
        Of held-out trials that nothing was fitted on, shape (n_trials, n_labels).
    y
        0 or 1, the same shape; every trial has a label.
    confidence
        Share of trials whose set shall hold all of their labels.

    Raises
    ------
    InputError
        If there are too few trials for that confidence.
    """
    p, held = np.asarray(probability, dtype=float), np.asarray(y, dtype=bool)
    scores = np.sort(1 - np.where(held, p, 1.0).min(1))
    rank = int(np.ceil((len(scores) + 1) * confidence))
    if rank > len(scores):
        needed = int(np.ceil(round(confidence / (1 - confidence), 6)))
        raise InputError(
            f"a confidence of {confidence:g} needs {needed} trials; there are {len(scores)}"
        )
    return float(1 - scores[rank - 1])


def residual_quantile(y: ArrayLike, y_hat: ArrayLike, confidence: float = 0.9) -> float:
    """Half width of the interval that holds a rating with the stated probability."""
    away = np.sort(np.abs(np.asarray(y, dtype=float) - np.asarray(y_hat, dtype=float)))
    rank = int(np.ceil((len(away) + 1) * confidence))
    if rank > len(away):
        raise InputError(
            f"a confidence of {confidence:g} needs more than {len(away)} trials; give more"
        )
    return float(away[rank - 1])


def label_ece(probability: ArrayLike, y: ArrayLike, n_bins: int = 10) -> float:
    r"""Calibration error of all labels together: :math:`\sum_b n_b |\bar y_b - \bar p_b| / n`.

    Pairs of a trial and a label are binned by their probability, in bins of equal width.
    """
    p, held = np.asarray(probability, dtype=float).ravel(), np.asarray(y, dtype=float).ravel()
    bins = np.minimum((p * n_bins).astype(int), n_bins - 1)
    gap = np.bincount(bins, held - p, n_bins)
    return float(np.abs(gap).sum() / len(p))


def _check(scores: Array, y: Array) -> None:
    if scores.ndim != 2 or scores.shape != y.shape:
        raise InputError(
            f"scores and labels need one shape (n_trials, n_labels); got {scores.shape} and "
            f"{y.shape}"
        )
    constant = np.flatnonzero((y.sum(0) == 0) | (y.sum(0) == len(y)))
    if constant.size:
        raise InputError(
            f"label {int(constant[0])} holds for none or all of {len(y)} held-out trials; hold "
            "back more, or drop it"
        )
