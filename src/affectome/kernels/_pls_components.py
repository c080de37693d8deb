"""Components of partial least squares in the dual, for many sets of targets at once (see `pls`)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit

from affectome.kernels.folds import Array

Product = Callable[[Array], Array]
EXHAUSTED = 1e-12


def fitted_values(
    product: Product, R: Array, inside: Array, n_components: int, algorithm: str
) -> Array:
    """``T T'Y`` for rows of centred targets R (b, q, n), zero outside training; R is used up."""
    b, q, n = R.shape
    KR = product(R.reshape(-1, n)).reshape(R.shape)
    scores = np.zeros((b, n_components, n))
    fitted, loadings, trained = np.zeros_like(R), np.zeros((b, q)), np.zeros((b, n))
    first = np.zeros(b)
    simpls = algorithm == "simpls" and q > 1
    basis = np.zeros((2, b, n_components - 1, n)) if simpls else None
    for a in range(n_components):
        weights = np.ones((b, 1))
        if q > 1:
            weights = np.linalg.eigh(R @ KR.transpose(0, 2, 1))[1][:, :, -1]
        _add_component(a, weights, KR, inside, R, scores, fitted, loadings, trained, first)
        if a + 1 == n_components:
            break
        if basis is None:
            _deflate_targets(R, KR, loadings, trained, product(trained))
        else:
            _deflate_covariance(a, R, KR, trained, product(trained), *basis)
    return fitted


@njit(cache=True, nogil=True)
def _add_component(a, weights, KR, inside, R, scores, fitted, loadings, trained, first):  # type: ignore[no-untyped-def]
    n_rows, q, n = R.shape
    for b in range(n_rows):
        train, score, unit = inside[b], scores[b, a], trained[b]
        for k in range(q):
            _add(score, weights[b, k], KR[b, k])
        mean = _dot(train, score) / train.sum()
        for i in range(n):
            score[i] -= mean
            unit[i] = train[i] * score[i]
        first[b] = max(first[b], np.sqrt(_dot(unit, score)))
        for j in range(a):
            _add(score, -_dot(unit, scores[b, j]), scores[b, j])
            for i in range(n):
                unit[i] = train[i] * score[i]
        length = np.sqrt(_dot(unit, score))
        factor = 1.0 / length if length > EXHAUSTED * first[b] else 0.0
        for i in range(n):
            score[i] *= factor
            unit[i] *= factor
        for k in range(q):
            loadings[b, k] = _dot(unit, R[b, k])
            _add(fitted[b, k], loadings[b, k], score)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _dot(x, y):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(len(x)):
        total += x[i] * y[i]
    return total


@njit(cache=True, nogil=True)
def _add(x, factor, y):  # type: ignore[no-untyped-def]
    for i in range(len(x)):
        x[i] += factor * y[i]


@njit(cache=True, nogil=True)
def _deflate_targets(R, KR, loadings, trained, KT):  # type: ignore[no-untyped-def]
    for b in range(R.shape[0]):
        for k in range(R.shape[1]):
            _add(R[b, k], -loadings[b, k], trained[b])
            _add(KR[b, k], -loadings[b, k], KT[b])


@njit(cache=True, nogil=True)
def _deflate_covariance(a, R, KR, trained, KT, C, KC):  # type: ignore[no-untyped-def]
    for b in range(R.shape[0]):
        c, Kc = C[b, a], KC[b, a]
        c[:], Kc[:] = trained[b], KT[b]
        before = _dot(c, Kc)
        for _ in range(2):
            for j in range(a):
                along = _dot(C[b, j], Kc)
                _add(c, -along, C[b, j])
                _add(Kc, -along, KC[b, j])
        left = _dot(c, Kc)
        factor = 1.0 / np.sqrt(left) if left > EXHAUSTED * before else 0.0
        c *= factor
        Kc *= factor
        for k in range(R.shape[1]):
            along = _dot(Kc, R[b, k])
            _add(R[b, k], -along, c)
            _add(KR[b, k], -along, Kc)
