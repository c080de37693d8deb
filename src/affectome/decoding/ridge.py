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
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from affectome.decoding.classes import class_indicators, decide, scores_by_class
from affectome.errors import InputError
from affectome.kernels import ridge
from affectome.kernels.folds import Folds


class RidgeDecoder(MultiOutputMixin, RegressorMixin, BaseEstimator):
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
        features, target = validate_data(
            self, X, y, multi_output=True, y_numeric=True, dtype=np.float64
        )
        columns = target.reshape(len(target), -1)
        model = ridge.fit(features, columns, self.alpha, standardize=self.standardize)
        many = target.ndim > 1
        self.coef_ = model.weights.T if many else model.weights[:, 0]
        self.intercept_ = model.intercept if many else model.intercept[0]
        self.alpha_ = model.alpha if many else model.alpha[0]
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Predictions, shape (n,) or (n, n_targets)."""
        check_is_fitted(self)
        features = validate_data(self, X, reset=False, dtype=np.float64)
        return features @ self.coef_.T + self.intercept_

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


class RidgeClassifierDecoder(ClassifierMixin, BaseEstimator):
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
        features, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        self.classes_ = np.unique(labels)
        if len(self.classes_) < 2:
            raise InputError(f"y holds one class only ({self.classes_[0]!r}); give two or more")
        codes = 2.0 * class_indicators(labels[None], self.classes_)[0] - 1.0
        model = ridge.fit(features, codes, self.alpha, standardize=self.standardize)
        self.coef_, self.intercept_, self.alpha_ = model.weights.T, model.intercept, model.alpha
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Scores, shape (n,) for two classes (positive: the second), else (n, n_classes)."""
        check_is_fitted(self)
        features = validate_data(self, X, reset=False, dtype=np.float64)
        scores = features @ self.coef_.T + self.intercept_
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict(self, X: ArrayLike) -> NDArray[np.generic]:
        """Label with the highest score, shape (n,)."""
        return decide(self.decision_function(X), self.classes_)

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
        return scores_by_class(
            Y,
            lambda codes: ridge.cross_validated_predictions(
                X, codes, folds, self.alpha, standardize=self.standardize
            ),
        )
