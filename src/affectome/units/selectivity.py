"""Which units respond differently to the classes of trials, with the error rate under control.

Stimuli come back, themes hold many pictures and people many trials, so trials are not independent
and no p is taken from an F table. The F of every unit, trials that are alike weighed by what they
add (`affectome.units._alike`), is held against its own F under labels that were rearranged as
`affectome.evidence.exchange_for` says: people, stimuli and themes as wholes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from affectome.data import check_recording, trial_table, unit_table
from affectome.data.shown import Shown, plot_counts
from affectome.errors import InputError
from affectome.evidence import Exchange, Null, exchange_for, fdr, tail_p
from affectome.kernels.selectivity import class_moments, statistics_from_moments
from affectome.units._alike import alikeness, shared_factors, weights
from affectome.units._rearranged import (
    arrangements,
    explained,
    held_constant,
    residual_responses,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
PERMUTATIONS = 2000


@dataclass(frozen=True, eq=False, repr=False)
class Selectivity(Shown):
    """How units respond to the classes of trials.

    Attributes
    ----------
    table
        A row a unit: what the unit is (``layer``, ``channel``, …), ``F`` and ``eta_squared`` of
        single trials, ``p`` (of the weighted F, under rearranged labels), ``q``
        (Benjamini–Hochberg over all units that vary), ``selective``, ``preferred`` (the class with
        the largest d′; empty for a unit that never varies) and ``index`` (that d′). p and q are NaN
        for a unit that never varies, and for all units where ``why`` says so.
    classes
        Names of the classes, in the order of the rows below.
    d_prime, tuning, mean, sem
        d′, tuning value, mean response and its standard error, shape (n_classes, n_units). The
        standard error is that of single trials: it describes, and tests nothing.
    count
        Trials of each class.
    level
        The false discovery rate at which a unit counts as selective.
    null
        What was rearranged; None where there is no p.
    why
        Why there is no p; None where there is one.
    """

    table: pd.DataFrame
    classes: tuple[str, ...]
    d_prime: Floats = field(repr=False)
    tuning: Floats = field(repr=False)
    mean: Floats = field(repr=False)
    sem: Floats = field(repr=False)
    count: NDArray[np.int64]
    level: float
    null: Null | None
    why: str | None

    @property
    def _title(self) -> str:
        n = len(self.table)
        if self.why is not None:
            return f"Selectivity of {n:,} units: {self.why}"
        found = int(self.selective.sum())
        return f"Selectivity: {found:,} of {n:,} units are selective (q < {self.level:g})"

    @property
    def _lines(self) -> list[str]:
        chosen = self._preferred()
        counts = zip(self.classes, self.count.tolist(), strict=True)
        drawn = [] if self.null is None else [f"null: {self.null.scheme}"]
        return [
            f"trials: {', '.join(f'{name} {n}' for name, n in counts)}",
            f"selective units prefer: {', '.join(f'{name} {n}' for name, n in chosen.items())}",
            *drawn,
        ]

    def _preferred(self) -> pd.Series:
        """Selective units by the class that they prefer."""
        preferred = self.table.loc[self.selective, "preferred"]
        return preferred.value_counts().reindex(list(self.classes), fill_value=0)

    def to_frame(self) -> pd.DataFrame:
        """Give the table, a row a unit."""
        return self.table.copy()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how many selective units prefer each class."""
        return plot_counts(ax, self._preferred(), "selective units")

    @property
    def selective(self) -> NDArray[np.bool_]:
        """Whether each unit is selective, shape (n_units,); for none where there is no p."""
        return self.table["selective"].to_numpy(dtype=bool)

    def strongest(self, by: str | None = None, share: float = 0.1) -> dict[str, NDArray[np.intp]]:
        """Give the units of each place with the largest F.

        Filters of a layer, neurons of an area and voxels of a region are ranked alike, for lesions
        and whatever else wants the units that differ most between the classes. Whether they are
        selective is another question, which `selective` answers.

        Parameters
        ----------
        by
            Column of the units, such as ``"layer"`` or ``"region"``; all units are one place,
            called ``"all"``, when not given.
        share
            Share of a place's units that is given (one unit at least), below one half so that
            units like them are left to compare with.

        Returns
        -------
        dict
            Place → numbers of its units, counted within the place, sorted. Places where fewer than
            two units vary are missing.
        """
        places = np.full(len(self.table), "all") if by is None else self.table[by].to_numpy()
        found = {}
        for place in pd.unique(places):
            table = self.table[places == place].reset_index(drop=True)
            varying = table[table["preferred"] != ""]
            if len(varying) > 1:
                most = max(1, int(len(table) * share))
                best = varying.nlargest(min(most, len(varying) // 2), "F", keep="first")
                found[str(place)] = np.sort(best.index.to_numpy(dtype=np.intp))
        return found


def selectivity(
    recording: xr.DataArray,
    labels: str | ArrayLike,
    *,
    q: float = 0.05,
    covariates: Sequence[str] | ArrayLike | None = None,
    n_permutations: int = PERMUTATIONS,
    order: str | None = None,
    ignore: Sequence[str] = (),
    random_state: int = 0,
    n_jobs: int | None = None,
) -> Selectivity:
    """Test every unit for different responses to the classes, and say which one it prefers.

    Filters of a network, neurons and voxels are treated alike. All units of the recording are one
    family of tests: of the units called selective, a share of ``q`` is expected to be so by chance.

    Parameters
    ----------
    recording
        Dims (trial, unit). A recording with time is averaged over a window first. The columns of
        its trials say what belongs together: people, stimuli, themes, sessions.
    labels
        Name of a trial coordinate, or the class of each trial, shape (n_trials,).
    q
        False discovery rate.
    covariates
        Names of trial coordinates, or values (n_trials, m), to be held constant: what of the
        response motion or brightness explains does not count. F is that of the classes given the
        covariates, d′ that of the residuals.
    n_permutations
        Rearrangements of the labels. A p that fewer than ten of them reach comes from a gamma tail
        (`affectome.evidence.tail_p`), so that thousands of units can be corrected for.
    order, ignore
        As in `affectome.evidence.exchange_for`: the column that orders trials in time, and columns
        that do not say what belongs together.
    random_state
        Seed of the rearrangements.
    n_jobs
        Threads over blocks of units for the statistics; results do not depend on it.

    Returns
    -------
    Selectivity
        Without p, and with the reason, where the design has nothing that may trade places.

    Raises
    ------
    InputError
        If the labels name fewer than two classes or a class of one trial, or an argument is not
        one of those above.

    References
    ----------
    Benjamini & Hochberg (1995); Winkler et al. (2014, 2016) for rearrangements given covariates and
    for the tail; Liu, Bo, Ding & Fang (2024) for d′ and the index.
    """
    X, codes, classes = prepared(recording, labels)
    if not 0 < q < 1:
        raise InputError(f"q is a false discovery rate between 0 and 1; got {q}")
    if n_permutations < 1:
        raise InputError(f"n_permutations is at least 1; got {n_permutations}")
    given = None if covariates is None else _covariates(recording, covariates)
    base = held_constant(len(X), given)
    free = len(X) - base.shape[1] - len(classes) + 1
    if free < 1:
        raise InputError(
            f"{base.shape[1] - 1} covariates of {len(X)} trials leave nothing of the "
            f"{len(classes)} classes to test; give fewer covariates or more trials"
        )
    ignored = (*ignore, labels) if isinstance(labels, str) else tuple(ignore)
    exchange = exchange_for(trial_table(recording), codes, order=order, ignore=ignored)
    if exchange.why_not is None:
        rows = exchange.draw(n_permutations, random_state)
    else:
        rows = np.empty((0, len(X)), np.int64)
    factors = shared_factors(trial_table(recording), codes, order, ignored)
    weighed = weights(base, factors, alikeness(X, factors, random_state))
    p = _tested(X, codes, rows, len(classes), weighed)
    left_over = X if given is None else residual_responses(X, base)[0]
    moments = class_moments(left_over, codes, len(classes), n_jobs=n_jobs)
    statistics = statistics_from_moments(moments, n_jobs=n_jobs)
    alive = statistics.preferred >= 0
    table = unit_table(recording)
    if given is None:
        table = table.assign(F=statistics.F, eta_squared=statistics.eta_squared)
    else:
        real = arrangements(codes[None], len(classes), base)
        share = np.concatenate([found[0] for _, found in explained(X, real)])
        left = np.maximum(1 - share, np.finfo(float).tiny)
        table = table.assign(F=share / (len(classes) - 1) / left * free, eta_squared=share)
    table["p"] = np.where(alive, p, np.nan)
    table["q"] = fdr(table["p"].to_numpy())
    table["selective"] = table["q"].to_numpy() <= q
    table["preferred"] = np.array([*classes, ""], dtype=object)[statistics.preferred]
    table["index"] = np.where(alive, statistics.index, np.nan)
    spread = moments.scatter / (moments.count[:, None] - 1)
    return Selectivity(
        table,
        classes,
        statistics.d_prime,
        statistics.tuning,
        statistics.mean,
        np.sqrt(spread / moments.count[:, None]),
        moments.count,
        q,
        _null(exchange, len(rows), int(alive.sum())),
        exchange.why_not and f"no p, because {exchange.why_not}",
    )


def _tested(
    X: NDArray[np.floating],
    codes: NDArray[np.int64],
    rows: NDArray[np.integer],
    n_classes: int,
    base: Floats,
) -> Floats:
    """Give the p of each unit; NaN where nothing was rearranged."""
    p = np.full(X.shape[1], np.nan)
    if len(rows):
        drawn = arrangements(np.vstack([codes[None], rows]), n_classes, base)
        distinct = len(np.unique(rows, axis=0))
        for units, found in explained(X, drawn):
            p[units] = tail_p(found[0], found[1:], distinct)
    return p


def _null(exchange: Exchange, n_rows: int, n_units: int) -> Null | None:
    if exchange.why_not is not None:
        return None
    correction = f"Benjamini–Hochberg over {n_units} units"
    return Null(exchange.scheme, exchange.n_groups, n_rows, correction)


def prepared(
    recording: xr.DataArray, labels: str | ArrayLike
) -> tuple[NDArray[np.floating], NDArray[np.int64], tuple[str, ...]]:
    """Responses (n_trials, n_units), the class of each trial from 0 on, and the classes.

    Raises
    ------
    InputError
        If they do not meet, or there are fewer than two classes, or a class of one trial.
    """
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
