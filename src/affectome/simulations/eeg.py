"""Simulated EEG: dipoles in a head, 1/f background, rhythms whose strength tells the emotion."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

import numpy as np
import pandas as pd
import xarray as xr

from affectome.data.recording import make_recording
from affectome.errors import InputError
from affectome.simulations.planted import Truth, coding_units, plan_trials

NINE_EMOTIONS = (
    "neutral",
    "anger",
    "fear",
    "disgust",
    "sadness",
    "amusement",
    "inspiration",
    "joy",
    "tenderness",
)
RHYTHMS = (5.0, 10.0, 20.0)  # Hz: theta, alpha and beta


def sensors32() -> pd.DataFrame:
    """Give 32 sensors of the 10–20 system: ``sensor`` and ``x, y, z`` on the unit sphere."""
    with (files("affectome.simulations") / "sensors32.csv").open() as stream:
        return pd.read_csv(stream)


def simulate_eeg(
    *,
    n_subjects: int = 32,
    n_films: int = 28,
    emotions: Sequence[str] = NINE_EMOTIONS,
    duration: float = 4.0,
    sfreq: float = 64.0,
    n_sources: int = 60,
    coding: float = 0.6,
    effect: float = 0.5,
    intensity: tuple[float, float] = (1.0, 1.0),
    stimulus_effect: float = 0.3,
    subject_spread: float = 0.2,
    noise: float = 0.3,
    random_state: int | None = 0,
) -> tuple[xr.DataArray, Truth]:
    r"""Simulate people who watch emotional films, with 32 channels of EEG.

    Each of the dipoles :math:`p_j` at :math:`r_j` in a unit sphere gives the sensor at *r* the
    potential :math:`p_j \cdot (r - r_j) / |r - r_j|^3`, average-referenced. Its activity is noise
    with the spectrum 1/f and a rhythm of 5, 10 or 20 Hz with random phase, whose amplitude is

    .. math:: A_{ij} = \exp\!\bigl(a_i \textstyle\sum_e b_{ie} P_{ej} + s_{k(i)j} + g_{pj}\bigr)

    with intensity *a*, emotion patterns *P*, the identity *s* of film *k* and the habit *g* of
    person *p*.

    Parameters
    ----------
    n_subjects, n_films
        Sizes; each person sees each film once.
    emotions
        Names of the classes; films are spread over them as evenly as can be.
    duration, sfreq
        Seconds of a trial and samples a second.
    n_sources
        Dipoles.
    coding
        Share of the sources that code an emotion.
    effect
        Change of a coding source's log amplitude; half of them fall.
    intensity
        Bounds of the uniform intensity of a trial.
    stimulus_effect
        Standard deviation of a film's own change of log amplitudes.
    subject_spread
        Standard deviation of a person's own log amplitudes, and of the shift of their dipoles in
        head radii.
    noise
        Standard deviation of sensor noise relative to the signal.
    random_state
        Seed.

    Returns
    -------
    recording : xarray.DataArray
        float32, dims (trial, time, unit); coordinates as in
        :func:`affectome.simulations.simulate_population`; units are ``sensor`` with ``x, y, z``.
    truth : Truth
        Its units are the sources, not the sensors.

    Raises
    ------
    InputError
        If there are fewer films than emotions, or the rate is too low for 20 Hz.
    """
    if n_films < len(emotions) or len(emotions) < 2:
        raise InputError(f"{n_films} films can't show {len(emotions)} emotions; two or more each")
    if sfreq < 2.5 * max(RHYTHMS):
        raise InputError(f"rhythms of {max(RHYTHMS):g} Hz need 50 samples a second; got {sfreq:g}")
    rng = np.random.default_rng(random_state)
    mask = coding_units(rng, n_sources, len(emotions), coding)
    patterns = effect * (mask * rng.choice([-1.0, 1.0], n_sources)[:, None]).T
    copies = -(-n_films // len(emotions))
    films = stimulus_effect * rng.standard_normal((copies * len(emotions), n_sources))
    places, moments = _dipoles(rng, n_sources)
    rhythm = np.array(RHYTHMS)[np.arange(n_sources) % len(RHYTHMS)]
    sensors = sensors32()
    heads = sensors[["x", "y", "z"]].to_numpy()
    n_times = round(duration * sfreq)
    time = np.arange(n_times) / sfreq

    tables, blends = [], []
    values = np.empty((n_subjects * n_films, n_times, len(sensors)), dtype=np.float32)
    for s in range(n_subjects):
        trials, weights = plan_trials(rng, n_films, emotions, copies, 0.0, intensity, "random")
        own = subject_spread * rng.standard_normal(n_sources)
        level = trials["intensity"].to_numpy()[:, None] * (weights @ patterns)
        amplitude = np.exp(level + films[trials.pop("stimulus_index")] + own)
        phase = rng.uniform(0, 2 * np.pi, (n_films, 1, n_sources))
        activity = _pink(rng, (n_films, n_times, n_sources))
        activity += amplitude[:, None] * np.sin(2 * np.pi * rhythm * time[:, None] + phase)
        shift = subject_spread * rng.standard_normal(places.shape)
        lead = _lead_field(heads, places * (1 + 0.2 * shift), moments + shift)
        signal = activity @ lead.T
        signal += noise * signal.std() * rng.standard_normal(signal.shape)
        values[s * n_films : (s + 1) * n_films] = signal
        tables.append(trials.assign(subject=f"sub-{s + 1:02d}"))
        blends.append(weights)
    table = pd.concat(tables, ignore_index=True)
    truth = Truth(
        tuple(emotions), mask, patterns, np.concatenate(blends), table["intensity"].to_numpy()
    )
    return make_recording(values, table, sensors, time), truth


def _dipoles(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    directions, moments = rng.standard_normal((2, n, 3))
    directions[:, 2] = np.abs(directions[:, 2])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    moments /= np.linalg.norm(moments, axis=1, keepdims=True)
    return directions * rng.uniform(0.4, 0.8, (n, 1)), moments


def _lead_field(sensors: np.ndarray, places: np.ndarray, moments: np.ndarray) -> np.ndarray:
    apart = sensors[:, None] - places
    field = (apart * moments).sum(axis=2) / np.linalg.norm(apart, axis=2) ** 3
    return field - field.mean(axis=0)


def _pink(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """Noise whose power falls as 1/f along the second axis, variance 1."""
    spectrum = np.fft.rfft(rng.standard_normal(shape), axis=1)
    frequency = np.arange(spectrum.shape[1], dtype=float)
    frequency[0] = np.inf
    noise = np.fft.irfft(spectrum / np.sqrt(frequency)[:, None], shape[1], axis=1)
    return noise / noise.std()
