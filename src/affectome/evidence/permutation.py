"""Permutation test of a decoder: one matrix product where the estimator has a closed form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_classifier

from affectome.errors import InputError
from affectome.evidence._exchange import arrange
from affectome.evidence._labels import check_labels
from affectome.evidence._metrics import Metric
from affectome.evidence._predictions import fold_of, out_of_fold
from affectome.evidence._split import Split
from affectome.evidence.nulls import p_value
from affectome.evidence.scores import comparable, find_metric


@dataclass(frozen=True, eq=False)
class PermutationTest:
    """How likely chance gives a score.

    Attributes
    ----------
    metric
        Name of the metric.
    observed
        Score of the real labels.
    null
        Scores of the permuted labels, shape (n_permutations,).
    p
        Share of arrangements that do as well, the real one counted.
    how
        ``"closed form"`` (one factorisation a fold for all arrangements) or ``"joblib"`` (refits).
    scheme
        What was exchanged with what.
    """

    metric: str
    observed: float
    null: NDArray[np.float64] = field(repr=False)
    p: float
    how: str
    scheme: str

    def to_dict(self) -> dict[str, Any]:
        """Give the test as numbers, the null by its quantiles."""
        quantiles = np.quantile(self.null, [0.025, 0.5, 0.975])
        return {
            "metric": self.metric,
            "score": self.observed,
            "p": self.p,
            "n_permutations": int(self.null.size),
            "null_quantiles": dict(zip(("2.5%", "50%", "97.5%"), quantiles.tolist(), strict=True)),
            "how": self.how,
            "scheme": self.scheme,
        }


def permutation_test(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    split: Split,
    metric: str | None = None,
    n_permutations: int = 1000,
    arrangements: ArrayLike | None = None,
    random_state: int = 0,
    n_jobs: int | None = None,
) -> PermutationTest:
    """Compare a cross-validated score with its scores for permuted labels.

    Parameters
    ----------
    estimator
        Any scikit-learn estimator. One with ``closed_form_predictions(X, Y, folds)`` is asked for
        all arrangements at once; any other is refitted for each, over ``n_jobs`` processes.
    X, y
        Measurements, shape (n, …), and labels (classes) or ratings (floats), shape (n,).
    split
        The folds, the same for all arrangements.
    metric
        As in :func:`affectome.evidence.score`; ``"macro_auc"`` for classifiers and ``"pearson_r"``
        for regressors by default.
    n_permutations
        Arrangements to draw.
    arrangements
        Labels under the null, shape (n_permutations, n), from :mod:`affectome.evidence.nulls`. By
        default they are drawn by what the split holds out: whole stimuli trade labels, labels of a
        subject are permuted within the subject, time series are shifted.
    random_state
        Seed of the arrangements.
    n_jobs
        Processes, as in joblib.

    Returns
    -------
    PermutationTest

    Raises
    ------
    InputError
        If labels are unusable, or exchanging them changes nothing.
    """
    features = np.asarray(X)
    labels = check_labels(y, len(features))
    name = metric or default_metric(estimator)
    chosen = find_metric(name)
    if arrangements is None:
        drawn, scheme = arrange(labels, split, n_permutations, random_state)
    else:
        drawn, scheme = np.asarray(arrangements), "given arrangements"
    if drawn.shape[1:] != labels.shape:
        raise InputError(
            f"arrangements have the shape {drawn.shape}; wanted (n_permutations, {len(labels)})"
        )
    rows = np.concatenate([labels[None], drawn])
    fold = fold_of(split, len(labels))
    if hasattr(estimator, "closed_form_predictions") and labels.ndim == 1:
        how = "closed form"
        found = estimator.closed_form_predictions(features, rows, split.folds)
        found = _as_wanted(found, np.unique(labels), chosen.wants)
    else:
        how = "joblib"
        found = np.stack(
            Parallel(n_jobs=n_jobs)(
                delayed(out_of_fold)(estimator, features, row, split, chosen.wants) for row in rows
            )
        )
    tested = fold >= 0
    scores = _score_rows(chosen, rows[:, tested], found[:, tested], fold[tested])
    p = p_value(scores[0], scores[1:], chosen.higher_is_better)
    return PermutationTest(name, float(scores[0]), scores[1:], p, how, scheme)


def default_metric(estimator: Any) -> str:
    """Macro AUC for classifiers with scores, balanced accuracy for others, r for regressors."""
    if not is_classifier(estimator):
        return "pearson_r"
    scored = hasattr(estimator, "decision_function") or hasattr(estimator, "predict_proba")
    return "macro_auc" if scored else "balanced_accuracy"


def _score_rows(
    metric: Metric, rows: NDArray[Any], found: NDArray[Any], fold: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Score each arrangement of the labels against its predictions; the first is the real one."""
    if metric.wants not in ("classes", "scores"):
        return metric.weighted(rows.astype(float), found, np.ones((1, fold.size)), fold)
    names = np.unique(rows[0])
    codes = np.searchsorted(names, rows)
    if metric.wants == "classes":
        found = np.searchsorted(names, found)
    fold = comparable(metric, codes[0], fold)
    return metric.weighted(codes, found, np.ones((1, fold.size)), fold)


def _as_wanted(found: NDArray[Any], classes: NDArray[Any], wants: str) -> NDArray[Any]:
    """Turn decision values of two or more classes into what the metric wants."""
    if wants == "scores":
        return np.stack([-found, found], axis=-1) if found.ndim == 2 else found
    if wants == "classes":
        best = (found > 0).astype(np.intp) if found.ndim == 2 else np.nan_to_num(found).argmax(-1)
        return classes[best]
    return found
