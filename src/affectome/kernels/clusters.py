r"""Cluster permutation test: where a map differs from zero, and how surely.

Points of a statistic beyond a threshold that touch each other form a cluster; its mass is the sum
of the statistic over it (Maris & Oostenveld 2007). A cluster is judged against the largest mass
anywhere in each map of the null, so the error is controlled over the whole map, whatever its size:

.. math:: p = \frac{1 + \#\{b : \max_c |m_{b,c}| \ge |m|\}}{1 + B} .

For maps of n subjects the null flips the sign of whole subjects. A flip leaves squares unchanged,
so with :math:`q = \sum_s x_s^2` the statistics of all flips are one product of matrices,

.. math:: t_b = \frac{\bar x_b}{\sqrt{(q/n - \bar x_b^2)/(n-1)}}, \quad \bar x_b = S x / n .
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, stats

from affectome.errors import InputError

CHUNK_VALUES = 1 << 24
EXACT_SUBJECTS = 12


@dataclass(frozen=True)
class Clusters:
    """Clusters of a map, the largest mass first.

    Attributes
    ----------
    statistic
        The map, its own shape.
    labels
        Number of the cluster at each point, from 1; 0 outside; shape of the map.
    mass
        Sum of the statistic over each cluster, signed, shape (n_clusters,).
    p
        Chance of a mass so large anywhere in the map, shape (n_clusters,).
    threshold
        Beyond which a point may belong to a cluster.
    """

    statistic: np.ndarray
    labels: np.ndarray
    mass: np.ndarray
    p: np.ndarray
    threshold: float

    def significant(self, level: float = 0.05) -> np.ndarray:
        """Say which points lie in a cluster with p ≤ ``level``, bool, shape of the map."""
        return np.isin(self.labels, 1 + np.flatnonzero(self.p <= level))


def sign_flip_clusters(
    maps: np.ndarray,
    *,
    threshold: float | None = None,
    n_permutations: int = 1000,
    random_state: int | None = 0,
) -> Clusters:
    """Test subjects' maps against zero, two-sided.

    Parameters
    ----------
    maps
        One map a subject, less chance, float, shape (n_subjects, ...) with one axis of the map or
        more; neighbours along an axis touch.
    threshold
        Of t; that of p = .05, two-sided, when not given.
    n_permutations
        Sign flips drawn; all of them are used when subjects are twelve or fewer and there are no
        more than these.
    random_state
        Seed.

    Raises
    ------
    InputError
        If there are fewer than three subjects, no axis, or values that are not finite.
    """
    values = np.asarray(maps, dtype=float)
    if values.ndim < 2 or len(values) < 3 or values.size == 0:
        raise InputError(
            f"a cluster test needs maps of three subjects or more, shape (n_subjects, ...); got "
            f"{values.shape}"
        )
    if not np.isfinite(values).all():
        raise InputError("the maps hold NaN or infinity; drop those subjects or points first")
    n, shape = len(values), values.shape[1:]
    flat = values.reshape(n, -1)
    cut = float(stats.t.isf(0.025, n - 1)) if threshold is None else threshold
    observed = _t(np.ones((1, n)), flat).reshape(shape)
    flips = _flips(n, n_permutations, np.random.default_rng(random_state))
    step = max(1, CHUNK_VALUES // flat.shape[1])
    largest = [
        largest_masses(_t(flips[i : i + step], flat).reshape(-1, *shape), cut)
        for i in range(0, len(flips), step)
    ]
    return judge(observed, np.concatenate(largest), cut)


def null_clusters(observed: np.ndarray, null: np.ndarray, *, threshold: float = 2.0) -> Clusters:
    """Test one map against maps made under the null, such as those of permuted labels, two-sided.

    Parameters
    ----------
    observed
        The map, any shape.
    null
        Maps of the null, shape (n_permutations, ...); they also give each point's mean and
        deviation, in whose units the threshold is.
    threshold
        Deviations beyond which a point may belong to a cluster.

    Raises
    ------
    InputError
        If the shapes do not meet or there are fewer than 20 maps of the null.
    """
    if null.shape[1:] != observed.shape or len(null) < 20:
        raise InputError(
            f"a map of the shape {observed.shape} needs a null (n_permutations, *map) of 20 maps "
            f"or more; got {null.shape}"
        )
    mean, spread = null.mean(0), null.std(0)
    spread = np.where(spread > 0, spread, np.inf)
    largest = largest_masses((null - mean) / spread, threshold)
    return judge((observed - mean) / spread, largest, threshold)


def judge(statistic: np.ndarray, largest: np.ndarray, threshold: float) -> Clusters:
    """Form the clusters of a map and hold their masses against the null's largest ones (n,)."""
    labels = np.zeros(statistic.shape, dtype=np.intp)
    masses: list[float] = []
    for sign in (1, -1):
        found, count = ndimage.label(sign * statistic > threshold)
        labels[found > 0] = found[found > 0] + len(masses)
        masses += ndimage.sum(statistic, found, np.arange(1, count + 1)).tolist()
    mass = np.array(masses)
    order = np.argsort(-np.abs(mass), kind="stable")
    rank = np.zeros(len(mass) + 1, dtype=np.intp)
    rank[order + 1] = np.arange(1, len(mass) + 1)
    mass = mass[order]
    exceed = (largest >= np.abs(mass)[:, None] * (1 - 1e-9)).sum(1)
    return Clusters(statistic, rank[labels], mass, (1 + exceed) / (1 + len(largest)), threshold)


def largest_masses(maps: np.ndarray, threshold: float) -> np.ndarray:
    """Largest absolute mass of a cluster in each map, 0 without one: maps (n, ...) -> (n,)."""
    touching = ndimage.generate_binary_structure(maps.ndim, 1)
    touching[[0, -1]] = False
    largest = np.zeros(len(maps))
    size = maps[0].size
    for sign in (1, -1):
        labels, count = ndimage.label(sign * maps > threshold, structure=touching)
        inside = np.flatnonzero(labels)
        label = labels.ravel()[inside]
        mass = np.bincount(label, np.abs(maps.ravel()[inside]), count + 1)[1:]
        owner = np.zeros(count + 1, dtype=np.intp)
        owner[label] = inside // size
        np.maximum.at(largest, owner[1:], mass)
    return largest


def _flips(n: int, n_permutations: int, rng: np.random.Generator) -> np.ndarray:
    if n <= EXACT_SUBJECTS and 2**n - 1 <= n_permutations:
        every = (np.arange(1, 2**n)[:, None] >> np.arange(n)) & 1
        return 1.0 - 2.0 * every
    return 1.0 - 2.0 * rng.integers(0, 2, (n_permutations, n))


def _t(signs: np.ndarray, flat: np.ndarray) -> np.ndarray:
    n = len(flat)
    mean = signs @ flat / n
    variance = np.maximum((flat**2).mean(0) - mean**2, 0) / (n - 1)
    return np.divide(mean, np.sqrt(variance), out=np.zeros_like(mean), where=variance > 1e-300)
