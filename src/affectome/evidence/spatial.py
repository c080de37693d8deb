r"""Nulls for maps in space: surrogates that are as smooth as a map and have nothing else of it.

Neighbouring voxels are alike, so two maps that have nothing to do with each other agree far more
than as many independent numbers would. A map is therefore held against *surrogates*: random fields
with its variogram (Burt et al. 2020),

.. math:: \gamma(h) = \tfrac12\, \mathrm{E}\,(w(x) - w(x + h))^2 ,

which is taken here over all pairs of voxels at once by Fourier transforms (Marcotte 1996), and
followed by a nugget and a sum of Gaussian covariances with non-negative sills,

.. math:: \gamma(h) = v_0 + \textstyle\sum_j v_j \left(1 - e^{-h^2 / 4 s_j^2}\right) .

The fields are drawn on a padded grid by their spectrum (circulant embedding; Dietrich & Newsam
1997), cut to the voxels of the map, and given its mean and spread. Nothing of the size
voxels × voxels is ever made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import fftn, ifftn, irfftn, next_fast_len, rfftn
from scipy.optimize import nnls

from affectome.errors import InputError
from affectome.evidence.claims import Null, tested
from affectome.evidence.exchange import NoNullError

Array = NDArray[np.float64]

N_WIDTHS = 14
FAR = 0.5
"""Distances up to this share of the diagonal are followed; beyond it too few pairs are left."""
WIDEST = 1 / 3
"""Widest component, as a share of the diagonal in voxels."""
MARGIN = 2.5
"""Padding in widths, beyond which a Gaussian covariance is nothing."""
FEWEST_PLACES = 5.0
"""With fewer independent places a map has no surrogates that differ enough."""


@dataclass(frozen=True, eq=False)
class Variogram:
    """How unlike voxels are that lie a distance apart.

    Attributes
    ----------
    distance
        Mean distance of each bin (mm), shape (n_bins,).
    semivariance
        Half the mean squared difference of the pairs, in variances of the map, shape (n_bins,).
    n_pairs
        Pairs of each bin.
    nugget
        Variance that no two voxels share.
    sills, widths
        Variance and width (mm) of each Gaussian covariance, shape (n_components,).
    """

    distance: Array
    semivariance: Array
    n_pairs: Array
    nugget: float
    sills: Array
    widths: Array

    def covariance(self, squared_distance: Array) -> Array:
        """Covariance of the fitted model; the nugget at distance 0 alone."""
        found = np.where(squared_distance == 0, self.nugget, 0.0)
        for sill, width in zip(self.sills, self.widths, strict=True):
            found = found + sill * np.exp(-squared_distance / (4 * width**2))
        return found


class SurrogateMaps:
    r"""Random maps with the variogram, the mean and the spread of a given one.

    Parameters
    ----------
    values
        The map at its voxels, shape (n_voxels,), in the order of ``np.argwhere(inside)``.
    inside
        Which voxels of the grid they are, shape (x, y, z).
    voxel_mm
        Sides of a voxel in millimetres.

    Attributes
    ----------
    variogram : Variogram
        Of the map.
    n_places : float
        How many independent places the map has: :math:`n^2 / \sum_{xy} \rho(x, y)^2`.

    Raises
    ------
    InputError
        If the shapes don't fit.
    NoNullError
        If the map is the same everywhere, or so smooth that surrogates would hardly differ.
    """

    def __init__(
        self, values: ArrayLike, inside: ArrayLike, voxel_mm: Sequence[float] = (1.0, 1.0, 1.0)
    ) -> None:
        given, mask = np.asarray(values, dtype=np.float64), np.asarray(inside, dtype=bool)
        if mask.ndim != 3 or given.shape != (mask.sum(),) or not np.isfinite(given).all():
            raise InputError(
                f"a map of shape {given.shape} doesn't fill the {int(mask.sum())} voxels of a "
                f"grid of {'×'.join(map(str, mask.shape))} with finite numbers"
            )
        self.mean, self.spread = float(given.mean()), float(given.std())
        if given.size < 2 or self.spread <= 1e-12 * np.abs(given).max():
            raise NoNullError(
                "no p, because the map has the same value everywhere, so that nothing in it can "
                "be rearranged"
            )
        where = np.argwhere(mask)
        box = tuple(slice(a, b) for a, b in zip(where.min(0), where.max(0) + 1, strict=True))
        self._mask = mask[box]
        self._voxel = np.asarray(voxel_mm, dtype=float)
        standard = np.zeros(mask.shape)
        standard[mask] = (given - self.mean) / self.spread
        gamma, pairs, distance = _differences(standard[box], self._mask, self._voxel)
        diagonal = float(np.linalg.norm((np.array(self._mask.shape) - 1) * self._voxel))
        self.variogram = _fitted(gamma, pairs, distance, diagonal, float(self._voxel.min()))
        rho = self.variogram.covariance(distance**2) / self.variogram.covariance(np.zeros(1))
        self.n_places = float(given.size**2 / (pairs * rho**2).sum())
        if self.n_places < FEWEST_PLACES:
            raise NoNullError(
                f"no p, because the map is so smooth that it holds {self.n_places:.1f} independent "
                f"places; {FEWEST_PLACES:g} are needed"
            )
        self._amplitude = self._spectrum()

    def _spectrum(self) -> NDArray[np.float32]:
        used = self.variogram.widths
        reach = MARGIN * float(used.max()) if used.size else 0.0
        shape = [
            next_fast_len(int(n + min(np.ceil(reach / side), n)))
            for n, side in zip(self._mask.shape, self._voxel, strict=True)
        ]
        covariance = self.variogram.covariance(_distances(shape, self._voxel) ** 2)
        # Wrapping round the padded grid leaves tiny negative powers, which no field has.
        power = np.maximum(fftn(covariance).real, 0.0)
        return np.asarray(np.sqrt(power), dtype=np.float32)

    def draw(self, n: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw surrogates, shape (n, n_voxels), with the mean and the spread of the map."""
        found = np.empty((n, int(self._mask.sum())), dtype=np.float32)
        cut = tuple(slice(0, k) for k in self._mask.shape)
        shape = self._amplitude.shape
        for i in range(0, n, 2):
            # Real and imaginary part of a transform of circular noise are independent fields.
            noise = rng.standard_normal((2, *shape), dtype=np.float32)
            fields = ifftn((noise[0] + 1j * noise[1]) * self._amplitude)[cut][self._mask]
            found[i] = fields.real
            if i + 1 < n:
                found[i + 1] = fields.imag
        found -= found.mean(axis=1, keepdims=True)
        found *= self.spread / found.std(axis=1, keepdims=True)
        found += self.mean
        return found


def spatial_test(
    surrogates: SurrogateMaps,
    values: ArrayLike,
    directions: ArrayLike,
    n_surrogates: int = 1000,
    random_state: int = 0,
) -> list[tuple[float, float, Null]]:
    r"""Ask whether a map agrees with others more than maps as smooth as it do.

    The statistic is the product :math:`u^\top (w - \bar w)`: the level of the map is the same
    for all surrogates and is no evidence. Its p is two-sided.

    Parameters
    ----------
    surrogates
        Of the map.
    values
        The map *w*, shape (n_voxels,).
    directions
        What it is held against, such as the mean of people's maps of length one, shape
        (n_directions, n_voxels). All meet the same surrogates.
    n_surrogates
        How many are drawn.
    random_state
        Seed.

    Returns
    -------
    list
        For each direction how many standard deviations of the surrogates the statistic lies from
        their mean, its p, and how its null was drawn.

    Raises
    ------
    InputError
        If fewer than 20 surrogates are asked for.
    """
    if n_surrogates < 20:
        raise InputError(f"{n_surrogates} surrogates give no p below .05; draw 20 or more")
    w, u = np.asarray(values, dtype=float), np.atleast_2d(np.asarray(directions, dtype=float))
    rng = np.random.default_rng(random_state)
    observed = u @ (w - surrogates.mean)
    drawn = np.empty((n_surrogates, len(u)))
    level = surrogates.mean * u.sum(axis=1)
    step = max(2, 2 * (20_000_000 // max(w.size, 1) // 2))
    for start in range(0, n_surrogates, step):
        block = surrogates.draw(min(step, n_surrogates - start), rng)
        drawn[start : start + len(block)] = block @ u.T - level
    scheme = (
        "random maps with the variogram, mean and spread of the pattern, in the same people's maps"
    )
    found = []
    for real, null in zip(observed, drawn.T, strict=True):
        p, claim = tested(float(real), null, scheme, round(surrogates.n_places), "two-sided")
        found.append((float((real - null.mean()) / null.std()), p, claim))
    return found


def _distances(shape: Sequence[int], voxel: Array) -> Array:
    """Distance from the corner on a grid that wraps round, shape ``shape``."""
    x, y, z = (
        side * np.minimum(np.arange(n), n - np.arange(n))
        for n, side in zip(shape, voxel, strict=True)
    )
    return np.sqrt(x[:, None, None] ** 2 + y[None, :, None] ** 2 + z**2)


def _differences(z: Array, mask: NDArray[np.bool_], voxel: Array) -> tuple[Array, Array, Array]:
    r"""Sum over pairs of half their squared differences, pairs, and distance, at every lag.

    :math:`\tfrac12 \sum (z_x - z_{x+h})^2 = \sum z_x^2 m_{x+h} - \sum z_x z_{x+h}`, averaged
    over both directions.
    """
    full = [next_fast_len(2 * n - 1, real=True) for n in z.shape]
    there = rfftn(mask.astype(float), full)
    pairs = np.rint(irfftn(np.abs(there) ** 2, full))
    squares = irfftn((rfftn(z**2, full) * np.conj(there)).real, full)
    products = irfftn(np.abs(rfftn(z, full)) ** 2, full)
    return squares - products, pairs, _distances(full, voxel)


def _fitted(gamma: Array, pairs: Array, distance: Array, diagonal: float, step: float) -> Variogram:
    near = (pairs > 0) & (distance > 0) & (distance <= FAR * diagonal)
    place = np.rint(distance[near] / step).astype(int)
    n = np.bincount(place, pairs[near]).astype(float)
    kept = n > 0
    n = n[kept]
    semivariance = np.bincount(place, gamma[near])[kept] / n
    at = np.bincount(place, (pairs * distance)[near])[kept] / n
    widths = step * np.geomspace(0.4, max(2.0, WIDEST * diagonal / step), N_WIDTHS)
    parts = 1 - np.exp(-(at[:, None] ** 2) / (4 * widths**2))
    # Relative misses count, as near the origin little variance says most about smoothness.
    weight = np.sqrt(n / n.sum()) / np.maximum(semivariance, 0.05)
    design = np.column_stack([np.ones(at.size), parts]) * weight[:, None]
    sills, _ = nnls(design, semivariance * weight)
    used = sills[1:] > 1e-3 * sills.sum()
    nugget = float(sills[0])
    return Variogram(at, semivariance, n, nugget, sills[1:][used], widths[used])
