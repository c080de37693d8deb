r"""SIMPLS from covariances: many arrangements of the targets, each a few small matrices.

With centred features ``X`` and targets ``Y`` nothing but :math:`C = X^\top X` and
:math:`S = X^\top Y` is needed (de Jong 1993). For each component::

    r = S c, c the leading eigenvector of S'S;   p = C r;   both divided by sqrt(r'p)
    B += r (S'r)';   v = p less what of it lies in earlier v, of unit length;   S -= v v'S

``C`` stays the same however the targets are arranged.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from affectome.errors import InputError
from affectome.kernels.folds import Array

EXHAUSTED = 1e-12
STEPS = 100
CLOSE = 1e-9
SQUARINGS = 5


def coefficients(C: ArrayLike, S: ArrayLike, n_components: int) -> Array:
    """Coefficients of PLS for many sets of targets.

    Parameters
    ----------
    C
        ``X'X`` of centred features, shape (m, m).
    S
        ``Y'X``, shape (n_sets, q, m); the q targets of a set are fitted together.
    n_components
        Components; those beyond the rank add nothing.

    Returns
    -------
    ndarray
        Shape (n_sets, q, m): a set's predictions are ``X @ coefficients[i].T``.

    Raises
    ------
    InputError
        If shapes do not meet, or there is no component to extract.
    """
    squares = np.ascontiguousarray(C, dtype=np.float64)
    products = np.array(S, dtype=np.float64, order="C")
    if products.ndim != 3 or squares.shape != (products.shape[-1],) * 2:
        raise InputError(
            f"covariances of the shapes {squares.shape} and {products.shape} do not meet; wanted "
            "(m, m) and (n_sets, q, m)"
        )
    if n_components < 1:
        raise InputError(f"n_components must be 1 or more; got {n_components}")
    found = np.zeros_like(products)
    for S_one, B in zip(products, found, strict=True):
        _fit(squares, S_one, min(n_components, len(squares)), B)
    return found


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _dot(x, y):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(len(x)):
        total += x[i] * y[i]
    return total


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _add(x, factor, y):  # type: ignore[no-untyped-def]
    for i in range(len(x)):
        x[i] += factor * y[i]


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _fit(C, S, n_components, B):  # type: ignore[no-untyped-def]
    q, m = S.shape
    G, V = np.empty((q, q)), np.empty((n_components, m))
    for j in range(q):
        for k in range(j + 1):
            G[j, k] = G[k, j] = _dot(S[j], S[k])
    start = np.trace(G)
    p, along = np.empty(m), np.empty(q)
    for a in range(n_components):
        if not np.trace(G) > EXHAUSTED * start:
            break
        c, r = _leading(G), np.zeros(m)
        for k in range(q):
            _add(r, c[k], S[k])
        for i in range(m):
            p[i] = _dot(C[i], r)
        length = _dot(r, p)
        if not length > 0.0:
            break
        for k in range(q):
            _add(B[k], _dot(S[k], r) / length, r)
        if not _next_direction(p, V, a):
            break
        for k in range(q):
            along[k] = _dot(S[k], V[a])
            _add(S[k], -along[k], V[a])
        for k in range(q):
            _add(G[k], -along[k], along)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _next_direction(p, V, a):  # type: ignore[no-untyped-def]
    """Put what of p lies outside the earlier rows of V into row a; False if nothing does."""
    before = _dot(p, p)
    for _ in range(2):
        for b in range(a):
            _add(p, -_dot(V[b], p), V[b])
    left = _dot(p, p)
    if not left > EXHAUSTED * before:
        return False
    for i in range(len(p)):
        V[a, i] = p[i] / np.sqrt(left)
    return True


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _leading(G):  # type: ignore[no-untyped-def]
    """Leading eigenvector by powers of G³², from the column of its largest diagonal element."""
    q = len(G)
    power, squared = G / np.trace(G), np.empty((q, q))
    for _ in range(SQUARINGS):
        for j in range(q):
            for k in range(j + 1):
                squared[j, k] = squared[k, j] = _dot(power[j], power[k])
        power, squared = squared, power
    first = 0
    for k in range(q):
        if power[k, k] > power[first, first]:
            first = k
    c, after = power[first].copy(), np.empty(q)
    c /= np.sqrt(_dot(c, c))
    for _ in range(STEPS):
        for k in range(q):
            after[k] = _dot(power[k], c)
        scale = 1.0 / np.sqrt(_dot(after, after))
        moved = 0.0
        for k in range(q):
            after[k] *= scale
            moved = max(moved, abs(after[k] - c[k]))
            c[k] = after[k]
        if moved < CLOSE:
            break
    return c
