r"""Rotations that bring one person's units onto another's: Procrustes and hyperalignment.

Orthogonal Procrustes (Schönemann 1966) finds for X (n, p) and a target T (n, k), k ≤ p,

.. math:: R = \arg\max_{R^\top R = I} \mathrm{tr}(R^\top X^\top T) = U V^\top, \quad
          X^\top T = U S V^\top.

Hyperalignment (Haxby 2011; as the deterministic shared response model of Chen 2015) finds one such
map for each subject together with a template that all share:

.. math:: \min_{T, R_s^\top R_s = I} \sum_s \lVert X_s - T R_s^\top \rVert_F^2 .

Given the maps the best template is the mean of :math:`X_s R_s`; given the template each map is a
Procrustes problem. The two steps alternate and never raise the objective.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def procrustes(X: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Find the orthonormal map that turns ``X`` towards ``target``.

    Parameters
    ----------
    X
        Responses to the shared conditions, shape (n_conditions, n_units), columns centred.
    target
        What they should look like, shape (n_conditions, n_components), n_components ≤ n_units.

    Returns
    -------
    numpy.ndarray
        Map with orthonormal columns, shape (n_units, n_components); ``X @ map`` is the aligned X.

    Raises
    ------
    ValueError
        If the conditions do not match or the target has more columns than ``X``.
    """
    if len(X) != len(target) or target.shape[1] > X.shape[1]:
        raise ValueError(
            f"X {X.shape} and target {target.shape} need the same rows, and the target no more "
            "columns than X"
        )
    left, _, right = np.linalg.svd(X.T @ target, full_matrices=False)
    return left @ right


def hyperalign(
    subjects: Sequence[np.ndarray],
    n_components: int | None = None,
    *,
    max_iter: int = 100,
    tol: float = 1e-7,
) -> tuple[list[np.ndarray], np.ndarray]:
    """Find one map a subject into a space that all subjects share.

    Parameters
    ----------
    subjects
        For each subject responses to the same conditions in the same order, shape
        (n_conditions, n_units of that subject), columns centred.
    n_components
        Dimensions of the shared space; as many as conditions and units allow when None.
    max_iter
        Most alternations.
    tol
        Stop when the objective falls by less than this share of itself.

    Returns
    -------
    maps : list of numpy.ndarray
        One a subject, orthonormal columns, shape (n_units of that subject, n_components).
    template : numpy.ndarray
        Shared responses, shape (n_conditions, n_components).

    Raises
    ------
    ValueError
        If there are no subjects, their conditions differ, or there are too many components.
    """
    data = [np.asarray(X, dtype=float) for X in subjects]
    if not data or len({len(X) for X in data}) != 1:
        raise ValueError(
            "every subject needs responses to the same conditions; got the shapes "
            f"{[X.shape for X in data]}"
        )
    most = min(min(X.shape) for X in data)
    k = most if n_components is None else n_components
    if not 1 <= k <= most:
        raise ValueError(f"n_components lies in 1–{most} for these shapes; got {k}")
    # The left singular vectors of all subjects side by side favour none of them as a start.
    gram = sum(X @ X.T for X in data)
    template = np.linalg.eigh(gram)[1][:, : -k - 1 : -1]
    total = sum(float((X**2).sum()) for X in data)
    before = np.inf
    for _ in range(max_iter):
        maps = [procrustes(X, template) for X in data]
        template = np.mean([X @ R for X, R in zip(data, maps, strict=True)], axis=0)
        objective = total - len(data) * float((template**2).sum())
        if before - objective <= tol * total:
            break
        before = objective
    return maps, template
