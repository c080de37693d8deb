"""Which units respond differently to the classes of trials, with the error rate under control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from statsmodels.stats.multitest import fdrcorrection

from affectome.data import check_recording, trial_table, unit_table
from affectome.errors import InputError
from affectome.evidence import permute_within
from affectome.kernels.selectivity import class_moments, statistics_from_moments
from affectome.units._tests import ancova, permutation_p

METHODS = ("parametric", "permutation")
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Selectivity:
    """How units respond to the classes of trials.

    Attributes
    ----------
    table
        A row a unit: what the unit is (``layer``, ``channel``, …), ``F``, ``eta_squared``, ``p``,
        ``q`` (Benjamini–Hochberg over all units that vary), ``selective``, ``preferred`` (the class
        with the largest d′; empty for a unit that never varies) and ``index`` (that d′).
    classes
        Names of the classes, in the order of the rows below.
    d_prime, tuning, mean, sem
        d′, tuning value, mean response and its standard error, shape (n_classes, n_units).
    count
        Trials of each class.
    method
        ``"parametric"`` or ``"permutation"``.
    level
        The false discovery rate at which a unit counts as selective.
    """

    table: pd.DataFrame
    classes: tuple[str, ...]
    d_prime: Floats
    tuning: Floats
    mean: Floats
    sem: Floats
    count: NDArray[np.int64]
    method: str
    level: float

    @property
    def selective(self) -> NDArray[np.bool_]:
        """Whether each unit is selective, shape (n_units,)."""
        return self.table["selective"].to_numpy(dtype=bool)


def selectivity(
    recording: xr.DataArray,
    labels: str | ArrayLike,
    *,
    method: str = "parametric",
    q: float = 0.05,
    covariates: Sequence[str] | ArrayLike | None = None,
    n_permutations: int = 2000,
    blocks: ArrayLike | None = None,
    random_state: int = 0,
    n_jobs: int | None = None,
) -> Selectivity:
    """Test every unit for different responses to the classes, and say which one it prefers.

    Filters of a network, neurons and voxels are treated alike. All units of the recording are one
    family of tests: of the units called selective, a share of ``q`` is expected to be so by chance.

    Parameters
    ----------
    recording
        Dims (trial, unit). A recording with time is averaged over a window first.
    labels
        Name of a trial coordinate, or the class of each trial, shape (n_trials,).
    method
        ``"parametric"``: one-way analysis of variance. ``"permutation"``: the same F against
        permuted labels, for responses that are far from normal; p is then at least
        1 / (n_permutations + 1).
    q
        False discovery rate.
    covariates
        Names of trial coordinates, or values (n_trials, m), to be held constant: what of the
        response motion or brightness explains does not count. d′ is that of the residuals.
    n_permutations
        Permutations (``"permutation"`` only).
    blocks
        Blocks within which labels may be exchanged, shape (n_trials,) (``"permutation"`` only).
    random_state
        Seed of the permutations.
    n_jobs
        Threads over blocks of units; results do not depend on it.

    Raises
    ------
    InputError
        If the labels name fewer than two classes or a class of one trial, or an argument is not
        one of those above.

    References
    ----------
    Benjamini & Hochberg (1995); Liu, Bo, Ding & Fang (2024) for d′ and the index.
    """
    X, codes, classes = _prepare(recording, labels)
    if method not in METHODS or not 0 < q < 1:
        raise InputError(
            f"method is one of {', '.join(METHODS)} and q between 0 and 1; got {method!r} and {q}"
        )
    if covariates is not None and method != "parametric":
        raise InputError("covariates need method='parametric': permuted labels would forget them")
    F = p = eta = None
    if covariates is not None:
        F, p, eta, X = ancova(X, codes, _covariates(recording, covariates))
    moments = class_moments(X, codes, len(classes), n_jobs=n_jobs)
    found = statistics_from_moments(moments, n_jobs=n_jobs)
    if method == "permutation":
        rows = permute_within(codes, blocks, n_permutations, random_state)
        p = permutation_p(X, codes, rows.astype(np.int64))
    alive = found.preferred >= 0
    table = unit_table(recording).assign(
        F=found.F if F is None else F, eta_squared=found.eta_squared if eta is None else eta
    )
    table["p"] = np.where(alive, found.p if p is None else p, 1.0)
    table["q"] = 1.0
    if alive.any():
        table.loc[alive, "q"] = fdrcorrection(table.loc[alive, "p"])[1]
    table["selective"] = table["q"] <= q
    table["preferred"] = np.array([*classes, ""], dtype=object)[found.preferred]
    table["index"] = found.index
    spread = moments.scatter / (moments.count[:, None] - 1)
    return Selectivity(
        table,
        classes,
        found.d_prime,
        found.tuning,
        found.mean,
        np.sqrt(spread / moments.count[:, None]),
        moments.count,
        method,
        q,
    )


def _prepare(
    recording: xr.DataArray, labels: str | ArrayLike
) -> tuple[NDArray[np.floating], NDArray[np.int64], tuple[str, ...]]:
    if check_recording(recording).ndim != 2:
        raise InputError(
            f"selectivity wants the dims ('trial', 'unit'); got {recording.dims}: average over a "
            "window first, such as recording.sel(time=slice(0, 1)).mean('time')"
        )
    if isinstance(labels, str):
        table = trial_table(recording)
        if labels not in table:
            raise InputError(
                f"the trials have no {labels!r}; they have {', '.join(table.columns) or 'nothing'}"
            )
        labels = table[labels].to_numpy()
    names = np.asarray(labels)
    if names.shape != (recording.sizes["trial"],):
        raise InputError(
            f"{recording.sizes['trial']} trials but labels of the shape {names.shape}; give one "
            "class a trial"
        )
    levels, codes, count = np.unique(names, return_inverse=True, return_counts=True)
    if len(levels) < 2:
        raise InputError(f"there is one class only ({levels[0]!s}); at least two are compared")
    if count.min() < 2:
        raise InputError(
            f"the class {levels[count.argmin()]!s} has one trial; at least two are needed to know "
            "how much a response varies"
        )
    return np.asarray(recording.values), codes.astype(np.int64), tuple(map(str, levels))


def _covariates(recording: xr.DataArray, covariates: Sequence[str] | ArrayLike) -> Floats:
    n = recording.sizes["trial"]
    if isinstance(covariates, Sequence) and all(isinstance(c, str) for c in covariates):
        table = trial_table(recording)
        missing = [str(c) for c in covariates if c not in table]
        if missing:
            raise InputError(f"the trials have no covariate {', '.join(missing)}")
        covariates = table[list(covariates)].to_numpy()
    try:
        values = np.asarray(covariates, dtype=np.float64).reshape(n, -1)
    except ValueError as error:
        raise InputError(
            f"covariates are numbers, one row for each of {n} trials: {error}"
        ) from error
    if not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0, 0])
        raise InputError(f"a covariate of trial {row} is NaN or infinite; drop that trial")
    return values
