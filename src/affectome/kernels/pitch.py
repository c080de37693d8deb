r"""Fundamental frequency by autocorrelation of frames, joined to the best path (Boersma 1993).

The autocorrelation of a windowed frame is divided by that of the window,

.. math:: r_x(\tau) = r_{xw}(\tau) / r_w(\tau),

so that a periodic sound reaches 1 at its period. Maxima of :math:`r_x` are candidates; the path
through them (and through "unvoiced") has the greatest sum of strengths less the costs of octave
jumps and of changes between voiced and unvoiced (Viterbi).

References
----------
Boersma 1993, Proc. Institute of Phonetic Sciences 17, 97–110.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import irfft, next_fast_len, rfft

STEP = 0.01
FLOOR, CEILING = 75.0, 600.0
PERIODS_PER_WINDOW = 3.0
SILENCE, VOICING = 0.03, 0.45
OCTAVE, OCTAVE_JUMP, VOICED_UNVOICED = 0.01, 0.35, 0.14
CANDIDATES = 15
SINC_DEPTH = 30
FRAMES_AT_ONCE = 2048


def pitch(
    signal: np.ndarray, rate: float, floor: float = FLOOR, ceiling: float = CEILING
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Track the fundamental frequency of a sound.

    Parameters
    ----------
    signal
        Sound, shape (n_samples,).
    rate
        Samples a second.
    floor, ceiling
        Lowest and highest frequency looked for, hertz.

    Returns
    -------
    times : ndarray
        Centres of the frames in seconds, shape (n_frames,), 10 ms apart; empty where the sound is
        shorter than three periods of ``floor``.
    frequency : ndarray
        Hertz, 0 where unvoiced, shape (n_frames,).
    strength : ndarray
        Autocorrelation at the period, 0 where unvoiced, shape (n_frames,).
    """
    x = np.ascontiguousarray(signal, dtype=np.float64)
    half = int(PERIODS_PER_WINDOW / floor * rate) // 2 - 1
    width = 2 * half
    times = frame_times(len(x), rate, PERIODS_PER_WINDOW / floor)
    peak = np.abs(x - x.mean()).max() if len(x) else 0.0
    if len(times) == 0 or peak == 0:
        return times, np.zeros(len(times)), np.zeros(len(times))
    period = int(rate / floor)
    firsts = np.floor(times * rate - 0.5).astype(int) + 1 - half
    window = 0.5 - 0.5 * np.cos(np.arange(1, width + 1) * 2 * math.pi / (width + 1))
    size = next_fast_len(width + width // 2, real=True)
    lags = width // 2 + 1
    own = irfft(np.abs(rfft(window, size)) ** 2, size)[:lags]
    padded = np.pad(x, period)
    longest = min(int(width / PERIODS_PER_WINDOW) + 2, lags - SINC_DEPTH)
    frequency = np.zeros((len(times), CANDIDATES))
    strength = np.zeros((len(times), CANDIDATES))
    loudness = np.zeros(len(times))
    for begin in range(0, len(times), FRAMES_AT_ONCE):
        rows = slice(begin, begin + FRAMES_AT_ONCE)
        start = np.clip(firsts[rows], 0, len(x) - width)
        frames = sliding_window_view(x, width)[start]
        middle = sliding_window_view(padded, 2 * period)[start + half]
        frames = (frames - middle.mean(1, keepdims=True)) * window
        core = frames[:, half - period // 2 : half + period // 2]
        loudness[rows] = np.minimum(1.0, np.abs(core).max(1) / peak)
        r = irfft(np.abs(rfft(frames, size, axis=1)) ** 2, size, axis=1)[:, :lags]
        power = np.where(r[:, :1] > 0, r[:, :1], 1.0)
        r /= power * (own / own[0])
        _candidates(r, rate, floor, ceiling, longest, frequency[rows], strength[rows])
    chosen = _path(frequency, strength, loudness, ceiling)
    place = (np.arange(len(times)), chosen)
    return times, frequency[place], strength[place]


def frame_times(n_samples: int, rate: float, width: float, step: float = STEP) -> np.ndarray:
    """Place frames of ``width`` seconds evenly about the middle of a sound; seconds."""
    duration = n_samples / rate
    n = int((duration - width) / step + 1e-9) + 1 if duration >= width else 0
    return duration / 2 + (np.arange(n) - (n - 1) / 2) * step


@njit(cache=True)
def _sinc(y: np.ndarray, x: float) -> float:
    """Interpolate a symmetric sequence (lags from 0 on) at ``x`` by a windowed sinc."""
    left = math.floor(x)
    part = x - left
    if part == 0.0:
        return y[abs(left)]
    total = 0.0
    for k in range(left - SINC_DEPTH + 1, left + SINC_DEPTH + 1):
        gap = math.pi * (x - k)
        raised = 0.5 + 0.5 * math.cos(gap / (SINC_DEPTH + (part if k <= left else 1 - part)))
        total += y[min(abs(k), len(y) - 1)] * math.sin(gap) / gap * raised
    return total


@njit(cache=True)
def _candidates(
    r: np.ndarray,
    rate: float,
    floor: float,
    ceiling: float,
    longest: int,
    frequency: np.ndarray,
    strength: np.ndarray,
) -> None:
    """Fill in the strongest maxima of each row of ``r``; column 0 stays unvoiced."""
    for f in range(len(r)):
        row = r[f]
        n = 1
        for lag in range(max(2, int(rate / ceiling)), longest):
            if row[lag] <= 0.5 * VOICING or row[lag] <= row[lag - 1] or row[lag] < row[lag + 1]:
                continue
            slope = 0.5 * (row[lag + 1] - row[lag - 1])
            curve = 2 * row[lag] - row[lag - 1] - row[lag + 1]
            at = lag + slope / curve
            for width in (0.25, 0.05):
                before, here, after = _sinc(row, at - width), _sinc(row, at), _sinc(row, at + width)
                curve = 2 * here - before - after
                if curve > 0:
                    shift = 0.5 * (after - before) / curve
                    at += width * min(1.0, max(-1.0, shift))
            height = _sinc(row, at)
            height = 1 / height if height > 1 else height
            where = n
            if n == CANDIDATES:
                where = 1
                for c in range(2, CANDIDATES):
                    if _local(strength[f, c], frequency[f, c], floor) < _local(
                        strength[f, where], frequency[f, where], floor
                    ):
                        where = c
                if _local(height, rate / at, floor) <= _local(
                    strength[f, where], frequency[f, where], floor
                ):
                    continue
            else:
                n += 1
            frequency[f, where] = rate / at
            strength[f, where] = height


@njit(cache=True)
def _local(strength: float, frequency: float, floor: float) -> float:
    return strength - OCTAVE * math.log2(floor / frequency)


@njit(cache=True)
def _path(  # noqa: PLR0912
    frequency: np.ndarray, strength: np.ndarray, loudness: np.ndarray, ceiling: float
) -> np.ndarray:
    """Find the column of each frame on the best path."""
    n, width = frequency.shape
    back = np.zeros((n, width), dtype=np.int64)
    best = np.full(width, -np.inf)
    score = np.full(width, -np.inf)
    for f in range(n):
        quiet = 2 - loudness[f] / (SILENCE / (1 + VOICING))
        for c in range(width):
            hz = frequency[f, c]
            if c > 0 and hz == 0:
                score[c] = -np.inf
                continue
            voiced = 0 < hz < ceiling
            own = VOICING + max(0.0, quiet)
            if voiced:
                own = strength[f, c] - OCTAVE * math.log2(ceiling / hz)
            if f == 0:
                score[c] = own
                continue
            top, source = -np.inf, 0
            for p in range(width):
                if best[p] == -np.inf:
                    continue
                before = frequency[f - 1, p]
                was = 0 < before < ceiling
                cost = 0.0
                if was != voiced:
                    cost = VOICED_UNVOICED
                elif voiced:
                    cost = OCTAVE_JUMP * abs(math.log2(before / hz))
                if best[p] - cost > top:
                    top, source = best[p] - cost, p
            score[c] = own + top
            back[f, c] = source
        best[:] = score
    chosen = np.zeros(n, dtype=np.int64)
    chosen[n - 1] = np.argmax(best)
    for f in range(n - 1, 0, -1):
        chosen[f - 1] = back[f, chosen[f]]
    for f in range(n):
        if frequency[f, chosen[f]] >= ceiling:
            chosen[f] = 0
    return chosen
