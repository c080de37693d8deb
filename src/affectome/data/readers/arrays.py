"""Recordings in plain arrays: CSV, NPZ and MAT with a vector of times, and events in BIDS form."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.io import loadmat

from affectome.data.foreign import readable
from affectome.data.memory import check_memory
from affectome.data.readers.epochs import cut_again
from affectome.data.readers.events import Events, label_trials, read_events
from affectome.data.readers.measurement import (
    CUT,
    Measurement,
    Options,
    cut_measurement,
    drop_flat,
    refuse_unused,
    trials_recording,
    with_subject,
)
from affectome.data.tables import read_table
from affectome.errors import InputError, require

SUFFIXES = (".npz", ".mat", ".csv", ".tsv")
READ_FACTOR = 2
TIME_NAMES = ("times", "time", "t")
UNIT_NAMES = ("units", "neurons", "channels", "ch_names")


def read_arrays(path: Path, events: Events | None, options: Options) -> Measurement:
    """Read a recording from plain arrays.

    Parameters
    ----------
    path
        ``.npz`` or ``.mat`` with ``data`` (time × unit) and ``times`` in seconds, or ``data``
        (trial × time × unit) with ``times`` of one trial, or ``data`` (trial × unit) without times;
        names of units in ``units`` where it has them. Or ``.csv``/``.tsv`` with a column ``time``
        and one column a unit.
    events
        One row an event (continuous signals) or one row a trial (signals in trials).
    options
        How trials are cut.

    Raises
    ------
    InputError
        If an array is missing, shapes do not meet, or there are no events.
    """
    data, times, units, notes = load_arrays(path)
    if events is None:
        raise InputError(
            f"{path} has no events beside it; give events= with a table of onset, duration and "
            "trial_type"
        )
    table = read_events(events, options.columns)
    if data.ndim == 2 and times is not None:
        refuse_unused(options, CUT, f"{path}, with arrays,")
        part = cut_measurement(data, times, units, table, options, path, str(events))
        return replace(part, notes=(*notes, *part.notes))
    return measure_trials(data, times, units, table, options, path, str(events), notes)


def measure_trials(
    data: np.ndarray,
    times: np.ndarray | None,
    units: pd.DataFrame,
    table: pd.DataFrame,
    options: Options,
    path: Path,
    events: str,
    notes: list[str],
) -> Measurement:
    """Bring together what is in trials already, data (n_trials, [n_times,] n_units) and a table."""
    if len(table) != len(data):
        raise InputError(
            f"{path}: data have {len(data)} trials (shape {data.shape}), but {events} has "
            f"{len(table)} rows; give one row a trial"
        )
    refuse_unused(
        options,
        ("window", "baseline") if data.ndim == 3 and times is not None else (),
        f"{path}, which is in trials already,",
    )
    if data.ndim == 3 and times is not None:
        data, times = cut_again(data, times, options.window, options.baseline, path)
    trials, skipped, said = label_trials(table, options.target, str(events))
    kept = data[np.asarray(trials.index)]
    flat_shape = kept.reshape(-1, kept.shape[-1])
    flat, units, dropped = drop_flat(flat_shape, units, path)
    values = flat.reshape(*kept.shape[:-1], flat.shape[-1])
    trials = with_subject(trials.reset_index(drop=True), path)
    recording = trials_recording(values, trials, units, times if data.ndim == 3 else None)
    return Measurement(recording, path, (*dropped, *skipped), tuple(notes), tuple(said))


def load_arrays(path: Path) -> tuple[np.ndarray, np.ndarray | None, pd.DataFrame, list[str]]:
    """Read values, times (None where the file has none), units and notes, before any cutting."""
    suffix = path.suffix.lower()
    if suffix in {".csv", ".tsv"}:
        return *_load_table(path), []
    check_memory(
        READ_FACTOR * unpacked_size(path),
        f"reading {path}",
        "cut it into shorter recordings, or take a larger machine",
    )
    arrays = _load_npz(path) if suffix == ".npz" else _load_mat(path)
    if "data" not in arrays:
        raise InputError(
            f"{path} has no array 'data'; it has {', '.join(sorted(arrays)) or 'none'}"
        )
    data = np.asarray(arrays["data"])
    if data.ndim not in (2, 3) or data.dtype.kind not in "fiub" or not data.size:
        raise InputError(
            f"{path}: 'data' has the shape {data.shape} and the type {data.dtype}; numbers as time "
            "× unit or trial × time × unit are needed"
        )
    notes: list[str] = []
    found = _first(arrays, TIME_NAMES)
    if found is not None and found.dtype.kind not in "fiu":
        raise InputError(f"{path}: times are of the type {found.dtype}; give seconds as numbers")
    times: np.ndarray | None = None if found is None else found.astype(float).ravel()
    axis = data.ndim - 2
    if times is not None and data.shape[axis] != times.size:
        if data.shape[-1] != times.size:
            raise InputError(
                f"{path}: 'data' has the shape {data.shape}, but there are {times.size} times; "
                f"axis {axis} should have that length"
            )
        data = np.swapaxes(data, -1, -2)
        notes.append(f"data were unit × time and are turned to time × unit, shape {data.shape}")
    named = _first(arrays, UNIT_NAMES)
    if named is None or named.size != data.shape[-1]:
        return data, times, pd.DataFrame({"unit_number": np.arange(data.shape[-1])}), notes
    return data, times, pd.DataFrame({"unit_name": [_text(v) for v in named.ravel()]}), notes


def unpacked_size(path: Path) -> int:
    """Give the bytes of all arrays of an NPZ file, packed or not; of other files their size."""
    if not zipfile.is_zipfile(path):
        return path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            return sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise InputError(f"{path} is not a readable archive of arrays: {error}") from error


def _first(arrays: Mapping[str, np.ndarray], names: Sequence[str]) -> np.ndarray | None:
    return next((np.asarray(arrays[n]) for n in names if n in arrays), None)


def _text(value: object) -> str:
    # MATLAB keeps a cell of strings as an array of arrays of one string each.
    return str(np.ravel(value)[0]) if isinstance(value, np.ndarray) else str(value)


def _load_npz(path: Path) -> Mapping[str, np.ndarray]:
    # numpy leaves a file open that turns out to be no archive.
    with (
        readable(path, "NumPy"),
        path.open("rb") as stream,
        np.load(stream, allow_pickle=False) as file,
    ):
        return {name: file[name] for name in file.files}


def _load_mat(path: Path) -> Mapping[str, np.ndarray]:
    with readable(path, "SciPy's MATLAB reader"):
        try:
            return {k: v for k, v in loadmat(path).items() if not k.startswith("__")}
        except NotImplementedError:
            return _load_mat73(path)


def _load_mat73(path: Path) -> Mapping[str, np.ndarray]:
    h5py = require("h5py", "neurons")
    with h5py.File(path, "r") as file:
        # MATLAB 7.3 stores the axes in reverse order.
        return {k: np.asarray(v).T for k, v in file.items() if isinstance(v, h5py.Dataset)}


def _load_table(path: Path) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    table = read_table(path)
    key = next((k for k in TIME_NAMES if k in table), None)
    if key is None or table.shape[1] < 2:
        raise InputError(
            f"{path} needs a column 'time' in seconds and one column a unit; it has "
            f"{', '.join(map(str, table.columns[:8]))}"
        )
    for column in table:
        if not pd.api.types.is_numeric_dtype(table[column]):
            row = int(np.argmax(pd.to_numeric(table[column], errors="coerce").isna()))
            raise InputError(
                f"{path}: the column {column!r} holds {table[column].iloc[row]!r} in row "
                f"{row + 2}, which is not a number"
            )
    signals = table.drop(columns=key)
    units = pd.DataFrame({"unit_name": list(map(str, signals))})
    return signals.to_numpy(dtype=float), table[key].to_numpy(dtype=float), units
