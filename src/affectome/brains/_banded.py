"""Banded ridge by himalaya: on features where they are few, on kernels where trials are fewer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin

from affectome.errors import InputError, require
from affectome.evidence import make_split

ALPHAS = np.logspace(-2, 6, 9)
Folds = Sequence[tuple[np.ndarray, np.ndarray]]


class BandedRidge(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Ridge that gives each band of features a penalty of its own (Dupré la Tour et al. 2022).

    Parameters
    ----------
    sizes
        Features of each band, in the order in which they stand side by side in ``X``.
    n_iter
        Mixtures of band weights that are tried, each with nine penalties; with one band there is
        nothing to mix.
    random_state
        Seed of the mixtures and of the folds that choose the penalties.

    Attributes
    ----------
    n_features_in_
        Features.
    """

    __metadata_request__fit: ClassVar[dict[str, bool]] = {"groups": True}
    crossed_groups = True

    def __init__(self, sizes: Sequence[int], n_iter: int = 20, random_state: int = 0) -> None:
        self.sizes = sizes
        self.n_iter = n_iter
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Choose penalties by folds of the training trials, and fit.

        Parameters
        ----------
        X
            Features, shape (n_trials, n_features); standardised here.
        y
            Responses, shape (n_trials, n_units).
        groups
            What is independent, shape (n_trials,) or (n_trials, 2): the folds that choose the
            penalties hold it out. Single trials where there is none.

        Raises
        ------
        InputError
            If the bands don't add up to the features.
        """
        features, responses = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
        if features.ndim != 2 or features.shape[1] != sum(self.sizes):
            raise InputError(
                f"bands of {'+'.join(map(str, self.sizes))} features don't fit a table of the "
                f"shape {features.shape}"
            )
        self.n_features_in_ = features.shape[1]
        self._centre, self._scale = features.mean(axis=0), features.std(axis=0)
        self._level = responses.mean(axis=0)
        settings = {
            "n_iter": self.n_iter if len(self.sizes) > 1 else 1,
            "alphas": ALPHAS,
            "progress_bar": False,
        }
        options = {
            "cv": _inner(len(features), groups, self.random_state),
            "random_state": self.random_state,
        }
        few = self.n_features_in_ <= len(features)
        solve = ByFeatures if few else ByKernels
        self._solved = solve(self._bands(features), responses - self._level, options, settings)
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict responses, shape (n_trials, n_units)."""
        found = self._solved.predict(self._bands(np.asarray(X, dtype=float)))
        return np.asarray(found + self._level)

    def _bands(self, X: np.ndarray) -> list[np.ndarray]:
        centred = X - self._centre
        scaled = np.divide(centred, self._scale, out=np.zeros_like(centred), where=self._scale > 0)
        return np.split(scaled, np.cumsum(self.sizes)[:-1], axis=1)


class ByFeatures:
    """Solve on the features themselves."""

    def __init__(
        self,
        bands: Sequence[np.ndarray],
        Y: np.ndarray,
        options: dict[str, Any],
        settings: dict[str, Any],
    ) -> None:
        ridge = require("himalaya.ridge", "fmri")
        settings = {**settings, "warn": False}
        self._model = ridge.GroupRidgeCV(groups="input", solver_params=settings, **options)
        self._model.fit(list(bands), Y)

    def predict(self, bands: Sequence[np.ndarray]) -> np.ndarray:
        """Predict responses from bands of features, shape (n_trials, n_units)."""
        return np.asarray(self._model.predict(list(bands)))


class ByKernels:
    """Solve on one linear kernel a band."""

    def __init__(
        self,
        bands: Sequence[np.ndarray],
        Y: np.ndarray,
        options: dict[str, Any],
        settings: dict[str, Any],
    ) -> None:
        ridge = require("himalaya.kernel_ridge", "fmri")
        self._model = ridge.MultipleKernelRidgeCV("precomputed", solver_params=settings, **options)
        self._trained = list(bands)
        self._model.fit(np.stack([X @ X.T for X in bands]), Y)

    def predict(self, bands: Sequence[np.ndarray]) -> np.ndarray:
        """Predict responses from bands of features, shape (n_trials, n_units)."""
        across = [Z @ X.T for X, Z in zip(self._trained, bands, strict=True)]
        return np.asarray(self._model.predict(np.stack(across)))


def _inner(n: int, groups: ArrayLike | None, random_state: int) -> Folds:
    if groups is None:
        split = make_split(
            pd.DataFrame(index=range(n)), None, "random", 3, random_state=random_state
        )
        return list(split)
    codes = np.asarray(groups)
    columns = {f"group_{k}": c for k, c in enumerate(codes.reshape(len(codes), -1).T)}
    kept = [name for name, c in columns.items() if len(np.unique(c)) > 1]
    parts = min([3, *(len(np.unique(columns[name])) for name in kept)])
    table = pd.DataFrame(columns)
    return list(make_split(table, None, kept or "random", parts, random_state=random_state))
