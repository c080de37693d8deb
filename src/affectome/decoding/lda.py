"""Linear discriminant analysis with a shrunk covariance."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, softmax

from affectome.decoding._linear import Array, LinearClassifier
from affectome.decoding.classes import check_arrangements
from affectome.kernels import lda
from affectome.kernels.folds import Folds


class ShrinkageLDA(LinearClassifier):
    """Gaussian classes with one covariance, shrunk without a look at the labels.

    The total covariance is shrunk and the covariance between classes is then taken out (see
    `affectome.kernels.lda`); without shrinkage this is ordinary LDA.

    Parameters
    ----------
    shrinkage
        Weight of the mean variance, 0 to below 1, or "auto" for Ledoit-Wolf.
    standardize
        Divide each feature by its standard deviation over the training trials.
    priors
        "observed" (shares of the training trials) or "equal", which suits balanced accuracy where
        classes differ in size.

    Attributes
    ----------
    classes_
        The labels, sorted.
    coef_
        Weights in the units of the features, shape (1, p) for two classes, else (n_classes, p).
    intercept_
        Score at X = 0, shape (1,) or (n_classes,).
    shrinkage_
        Shrinkage in use.
    """

    def __init__(
        self,
        shrinkage: float | Literal["auto"] = "auto",
        standardize: bool = True,
        priors: Literal["observed", "equal"] = "observed",
    ) -> None:
        self.shrinkage = shrinkage
        self.standardize = standardize
        self.priors = priors

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to features X (n, p) and labels y (n,) of two classes or more."""
        features, labels = self._checked(X, y)
        indicators = labels[:, None] == self.classes_
        model = lda.fit(
            features,
            indicators,
            self.shrinkage,
            standardize=self.standardize,
            priors=self.priors,
        )
        self.shrinkage_ = model.shrinkage
        self.coef_, self.intercept_ = model.weights.T, model.intercept
        if len(self.classes_) == 2:
            self.coef_ = self.coef_[1:] - self.coef_[:1]
            self.intercept_ = self.intercept_[1:] - self.intercept_[:1]
        return self

    def predict_proba(self, X: ArrayLike) -> Array:
        """Posterior probability of each class, shape (n, n_classes)."""
        scores = self.decision_function(X)
        if scores.ndim == 1:
            return np.stack([expit(-scores), expit(scores)], axis=1)
        return softmax(scores, axis=1)

    def closed_form_predictions(
        self, X: ArrayLike, Y: ArrayLike, folds: Folds
    ) -> NDArray[np.float64]:
        """Out-of-fold scores for every arrangement of the labels.

        Parameters and returns as in `RidgeClassifierDecoder.closed_form_predictions`, but a class
        without training trials in a fold scores minus infinity.
        """
        labels, classes = check_arrangements(Y)
        scores = lda.cross_validated_scores(
            X, labels, folds, self.shrinkage, standardize=self.standardize, priors=self.priors
        )
        return scores[..., 1] - scores[..., 0] if len(classes) == 2 else scores
