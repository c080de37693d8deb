"""Simulated populations with planted truth: who codes which emotion, how strongly, and from when.

What a method claims to find is planted here first, so that tests, documents and the demonstration
can say how much of it was found. A line attractor, EEG and maps of the brain are simulated in
:mod:`affectome.simulations.attractor`, :mod:`affectome.simulations.eeg` and
:mod:`affectome.simulations.fmri`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from scipy.signal import lfilter
from scipy.stats import special_ortho_group

from affectome.data.recording import make_recording
from affectome.errors import InputError
from affectome.simulations.planted import Truth, coding_units, plan_trials

EMOTIONS = ("fear", "joy", "disgust")
__all__ = ["EMOTIONS", "Truth", "simulate_population"]


def simulate_population(
    *,
    n_subjects: int = 1,
    n_trials: int = 120,
    n_units: int = 100,
    emotions: Sequence[str] = EMOTIONS,
    n_stimuli: int = 4,
    coding: float = 0.3,
    effect: float = 1.0,
    blend: float = 0.0,
    intensity: tuple[float, float] = (1.0, 1.0),
    window: tuple[float, float] | None = None,
    sfreq: float = 10.0,
    lead: float = 1.0,
    autocorrelation: float = 0.0,
    correlation: float = 0.0,
    stimulus_effect: float = 0.0,
    movement: float = 0.0,
    drift: float = 0.0,
    order: str = "random",
    basis: str = "shared",
    random_state: int | None = 0,
) -> tuple[xr.DataArray, Truth]:
    r"""Simulate units of which a known share codes emotion.

    The response of unit *u* in trial *i* at time *t* is

    .. math:: y_{itu} = h(t)\, a_i \sum_e b_{ie} P_{eu} + s_{k(i)u} + m_i w_u + d_i v_u
              + \varepsilon_{itu}

    with blend weights *b*, intensity *a*, emotion patterns *P*, the identity *s* of stimulus *k*,
    movement *m*, a drift *d* over trials, and Gaussian noise of variance 1. The step
    :math:`h(t) = [t \ge -\mathrm{lead}]` begins ``lead`` seconds before the report at time 0.

    Parameters
    ----------
    n_subjects, n_trials, n_units
        Sizes; ``n_trials`` is for each subject, and all subjects see the same stimuli.
    emotions
        Names of the classes.
    n_stimuli
        Stimuli of each emotion; a stimulus belongs to one emotion.
    coding
        Share of units that code; each of them codes one emotion, equally many for each.
    effect
        Mean response of a coding unit at intensity 1, in noise standard deviations; half of the
        coding units fall instead of rise.
    blend
        Largest weight of a second emotion, 0 (pure trials) to .5; uniform between 0 and this.
    intensity
        Bounds of the uniform intensity of a trial.
    window
        Seconds ``(start, stop)`` around the report; None gives one value a trial,
        dims ``(trial, unit)``.
    sfreq
        Samples a second within ``window``.
    lead
        Seconds before the report at which the code begins; only with ``window``.
    autocorrelation
        Coefficient of the first-order autoregressive noise over times, 0 to < 1.
    correlation
        Noise correlation between units that code the same emotion, 0 to < 1.
    stimulus_effect
        Standard deviation over units of a pattern that is each stimulus's own.
    movement
        Standard deviations by which the first emotion moves more than the others, and of the
        weights with which movement drives all units.
    drift
        Standard deviations by which units drift from the first to the last trial.
    order
        ``"random"``, or ``"sorted"``: emotion after emotion, so that labels follow the clock.
    basis
        ``"shared"``, or ``"own"``: each subject's units are a random rotation of the shared ones.
    random_state
        Seed.

    Returns
    -------
    recording : xarray.DataArray
        float64; trial coordinates ``subject``, ``stimulus``, ``emotion``, ``intensity``,
        ``trial_number``, ``movement`` and ``blend_<emotion>``; unit coordinate ``neuron``.
    truth : Truth

    Raises
    ------
    InputError
        If a share, a choice or a size is out of its bounds.
    """
    _check_population(n_trials, emotions, n_stimuli, coding, blend, order, basis)
    rng = np.random.default_rng(random_state)
    mask = coding_units(rng, n_units, len(emotions), coding)
    signs = rng.choice([-1.0, 1.0], size=n_units)
    time = None if window is None else np.arange(*window, 1 / sfreq).round(9)
    code = _Code(
        effect * (mask * signs[:, None]).T,
        stimulus_effect * rng.standard_normal((n_stimuli * len(emotions), n_units)),
        movement * rng.standard_normal(n_units),
        drift * rng.standard_normal(n_units),
        np.ones(1) if time is None else (time >= -lead - 1e-9).astype(float),
    )
    tables, values, bases = [], [], {}
    for s in range(n_subjects):
        name = f"sub-{s + 1:02d}"
        trials, weights = plan_trials(rng, n_trials, emotions, n_stimuli, blend, intensity, order)
        trials.insert(0, "subject", name)
        trials["movement"] = rng.standard_normal(n_trials) + movement * (weights.argmax(1) == 0)
        signal = _signal(code, trials, weights)
        if basis == "own":
            bases[name] = np.asarray(special_ortho_group.rvs(n_units, random_state=rng))
            signal = signal @ bases[name]
        values.append(signal + _noise(rng, signal.shape, mask, autocorrelation, correlation))
        tables.append(trials.drop(columns="stimulus_index"))
    table = pd.concat(tables, ignore_index=True)
    units = pd.DataFrame({"neuron": [f"n{u:04d}" for u in range(n_units)]})
    data = np.concatenate(values)
    recording = make_recording(data[:, 0] if time is None else data, table, units, time)
    truth = Truth(
        tuple(emotions),
        mask,
        code.patterns,
        table[[f"blend_{e}" for e in emotions]].to_numpy(),
        table["intensity"].to_numpy(),
        float("-inf") if time is None else -lead,
        bases=bases,
    )
    return recording, truth


@dataclass(frozen=True)
class _Code:
    """What drives the units: emotions, stimuli, movement, drift, and when the emotions begin."""

    patterns: np.ndarray
    identity: np.ndarray
    by_movement: np.ndarray
    by_drift: np.ndarray
    profile: np.ndarray


def _signal(code: _Code, trials: pd.DataFrame, weights: np.ndarray) -> np.ndarray:
    mean = trials["intensity"].to_numpy()[:, None] * (weights @ code.patterns)
    fixed = code.identity[trials["stimulus_index"]]
    fixed = fixed + np.outer(trials["movement"], code.by_movement)
    fixed = fixed + np.outer(np.linspace(-0.5, 0.5, len(trials)), code.by_drift)
    return mean[:, None, :] * code.profile[:, None] + fixed[:, None, :]


def _check_population(
    n_trials: int,
    emotions: Sequence[str],
    n_stimuli: int,
    coding: float,
    blend: float,
    order: str,
    basis: str,
) -> None:
    if len(emotions) < 2 or n_trials < len(emotions) or n_stimuli < 1:
        raise InputError(
            "a simulation needs two emotions or more, a trial and a stimulus for each; got "
            f"{len(emotions)} emotions, {n_trials} trials, {n_stimuli} stimuli"
        )
    if not 0 <= coding <= 1 or not 0 <= blend <= 0.5:
        raise InputError(f"coding lies in 0–1 and blend in 0–.5; got {coding:g} and {blend:g}")
    if order not in {"random", "sorted"} or basis not in {"shared", "own"}:
        raise InputError(
            f"order is 'random' or 'sorted' and basis 'shared' or 'own'; got {order!r}, {basis!r}"
        )


def _noise(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    mask: np.ndarray,
    autocorrelation: float,
    correlation: float,
) -> np.ndarray:
    noise = rng.standard_normal(shape)
    if correlation > 0:
        shared = rng.standard_normal((*shape[:2], mask.shape[1])) @ mask.T
        coding = mask.any(axis=1)
        noise[..., coding] *= np.sqrt(1 - correlation)
        noise += np.sqrt(correlation) * shared
    if autocorrelation > 0:
        noise[:, 1:] *= np.sqrt(1 - autocorrelation**2)
        noise = lfilter([1.0], [1.0, -autocorrelation], noise, axis=1)
    return noise
