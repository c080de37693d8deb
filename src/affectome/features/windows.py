"""Windows around an event, and the proof that nothing in them comes from later.

Every filter says whether it looks ahead; a Recording carries that mark from then on
(``attrs["looks_ahead"]``), and a causal window is refused from a Recording that has it.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from affectome.data import check_recording
from affectome.errors import InputError
from affectome.kernels.filters import Filter, apply_filter


def filtered(recording: xr.DataArray, filter_: Filter) -> xr.DataArray:
    """Filter every trial and unit along time, and mark the result if the filter looks ahead.

    Parameters
    ----------
    recording
        Dims (trial, time, unit), equally spaced times.
    filter_
        From :func:`affectome.kernels.filters.butterworth`.

    Returns
    -------
    xarray.DataArray
        float64; ``attrs["looks_ahead"]`` and ``attrs["filters"]`` tell what was done.
    """
    sampling_rate(recording)
    made = recording.copy(data=apply_filter(filter_, recording.values, axis=1))
    made.attrs = {
        **recording.attrs,
        "looks_ahead": bool(recording.attrs.get("looks_ahead", False) or filter_.looks_ahead),
        "filters": [*recording.attrs.get("filters", []), filter_.description],
    }
    return made


def require_causal(recording: xr.DataArray) -> xr.DataArray:
    """Return the Recording unchanged, or refuse it if a filter looked ahead.

    Raises
    ------
    InputError
        If samples hold something of later samples.
    """
    if recording.attrs.get("looks_ahead", False):
        names = "; ".join(recording.attrs.get("filters", [])) or "a filter that looks ahead"
        raise InputError(
            f"a causal analysis can't use this Recording: it was filtered by {names}; filter it "
            "with phase='causal' instead"
        )
    return recording


def event_window(recording: xr.DataArray, start: float, stop: float) -> xr.DataArray:
    """Take the samples from ``start`` to ``stop`` seconds, both included.

    Raises
    ------
    InputError
        If the Recording has no time, or no sample lies there.
    """
    if "time" not in recording.dims:
        raise InputError("this Recording has no times, so no window can be taken from it")
    time = recording["time"].values
    inside = (time >= start - 1e-9) & (time <= stop + 1e-9)
    if not inside.any():
        raise InputError(
            f"no sample lies from {start:g} to {stop:g} s; the trials run from {time[0]:g} to "
            f"{time[-1]:g} s"
        )
    return recording.isel(time=np.flatnonzero(inside))


def causal_window(recording: xr.DataArray, length: float, before: float = 0.0) -> xr.DataArray:
    """Take the ``length`` seconds that end ``before`` seconds before the event.

    Raises
    ------
    InputError
        If a filter looked ahead, or the trials do not reach so far back.
    """
    require_causal(recording)
    window = event_window(recording, -before - length, -before)
    if recording["time"].values[0] > -before - length + 1e-9:
        raise InputError(
            f"a window of {length:g} s that ends {before:g} s before the event starts at "
            f"{-before - length:g} s, but the trials start at {recording['time'].values[0]:g} s"
        )
    return window


def window_means(recording: xr.DataArray, length: float, step: float) -> xr.DataArray:
    """Average over sliding windows; a window bears the time of its last sample.

    Parameters
    ----------
    recording
        Dims (trial, time, unit), equally spaced times.
    length, step
        Seconds of a window and from one to the next.

    Returns
    -------
    xarray.DataArray
        Dims (trial, time, unit) with one time a window; no value holds anything later than its
        time, if the Recording's samples do not.

    Raises
    ------
    InputError
        If the trials are shorter than a window.
    """
    rate = sampling_rate(recording)
    width, hop = max(1, round(length * rate)), max(1, round(step * rate))
    n_times = recording.sizes["time"]
    if width > n_times:
        raise InputError(
            f"a window of {length:g} s has {width} samples, but the trials have {n_times}; "
            "take a shorter one"
        )
    ends = np.arange(width - 1, n_times, hop)
    total = np.cumsum(recording.values, axis=1, dtype=float)
    total = np.concatenate([np.zeros_like(total[:, :1]), total], axis=1)
    means = (total[:, ends + 1] - total[:, ends + 1 - width]) / width
    return check_recording(recording.isel(time=ends).copy(data=means))


def sampling_rate(recording: xr.DataArray) -> float:
    """Give the samples a second of a Recording.

    Raises
    ------
    InputError
        If it has no times, fewer than two, or times that are not equally spaced.
    """
    if "time" not in recording.dims or recording.sizes["time"] < 2:
        raise InputError("this needs a Recording with times, two samples or more a trial")
    steps = np.diff(recording["time"].values)
    if np.ptp(steps) > 0.01 * steps.mean() or steps.mean() <= 0:
        raise InputError(
            f"the times of the Recording are not equally spaced (steps from {steps.min():g} to "
            f"{steps.max():g} s); read it again with sfreq="
        )
    return float(1 / steps.mean())
