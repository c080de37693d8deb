r"""Numbers that sum up a stretch of a body signal: skin, pulse, breath and warmth.

Signals are cleaned, and beats and breaths found, by NeuroKit2 (Makowski et al. 2021). Skin
conductance is split at .05 Hz into a slow level and a fast part, and a response is a rise of .01 µS
from trough to peak (Boucsein 2012); beats give intervals
:math:`r_i`, with :math:`\mathrm{RMSSD} = \sqrt{\overline{(r_{i+1} - r_i)^2}}` (Task Force 1996). A
stretch that is too short for a number gives NaN, never 0.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from affectome.errors import require

Array = NDArray[np.float64]
FEATURES = {
    "eda": ("eda_level", "eda_slope", "eda_spread", "eda_fast", "eda_responses", "eda_height"),
    "pulse": ("pulse_rate", "pulse_sdnn", "pulse_rmssd", "pulse_height"),
    "ecg": ("ecg_rate", "ecg_sdnn", "ecg_rmssd"),
    "respiration": ("breath_rate", "breath_spread", "breath_depth"),
    "temperature": ("temperature_level", "temperature_slope", "temperature_spread"),
}
SHORTEST_S = {"eda": 10.0, "pulse": 10.0, "ecg": 10.0, "respiration": 20.0, "temperature": 10.0}
SLOWEST = {"eda": 1.0, "pulse": 20.0, "ecg": 100.0, "respiration": 4.0, "temperature": 0.2}
STILL = 1e-9
INTERVALS_S = (0.3, 2.0)
BREATHS_S = (1.0, 15.0)
UNUSUAL = 0.3
FEWEST_BEATS = 5
LOWEST_RESPONSE, LONGEST_RISE_S = 0.01, 5.0


def summarise(kind: str, values: Array, rate: float) -> dict[str, float]:
    """Sum up one stretch without gaps.

    Parameters
    ----------
    kind
        ``"eda"`` (µS), ``"pulse"``, ``"ecg"``, ``"respiration"`` or ``"temperature"`` (°C).
    values
        Shape (n,).
    rate
        Samples a second.

    Returns
    -------
    dict
        Each of ``FEATURES[kind]``: levels in the unit, slopes in units a minute, rates and
        responses a minute, SDNN and RMSSD in ms; NaN where the stretch is too short, the rate too
        low or nothing moves.
    """
    names = FEATURES[kind]
    if len(values) < SHORTEST_S[kind] * rate or rate < SLOWEST[kind]:
        return dict.fromkeys(names, np.nan)
    work: dict[str, Callable[[Array, float], list[float]]] = {
        "eda": _eda,
        "pulse": _pulse,
        "ecg": _ecg,
        "respiration": _respiration,
        "temperature": _level,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NeuroKit warns of low rates, which are allowed for here
        found = work[kind](np.asarray(values, dtype=float), rate)
    return dict(zip(names, found, strict=True))


def _level(x: Array, rate: float) -> list[float]:
    minutes = np.arange(len(x)) / rate / 60
    return [float(x.mean()), float(np.polyfit(minutes, x, 1)[0]), float(x.std())]


def _eda(x: Array, rate: float) -> list[float]:
    if x.std() < STILL:
        return [*_level(x, rate), 0.0, 0.0, np.nan]
    nk = _neurokit()
    clean = np.asarray(nk.eda_clean(x, sampling_rate=rate), dtype=float)
    phasic = nk.eda_phasic(clean, sampling_rate=rate, method="highpass")["EDA_Phasic"]
    heights = _responses(clean, rate)
    height = float(heights.mean()) if len(heights) else np.nan
    minutes = len(x) / rate / 60
    return [*_level(x, rate), float(phasic.std()), len(heights) / minutes, height]


def _responses(clean: Array, rate: float) -> Array:
    """Rise of each response from the trough of the five seconds before it, .01 µS or more."""
    peaks = find_peaks(clean, prominence=LOWEST_RESPONSE)[0]
    before = round(LONGEST_RISE_S * rate)
    troughs = [clean[max(0, peak - before) : peak + 1].min() for peak in peaks]
    heights = clean[peaks] - np.array(troughs)
    return np.asarray(heights[heights >= LOWEST_RESPONSE])


def _pulse(x: Array, rate: float) -> list[float]:
    if x.std() < STILL:
        return [np.nan] * 4
    nk = _neurokit()
    clean = nk.ppg_clean(x, sampling_rate=rate)
    beats = nk.ppg_findpeaks(clean, sampling_rate=rate)["PPG_Peaks"]
    return [*_variability(np.asarray(beats) / rate), float(np.log(clean.std()))]


def _ecg(x: Array, rate: float) -> list[float]:
    if x.std() < STILL:
        return [np.nan] * 3
    nk = _neurokit()
    clean = nk.ecg_clean(x, sampling_rate=rate)
    found = nk.ecg_findpeaks(clean, sampling_rate=rate)["ECG_R_Peaks"]
    return _variability(np.asarray(found) / rate)


def _variability(beats: Array) -> list[float]:
    """Beats a minute, SDNN and RMSSD (ms) of the times of beats (s), without impossible ones."""
    intervals = np.diff(beats)
    if len(intervals) < FEWEST_BEATS:
        return [np.nan] * 3
    middle = np.median(intervals)
    good = (intervals > INTERVALS_S[0]) & (intervals < INTERVALS_S[1])
    good &= np.abs(intervals - middle) < UNUSUAL * middle
    if good.sum() < FEWEST_BEATS:
        return [np.nan] * 3
    changes = np.diff(intervals)[good[1:] & good[:-1]]
    rmssd = float(1e3 * np.sqrt(np.mean(changes**2))) if len(changes) else np.nan
    return [float(60 / intervals[good].mean()), float(1e3 * intervals[good].std()), rmssd]


def _respiration(x: Array, rate: float) -> list[float]:
    if x.std() < STILL:
        return [np.nan] * 3
    nk = _neurokit()
    clean = nk.rsp_clean(x, sampling_rate=rate)
    try:
        peaks = np.asarray(nk.rsp_peaks(clean, sampling_rate=rate)[1]["RSP_Peaks"]) / rate
    except (ValueError, IndexError):  # NeuroKit raises where there is no breath at all
        return [np.nan] * 3
    intervals = np.diff(peaks[np.isfinite(peaks)])
    good = intervals[(intervals > BREATHS_S[0]) & (intervals < BREATHS_S[1])]
    if len(good) < 2:
        return [np.nan] * 3
    return [float(60 / good.mean()), float(good.std()), float(np.log(clean.std()))]


def _neurokit() -> Any:
    return require("neurokit2", "physiology")
