"""From what was read to trials with labels, an honest design and one response a unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr

from affectome.data import Skipped, trial_table
from affectome.data.readers.measurement import Measurement
from affectome.errors import InputError, no_column
from affectome.evidence import Design, exchange_for, make_design
from affectome.evidence.splits import honest_columns, named
from affectome.features.covariance import log_covariances
from affectome.features.spectra import asymmetry, band_power, differential_entropy
from affectome.features.windows import event_window, sampling_rate

STRETCHES = 5
MOST_CLASSES = 10
ENTROPY_SECONDS = 2.0
ENTROPY_RATE = 30.0


def labelled(measurement: Measurement, target: str) -> tuple[xr.DataArray, list[Skipped]]:
    """Keep the trials that have a label, and say which have none.

    A column of fractions, or of more than ten numbers, holds ratings and becomes floats; any other
    names classes.

    Raises
    ------
    InputError
        If the column is missing or fewer than two classes are left.
    """
    recording = measurement.recording
    trials = trial_table(recording)
    if target not in trials:
        raise no_column(f"the trials of {measurement.source} have", target, trials.columns)
    column = trials[target]
    people = trials["subject"] if "subject" in trials and target != "subject" else None
    if people is not None and (people.astype(str) == column.astype(str)).all():
        raise InputError(f"{target!r} is what is decoded; it can't also be the column of people")
    missing = column.isna() | (column.astype(str).str.strip() == "")
    skipped = [Skipped(f"trial {row}", f"no {target}") for row in np.flatnonzero(missing)]
    kept = column[~missing]
    if kept.nunique() < 2:
        raise InputError(
            f"{target!r} holds {kept.nunique()} class in {measurement.source}; two or more are "
            "compared"
        )
    numbers = pd.to_numeric(kept, errors="coerce")
    rated = numbers.notna().all() and ((numbers % 1 != 0).any() or kept.nunique() > MOST_CLASSES)
    values = numbers.to_numpy(dtype=float) if rated else _names(kept).to_numpy(dtype=str)
    part = recording.isel(trial=np.flatnonzero(~missing))
    return part.assign_coords({target: ("trial", values)}), skipped


def _names(column: pd.Series) -> pd.Series:
    """Names of classes: the same but for blanks and capitals is the same class."""
    if pd.api.types.is_numeric_dtype(column):
        return column.map(lambda value: f"{value:g}")
    stripped = column.astype(str).str.strip()
    usual = stripped.groupby(stripped.str.casefold()).agg(lambda names: names.mode().iloc[0])
    return stripped.str.casefold().map(usual)


def choose_design(
    recording: xr.DataArray,
    target: str,
    holdout: str | Sequence[str] | None,
    random_state: int,
) -> tuple[Design, tuple[str, ...]]:
    """Hold out people and stimuli where they are named, else stretches of each class in time.

    Returns
    -------
    design
        What is held out, and what may trade places.
    warnings
        What a reader has to know of it.
    """
    trials = trial_table(recording).drop(columns=target)
    y = trial_table(recording)[target].to_numpy()
    rated = y.dtype.kind == "f"
    if holdout is not None:
        return make_design(trials, y, holdout, random_state=random_state), ()
    warnings: list[str] = []
    known = trials
    stimulus = named(trials, "stimulus")
    if not rated and stimulus is not None and trials[stimulus].nunique() <= len(np.unique(y)):
        known = trials.drop(columns=stimulus)
        warnings.append(
            f"each class has one {stimulus}, so that what is read may be the {stimulus} and not "
            f"the {target}; show several of each class"
        )
    columns = honest_columns(known)
    if columns:
        try:
            return make_design(known, y, columns, random_state=random_state), tuple(warnings)
        except InputError as error:
            warnings.append(f"{' and '.join(columns)} can't be held out: {error}")
    if named(trials, "subject") is None:
        warnings.append(
            "one subject only: nothing here tells how other people or animals would be read"
        )
    warnings.append(
        f"held out are {STRETCHES} consecutive stretches of the trials"
        + ("" if rated else " of each class")
        + ", for want of subjects or stimuli to hold out"
    )
    blocked = trials.assign(block=_stretches(trials, y))
    design = make_design(blocked, y, "block", random_state=random_state)
    return by_the_clock(design), tuple(warnings)


def _stretches(trials: pd.DataFrame, y: np.ndarray) -> np.ndarray:
    """Number the consecutive stretches of each class in time, (n_trials,)."""
    onset = trials["onset"] if "onset" in trials else pd.Series(np.arange(len(trials)))
    kind = np.zeros(len(y), dtype=int) if y.dtype.kind == "f" else y
    place = onset.groupby(kind).rank(method="first") - 1
    size = onset.groupby(kind).transform("size")
    if size.min() < 2:
        rare = str(y[int(size.to_numpy().argmin())])
        raise InputError(
            f"the class {rare!r} has one trial; two or more are needed to hold one out"
        )
    stretches = min(STRETCHES, int(size.min()))
    return (place * stretches // size).astype(int).to_numpy()


def by_the_clock(design: Design) -> Design:
    """Let labels trade places as their order in time allows, where stretches are held out.

    Stretches were cut by us and name nothing that trials have in common.
    """
    if design.held != ("block",):
        return design
    known = design.trials.drop(columns="block")
    return replace(design, exchange=exchange_for(known, design.y))


def held_out_words(design: Design) -> str:
    """Say who and what was held out."""
    if design.held != ("block",):
        return design.headline
    kind = "" if design.y.dtype.kind == "f" else " of each class"
    count = len(np.unique(design.trials["block"]))
    return f"held out: {count} consecutive stretches of the trials{kind}, nobody and nothing else"


def responder(
    recording: xr.DataArray, features: str, window: tuple[float, float] | None
) -> Callable[[xr.DataArray], xr.DataArray]:
    """Give what turns samples of any stretch of time into one response a trial and unit.

    Raises
    ------
    InputError
        If the features need times that are not there.
    """
    if "time" not in recording.dims and features in {"auto", "mean"}:
        return _as_it_is
    if features == "auto":
        rhythms = _has_rhythms(after_event(recording, window))
        features = "differential-entropy" if rhythms else "mean"
    return FEATURES[features]


def _as_it_is(recording: xr.DataArray) -> xr.DataArray:
    return recording


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


def check_baseline(
    baseline: tuple[float, float] | None, response: tuple[float, float] | None
) -> None:
    """Refuse a baseline that takes away what is to be read.

    Parameters
    ----------
    baseline
        Seconds whose mean was subtracted from each trial; None where none was.
    response
        Seconds of the response; from the event on when None.

    Raises
    ------
    InputError
        If the two overlap.
    """
    if baseline is None:
        return
    start, stop = response or (0.0, np.inf)
    if baseline[1] > start + 1e-9 and baseline[0] < stop - 1e-9:
        raise InputError(
            f"the baseline {baseline[0]:g},{baseline[1]:g} s lies inside the response, which "
            f"starts at {start:g} s, so that it would take away what is to be read; let it end "
            "before that"
        )


def _has_rhythms(recording: xr.DataArray) -> bool:
    time = recording["time"].values
    long_enough = len(time) > 1 and time[-1] - time[0] >= ENTROPY_SECONDS - 1 / ENTROPY_RATE
    return (
        "sensor" in recording.coords and long_enough and (sampling_rate(recording) >= ENTROPY_RATE)
    )
