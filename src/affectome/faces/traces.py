"""How an expression unfolds after an event: latency, peak, persistence, variability."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from affectome.errors import InputError

ABOVE = 3.0
HELD = 2


class Course(NamedTuple):
    """The course of one trace for each trial, all of shape (n_trials,).

    Attributes
    ----------
    latency
        Seconds from the event until the trace leaves the range before it; NaN if it never does.
    peak
        Largest value after the event, above the mean before it.
    peak_time
        Seconds from the event to the peak.
    persistence
        Time constant of the decay after the peak, s; NaN where the trace does not decay.
    """

    latency: np.ndarray
    peak: np.ndarray
    peak_time: np.ndarray
    persistence: np.ndarray


def describe_course(traces: np.ndarray, time: np.ndarray) -> Course:
    """Measure the course of each trial.

    The onset of the expression is the first of two successive samples that lie three standard
    deviations of the samples before the event above their mean. The decay from the peak on follows
    A·exp(-t/τ); τ is the least-squares slope of log(trace) against time, each sample weighted by
    its squared height, which is the fit of the trace itself to first order.

    Parameters
    ----------
    traces
        Shape (n_trials, n_times).
    time
        Seconds relative to the event, shape (n_times,), rising.

    Returns
    -------
    Course

    Raises
    ------
    InputError
        If there are fewer than three samples before the event or two after it, or shapes differ.
    """
    before, after = time < 0, time >= 0
    if traces.ndim != 2 or traces.shape[1] != len(time):
        raise InputError(f"traces of the shape {traces.shape} don't meet {len(time)} times")
    if before.sum() < 3 or after.sum() < 2:
        raise InputError(
            f"a course needs three samples before the event and two after it; got "
            f"{int(before.sum())} and {int(after.sum())}"
        )
    raised = traces - traces[:, before].mean(axis=1, keepdims=True)
    spread = raised[:, before].std(axis=1, ddof=1, keepdims=True)
    late, since = raised[:, after], time[after]
    top = late.argmax(axis=1)
    return Course(
        _latency(late > ABOVE * spread, since),
        late.max(axis=1),
        since[top],
        np.array([_decay(row[k:], since[k:]) for row, k in zip(late, top, strict=True)]),
    )


def variability(peaks: np.ndarray, stimuli: np.ndarray) -> dict[str, float]:
    """Trial-to-trial variability at a fixed stimulus: SD over mean of the peaks, by stimulus.

    Parameters
    ----------
    peaks
        Shape (n_trials,).
    stimuli
        What was given in each trial, such as its intensity, shape (n_trials,).

    Returns
    -------
    dict
        Stimulus → coefficient of variation; NaN with fewer than two trials.
    """
    result = {}
    for stimulus in np.unique(stimuli):
        values = peaks[stimuli == stimulus]
        enough = len(values) > 1 and values.mean() != 0
        result[str(stimulus)] = (
            float(values.std(ddof=1) / abs(values.mean())) if enough else float("nan")
        )
    return result


def _latency(above: np.ndarray, since: np.ndarray) -> np.ndarray:
    held = above.copy()
    for shift in range(1, HELD):
        held[:, :-shift] &= above[:, shift:]
        held[:, -shift:] = False
    return np.where(held.any(axis=1), since[held.argmax(axis=1)], np.nan)


def _decay(values: np.ndarray, since: np.ndarray) -> float:
    used = values > 0
    if used.sum() < 3:
        return float("nan")
    slope = np.polyfit(since[used], np.log(values[used]), 1, w=values[used])[0]
    return float(-1 / slope) if slope < 0 else float("nan")
