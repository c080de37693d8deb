"""Ridge as a regressor and as a one-against-rest classifier, with a closed form for permutations.

An estimator that has one offers ``closed_form_predictions(X, Y, folds)``: the out-of-fold
predictions for many arrangements of the labels, one factorisation a fold. It equals fitting the
estimator anew in every fold for every row of ``Y``, standardisation and choice of penalty included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affectome.decoding._linear import LinearClassifier, LinearRegressor
from affectome.decoding.classes import class_indicators, scores_by_class
from affectome.kernels import ridge
from affectome.kernels.folds import Folds


class RidgeDecoder(LinearRegressor):
    """Linear regression with a quadratic penalty on the weights of the standardised features.

    Parameters
    ----------
    alpha
        Penalty, or a sequence of penalties of which each target picks one by leave-one-out.
    standardize
        Divide each feature by its standard deviation over the training trials.

    Attributes
    ----------
    coef_
        Weights in the units of the features, shape (p,) or (n_targets, p).
    intercept_
        Prediction at X = 0, float or shape (n_targets,).
    alpha_
        Penalty in use, float or shape (n_targets,).
    """

    def __init__(self, alpha: float | Sequence[float] = 1.0, standardize: bool = True) -> None:
        self.alpha = alpha
        self.standardize = standardize

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to features X (n, p) and targets y (n,) or (n, n_targets)."""
        features, target = self._checked(X, y)
        columns = target.reshape(len(target), -1)
        model = ridge.fit(features, columns, self.alpha, standardize=self.standardize)
        self._keep(model.weights, model.intercept, target)
        self.alpha_ = model.alpha if target.ndim > 1 else model.alpha[0]
        return self

    def closed_form_predictions(
        self, X: ArrayLike, Y: ArrayLike, folds: Folds
    ) -> NDArray[np.float64]:
        """Out-of-fold predictions for every arrangement of the targets.

        Parameters
        ----------
        X
            Features, shape (n, p).
        Y
            Arrangements of the targets, shape (n_arrangements, n).
        folds
            Pairs (train, test) of index arrays.

        Returns
        -------
        ndarray
            Predictions, shape (n_arrangements, n); NaN for a trial that no fold tests.
        """
        targets = np.asarray(Y, dtype=np.float64).T
        return ridge.cross_validated_predictions(
            X, targets, folds, self.alpha, standardize=self.standardize
        ).T


class RidgeClassifierDecoder(LinearClassifier):
    """Ridge regression on the codes +1 (the class) and -1 (the rest).

    Parameters
    ----------
    alpha
        Penalty, or a sequence of penalties of which each class picks one by leave-one-out.
    standardize
        Divide each feature by its standard deviation over the training trials.

    Attributes
    ----------
    classes_
        The labels, sorted.
    coef_
        Weights in the units of the features, shape (1, p) for two classes, else (n_classes, p).
    intercept_
        Score at X = 0, shape (1,) or (n_classes,).
    alpha_
        Penalty in use, shape (1,) or (n_classes,).
    """

    def __init__(self, alpha: float | Sequence[float] = 1.0, standardize: bool = True) -> None:
        self.alpha = alpha
        self.standardize = standardize

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to features X (n, p) and labels y (n,) of two classes or more."""
        features, labels = self._checked(X, y)
        codes = 2.0 * class_indicators(labels[None], self.classes_)[0] - 1.0
        model = ridge.fit(features, codes, self.alpha, standardize=self.standardize)
        self.coef_, self.intercept_, self.alpha_ = model.weights.T, model.intercept, model.alpha
        return self

    def closed_form_predictions(
        self, X: ArrayLike, Y: ArrayLike, folds: Folds
    ) -> NDArray[np.float64]:
        """Out-of-fold scores for every arrangement of the labels.

        Parameters
        ----------
        X
            Features, shape (n, p).
        Y
            Arrangements of the labels, shape (n_arrangements, n).
        folds
            Pairs (train, test) of index arrays.

        Returns
        -------
        ndarray
            What ``decision_function`` gives: shape (n_arrangements, n) for two classes, else
            (n_arrangements, n, n_classes), classes sorted; NaN for a trial that no fold tests. A
            class without training trials in a fold scores -1 there.
        """

        def predict(codes: NDArray[np.float64]) -> NDArray[np.float64]:
            columns = codes.transpose(1, 0, 2)
            scores = ridge.cross_validated_predictions(
                X,
                columns.reshape(len(columns), -1),
                folds,
                self.alpha,
                standardize=self.standardize,
            )
            return scores.reshape(columns.shape).transpose(1, 0, 2)

        return scores_by_class(Y, predict)


class BalancedRidgeClassifierDecoder(RidgeClassifierDecoder):
    """The same where classes differ in size: each class's score has the mean 0 over training.

    Plain ridge draws a rare class's score towards -1, so that it is hardly ever named.
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to features X (n, p) and labels y (n,) of two classes or more."""
        super().fit(X, y)
        share = np.array([np.mean(np.asarray(y) == name) for name in self.classes_])
        self.intercept_ = self.intercept_ - (2 * share - 1)[-len(self.intercept_) :]
        return self

    def closed_form_predictions(
        self, X: ArrayLike, Y: ArrayLike, folds: Folds
    ) -> NDArray[np.float64]:
        """Out-of-fold scores for every arrangement of the labels, as the plain decoder's."""
        scores = super().closed_form_predictions(X, Y, folds)
        labels = np.asarray(Y)
        classes = np.unique(labels)
        for train, tested in folds:
            test = np.asarray(tested)
            share = np.stack(
                [(labels[:, np.asarray(train)] == name).mean(axis=1) for name in classes], axis=1
            )
            shift = 2 * share - 1
            scores[:, test] -= shift[:, 1:] if scores.ndim == 2 else shift[:, None]
        return scores
