r"""How differently do units respond to the classes of trials? One pass over the responses.

For a unit with the responses :math:`x_{ci}` (trial ``i`` of class ``c``, ``n_c`` trials a class,
``n`` in all, ``k`` classes), class means :math:`m_c`, grand mean :math:`m` and class variances
:math:`s_c^2` (divisor ``n_c - 1``):

.. math::

    F = \frac{\sum_c n_c (m_c - m)^2 / (k - 1)}{\sum_{ci} (x_{ci} - m_c)^2 / (n - k)},
    \qquad
    \eta^2 = \frac{\sum_c n_c (m_c - m)^2}{\sum_{ci} (x_{ci} - m)^2}

.. math::

    d'_e = \frac{m_e - \frac{1}{k - 1} \sum_{c \ne e} m_c}{\sqrt{\sum_c s_c^2 / \max(2, k - 1)}}

With three classes :math:`d'` is the one printed by Liu et al. (2024): the mean of a class minus
half the sum of the other two, over :math:`\sqrt{(s_P^2 + s_N^2 + s_U^2) / 2}`. With two classes it
is the textbook's :math:`d'`; with more, the divisor grows with the number of the other classes. The
selectivity index is the largest :math:`d'`, the preferred class the one that has it. The tuning
value of a class is :math:`(m_c - m) / s`, with ``s`` the standard deviation over all trials.

Sums are taken in blocks of 64 trials of a class, as differences from the block's first trial: that
difference is exact in single precision where squares of the responses are not. Blocks are then
joined in double precision by the rule of Chan, Golub and LeVeque (1983). Every unit is summed in
the same order whatever the number of threads, so results do not depend on it.

References
----------
Liu, Bo, Ding & Fang (2024), Emergence of emotion selectivity in deep neural networks trained to
recognize visual objects, PLOS Computational Biology.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike, NDArray
from scipy import special

from affectome.errors import InputError
from affectome.kernels._class_sums import join_trials, unit_statistics

Floats = NDArray[np.float64]
UNITS_A_BLOCK = 32768
FEWEST_UNITS = 2048


@dataclass(frozen=True)
class ClassMoments:
    """Count, mean and sum of squared deviations by class; all that the statistics need.

    Attributes
    ----------
    count
        Trials of each class, shape (n_classes,), int64.
    mean
        Mean response by class, shape (n_classes, n_units), float64; 0 where a class has no trial.
    scatter
        Sum of squared deviations from the class mean, same shape.
    """

    count: NDArray[np.int64]
    mean: Floats
    scatter: Floats


@dataclass(frozen=True)
class ClassStatistics:
    """What the classes do to each unit; arrays over units, float64 unless said otherwise.

    Attributes
    ----------
    F, p, eta_squared
        One-way analysis of variance, shape (n_units,). A unit that never varies has 0, 1 and 0; one
        that varies between classes only has infinity, 0 and 1.
    d_prime
        Shape (n_classes, n_units).
    index, preferred
        Largest d′ and the class that has it (int64; -1 for a unit that never varies).
    mean, tuning
        Mean response and tuning value by class, shape (n_classes, n_units).
    """

    F: Floats
    p: Floats
    eta_squared: Floats
    d_prime: Floats
    index: Floats
    preferred: NDArray[np.int64]
    mean: Floats
    tuning: Floats


def class_statistics(
    X: ArrayLike, codes: ArrayLike, n_classes: int | None = None, n_jobs: int | None = None
) -> ClassStatistics:
    """F, p, η², d′, selectivity index and tuning of every unit in one pass over the responses.

    Parameters
    ----------
    X
        Responses, shape (n_trials, n_units). float32 and float64 in C order are read where they
        lie; anything else is converted first.
    codes
        Class of each trial as integers 0 … n_classes - 1, shape (n_trials,).
    n_classes
        Number of classes; the largest code plus one when not given.
    n_jobs
        Threads, as in joblib: None is one outside a ``parallel_config``, -1 is all processors.

    Raises
    ------
    InputError
        If shapes do not meet, a code is out of range, fewer than two classes have trials, or no
        class has two.
    """
    moments = class_moments(X, codes, n_classes, n_jobs=n_jobs)
    return statistics_from_moments(moments, n_jobs=n_jobs)


def class_moments(
    X: ArrayLike,
    codes: ArrayLike,
    n_classes: int | None = None,
    start: ClassMoments | None = None,
    n_jobs: int | None = None,
) -> ClassMoments:
    """Count, mean and scatter of each class; with ``start``, go on from earlier trials.

    Parameters
    ----------
    X, codes, n_classes, n_jobs
        As in `class_statistics`; give ``n_classes`` when trials come in pieces.
    start
        Moments of the trials that came before. It is not changed.

    Returns
    -------
    ClassMoments
        Over the earlier and these trials together.
    """
    X = np.asarray(X)
    if X.dtype not in (np.float32, np.float64) or not X.flags.c_contiguous:
        X = np.ascontiguousarray(X, dtype=np.float32 if X.dtype == np.float32 else np.float64)
    y = _checked_codes(X, np.asarray(codes), n_classes)
    k = int(n_classes if n_classes is not None else y.max() + 1)
    shape = (k, X.shape[1])
    if start is None:
        start = ClassMoments(np.zeros(k, np.int64), np.zeros(shape), np.zeros(shape))
    if start.mean.shape != shape:
        raise InputError(
            f"earlier trials have the shape (classes, units) {start.mean.shape}, these {shape}"
        )
    mean, scatter = start.mean.copy(), start.scatter.copy()
    rows = np.argsort(y, kind="stable")
    ends = np.concatenate([[0], np.cumsum(np.bincount(y, minlength=k))]).astype(np.int64)

    def accumulate(first: int, last: int) -> None:
        join_trials(X, rows, ends, start.count, mean, scatter, first, last)

    _over_units(accumulate, X.shape[1], n_jobs)
    return ClassMoments(start.count + np.diff(ends), mean, scatter)


def statistics_from_moments(moments: ClassMoments, n_jobs: int | None = None) -> ClassStatistics:
    """Statistics of every unit from the moments of its classes (see `class_statistics`).

    Raises
    ------
    InputError
        If fewer than two classes have trials, or no class has two.
    """
    present = np.flatnonzero(moments.count)
    if present.size < 2:
        raise InputError(
            f"at least two classes with trials are needed; got {present.size} "
            f"(trials by class: {moments.count.tolist()})"
        )
    n, k = int(moments.count.sum()), int(present.size)
    if n == k:
        raise InputError(
            f"each of the {k} classes has one trial; at least one class needs two or more"
        )
    n_classes, n_units = moments.mean.shape
    F, p, eta, index = (np.empty(n_units) for _ in range(4))
    d_prime, tuning = np.empty((n_classes, n_units)), np.empty((n_classes, n_units))
    preferred = np.empty(n_units, np.int64)

    def finish(first: int, last: int) -> None:
        unit_statistics(
            moments.count, moments.mean, moments.scatter, first, last,
            F, eta, d_prime, index, preferred, tuning,
        )  # fmt: skip
        p[first:last] = f_tail(F[first:last], k - 1, n - k)

    _over_units(finish, n_units, n_jobs)
    return ClassStatistics(F, p, eta, d_prime, index, preferred, moments.mean, tuning)


def f_tail(F: Floats, numerator: int, denominator: int) -> Floats:
    """Probability of an F statistic at least this large, by its degrees of freedom.

    With two degrees in the numerator it has the closed form ``(1 + 2F / d) ** (-d / 2)``.
    """
    if numerator != 2:
        return np.asarray(special.fdtrc(numerator, denominator, F))
    half = denominator / 2
    return np.exp(-half * np.log1p(F / half))


def _checked_codes(
    X: NDArray[Any], codes: NDArray[Any], n_classes: int | None
) -> NDArray[np.int64]:
    if X.ndim != 2 or codes.shape != X.shape[:1] or X.shape[0] == 0:
        raise InputError(
            f"responses are (n_trials, n_units) with one class a trial; got {X.shape} and "
            f"{codes.shape}"
        )
    if codes.dtype.kind not in "iu":
        raise InputError(f"classes are integers from 0 on; got {codes.dtype}")
    y = codes.astype(np.int64)
    if y.min() < 0 or (n_classes is not None and y.max() >= n_classes):
        raise InputError(
            f"classes go from 0 to n_classes - 1; got {y.min()} … {y.max()} with "
            f"n_classes={n_classes}"
        )
    return y


def _over_units(work: Any, n_units: int, n_jobs: int | None) -> None:
    threads = max(1, min(effective_n_jobs(n_jobs), n_units // FEWEST_UNITS))
    parts = threads * max(1, -(-n_units // (threads * UNITS_A_BLOCK)))
    edges = [n_units * part // parts for part in range(parts + 1)]
    if threads == 1:
        for first, last in pairwise(edges):
            work(first, last)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, edges[:-1], edges[1:]))
