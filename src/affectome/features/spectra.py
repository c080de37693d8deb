r"""Band power, differential entropy and their left–right asymmetries.

Power is the integral of Welch's spectral density over the band. Differential entropy of a Gaussian
signal with the variance :math:`\sigma^2` of the band (Duan, Zhu & Lu 2013) is

.. math:: h = \tfrac12 \ln(2 \pi e \sigma^2).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr
from scipy.signal import welch

from affectome.data import make_recording, trial_table, unit_table
from affectome.errors import InputError
from affectome.features.windows import sampling_rate

BANDS: Mapping[str, tuple[float, float]] = {
    "delta": (1.0, 4.0),
    "theta": (4.0, 8.0),
    "alpha": (8.0, 13.0),
    "beta": (13.0, 30.0),
    "gamma": (30.0, 45.0),
}


def band_power(
    recording: xr.DataArray,
    bands: Mapping[str, tuple[float, float]] | None = None,
    segment: float = 1.0,
) -> xr.DataArray:
    """Power of each unit in each band.

    Parameters
    ----------
    recording
        Dims (trial, time, unit), equally spaced times.
    bands
        Name → edges in hertz, the upper one excluded; when None the usual ones of ``BANDS`` that
        lie below half of the sampling rate.
    segment
        Seconds of Welch's segments (Hann window, half overlapping, mean removed); sets the
        resolution.

    Returns
    -------
    xarray.DataArray
        Dims (trial, unit), in the squared unit of the Recording; units gain ``band``, and all units
        of the first band come first.

    Raises
    ------
    InputError
        If trials are shorter than a segment, or a band has no frequency.
    """
    rate = sampling_rate(recording)
    length = round(segment * rate)
    if length < 2 or recording.sizes["time"] < length:
        raise InputError(
            f"trials of {recording.sizes['time'] / rate:.3g} s are shorter than a segment of "
            f"{segment:g} s; give a shorter one"
        )
    frequency, density = welch(recording.values, rate, nperseg=length, axis=1, detrend="constant")
    if bands is None:
        bands = {name: edges for name, edges in BANDS.items() if edges[1] <= rate / 2}
    powers = []
    for name, (low, high) in bands.items():
        inside = (frequency >= low) & (frequency < high)
        if not inside.any() or high > rate / 2 + 1e-9:
            raise InputError(
                f"the band {name!r} ({low:g}–{high:g} Hz) can't be measured at {rate:g} samples a "
                f"second with segments of {segment:g} s; leave it out or widen it"
            )
        powers.append(density[:, inside].sum(axis=1) * (frequency[1] - frequency[0]))
    units = unit_table(recording)
    table = pd.concat([units.assign(band=name) for name in bands], ignore_index=True)
    return make_recording(
        np.concatenate(powers, axis=1), trial_table(recording), table, name="power"
    )


def differential_entropy(
    recording: xr.DataArray,
    bands: Mapping[str, tuple[float, float]] | None = None,
    segment: float = 1.0,
) -> xr.DataArray:
    """Differential entropy in nats of each unit in each band; parameters as in :func:`band_power`.

    Raises
    ------
    InputError
        If a unit has no power in a band.
    """
    power = band_power(recording, bands, segment)
    if not (power.values > 0).all():
        trial, unit = np.argwhere(power.values <= 0)[0]
        raise InputError(
            f"trial {trial} has no power in unit {unit} ({power['band'].values[unit]}); drop flat "
            "channels first"
        )
    return power.copy(data=0.5 * np.log(2 * np.pi * np.e * power.values)).rename("entropy")


def asymmetry(features: xr.DataArray) -> xr.DataArray:
    """Left minus right of each pair of sensors in the 10–20 system (odd: left, even: right).

    Parameters
    ----------
    features
        Dims (trial, unit) with ``sensor``, and ``band`` where it has one. Of differential entropy
        (or log power) the difference is half the logarithm (the logarithm) of the ratio of powers.

    Returns
    -------
    xarray.DataArray
        Dims (trial, unit); units are ``sensor`` such as ``F3-F4`` and ``band``.

    Raises
    ------
    InputError
        If there is no ``sensor``, or no pair.
    """
    units = unit_table(features)
    if "sensor" not in units:
        raise InputError("asymmetries need units with names of sensors; this Recording has none")
    keys = zip(units["sensor"], units.get("band", [""] * len(units)), strict=True)
    place = {(str(s).lower(), b): i for i, (s, b) in enumerate(keys)}
    left, right = [], []
    for (sensor, band), i in place.items():
        mirror = _mirror(sensor)
        if mirror is not None and (mirror, band) in place:
            left.append(i)
            right.append(place[mirror, band])
    if not left:
        raise InputError(
            "no sensor has its mirror image here (such as F3 and F4); asymmetries need names of "
            "the 10–20 system"
        )
    names = units["sensor"].astype(str).to_numpy()
    pairs = units.iloc[left].assign(
        sensor=[f"{names[a]}-{names[b]}" for a, b in zip(left, right, strict=True)]
    )
    table = pairs.drop(columns=[c for c in ("x", "y", "z") if c in pairs]).reset_index(drop=True)
    values = features.values[:, left] - features.values[:, right]
    return make_recording(values, trial_table(features), table, name="asymmetry")


def _mirror(sensor: str) -> str | None:
    """Name the right-hand sensor of a left one: f3 → f4, po7 → po8; None for all others."""
    found = re.fullmatch(r"(fp|af|f|fc|ft|c|t|cp|tp|p|po|o|i)(\d+)(h?)", sensor)
    if found is None or int(found[2]) % 2 == 0:
        return None
    return f"{found[1]}{int(found[2]) + 1}{found[3]}"
