"""Filters that say whether they look ahead.

A zero-phase filter runs forwards and backwards, so that its output at a time depends on samples
that come later. What is decoded from such a signal "before" an event may have leaked back from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.signal import butter, sosfilt, sosfilt_zi, sosfiltfilt

PHASES = ("causal", "zero")


@dataclass(frozen=True)
class Filter:
    """A filter in second-order sections.

    Attributes
    ----------
    sos
        Coefficients, shape (n_sections, 6).
    looks_ahead
        Whether the output at a time depends on later samples.
    description
        What it is, in one line for a report.
    """

    sos: np.ndarray
    looks_ahead: bool
    description: str


def butterworth(
    sfreq: float,
    low: float | None = None,
    high: float | None = None,
    *,
    order: int = 4,
    phase: str = "causal",
) -> Filter:
    """Design a Butterworth filter that passes ``low`` to ``high`` hertz.

    Parameters
    ----------
    sfreq
        Samples a second.
    low, high
        Edges in hertz (−3 dB for one pass); None leaves that side open.
    order
        Order of the design; a zero-phase filter applies it twice.
    phase
        ``"causal"`` or ``"zero"`` (forwards and backwards: looks ahead).

    Raises
    ------
    ValueError
        If no edge is given, the edges do not rise below half of ``sfreq``, or the phase is unknown.
    """
    edges = [f for f in (low, high) if f is not None]
    if not edges or not all(0 < f < sfreq / 2 for f in edges) or edges != sorted(set(edges)):
        raise ValueError(
            f"filter edges rise between 0 and {sfreq / 2:g} Hz (half of the sampling rate); "
            f"got {low} and {high}"
        )
    if phase not in PHASES:
        raise ValueError(f"phase is 'causal' or 'zero'; got {phase!r}")
    kind: Literal["bandpass", "lowpass", "highpass"] = (
        "bandpass" if len(edges) == 2 else "lowpass" if low is None else "highpass"
    )
    sos = butter(order, np.squeeze(edges), kind, fs=sfreq, output="sos")
    span = "–".join(f"{f:g}" for f in edges)
    return Filter(
        sos, phase == "zero", f"{phase}-phase Butterworth {kind}, {span} Hz, order {order}"
    )


def apply_filter(filter_: Filter, values: np.ndarray, axis: int = 0) -> np.ndarray:
    """Filter along one axis, float64; a causal filter starts settled on the first sample.

    Parameters
    ----------
    filter_
        The filter.
    values
        Signals without gaps.
    axis
        Axis of time.
    """
    data = np.moveaxis(np.asarray(values, dtype=float), axis, 0)
    if filter_.looks_ahead:
        return np.moveaxis(sosfiltfilt(filter_.sos, data, axis=0), 0, axis)
    zi = sosfilt_zi(filter_.sos)
    start = zi.reshape(*zi.shape, *(1,) * (data.ndim - 1)) * data[0]
    filtered, _ = sosfilt(filter_.sos, data, axis=0, zi=start)
    return np.moveaxis(filtered, 0, axis)
