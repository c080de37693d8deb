"""Fit a model of voices and learn, from speakers it did not see, how far it can be trusted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.preprocessing import StandardScaler

from affectome.decoding.calibration import fit_temperature
from affectome.decoding.multilabel import conformal_level
from affectome.people.voice.model import SMALLEST_SPREAD, Array, LinearVoice, probabilities

PENALTIES = (0.003, 0.01)
STEPS = 1000
SMALLEST_PART = 1e-9


def by_person(x: Array, groups: NDArray[Any]) -> Array:
    """Standardise the features of each person by that person's own, without labels."""
    out = np.empty_like(x)
    for group in np.unique(groups):
        rows = groups == group
        out[rows] = (x[rows] - x[rows].mean(0)) / (x[rows].std(0) + SMALLEST_SPREAD)
    return out


def fit_linear(x: Array, y: NDArray[Any], penalty: float) -> LinearVoice:
    """Fit a balanced multinomial logistic regression on standardised features.

    The clips span fewer dimensions than there are features, and the penalty is the same in every
    basis: so the fit is made on the clips' principal components, without loss.
    """
    scaler = StandardScaler().fit(x)
    z = scaler.transform(x)
    power, vectors = eigh(z @ z.T)
    kept = power > SMALLEST_PART * power[-1]
    basis = (vectors[:, kept] / np.sqrt(power[kept])).T @ z
    fitted = LogisticRegression(C=penalty, max_iter=STEPS, class_weight="balanced").fit(
        z @ basis.T, y
    )
    coefficients, bias = fitted.coef_, fitted.intercept_
    if len(coefficients) == 1:
        coefficients = np.vstack([-coefficients / 2, coefficients / 2])
        bias = np.concatenate([-bias / 2, bias / 2])
    return LinearVoice(coefficients @ basis, bias, scaler.mean_, scaler.scale_)


def held_out_logits(x: Array, y: NDArray[Any], groups: NDArray[Any], penalty: float) -> Array:
    """Logits of each clip by a model that heard nothing of its speaker, shape (n, n_labels)."""
    out = np.empty((len(y), len(np.unique(y))))
    for group in np.unique(groups):
        rows = groups == group
        out[rows] = fit_linear(x[~rows], y[~rows], penalty).logits(x[rows])
    return out


@dataclass(frozen=True, eq=False)
class Chosen:
    """What a part of the speakers says is best, and how far it can be trusted.

    Attributes
    ----------
    features
        Name of the set of features.
    penalty
        Inverse strength of the penalty.
    temperature, level
        Calibration, and the probability from which on a label is in the conformal set.
    uar
        Mean recall of the classes on held-out speakers of that part.
    """

    features: str
    penalty: float
    temperature: float
    level: float
    uar: float


def choose(
    sets: dict[str, Array],
    y: NDArray[Any],
    groups: NDArray[Any],
    penalties: Iterable[float] = PENALTIES,
) -> Chosen:
    """Choose features and penalty by leaving out one speaker at a time, and calibrate on that."""
    codes = np.unique(y, return_inverse=True)[1]
    best: tuple[float, str, float, Array] | None = None
    for name, x in sets.items():
        for penalty in penalties:
            logits = held_out_logits(x, y, groups, penalty)
            uar = float(balanced_accuracy_score(codes, logits.argmax(1)))
            if best is None or uar > best[0]:
                best = (uar, name, penalty, logits)
    assert best is not None
    uar, name, penalty, logits = best
    temperature = fit_temperature(logits, codes)
    true = np.eye(logits.shape[1], dtype=bool)[codes]
    level = conformal_level(probabilities(logits, temperature), true)
    return Chosen(name, penalty, temperature, float(level), uar)


@dataclass(frozen=True, eq=False)
class Nested:
    """Predictions of each clip by a model, and by choices, that knew nothing of its speaker."""

    probability: Array
    level: Array
    chosen: dict[str, Chosen]

    @property
    def sets(self) -> NDArray[np.bool_]:
        """Conformal sets, never empty; shape (n, n_labels)."""
        inside = self.probability >= self.level[:, None]
        inside[np.arange(len(inside)), self.probability.argmax(1)] = True
        return inside


def nested(
    sets: dict[str, Array],
    y: NDArray[Any],
    groups: NDArray[Any],
    penalties: Iterable[float] = PENALTIES,
) -> Nested:
    """Leave one speaker out; among the others, again one at a time, choose and calibrate."""
    n_labels = len(np.unique(y))
    probability, level = np.empty((len(y), n_labels)), np.empty(len(y))
    chosen = {}
    for group in np.unique(groups):
        rows = groups == group
        inner = {name: x[~rows] for name, x in sets.items()}
        found = choose(inner, y[~rows], groups[~rows], penalties)
        model = fit_linear(inner[found.features], y[~rows], found.penalty)
        logits = model.logits(sets[found.features][rows])
        probability[rows] = probabilities(logits, found.temperature)
        level[rows] = found.level
        chosen[str(group)] = found
    return Nested(probability, level, chosen)
