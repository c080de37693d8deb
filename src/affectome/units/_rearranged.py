r"""How much of a unit's variance the classes explain, for the real labels and rearranged ones.

With :math:`W = I - B B^\top`, which takes out what is held constant (an intercept, covariates) and
weighs trials that are alike (`affectome.units._alike`), the responses :math:`x` of a unit and the
class marks :math:`M` of an arrangement, the classes explain

.. math:: \eta^2 = \frac{x^\top W M (M^\top W M)^{-} M^\top W x}{x^\top W x}

and :math:`F` rises with :math:`\eta^2`. The denominator does not depend on the labels, so all
arrangements of all units are one matrix product a block. Trials that always have the same label
are summed first: where themes move as wholes, the product runs over themes.

Covariates stay with their trials and the labels move (Draper & Stoneman 1966): only so can labels
move as the design says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from affectome.errors import InputError

Floats = NDArray[np.float64]
UNITS_A_BLOCK = 1024
VALUES_A_PRODUCT = 4_000_000


@dataclass(frozen=True, eq=False)
class Arrangements:
    """Classes of every arrangement, by sets of trials that always have the same one.

    Attributes
    ----------
    labels
        Class of each set, shape (n_rows, n_sets); the first row is the real one.
    n_classes
        Number of classes.
    pool
        Sums over the trials of each set, shape (n_sets, n_trials).
    base
        What is held constant and how trials weigh: :math:`B`, shape (n_trials, m).
    """

    labels: NDArray[np.integer]
    n_classes: int
    pool: sparse.csr_array
    base: Floats

    @property
    def sizes(self) -> Floats:
        """Trials of each set, shape (n_sets,)."""
        return np.asarray(self.pool.sum(axis=1), dtype=np.float64)

    def marks(self, n_marked: int) -> Floats:
        """Whether each set is of each of the first classes, shape (n_rows, n_marked, n_sets)."""
        marks = self.labels[:, None, :] == np.arange(n_marked)[:, None]
        return marks.astype(np.float64)


def held_constant(n_trials: int, covariates: Floats | None) -> Floats:
    """Orthonormal basis of an intercept and covariates, shape (n_trials, m)."""
    ones = np.full((n_trials, 1), 1 / np.sqrt(n_trials))
    if covariates is None:
        return ones
    standard = covariates - covariates.mean(axis=0)
    standard /= np.maximum(standard.std(axis=0), np.finfo(float).tiny)
    left, values, _ = np.linalg.svd(standard, full_matrices=False)
    return np.hstack([ones, left[:, values > 1e-8 * max(float(values[0]), 1e-8)]])


def residual_responses(X: NDArray[np.floating], base: Floats) -> tuple[Floats, Floats]:
    """Weighted residuals of the responses, and their sum of squares; 0 where nothing varies."""
    values = X.astype(np.float64)
    size = np.square(values).sum(axis=0)
    values -= values.mean(axis=0)
    residuals = values - base @ (base.T @ values)
    total = np.einsum("ij,ij->j", values, residuals)
    dead = total <= 1e-10 * size
    residuals[:, dead] = 0
    return residuals, np.where(dead, 0.0, total)


def arrangements(rows: NDArray[np.integer], n_classes: int, base: Floats) -> Arrangements:
    """Find which trials always have the same class, so that they can be summed first.

    Parameters
    ----------
    rows
        Classes 0 … n_classes - 1, shape (n_rows, n_trials); the first row is the real one.
    n_classes
        Number of classes, at most 127.
    base
        From `held_constant`, or `affectome.units._alike.weights`.
    """
    columns = np.ascontiguousarray(rows.T.astype(np.int8))
    sets = pd.factorize(np.array([column.tobytes() for column in columns], dtype=object))[0]
    places = np.arange(sets.size)
    pool = sparse.csr_array((np.ones(sets.size), (sets, places)))
    firsts = np.unique(sets, return_index=True)[1]
    return Arrangements(columns[firsts].T, n_classes, pool, base)


def explained(X: NDArray[np.floating], drawn: Arrangements) -> Iterator[tuple[slice, Floats]]:
    """Explain units by the real and by rearranged classes, a block of units after the other.

    Parameters
    ----------
    X
        Responses, shape (n_trials, n_units).
    drawn
        Arrangements of the classes.

    Yields
    ------
    units : slice
    share : ndarray
        η² (partial η², with covariates), shape (n_rows, n_units); 0 for a unit that never varies.

    Raises
    ------
    InputError
        If covariates determine the class.
    """
    marks = _whitened(drawn)
    n_rows, kept, n_sets = marks.shape
    for first in range(0, X.shape[1], UNITS_A_BLOCK):
        units = slice(first, min(first + UNITS_A_BLOCK, X.shape[1]))
        residuals, total = residual_responses(X[:, units], drawn.base)
        sums = drawn.pool @ residuals
        share = np.empty((n_rows, sums.shape[1]))
        step = max(1, VALUES_A_PRODUCT // (kept * sums.shape[1]))
        for start in range(0, n_rows, step):
            rows = slice(start, start + step)
            along = (marks[rows].reshape(-1, n_sets) @ sums).reshape(-1, kept, sums.shape[1])
            np.square(along, out=along).sum(axis=1, out=share[rows])
        share /= np.where(total > 0, total, 1.0)
        yield units, share


def preferred(X: NDArray[np.floating], drawn: Arrangements) -> NDArray[np.int8]:
    """Class with the highest (residual) mean in every arrangement, shape (n_rows, n_units).

    It is the class with the largest d′, whose denominator all classes share.
    """
    marks = drawn.marks(drawn.n_classes)
    count = marks @ drawn.sizes
    found = np.empty((len(marks), X.shape[1]), np.int8)
    for first in range(0, X.shape[1], UNITS_A_BLOCK):
        units = slice(first, first + UNITS_A_BLOCK)
        sums = drawn.pool @ residual_responses(X[:, units], drawn.base)[0]
        mean = (marks.reshape(-1, marks.shape[2]) @ sums).reshape(*count.shape, -1)
        mean /= np.where(count > 0, count, np.nan)[:, :, None]
        found[:, units] = np.nanargmax(mean, axis=1)
    return found


def _whitened(drawn: Arrangements) -> Floats:
    """Whiten the marks of all classes but one, given what is held constant.

    The squares of what is whitened, times sums of residuals, add up to what the classes explain.
    A class that an arrangement leaves without trials explains nothing.
    """
    marks, sizes = drawn.marks(drawn.n_classes - 1), drawn.sizes
    n_rows, kept, n_sets = marks.shape
    shown = (marks.reshape(-1, n_sets) @ (drawn.pool @ drawn.base)).reshape(n_rows, kept, -1)
    gram = -shown @ shown.transpose(0, 2, 1)
    gram[:, np.arange(kept), np.arange(kept)] += marks @ sizes
    values, vectors = np.linalg.eigh(gram)
    some = values > 1e-9 * sizes.sum()
    if not some[0].all():
        raise InputError(
            f"what is held constant leaves nothing of the {drawn.n_classes} classes to test; give "
            "fewer covariates or more trials"
        )
    inverse = np.where(some, 1 / np.sqrt(np.where(some, values, 1.0)), 0.0)
    return np.asarray((vectors * inverse[:, None, :]).transpose(0, 2, 1) @ marks)
