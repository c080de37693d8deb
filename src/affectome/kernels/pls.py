"""Partial least squares for many sets of targets and folds at once.

A component is the direction of the features with the largest covariance with the targets that are
left. With centred ``X``, ``Y``, unit scores ``T`` so far, targets left ``R`` and ``K = XX'``::

    c = leading eigenvector of R'KR,   t ~ (I - TT') K R c,   Y_hat = T T'Y

SIMPLS (de Jong 1993; the algorithm of MATLAB's ``plsregress``) takes from the covariance ``X'Y``
what lies along the loadings ``X'T``; in the dual ``R = Y - C C'KY``, with ``C`` the scores made
orthonormal in the metric ``K``. NIPALS (Wold 1975; dual: Rosipal 2001) takes the scores from the
targets, ``R = (I - TT') Y``; run to convergence this is scikit-learn's ``PLSRegression`` with
``tol=0``. For one target both are PLS1.

Nothing but ``K`` times a vector is needed, so the folds of a cross-validation share one Gram matrix
and the scores of all folds and all arrangements of the labels come from one product a component.
Test trials ride along: their scores are further rows of the same product.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affectome.errors import InputError
from affectome.kernels._pls_components import EXHAUSTED, Product, fitted_values
from affectome.kernels.folds import Array, Folds, check_arrays, check_folds, gram, moments

ALGORITHMS = ("simpls", "nipals")
SMALLEST_BLOCK = 16


def cross_validated_predictions(
    X: ArrayLike,
    Y: ArrayLike,
    folds: Folds,
    n_components: int,
    *,
    standardize: bool = False,
    algorithm: str = "simpls",
) -> Array:
    """Predictions of every trial from a PLS fitted on the other folds.

    Parameters
    ----------
    X
        Features, shape (n, p).
    Y
        Targets, shape (n, q), or (n_sets, n, q) for many arrangements of them. The q columns of a
        set are fitted together.
    folds
        Pairs (train, test) of index arrays; no trial may be tested twice.
    n_components
        Components to extract; those beyond the rank of a fold add nothing.
    standardize
        Divide features and targets by their standard deviation over the fold's training trials.
        Every fold then needs a Gram matrix of its own.
    algorithm
        "simpls" or "nipals"; the same for one target.

    Returns
    -------
    ndarray
        Predictions, float64, shape of Y; NaN for a trial that no fold tests.

    Raises
    ------
    InputError
        If shapes do not meet, a value is not finite, a fold is bad, ``n_components`` is below 1 or
        the algorithm is unknown.
    """
    sets = np.asarray(Y, dtype=np.float64)
    if sets.ndim not in (2, 3):
        raise InputError(f"Y has shape {sets.shape}; wanted (n, q) or (n_sets, n, q)")
    shape = sets.shape
    sets = sets.reshape(-1, *shape[-2:])
    features, _ = check_arrays(X, sets.transpose(1, 0, 2).reshape(shape[-2], -1))
    _check_choices(n_components, algorithm)
    predictions = np.full(sets.shape, np.nan)
    per_row = n_components * (3 if algorithm == "simpls" and shape[-1] > 1 else 1)
    room = features.size // (2 * len(features) * (per_row + 4 * shape[-1]))
    block = max(SMALLEST_BLOCK, room)
    for product, members in _shared_products(
        features, check_folds(folds, len(features)), standardize
    ):
        n_sets = max(1, block // len(members))
        for first in range(0, len(members), block):
            for start in range(0, len(sets), n_sets):
                rows = slice(start, start + n_sets)
                _predict_block(
                    product,
                    sets[rows],
                    members[first : first + block],
                    n_components,
                    standardize,
                    algorithm,
                    predictions[rows],
                )
    return predictions.reshape(shape)


class Fit(NamedTuple):
    """A fitted PLS in the units of its features: ``X @ weights + intercept``.

    ``weights`` is (p, q), ``intercept`` (q,), ``rotations`` (p, n_components) takes centred and
    scaled features to scores of unit length, ``mean`` and ``scale`` are (p,).
    """

    weights: Array
    intercept: Array
    rotations: Array
    mean: Array
    scale: Array


def fit(
    X: ArrayLike,
    Y: ArrayLike,
    n_components: int,
    *,
    standardize: bool = False,
    algorithm: str = "simpls",
) -> Fit:
    """Fit X (n, p) to Y (n, q); parameters as in `cross_validated_predictions`."""
    features, targets = check_arrays(X, Y)
    _check_choices(n_components, algorithm)
    mean, scale = moments(features, standardize=standardize)
    level, spread = moments(targets, standardize=standardize)
    Z, Q = (features - mean) / scale, (targets - level) / spread
    weights: list[Array] = []
    scores, basis = np.empty((len(Z), 0)), np.empty((Z.shape[1], 0))
    covariance = Z.T @ Q
    start = np.linalg.norm(covariance)
    while len(weights) < n_components and np.linalg.norm(covariance) > EXHAUSTED * start:
        weight = np.linalg.svd(covariance, full_matrices=False)[0][:, 0]
        score = Z @ weight
        score -= scores @ (scores.T @ score)
        score /= np.linalg.norm(score)
        weights.append(weight)
        scores = np.column_stack([scores, score])
        if algorithm == "simpls":
            loading = _orthogonal(Z.T @ score, basis)
            covariance = covariance - np.outer(loading, loading @ covariance)
            basis = np.column_stack([basis, loading])
        else:
            covariance = covariance - np.outer(Z.T @ score, score @ Q)
    W = np.reshape(weights, (-1, Z.shape[1])).T
    rotations = W @ np.linalg.pinv(scores.T @ Z @ W)
    coefficients = rotations @ (scores.T @ Q) / scale[:, None] * spread
    return Fit(coefficients, level - mean @ coefficients, rotations, mean, scale)


def _orthogonal(vector: Array, basis: Array) -> Array:
    """Unit vector along what of ``vector`` lies outside an orthonormal basis."""
    for _ in range(2):
        vector = vector - basis @ (basis.T @ vector)
    return np.asarray(vector / np.linalg.norm(vector))


def _check_choices(n_components: int, algorithm: str) -> None:
    if n_components < 1:
        raise InputError(f"n_components must be 1 or more; got {n_components}")
    if algorithm not in ALGORITHMS:
        raise InputError(f"algorithm must be one of {', '.join(ALGORITHMS)}; got {algorithm!r}")


def _shared_products(
    X: Array, folds: list[tuple[NDArray[np.intp], NDArray[np.intp]]], standardize: bool
) -> Iterator[tuple[Product, list[tuple[NDArray[np.intp], NDArray[np.intp]]]]]:
    """``V -> V K`` with the folds that share ``K``: all of them, unless each scales its own."""
    if not standardize:
        yield _product(X, *moments(X, standardize=False)), folds
        return
    for train, test in folds:
        yield _product(X, *moments(X[train], standardize=True)), [(train, test)]


def _product(X: Array, mean: Array, scale: Array) -> Product:
    if X.shape[1] < len(X):
        Z = (X - mean) / scale
        return lambda V: (V @ Z) @ Z.T
    K = gram(X, mean, scale)
    return lambda V: V @ K


def _predict_block(
    product: Product,
    sets: Array,
    folds: list[tuple[NDArray[np.intp], NDArray[np.intp]]],
    n_components: int,
    standardize: bool,
    algorithm: str,
    out: Array,
) -> None:
    """Fill the test trials of every set (n_sets, n, q) in every fold, all in the same products."""
    n_sets, n, q = sets.shape
    inside = np.zeros((len(folds), n_sets, n))
    R = np.zeros((len(folds), n_sets, q, n))
    level, spread = np.empty((2, len(folds), n_sets, q))
    for f, (train, _) in enumerate(folds):
        inside[f][:, train] = 1.0
        targets = sets[:, train].transpose(1, 0, 2)
        flat = moments(targets.reshape(len(train), -1), standardize=standardize)
        level[f], spread[f] = (values.reshape(n_sets, q) for values in flat)
        R[f][..., train] = ((targets - level[f]) / spread[f]).transpose(1, 2, 0)
    fitted = fitted_values(
        product, R.reshape(-1, q, n), inside.reshape(-1, n), n_components, algorithm
    )
    fitted = fitted.reshape(R.shape)
    for f, (_, test) in enumerate(folds):
        values = fitted[f][..., test].transpose(0, 2, 1)
        out[:, test] = values * spread[f][:, None] + level[f][:, None]
