"""Cut a continuous recording into trials, without reaching into gaps or into the future.

Every value of an epoch is the last sample at or before its time, so nothing that comes later enters
it. Where the last sample is older than one and a half sampling intervals the recording has a gap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from affectome.data.catalog import Skipped
from affectome.data.memory import check_memory
from affectome.data.readers.events import row_name
from affectome.errors import InputError
from affectome.kernels.filters import apply_filter, butterworth

MAX_GAP = 1.5  # sampling intervals
MAX_GAP_SHARE = 0.1
LAGS = ((0.5, 6.0), (0.05, 2.0))  # seconds between samples, seconds that the signal lags
SHORTEST = 0.5
MOST_SAMPLES = 10_000_000


@dataclass(frozen=True)
class Epochs:
    """Trials cut from a recording.

    Attributes
    ----------
    values
        Shape (n_trials, n_times, n_units).
    time
        Seconds relative to the event, shape (n_times,).
    kept
        Rows of the events that gave a trial, shape (n_trials,).
    skipped
        Events that gave none, and why.
    """

    values: np.ndarray
    time: np.ndarray
    kept: np.ndarray
    skipped: tuple[Skipped, ...]


def sampling_interval(times: np.ndarray, source: str) -> float:
    """Give the median sampling interval in seconds.

    Raises
    ------
    InputError
        If times are missing, do not rise, or are so unequal that no rate describes them.
    """
    if times.ndim != 1 or times.size < 2:
        raise InputError(f"{source}: times need two samples or more; got the shape {times.shape}")
    if not np.isfinite(times).all():
        row = int(np.flatnonzero(~np.isfinite(times))[0])
        raise InputError(f"{source}: times hold NaN or infinity at sample {row}")
    steps = np.diff(times)
    if (steps <= 0).any():
        row = int(np.flatnonzero(steps <= 0)[0])
        raise InputError(
            f"{source}: times do not rise at sample {row + 1} ({times[row]:g} s, then "
            f"{times[row + 1]:g} s); sort the samples and drop those given twice"
        )
    interval = float(np.median(steps))
    uneven = float((np.abs(steps / interval - 1) > MAX_GAP - 1).mean())
    if uneven > MAX_GAP_SHARE:
        raise InputError(
            f"{source}: the sampling is unequal: {uneven:.0%} of the intervals are more than half "
            f"off their median of {interval:g} s; resample to equal intervals first"
        )
    return interval


def default_window(events: pd.DataFrame, interval: float = 0.0) -> tuple[float, float]:
    """From one second before the event until its response has passed, or the next event comes.

    A response lasts as long as events do (the median, two seconds at least) and as long as the
    signal lags behind: two seconds where samples lie 50 ms apart or more (calcium indicators decay
    over one to two seconds), six where they lie half a second apart (blood flow).
    """
    lag = next((seconds for slow, seconds in LAGS if interval >= slow), 0.0)
    stop = max(2.0, float(events["duration"].median())) + lag
    onsets = np.unique(events["onset"].to_numpy(dtype=float))
    gap = float(np.median(np.diff(onsets))) if onsets.size > 1 else stop
    return -1.0, min(stop, max(gap, SHORTEST))


def overlap(onsets: np.ndarray, window: tuple[float, float]) -> float:
    """Give the share of events whose window reaches into the next one's."""
    return (
        float((np.diff(np.sort(onsets)) < window[1] - window[0]).mean()) if onsets.size > 1 else 0.0
    )


def time_grid(window: tuple[float, float], interval: float) -> np.ndarray:
    """Times of an epoch: multiples of ``interval`` within the window, 0 among them.

    Raises
    ------
    InputError
        If the window is not two rising numbers, or shorter than the interval.
    """
    start, stop = window
    if not np.isfinite([start, stop]).all() or stop <= start:
        raise InputError(f"a window is two rising numbers of seconds; got {start:g},{stop:g}")
    if interval > stop - start:
        raise InputError(
            f"a window of {stop - start:g} s is shorter than the sampling interval of "
            f"{interval:g} s; are the times in seconds?"
        )
    first, last = np.ceil(start / interval - 1e-6), np.floor(stop / interval + 1e-6)
    if last - first > MOST_SAMPLES:
        raise InputError(
            f"a window from {window[0]:g} to {window[1]:g} s has {last - first:.3g} samples of "
            f"{interval:.3g} s; is the sampling rate right?"
        )
    return np.arange(first, last + 1) * interval


def cut_epochs(
    values: np.ndarray,
    times: np.ndarray,
    events: pd.DataFrame,
    window: tuple[float, float],
    *,
    sfreq: float | None = None,
    baseline: tuple[float, float] | None = None,
    source: str = "recording",
    events_source: str = "events",
) -> Epochs:
    """Cut trials around events; those that meet a gap, NaN or an end are skipped and listed.

    Parameters
    ----------
    values
        Continuous signals, shape (n_samples, n_units).
    times
        Seconds of the samples, rising; gaps are allowed, shape (n_samples,).
    events
        ``onset`` in seconds on the clock of ``times``.
    window
        Seconds ``(start, stop)`` relative to the onset.
    sfreq
        Samples a second of the epochs; the recording's own when None. Below the recording's own a
        causal low-pass at .4 ``sfreq`` goes before.
    baseline
        Seconds ``(start, stop)`` within the window whose mean is subtracted from each unit and
        trial.
    source, events_source
        Names for messages.

    Returns
    -------
    Epochs

    Raises
    ------
    InputError
        If the sampling is unequal, the window or baseline is out of order, or no event is left.
    """
    if len(values) != times.size:
        raise InputError(
            f"{source}: data have {len(values)} samples, but times have {times.size}; "
            "give one time a sample"
        )
    interval = sampling_interval(times, source)
    if sfreq is not None and sfreq * interval < 0.8:
        values = _low_pass(values, times, interval, 0.4 * sfreq)
    time = time_grid(window, interval if sfreq is None else 1 / sfreq)
    wanted = events["onset"].to_numpy(dtype=float)[:, None] + time
    index = np.searchsorted(times, wanted + 1e-3 * interval, side="right") - 1
    why = _reasons(values, times, wanted, index, interval)
    kept = np.array([reason is None for reason in why])
    rows = np.asarray(events.index)
    skipped = tuple(
        Skipped(row_name(events_source, int(row)), reason)
        for row, reason in zip(rows, why, strict=True)
        if reason is not None
    )
    if not kept.any():
        raise InputError(
            f"{source}: none of {len(events)} events gives a trial; "
            f"the first: {skipped[0].file}: {skipped[0].why}"
        )
    check_memory(
        2.0 * kept.sum() * time.size * values.shape[1] * values.itemsize,
        f"cutting {kept.sum()} trials of {time.size} samples from {source}",
        "take a shorter window, a lower sampling rate, or a larger machine",
    )
    cut = values[index[kept]]
    if baseline is not None:
        cut = cut - cut[:, within(time, baseline)].mean(axis=1, keepdims=True)
    return Epochs(cut, time, np.flatnonzero(kept), skipped)


def _reasons(
    values: np.ndarray,
    times: np.ndarray,
    wanted: np.ndarray,
    index: np.ndarray,
    interval: float,
) -> list[str | None]:
    finite = np.isfinite(values).all(axis=1)
    reasons: list[str | None] = []
    for asked, samples in zip(wanted, index, strict=True):
        reason = None
        if samples[0] < 0 or asked[-1] > times[-1] + MAX_GAP * interval:
            reason = (
                f"the window {asked[0]:.3f}–{asked[-1]:.3f} s is outside the recording, which runs "
                f"from {times[0]:.3f} to {times[-1]:.3f} s"
            )
        elif (stale := asked - times[samples] > MAX_GAP * interval).any():
            last = int(samples[np.argmax(stale)])
            reason = (
                f"the window falls in a gap of the recording from {times[last]:.3f} to "
                f"{times[last + 1]:.3f} s"
            )
        elif not finite[samples].all():
            bad = int(samples[np.argmin(finite[samples])])
            reason = f"NaN or infinite values at {times[bad]:.3f} s"
        reasons.append(reason)
    return reasons


def _low_pass(values: np.ndarray, times: np.ndarray, interval: float, high: float) -> np.ndarray:
    smooth = butterworth(1 / interval, high=high)
    finite = np.isfinite(values).all(axis=1)
    broken = (np.diff(times) > MAX_GAP * interval) | (np.diff(finite) != 0)
    parts = np.split(values, np.flatnonzero(broken) + 1)
    return np.concatenate(
        [apply_filter(smooth, part) if np.isfinite(part[0]).all() else part for part in parts]
    )


def within(time: np.ndarray, baseline: tuple[float, float]) -> np.ndarray:
    """Tell which samples of an epoch lie in its baseline.

    Raises
    ------
    InputError
        If none does, or the baseline reaches beyond the epoch.
    """
    step = float(time[1] - time[0]) if len(time) > 1 else 0.0
    inside = (time >= baseline[0] - 1e-9) & (time <= baseline[1] + 1e-9)
    beyond = baseline[0] < time[0] - 1e-6 - step or baseline[1] > time[-1] + 1e-6 + step
    if beyond and inside.any():
        raise InputError(
            f"the baseline {baseline[0]:g},{baseline[1]:g} s reaches beyond the window "
            f"{time[0]:g} to {time[-1]:g} s; let it lie within"
        )
    if not inside.any():
        raise InputError(
            f"the baseline {baseline[0]:g},{baseline[1]:g} s holds no sample of the window "
            f"{time[0]:g} to {time[-1]:g} s"
        )
    return inside


def cut_again(
    values: np.ndarray,
    times: np.ndarray,
    window: tuple[float, float] | None,
    baseline: tuple[float, float] | None,
    path: object,
) -> tuple[np.ndarray, np.ndarray]:
    """Subtract the baseline and cut the window that were asked for from trials as they are.

    Parameters
    ----------
    values
        Shape (n_trials, n_times, n_units).
    times
        Seconds of a trial, shape (n_times,).
    window, baseline
        Seconds (start, stop); None for all, and for none.
    path
        Name for messages.

    Raises
    ------
    InputError
        If either does not lie within the trials.
    """
    if baseline is not None:
        inside = within(times, baseline)
        values = values - values[:, inside].mean(axis=1, keepdims=True)
    if window is None:
        return values, times
    start, stop = window
    if start < times[0] - 1e-9 or stop > times[-1] + 1e-9 or start >= stop:
        raise InputError(
            f"{path}: the window {start:g},{stop:g} s does not lie within its epochs, which run "
            f"from {times[0]:g} to {times[-1]:g} s"
        )
    kept = (times >= start - 1e-9) & (times <= stop + 1e-9)
    return values[:, kept], times[kept]
