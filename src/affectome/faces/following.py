"""Which neurons follow the face, which the stimulus, which mere movement.

Let n be a neuron's trace, G the columns of one group (face, stimulus or movement) and C those of
the other groups with a constant. With residuals ñ and G̃ after regression on C and an orthonormal
basis Q of G̃, the share of n's remaining variance that only G explains is

    share = ‖Qᵀñ‖² / ‖ñ‖² ,

the squared partial correlation where G has one column. The null shifts Q along the circle against
ñ, which keeps the slowness of both; all shifts at once are one product of Fourier transforms. A
shift is at least as long as neurons stay like themselves. p is (1 + #{shifted ≥ real}) / (1 + n).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import fft
from statsmodels.stats.multitest import multipletests

from affectome.errors import InputError

FEWEST_SHIFTS = 100
BLOCK = 64


@dataclass(frozen=True, eq=False)
class Followed:
    """How each neuron depends on one group of regressors, given the others.

    Attributes
    ----------
    share
        Variance that only this group explains, of what the others leave, shape (n_units,).
    unique
        The same of all variance, less what shifted regressors explain, shape (n_units,).
    r
        Signed partial correlation where the group has one column, else NaN, shape (n_units,).
    p, q
        Circular-shift p, and Benjamini–Hochberg q over neurons, shape (n_units,).
    n_shifts
        Number of shifts.
    """

    share: np.ndarray
    unique: np.ndarray
    r: np.ndarray
    p: np.ndarray
    q: np.ndarray
    n_shifts: int


def follow(
    neurons: np.ndarray,
    groups: Mapping[str, np.ndarray],
    n_shifts: int = 1000,
    random_state: int = 0,
) -> dict[str, Followed]:
    """Test every neuron against every group of regressors, given all the other groups.

    Parameters
    ----------
    neurons
        Traces, shape (n_times, n_units).
    groups
        Name → regressors, shape (n_times, n_columns).
    n_shifts
        Circular shifts of the null.
    random_state
        Seed of the shifts.

    Returns
    -------
    dict
        Name → `Followed`.

    Raises
    ------
    InputError
        If lengths differ, values are not finite, or the recording is too short to be shifted.
    """
    _check(neurons, groups)
    shifts = _choose_shifts(neurons, n_shifts, random_state)
    return {
        name: _follow_one(
            neurons, columns, [c for other, c in groups.items() if other != name], shifts
        )
        for name, columns in groups.items()
    }


def partition_variance(
    neurons: np.ndarray, groups: Mapping[str, np.ndarray], found: Mapping[str, Followed]
) -> dict[str, np.ndarray]:
    """Split each neuron's variance into what each group alone explains and what they share.

    Returns
    -------
    dict
        Each group's ``unique`` share, ``shared`` and ``unexplained``, each of shape (n_units,).
    """
    full = 1 - _left(neurons, list(groups.values()))[1]
    unique = {name: followed.unique for name, followed in found.items()}
    shared = np.maximum(full - np.sum(list(unique.values()), axis=0), 0)
    return {**unique, "shared": shared, "unexplained": 1 - full}


def stimulus_kernels(
    times: np.ndarray,
    onsets: Mapping[str, np.ndarray],
    edges: tuple[float, ...] = (0.0, 1.0, 2.0, 4.0, 8.0),
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


def _check(neurons: np.ndarray, groups: Mapping[str, np.ndarray]) -> None:
    for name, columns in {"neurons": neurons, **groups}.items():
        if columns.ndim != 2 or len(columns) != len(neurons):
            raise InputError(
                f"{name} have the shape {columns.shape}; give (n_times, n_columns) with "
                f"{len(neurons)} times"
            )
        if not np.isfinite(columns).all():
            raise InputError(f"{name} hold values that are NaN or infinite; drop those times first")


def _choose_shifts(neurons: np.ndarray, n_shifts: int, random_state: int) -> np.ndarray:
    n_times = len(neurons)
    shortest = _memory(neurons)
    allowed = np.arange(shortest, n_times - shortest + 1)
    if len(allowed) < FEWEST_SHIFTS:
        raise InputError(
            f"{n_times} samples are too few: neurons stay like themselves for {shortest}, which "
            f"leaves {len(allowed)} shifts, and {FEWEST_SHIFTS} are needed"
        )
    rng = np.random.default_rng(random_state)
    return np.sort(rng.choice(allowed, min(n_shifts, len(allowed)), replace=False))


def _memory(neurons: np.ndarray) -> int:
    """Samples until the mean autocorrelation first falls below 0.1, an eighth of all at most."""
    n_times = len(neurons)
    centred = _scaled(neurons - neurons.mean(axis=0))
    size = fft.next_fast_len(2 * n_times, real=True)
    power = (np.abs(fft.rfft(centred, size, axis=0)) ** 2).mean(axis=1)
    correlation = fft.irfft(power, size)[:n_times]
    below = np.flatnonzero(correlation < 0.1 * correlation[0])
    longest = max(n_times // 8, 1)
    return int(min(below[0], longest)) if len(below) else longest


def _follow_one(
    neurons: np.ndarray, columns: np.ndarray, others: list[np.ndarray], shifts: np.ndarray
) -> Followed:
    rest, left = _left(neurons, others)
    rest = _scaled(rest)
    own = _left(columns, others)[0]
    basis, spectrum, _ = np.linalg.svd(own, full_matrices=False)
    basis = basis[:, spectrum > 1e-8 * max(float(np.linalg.norm(columns)), 1e-12)]
    share = ((basis.T @ rest) ** 2).sum(axis=0)
    null = _shifted_shares(basis, rest, shifts)
    p = (1 + (null >= share - 1e-12).sum(axis=0)) / (1 + len(shifts))
    single = columns.shape[1] == 1 and basis.shape[1] == 1
    r = (_scaled(own).T @ rest)[0] if single else np.full(rest.shape[1], np.nan)
    q = multipletests(p, method="fdr_bh")[1]
    unique = np.maximum(share - null.mean(axis=0), 0) * left
    return Followed(share, unique, r, p, q, len(shifts))


def _shifted_shares(basis: np.ndarray, rest: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Shares explained by the basis shifted along the circle, shape (n_shifts, n_units)."""
    n_times, n_units = rest.shape
    # Padded to a fast length, the linear correlation is wrapped round to the circular one.
    size = fft.next_fast_len(2 * n_times, real=True)
    spectrum = fft.rfft(basis, size, axis=0).conj()
    null = np.zeros((len(shifts), n_units))
    for start in range(0, n_units, BLOCK):
        units = slice(start, start + BLOCK)
        transformed = fft.rfft(rest[:, units], size, axis=0)
        for k in range(spectrum.shape[1]):
            linear = fft.irfft(spectrum[:, [k]] * transformed, size, axis=0)
            null[:, units] += (linear[shifts] + linear[shifts - n_times]) ** 2
    return null


def _left(values: np.ndarray, others: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Residuals after regression on the others and a constant, and the share of variance left."""
    centred = values - values.mean(axis=0)
    total = (centred**2).sum(axis=0)
    if others:
        design = np.column_stack(others)
        basis, spectrum, _ = np.linalg.svd(design - design.mean(axis=0), full_matrices=False)
        basis = basis[:, spectrum > 1e-10 * max(float(spectrum[0]), 1e-300)]
        centred = centred - basis @ (basis.T @ centred)
    return centred, (centred**2).sum(axis=0) / np.where(total > 0, total, 1)


def _scaled(values: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(values, axis=0)
    return values / np.where(norms > 0, norms, 1)
