"""What a voice does over time: some two dozen descriptors every 10 ms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.signal import resample_poly

from affectome.features.voice.spectrum import (
    RATE,
    auditory,
    flux,
    harmonic_levels,
    mfcc,
    power_spectra,
    tilt,
)
from affectome.kernels.formants import formants
from affectome.kernels.glottal import amplitudes, jitter_shimmer, pulses
from affectome.kernels.pitch import pitch

LOWEST_SEMITONE = 27.5
NEAR = 0.06
N_FORMANTS = 3
FORMANT_RATE = (11, 16)
FORMANT_REACH = 0.2
MOST_PERIODIC = 1 - 1e-6


@dataclass(frozen=True)
class VoiceTracks:
    """Descriptors of a voice, a value every 10 ms.

    Attributes
    ----------
    times
        Seconds, shape (n_frames,).
    voiced
        Whether the vocal folds swing, bool, shape (n_frames,).
    values
        Name → descriptor, shape (n_frames,); NaN where it has no meaning (F0 without voice).
    """

    times: np.ndarray
    voiced: np.ndarray
    values: Mapping[str, np.ndarray]


def voice_tracks(signal: np.ndarray) -> VoiceTracks:
    """Describe a voice over time.

    Parameters
    ----------
    signal
        Sound at 16 kHz, one channel, shape (n_samples,).

    Returns
    -------
    VoiceTracks
        ``f0`` (semitones above 27.5 Hz), ``jitter``, ``shimmer`` (dB), ``hnr`` (dB), ``h1_h2`` and
        ``h1_a3`` (dB; A3 is the highest harmonic near F3), ``f1`` … ``f3`` with ``_bandwidth`` (Hz)
        and ``_level`` (dB; of the nearest harmonic relative to the first), ``loudness``, ``flux``,
        ``mfcc1`` … ``mfcc4``, ``alpha_ratio``, ``hammarberg_index``, ``slope_0_500``,
        ``slope_500_1500``. Without frames where the sound is shorter than 40 ms.
    """
    x = np.asarray(signal, dtype=np.float64)
    times, frequency, strength = pitch(x, RATE)
    voiced = frequency > 0
    power = power_spectra(x, times)
    bands = auditory(power)
    values = {"loudness": bands.sum(1), "flux": flux(bands), **tilt(power)}
    values |= {f"mfcc{i + 1}": c for i, c in enumerate(mfcc(power).T)}
    values |= _source(x, times, frequency, strength)
    values |= _tract(x, times[voiced], frequency[voiced], voiced)
    return VoiceTracks(times, voiced, values)


def _source(
    x: np.ndarray, times: np.ndarray, frequency: np.ndarray, strength: np.ndarray
) -> dict[str, np.ndarray]:
    voiced = frequency > 0
    instants = pulses(x, RATE, times, frequency)
    jitter, shimmer = jitter_shimmer(instants, amplitudes(x, RATE, instants), times, NEAR)
    periodic = np.minimum(strength[voiced], MOST_PERIODIC)
    return {
        "f0": _spread(12 * np.log2(frequency[voiced] / LOWEST_SEMITONE), voiced),
        "hnr": _spread(10 * np.log10(periodic / (1 - periodic)), voiced),
        "jitter": np.where(voiced, jitter, np.nan),
        "shimmer": np.where(voiced, shimmer, np.nan),
    }


def _tract(
    x: np.ndarray, times: np.ndarray, f0: np.ndarray, voiced: np.ndarray
) -> dict[str, np.ndarray]:
    """Formants and harmonics of the voiced frames, spread over all frames."""
    up, down = FORMANT_RATE
    hertz, bandwidth = formants(resample_poly(x, up, down), RATE * up / down, times, N_FORMANTS)
    levels = harmonic_levels(x, times, f0)
    order = np.arange(1, levels.shape[1] + 1)
    values = {"h1_h2": levels[:, 0] - levels[:, 1]}
    away = np.abs(order * f0[:, None] - hertz[:, :, None].transpose(1, 0, 2))
    known = np.isfinite(hertz)
    for k in range(N_FORMANTS):
        nearest = np.where(known[:, k], np.nan_to_num(away[k], nan=np.inf).argmin(1), 0)
        level = levels[np.arange(len(times)), nearest] - levels[:, 0]
        values |= {f"f{k + 1}": hertz[:, k], f"f{k + 1}_bandwidth": bandwidth[:, k]}
        values[f"f{k + 1}_level"] = np.where(known[:, k], level, np.nan)
    reach = np.maximum(FORMANT_REACH * hertz[:, [2]], 0.5 * f0[:, None])
    third = np.where((away[2] <= reach) & np.isfinite(levels), levels, -np.inf)
    highest = third.max(1, initial=-np.inf)
    values["h1_a3"] = np.where(np.isfinite(highest), levels[:, 0] - highest, np.nan)
    return {name: _spread(track, voiced) for name, track in values.items()}


def _spread(track: np.ndarray, voiced: np.ndarray) -> np.ndarray:
    out = np.full(len(voiced), np.nan)
    out[voiced] = track
    return out
