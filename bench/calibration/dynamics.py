"""Cells of latent dynamics: the p of a line attractor, the interval of the slowest time constant.

Two dimensions of half a second and less, or an attractor, lie in twenty units; over them comes what
looks like an attractor and is none.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import xarray as xr
from scipy.signal import lfilter

from affectome.dynamics.latent import TimeConstants, time_constants
from affectome.simulations import simulate_attractor
from bench.calibration.cell import COVERAGE, FALSE_ALARMS, POWER, Cell, Count

RATE = 2.0
Added = Callable[[xr.DataArray, np.random.Generator], np.ndarray]


def baselines(data: xr.DataArray, rng: np.random.Generator) -> np.ndarray:
    return 2 * rng.normal(size=(len(data), 1, data.shape[2]))


def shared_baseline(data: xr.DataArray, rng: np.random.Generator) -> np.ndarray:
    return 3 * rng.normal(size=(len(data), 1, 1)) * rng.normal(size=data.shape[2])


def held(data: xr.DataArray, rng: np.random.Generator, until: float = np.inf) -> np.ndarray:
    """A stimulus of graded strength that is held, and answered within half a second."""
    time = np.arange(data.shape[1]) / RATE
    course = np.where(time < until, 1 - np.exp(-time / 0.5), np.exp(-(time - until) / 0.5))
    sign = np.where(data["emotion"].values == "threat", -1, 1)
    strength = rng.uniform(0.5, 2, len(data)) * sign
    return strength[:, None, None] * course[None, :, None] * rng.normal(size=data.shape[2])


def _whole(data: xr.DataArray, signal: np.ndarray) -> np.ndarray:
    """Cut what runs through the session into its trials."""
    return signal.reshape(data.shape)


def drift(data: xr.DataArray, rng: np.random.Generator) -> np.ndarray:
    n, n_times, n_units = data.shape
    time = np.linspace(0, 1, n * n_times)[:, None]
    waves = np.sin(2 * np.pi * (time * rng.uniform(0.5, 3, 3) + rng.uniform(0, 1, 3)))
    return _whole(data, 3 * waves @ rng.normal(size=(3, n_units)))


def bleaching(data: xr.DataArray, rng: np.random.Generator) -> np.ndarray:
    n, n_times, n_units = data.shape
    fall = np.exp(-3 * np.linspace(0, 1, n * n_times))
    return _whole(data, 5 * fall[:, None] * rng.uniform(0, 2, n_units))


def walking_baselines(data: xr.DataArray, rng: np.random.Generator) -> np.ndarray:
    return np.cumsum(0.5 * rng.normal(size=(len(data), 1, data.shape[2])), axis=0)


def random_walk(data: xr.DataArray, rng: np.random.Generator, rank: int = 2) -> np.ndarray:
    n, n_times, n_units = data.shape
    walk = np.cumsum(0.1 * rng.normal(size=(n * n_times, rank)), axis=0)
    return _whole(data, walk @ rng.normal(size=(rank, n_units)))


def walk_of_each_unit(data: xr.DataArray, rng: np.random.Generator) -> np.ndarray:
    return _whole(data, np.cumsum(0.1 * rng.normal(size=(data[..., 0].size, data.shape[2])), 0))


def autoregressive(data: xr.DataArray, rng: np.random.Generator, phi: float = 0.9) -> np.ndarray:
    noise = np.sqrt(1 - phi**2) * rng.normal(size=(data[..., 0].size, data.shape[2]))
    return _whole(data, lfilter([1.0], [1.0, -phi], noise, axis=0))


def slopes(data: xr.DataArray, rng: np.random.Generator) -> np.ndarray:
    ramp = np.linspace(0, 1, data.shape[1])[None, :, None]
    return 2 * rng.normal(size=(len(data), 1, 1)) * ramp * rng.normal(size=data.shape[2])


FAST: dict[str, Added] = {
    "fast, baselines of trials in each unit": baselines,
    "fast, one baseline of trials": shared_baseline,
    "fast, graded stimulus held to the end": held,
    "fast, graded stimulus held for 10 of 30 s": partial(held, until=10.0),
    "fast, graded stimulus held for 15 of 30 s": partial(held, until=15.0),
    "fast, waves of drift over trials": drift,
    "fast, bleaching over trials": bleaching,
    "fast, baselines that walk from trial to trial": walking_baselines,
    "fast, random walk of two dimensions": random_walk,
    "fast, random walk of one dimension": partial(random_walk, rank=1),
    "fast, random walk of each unit": walk_of_each_unit,
    "fast, autoregressive noise of 5 s in each unit": autoregressive,
    "fast, autoregressive noise of 25 s in each unit": partial(autoregressive, phi=0.98),
    "fast, a slope of each trial": slopes,
}
SLOW = (20.0, 30.0, 60.0)
COVERED = (5.0, 10.0, *SLOW)


def fast(added: Added, seed: int, tau: float = 0.5) -> xr.DataArray:
    """Forty trials of 30 s in twenty units."""
    data, _ = simulate_attractor(
        tau=tau,
        fast=(tau / 2,),
        n_trials=40,
        n_units=20,
        duration=30,
        sfreq=RATE,
        random_state=seed,
    )
    return data + added(data, np.random.default_rng(1_000_000 + seed))


def slow(tau: float, seed: int, n_trials: int = 20, duration: float = 120.0) -> xr.DataArray:
    """An attractor in twenty units, with baselines of trials."""
    data, _ = simulate_attractor(
        tau=tau,
        n_trials=n_trials,
        n_units=20,
        duration=duration,
        sfreq=1,
        random_state=seed,
    )
    return data + baselines(data, np.random.default_rng(1_000_000 + seed))


def fitted(data: xr.DataArray, n_surrogates: int = 199) -> TimeConstants:
    return time_constants(data, inputs="emotion", most_states=4, n_surrogates=n_surrogates)


def alarms(make: Callable[[int], xr.DataArray], n_sets: int) -> Count:
    """Count line attractors; a slowest dimension that is not slow is refused a p, not an alarm."""
    found = [fitted(make(seed)) for seed in range(n_sets)]
    return Count(sum(one.attractor is not None for one in found), n_sets, 0)


def covered(make: Callable[[int], xr.DataArray], tau: float, n_sets: int) -> Count:
    """Count intervals of the slowest time constant that hold the planted one."""
    found = [fitted(make(seed), 1).interval for seed in range(n_sets)]
    return Count(sum(low <= tau <= high for low, high in found), n_sets, 0)


def cells() -> list[Cell]:
    """False alarms and power of the line attractor, coverage of its time constant."""
    claim, interval = "line attractor: p", "slowest time constant: interval"
    short = partial(slow, n_trials=120, duration=30.0)
    found = [
        Cell(claim, name, FALSE_ALARMS, partial(alarms, partial(fast, added)))
        for name, added in FAST.items()
    ]
    found += [
        Cell(claim, f"{tau:g} s, no attractor", FALSE_ALARMS, partial(alarms, partial(slow, tau)))
        for tau in (5.0, 10.0)
    ]
    found += [
        Cell(claim, f"attractor of {tau:g} s", POWER, partial(alarms, partial(slow, tau)))
        for tau in SLOW
    ]
    found.append(
        Cell(
            claim,
            "attractor of 30 s, 120 trials of 30 s",
            POWER,
            partial(alarms, partial(short, 30.0)),
        )
    )
    found.append(
        Cell(
            interval,
            "0.5 s, baselines of trials in each unit",
            COVERAGE,
            partial(covered, partial(fast, baselines), 0.5),
        )
    )
    found += [
        Cell(interval, f"{tau:g} s", COVERAGE, partial(covered, partial(slow, tau), tau))
        for tau in COVERED
    ]
    found.append(
        Cell(
            interval,
            "30 s, 120 trials of 30 s",
            COVERAGE,
            partial(covered, partial(short, 30.0), 30.0),
        )
    )
    return found
