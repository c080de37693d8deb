r"""Personal models: what a few trials of a new person add to a model of everybody else.

The mean response of person s to emotion c is taken as :math:`m_{sc} = \mu_c + o_s + d_{sc}`: what
people share, the person's own offset, and the person's own way of showing c, with normal priors
whose covariances are learned from the training people. After k trials a class of the new person
with means :math:`\bar x_c`, noise whitened to :math:`I`, offset and deviation are the shrunk ones
of a normal model (empirical Bayes; Efron & Morris 1973),

.. math:: \hat o = A \, (A + I/(kC))^{-1} \, \bar\delta, \quad
          \hat d_c = D \, (D + I/k)^{-1} \, (\delta_c - \bar\delta), \quad
          \delta_c = \bar x_c - \mu_c .

Trials are classified by linear discriminants with these means and the covariance that is left. No
trial gives the model of everybody else; many trials give the person's own.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.covariance import ledoit_wolf, oas
from sklearn.metrics import balanced_accuracy_score
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from affectome.decoding.ridge import RidgeClassifierDecoder
from affectome.errors import InputError

SHOTS = (0, 1, 2, 5, 10)
ALPHAS = (1.0, 10.0, 100.0, 1000.0)


class PersonalDecoder(ClassifierMixin, BaseEstimator):
    """Linear discriminants of a population that ``adapt`` to a person by few labelled trials.

    Attributes
    ----------
    classes_ : ndarray
    means_ : ndarray of shape (n_classes, n_units)
        Mean responses in use, noise whitened; before ``adapt`` what people share, shrunk towards
        no difference between classes as far as people's differences alone would explain it.
    offset_, deviation_ : ndarray of shape (n_units, n_units)
        Covariances of people's offsets and deviations that are still open.
    """

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Learn what people share and how they differ.

        Parameters
        ----------
        X, y
            Responses (n_trials, n_units) and labels (n_trials,).
        groups
            Person of each trial, three people or more.

        Raises
        ------
        InputError
            If people are not named, are fewer than three, or one lacks a class.
        """
        values, labels = validate_data(self, X, y, dtype=np.float64)
        if groups is None or len(np.unique(np.asarray(groups))) < 3:
            raise InputError("a personal model needs the trials' people as groups, three or more")
        people = np.unique(np.asarray(groups), return_inverse=True)[1]
        self.classes_, codes = np.unique(labels, return_inverse=True)
        means, counts = _cell_means(values, people, codes, len(self.classes_))
        within = values - means[people, codes]
        used = len(values) - counts.size
        if used < 2:
            raise InputError("each person needs two trials or more of a class to learn the noise")
        noise = ledoit_wolf(within, assume_centered=True)[0] * len(values) / used
        sizes, vectors = np.linalg.eigh(noise)
        self.whiten_ = vectors / np.sqrt(np.maximum(sizes, 1e-9 * sizes.max()))
        n_people, n_classes = counts.shape
        trials = len(values) / counts.size
        whitened = means @ self.whiten_
        delta = whitened - whitened.mean(0)
        offset = delta.mean(1)
        deviation = (delta - offset[:, None]).reshape(-1, values.shape[1])
        left = n_people / (n_people - 1)
        offsets = _prior(offset, left, 1 / (trials * n_classes))
        deviations = _prior(deviation, left * n_classes / (n_classes - 1), 1 / trials)
        shared = whitened.mean(0) - whitened.mean((0, 1))
        unsure = (np.trace(deviations) + values.shape[1] / trials) * (n_classes - 1) / n_people
        kept = max(1 - unsure / max(float((shared**2).sum()), 1e-12), 0.0)
        self.means_ = whitened.mean((0, 1)) + kept * shared
        self.offset_ = (1 + 1 / n_people) * offsets
        self.deviation_ = (1 + kept / n_people) * deviations
        return self._classify_by(self.means_)

    def adapt(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Give a copy for a new person from that person's trials, at least one of each class.

        Raises
        ------
        InputError
            If a class has no trial, or a label is new.
        """
        check_is_fitted(self, "means_")
        values = validate_data(self, X, reset=False, dtype=np.float64)
        labels = np.asarray(y)
        if set(np.unique(labels).tolist()) != set(self.classes_.tolist()):
            raise InputError(
                f"a person's trials need every class once and no other: wanted "
                f"{self.classes_.tolist()}, got {np.unique(labels).tolist()}"
            )
        codes = np.searchsorted(self.classes_, labels)
        n_classes = len(self.classes_)
        means, counts = _cell_means(values, np.zeros_like(codes), codes, n_classes)
        k = float(1 / np.mean(1 / counts))
        delta = means[0] @ self.whiten_ - self.means_
        offset = delta.mean(0)
        person = copy.copy(self)
        to_offset, person.offset_ = _posterior(self.offset_, 1 / (k * n_classes))
        to_deviation, person.deviation_ = _posterior(self.deviation_, 1 / k)
        person.means_ = self.means_ + offset @ to_offset + (delta - offset) @ to_deviation
        return person._classify_by(person.means_)

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Give the log posterior of each class up to a constant, shape (n_trials, n_classes)."""
        check_is_fitted(self, "weights_")
        values = validate_data(self, X, reset=False, dtype=np.float64)
        return values @ self.whiten_ @ self.weights_ + self.level_

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Give the probability of each class, shape (n_trials, n_classes)."""
        return softmax(self.decision_function(X), axis=1)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Give the most probable class of each trial."""
        return self.classes_[self.decision_function(X).argmax(1)]

    def _classify_by(self, means: np.ndarray) -> Self:
        share = 1 - 1 / len(self.classes_)
        covariance = np.eye(means.shape[1]) + self.offset_ + share * self.deviation_
        self.weights_ = np.linalg.solve(covariance, means.T)
        self.level_ = -0.5 * np.einsum("cu,uc->c", means, self.weights_)
        return self


def _cell_means(
    X: np.ndarray, people: np.ndarray, codes: np.ndarray, n_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    n_people = int(people.max()) + 1
    cells = people * n_classes + codes
    counts = np.bincount(cells, minlength=n_people * n_classes)
    if counts.min() == 0:
        raise InputError(
            f"person {int(counts.argmin()) // n_classes} (in sorted order) has no trial of a "
            "class; drop that person or that class"
        )
    total = np.zeros((len(counts), X.shape[1]))
    np.add.at(total, cells, X)
    shape = (n_people, n_classes)
    return (total / counts[:, None]).reshape(*shape, -1), counts.reshape(shape)


def _prior(deviations: np.ndarray, inflate: float, noise: float) -> np.ndarray:
    """Covariance of the true deviations: the seen one, less what the noise of means adds to it."""
    seen = oas(deviations, assume_centered=True)[0] * inflate
    sizes, vectors = np.linalg.eigh(seen)
    return (vectors * np.maximum(sizes - noise, 0)) @ vectors.T


def _posterior(prior: np.ndarray, noise: float) -> tuple[np.ndarray, np.ndarray]:
    gain = np.linalg.solve(prior + noise * np.eye(len(prior)), prior)
    left = prior - prior @ gain
    return gain, (left + left.T) / 2


@dataclass(frozen=True)
class FewShot:
    """Accuracy on a new person's held-out trials against the person's trials used.

    Attributes
    ----------
    shots
        Trials a class of the new person.
    people
        Names of the people.
    personal
        Balanced accuracy of everybody else's model adapted by those trials, shape
        (n_people, n_shots).
    alone
        The same for a model of those trials alone; NaN where there are none.
    """

    shots: tuple[int, ...]
    people: tuple[str, ...]
    personal: np.ndarray
    alone: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Give the curve: means over people and their standard error for each number of trials."""
        error = np.sqrt(len(self.people))
        return {
            "curve": [
                {
                    "shots": k,
                    "personal": float(self.personal[:, i].mean()),
                    "personal_se": float(self.personal[:, i].std(ddof=1) / error),
                    "alone": float(self.alone[:, i].mean()),
                }
                for i, k in enumerate(self.shots)
            ]
        }


def few_shot_curve(
    X: ArrayLike,
    y: ArrayLike,
    subjects: ArrayLike,
    *,
    stimuli: ArrayLike | None = None,
    shots: Sequence[int] = SHOTS,
    alone: Any = None,
    n_repeats: int = 10,
    random_state: int | None = 0,
) -> FewShot:
    """Hold each person out and give the model 0, 1, 2, 5, 10 trials a class of that person.

    A repeat tests the same trials for every number of shots, and smaller sets of shots are parts of
    the larger ones. Where stimuli are named, the tested ones are seen by nobody in training.

    Parameters
    ----------
    X, y, subjects
        Responses (n_trials, n_units), labels and people (n_trials,).
    stimuli
        Stimulus of each trial; half of a class's stimuli are tested in a repeat.
    shots
        Numbers of trials a class; those that a person can't give are left out for all.
    alone
        Classifier for the model of the person's own trials; ridge when not given.
    n_repeats
        Draws of test trials and shots.
    random_state
        Seed.

    Raises
    ------
    InputError
        If there are fewer than four people or a person has fewer than two trials of a class.
    """
    values, labels, people = np.asarray(X, dtype=float), np.asarray(y), np.asarray(subjects)
    names = np.unique(people)
    if len(names) < 4:
        raise InputError(
            f"a few-shot curve holds one person out and needs three more; got {len(names)} people"
        )
    own = RidgeClassifierDecoder(alpha=ALPHAS) if alone is None else alone
    material = np.arange(len(labels)) if stimuli is None else np.asarray(stimuli)
    random = check_random_state(random_state)
    draws = {
        name: [_draw(labels, people == name, material, random) for _ in range(n_repeats)]
        for name in names
    }
    most = min(len(pool) for draw in draws.values() for _, pools in draw for pool in pools)
    kept = tuple(k for k in shots if k <= most)
    scores = np.full((2, len(names), len(kept), n_repeats), np.nan)
    for s, name in enumerate(names):
        for r, (test, pools) in enumerate(draws[name]):
            train = (people != name) & ~np.isin(material, material[test])
            everybody = PersonalDecoder().fit(values[train], labels[train], people[train])
            for i, k in enumerate(kept):
                few = np.concatenate([pool[:k] for pool in pools])
                person = everybody.adapt(values[few], labels[few]) if k else everybody
                scores[0, s, i, r] = _accuracy(person, values, labels, test)
                if k:
                    single = clone(own).fit(values[few], labels[few])
                    scores[1, s, i, r] = _accuracy(single, values, labels, test)
    personal, by_own = scores.mean(3)
    return FewShot(kept, tuple(map(str, names)), personal, by_own)


def _draw(
    labels: np.ndarray, own: np.ndarray, material: np.ndarray, random: np.random.RandomState
) -> tuple[np.ndarray, list[np.ndarray]]:
    tests, pools = [], []
    for label in np.unique(labels):
        trials = np.flatnonzero(own & (labels == label))
        kinds = random.permutation(np.unique(material[trials]))
        if len(kinds) < 2:
            raise InputError(
                f"a person has {len(kinds)} stimuli (or trials) of {str(label)!r}; two are "
                "needed, one to learn from and one to test"
            )
        tested = np.isin(material[trials], kinds[: len(kinds) // 2])
        tests.append(trials[tested])
        pools.append(random.permutation(trials[~tested]))
    return np.concatenate(tests), pools


def _accuracy(decoder: Any, X: np.ndarray, y: np.ndarray, test: np.ndarray) -> float:
    return float(balanced_accuracy_score(y[test], decoder.predict(X[test])))
