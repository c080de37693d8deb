"""Measurement: a Recording as it was read, with what was skipped and what was chosen on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from affectome.data.catalog import Skipped
from affectome.data.epochs import cut_epochs, default_window
from affectome.data.events import label_trials, onset_events, subject_of
from affectome.data.recording import make_recording, trial_table, unit_table
from affectome.errors import InputError


@dataclass(frozen=True)
class Measurement:
    """What was measured, as it was read.

    Attributes
    ----------
    recording
        The Recording, dims ``(trial, unit)`` or ``(trial, time, unit)``.
    source
        The file or folder that it was read from.
    skipped
        Trials, channels and files that could not be used, and why.
    notes
        One line for each choice that was made while reading, such as the window.
    """

    recording: xr.DataArray
    source: Path
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Options:
    """What the readers let a user choose; see :func:`affectome.data.read_recording`."""

    label: str | None = None
    window: tuple[float, float] | None = None
    baseline: tuple[float, float] | None = None
    sfreq: float | None = None
    series: str | None = None
    bin_width: float = 0.1
    mask: Path | None = None
    atlas: Path | None = None
    spheres: tuple[tuple[float, float, float], ...] = ()
    radius: float = 8.0
    resampling: str = "none"


def cut_measurement(
    values: np.ndarray,
    times: np.ndarray,
    units: pd.DataFrame,
    events: pd.DataFrame,
    options: Options,
    source: Path,
    events_source: str,
) -> Measurement:
    """Cut continuous signals into trials around events.

    Parameters
    ----------
    values
        Signals, shape (n_samples, n_units).
    times
        Seconds, shape (n_samples,).
    units
        One row a unit; its first column names the units.
    events
        One row an event, with ``onset`` in seconds.
    options
        Label, window, baseline and rate.
    source, events_source
        What was read, for messages.
    """
    labelled, skipped = label_trials(
        onset_events(events, events_source), options.label, events_source
    )
    window = options.window or default_window(labelled)
    values, units, flat = drop_flat(values, units, source)
    epochs = cut_epochs(
        values,
        times,
        labelled,
        window,
        sfreq=options.sfreq,
        baseline=options.baseline,
        source=str(source),
        events_source=events_source,
    )
    trials = with_subject(labelled.iloc[epochs.kept].reset_index(drop=True), source)
    notes = [
        f"trials run from {window[0]:g} to {window[1]:g} s around each event; a value is the last "
        "sample at or before its time, never a later one"
    ]
    if options.baseline is not None:
        notes.append(
            f"the mean from {options.baseline[0]:g} to {options.baseline[1]:g} s is subtracted "
            "from each trial and unit"
        )
    recording = make_recording(epochs.values, trials, units, epochs.time)
    return Measurement(recording, source, (*flat, *skipped, *epochs.skipped), tuple(notes))


def with_subject(trials: pd.DataFrame, source: str | Path) -> pd.DataFrame:
    """Add ``subject`` from the file's name where the table does not have it."""
    if "subject" in trials:
        return trials.assign(subject=trials["subject"].astype(str))
    return trials.assign(subject=subject_of(source, Path(source).name.split(".")[0]))


def drop_flat(
    values: np.ndarray, units: pd.DataFrame, source: str | Path
) -> tuple[np.ndarray, pd.DataFrame, list[Skipped]]:
    """Leave out units that never change or were never measured, and list them.

    Parameters
    ----------
    values
        Shape (n_samples, n_units).
    units
        One row a unit; its first column names the units.
    source
        Name for messages.

    Raises
    ------
    InputError
        If no unit is left.
    """
    low, high = (
        reduce(np.where(np.isfinite(values), values, empty), axis=0)
        for reduce, empty in ((np.min, np.inf), (np.max, -np.inf))
    )
    flat = ~(high > low)
    names = units.iloc[:, 0].astype(str).to_numpy()
    if flat.all():
        raise InputError(
            f"{source}: all {len(units)} channels or units are flat or missing, the first "
            f"{names[0]!r}; check that the right signals were read"
        )
    if not flat.any():
        return values, units, []
    skipped = [
        Skipped(str(source), f"{name!r} is flat or missing throughout; left out")
        for name in names[flat]
    ]
    return values[:, ~flat], units[~flat].reset_index(drop=True), skipped


def join_measurements(parts: Sequence[Measurement], source: Path) -> Measurement:
    """Stack the trials of several recordings that share their units.

    Units that only some of them have are left out and listed. Trials keep their own tables.

    Raises
    ------
    InputError
        If no unit is shared, or the times of the trials differ.
    """
    if len(parts) == 1:
        return parts[0]
    tables = [unit_table(p.recording) for p in parts]
    name = tables[0].columns[0]
    shared = [u for u in tables[0][name] if all(name in t and u in set(t[name]) for t in tables)]
    if not shared:
        raise InputError(
            f"{source}: {parts[0].source.name} and {parts[-1].source.name} share no units; "
            "neurons of different animals can't be stacked, so read them one by one"
        )
    skipped = [s for p in parts for s in p.skipped]
    values = []
    for part, table in zip(parts, tables, strict=True):
        extra = [u for u in table[name] if u not in set(shared)]
        skipped += [Skipped(str(part.source), f"{u!r} is not in all recordings") for u in extra]
        values.append(part.recording.values[..., [list(table[name]).index(u) for u in shared]])
        _same_times(parts[0], part)
    trials = pd.concat([trial_table(p.recording) for p in parts], ignore_index=True)
    units = tables[0].set_index(name, drop=False).loc[shared].reset_index(drop=True)
    first = parts[0].recording
    time = first["time"].values if "time" in first.dims else None
    notes = tuple(dict.fromkeys(n for p in parts for n in p.notes))
    return Measurement(
        make_recording(np.concatenate(values), trials, units, time), source, tuple(skipped), notes
    )


def _same_times(first: Measurement, other: Measurement) -> None:
    a, b = (m.recording.coords.get("time") for m in (first, other))
    if a is None and b is None:
        return
    if a is None or b is None or a.size != b.size or not np.allclose(a, b, atol=1e-6):
        sizes = [1 if t is None else t.size for t in (a, b)]
        raise InputError(
            f"{other.source.name} has {sizes[1]} samples a trial where {first.source.name} has "
            f"{sizes[0]}: their sampling is unequal; give sfreq= to bring all to one rate, or "
            "window= for one window"
        )
