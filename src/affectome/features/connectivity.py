"""Who goes with whom: correlation of neurons and voxels, coherence and phase lag of sensors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from affectome.data import make_recording, trial_table, unit_table
from affectome.errors import InputError, no_column, require, unknown
from affectome.features.covariance import pairs_recording
from affectome.features.spectra import BANDS
from affectome.features.windows import sampling_rate

METHODS = ("coh", "wpli")


def correlation(recording: xr.DataArray) -> xr.DataArray:
    """Fisher's z of the correlation between all pairs of units over the times of each trial.

    Parameters
    ----------
    recording
        Dims (trial, time, unit).

    Returns
    -------
    xarray.DataArray
        Dims (trial, unit); units are the pairs ``first`` and ``second``. A pair with a unit that is
        flat in a trial has 0 there.

    Raises
    ------
    InputError
        If trials have fewer than four samples, for which z has no variance.
    """
    if "time" not in recording.dims or recording.sizes["time"] < 4:
        raise InputError("correlations within a trial need a Recording of four samples or more")
    values = np.asarray(recording.values, dtype=float)
    centred = values - values.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    scaled = np.divide(centred, length, out=np.zeros_like(centred), where=length > 0)
    r = np.swapaxes(scaled, 1, 2) @ scaled
    return pairs_recording(np.arctanh(np.clip(r, -1 + 1e-9, 1 - 1e-9)), recording, 1, "z")


def noise_correlation(recording: xr.DataArray, by: str = "emotion") -> xr.DataArray:
    """Correlation of the units over trials, class by class, means of class and subject removed.

    What is left is not that two units prefer the same class, but that they rise and fall together
    from trial to trial within it.

    Parameters
    ----------
    recording
        Dims (trial, unit), or (trial, time, unit) whose times are averaged.
    by
        Column of the classes.

    Returns
    -------
    xarray.DataArray
        Dims (``by``, unit, other), shape (n_classes, p, p); the number of trials is the coordinate
        ``n_trials`` of the classes. A unit that is flat in a class has NaN there: it goes with
        nobody and against nobody.

    Raises
    ------
    InputError
        If there is no such column, or a class has fewer than four trials.
    """
    trials = trial_table(recording)
    if by not in trials:
        raise no_column("the Recording has", by, trials)
    values = recording.mean("time").values if "time" in recording.dims else recording.values
    labels = trials[by].to_numpy()
    classes, counts = np.unique(labels, return_counts=True)
    if counts.min() < 4:
        raise InputError(
            f"the class {classes[counts.argmin()]!s} has {counts.min()} trials; four or more are "
            "needed to correlate over them"
        )
    cell = [by, "subject"] if "subject" in trials else [by]
    group = trials.groupby(cell, sort=False).ngroup().to_numpy()
    means = np.stack([values[group == g].mean(axis=0) for g in range(group.max() + 1)])
    rest = values - means[group]
    r = np.stack([_correlations(rest[labels == c]) for c in classes])
    names = unit_table(recording).iloc[:, 0].to_numpy()
    return xr.DataArray(
        r,
        dims=(by, "unit", "other"),
        coords={by: classes, "unit": names, "other": names, "n_trials": (by, counts)},
        name="correlation",
    )


def _correlations(values: np.ndarray) -> np.ndarray:
    """Correlation of the columns; those of a flat one, up to rounding, are NaN."""
    centred = values - values.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    flat = length <= 1e-12 * np.maximum(np.abs(values).max(axis=0), 1e-300)
    scaled = np.divide(centred, length, out=np.full_like(centred, np.nan), where=~flat)
    r: np.ndarray = scaled.T @ scaled
    return r


def spectral(
    recording: xr.DataArray,
    method: str = "wpli",
    bands: Mapping[str, tuple[float, float]] = BANDS,
    segment: float = 1.0,
) -> xr.DataArray:
    """Coherence or weighted phase-lag index of all pairs in each trial and band.

    A trial is cut in segments, and the measure is taken over those (mne-connectivity, multitaper).

    Parameters
    ----------
    recording
        Dims (trial, time, unit), equally spaced times.
    method
        ``"coh"``, or ``"wpli"``, which a shared source without delay does not raise (Vinck 2011).
    bands
        Name → edges in hertz.
    segment
        Seconds of a segment; a trial needs five of them or the measures are of little worth.

    Returns
    -------
    xarray.DataArray
        Dims (trial, unit), values 0–1; units are the pairs ``first``, ``second`` and ``band``.

    Raises
    ------
    InputError
        If the method is unknown, or trials have fewer than five segments.
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    rate = sampling_rate(recording)
    length = round(segment * rate)
    count = recording.sizes["time"] // length if length else 0
    if count < 5:
        raise InputError(
            f"trials of {recording.sizes['time'] / rate:.3g} s hold {count} segments of "
            f"{segment:g} s; five or more are needed"
        )
    measure = require("mne_connectivity", "eeg").spectral_connectivity_epochs
    p = recording.sizes["unit"]
    low, high = zip(*bands.values(), strict=True)
    signals = np.swapaxes(recording.values[:, : count * length], 1, 2).astype(float)
    rows, columns = np.triu_indices(p, 1)
    found = np.empty((len(signals), len(bands), rows.size))
    for n, trial in enumerate(signals):
        segments = np.swapaxes(trial.reshape(p, count, length), 0, 1)
        made = measure(
            segments,
            method=method,
            indices=(rows, columns),
            sfreq=rate,
            fmin=low,
            fmax=high,
            faverage=True,
            verbose="ERROR",
        )
        found[n] = made.get_data().T
    names = unit_table(recording).iloc[:, 0].astype(str).to_numpy()
    pairs = pd.DataFrame({"first": names[rows], "second": names[columns]})
    units = pd.concat([pairs.assign(band=b) for b in bands], ignore_index=True)
    values = found.reshape(len(found), -1)
    if not np.isfinite(values).all():
        trial, pair = np.argwhere(~np.isfinite(values))[0]
        one = units.iloc[pair]
        raise InputError(
            f"{method} of {one['first']} and {one['second']} in {one['band']} is undefined in "
            f"trial {trial}: a sensor is flat there; leave such sensors or trials out"
        )
    return make_recording(values, trial_table(recording), units, name=method)
