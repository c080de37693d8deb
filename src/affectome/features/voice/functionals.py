r"""From tracks to 88 numbers a sound, in the spirit of the extended Geneva minimalistic set.

The set follows eGeMAPS v02 (Eyben et al. 2016, doi:10.1109/TAFFC.2015.2457417) descriptor by
descriptor. Three things are on purpose not theirs:

- Spread is the coefficient of variation only of what is above zero (loudness, flux, jitter,
  shimmer, formants); of what may be zero or negative (semitones, decibels, cepstra) it is the
  standard deviation, since a ratio to a mean near zero is noise.
- Rises and falls of F0 and loudness run between turning points that are at least a semitone, or a
  tenth of the range of loudness, apart; what wiggles less is no movement.
- What can't be measured (F0 without voice) is NaN, not zero.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from affectome.features.voice.spectrum import SMALLEST
from affectome.features.voice.tracks import VoiceTracks, voice_tracks
from affectome.kernels.pitch import STEP

FORMANT_PARTS = tuple(f"f{k}{part}" for k in (1, 2, 3) for part in ("", "_bandwidth", "_level"))
RATIOS = frozenset({"loudness", "flux", "jitter", "shimmer"}) | {
    name for name in FORMANT_PARTS if not name.endswith("_level")
}
CONTOURS = ("f0", "loudness")
CONTOUR_PARTS = (
    *("mean", "spread", "p20", "p50", "p80", "range"),
    *("rise_mean", "rise_sd", "fall_mean", "fall_sd"),
)
CEPSTRA = ("mfcc1", "mfcc2", "mfcc3", "mfcc4")
TILTS = ("alpha_ratio", "hammarberg_index", "slope_0_500", "slope_500_1500")
VOICE = ("jitter", "shimmer", "hnr", "h1_h2", "h1_a3", *FORMANT_PARTS)
RHYTHM = (
    *("loudness_peaks_per_s", "voiced_segments_per_s"),
    *("voiced_segment_mean_s", "voiced_segment_sd_s"),
    *("unvoiced_segment_mean_s", "unvoiced_segment_sd_s"),
)
SEMITONE = 1.0
SHARE_OF_RANGE = 0.1

FEATURES: tuple[str, ...] = (
    *(f"{contour}.{part}" for contour in CONTOURS for part in CONTOUR_PARTS),
    *(f"{track}.{part}" for track in ("flux", *CEPSTRA) for part in ("mean", "spread")),
    *(f"{track}.{part}" for track in VOICE for part in ("mean", "spread")),
    *(
        f"{track}.voiced_{part}"
        for track in (*TILTS, "flux", *CEPSTRA)
        for part in ("mean", "spread")
    ),
    *(f"{track}.unvoiced_mean" for track in (*TILTS, "flux")),
    *RHYTHM,
    "sound_level_db",
)


def voice_functionals(signal: np.ndarray, tracks: VoiceTracks | None = None) -> np.ndarray:
    """Describe a sound by the 88 numbers named in ``FEATURES``.

    Parameters
    ----------
    signal
        Sound at 16 kHz, one channel, full scale 1, shape (n_samples,).
    tracks
        Its tracks, where they are at hand.

    Returns
    -------
    ndarray
        Shape (88,); NaN where there is nothing to measure.
    """
    x = np.asarray(signal, dtype=np.float64)
    found = voice_tracks(x) if tracks is None else tracks
    if len(found.times) == 0:
        return np.full(len(FEATURES), np.nan)
    voiced = found.voiced
    smooth = {name: _smooth(track) for name, track in found.values.items()}
    numbers: dict[str, float] = {}
    for name in CONTOURS:
        least = SEMITONE if name == "f0" else SHARE_OF_RANGE * float(np.ptp(smooth[name]))
        numbers |= _contour(name, smooth[name], least)
    for name in ("flux", *CEPSTRA, *VOICE):
        numbers |= _centre(f"{name}.", name, smooth[name])
    for name in (*TILTS, "flux", *CEPSTRA):
        numbers |= _centre(f"{name}.voiced_", name, smooth[name][voiced])
    for name in (*TILTS, "flux"):
        numbers[f"{name}.unvoiced_mean"] = _mean(smooth[name][~voiced])
    numbers |= _rhythm(smooth["loudness"], voiced)
    numbers["sound_level_db"] = float(10 * np.log10(np.mean(x**2) + SMALLEST))
    return np.array([numbers[name] for name in FEATURES])


def _smooth(track: np.ndarray) -> np.ndarray:
    """Average three neighbours, of those that have a value; NaN stays NaN."""
    known = np.isfinite(track)
    value = np.pad(np.where(known, track, 0.0), 1)
    count = np.pad(known.astype(float), 1)
    total = value[:-2] + value[1:-1] + value[2:]
    return np.where(known, total / np.maximum(count[:-2] + count[1:-1] + count[2:], 1), np.nan)


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan


def _centre(prefix: str, name: str, values: np.ndarray) -> dict[str, float]:
    known = values[np.isfinite(values)]
    if len(known) == 0:
        return {f"{prefix}mean": np.nan, f"{prefix}spread": np.nan}
    mean, spread = float(known.mean()), float(known.std())
    if name in RATIOS:
        spread = spread / mean if mean > 0 else np.nan
    return {f"{prefix}mean": mean, f"{prefix}spread": spread}


def _contour(name: str, track: np.ndarray, least: float) -> dict[str, float]:
    known = track[np.isfinite(track)]
    if len(known) == 0:
        return {f"{name}.{part}": np.nan for part in CONTOUR_PARTS}
    low, middle, high = (float(p) for p in np.percentile(known, (20, 50, 80)))
    slopes = np.concatenate([_slopes(run, least) for run in _runs(track)])
    rises, falls = slopes[slopes > 0], slopes[slopes < 0]
    numbers = _centre(f"{name}.", name, known)
    numbers |= {f"{name}.p20": low, f"{name}.p50": middle, f"{name}.p80": high}
    numbers[f"{name}.range"] = high - low
    for word, part in (("rise", rises), ("fall", falls)):
        numbers[f"{name}.{word}_mean"] = float(part.mean()) if len(part) else 0.0
        numbers[f"{name}.{word}_sd"] = float(part.std()) if len(part) else 0.0
    return numbers


def _runs(track: np.ndarray) -> list[np.ndarray]:
    """Cut a track where it has no value."""
    known = np.isfinite(track)
    edges = np.flatnonzero(np.diff(known.astype(int), prepend=0, append=0))
    return [track[a:b] for a, b in edges.reshape(-1, 2)]


def _slopes(run: np.ndarray, least: float) -> np.ndarray:
    """Slopes per second between the turning points of one stretch."""
    at = turning_points(run, least)
    if len(at) < 2:
        return np.zeros(0)
    return np.diff(run[at]) / (np.diff(at) * STEP)


@njit(cache=True)
def turning_points(track: np.ndarray, least: float) -> np.ndarray:
    """Find the extremes of a track between which it moves by at least ``least``; indices."""
    found = [0 for _ in range(0)]
    low = high = 0
    direction = 0
    for i in range(1, len(track)):
        if track[i] > track[high]:
            high = i
        if track[i] < track[low]:
            low = i
        if direction >= 0 and track[high] - track[i] > least:
            if direction == 0 and low < high:
                found.append(low)
            found.append(high)
            direction, low, high = -1, i, i
        elif direction <= 0 and track[i] - track[low] > least:
            if direction == 0 and high < low:
                found.append(high)
            found.append(low)
            direction, low, high = 1, i, i
    if direction > 0:
        found.append(high)
    elif direction < 0:
        found.append(low)
    elif len(track) and track[high] - track[low] > least:
        found.append(min(low, high))
        found.append(max(low, high))
    out = np.empty(len(found), dtype=np.int64)
    for i in range(len(found)):
        out[i] = found[i]
    return out


def _rhythm(loudness: np.ndarray, voiced: np.ndarray) -> dict[str, float]:
    seconds = len(voiced) * STEP
    at = turning_points(loudness, SHARE_OF_RANGE * float(np.ptp(loudness)))
    inner = at[(at > 0) & (at < len(loudness) - 1)]
    peaks = (loudness[inner] >= loudness[inner - 1]) & (loudness[inner] >= loudness[inner + 1])
    with_voice, without = _lengths(voiced), _lengths(~voiced)
    return {
        "loudness_peaks_per_s": float(peaks.sum()) / seconds,
        "voiced_segments_per_s": len(with_voice) / seconds,
        "voiced_segment_mean_s": _mean(with_voice),
        "voiced_segment_sd_s": float(with_voice.std()) if len(with_voice) else np.nan,
        "unvoiced_segment_mean_s": _mean(without),
        "unvoiced_segment_sd_s": float(without.std()) if len(without) else np.nan,
    }


def _lengths(mask: np.ndarray) -> np.ndarray:
    edges = np.flatnonzero(np.diff(mask.astype(int), prepend=0, append=0))
    return np.diff(edges.reshape(-1, 2), axis=1)[:, 0] * STEP
