r"""Personal models: what a few trials of a new person add to a model of everybody else.

The mean response of person s to emotion c is taken as :math:`m_{sc} = \mu_c + o_s + d_{sc}`: what
people share, the person's own offset, and the person's own way of showing c, with normal priors
whose covariances are learned from the training people, as round as best predicts one of them from
the others. After k trials a class of the new person
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
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.covariance import ledoit_wolf, oas
from sklearn.utils.validation import check_is_fitted, validate_data

from affectome.errors import InputError

ROUND = (0.0, 0.1, 0.3, 0.6, 1.0)


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
        deviation = delta - offset[:, None]
        offsets = _prior(offset[:, None], 1.0, 1 / (trials * n_classes))
        deviations = _prior(deviation, n_classes / (n_classes - 1), 1 / trials)
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
    """Covariance of the true deviations, between the one that people show and a round one.

    Few people show few directions, and a new person's may be others. How round the prior is, is
    what best predicts each person from the others.

    Parameters
    ----------
    deviations
        Of people and classes from the mean over people, shape (n_people, n_rows, n_units).
    inflate
        Size of true deviations relative to those seen, but for the mean over people.
    noise
        Variance that the noise of means adds to them.
    """
    n = len(deviations)
    scaled = deviations * np.sqrt(inflate)
    likelihood = np.zeros(len(ROUND))
    for person in range(n):
        # The mean is that of the others alone; else they would tell where the person lies.
        others = np.delete(scaled, person, axis=0)
        centre = others.mean(axis=0)
        own = (scaled[person] - centre) * np.sqrt((n - 1) / n)
        rows = ((others - centre) * np.sqrt((n - 1) / (n - 2))).reshape(-1, own.shape[1])
        likelihood += [_log_density(own, prior, noise) for prior in _priors(rows, noise)]
    rows = (scaled * np.sqrt(n / (n - 1))).reshape(-1, scaled.shape[2])
    return _priors(rows, noise)[int(likelihood.argmax())]


def _priors(deviations: np.ndarray, noise: float) -> list[np.ndarray]:
    """The seen covariance less the noise, mixed with a round one of the same size by ``ROUND``."""
    size = max(float((deviations**2).mean()) - noise, 0.0)
    values, vectors = np.linalg.eigh(oas(deviations, assume_centered=True)[0])
    left = np.maximum(values - noise, 0)
    seen = (vectors * left * (size / left.mean() if left.any() else 0.0)) @ vectors.T
    return [(1 - share) * seen + share * size * np.eye(len(seen)) for share in ROUND]


def _log_density(rows: np.ndarray, prior: np.ndarray, noise: float) -> float:
    """Log density of rows under N(0, prior + noise I), but for a constant."""
    covariance = prior + noise * np.eye(len(prior))
    square = float((rows * np.linalg.solve(covariance, rows.T).T).sum())
    return -0.5 * (square + len(rows) * float(np.linalg.slogdet(covariance)[1]))


def _posterior(prior: np.ndarray, noise: float) -> tuple[np.ndarray, np.ndarray]:
    gain = np.linalg.solve(prior + noise * np.eye(len(prior)), prior)
    left = prior - prior @ gain
    return gain, (left + left.T) / 2
