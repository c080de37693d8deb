"""Partial least squares as a regressor and as a classifier (PLS-DA)."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affectome.decoding._linear import LinearClassifier, LinearRegressor
from affectome.decoding.classes import class_indicators, scores_by_class
from affectome.errors import InputError
from affectome.kernels import pls
from affectome.kernels.folds import Folds


class PLSDecoder(LinearRegressor):
    """Regression on the directions of the features that covary most with the targets.

    Parameters
    ----------
    n_components
        Directions; those beyond the rank of the features add nothing.
    standardize
        Divide features and targets by their standard deviation over the training trials.
    algorithm
        With several targets: "simpls" (MATLAB's ``plsregress``) or "nipals" (scikit-learn's
        ``PLSRegression``, converged).

    Attributes
    ----------
    coef_
        Weights in the units of the features, shape (p,) or (n_targets, p).
    intercept_
        Prediction at X = 0, float or shape (n_targets,).
    """

    def __init__(
        self, n_components: int = 2, standardize: bool = True, algorithm: str = "simpls"
    ) -> None:
        self.n_components = n_components
        self.standardize = standardize
        self.algorithm = algorithm

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to features X (n, p) and targets y (n,) or (n, n_targets), these together."""
        features, target = self._checked(X, y)
        model = pls.fit(
            features,
            target.reshape(len(target), -1),
            self.n_components,
            standardize=self.standardize,
            algorithm=self.algorithm,
        )
        self._keep(model.weights, model.intercept, target)
        return self

    def closed_form_predictions(
        self, X: ArrayLike, Y: ArrayLike, folds: Folds
    ) -> NDArray[np.float64]:
        """Out-of-fold predictions for every arrangement of one target.

        Parameters
        ----------
        X
            Features, shape (n, p).
        Y
            Arrangements of the target, shape (n_arrangements, n).
        folds
            Pairs (train, test) of index arrays.

        Returns
        -------
        ndarray
            Predictions, shape (n_arrangements, n); NaN for a trial that no fold tests.
        """
        targets = np.asarray(Y, dtype=np.float64)
        if targets.ndim != 2:
            raise InputError(f"Y has shape {targets.shape}; wanted (n_arrangements, n_trials)")
        return pls.cross_validated_predictions(
            X, targets[:, :, None], folds, self.n_components, standardize=self.standardize
        )[..., 0]


class PLSClassifierDecoder(LinearClassifier):
    """PLS regression on the codes +1 (the class) and -1 (the rest), all classes together.

    Parameters
    ----------
    n_components
        Directions; those beyond the rank of the features add nothing.
    standardize
        Divide features and codes by their standard deviation over the training trials.
    algorithm
        As in `PLSDecoder`.

    Attributes
    ----------
    classes_
        The labels, sorted.
    coef_
        Weights in the units of the features, shape (1, p) for two classes, else (n_classes, p).
    intercept_
        Score at X = 0, shape (1,) or (n_classes,).
    """

    def __init__(
        self, n_components: int = 2, standardize: bool = True, algorithm: str = "simpls"
    ) -> None:
        self.n_components = n_components
        self.standardize = standardize
        self.algorithm = algorithm

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to features X (n, p) and labels y (n,) of two classes or more."""
        features, labels = self._checked(X, y)
        codes = 2.0 * class_indicators(labels[None], self.classes_)[0] - 1.0
        model = pls.fit(
            features,
            codes,
            self.n_components,
            standardize=self.standardize,
            algorithm=self.algorithm,
        )
        self.coef_, self.intercept_ = model.weights.T, model.intercept
        return self

    def closed_form_predictions(
        self, X: ArrayLike, Y: ArrayLike, folds: Folds
    ) -> NDArray[np.float64]:
        """Out-of-fold scores for every arrangement of the labels.

        Parameters and returns as in `RidgeClassifierDecoder.closed_form_predictions`.
        """
        return scores_by_class(
            Y,
            lambda codes: pls.cross_validated_predictions(
                X,
                codes,
                folds,
                self.n_components,
                standardize=self.standardize,
                algorithm=self.algorithm,
            ),
        )
