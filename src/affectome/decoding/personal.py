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

Forty thousand voxels need no matrix of voxels by voxels. The noise is a shrunk covariance, so its
inverse is known from the trials that it was learned from; and once it is whitened, all means lie
along at most :math:`SC` directions, along which the covariances are written out, while along all
others they are one number times the identity.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import block_diag
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from affectome.errors import InputError

ROUND = (0.0, 0.1, 0.3, 0.6, 1.0)
SMALLEST = 1e-9
"""Share of the largest variance below which a direction counts as empty."""


@dataclass(frozen=True)
class Covariance:
    """A covariance that is written out along some directions and round along all others.

    Attributes
    ----------
    inner
        Shape (n_directions, n_directions).
    outer
        Variance along every direction that is orthogonal to those.
    """

    inner: np.ndarray
    outer: float

    def __mul__(self, factor: float) -> Covariance:
        return Covariance(self.inner * factor, self.outer * factor)

    def widened(self, more: int) -> Covariance:
        """Write out further directions."""
        return Covariance(block_diag(self.inner, self.outer * np.eye(more)), self.outer)


class PersonalDecoder(ClassifierMixin, BaseEstimator):
    """Linear discriminants of a population that ``adapt`` to a person by few labelled trials.

    Attributes
    ----------
    classes_ : ndarray
    whiten_ : ndarray of shape (n_units, n_directions)
        From responses to the directions along which means lie, the noise whitened.
    means_ : ndarray of shape (n_classes, n_directions)
        Mean responses in use; before ``adapt`` what people share, shrunk towards no difference
        between classes as far as people's differences alone would explain it.
    offset_, deviation_ : Covariance
        Covariances of people's offsets and deviations that are still open.
    coef_, level_ : ndarray of shape (n_units, n_classes) and (n_classes,)
        Of the discriminants.
    """

    __metadata_request__fit = {"groups": True}  # noqa: RUF012
    crossed_groups = True

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Learn what people share and how they differ.

        Parameters
        ----------
        X, y
            Responses (n_trials, n_units) and labels (n_trials,).
        groups
            Person of each trial, three people or more; where there are several columns, shape
            (n_trials, n_columns), the first is the person.

        Raises
        ------
        InputError
            If people are not named, are fewer than three, or one lacks a class.
        """
        values, labels = validate_data(self, X, y, dtype=np.float64)
        named = np.zeros(len(labels)) if groups is None else np.asarray(groups)
        people = np.unique(named.reshape(len(labels), -1)[:, 0], return_inverse=True)[1]
        if people.max() < 2:
            raise InputError("a personal model needs the trials' people as groups, three or more")
        self.classes_, codes = np.unique(labels, return_inverse=True)
        means, counts = _cell_means(values, people, codes, len(self.classes_))
        used = len(values) - counts.size
        if used < 2:
            raise InputError("each person needs two trials or more of a class to learn the noise")
        n_units, (n_people, n_classes) = values.shape[1], counts.shape
        self.noise_ = _Noise(values - means[people, codes], used)
        self.whiten_, flat = self.noise_.directions_of(means.reshape(-1, n_units))
        whitened = flat.reshape(n_people, n_classes, -1)
        trials = len(values) / counts.size
        delta = whitened - whitened.mean(0)
        offset = delta.mean(1)
        deviation = delta - offset[:, None]
        offsets = _prior(offset[:, None], 1.0, 1 / (trials * n_classes), n_units)
        deviations = _prior(deviation, n_classes / (n_classes - 1), 1 / trials, n_units)
        shared = whitened.mean(0) - whitened.mean((0, 1))
        outside = n_units - len(deviations.inner)
        spread = np.trace(deviations.inner) + outside * deviations.outer + n_units / trials
        unsure = spread * (n_classes - 1) / n_people
        kept = max(1 - unsure / max(float((shared**2).sum()), 1e-12), 0.0)
        self.means_ = whitened.mean((0, 1)) + kept * shared
        self.offset_ = offsets * (1 + 1 / n_people)
        self.deviation_ = deviations * (1 + kept / n_people)
        return self._classify()

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
        person = copy.copy(self)
        # What is this person's own may lie along directions that nobody in training showed.
        further, along = self.noise_.directions_of(means[0], self.whiten_)
        person.whiten_ = np.column_stack([self.whiten_, further])
        found = np.column_stack([means[0] @ self.whiten_, along])
        known = np.pad(self.means_, ((0, 0), (0, along.shape[1])))
        delta = found - known
        offset = delta.mean(0)
        to_offset, person.offset_ = _posterior(
            self.offset_.widened(along.shape[1]), 1 / (k * n_classes)
        )
        to_deviation, person.deviation_ = _posterior(self.deviation_.widened(along.shape[1]), 1 / k)
        person.means_ = known + offset @ to_offset + (delta - offset) @ to_deviation
        return person._classify()

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Give the log posterior of each class up to a constant, shape (n_trials, n_classes)."""
        check_is_fitted(self, "coef_")
        values = validate_data(self, X, reset=False, dtype=np.float64)
        return values @ self.coef_ + self.level_

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Give the probability of each class, shape (n_trials, n_classes)."""
        return softmax(self.decision_function(X), axis=1)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Give the most probable class of each trial."""
        return self.classes_[self.decision_function(X).argmax(1)]

    def _classify(self) -> Self:
        share = 1 - 1 / len(self.classes_)
        covariance = (
            np.eye(self.means_.shape[1]) + self.offset_.inner + share * self.deviation_.inner
        )
        weights = np.linalg.solve(covariance, self.means_.T)
        self.coef_ = self.whiten_ @ weights
        self.level_ = -0.5 * np.einsum("cd,dc->c", self.means_, weights)
        return self


class _Noise:
    """The covariance of trials about their means, shrunk as by Ledoit & Wolf (2004).

    Parameters
    ----------
    residuals
        Trials less the mean of their cell, shape (n_trials, n_units).
    freedom
        Their degrees of freedom.
    """

    def __init__(self, residuals: np.ndarray, freedom: int) -> None:
        n, p = residuals.shape
        gram = residuals @ residuals.T if p > n else residuals.T @ residuals
        values, vectors = np.linalg.eigh(gram)
        kept = values > SMALLEST * values.max()
        values, vectors = values[kept] / n, vectors[:, kept]
        if p > n:
            vectors = residuals.T @ (vectors / np.sqrt(n * values))
        square = np.einsum("tu,tu->t", residuals, residuals)
        mean, moment = values.sum() / p, (values**2).sum()
        beta = ((square**2).sum() / n - moment) / (n * p)
        gap = moment / p - mean**2
        share = min(beta, gap) / gap if gap > 0 else 0.0
        scale = n / freedom
        self.vectors = vectors
        self.sizes = scale * ((1 - share) * values + share * mean)
        self.outer = max(scale * share * mean, SMALLEST * float(self.sizes.max()))

    def divide(self, rows: np.ndarray) -> np.ndarray:
        """Multiply rows (m, n_units) by the inverse of the covariance."""
        inside = rows @ self.vectors
        found = (inside / self.sizes) @ self.vectors.T
        if len(self.vectors) > len(self.sizes):
            found += (rows - inside @ self.vectors.T) / self.outer
        return found

    def directions_of(
        self, rows: np.ndarray, known: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Find the whitened directions along which rows lie, but for those that are known.

        Returns
        -------
        map
            From units to the directions, shape (n_units, n_directions).
        along
            The rows in those directions, shape (m, n_directions).
        """
        dual = self.divide(rows)
        gram = dual @ rows.T
        total = float(np.trace(gram))
        if known is not None:
            seen = rows @ known
            dual = dual - seen @ known.T
            gram = gram - seen @ seen.T
        values, vectors = np.linalg.eigh((gram + gram.T) / 2)
        kept = values > SMALLEST * max(total, 1e-300)
        root = np.sqrt(values[kept])
        return dual.T @ (vectors[:, kept] / root), vectors[:, kept] * root


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


def _prior(deviations: np.ndarray, inflate: float, noise: float, n_units: int) -> Covariance:
    """Covariance of the true deviations, between the one that people show and a round one.

    Few people show few directions, and a new person's may be others. How round the prior is, is
    what best predicts each person from the others.

    Parameters
    ----------
    deviations
        Of people and classes from the mean over people, shape (n_people, n_rows, n_directions).
    inflate
        Size of true deviations relative to those seen, but for the mean over people.
    noise
        Variance that the noise of means adds to them.
    n_units
        Directions that there are, most of which nobody may have shown.
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
        priors = _priors(rows, noise, n_units)
        likelihood += [_log_density(own, prior, noise, n_units) for prior in priors]
    rows = (scaled * np.sqrt(n / (n - 1))).reshape(-1, scaled.shape[2])
    return _priors(rows, noise, n_units)[int(likelihood.argmax())]


def _priors(deviations: np.ndarray, noise: float, n_units: int) -> list[Covariance]:
    """The seen covariance less the noise, mixed with a round one of the same size by ``ROUND``.

    What is seen is shrunk towards a round one itself (OAS; Chen et al. 2010).
    """
    n, outside = len(deviations), n_units - deviations.shape[1]
    values, vectors = np.linalg.eigh(deviations.T @ deviations / n)
    mean, moment = values.sum() / n_units, (values**2).sum() / n_units**2
    gap = (n + 1) * (moment - mean**2 / n_units)
    share = min((moment + mean**2) / gap, 1.0) if gap > 0 else 1.0
    left = np.maximum((1 - share) * values + share * mean - noise, 0)
    beyond = max(share * mean - noise, 0.0)
    total = left.sum() + outside * beyond
    size = max(mean - noise, 0.0)
    scale = size * n_units / total if total > 0 else 0.0
    seen = (vectors * left * scale) @ vectors.T
    return [
        Covariance(
            (1 - share) * seen + share * size * np.eye(len(seen)),
            (1 - share) * beyond * scale + share * size,
        )
        for share in ROUND
    ]


def _log_density(rows: np.ndarray, prior: Covariance, noise: float, n_units: int) -> float:
    """Log density of rows under N(0, prior + noise I), but for a constant."""
    covariance = prior.inner + noise * np.eye(len(prior.inner))
    square = float((rows * np.linalg.solve(covariance, rows.T).T).sum())
    outside = (n_units - len(covariance)) * np.log(prior.outer + noise)
    return -0.5 * (square + len(rows) * float(np.linalg.slogdet(covariance)[1] + outside))


def _posterior(prior: Covariance, noise: float) -> tuple[np.ndarray, Covariance]:
    gain = np.linalg.solve(prior.inner + noise * np.eye(len(prior.inner)), prior.inner)
    left = prior.inner - prior.inner @ gain
    outer = prior.outer * noise / (prior.outer + noise)
    return gain, Covariance((left + left.T) / 2, outer)
