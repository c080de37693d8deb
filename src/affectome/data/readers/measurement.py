"""Measurement: a Recording as it was read, with what was skipped and what was chosen on the way."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from affectome.data.catalog import Skipped
from affectome.data.readers.epochs import cut_epochs, default_window, overlap, sampling_interval
from affectome.data.readers.events import (
    distinct_events,
    label_trials,
    onset_events,
    subject_of,
)
from affectome.data.recording import make_recording, trial_table, unit_table
from affectome.data.shown import Shown, new_axes
from affectome.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CUT = ("window", "baseline", "sfreq")
IMAGES = ("mask", "atlas", "spheres", "radius", "resampling")
ANONYMOUS = ("neuron", "unit_number")  # names that a reader gave, which say nothing elsewhere


@dataclass(frozen=True, repr=False)
class Measurement(Shown):
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
    warnings
        What a reader of any result has to know, such as labels that were spelled in several ways.
    """

    recording: xr.DataArray
    source: Path
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def _title(self) -> str:
        sizes = " × ".join(f"{n:,} {dim}s" for dim, n in self.recording.sizes.items())
        return f"Measurement of {sizes} from {self.source}"

    @property
    def _lines(self) -> list[str]:
        trials = trial_table(self.recording)
        lines = [
            f"trials say: {', '.join(map(str, trials))}",
            f"units say: {', '.join(map(str, unit_table(self.recording)))}",
        ]
        if "emotion" in trials:
            counts = trials["emotion"].value_counts()
            lines.append(f"emotion: {', '.join(f'{k} {n}' for k, n in counts.head(8).items())}")
        if self.skipped:
            first = self.skipped[0]
            lines.append(f"{len(self.skipped)} skipped, the first {first.file}: {first.why}")
        return [*lines, *self.notes]

    def to_frame(self) -> pd.DataFrame:
        """Give what is known of the trials, a row each; ``.recording`` holds the values."""
        return trial_table(self.recording)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the mean over trials: over time where there is one, else by unit."""
        mean = self.recording.mean("trial")
        axes = new_axes(ax)
        if "time" in mean.dims:
            axes.plot(mean["time"].values, mean.values, linewidth=0.8)
            axes.set_xlabel("seconds after the event")
        else:
            axes.plot(mean.values, ".")
            axes.set_xlabel("unit")
        axes.set_ylabel("mean over trials")
        return axes


@dataclass(frozen=True)
class Options:
    """What the readers let a user choose; see :func:`affectome.data.read_recording`."""

    target: str | None = None
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
    confounds: Path | None = None
    columns: Mapping[str, str | None] = field(default_factory=dict)


def refuse_unused(options: Options, used: Collection[str], what: object) -> None:
    """Refuse options that would do nothing, so that nobody believes that they did something.

    Parameters
    ----------
    options
        What was asked for.
    used
        Names of the options that are used; target and columns always are.
    what
        What is read, with its kind: ``"r.npz, with one value a trial,"``.

    Raises
    ------
    InputError
        With all of them.
    """
    always = {"target", "columns", *used}
    idle = [
        one.name
        for one in fields(options)
        if one.name not in always and getattr(options, one.name) != one.default
    ]
    if idle:
        raise InputError(f"{what} makes no use of {' and '.join(idle)}; leave that out")


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
        Target, window, baseline and rate.
    source, events_source
        What was read, for messages.
    """
    once, twice = distinct_events(onset_events(events, events_source), events_source)
    labelled, skipped, said = label_trials(once, options.target, events_source)
    skipped = [*twice, *skipped]
    window = options.window or default_window(labelled, sampling_interval(times, str(source)))
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
        "sample at or before its time, never a later one",
    ]
    if options.baseline is not None:
        notes.append(
            f"the mean from {options.baseline[0]:g} to {options.baseline[1]:g} s is subtracted "
            "from each trial and unit"
        )
    shared = overlap(trials["onset"].to_numpy(dtype=float), window)
    if shared:
        notes.append(
            f"{shared:.0%} of the trials overlap the next one, so that what follows one event is "
            "also read with another; take a shorter window"
        )
    recording = trials_recording(epochs.values, trials, units, epochs.time)
    skipped = [*flat, *skipped, *epochs.skipped]
    return Measurement(recording, source, tuple(skipped), tuple(notes), tuple(said))


def trials_recording(
    values: np.ndarray,
    trials: pd.DataFrame,
    units: pd.DataFrame,
    time: np.ndarray | None = None,
) -> xr.DataArray:
    """Make a Recording; columns of trials that bear a name of units or dims become ``event_…``.

    A column ``trial`` tells the order of the trials, and becomes ``trial_order``.
    """
    taken = {"time", "unit", *units.columns}
    names = {c: f"event_{c}" for c in trials.columns if c in taken}
    clear = trials.rename(columns={"trial": "trial_order"} | names)
    return make_recording(values, clear, units, time)


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

    Units that only some of them have are left out and listed; times are cut to what all share.

    Raises
    ------
    InputError
        If no unit is shared, units have no names of their own, or the sampling differs.
    """
    if len(parts) == 1:
        return parts[0]
    tables = [unit_table(p.recording) for p in parts]
    name = str(tables[0].columns[0])
    shared = [u for u in tables[0][name] if all(name in t and u in set(t[name]) for t in tables)]
    if not shared or name in ANONYMOUS:
        raise InputError(
            f"{source}: {parts[0].source.name} and {parts[-1].source.name} share no named units; "
            "neurons of different animals or sessions can't be stacked, so read them one by one, "
            "or name those that are the same"
        )
    skipped = [s for p in parts for s in p.skipped]
    for part, table in zip(parts, tables, strict=True):
        extra = [u for u in table[name] if u not in set(shared)]
        skipped += [Skipped(str(part.source), f"{u!r} is not in all recordings") for u in extra]
    cut = _cut_to_shared_times(parts)
    values = [
        recording.values[..., [list(table[name]).index(u) for u in shared]]
        for recording, table in zip(cut, tables, strict=True)
    ]
    trials = pd.concat([trial_table(p.recording) for p in parts], ignore_index=True)
    units = tables[0].set_index(name, drop=False).loc[shared].reset_index(drop=True)
    notes = list(dict.fromkeys(n for p in parts for n in p.notes))
    warnings = tuple(dict.fromkeys(n for p in parts for n in p.warnings))
    time = cut[0].coords.get("time")
    if time is not None and any(p.recording.sizes["time"] > time.size for p in parts):
        span = f"{float(time[0]):g} to {float(time[-1]):g} s"
        notes.append(f"all trials are cut to the times that they share, {span}")
    recording = trials_recording(
        np.concatenate(values), trials, units, None if time is None else time.values
    )
    return Measurement(recording, source, tuple(skipped), tuple(notes), warnings)


def _cut_to_shared_times(parts: Sequence[Measurement]) -> list[xr.DataArray]:
    recordings = [p.recording for p in parts]
    if not any("time" in r.dims for r in recordings):
        return recordings
    grids = [r["time"].values if "time" in r.dims else np.zeros(1) for r in recordings]
    start, stop = max(g[0] for g in grids) - 1e-6, min(g[-1] for g in grids) + 1e-6
    inside = [np.flatnonzero((g >= start) & (g <= stop)) for g in grids]
    for part, grid, rows in zip(parts, grids, inside, strict=True):
        shared = grids[0][inside[0]]
        if rows.size < 2 or rows.size != shared.size or not np.allclose(grid[rows], shared):
            raise InputError(
                f"the times of a trial in {part.source.name} ({grid.size} samples from {grid[0]:g} "
                f"to {grid[-1]:g} s) do not meet those in {parts[0].source.name} ({grids[0].size} "
                f"from {grids[0][0]:g} to {grids[0][-1]:g} s): their sampling is unequal; give "
                "sfreq= to bring all to one rate"
            )
    return [r.isel(time=rows) for r, rows in zip(recordings, inside, strict=True)]
