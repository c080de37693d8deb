"""Shrinkage LDA whose penalty does not look at the labels, so that permutations have a closed form.

A permutation changes the pooled covariance within classes, and with it the shrinkage of ordinary
LDA. Here the *total* covariance ``S`` (which no label enters) is shrunk towards its mean variance
``m``, and what lies between the classes is then taken out::

    T = (1 - g) S + g m I,     A = T - (1 - g) B = (1 - g) W + g m I

with ``W`` and ``B`` the covariance within and between classes. So ``A`` is the covariance within
classes, shrunk; at ``g = 0`` it is LDA to the letter. ``T`` is factorised once a fold. With class
indicators ``Z``, class sizes ``N`` and centred trials ``X``, put ``R = X (X'X + n g m/(1-g) I)^-1
X'``; then only matrices of the size of the number of classes depend on the labels::

    x' A^-1 M = n / (1 - g)  x' (X'X + ...)^-1 X' Z N^-1 (I - Z'R Z N^-1)^-1

The score of class k is ``x'A^-1 m_k - m_k'A^-1 m_k / 2 + log(n_k / n)`` (means ``m_k`` about the
total mean). ``g`` may be that of Ledoit & Wolf 2004, from the total covariance of the fold's
training trials. For two classes the direction is that of a ridge on the codes.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import LinAlgError

from affectome.errors import InputError
from affectome.kernels.folds import Array, Folds, check_arrays, check_folds, moments
from affectome.kernels.ridge import Fold, coefficients, fold_matrices, solve_shifted

Shrinkage = float | Literal["auto"]
Priors = Literal["observed", "equal"]
ARRANGEMENTS = 128


def cross_validated_scores(
    X: ArrayLike,
    Y: ArrayLike,
    folds: Folds,
    shrinkage: Shrinkage = "auto",
    *,
    standardize: bool = False,
    priors: Priors = "observed",
) -> Array:
    """Scores of every class for every trial, from LDAs fitted on the other folds.

    Parameters
    ----------
    X
        Features, shape (n, p).
    Y
        Arrangements of the labels, shape (n_arrangements, n).
    folds
        Pairs (train, test) of index arrays; no trial may be tested twice.
    shrinkage
        Weight of the mean variance, 0 to below 1, or "auto" for Ledoit-Wolf.
    standardize
        Divide each feature by its standard deviation over the fold's training trials.
    priors
        ``"observed"``: n_k / n of the training trials; ``"equal"``: the same for every class.

    Returns
    -------
    ndarray
        Log posterior but for a constant a trial, shape (n_arrangements, n, n_classes), classes
        sorted; minus infinity for a class without training trials in a fold, NaN for a trial that
        no fold tests.

    Raises
    ------
    InputError
        If shapes do not meet, a value is not finite, a fold is bad, or the covariance is singular
        and not shrunk.
    """
    labels = np.asarray(Y)
    classes = np.unique(labels)
    features, _ = check_arrays(X, classes[0] == labels.T)
    scores = np.full((*labels.shape, len(classes)), np.nan)
    for fold in fold_matrices(features, check_folds(folds, len(features)), standardize):
        g = _shrinkage(shrinkage, fold.inner, fold.dual, features.shape[1])
        ridge = _ridge(g, fold.inner, fold.dual, features.shape[1])
        for start in range(0, len(labels), ARRANGEMENTS):
            block = slice(start, start + ARRANGEMENTS)
            indicators = labels[block, fold.train, None] == classes
            scores[block, fold.test] = _fold_scores(
                fold, indicators.astype(float), g, ridge, priors
            )
    return scores


def _fold_scores(fold: Fold, Z: Array, g: float, ridge: float, priors: Priors) -> Array:
    """Scores (n_arrangements, n_test, k) from indicators (n_arrangements, n_train, k)."""
    n = len(fold.train)
    sizes = Z.sum(axis=1)
    flat = Z.transpose(1, 0, 2).reshape(n, -1)
    if fold.dual:
        weights = _inverse(fold.inner, flat, ridge)
    else:
        weights = _inverse(fold.inner.T @ fold.inner, fold.inner.T @ flat, ridge)
    inner = (fold.inner @ weights).reshape(n, *sizes.shape).transpose(1, 0, 2)
    outer = (fold.outer @ weights).reshape(-1, *sizes.shape).transpose(1, 0, 2)
    gain, offset = _class_terms(Z.transpose(0, 2, 1) @ inner, sizes, n / (1 - g), priors)
    return outer @ gain + offset[:, None]


class Fit(NamedTuple):
    """A fitted LDA in the units of its features: class scores ``X @ weights + intercept``.

    ``weights`` is (p, n_classes), ``intercept`` (n_classes,).
    """

    weights: Array
    intercept: Array
    shrinkage: float


def fit(
    X: ArrayLike,
    indicators: ArrayLike,
    shrinkage: Shrinkage = "auto",
    *,
    standardize: bool = False,
    priors: Priors = "observed",
) -> Fit:
    """Fit X (n, p) with class indicators (n, n_classes); see `cross_validated_scores`."""
    features, Z = check_arrays(X, indicators)
    mean, scale = moments(features, standardize=standardize)
    centred = (features - mean) / scale
    n, p = centred.shape
    dual = p >= n
    inner = centred @ centred.T if dual else centred
    g = _shrinkage(shrinkage, inner, dual, p)
    try:
        weights = coefficients(centred, Z, _ridge(g, inner, dual, p))
    except LinAlgError as error:
        raise _singular() from error
    within = (Z.T @ (centred @ weights))[None]
    gain, offset = _class_terms(within, Z.sum(axis=0)[None], n / (1 - g), priors)
    weights = weights @ gain[0] / scale[:, None]
    return Fit(weights, offset[0] - mean @ weights, g)


def ledoit_wolf(inner: Array, dual: bool, p: int) -> float:
    """Shrinkage of Ledoit & Wolf 2004 from centred trials (n, p), or from their Gram matrix."""
    n = len(inner)
    lengths = np.diag(inner) if dual else np.einsum("ij,ij->i", inner, inner)
    square = inner if dual else inner.T @ inner
    spread = np.sum(square**2) / n**2
    mean = lengths.sum() / (n * p)
    distance = spread / p - mean**2
    noise = (np.sum(lengths**2) / n - spread) / (n * p)
    return float(min(noise, distance) / distance) if distance > 0 else 0.0


def _shrinkage(shrinkage: Shrinkage, inner: Array, dual: bool, p: int) -> float:
    if shrinkage == "auto":
        return min(ledoit_wolf(inner, dual, p), 1 - 1e-9)
    if not 0 <= float(shrinkage) < 1:
        raise InputError(f'shrinkage must be "auto" or from 0 to below 1; got {shrinkage!r}')
    return float(shrinkage)


def _ridge(g: float, inner: Array, dual: bool, p: int) -> float:
    """``n g m / (1 - g)`` with the mean variance m of the features."""
    total = np.trace(inner) if dual else np.sum(inner**2)
    return float(g / (1 - g) * total / p)


def _inverse(square: Array, right: Array, ridge: float) -> Array:
    try:
        return solve_shifted(square, right, ridge)
    except LinAlgError as error:
        raise _singular() from error


def _singular() -> InputError:
    return InputError(
        "the covariance is singular: more features than trials, or a constant or repeated feature; "
        'drop it, or shrink (shrinkage="auto" or above 0)'
    )


def _class_terms(
    within: Array, sizes: NDArray[np.float64], factor: float, priors: Priors
) -> tuple[Array, Array]:
    """What turns ridge scores of the indicators into class scores: a gain and an offset.

    ``within`` is Z'RZ (n_arrangements, k, k), ``sizes`` (n_arrangements, k).
    """
    k = sizes.shape[1]
    share = np.divide(1.0, sizes, out=np.zeros_like(sizes), where=sizes > 0)
    scaled = within * share[:, None]
    gain = factor * share[:, :, None] * np.linalg.inv(np.eye(k) - scaled)
    lengths = np.einsum("aij,aji->ai", within * share[:, :, None], gain)
    with np.errstate(divide="ignore"):
        prior = np.log(sizes / sizes.sum(axis=1, keepdims=True))
    if priors == "equal":
        prior = np.where(sizes > 0, 0.0, prior)
    return gain, prior - lengths / 2
