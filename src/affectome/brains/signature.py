r"""How strongly a published brain pattern is expressed in maps, and whether by chance.

For a map *x* and a pattern *w* over the voxels where the pattern has a weight and the map a value:

.. math:: \mathrm{dot} = x^\top w, \quad \mathrm{cosine} = \frac{x^\top w}{|x||w|}, \quad
          \mathrm{correlation} = \mathrm{cosine}(x - \bar x, w - \bar w)

The dot product keeps the scale of the maps; the cosine is free of it; the correlation is free of
the mean level too (Chang et al. 2015 use the dot product, Kragel et al. 2018 the cosine).

People share their anatomy, and maps are smooth, so *any* smooth pattern is expressed a little by
all of them alike: a t over people tells how alike people are, not that the pattern is the right
one. The p here holds people and their maps and changes the pattern: the mean cosine over people is
held against that of random maps with the pattern's smoothness, mean and spread
(:class:`affectome.evidence.SurrogateMaps`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from affectome.data.images import image_values, same_grid
from affectome.data.shown import Shown, plot_scores
from affectome.errors import InputError, require
from affectome.evidence import NoNullError, Null, SurrogateMaps, group_mean, spatial_test

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Chance = tuple[float | None, float | None, Null | None]

MEASURES = ("dot", "cosine", "correlation")
PRIMARY = "cosine"
N_SURROGATES = 1000
GAP = 0.05
"""A map whose smallest weight is above this share of its largest one was thresholded."""


@dataclass(frozen=True)
class GroupTest:
    """Expression of a pattern by a group.

    Attributes
    ----------
    condition
        What the maps are of.
    measure
        ``"dot"``, ``"cosine"`` or ``"correlation"``.
    n_subjects
        People.
    mean, interval
        Over people; no interval with fewer than three.
    t
        Mean over its standard error, a description of how alike people are; None with fewer than
        three.
    over
        What the interval is drawn over.
    z
        Of the cosine: how many standard deviations of the surrogates it lies from their mean.
    p, null
        Of the cosine: two-sided, against surrogates of the pattern; None where there is no p.
    q
        Corrected over all patterns and conditions of a run, where there is a run.
    why
        Why there is no p.
    """

    condition: str
    measure: str
    n_subjects: int
    mean: float
    interval: tuple[float, float] | None
    t: float | None
    over: str
    z: float | None = None
    p: float | None = None
    null: Null | None = None
    q: float | None = None
    why: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give the test as it goes into ``result.json``; only the cosine has a p."""
        found: dict[str, Any] = {
            "condition": self.condition,
            "measure": self.measure,
            "n_subjects": self.n_subjects,
            "mean": self.mean,
            "interval": None if self.interval is None else list(self.interval),
            "over": self.over,
            "t": self.t,
        }
        if self.measure != PRIMARY:
            return found
        found["p"] = self.p
        if self.null is None:
            return found | {"why": self.why}
        return found | {"z": self.z, "q": self.q, "null": self.null.to_dict()}


@dataclass(frozen=True, repr=False)
class Signature(Shown):
    """How strongly a pattern is expressed.

    Attributes
    ----------
    pattern
        Name of the pattern.
    values
        One row a map: ``subject``, ``condition``, ``dot``, ``cosine``, ``correlation`` and
        ``coverage``, the share of the pattern's squared weights on voxels that the map has.
    tests
        One for each condition and measure.
    n_voxels
        Voxels with a weight on the grid that was used.
    n_places
        How many independent places its smoothness leaves it; None where it has no surrogates.
    resampling
        What was done to the grids, in words.
    thresholded
        Whether small weights were cut from the pattern, so that surrogates stay within what is
        left of it.
    """

    pattern: str
    values: pd.DataFrame
    tests: tuple[GroupTest, ...]
    n_voxels: int
    n_places: float | None
    resampling: str
    thresholded: bool = False

    @property
    def _title(self) -> str:
        return f"Signature {self.pattern} in {len(self.values)} maps"

    @property
    def _lines(self) -> list[str]:
        lines = []
        for one in self.tests:
            if one.measure == PRIMARY:
                ends = one.interval
                around = "" if ends is None else f" [{ends[0]:.3f}, {ends[1]:.3f}]"
                p = one.why or "no p" if one.p is None else f"p = {one.p:.3f}"
                lines.append(f"{one.condition}: {one.measure} {one.mean:.3f}{around}, {p}")
        return [*lines, f"{self.n_voxels:,} voxels; {self.resampling}"]

    def to_frame(self) -> pd.DataFrame:
        """Give how strongly each map expresses the pattern, a row a map."""
        return self.values.copy()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the mean cosine of each condition with its interval."""
        marks = [(t.condition, t.mean, t.interval) for t in self.tests if t.measure == PRIMARY]
        return plot_scores(ax, marks, f"cosine with {self.pattern}", 0.0)

    def to_dict(self) -> dict[str, Any]:
        """Give the tests for ``result.json``."""
        return {
            "pattern": self.pattern,
            "n_maps": len(self.values),
            "n_voxels": self.n_voxels,
            "n_places": self.n_places,
            "coverage": float(self.values["coverage"].median()),
            "resampling": self.resampling,
            "thresholded": self.thresholded,
            "tests": [test.to_dict() for test in self.tests],
        }


def signature(
    maps: Any,
    pattern: Any,
    name: str,
    *,
    subjects: Sequence[str] | None = None,
    conditions: Sequence[str] | None = None,
    resampling: str = "pattern",
    n_surrogates: int = N_SURROGATES,
    random_state: int = 0,
) -> Signature:
    """Measure how strongly a pattern is expressed in maps, beside patterns as smooth as it.

    Parameters
    ----------
    maps
        Four-dimensional image, one volume a map; zero and NaN are voxels without data.
    pattern
        Three-dimensional image of weights; zero and NaN are voxels without a weight.
    name
        Name of the pattern.
    subjects
        Who each map is of; every map a subject of its own when None. Maps of the same subject and
        condition are averaged before the test.
    conditions
        What each map is of, such as an emotion; each is tested apart.
    resampling
        Which side is brought to the other's grid where they differ, by linear interpolation (which
        rings nowhere beyond the pattern's edge): ``"pattern"`` or ``"maps"``.
    n_surrogates
        Random patterns that the expression is held against.
    random_state
        Seed of the surrogates.

    Returns
    -------
    Signature

    Raises
    ------
    InputError
        If the pattern has no weight, pattern and maps do not overlap, or the choice of
        ``resampling`` is unknown.
    """
    if resampling not in {"pattern", "maps"}:
        raise InputError(f"resampling is 'pattern' or 'maps'; got {resampling!r}")
    thresholded = _is_thresholded(image_values(pattern, f"the pattern {name!r}"), name)
    maps, pattern, said = _one_grid(maps, pattern, resampling, name)
    weights = np.nan_to_num(image_values(pattern, f"the pattern {name!r}").astype(float))
    inside = weights != 0
    w = weights[inside]
    if not w.size:
        raise InputError(
            f"the pattern {name!r} has no weight on the grid of the maps; check that both are in "
            "the same space"
        )
    data = image_values(maps, "the maps")[inside].T.astype(float)
    measured = _similarity(data, w)
    if not (measured["coverage"] > 0).all():
        row = int(np.argmin(measured["coverage"] > 0))
        raise InputError(
            f"map {row + 1} has no value on any voxel of the pattern {name!r}; check that both are "
            "in the same space"
        )
    n = len(data)
    values = pd.DataFrame(
        {
            "subject": [f"map-{i + 1:03d}" for i in range(n)] if subjects is None else subjects,
            "condition": ["all"] * n if conditions is None else conditions,
            **measured,
        }
    )
    voxel = np.linalg.norm(maps.affine[:3, :3], axis=0)
    tests, n_places = _group_tests(
        values, data, _Pattern(w, inside, voxel), n_surrogates, random_state
    )
    return Signature(name, values, tests, int(inside.sum()), n_places, said, thresholded)


@dataclass(frozen=True, eq=False)
class _Pattern:
    weights: np.ndarray
    inside: np.ndarray
    voxel_mm: np.ndarray

    def surrogates(self) -> SurrogateMaps:
        return SurrogateMaps(self.weights, self.inside, self.voxel_mm.tolist())


def _is_thresholded(weights: np.ndarray, name: str) -> bool:
    """Whether no weight is small, on the pattern's own grid; weights are checked on the way."""
    if np.isinf(weights).any():
        raise InputError(f"the pattern {name!r} has infinite weights; mask them first")
    size = np.abs(weights[np.isfinite(weights) & (weights != 0)])
    if not size.size:
        raise InputError(f"the pattern {name!r} has no weight: all of its voxels are 0 or NaN")
    return bool(size.min() > GAP * size.max())


def _one_grid(maps: Any, pattern: Any, resampling: str, name: str) -> tuple[Any, Any, str]:
    if same_grid(maps, pattern):
        return maps, pattern, "the grids are the same"
    if resampling == "pattern":
        said = "the pattern is resampled to the grid of the maps (linear)"
        return maps, _resampled(pattern, maps, f"the pattern {name!r}"), said
    return (
        _resampled(maps, pattern, "the maps"),
        pattern,
        ("the maps are resampled to the grid of the pattern (linear; NaN counts as 0)"),
    )


def _resampled(image: Any, to: Any, name: str) -> Any:
    data = np.nan_to_num(image_values(image, name))
    filled = require("nibabel", "fmri").Nifti1Image(data, image.affine)
    resample_to_img = require("nilearn.image", "fmri").resample_to_img
    return resample_to_img(filled, to, interpolation="linear")


def _similarity(X: np.ndarray, w: np.ndarray) -> dict[str, np.ndarray]:
    has = np.isfinite(X) & (X != 0)
    X = np.where(has, X, 0.0)
    n = np.maximum(has.sum(axis=1), 1)
    dot, xx, ww = X @ w, (X**2).sum(axis=1), has @ w**2
    mean_x, mean_w = X.sum(axis=1) / n, has @ w / n
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = dot / np.sqrt(xx * ww)
        correlation = (dot - n * mean_x * mean_w) / np.sqrt(
            (xx - n * mean_x**2) * (ww - n * mean_w**2)
        )
    coverage = ww / (w @ w) if w.size else ww
    return {"dot": dot, "cosine": cosine, "correlation": correlation, "coverage": coverage}


def _group_tests(
    values: pd.DataFrame,
    data: np.ndarray,
    pattern: _Pattern,
    n_surrogates: int,
    random_state: int,
) -> tuple[tuple[GroupTest, ...], float | None]:
    """Describe every measure over people, and hold the cosines against surrogates."""
    groups = list(values.groupby("condition", sort=False))
    directions = np.stack([_direction(rows, data) for _, rows in groups])
    why, n_places = None, None
    chance: list[tuple[float | None, float | None, Null | None]] = [(None, None, None)] * len(
        groups
    )
    try:
        surrogates = pattern.surrogates()
        n_places = surrogates.n_places
        chance = list(
            spatial_test(surrogates, pattern.weights, directions, n_surrogates, random_state)
        )
    except NoNullError as error:
        why = str(error)
    tests = []
    for (condition, rows), (z, p, null) in zip(groups, chance, strict=True):
        people = rows.groupby("subject", sort=False)[list(MEASURES)].mean()
        for measure in MEASURES:
            one = group_mean(people[measure].to_numpy(), "people")
            found = (z, p, null, None, why) if measure == PRIMARY else ()
            tests.append(
                GroupTest(
                    str(condition),
                    measure,
                    len(people),
                    one.value,
                    one.interval,
                    _t(people[measure].to_numpy()),
                    one.over,
                    *found,
                )
            )
    return tuple(tests), n_places


def _direction(rows: pd.DataFrame, data: np.ndarray) -> np.ndarray:
    """Mean over people of their maps of length one, whose product with a pattern is the cosine."""
    maps = np.nan_to_num(data[rows.index])
    maps /= np.linalg.norm(maps, axis=1, keepdims=True)
    share = 1 / rows.groupby("subject")["subject"].transform("size").to_numpy()
    return np.asarray(share @ maps / share.sum())


def _t(values: np.ndarray) -> float | None:
    spread = values.std(ddof=1) if len(values) > 2 else 0.0
    return float(values.mean() / (spread / np.sqrt(len(values)))) if spread > 0 else None
