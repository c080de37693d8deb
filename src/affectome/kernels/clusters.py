r"""Cluster permutation test: where a map differs from chance, and how surely.

Points of a statistic beyond a threshold that touch each other form a cluster; its mass is the sum
of the statistic over it (Maris & Oostenveld 2007). A cluster is judged against the largest mass
anywhere in each map of the null, so the error is controlled over the whole map, whatever its size:

.. math:: p = \frac{1 + \#\{b : \max_c |m_{b,c}| \ge |m|\}}{1 + B} .

The statistic of a point is its distance from the mean of all maps, the observed one among them, in
their standard deviations: so the observed map is one of B + 1 that are alike under the null.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from affectome.errors import InputError


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


def null_clusters(observed: np.ndarray, null: np.ndarray, *, threshold: float = 2.0) -> Clusters:
    """Test one map against maps made under the null, such as those of permuted labels, two-sided.

    Parameters
    ----------
    observed
        The map, any shape.
    null
        Maps of the null, shape (n_permutations, ...).
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
    n = len(null) + 1
    mean = (null.sum(0) + observed) / n
    spread = np.sqrt((((null - mean) ** 2).sum(0) + (observed - mean) ** 2) / n)
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
