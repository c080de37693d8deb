"""Permutation test of a decoder: one matrix product where the estimator has a closed form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_classifier

from affectome.errors import InputError
from affectome.evidence.claims import Null, p_value
from affectome.evidence.cross_fit import Predictions, cross_fit, fold_of
from affectome.evidence.design import Design, make_design
from affectome.evidence.labels import check_labels
from affectome.evidence.metrics import Metric
from affectome.evidence.scores import comparable, find_metric
from affectome.evidence.split import Split
from affectome.execution import run_blocks


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
    n_groups
        How many things traded places.
    """

    metric: str
    observed: float
    null: NDArray[np.float64] = field(repr=False)
    p: float
    how: str
    scheme: str
    n_groups: int

    @property
    def claim(self) -> Null:
        """How the null was drawn."""
        return Null(self.scheme, self.n_groups, int(self.null.size))

    def to_dict(self) -> dict[str, Any]:
        """Give the test as numbers, the null by its quantiles."""
        quantiles = np.quantile(self.null, [0.025, 0.5, 0.975])
        return {
            "metric": self.metric,
            "score": self.observed,
            "p": self.p,
            "null": self.claim.to_dict(),
            "null_quantiles": dict(zip(("2.5%", "50%", "97.5%"), quantiles.tolist(), strict=True)),
            "how": self.how,
        }


class NullScores(NamedTuple):
    """Metric → test, with all arrangements of the labels (the real one first) and predictions."""

    tests: dict[str, PermutationTest]
    labels: NDArray[Any]
    predictions: Predictions


def permutation_test(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    design: Design | Split,
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
    design
        What is held out and what may trade places; a Split knows the columns that it holds out.
    metric
        As in :func:`affectome.evidence.score`; ``"macro_auc"`` for classifiers and ``"pearson_r"``
        for regressors by default.
    n_permutations
        Arrangements to draw.
    arrangements
        Labels under the null, shape (n_permutations, n). By default they are drawn by the design.
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
    name = metric or default_metric(estimator)
    values = np.asarray(X)
    labels = check_labels(y, len(values))
    known = design if isinstance(design, Design) else design_of(labels, design)
    if arrangements is None:
        drawn, scheme = known.arrange(n_permutations, random_state), known.exchange.scheme
        n_groups = known.exchange.n_groups
    else:
        drawn, scheme, n_groups = np.asarray(arrangements), "given arrangements", len(labels)
    null = null_scores(estimator, values, known, [name], drawn, scheme, n_groups, n_jobs, labels)
    return null.tests[name]


def design_of(y: NDArray[Any], split: Split) -> Design:
    """Give the design of trials of which only a split is known."""
    table = {n: np.asarray(v) for n, v in split.columns.items() if len(np.asarray(v)) == len(y)}
    return make_design(pd.DataFrame(table, index=range(len(y))), y, split)


def null_scores(
    estimator: Any,
    X: NDArray[Any],
    design: Design,
    metrics: Sequence[str],
    drawn: NDArray[Any],
    scheme: str,
    n_groups: int,
    n_jobs: int | None = None,
    y: NDArray[Any] | None = None,
) -> NullScores:
    """Test several metrics by the same refits; ``drawn`` holds the labels under the null."""
    labels, split = design.y if y is None else y, design.split
    if not len(drawn):
        return NullScores({}, drawn, Predictions(drawn, None))
    if drawn.shape[1:] != labels.shape:
        raise InputError(
            f"arrangements have the shape {drawn.shape}; wanted (n_permutations, {len(labels)})"
        )
    rows = np.concatenate([labels[None], drawn])
    fold = fold_of(split, len(labels))
    chosen = {name: find_metric(name) for name in metrics}
    if hasattr(estimator, "closed_form_predictions") and labels.ndim == 1:
        how = "closed form"
        values = estimator.closed_form_predictions(X, rows, split.folds)
        predictions = _from_values(values, np.unique(labels), is_classifier(estimator))
    else:
        how = "joblib"
        scored = any(m.wants == "scores" for m in chosen.values())
        refits = ((estimator, X, row, split, scored, design.routed) for row in rows)
        parts = list(run_blocks(cross_fit, refits, n_jobs))
        predictions = Predictions(
            np.stack([part.found for part in parts]),
            np.stack([part.scores for part in parts if part.scores is not None])
            if scored
            else None,
        )
    tested = fold >= 0
    tests = {}
    for name, one in chosen.items():
        found = predictions.of(one.wants)[:, tested]
        scores = _score_rows(one, rows[:, tested], found, fold[tested])
        p = p_value(scores[0], scores[1:], one.higher_is_better)
        tests[name] = PermutationTest(name, float(scores[0]), scores[1:], p, how, scheme, n_groups)
    return NullScores(tests, rows, predictions)


def class_tests(
    null: NullScores, names: NDArray[Any], fold: NDArray[np.intp], like: PermutationTest
) -> list[PermutationTest]:
    """Test the AUC of each class against all others, by refits that were made already.

    Parameters
    ----------
    null
        What :func:`null_scores` gave for a classifier with decision values.
    names
        The classes, sorted.
    fold
        The fold that tested each trial, −1 for none.
    like
        A test of the same refits, for how they were drawn.
    """
    one, tested = find_metric("macro_auc"), fold >= 0
    found = null.predictions.of("scores")[:, tested]
    tests = []
    for k, name in enumerate(names):
        own = (null.labels[:, tested] == name).astype(np.intp)
        values = np.stack([-found[..., k], found[..., k]], axis=-1)
        scores = _score_rows(one, own, values, fold[tested])
        p = p_value(scores[0], scores[1:])
        tests.append(replace(like, observed=float(scores[0]), null=scores[1:], p=p))
    return tests


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


def _from_values(values: NDArray[Any], classes: NDArray[Any], classifier: bool) -> Predictions:
    """Predictions of the closed form: ratings, or decision values of two or more classes."""
    values = np.nan_to_num(values)  # rows that no fold tests
    if not classifier:
        return Predictions(values, None)
    if values.ndim == 2:
        return Predictions(classes[(values > 0).astype(np.intp)], np.stack([-values, values], -1))
    return Predictions(classes[values.argmax(axis=-1)], values)
