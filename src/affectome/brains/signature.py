r"""How strongly a published brain pattern is expressed in maps, and whether a group expresses it.

For a map *x* and a pattern *w* over the voxels where the pattern has a weight and the map a value:

.. math:: \mathrm{dot} = x^\top w, \quad \mathrm{cosine} = \frac{x^\top w}{|x||w|}, \quad
          \mathrm{correlation} = \mathrm{cosine}(x - \bar x, w - \bar w)

The dot product keeps the scale of the maps; the cosine is free of it; the correlation is free of
the mean level too (Chang et al. 2015 use the dot product, Kragel et al. 2018 the cosine).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import ttest_1samp

from affectome.data.images import same_grid
from affectome.errors import InputError, require

MEASURES = ("dot", "cosine", "correlation")


@dataclass(frozen=True)
class GroupTest:
    """One-sample t-test of a measure against 0 over subjects, two-sided."""

    condition: str
    measure: str
    n_subjects: int
    mean: float
    interval: tuple[float, float]
    t: float
    p: float


@dataclass(frozen=True)
class Signature:
    """How strongly a pattern is expressed.

    Attributes
    ----------
    pattern
        Name of the pattern.
    values
        One row a map: ``subject``, ``condition``, ``dot``, ``cosine``, ``correlation`` and
        ``coverage``, the share of the pattern's squared weights on voxels that the map has.
    tests
        One for each condition and measure; none with a single subject.
    n_voxels
        Voxels with a weight on the grid that was used.
    resampling
        What was done to the grids, in words.
    """

    pattern: str
    values: pd.DataFrame
    tests: tuple[GroupTest, ...]
    n_voxels: int
    resampling: str

    def to_dict(self) -> dict[str, Any]:
        """Give the tests for ``result.json``."""
        return {
            "pattern": self.pattern,
            "n_maps": len(self.values),
            "n_voxels": self.n_voxels,
            "coverage": float(self.values["coverage"].median()),
            "resampling": self.resampling,
            "tests": [asdict(test) for test in self.tests],
        }


def signature(
    maps: Any,
    pattern: Any,
    name: str,
    *,
    subjects: Sequence[str] | None = None,
    conditions: Sequence[str] | None = None,
    resample: str = "pattern",
) -> Signature:
    """Measure how strongly a pattern is expressed in maps and test the group.

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
    resample
        Which side is brought to the other's grid where they differ, by linear interpolation (which
        rings nowhere beyond the pattern's edge): ``"pattern"`` or ``"maps"``.

    Returns
    -------
    Signature

    Raises
    ------
    InputError
        If the pattern and the maps do not overlap, or the choice of ``resample`` is unknown.
    """
    if resample not in {"pattern", "maps"}:
        raise InputError(f"resample is 'pattern' or 'maps'; got {resample!r}")
    maps, pattern, said = _one_grid(maps, pattern, resample)
    weights = np.nan_to_num(np.asarray(pattern.dataobj, dtype=float)).ravel()
    chosen = weights != 0
    data = np.asarray(maps.dataobj, dtype=np.float32).reshape(weights.size, -1)[chosen].T
    measured = _similarity(data.astype(float), weights[chosen])
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
    return Signature(name, values, _group_tests(values), int(chosen.sum()), said)


def _one_grid(maps: Any, pattern: Any, resample: str) -> tuple[Any, Any, str]:
    if same_grid(maps, pattern):
        return maps, pattern, "the grids are the same"
    if resample == "pattern":
        said = "the pattern is resampled to the grid of the maps (linear)"
        return maps, _resampled(pattern, maps), said
    return (
        _resampled(maps, pattern),
        pattern,
        ("the maps are resampled to the grid of the pattern (linear; NaN counts as 0)"),
    )


def _resampled(image: Any, to: Any) -> Any:
    data = np.nan_to_num(np.asarray(image.dataobj, dtype=np.float32))
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


def _group_tests(values: pd.DataFrame) -> tuple[GroupTest, ...]:
    tests = []
    for condition, rows in values.groupby("condition", sort=False):
        people = rows.groupby("subject", sort=False)[list(MEASURES)].mean()
        if len(people) < 2:
            continue
        for measure in MEASURES:
            test = ttest_1samp(people[measure], 0)
            low, high = test.confidence_interval()
            tests.append(
                GroupTest(
                    str(condition),
                    measure,
                    len(people),
                    float(people[measure].mean()),
                    (float(low), float(high)),
                    float(test.statistic),
                    float(test.pvalue),
                )
            )
    return tuple(tests)
