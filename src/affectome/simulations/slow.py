"""Slow series that know nothing of each other, each of a kind that fools a test of correlation."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from affectome.errors import InputError

WARM_UP = 500
KINDS = (
    "AR .9",
    "AR .99",
    "random walk",
    "drift",
    "season of 37 s",
    "season of 12 s",
    "1/f",
    "slow and white",
    "calcium",
    "answers of varying size",
)


def slow_series(
    kind: str, times: np.ndarray, onsets: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Simulate one series, shape (n_times,).

    Parameters
    ----------
    kind
        One of ``KINDS``.
    times
        Seconds, evenly spaced, shape (n_times,).
    onsets
        Seconds of events, which the last kind answers by a varying amount.
    rng
        Source of randomness.

    Raises
    ------
    InputError
        If there is no such kind.
    """
    if kind not in KINDS:
        raise InputError(f"the kind is one of {', '.join(KINDS)}; got {kind!r}")
    n = len(times)
    if kind == "random walk":
        return np.cumsum(rng.normal(size=n))
    if kind == "1/f":
        height = 1 / np.sqrt(np.maximum(np.fft.rfftfreq(4 * n), 1 / (4 * n)))
        noise = np.fft.irfft(height * np.fft.rfft(rng.normal(size=4 * n)))[:n]
        return np.asarray(noise / noise.std())
    if kind == "calcium":
        spikes = rng.poisson(0.02, n) * rng.gamma(2, 1, n)
        return np.asarray(lfilter([1], [1, -0.95], spikes) + 0.3 * rng.normal(size=n))
    memory = {"AR .9": 0.9, "AR .99": 0.99, "drift": 0.5, "slow and white": 0.99}.get(kind, 0.8)
    series = lfilter([1.0], [1.0, -memory], rng.normal(size=n + WARM_UP))[WARM_UP:]
    series *= np.sqrt(1 - memory**2)
    if kind == "drift":
        series += rng.choice([-1, 1]) * rng.uniform(1, 4) * (times - times[0]) / np.ptp(times)
    elif kind.startswith("season"):
        period = 37.3 if "37" in kind else 12.3
        series += 2 * np.sin(2 * np.pi * (times / period + rng.random()))
    elif kind == "slow and white":
        series += rng.normal(size=n)
    elif kind == "answers of varying size":
        for onset in onsets:
            since = times - onset
            series += rng.exponential(3) * np.where(since > 0, np.exp(-np.abs(since) / 1.5), 0)
    return np.asarray(series)
