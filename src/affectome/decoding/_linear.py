"""What the linear decoders share: checks, scores from weights, labels from scores."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from affectome.decoding.classes import decide
from affectome.errors import InputError

Array = NDArray[np.float64]


class LinearRegressor(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Predictions from ``coef_`` and ``intercept_``."""

    def predict(self, X: ArrayLike) -> Array:
        """Predictions, shape (n,) or (n, n_targets)."""
        check_is_fitted(self)
        features = validate_data(self, X, reset=False, dtype=np.float64)
        return features @ self.coef_.T + self.intercept_

    def _checked(self, X: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
        return validate_data(self, X, y, multi_output=True, y_numeric=True, dtype=np.float64)

    def _keep(self, weights: Array, intercept: Array, target: Array) -> None:
        """Set weights (p, q) and intercept (q,), without the axis of targets where y had none."""
        many = target.ndim > 1
        self.coef_ = weights.T if many else weights[:, 0]
        self.intercept_ = intercept if many else intercept[0]


class LinearClassifier(ClassifierMixin, BaseEstimator):
    """Scores from ``coef_`` and ``intercept_``; the label with the highest score."""

    def decision_function(self, X: ArrayLike) -> Array:
        """Scores, shape (n,) for two classes (positive: the second), else (n, n_classes)."""
        check_is_fitted(self)
        features = validate_data(self, X, reset=False, dtype=np.float64)
        scores = features @ self.coef_.T + self.intercept_
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict(self, X: ArrayLike) -> NDArray[np.generic]:
        """Label with the highest score, shape (n,)."""
        return decide(self.decision_function(X), self.classes_)

    @property
    def predict_proba(self) -> Callable[[ArrayLike], Array]:
        """None: scores of regressions on codes are no probabilities.

        What makes them some has to be learned on people and stimuli that the decoder has not seen,
        which `CalibratedDecoder` does.
        """
        name = type(self).__name__
        raise AttributeError(
            f"{name} gives scores, no probabilities; CalibratedDecoder({name}()) learns them on "
            "groups that it did not fit"
        )

    def _checked(self, X: ArrayLike, y: ArrayLike) -> tuple[Array, NDArray[np.generic]]:
        """Features and labels; sets ``classes_``."""
        features, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        self.classes_ = np.unique(labels)
        if len(self.classes_) < 2:
            raise InputError(f"y holds one class only ({self.classes_[0]!r}); give two or more")
        return features, labels
