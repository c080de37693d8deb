r"""Resonances of the vocal tract from linear prediction by Burg's method.

A frame is predicted from its last ten samples, :math:`\hat x_t = \sum_k a_k x_{t-k}`; a root
:math:`z = \rho e^{i \theta}` of the prediction polynomial is a resonance of the frequency
:math:`\theta f_s / 2 \pi` and the bandwidth :math:`-\ln(\rho) f_s / \pi`.

References
----------
Burg 1967; Childers 1978, Modern Spectrum Analysis, 252–255.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

ORDER = 10
WIDTH = 0.05
PRE_EMPHASIS = 50.0
MARGIN = 50.0


def formants(
    signal: np.ndarray, rate: float, times: np.ndarray, n_formants: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """Find the first resonances about each of many times.

    Parameters
    ----------
    signal
        Sound, shape (n_samples,), sampled at twice the highest resonance that is looked for
        (11 kHz for the five below 5.5 kHz).
    rate
        Samples a second.
    times
        Centres of the frames in seconds, shape (n_frames,).
    n_formants
        How many, lowest first.

    Returns
    -------
    frequency, bandwidth : ndarray
        Hertz, shape (n_frames, n_formants); NaN where there are fewer.
    """
    x = np.array(signal, dtype=np.float64)
    x[1:] -= math.exp(-2 * math.pi * PRE_EMPHASIS / rate) * np.asarray(signal, float)[:-1]
    width = int(WIDTH * rate)
    grid = np.arange(1, width + 1) - 0.5 * (width + 1)
    edge = math.exp(-12.0)
    window = (np.exp(-48.0 * grid**2 / (width + 1) ** 2) - edge) / (1 - edge)
    firsts = np.floor(times * rate - 0.5).astype(np.int64) + 1 - width // 2
    coefficients = _predict(x, firsts, window)
    companion = np.zeros((len(times), ORDER, ORDER))
    companion[:, 0] = coefficients
    companion[:, np.arange(1, ORDER), np.arange(ORDER - 1)] = 1.0
    roots = np.linalg.eigvals(companion).astype(complex) if len(times) else np.zeros((0, ORDER))
    size = np.abs(roots)
    roots = np.where(size > 1, 1 / np.conj(np.where(size > 0, roots, 1)), roots)
    hertz = np.abs(np.angle(roots)) * rate / (2 * math.pi)
    with np.errstate(divide="ignore"):
        wide = -np.log(np.abs(roots)) * rate / math.pi
    kept = (roots.imag >= 0) & (hertz >= MARGIN) & (hertz <= rate / 2 - MARGIN)
    hertz = np.where(kept, hertz, np.nan)
    order = np.argsort(hertz, axis=1)[:, :n_formants]
    found = np.take_along_axis(hertz, order, 1)
    wide = np.where(np.isnan(found), np.nan, np.take_along_axis(wide, order, 1))
    return found, wide


@njit(cache=True)
def _predict(x: np.ndarray, firsts: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Prediction coefficients of each frame, shape (n_frames, ORDER)."""
    width = len(window)
    out = np.zeros((len(firsts), ORDER))
    forward = np.empty(width)
    backward = np.empty(width)
    previous = np.empty(ORDER)
    for f in range(len(firsts)):
        power = 0.0
        for i in range(width):
            j = firsts[f] + i
            value = x[j] * window[i] if 0 <= j < len(x) else 0.0
            forward[i] = value
            backward[i] = value
            power += value * value
        if power <= 0:
            continue
        a = out[f]
        for m in range(ORDER):
            top, bottom = 0.0, 0.0
            for i in range(width - m - 1):
                top += forward[i + m + 1] * backward[i]
                bottom += forward[i + m + 1] ** 2 + backward[i] ** 2
            if bottom <= 0:
                break
            k = 2 * top / bottom
            previous[:m] = a[:m]
            for i in range(m):
                a[i] = previous[i] - k * previous[m - 1 - i]
            a[m] = k
            for i in range(width - m - 1):
                front, back = forward[i + m + 1], backward[i]
                forward[i + m + 1] = front - k * back
                backward[i] = back - k * front
    return out
