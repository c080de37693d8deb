"""From what was read to trials with labels, an honest split and one response a unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from affectome.data import Skipped, trial_table
from affectome.data.readers.measurement import Measurement
from affectome.errors import InputError
from affectome.evidence import Split, make_split
from affectome.features.covariance import log_covariances
from affectome.features.spectra import asymmetry, band_power, differential_entropy
from affectome.features.windows import event_window, sampling_rate

HELD_OUT = ("subject", "stimulus", "theme", "group", "source", "session", "run", "block")
STRETCHES = 5
ENTROPY_SECONDS = 2.0
ENTROPY_RATE = 30.0


def labelled(measurement: Measurement, target: str) -> tuple[xr.DataArray, list[Skipped]]:
    """Keep the trials that have a label, and say which have none.

    Raises
    ------
    InputError
        If the column is missing or fewer than two classes are left.
    """
    recording = measurement.recording
    trials = trial_table(recording)
    if target not in trials:
        raise InputError(
            f"the trials of {measurement.source} have no column {target!r}; they have "
            f"{', '.join(trials.columns) or 'none'}"
        )
    column = trials[target]
    missing = column.isna() | (column.astype(str) == "")
    skipped = [Skipped(f"trial {row}", f"no {target}") for row in np.flatnonzero(missing)]
    names = column[~missing].astype(str)
    if names.nunique() < 2:
        raise InputError(
            f"{target!r} holds {names.nunique()} class in {measurement.source}; two or more are "
            "compared"
        )
    kept = recording.isel(trial=np.flatnonzero(~missing))
    return kept.assign_coords({target: ("trial", names.to_numpy(dtype=str))}), skipped


def choose_split(
    recording: xr.DataArray,
    target: str,
    holdout: str | Sequence[str] | None,
    random_state: int,
    warnings: list[str],
) -> tuple[xr.DataArray, Split]:
    """Hold out subject and stimulus where they are named, else stretches of each class in time.

    Returns
    -------
    recording
        With the coordinate ``block`` where stretches are held out.
    split
        The folds.
    """
    trials = trial_table(recording)
    y = trials[target].to_numpy()
    if holdout is not None:
        return recording, make_split(trials, y, holdout, random_state=random_state)
    many = [name for name in HELD_OUT if name in trials and trials[name].nunique() > 1]
    if "stimulus" in many and trials["stimulus"].nunique() <= len(np.unique(y)):
        many.remove("stimulus")
        warnings.append(
            "each class has one stimulus, so that what is read may be the stimulus and not the "
            f"{target}; show several stimuli of each class"
        )
    if many:
        try:
            known = trials[[name for name in trials if name not in HELD_OUT or name in many]]
            return recording, make_split(known, y, random_state=random_state)
        except InputError as error:
            warnings.append(f"{' and '.join(many)} can't be held out: {error}")
    if "subject" not in many:
        warnings.append(
            "one subject only: nothing here tells how other people or animals would be read"
        )
    warnings.append(
        f"held out are {STRETCHES} consecutive stretches of the trials of each class, for want of "
        "subjects or stimuli to hold out"
    )
    recording = recording.assign_coords(block=("trial", _stretches(trials, y)))
    split = make_split(trial_table(recording), y, "block", random_state=random_state)
    return recording, split


def _stretches(trials: pd.DataFrame, y: np.ndarray) -> np.ndarray:
    """Number the consecutive stretches of each class in time, (n_trials,)."""
    onset = trials["onset"] if "onset" in trials else pd.Series(np.arange(len(trials)))
    place = onset.groupby(y).rank(method="first") - 1
    size = onset.groupby(y).transform("size")
    if size.min() < 2:
        rare = str(y[int(size.to_numpy().argmin())])
        raise InputError(
            f"the class {rare!r} has one trial; two or more are needed to hold one out"
        )
    stretches = min(STRETCHES, int(size.min()))
    return (place * stretches // size).astype(int).to_numpy()


def responses(
    recording: xr.DataArray, features: str, window: tuple[float, float] | None
) -> xr.DataArray:
    """Give one response a trial and unit, dims (trial, unit).

    Raises
    ------
    InputError
        If the features are not known, or need times that are not there.
    """
    known = ("auto", *FEATURES)
    if features not in known:
        raise InputError(f"there are no features {features!r}; choose {', '.join(known)}")
    if "time" not in recording.dims and features in {"auto", "mean"}:
        return recording
    after = after_event(recording, window)
    if features == "auto":
        features = "differential-entropy" if _has_rhythms(after) else "mean"
    return FEATURES[features](after)


def _mean(recording: xr.DataArray) -> xr.DataArray:
    mean: xr.DataArray = recording.mean("time", keep_attrs=True)
    return mean


def _asymmetry(recording: xr.DataArray) -> xr.DataArray:
    return asymmetry(differential_entropy(recording))


FEATURES: Mapping[str, Callable[[xr.DataArray], xr.DataArray]] = {
    "mean": _mean,
    "band-power": band_power,
    "differential-entropy": differential_entropy,
    "asymmetry": _asymmetry,
    "tangent": log_covariances,
}


def after_event(recording: xr.DataArray, window: tuple[float, float] | None) -> xr.DataArray:
    """Cut the response window: from the event on, unless a window is given."""
    if "time" not in recording.dims:
        raise InputError(
            f"this needs samples over time; the Recording has the dims {recording.dims}"
        )
    time = recording["time"].values
    start, stop = window or (min(0.0, float(time[-1])), float(time[-1]))
    return event_window(recording, start, stop)


def _has_rhythms(recording: xr.DataArray) -> bool:
    time = recording["time"].values
    long_enough = len(time) > 1 and time[-1] - time[0] >= ENTROPY_SECONDS - 1 / ENTROPY_RATE
    return (
        "sensor" in recording.coords and long_enough and (sampling_rate(recording) >= ENTROPY_RATE)
    )
