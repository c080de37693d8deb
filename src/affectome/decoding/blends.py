r"""Blends: trials that hold several emotions at once, decoded as weights that sum to one.

A trial's target is a row of weights, such as .6 fear and .4 surprise. With responses that add up,
:math:`X = Y P + \text{noise}`, the weights are a linear function of the responses: ridge to all
weights at once, then the nearest point of the simplex (Duchi et al. 2008),

.. math:: \hat Y = \Pi_\Delta(X W + b), \qquad
          \tilde Y = (1-\varepsilon) \hat Y + \varepsilon \bar y ,

where the share :math:`\varepsilon` of the base rates :math:`\bar y` keeps an absent emotion from a
probability of zero. Penalty and share are chosen by exact leave-one-out inside the training trials.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import rel_entr
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from affectome.errors import InputError

ALPHAS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
FLOORS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)


class BlendDecoder(BaseEstimator):
    """Weights of emotions from responses: ridge on the simplex.

    Parameters
    ----------
    alphas
        Penalties to choose from, in units of the mean squared singular value of ``X``.

    Attributes
    ----------
    coef_ : ndarray of shape (n_units, n_emotions)
    intercept_ : ndarray of shape (n_emotions,)
    base_ : ndarray of shape (n_emotions,)
        Mean weights of the training trials.
    alpha_, floor_ : float
        Chosen penalty and share of the base rates.
    """

    def __init__(self, alphas: Sequence[float] = ALPHAS):
        self.alphas = alphas

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to responses (n_trials, n_units) and weights (n_trials, n_emotions), rows sum to 1.

        Raises
        ------
        InputError
            If weights are negative or a row does not sum to one.
        """
        values, weights = validate_data(
            self, X, check_blends(y), multi_output=True, dtype=np.float64
        )
        mean, self.base_ = values.mean(0), weights.mean(0)
        left, sizes, right = np.linalg.svd(values - mean, full_matrices=False)
        projected = left.T @ (weights - self.base_)
        best, floors = np.inf, np.array(FLOORS)[:, None, None]
        for alpha in np.asarray(self.alphas, dtype=float) * max(np.mean(sizes**2), 1e-12):
            shrink = sizes**2 / (sizes**2 + alpha)
            held_out = _leave_one_out(left, shrink, projected, weights)
            floored = (1 - floors) * held_out + floors * self.base_
            losses = rel_entr(weights, floored).sum(2).mean(1)
            least = int(losses.argmin())
            if losses[least] < best:
                best, self.alpha_ = float(losses[least]), float(alpha)
                self.floor_ = FLOORS[least]
        gain = sizes / (sizes**2 + self.alpha_)
        self.coef_ = right.T @ (gain[:, None] * projected)
        self.intercept_ = self.base_ - mean @ self.coef_
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Give the weights of each trial, shape (n_trials, n_emotions); rows sum to one."""
        check_is_fitted(self, "coef_")
        values = validate_data(self, X, reset=False, dtype=np.float64)
        return project_to_simplex(values @ self.coef_ + self.intercept_)

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Give the weights with a share of the base rates, none of them zero, for KL divergence."""
        return (1 - self.floor_) * self.predict(X) + self.floor_ * self.base_


def _leave_one_out(
    left: np.ndarray, shrink: np.ndarray, projected: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    fitted = weights.mean(0) + left @ (shrink[:, None] * projected)
    leverage = (left**2) @ shrink + 1 / len(weights)
    left_out = weights - (weights - fitted) / np.maximum(1 - leverage, 1e-9)[:, None]
    return _nearest(left_out)


def check_blends(y: ArrayLike) -> np.ndarray:
    """Return weights as floats, or say in one line why they are no blends.

    Raises
    ------
    InputError
        If the shape is not (n_trials, n_emotions), a weight is negative or NaN, or a row does not
        sum to one.
    """
    weights = np.asarray(y, dtype=float)
    if weights.ndim != 2 or weights.shape[1] < 2:
        raise InputError(
            "blends need the shape (n_trials, n_emotions), two emotions or more; "
            f"got {weights.shape}"
        )
    bad = ~((weights >= 0).all(1) & np.isclose(weights.sum(1), 1, atol=1e-6))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InputError(
            f"row {row} of the blends is {weights[row].tolist()}; weights must not be negative and "
            "must sum to 1; divide each row by its sum"
        )
    return weights


def project_to_simplex(points: ArrayLike) -> np.ndarray:
    """Find the nearest point with weights ≥ 0 that sum to one, for each row (n, k)."""
    return _nearest(check_array(points))


def _nearest(values: np.ndarray) -> np.ndarray:
    ordered = -np.sort(-values, axis=1)
    excess = (np.cumsum(ordered, axis=1) - 1) / np.arange(1, values.shape[1] + 1)
    last = (ordered > excess).sum(1) - 1
    return np.maximum(values - excess[np.arange(len(values)), last][:, None], 0)


def divergence(truth: ArrayLike, estimate: ArrayLike) -> float:
    r"""Give the mean over trials of :math:`KL = \sum_c y_c \log(y_c / p_c)`, in nats."""
    return float(rel_entr(np.asarray(truth), np.asarray(estimate)).sum(1).mean())


def top_two(truth: ArrayLike, estimate: ArrayLike) -> float:
    """Give the share of trials whose two strongest emotions are named.

    A trial counts when no other pair holds more of its true weight than the two that are named; so
    a trial of one emotion counts when that one is among the two, and ties in truth cost nothing.
    """
    y, p = np.asarray(truth, dtype=float), np.asarray(estimate, dtype=float)
    named = np.argsort(-p, axis=1, kind="stable")[:, :2]
    held = np.take_along_axis(y, named, axis=1).sum(1)
    return float((held >= np.sort(y, axis=1)[:, -2:].sum(1) - 1e-9).mean())


def score_blends(truth: ArrayLike, estimate: ArrayLike) -> dict[str, float]:
    """Score estimated weights (none of them zero) by KL, top two and correlation of the weights.

    Parameters
    ----------
    truth, estimate
        Weights, shape (n_trials, n_emotions); rows sum to one.

    Returns
    -------
    dict
        ``kl`` in nats, ``top2`` a share, ``r`` the correlation over all trials and emotions of the
        weights about their means.
    """
    y, p = check_blends(truth), check_blends(estimate)
    if y.shape != p.shape:
        raise InputError(f"truth has the shape {y.shape}, the estimate {p.shape}; give the same")
    a, b = y - y.mean(0), p - p.mean(0)
    norm = float(np.sqrt((a**2).sum() * (b**2).sum()))
    r = float((a * b).sum() / norm) if norm > 0 else float("nan")
    return {"kl": divergence(y, p), "top2": top_two(y, p), "r": r}
