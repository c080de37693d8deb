"""Recording: what was measured, one labelled array with the dims ``(trial, [time,] unit)``.

A filter of a network, a neuron and a voxel are all units. The catalog's columns are coordinates of
``trial``; what a unit is (``layer`` and ``channel``; ``region`` and ``voxel``; ``neuron``;
``sensor`` and ``band``) are coordinates of ``unit``; ``time`` is in seconds relative to the event.
"""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from affectome.data.foreign import readable
from affectome.errors import InputError

DIMS = ("trial", "unit")
DIMS_WITH_TIME = ("trial", "time", "unit")


def make_recording(
    values: ArrayLike,
    trials: pd.DataFrame,
    units: pd.DataFrame,
    time: ArrayLike | None = None,
    name: str = "response",
) -> xr.DataArray:
    """Bring measured values, their trials and their units together in one array.

    Parameters
    ----------
    values
        Measurements, shape (n_trials, n_units) or (n_trials, n_times, n_units).
    trials
        One row a trial; its columns become coordinates of ``trial``.
    units
        One row a unit; its columns become coordinates of ``unit``.
    time
        Seconds relative to the event, shape (n_times,); needed when ``values`` has three axes.
    name
        What the values are.

    Returns
    -------
    xarray.DataArray
        The Recording, checked.

    Raises
    ------
    InputError
        If the shapes do not meet.
    """
    data = np.asarray(values)
    dims = DIMS if data.ndim == 2 else DIMS_WITH_TIME
    wanted = (len(trials), len(units)) if time is None else (len(trials), np.size(time), len(units))
    if data.shape != wanted:
        raise InputError(
            f"values have the shape {data.shape}, but the tables of trials, times and units ask "
            f"for {wanted}; give one row a trial and one column a unit"
        )
    coords: dict[str, object] = {
        **{str(c): ("trial", _plain(trials[c])) for c in trials.columns},
        **{str(c): ("unit", _plain(units[c])) for c in units.columns},
    }
    if time is not None:
        coords["time"] = ("time", np.asarray(time, dtype=float))
    return check_recording(xr.DataArray(data, dims=dims, coords=coords, name=name))


def _plain(column: pd.Series) -> np.ndarray:
    if isinstance(column.dtype, pd.CategoricalDtype) or column.dtype == object:
        return column.astype(object).where(column.notna(), "").astype(str).to_numpy(dtype=str)
    if pd.api.types.is_extension_array_dtype(column.dtype):
        return np.asarray(column.to_numpy(dtype=float if column.isna().any() else None))
    return column.to_numpy()


def check_recording(recording: xr.DataArray, finite: bool = True) -> xr.DataArray:
    """Return the Recording unchanged, or say in one line what is wrong with it.

    Parameters
    ----------
    recording
        Array with the dims ``(trial, unit)`` or ``(trial, time, unit)``.
    finite
        Whether NaN and infinity are refused.

    Raises
    ------
    InputError
        If dims are missing or out of order, there are no trials or units, the values are not
        numbers, or (with ``finite``) some are NaN or infinite.
    """
    if recording.dims not in (DIMS, DIMS_WITH_TIME):
        raise InputError(
            f"a Recording has the dims {DIMS} or {DIMS_WITH_TIME}; got {recording.dims}"
        )
    if 0 in recording.shape:
        raise InputError(
            f"the Recording is empty: its shape is {recording.shape}; at least one trial and one "
            "unit are needed"
        )
    if recording.dtype.kind not in "fiub":
        raise InputError(
            f"a Recording holds numbers; got the type {recording.dtype}; convert or drop the "
            "columns that hold text"
        )
    if finite and recording.dtype.kind == "f":
        bad = ~np.isfinite(recording.values)
        if bad.any():
            first = tuple(int(i) for i in np.argwhere(bad)[0])
            raise InputError(
                f"{int(bad.sum())} of {bad.size} values are NaN or infinite, the first at "
                f"{dict(zip(recording.dims, first, strict=True))}; drop or fill those first"
            )
    return recording


def trial_table(recording: xr.DataArray) -> pd.DataFrame:
    """Give the trials' coordinates as a table, one row a trial."""
    return _table(recording, "trial")


def unit_table(recording: xr.DataArray) -> pd.DataFrame:
    """Give the units' coordinates as a table, one row a unit."""
    return _table(recording, "unit")


def _table(recording: xr.DataArray, dim: str) -> pd.DataFrame:
    columns = {str(n): c.values for n, c in recording.coords.items() if c.dims == (dim,)}
    return pd.DataFrame(columns, index=pd.RangeIndex(recording.sizes[dim]))


def save_recording(recording: xr.DataArray, path: str | Path) -> Path:
    """Write a Recording to a Zarr folder; nothing half-written ever bears the final name.

    Parameters
    ----------
    recording
        The Recording.
    path
        Folder to write; replaced if it is there.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    dataset = recording.rename(recording.name or "response").to_dataset(promote_attrs=False)
    dataset.attrs["recording"] = str(recording.name or "response")
    dataset.attrs["order"] = [str(name) for name in recording.coords]
    try:
        with warnings.catch_warnings():
            # Zarr 3 warns that text has no final specification yet; it reads back the same.
            warnings.filterwarnings("ignore", category=FutureWarning)
            warnings.filterwarnings("ignore", category=UserWarning, module="zarr")
            dataset.to_zarr(unfinished, mode="w", consolidated=False)
        shutil.rmtree(target, ignore_errors=True)
        unfinished.rename(target)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise InputError(f"can't write {target}: {error.strerror or error}") from error
    return target


def load_recording(path: str | Path) -> xr.DataArray:
    """Read a Recording from a Zarr folder; values stay on disk until they are asked for.

    Raises
    ------
    InputError
        If there is no Recording at ``path``.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise InputError(f"there is no Recording at {folder}; it should be a Zarr folder")
    with readable(folder, "Zarr as a Recording that affectome wrote"):
        dataset = xr.open_zarr(folder, consolidated=False, chunks=None)
        read = dataset[str(dataset.attrs["recording"])]
        # Zarr gives coordinates back in no order, and the first of the units' names them.
        order = dataset.attrs.get("order", sorted(map(str, read.coords)))
        return xr.DataArray(read.variable, {n: read.coords[n] for n in order}, name=read.name)
