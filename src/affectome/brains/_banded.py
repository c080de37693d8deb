"""Banded ridge by himalaya: on features where they are few, on kernels where trials are fewer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from affectome.errors import require

ALPHAS = np.logspace(-2, 6, 9)
Folds = Sequence[tuple[np.ndarray, np.ndarray]]


def banded_ridge(
    train: Sequence[np.ndarray],
    Y: np.ndarray,
    test: Sequence[np.ndarray],
    inner: Folds,
    n_iter: int,
    random_state: int,
) -> np.ndarray:
    """Predict test trials from bands of features, each with a penalty of its own.

    Parameters
    ----------
    train, test
        For each band centred features, shapes (n_train, n_features), (n_test, n_features).
    Y
        Centred responses, shape (n_train, n_units).
    inner
        Folds of the training trials that choose the penalties.
    n_iter
        Mixtures of band weights that are tried; with one band there is nothing to mix.
    random_state
        Seed of the mixtures.

    Returns
    -------
    numpy.ndarray
        Shape (n_test, n_units).
    """
    few = sum(X.shape[1] for X in train) <= len(Y)
    solve = by_features if few else by_kernels
    settings = {
        "n_iter": n_iter if len(train) > 1 else 1,
        "alphas": ALPHAS,
        "progress_bar": False,
    }
    return solve(train, Y, test, {"cv": inner, "random_state": random_state}, settings)


def by_features(
    train: Sequence[np.ndarray],
    Y: np.ndarray,
    test: Sequence[np.ndarray],
    options: dict[str, object],
    settings: dict[str, object],
) -> np.ndarray:
    """Solve on the features themselves."""
    ridge = require("himalaya.ridge", "fmri")
    settings = {**settings, "warn": False}
    model = ridge.GroupRidgeCV(groups="input", solver_params=settings, **options)
    return np.asarray(model.fit(list(train), Y).predict(list(test)))


def by_kernels(
    train: Sequence[np.ndarray],
    Y: np.ndarray,
    test: Sequence[np.ndarray],
    options: dict[str, object],
    settings: dict[str, object],
) -> np.ndarray:
    """Solve on one linear kernel a band."""
    kernel_ridge = require("himalaya.kernel_ridge", "fmri")
    model = kernel_ridge.MultipleKernelRidgeCV("precomputed", solver_params=settings, **options)
    model.fit(np.stack([X @ X.T for X in train]), Y)
    across = [Z @ X.T for X, Z in zip(train, test, strict=True)]
    return np.asarray(model.predict(np.stack(across)))
