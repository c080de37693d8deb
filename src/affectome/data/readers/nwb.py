"""Neurons in NWB files: series of regions of interest, or spikes counted in bins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectome.data.catalog import Skipped
from affectome.data.columns import map_columns
from affectome.data.foreign import readable
from affectome.data.memory import check_memory
from affectome.data.readers.epochs import default_window, time_grid, within
from affectome.data.readers.events import (
    Events,
    distinct_events,
    label_trials,
    onset_events,
    read_events,
    row_name,
)
from affectome.data.readers.measurement import (
    CUT,
    Measurement,
    Options,
    cut_measurement,
    refuse_unused,
    trials_recording,
    with_subject,
)
from affectome.data.roles import role_of
from affectome.errors import InputError, did_you_mean, require

READ_FACTOR = 2
REGION_NAMES = ("region", "location", "brain_area")


def read_nwb(path: Path, events: Events | None, options: Options) -> Measurement:
    """Read the trials of an NWB file.

    Parameters
    ----------
    path
        File in NWB 2.
    events
        Table in BIDS form on the file's clock; when None the file's ``trials``, then its
        ``epochs``.
    options
        Target, window, baseline, rate; ``series`` names a series or ``"units"``; ``bin_width`` is
        for spikes.

    Returns
    -------
    Measurement
        Fluorescence or another series as it is, or spikes a second in bins: the bin at time *t*
        counts the spikes of the ``bin_width`` seconds before *t*.

    Raises
    ------
    InputError
        If the file can't be read, has no trials, or has neither a series nor units.
    """
    pynwb = require("pynwb", "neurons")
    with (
        readable(path, "pynwb"),
        pynwb.NWBHDF5IO(str(path), mode="r", load_namespaces=True) as file,
    ):
        return _read(file.read(), path, events, options)


def _read(nwb: Any, path: Path, events: Events | None, options: Options) -> Measurement:
    table, source = (
        (read_events(events, options.columns), str(events))
        if events is not None
        else (map_columns(_trials(nwb, path), options.columns, path), str(path))
    )
    _one_animal(table, path, source)
    if "subject" not in table and nwb.subject is not None and nwb.subject.subject_id:
        table["subject"] = nwb.subject.subject_id
    if "session" not in table and nwb.session_id:
        table["session"] = nwb.session_id
    series = all_series(nwb)
    chosen = options.series or next(iter(series), "units")
    if chosen in series:
        refuse_unused(options, (*CUT, "series"), f"{path}, read from {chosen!r},")
        part = _read_series(series[chosen], table, options, path, source)
    elif chosen == "units" and nwb.units is not None:
        spikes = ("window", "baseline", "series", "bin_width")
        refuse_unused(options, spikes, f"{path}, with spikes,")
        part = measure_spikes(nwb.units.to_dataframe(), table, options, path, source)
    else:
        there = [*series, *(["units"] if nwb.units is not None else [])]
        raise InputError(
            f"{path} has no {chosen!r}; {did_you_mean(chosen, there)}"
            + (f"it has {', '.join(there)}" if there else "it holds neither series nor units")
        )
    others = [name for name in series if name != chosen]
    note = f"read from {chosen!r}" + (f"; there are also {', '.join(others)}" if others else "")
    return replace(part, notes=(note, *part.notes))


def _one_animal(table: pd.DataFrame, path: Path, source: str) -> None:
    """Refuse trials of several subjects: a file of neurons is of one."""
    for name in map(str, table.columns):
        if role_of(name) == "subject" and table[name].nunique() > 1:
            raise InputError(
                f"the neurons of {path} are of one animal, but {source} names "
                f"{table[name].nunique()} in the column {name!r}; give the events of one, and read "
                "each animal by its own file"
            )


def _trials(nwb: Any, path: Path) -> pd.DataFrame:
    found = nwb.trials if nwb.trials is not None else nwb.epochs
    if found is None or len(found) == 0:
        raise InputError(
            f"{path} has no trials; give events= with a table of onset, duration and trial_type on "
            "the file's clock, or write them with pynwb's add_trial"
        )
    table = found.to_dataframe().reset_index(drop=True)
    table = table.drop(columns=[c for c in ("timeseries", "timeseries_index") if c in table])
    if "tags" in table:
        table["tags"] = [",".join(map(str, tags)) for tags in table["tags"]]
        table = table.rename(columns={"tags": "trial_type"})
    duration = table["stop_time"] - table["start_time"]
    return table.rename(columns={"start_time": "onset"}).assign(duration=duration)


def all_series(nwb: Any) -> dict[str, Any]:
    """Series of one value a unit and sample, ΔF/F first, then other processed, then raw ones."""
    modules = [c for m in nwb.processing.values() for c in m.data_interfaces.values()]
    found: list[tuple[int, str, Any]] = []
    for container in [*modules, *nwb.acquisition.values()]:
        inner = getattr(container, "roi_response_series", None)
        inner = inner if inner is not None else getattr(container, "time_series", None)
        rank = 0 if container.neurodata_type == "DfOverF" else 1
        for series in [container] if inner is None else inner.values():
            data = getattr(series, "data", None)
            if data is not None and len(getattr(data, "shape", ())) == 2 and data.shape[1] > 1:
                found.append((rank, series.name, series))
    return {name: series for _, name, series in sorted(found, key=lambda item: item[0])}


def _read_series(
    series: Any, events: pd.DataFrame, options: Options, path: Path, source: str
) -> Measurement:
    check_memory(
        READ_FACTOR * 8 * float(np.prod(series.data.shape, dtype=float)),
        f"reading {series.name!r} of {path}, shape {'×'.join(map(str, series.data.shape))},",
        "take another series, a shorter recording, or a larger machine",
    )
    values = np.asarray(series.data)
    if series.timestamps is not None:
        times = np.asarray(series.timestamps, dtype=float)
    else:
        times = (series.starting_time or 0.0) + np.arange(len(values)) / series.rate
    units = pd.DataFrame({"neuron": [f"{series.name}-{i}" for i in range(values.shape[1])]})
    rois = getattr(series, "rois", None)
    if rois is not None:
        rows = np.asarray(rois.data)
        units["neuron"] = [f"roi-{i}" for i in np.asarray(rois.table.id.data)[rows]]
        # Not to_dataframe(): that would copy the image mask of every region of interest.
        kept = [c for c in REGION_NAMES if c in rois.table.colnames]
        add_region(units, pd.DataFrame({c: np.asarray(rois.table[c].data)[rows] for c in kept}))
    return cut_measurement(values, times, units, events, options, path, source)


def measure_spikes(
    table: pd.DataFrame, events: pd.DataFrame, options: Options, path: Path, source: str
) -> Measurement:
    """Count the spikes of units around events.

    Parameters
    ----------
    table
        One row a unit: ``spike_times`` (s), and where known ``obs_intervals`` and a region.
    events, options, path, source
        Events with ``onset``, how trials are cut, and what was read, for messages.
    """
    once, twice = distinct_events(onset_events(events, source), source)
    labelled, skipped, said = label_trials(once, options.target, source)
    skipped = [*twice, *skipped]
    window = options.window or default_window(labelled)
    width = options.bin_width
    time = time_grid(window, width)
    trains = [np.sort(np.asarray(t, dtype=float)) for t in table["spike_times"]]
    if not any(t.size for t in trains):
        raise InputError(f"{path}: none of the {len(trains)} units has a spike")
    onsets = labelled["onset"].to_numpy()
    why = _unobserved(table, onsets, (time[0] - width, time[-1]))
    skipped += [
        Skipped(row_name(source, int(row)), reason)
        for row, reason in zip(labelled.index, why, strict=True)
        if reason
    ]
    keep = np.array([not reason for reason in why])
    if not keep.any():
        raise InputError(f"{path}: no event gives a trial; the first: {skipped[-1].why}")
    edges = onsets[keep, None] + np.concatenate([[time[0] - width], time])
    counts = np.stack([np.diff(np.searchsorted(t, edges, side="right"), axis=1) for t in trains])
    rates = np.moveaxis(counts, 0, -1) / width
    if options.baseline is not None:
        rates = rates - rates[:, within(time, options.baseline)].mean(axis=1, keepdims=True)
    units = pd.DataFrame({"neuron": [f"unit-{i}" for i in table.index]})
    add_region(units, table)
    trials = with_subject(labelled[keep].reset_index(drop=True), path)
    notes = (
        f"spikes a second in bins of {width:g} s; a bin at time t counts the {width:g} s before t",
        f"trials run from {window[0]:g} to {window[1]:g} s around each event",
    )
    recording = trials_recording(rates, trials, units, time)
    return Measurement(recording, path, tuple(skipped), notes, tuple(said))


def _unobserved(table: pd.DataFrame, onsets: np.ndarray, window: tuple[float, float]) -> list[str]:
    """Why each event can't be used: outside what was observed, or between observed intervals."""
    if "obs_intervals" in table:
        spans = np.concatenate([np.atleast_2d(i) for i in table["obs_intervals"]])
        spans = np.unique(spans, axis=0)
    else:
        every = np.concatenate([np.asarray(t, dtype=float) for t in table["spike_times"]])
        spans = np.array([[every.min(), every.max()]])
    reasons = []
    for onset in onsets:
        start, stop = onset + window[0], onset + window[1]
        inside = ((spans[:, 0] <= start) & (stop <= spans[:, 1])).any()
        reasons.append(
            ""
            if inside
            else f"the window {start:.3f}–{stop:.3f} s is outside what was observed, "
            f"{spans.min():.3f}–{spans.max():.3f} s"
        )
    return reasons


def add_region(units: pd.DataFrame, table: pd.DataFrame) -> None:
    """Add the region of each unit where a table of the units has it."""
    column = next((c for c in REGION_NAMES if c in table), None)
    if column is not None:
        units["region"] = table[column].astype(str).to_numpy()
