"""Continuous recordings: traces of units over a whole session, not cut into trials."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from affectome.data.readers.arrays import SUFFIXES, load_arrays
from affectome.data.readers.nwb import all_series
from affectome.errors import InputError, require

GAP = 5.0


class Continuous(NamedTuple):
    """Traces: ``values`` (n_times, n_units), ``times`` (n_times,) in s, and ``names`` of units."""

    values: np.ndarray
    times: np.ndarray
    names: list[str]


def read_continuous(path: str | Path) -> Continuous:
    """Read traces with their times from NWB, NPZ, MAT, CSV or TSV.

    Raises
    ------
    InputError
        If the file is missing, has no times, or its times do not rise.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"there is no recording {file}")
    if file.suffix.lower() == ".nwb":
        values, times, names = _load_nwb(file)
    elif file.suffix.lower() in SUFFIXES:
        values, found, units, _ = load_arrays(file)
        names = [str(name) for name in units.iloc[:, 0]]
        if found is None or values.ndim != 2:
            raise InputError(
                f"{file} holds values of the shape {values.shape} "
                f"{'without' if found is None else 'with'} times; a continuous recording is "
                "time × unit with times in seconds"
            )
        times = found
    else:
        raise InputError(f"{file} has no known suffix; readable are .nwb, {', '.join(SUFFIXES)}")
    if np.any(np.diff(times) <= 0):
        row = int(np.flatnonzero(np.diff(times) <= 0)[0]) + 1
        raise InputError(f"{file}: times do not rise at sample {row} ({times[row]:g} s)")
    return Continuous(np.asarray(values, dtype=float), times, names)


def remove_run_means(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Take each run's mean off; runs are parted by gaps of more than five sampling intervals.

    Recordings in cycles drift from one to the next, which is neither face nor stimulus.

    Parameters
    ----------
    values
        Shape (n_times, n_columns).
    times
        Seconds, shape (n_times,).
    """
    steps = np.diff(times)
    runs = np.concatenate([[0], np.cumsum(steps > GAP * np.median(steps))])
    sums = np.zeros((runs[-1] + 1, values.shape[1]))
    np.add.at(sums, runs, values)
    return values - (sums / np.bincount(runs)[:, None])[runs]


def _load_nwb(file: Path) -> Continuous:
    pynwb = require("pynwb", "neurons")
    try:
        with pynwb.NWBHDF5IO(str(file), mode="r", load_namespaces=True) as source:
            series = next(iter(all_series(source.read()).values()), None)
            if series is None:
                raise InputError(f"{file} holds no series of one value a neuron and sample")
            values = np.asarray(series.data, dtype=float)
            if series.timestamps is not None:
                times = np.asarray(series.timestamps, dtype=float)
            else:
                times = (series.starting_time or 0.0) + np.arange(len(values)) / series.rate
    except (OSError, KeyError, TypeError) as error:
        raise InputError(
            f"{file} is not a readable NWB file: {' '.join(str(error).split())}"
        ) from error
    return Continuous(values, times, [f"{series.name}-{i}" for i in range(values.shape[1])])
