"""Tests of a unit's response to classes of trials: by label permutation, and given covariates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from affectome.errors import InputError
from affectome.kernels.selectivity import f_tail

Floats = NDArray[np.float64]
UNITS_A_BLOCK = 2048
ROWS_A_PRODUCT = 1024


def permutation_p(
    X: NDArray[np.floating], codes: NDArray[np.integer], rows: NDArray[np.integer]
) -> Floats:
    r"""Share of the permuted labels with an F at least as large as the real one, it counted.

    The total sum of squares does not depend on the labels, so F rises with

    .. math:: \sum_c n_c (m_c - m)^2 = \sum_c (P_c^\top \tilde x)^2 / n_c

    where :math:`\tilde x` is centred and :math:`P_c` marks the trials of class ``c``: all
    permutations of all units are one matrix product a block.

    Parameters
    ----------
    X
        Responses, shape (n_trials, n_units).
    codes
        Class of each trial, 0 … k - 1, shape (n_trials,).
    rows
        Permuted classes, shape (n_permutations, n_trials).

    Returns
    -------
    ndarray
        p, shape (n_units,).
    """
    k = int(codes.max()) + 1
    count = np.bincount(codes, minlength=k)[:, None]
    step = max(1, ROWS_A_PRODUCT // k)
    p = np.empty(X.shape[1])
    for first in range(0, X.shape[1], UNITS_A_BLOCK):
        units = slice(first, first + UNITS_A_BLOCK)
        centred = X[:, units].astype(np.float64)
        centred -= centred.mean(axis=0)

        def between(labels: NDArray[np.integer], block: Floats = centred) -> Floats:
            marks = (labels[:, None, :] == np.arange(k)[:, None]).astype(np.float64)
            sums = (marks.reshape(-1, labels.shape[1]) @ block).reshape(len(labels), k, -1)
            return (sums**2 / count).sum(axis=1)

        observed = between(codes[None])[0] * (1 - 1e-10)
        reached = sum(
            (between(rows[start : start + step]) >= observed).sum(axis=0)
            for start in range(0, len(rows), step)
        )
        p[units] = (1 + reached) / (1 + len(rows))
    return p


def ancova(
    X: NDArray[np.floating], codes: NDArray[np.integer], covariates: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    r"""F of the classes given covariates, its p, partial η² and the residual responses.

    With :math:`R_0` the residual sum of squares of a unit given the covariates alone and
    :math:`R_1` given covariates and classes,

    .. math:: F = \frac{(R_0 - R_1) / (k - 1)}{R_1 / (n - k - m)}, \qquad \eta^2_p = 1 - R_1 / R_0

    Parameters
    ----------
    X
        Responses, shape (n_trials, n_units).
    codes
        Class of each trial, 0 … k - 1, shape (n_trials,).
    covariates
        What is held constant, shape (n_trials, m).

    Returns
    -------
    F, p, eta_squared, residuals
        Shapes (n_units,) three times and (n_trials, n_units).

    Raises
    ------
    InputError
        If covariates leave too few trials, or determine the class.
    """
    n, k = len(X), int(codes.max()) + 1
    standard = covariates - covariates.mean(axis=0)
    standard /= np.maximum(standard.std(axis=0), np.finfo(float).tiny)
    base = _basis(np.column_stack([np.ones(n), standard]))
    dummies = (codes[:, None] == np.arange(1, k)).astype(float)
    added = _basis(dummies - base @ (base.T @ dummies))
    free = n - base.shape[1] - added.shape[1]
    if added.shape[1] < k - 1 or free < 1:
        raise InputError(
            f"{covariates.shape[1]} covariates of {n} trials leave nothing of the {k} classes to "
            "test; give fewer covariates or more trials"
        )
    residuals = X - base @ (base.T @ X)
    total = np.einsum("ij,ij->j", residuals, residuals)
    between = np.square(added.T @ residuals).sum(axis=0)
    flat = total <= 1e-10 * np.square(X, dtype=np.float64).sum(axis=0)
    residuals[:, flat] = 0
    within = np.where(flat, 1.0, np.maximum(total - between, np.finfo(float).tiny))
    between, total = np.where(flat, 0.0, between), np.where(flat, 1.0, total)
    F = (between / (k - 1)) / (within / free)
    return F, f_tail(F, k - 1, free), between / total, residuals


def _basis(columns: Floats) -> Floats:
    """Orthonormal basis of the columns, those that add nothing left out."""
    left, values, _ = np.linalg.svd(columns, full_matrices=False)
    return left[:, values > 1e-8 * max(float(values[0]), 1e-8)]
