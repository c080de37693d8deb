"""Which neurons follow the face, which the stimulus, which mere movement.

Traces and sources are averaged in bins of a fifth of a second, and each neuron is tested against
each source, given the others, by the surrogates of :mod:`affectome.evidence.surrogates`. A source
that is held fixed may act before and after, so that a neuron which answers movement half a second
later is not taken for one that follows the face: face and movement enter with lags up to a second
each way, the stimulus in fine bins after its onset. q is Benjamini and Hochberg's over all neurons
and sources that are tested together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from affectome.errors import InputError
from affectome.evidence import fdr
from affectome.evidence.surrogates import (
    Association,
    associate,
    fit_whitener,
    runs_of,
    slow_columns,
    stretches_of,
    why_no_surrogates,
)

BIN = 0.2
LAG = 1.0
COARSE = (0.0, 1.0, 2.0, 4.0, 8.0)
FINE = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)


@dataclass(frozen=True, eq=False)
class Source:
    """What a neuron might follow.

    Attributes
    ----------
    tested
        Columns that are tested, shape (n_times, n_columns).
    held
        Columns that stand for it where it is held fixed, shape (n_times, n_held).
    """

    tested: np.ndarray
    held: np.ndarray


@dataclass(frozen=True, eq=False)
class Followed:
    """How each neuron depends on one source, given the others.

    Attributes
    ----------
    share
        Variance that only this source explains, of what the others leave, shape (n_units,).
    unique
        The same of all the fast variance, less what shifted sources explain, shape (n_units,).
    r
        Signed partial correlation where the source has one column, else NaN, shape (n_units,).
    p, q
        The larger p of shifts and flips, and its q; NaN where there is none, shape (n_units,).
    """

    share: np.ndarray
    unique: np.ndarray
    r: np.ndarray
    p: np.ndarray
    q: np.ndarray


@dataclass(frozen=True, eq=False)
class Followers:
    """Every neuron against every source.

    Attributes
    ----------
    by_source
        Source → `Followed`.
    n_stretches
        Stretches whose contributions change sign.
    n_draws
        Shifts, and flips.
    why
        Why there is no p; None where there is one.
    """

    by_source: dict[str, Followed]
    n_stretches: int
    n_draws: int
    why: str | None


def follow(
    neurons: np.ndarray,
    sources: Mapping[str, Source],
    times: np.ndarray,
    onsets: np.ndarray,
    n_draws: int = 1000,
    random_state: int = 0,
    tested: Mapping[str, tuple[str, np.ndarray, np.ndarray | None]] | None = None,
) -> Followers:
    """Test every neuron against every source, given all the other sources.

    Parameters
    ----------
    neurons
        Traces, shape (n_times, n_units).
    sources
        Name → what is held fixed and, by default, tested.
    times
        Seconds, shape (n_times,).
    onsets
        Seconds of all events, which part the recording into stretches.
    n_draws
        Shifts, and flips, of the null.
    random_state
        Seed of both.
    tested
        What to test instead: name → the source that it belongs to, which is not held fixed, its
        columns, and columns of that source that are held fixed nevertheless.

    Returns
    -------
    Followers

    Raises
    ------
    InputError
        If lengths differ or values are not finite.
    """
    _check(neurons, sources)
    asked = tested or {name: (name, source.tested, None) for name, source in sources.items()}
    runs, stretches = runs_of(times), stretches_of(times, onsets)
    slow = slow_columns(times, runs)
    full = np.column_stack([source.held for source in sources.values()])
    why = why_no_surrogates(times, stretches, full.shape[1] + slow.shape[1])
    n_stretches = len(np.unique(stretches))
    if why is not None:
        nothing = np.full(neurons.shape[1], np.nan)
        empty = {name: Followed(*[nothing] * 5) for name in asked}
        return Followers(empty, n_stretches, 0, why)
    given = {name: _held(sources, of, rest) for name, (of, _, rest) in asked.items()}
    found: dict[str, list[Association]] = {name: [] for name in asked}
    for k, trace in enumerate(neurons.T):
        whitener = fit_whitener(trace, full, slow, runs)
        for name, (_, columns, _) in asked.items():
            one = (trace, columns, given[name], whitener, runs, stretches)
            found[name].append(associate(*one, n_draws, random_state + k))
    p = np.array([[one.p for one in row] for row in found.values()])
    q = fdr(p.ravel()).reshape(p.shape)
    by_source = {
        name: Followed(
            np.array([one.share for one in row]),
            np.array([one.unique for one in row]),
            np.array([one.r for one in row]),
            p[at],
            q[at],
        )
        for at, (name, row) in enumerate(found.items())
    }
    return Followers(by_source, n_stretches, n_draws, None)


def binned(
    values: np.ndarray, times: np.ndarray, width: float = BIN
) -> tuple[np.ndarray, np.ndarray]:
    """Average values in bins of time; bins without a sample are left out.

    Parameters
    ----------
    values
        Shape (n_times, n_columns).
    times
        Seconds, rising, shape (n_times,).
    width
        Width of a bin, s; samples that are farther apart stay as they are.

    Returns
    -------
    values : ndarray
        Shape (n_bins, n_columns).
    times : ndarray
        Mean time of each bin's samples.
    """
    if np.median(np.diff(times)) > 0.75 * width:
        return values, times
    place = np.floor((times - times[0]) / width + 1e-6).astype(int)
    _, codes, counts = np.unique(place, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), 1 + values.shape[1]))
    np.add.at(sums, codes, np.column_stack([times, values]))
    means = sums / counts[:, None]
    return means[:, 1:], means[:, 0]


def lagged(columns: np.ndarray, times: np.ndarray, reach: float = LAG) -> np.ndarray:
    """Give columns with their copies earlier and later by up to a reach (s), edges held.

    Returns
    -------
    ndarray
        Shape (n_times, n_columns · n_lags), the column itself among the lags.
    """
    n_steps = max(round(reach / float(np.median(np.diff(times)))), 1)
    last = len(columns) - 1
    at = np.arange(len(columns))
    steps = range(-n_steps, n_steps + 1)
    return np.column_stack([columns[np.clip(at + step, 0, last)] for step in steps])


def stimulus_kernels(
    times: np.ndarray,
    onsets: Mapping[str, np.ndarray],
    edges: tuple[float, ...] = COARSE,
) -> dict[str, np.ndarray]:
    """Give regressors that let a neuron answer a stimulus with a course of its own.

    Parameters
    ----------
    times
        Seconds, shape (n_times,).
    onsets
        Stimulus → seconds of its onsets.
    edges
        Bounds of the bins after an onset, s; one column a bin, 1 inside it.

    Returns
    -------
    dict
        Stimulus → regressors, shape (n_times, n_bins).

    Raises
    ------
    InputError
        If no sample lies in the bins of a stimulus.
    """
    made = {}
    for name, seconds in onsets.items():
        since = np.subtract.outer(times, np.asarray(seconds, dtype=float))
        columns = [((since >= low) & (since < high)).any(axis=1) for low, high in pairwise(edges)]
        made[name] = np.column_stack(columns).astype(float)
        if not made[name].any():
            raise InputError(
                f"no sample of the recording lies within {edges[-1]:g} s after a {name}; the "
                f"events run from {np.min(seconds):g} to {np.max(seconds):g} s, the recording from "
                f"{times[0]:g} to {times[-1]:g} s: check that they share a clock"
            )
    return made


def align_clocks(
    values: np.ndarray, times: np.ndarray, wanted: np.ndarray, tolerance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Take the sample nearest to each wanted time, where one is near enough.

    Parameters
    ----------
    values
        Shape (n_times, …).
    times
        Their seconds, rising, shape (n_times,).
    wanted
        Seconds to have values at, shape (n_wanted,).
    tolerance
        Largest distance in s.

    Returns
    -------
    values : ndarray
        Shape (n_found, …).
    found : ndarray
        Which of the wanted times they belong to, indices of shape (n_found,).

    Raises
    ------
    InputError
        If the clocks don't overlap within the tolerance.
    """
    right = np.clip(np.searchsorted(times, wanted), 1, len(times) - 1)
    nearest = np.where(wanted - times[right - 1] <= times[right] - wanted, right - 1, right)
    found = np.flatnonzero(np.abs(times[nearest] - wanted) <= tolerance)
    if len(found) == 0:
        raise InputError(
            f"the clocks don't overlap: one runs from {times[0]:g} to {times[-1]:g} s, the other "
            f"from {wanted[0]:g} to {wanted[-1]:g} s, and no samples are within {tolerance:g} s; "
            "give the offset between them"
        )
    return values[nearest[found]], found


def _held(sources: Mapping[str, Source], of: str, rest: np.ndarray | None) -> np.ndarray:
    """Columns that are held fixed when one source is tested."""
    parts = [source.held for other, source in sources.items() if other != of]
    parts += [] if rest is None else [rest]
    n_times = len(next(iter(sources.values())).tested)
    return np.column_stack([np.zeros((n_times, 0)), *parts])


def _check(neurons: np.ndarray, sources: Mapping[str, Source]) -> None:
    shown = {name: source.tested for name, source in sources.items()}
    for name, columns in {"neurons": neurons, **shown}.items():
        if columns.ndim != 2 or len(columns) != len(neurons):
            raise InputError(
                f"{name} have the shape {columns.shape}; give (n_times, n_columns) with "
                f"{len(neurons)} times"
            )
        if not np.isfinite(columns).all():
            raise InputError(f"{name} hold values that are NaN or infinite; drop those times first")
