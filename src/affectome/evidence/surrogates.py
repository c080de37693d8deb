"""Surrogates for slow series: does x go with G beyond what others explain, or are both just slow?

Two slow series that know nothing of each other correlate (Yule 1926), and circular shifts keep
neither their trends nor how few independent stretches they have. So x is first made fast. Let D
hold the other sources, slow cosines and a constant for each run, and φ be an autoregression of the
residual of x on G and D, of the order that the BIC asks for. Every column is filtered alike,

    x̃(t) = x(t) - Σ_k φ_k x(t - k) ,

which is generalised least squares (Cochrane & Orcutt 1949), and rhythms that stand out of the
residual (Fisher 1929) join D. With r the residual of x̃ on D̃ and Q an orthonormal basis of that of
G̃,

    share = ‖Qᵀr‖² / ‖r‖² .

Two nulls are made. **Shifts** of r along the circle against Q keep what autoregression left of the
rhythm of each. **Flips** multiply the contributions Q(t) r(t) of whole stretches, trial by trial,
by ±1 (Hemerik, Goeman & Finos 2020), and so keep that both are large at the same moments, as after
events. Each fails where the other holds, and p is the larger of the two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

GAP = 5.0
MOST_LAGS = 12
ROUNDS = 3
PERIOD = 60.0
MOST_RHYTHMS = 4
STANDS_OUT = 0.001
FEWEST_SAMPLES = 150
FEWEST_STRETCHES = 10
SHORTEST, LONGEST = 4.0, 20.0
PADDING = 8

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Whitener:
    """What makes one series fast.

    Attributes
    ----------
    past
        Autoregression: weights of the values before, the nearest first.
    slow
        Slow columns and rhythms that its regressions hold, shape (n_times, n_columns).
    """

    past: Array
    slow: Array


@dataclass(frozen=True)
class Association:
    """How a series goes with a source, given others.

    Attributes
    ----------
    share
        Part of the fast series' variance, as others leave it, that the source explains.
    unique
        The same of what all sources leave and explain, less what shifted sources explain.
    r
        Signed partial correlation of the fast series where the source has one column, else NaN.
    p
        The larger p of shifts and flips.
    """

    share: float
    unique: float
    r: float
    p: float


def runs_of(times: ArrayLike) -> NDArray[np.intp]:
    """Number the runs of a recording, parted by gaps of more than five sampling intervals."""
    steps = np.diff(np.asarray(times, dtype=float))
    return np.concatenate([[0], np.cumsum(steps > GAP * np.median(steps))]).astype(np.intp)


def stretches_of(times: ArrayLike, onsets: ArrayLike = (), lead: float = 1.0) -> NDArray[np.intp]:
    """Number the stretches of a recording that are flipped as wholes.

    A stretch begins one second before an onset, so that a trial lies in one; it lasts 4 s at the
    least, and where there are no onsets 20 s at the most.

    Parameters
    ----------
    times
        Seconds, rising, shape (n_times,).
    onsets
        Seconds of events, in any order.
    lead
        Seconds before an onset.
    """
    seconds = np.asarray(times, dtype=float)
    starts = [float(seconds[0])]
    for start in [*np.sort(np.asarray(onsets, dtype=float) - lead), float(seconds[-1])]:
        n_parts = int(max(start - starts[-1], 0) // LONGEST)
        starts += [starts[-1] + LONGEST * k for k in range(1, n_parts + 1)]
        if start - starts[-1] >= SHORTEST and seconds[-1] - start >= SHORTEST:
            starts.append(float(start))
    return np.searchsorted(np.array(starts[1:]), seconds, side="right").astype(np.intp)


def why_no_surrogates(times: ArrayLike, stretches: ArrayLike, n_columns: int) -> str | None:
    """Say why a recording can't give surrogates; None where it can."""
    free = len(np.asarray(times)) - n_columns
    n_stretches = len(np.unique(np.asarray(stretches)))
    if free < FEWEST_SAMPLES:
        return (
            f"no p, because {len(np.asarray(times))} samples are too few for {n_columns} "
            f"regressors: {FEWEST_SAMPLES} more than those are needed"
        )
    if n_stretches < FEWEST_STRETCHES:
        return (
            f"no p, because the recording has {n_stretches} stretches (trials, or {LONGEST:g} s "
            f"without one), and {FEWEST_STRETCHES} are needed"
        )
    return None


def slow_columns(times: ArrayLike, runs: NDArray[np.intp], period: float = PERIOD) -> Array:
    """A constant for each run, a line, and cosines slower than a period (s)."""
    seconds = np.asarray(times, dtype=float)
    place = (seconds - seconds[0]) / (seconds[-1] - seconds[0])
    n_cosines = int(2 * (seconds[-1] - seconds[0]) // period)
    columns = [runs == run for run in range(int(runs[-1]) + 1)]
    columns += [place, *(np.cos(np.pi * k * place) for k in range(1, n_cosines + 1))]
    return np.column_stack(columns).astype(np.float64)


def fit_whitener(series: Array, design: Array, slow: Array, runs: NDArray[np.intp]) -> Whitener:
    """Fit the autoregression of what a design and slow columns leave of a series.

    Parameters
    ----------
    series
        Shape (n_times,).
    design
        All sources, shape (n_times, n_columns).
    slow
        Shape (n_times, n_slow), from `slow_columns`.
    runs
        Run of each time, from `runs_of`.
    """
    known = slow
    left = _residual(series, np.column_stack([design, known]))
    past = np.zeros(0)
    for turn in range(ROUNDS):
        full = np.column_stack([design, known])
        past = _autoregression(left, runs)
        fast, columns = _filtered(series, past, runs), _filtered(full, past, runs)
        weights = np.linalg.lstsq(columns, fast, rcond=1e-10)[0]
        if turn == 0:
            rhythms = _rhythms(fast - columns @ weights, len(series))
            if rhythms.shape[1]:
                known = np.column_stack([slow, rhythms])
                left = _residual(series, np.column_stack([design, known]))
                continue
        left = series - full @ weights
    return Whitener(past, known)


def associate(
    series: Array,
    source: Array,
    given: Array,
    whitener: Whitener,
    runs: NDArray[np.intp],
    stretches: NDArray[np.intp],
    n_draws: int = 1000,
    random_state: int = 0,
) -> Association:
    """Test whether a series goes with a source, given others.

    Parameters
    ----------
    series
        Shape (n_times,).
    source
        Shape (n_times, n_columns).
    given
        The other sources, shape (n_times, n_others).
    whitener
        Of the series, fitted with all sources.
    runs, stretches
        Run and stretch of each time.
    n_draws
        Shifts, and flips.
    random_state
        Seed of both.
    """
    fast, own, rest = (
        _filtered(v, whitener.past, runs)
        for v in (series, source, np.column_stack([given, whitener.slow]))
    )
    others = _basis(rest)
    left = fast - others @ (others.T @ fast)
    scaled = left / max(float(np.linalg.norm(left)), 1e-300)
    partial = own - others @ (others.T @ own)
    basis = _basis(partial, float(np.linalg.norm(own)))
    share = float(((basis.T @ scaled) ** 2).sum())
    rng = np.random.default_rng(random_state)
    lags = np.arange(MOST_LAGS, len(scaled) - MOST_LAGS)
    lags = np.sort(rng.choice(lags, min(n_draws, len(lags)), replace=False))
    shifted = _shifted(basis, scaled, lags)
    where = _filtered(stretches, np.zeros(len(whitener.past)), runs)
    flipped = _flipped(basis * scaled[:, None], where, n_draws, rng)
    p = max(_at_least(share, shifted), _at_least(share, flipped))
    centred = fast - fast.mean()
    remains = float(left @ left) / max(float(centred @ centred), 1e-300)
    single = source.shape[1] == 1 and basis.shape[1] == 1
    r = float(basis[:, 0] @ scaled * np.sign(basis[:, 0] @ partial[:, 0])) if single else np.nan
    return Association(share, max(share - float(shifted.mean()), 0.0) * remains, r, p)


def _at_least(observed: float, null: Array) -> float:
    return float((1 + (null >= observed - 1e-12).sum()) / (1 + len(null)))


def _autoregression(residual: Array, runs: NDArray[np.intp]) -> Array:
    """Weights of past values by least squares, as many as the BIC asks for."""
    rows = np.arange(MOST_LAGS, len(residual))
    rows = rows[runs[rows] == runs[rows - MOST_LAGS]]
    lagged = np.column_stack([residual[rows - k] for k in range(MOST_LAGS + 1)])
    moments = lagged.T @ lagged
    least, chosen = np.log(max(moments[0, 0], 1e-300)) * len(rows), np.zeros(0)
    for order in range(1, MOST_LAGS + 1):
        now = moments[1 : order + 1, 0]
        found = np.linalg.lstsq(moments[1 : order + 1, 1 : order + 1], now, rcond=1e-12)[0]
        left = max(moments[0, 0] - float(found @ now), 1e-300)
        value = np.log(left) * len(rows) + order * np.log(len(rows))
        if value < least:
            least, chosen = value, found
    return chosen


def _filtered(values: NDArray[np.generic], past: Array, runs: NDArray[np.intp]) -> Array:
    """Take what the past tells off each value; the first values of each run are left out."""
    order = len(past)
    made = np.asarray(values[order:], dtype=float).copy()
    for k, weight in enumerate(past, start=1):
        made -= weight * values[order - k : len(values) - k]
    return made[runs[order:] == runs[: len(runs) - order]]


def _rhythms(fast: Array, n_times: int) -> Array:
    """Sine and cosine of each rhythm that stands out of a fast series, shape (n_times, …)."""
    columns: list[Array] = []
    place = np.arange(n_times)
    left = fast
    for _ in range(MOST_RHYTHMS):
        power = np.abs(fft.rfft(left, PADDING * len(left))) ** 2
        usual = float(np.median(power[PADDING::PADDING])) / np.log(2)
        peak = int(power[PADDING:].argmax()) + PADDING
        if power[peak] < usual * np.log(len(left) / 2 / STANDS_OUT):
            break
        angle = 2 * np.pi * peak / (PADDING * len(left)) * place
        columns += [np.cos(angle), np.sin(angle)]
        left = _residual(fast, np.column_stack(columns)[n_times - len(fast) :])
    return np.column_stack(columns) if columns else np.zeros((n_times, 0))


def _shifted(basis: Array, rest: Array, lags: NDArray[np.intp]) -> Array:
    """Shares that the basis explains when it is shifted along the circle, shape (n_lags,)."""
    # Padded to a fast length, the linear correlation is wrapped round to the circular one.
    size = fft.next_fast_len(2 * len(rest), real=True)
    product = fft.rfft(basis, size, axis=0).conj() * fft.rfft(rest, size)[:, None]
    linear = fft.irfft(product, size, axis=0)
    return ((linear[lags] + linear[lags - len(rest)]) ** 2).sum(axis=1)


def _flipped(
    contributions: Array, stretches: Array, n_draws: int, rng: np.random.Generator
) -> Array:
    """Shares when the contributions of whole stretches change sign, shape (n_draws,)."""
    names, codes = np.unique(stretches, return_inverse=True)
    sums = np.zeros((len(names), contributions.shape[1]))
    np.add.at(sums, codes, contributions)
    signs = 1.0 - 2.0 * rng.integers(0, 2, (n_draws, len(names)))
    return ((signs @ sums) ** 2).sum(axis=1)


def _basis(columns: Array, size: float | None = None) -> Array:
    basis, spectrum, _ = np.linalg.svd(columns, full_matrices=False)
    least = max(float(spectrum[0]) if size is None else size, 1e-300)
    return basis[:, spectrum > 1e-8 * least]


def _residual(values: Array, columns: Array) -> Array:
    basis = _basis(columns)
    return values - basis @ (basis.T @ values)
