r"""Glottal periods by cross-correlation, and how they vary: jitter and shimmer.

From the greatest excursion in the middle of a voiced stretch, the next period is where the sound
correlates best with the period before, within .8 to 1.25 times its length (Boersma & Weenink's
waveform matching). With periods :math:`T_i` and amplitudes :math:`A_i`,

.. math::

    \mathrm{jitter} = \frac{\overline{|T_{i+1} - T_i|}}{\overline{T_i}}, \quad
    \mathrm{shimmer} = \overline{|20 \log_{10}(A_{i+1} / A_i)|}

over neighbours whose lengths differ by less than a factor of 1.3 and amplitudes by less than 1.6.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

SHORTEST, LONGEST = 1e-4, 0.02
PERIOD_FACTOR, AMPLITUDE_FACTOR = 1.3, 1.6
WEAK, WEAK_AT_EDGE = 0.01, 0.023333
ALIKE, ALIKE_AT_EDGE = 0.3, 0.7


def pulses(signal: np.ndarray, rate: float, times: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """Find the instants of the glottal periods in the voiced stretches of a sound.

    Parameters
    ----------
    signal
        Sound, shape (n_samples,).
    rate
        Samples a second.
    times, frequency
        Pitch track (seconds; hertz, 0 where unvoiced), evenly spaced, shape (n_frames,).

    Returns
    -------
    ndarray
        Seconds, ascending, shape (n_pulses,).
    """
    x = np.ascontiguousarray(signal, dtype=np.float64)
    if len(times) < 2 or not (frequency > 0).any():
        return np.zeros(0)
    return _pulses(x, float(rate), times, np.ascontiguousarray(frequency), np.abs(x).max())


def amplitudes(signal: np.ndarray, rate: float, instants: np.ndarray) -> np.ndarray:
    """Measure the amplitude about each pulse (Hann-windowed root mean square).

    Returns
    -------
    ndarray
        Shape (n_pulses,); NaN where neighbouring periods are too unlike, or missing.
    """
    x = np.ascontiguousarray(signal, dtype=np.float64)
    return _amplitudes(x, float(rate), np.ascontiguousarray(instants))


def jitter_shimmer(
    instants: np.ndarray, amplitude: np.ndarray, centres: np.ndarray, width: float
) -> tuple[np.ndarray, np.ndarray]:
    """Measure local jitter and shimmer about each of many times.

    Parameters
    ----------
    instants, amplitude
        Pulses (seconds) and their amplitudes, shape (n_pulses,).
    centres
        Seconds, ascending, shape (n_frames,).
    width
        Seconds about a centre in which pulses count.

    Returns
    -------
    jitter, shimmer : ndarray
        Ratio and decibels, shape (n_frames,); NaN where too few pulses are near.
    """
    return _jitter_shimmer(instants, amplitude, np.ascontiguousarray(centres), width / 2)


@njit(cache=True)
def _frequency_at(t: float, times: np.ndarray, frequency: np.ndarray) -> float:
    """Interpolate the pitch between voiced frames; 0 where there is none."""
    step = times[1] - times[0]
    place = (t - times[0]) / step
    left = math.floor(place)
    part = place - left
    n = len(times)
    f0 = frequency[left] if 0 <= left < n else 0.0
    f1 = frequency[left + 1] if 0 <= left + 1 < n else 0.0
    if f0 > 0 and f1 > 0:
        return f0 * (1 - part) + f1 * part
    return f0 if part < 0.5 else f1


@njit(cache=True)
def _extremum(x: np.ndarray, rate: float, t0: float, t1: float) -> float:
    """Time of the largest excursion between two times, refined by a parabola."""
    first = max(1, math.ceil(t0 * rate - 0.5))
    last = min(len(x) - 2, math.floor(t1 * rate - 0.5))
    best, at = -1.0, first
    for i in range(first, last + 1):
        if abs(x[i]) > best:
            best, at = abs(x[i]), i
    if best <= 0:
        return 0.5 * (t0 + t1)
    a, b, c = abs(x[at - 1]), abs(x[at]), abs(x[at + 1])
    curve = 2 * b - a - c
    shift = 0.5 * (c - a) / curve if curve > 0 else 0.0
    return (at + 0.5 + min(0.5, max(-0.5, shift))) / rate


@njit(cache=True)
def _match(
    x: np.ndarray, rate: float, t: float, length: float, t0: float, t1: float
) -> tuple[float, float, float]:
    """Find where in [t0, t1] the sound is most like that about ``t``: time, correlation, peak."""
    n = len(x)
    left1 = round((t - 0.5 * length) * rate - 0.5)
    right1 = round((t + 0.5 * length) * rate - 0.5)
    first = round((t0 - 0.5 * length) * rate - 0.5)
    last = round((t1 - 0.5 * length) * rate - 0.5)
    norm1 = 0.0
    for i in range(left1, right1 + 1):
        if 0 <= i < n:
            norm1 += x[i] * x[i]
    best, at, peak = -1.0, t, 0.0
    r1, r2, r3 = 0.0, 0.0, 0.0
    before = 0.0
    for left2 in range(first, last + 1):
        cross, norm2, high = 0.0, 0.0, 0.0
        for k in range(right1 - left1 + 1):
            i, j = left1 + k, left2 + k
            if 0 <= i < n and 0 <= j < n:
                cross += x[i] * x[j]
                norm2 += x[j] * x[j]
                high = max(high, abs(x[j]))
        r1, r2 = r2, r3
        r3 = cross / math.sqrt(norm1 * norm2) if norm1 > 0 and norm2 > 0 else 0.0
        if left2 > first + 1 and r2 > best and r2 >= r1 and r2 >= r3:
            curve = 2 * r2 - r1 - r3
            shift = 0.5 * (r3 - r1) / curve if curve > 0 else 0.0
            best = r2 + 0.25 * (r3 - r1) * shift
            at = t + (left2 - 1 - left1 + shift) / rate
            peak = before
        before = high
    return at, best, peak


@njit(cache=True)
def _pulses(  # noqa: PLR0912, PLR0915
    x: np.ndarray, rate: float, times: np.ndarray, frequency: np.ndarray, loudest: float
) -> np.ndarray:
    found = [0.0 for _ in range(0)]
    step = times[1] - times[0]
    n = len(times)
    f = 0
    added = -1e9
    while f < n:
        if frequency[f] <= 0:
            f += 1
            continue
        end = f
        while end + 1 < n and frequency[end + 1] > 0:
            end += 1
        left, right = times[f] - 0.5 * step, times[end] + 0.5 * step
        f = end + 1
        middle = 0.5 * (left + right)
        hz = _frequency_at(middle, times, frequency)
        if hz <= 0:
            continue
        start = _extremum(x, rate, middle - 0.5 / hz, middle + 0.5 / hz)
        stretch = [start]
        at = start
        while True:
            hz = _frequency_at(at, times, frequency)
            if hz <= 0:
                break
            new, alike, peak = _match(x, rate, at, 1 / hz, at - 1.25 / hz, at - 0.8 / hz)
            if alike == -1:
                new = at - 1 / hz
            at = new
            if at < left:
                if (
                    alike > ALIKE_AT_EDGE
                    and peak > WEAK_AT_EDGE * loudest
                    and at - added > 0.8 / hz
                ):
                    stretch.append(at)
                break
            if alike > ALIKE and (peak == 0 or peak > WEAK * loudest) and at - added > 0.8 / hz:
                stretch.append(at)
        stretch.reverse()
        at = start
        while True:
            hz = _frequency_at(at, times, frequency)
            if hz <= 0:
                break
            new, alike, peak = _match(x, rate, at, 1 / hz, at + 0.8 / hz, at + 1.25 / hz)
            if alike == -1:
                new = at + 1 / hz
            at = new
            if at > right:
                if alike > ALIKE_AT_EDGE and peak > WEAK_AT_EDGE * loudest:
                    stretch.append(at)
                break
            if alike > ALIKE and (peak == 0 or peak > WEAK * loudest):
                stretch.append(at)
        for t in stretch:
            if t > added:
                found.append(t)
                added = t
    out = np.empty(len(found))
    for i in range(len(found)):
        out[i] = found[i]
    return out


@njit(cache=True)
def _steady(before: float, after: float, factor: float) -> bool:
    if not (SHORTEST <= before <= LONGEST and SHORTEST <= after <= LONGEST):
        return False
    return max(before, after) <= factor * min(before, after)


@njit(cache=True)
def _amplitudes(x: np.ndarray, rate: float, t: np.ndarray) -> np.ndarray:
    out = np.full(len(t), np.nan)
    for p in range(1, len(t) - 1):
        before, after = t[p] - t[p - 1], t[p + 1] - t[p]
        if not _steady(before, after, PERIOD_FACTOR):
            continue
        wide = (0.2 * before, 0.2 * after)
        first = max(0, math.ceil((t[p] - wide[0]) * rate - 0.5))
        last = min(len(x) - 1, math.floor((t[p] + wide[1]) * rate - 0.5))
        total, weight = 0.0, 0.0
        for i in range(first, last + 1):
            gap = (i + 0.5) / rate - t[p]
            w = 0.5 + 0.5 * math.cos(math.pi * gap / (wide[0] if gap < 0 else wide[1]))
            total += (w * x[i]) ** 2
            weight += w * w
        if weight > 0 and total > 0:
            out[p] = math.sqrt(total / weight)
    return out


@njit(cache=True)
def _jitter_shimmer(
    t: np.ndarray, a: np.ndarray, centres: np.ndarray, half: float
) -> tuple[np.ndarray, np.ndarray]:
    jitter = np.full(len(centres), np.nan)
    shimmer = np.full(len(centres), np.nan)
    first = 0
    for c in range(len(centres)):
        while first < len(t) and t[first] < centres[c] - half:
            first += 1
        last = first
        while last < len(t) and t[last] <= centres[c] + half:
            last += 1
        change, periods, n, m = 0.0, 0.0, 0, 0
        for p in range(first + 1, last - 1):
            before, after = t[p] - t[p - 1], t[p + 1] - t[p]
            if _steady(before, after, PERIOD_FACTOR):
                change += abs(after - before)
                periods += 0.5 * (before + after)
                n += 1
        if n > 0:
            jitter[c] = change / periods
        change = 0.0
        for p in range(first, last - 1):
            period = t[p + 1] - t[p]
            if SHORTEST <= period <= LONGEST and a[p] > 0 and a[p + 1] > 0:
                ratio = a[p + 1] / a[p]
                if 1 / AMPLITUDE_FACTOR <= ratio <= AMPLITUDE_FACTOR:
                    change += abs(20 * math.log10(ratio))
                    m += 1
        if m > 0:
            shimmer[c] = change / m
    return jitter, shimmer
