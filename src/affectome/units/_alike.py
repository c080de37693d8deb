r"""How alike trials are that share a person, a stimulus or a theme, and what that does to a sum.

Trials of one theme are not as many witnesses as there are trials. With the covariance

.. math:: \Sigma = \Big(1 - \sum_f \rho_f\Big) I + \sum_f \rho_f Z_f Z_f^\top

of trials, :math:`Z_f` marking who shares what, generalised least squares weighs every trial by what
it adds. One :math:`\rho_f` serves all units and is found without looking at the labels, so that
rearranged labels stay as likely as the real ones: the weights cost nothing but gain power.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import nnls

from affectome.evidence.design import factors_of

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
UNITS_ASKED = 500
TRIALS_ASKED = 1500
MOST_ALIKE = 0.95


def shared_factors(
    trials: pd.DataFrame, y: NDArray[np.integer], order: str | None, ignore: Sequence[str]
) -> list[Codes]:
    """Codes (n_trials,) of all that several trials share, but not all of them."""
    kept = trials[[name for name in trials if name not in set(ignore)]]
    found = factors_of(kept, y, None, order)
    given = [found.who, found.stimulus, found.theme, found.session]
    return [c for c in given if c is not None and 2 <= len(np.unique(c)) < len(c)]


def alikeness(X: NDArray[np.floating], factors: Sequence[Codes], random_state: int) -> Floats:
    """Mean correlation that sharing each factor gives two trials, shape (n_factors,).

    Products of standardised responses of all pairs of trials, averaged over units, are explained by
    what the pair shares (non-negative least squares).
    """
    if not factors:
        return np.empty(0)
    rng = np.random.default_rng(random_state)
    rows, units = (
        np.sort(rng.choice(n, min(n, most), replace=False))
        for n, most in zip(X.shape, (TRIALS_ASKED, UNITS_ASKED), strict=True)
    )
    values = X[np.ix_(rows, units)].astype(np.float64)
    values -= values.mean(axis=0)
    spread = values.std(axis=0)
    values = values[:, spread > 0] / spread[spread > 0]
    if not values.shape[1]:
        return np.zeros(len(factors))
    product = values @ values.T / values.shape[1]
    pairs = np.triu_indices(len(rows), 1)
    shares = [(codes[rows][pairs[0]] == codes[rows][pairs[1]]).astype(float) for codes in factors]
    design = np.column_stack([*shares, -np.ones(len(pairs[0]))])
    found = nnls(design.T @ design, design.T @ product[pairs])[0][:-1]
    return np.asarray(found * min(1.0, MOST_ALIKE / max(found.sum(), MOST_ALIKE)))


def weights(constant: Floats, factors: Sequence[Codes], alike: Floats) -> Floats:
    r"""Columns :math:`B` such that :math:`I - B B^\top` weighs trials and takes constants out.

    Parameters
    ----------
    constant
        What is held constant, orthonormal, shape (n_trials, m).
    factors, alike
        What trials share, and how alike that makes them.
    """
    marks = [
        np.sqrt(rho) * (codes[:, None] == np.unique(codes)).astype(np.float64)
        for codes, rho in zip(factors, alike, strict=True)
        if rho > 0
    ]
    if not marks:
        return constant
    Z = np.hstack(marks)
    inner = Z.T @ Z + (1 - alike.sum()) * np.eye(Z.shape[1])
    shrunk = np.linalg.solve(np.linalg.cholesky(inner), Z.T).T
    weighed = constant - shrunk @ (shrunk.T @ constant)
    root = np.linalg.cholesky(constant.T @ weighed)
    return np.hstack([shrunk, np.linalg.solve(root, weighed.T).T])
