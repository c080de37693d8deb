"""Recordings that a user already holds: MNE, nibabel, pynapple, xarray, NumPy and pandas.

Their packages are not imported to find out: what is held comes from a class of that name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from affectome.data.images import check_same_grid, squeezed
from affectome.data.readers.arrays import measure_trials
from affectome.data.readers.eeg import measure_epochs, measure_raw
from affectome.data.readers.events import Events, EventTable, label_trials, read_events
from affectome.data.readers.measurement import (
    Measurement,
    Options,
    cut_measurement,
    trials_recording,
)
from affectome.data.readers.nifti import measure_image
from affectome.data.readers.nwb import add_region, measure_spikes
from affectome.data.recording import (
    DIMS,
    DIMS_WITH_TIME,
    check_recording,
    make_recording,
    trial_table,
)
from affectome.errors import InputError, require

READABLE = (
    "a path, MNE's Epochs and Raw, nibabel's and nilearn's images, pynapple's TsdFrame and TsGroup,"
    " an xarray.DataArray, arrays and DataFrames"
)
DIM_NAMES = {
    "trial": ("trial", "trials", "epoch", "epochs", "event", "sample", "presentation"),
    "time": ("time", "times", "t", "time_bin"),
    "unit": (
        *("unit", "units", "channel", "channels", "sensor", "neuron", "neurons", "cell", "roi"),
        *("region", "voxel", "voxels", "feature", "features", "neuroid"),
    ),
}


def comes_from(held: object, package: str, *names: str) -> bool:
    """Tell whether an object is of one of a package's classes, or of one made from them."""
    return any(
        cls.__name__ in names and cls.__module__.split(".")[0] == package
        for cls in type(held).__mro__
    )


def event_table(events: object) -> Events | None:
    """Take events as a path, a DataFrame, or pynapple's IntervalSet."""
    if events is None or isinstance(events, EventTable):
        return events
    if isinstance(events, pd.DataFrame):
        return EventTable(events.reset_index(drop=True))
    if comes_from(events, "pynapple", "IntervalSet"):
        table = pd.DataFrame(events.as_dataframe()).reset_index(drop=True)  # type: ignore[attr-defined]
        duration = table["end"] - table["start"]
        return EventTable(table.rename(columns={"start": "onset"}).assign(duration=duration))
    if isinstance(events, str | Path):
        return Path(events)
    raise InputError(
        f"events are a file, a DataFrame or an IntervalSet; got {type(events).__name__}"
    )


def read_object(held: Any, events: Events | None, options: Options) -> Measurement:
    """Cut what is held in memory into trials, as the readers of files do.

    Parameters
    ----------
    held
        What :func:`affectome.data.read_recording` takes besides a path.
    events
        As there; arrays take one row a trial.
    options
        Target, window, baseline and rate.

    Raises
    ------
    InputError
        If it is of no known kind, or its events are missing.
    """
    if hasattr(held, "toarray"):
        raise InputError("a sparse matrix is no recording; give its .toarray()")
    source = Path(_name(held))
    for package, names, read in READERS:
        if comes_from(held, package, *names):
            return read(held, source, events, options)
    if _are_images(held):
        return measure_image(_stacked(held), source, events, options)
    raise InputError(f"a {type(held).__name__} is no recording; readable are {READABLE}")


def as_recording(held: Any, trials: pd.DataFrame | None = None) -> xr.DataArray:
    """Give a Recording from whatever is held: a Recording, a Measurement, arrays, Epochs …

    Parameters
    ----------
    held
        A Recording or Measurement as it is; an array (n_trials, n_units) or (n_trials, n_times,
        n_units), whose times count samples; a DataFrame with one numeric column a unit; or anything
        that :func:`read_recording` takes without events.
    trials
        One row a trial; columns that become coordinates of ``trial``.

    Returns
    -------
    xarray.DataArray

    Raises
    ------
    InputError
        If it is no recording, holds text, or ``trials`` has another number of rows.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> trials = pd.DataFrame({"emotion": ["joy", "fear"], "subject": ["a", "b"]})
    >>> recording = af.as_recording(np.zeros((2, 3)), trials)
    >>> recording.dims, recording.sizes["unit"]
    (('trial', 'unit'), 3)
    >>> af.trial_table(recording)
      emotion subject
    0     joy       a
    1    fear       b
    """
    table = pd.DataFrame() if trials is None else trials
    if isinstance(held, Measurement):
        held = held.recording
    if isinstance(held, xr.DataArray) and held.dims in (DIMS, DIMS_WITH_TIME):
        recording = check_recording(held, finite=False)
    elif isinstance(held, np.ndarray | pd.DataFrame | Sequence) and not _are_images(held):
        values, units = _values(held)
        time = np.arange(values.shape[1], dtype=float) if values.ndim == 3 else None
        recording = make_recording(values, pd.DataFrame(index=range(len(values))), units, time)
    else:
        recording = read_object(held, None, Options()).recording
    n_trials = recording.sizes["trial"]
    if table.shape[1] and len(table) != n_trials:
        raise InputError(
            f"there are {n_trials} trials (shape {recording.shape}), but {len(table)} rows of "
            "what is known of them; give one row a trial"
        )
    if not table.shape[1]:
        return recording
    clear = trials_recording(np.zeros((n_trials, 1)), table, pd.DataFrame({"_": [0]}))
    return recording.assign_coords(
        {str(name): ("trial", column.to_numpy()) for name, column in trial_table(clear).items()}
    )


def _epochs(held: Any, source: Path, events: Events | None, options: Options) -> Measurement:
    return measure_epochs(require("mne", "eeg"), held, source, events, options)


def _raw(held: Any, source: Path, events: Events | None, options: Options) -> Measurement:
    return measure_raw(require("mne", "eeg"), held, source, events, options)


def _spikes(held: Any, source: Path, events: Events | None, options: Options) -> Measurement:
    table, name = _needed(events, held, options)
    return measure_spikes(_spike_table(held), table, options, source, name)


def _arrays(held: Any, source: Path, events: Events | None, options: Options) -> Measurement:
    table, name = _needed(events, held, options)
    values, units = _values(held)
    time = np.arange(values.shape[1], dtype=float) if values.ndim == 3 else None
    return measure_trials(values, time, units, table, options, source, name, [])


def _name(held: Any) -> str:
    """File that an object was read from, or the name of its class, for messages."""
    files = getattr(held, "filenames", None) or [getattr(held, "filename", None)]
    if hasattr(held, "get_filename"):
        files = [held.get_filename()]
    return str(files[0]) if files and files[0] else type(held).__name__


def _needed(events: Events | None, held: Any, options: Options) -> tuple[pd.DataFrame, str]:
    if events is None:
        raise InputError(
            f"a {type(held).__name__} says nothing of its trials; give events= with a table: "
            "onset, duration and trial_type in seconds, or one row a trial"
        )
    return read_events(events, options.columns), str(events)


def _are_images(held: Any) -> bool:
    return (
        isinstance(held, list | tuple)
        and len(held) > 0
        and all(comes_from(one, "nibabel", "SpatialImage") for one in held)
    )


def _stacked(images: Sequence[Any]) -> Any:
    """Put maps on one grid together, along the fourth axis."""
    nibabel = require("nibabel", "fmri")
    maps = [squeezed(image) for image in images]
    for number, image in enumerate(maps):
        check_same_grid(
            image, maps[0], f"map {number + 1}", "map 1", "bring all maps to one grid first"
        )
        if len(image.shape) != 3:
            raise InputError(f"map {number + 1} has the shape {image.shape}; a map is one volume")
    return nibabel.concat_images(maps)


def _spike_table(group: Any) -> pd.DataFrame:
    """One row a unit, with spike times and what is known of it, from pynapple's TsGroup."""
    known = pd.DataFrame(getattr(group, "metadata", None), index=list(group.keys()))
    spans = np.asarray(group.time_support.values, dtype=float)
    trains = [np.asarray(group[key].t, dtype=float) for key in known.index]
    known["spike_times"] = pd.Series(trains, index=known.index, dtype=object)
    known["obs_intervals"] = pd.Series([spans] * len(known), index=known.index, dtype=object)
    return known


def _traces(held: Any, source: Path, events: Events | None, options: Options) -> Measurement:
    """Cut pynapple's Tsd and TsdFrame."""
    table, name = _needed(events, held, options)
    values = np.asarray(held.values, dtype=float).reshape(len(held), -1)
    columns = getattr(held, "columns", range(values.shape[1]))
    units = pd.DataFrame({"neuron": [str(c) for c in columns]})
    known = getattr(held, "metadata", None)
    if known is not None and len(known) == len(units):
        add_region(units, pd.DataFrame(known).reset_index(drop=True))
    return cut_measurement(values, np.asarray(held.t), units, table, options, source, name)


def _from_xarray(
    array: xr.DataArray, source: Path, events: Events | None, options: Options
) -> Measurement:
    """Take an array whose dims are called as the field calls them, in any order."""
    if events is None and array.dims in (DIMS, DIMS_WITH_TIME):
        return Measurement(check_recording(array), source)
    found = {dim: _called(array, dim) for dim in DIM_NAMES}
    if len(array.dims) > sum(map(bool, found.values())):
        raise InputError(
            f"the DataArray has the dims {array.dims}; a recording has trials, units and perhaps "
            "times, or times and units with events=: rename them to trial, time and unit"
        )
    order = [name for name in found.values() if name]
    turned = array.transpose(*order)
    units = _coordinates(turned, found["unit"])
    if found["trial"] is None:
        if found["time"] is None or found["unit"] is None:
            raise InputError(f"the DataArray has the dims {array.dims}; it lacks trials or units")
        table, name = _needed(events, array, options)
        times = np.asarray(turned[found["time"]].values, dtype=float)
        return cut_measurement(
            np.asarray(turned.values), times, units, table, options, source, name
        )
    trials = _coordinates(turned, found["trial"])
    if events is not None:
        given = read_events(events, options.columns)
        if len(given) != len(trials):
            raise InputError(
                f"events have {len(given)} rows, but the DataArray has {len(trials)} trials"
            )
        trials = given.join(trials.drop(columns=[c for c in trials if c in given]))
        trials, skipped, said = label_trials(trials, options.target, str(events))
        turned = turned.isel({str(found["trial"]): np.asarray(trials.index)})
        trials = trials.reset_index(drop=True)
    else:
        skipped, said = [], []
    time = None if found["time"] is None else np.asarray(turned[found["time"]].values, dtype=float)
    recording = trials_recording(np.asarray(turned.values), trials, units, time)
    return Measurement(recording, source, tuple(skipped), tuple(said))


def _called(array: xr.DataArray, dim: str) -> str | None:
    return next((str(d) for d in array.dims if str(d).lower() in DIM_NAMES[dim]), None)


def _coordinates(array: xr.DataArray, dim: str | None) -> pd.DataFrame:
    """What is known along a dim, one row each; its own coordinate is the first column."""
    if dim is None:
        return pd.DataFrame({"unit_number": [0]})
    first = "unit_number" if dim in ("unit", "units") else dim
    own = array[dim].values if dim in array.coords else np.arange(array.sizes[dim])
    columns: Mapping[str, Any] = {
        str(name): coordinate.values
        for name, coordinate in array.coords.items()
        if coordinate.dims == (dim,) and name != dim
    }
    return pd.DataFrame({first: own} | dict(columns))


def _values(held: Any) -> tuple[np.ndarray, pd.DataFrame]:
    """Values of arrays and tables, and what their units are called."""
    if isinstance(held, pd.DataFrame):
        text = [str(c) for c in held if not pd.api.types.is_numeric_dtype(held[c])]
        if text:
            raise InputError(
                f"the columns {', '.join(text[:5])} hold text, not measurements; say what they are "
                f"(subject={text[0]!r}, stimulus=…), or leave them out"
            )
        return held.to_numpy(), pd.DataFrame({"unit_name": [str(c) for c in held]})
    values = np.asarray(held)
    if values.ndim not in (2, 3):
        raise InputError(
            f"values have the shape {values.shape}; numbers as trial × unit or trial × time × unit "
            "are needed"
        )
    return values, pd.DataFrame({"unit_number": np.arange(values.shape[-1])})


READERS: tuple[
    tuple[str, tuple[str, ...], Callable[[Any, Path, Events | None, Options], Measurement]], ...
] = (
    ("mne", ("BaseEpochs",), _epochs),
    ("mne", ("BaseRaw",), _raw),
    ("nibabel", ("SpatialImage",), measure_image),
    ("pynapple", ("TsGroup",), _spikes),
    ("pynapple", ("TsdFrame", "Tsd"), _traces),
    ("xarray", ("DataArray",), _from_xarray),
    ("numpy", ("ndarray",), _arrays),
    ("pandas", ("DataFrame",), _arrays),
)
"""Package and classes → who reads them."""
