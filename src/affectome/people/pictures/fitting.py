r"""Ratings of pictures from what networks see in them: ridge over blocks that weigh the same.

Each block (a layer of a network) is standardised and divided by the square root of its number of
features, so that no block counts more for being wide. With :math:`Z_k` the rows of network k's
blocks side by side, :math:`s_k` its share and all means taken off,

.. math:: w_k = s_k Z_k^\top \left(\sum_j s_j Z_j Z_j^\top + \alpha n I\right)^{-1} y .

The shares and :math:`\alpha` are chosen by folds that hold whole groups out; the same folds say
how far an estimate lies from the rating of a new group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh
from sklearn.model_selection import GroupKFold

from affectome.decoding.conformal import group_threshold
from affectome.errors import InputError

Array = NDArray[np.float64]
Blocks = Sequence[tuple[str, int, int]]

ALPHAS = tuple(float(a) for a in np.logspace(-4, 0.5, 10))
INNER = 5
CONFIDENCE = 0.9
SMALLEST_SPREAD = 1e-6


@dataclass(frozen=True, eq=False)
class Rating:
    """How one rating is read.

    Attributes
    ----------
    weights, bias
        On standardised features, shape (n_features,); 0 where a network is not used.
    mix
        Name of the chosen shares.
    alpha
        The penalty.
    half
        Half of the interval that holds nine of ten ratings in groups that were left out.
    spread
        Root mean square distance from the rating in groups that were left out.
    """

    weights: Array
    bias: float
    mix: str
    alpha: float
    half: float
    spread: float


@dataclass(frozen=True, eq=False)
class Fitted:
    """Several ratings and the scale that their features share, shapes (n_features,)."""

    mean: Array
    gain: Array
    ratings: tuple[Rating, ...]

    def predict(self, features: ArrayLike) -> Array:
        """Estimate the ratings, shape (n, n_ratings)."""
        z = (np.asarray(features, dtype=float) - self.mean) * self.gain
        return np.column_stack([z @ one.weights + one.bias for one in self.ratings])


def fit_ratings(
    features: ArrayLike,
    y: ArrayLike,
    groups: ArrayLike,
    blocks: Blocks,
    mixes: Mapping[str, Mapping[str, float]],
) -> Fitted:
    """Fit ratings, choosing networks and penalty on groups that are left out.

    Parameters
    ----------
    features
        Shape (n_pictures, n_features).
    y
        Shape (n_pictures, n_ratings).
    groups
        What pictures belong to, such as their theme, shape (n_pictures,).
    blocks
        Network, first and one after the last column, of each block.
    mixes
        Name → the share of each network; one is chosen for each rating.

    Raises
    ------
    InputError
        If there are fewer than five groups.
    """
    X, Y = np.asarray(features, dtype=float), np.asarray(y, dtype=float)
    codes = np.unique(np.asarray(groups), return_inverse=True)[1]
    if codes.max() + 1 < INNER:
        raise InputError(
            f"ratings are learned from {INNER} groups or more, to know how far they can be "
            f"trusted; there are {codes.max() + 1}"
        )
    mean, gain = _scale(X, blocks)
    Z = (X - mean) * gain
    of_network = {
        name: np.concatenate([np.arange(a, b) for network, a, b in blocks if network == name])
        for name in dict.fromkeys(network for network, _, _ in blocks)
    }
    kernels = {name: Z[:, rows] @ Z[:, rows].T for name, rows in of_network.items()}
    folds = list(GroupKFold(INNER).split(X, groups=codes))
    mixed = {
        name: np.sum([share * kernels[n] for n, share in shares.items()], axis=0)
        for name, shares in mixes.items()
    }
    held = {name: _held_out(K, Y, folds) for name, K in mixed.items()}
    ratings = []
    for column in range(Y.shape[1]):
        errors = {
            (name, place): float(np.mean((Y[:, column] - found[place][:, column]) ** 2))
            for name, found in held.items()
            for place in range(len(ALPHAS))
        }
        name, place = min(errors, key=lambda key: errors[key])
        off = np.abs(Y[:, column] - held[name][place][:, column])
        dual, bias = _solve(mixed[name], Y[:, column], ALPHAS[place])
        weights = np.zeros(X.shape[1])
        for network, share in mixes[name].items():
            rows = of_network[network]
            weights[rows] = share * Z[:, rows].T @ dual
        half = group_threshold(off, codes[:, None], CONFIDENCE)
        spread = float(np.sqrt(errors[name, place]))
        offset = bias - float((dual @ mixed[name]).mean())
        ratings.append(Rating(weights, offset, name, ALPHAS[place], float(half), spread))
    return Fitted(mean, gain, tuple(ratings))


def _scale(X: Array, blocks: Blocks) -> tuple[Array, Array]:
    mean, sd = X.mean(axis=0), X.std(axis=0)
    gain = np.zeros(X.shape[1])
    count = {network: sum(n == network for n, _, _ in blocks) for network, _, _ in blocks}
    for network, first, last in blocks:
        width = (last - first) * count[network]
        gain[first:last] = 1 / np.sqrt(width) / np.maximum(sd[first:last], SMALLEST_SPREAD)
    gain[sd < SMALLEST_SPREAD] = 0
    return mean, gain


def _solve(K: Array, y: Array, alpha: float) -> tuple[Array, float]:
    """Dual weights that sum to 0, and the mean of y."""
    n = len(y)
    centred = K - K.mean(axis=0) - K.mean(axis=1)[:, None] + K.mean()
    dual = np.linalg.solve(centred + alpha * n * np.eye(n), y - y.mean())
    return dual - dual.mean(), float(y.mean())


def _held_out(
    K: Array, Y: Array, folds: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]]
) -> list[Array]:
    """Estimates of groups that were left out, for every penalty."""
    found = [np.empty_like(Y) for _ in ALPHAS]
    for train, test in folds:
        own = K[np.ix_(train, train)]
        column = own.mean(axis=0)
        centred = own - column - column[:, None] + own.mean()
        across = K[np.ix_(test, train)]
        across = across - across.mean(axis=1, keepdims=True) - column + own.mean()
        power, vectors = eigh(centred)
        mean = Y[train].mean(axis=0)
        turned = vectors.T @ (Y[train] - mean)
        ahead = across @ vectors
        for place, alpha in enumerate(ALPHAS):
            shrunk = turned / (power + alpha * len(train))[:, None]
            found[place][test] = ahead @ shrunk + mean
    return found
