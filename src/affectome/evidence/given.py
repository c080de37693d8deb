"""What a user holds, brought to the one form that is evaluated: a Recording and its columns.

Arrays with their labels, people and stimuli become a Recording whose trials name them, so that they
go through the same gate as any other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from affectome.data import as_recording, trial_table
from affectome.errors import InputError, did_you_mean

Named = tuple[str, ...]


def given_trials(
    held: Any,
    target: Any,
    holdout: Any,
    columns: Mapping[str, Any],
    options: Collection[str],
) -> tuple[xr.DataArray, Named, Any]:
    """Bring measurements, labels and what is known of the trials together.

    Parameters
    ----------
    held
        As :func:`affectome.data.as_recording` takes it. Columns that are named as target, or by
        ``columns``, are no measurements.
    target
        Name of a column, several names, or labels or ratings, shape (n_trials,) or (n_trials, k).
    holdout
        As in :func:`evaluate`; an array of one value a trial names the groups to hold out.
    columns
        Name → one value a trial, or the name of a column of ``held``.
    options
        Names that the caller takes otherwise, for a message on a slip of the pen.

    Returns
    -------
    recording : xarray.DataArray
    names : tuple of str
        Columns of the trials that are the target.
    holdout
        The columns, Split or splitter to hold out by.

    Raises
    ------
    InputError
        If a length or an index does not meet the others', or a name is not there.
    """
    if not isinstance(held, np.ndarray | pd.DataFrame | xr.DataArray | list):
        held = as_recording(held)
    known = _known(held)
    n_trials = _n_trials(held)
    found: dict[str, Any] = {}
    for name, values in columns.items():
        if values is not None:
            found[name] = _values_of(name, values, known, n_trials, held, options)
    names = _names_of(target, known, found, n_trials)
    if names is None:
        named = _target(target, {*known, *found}, n_trials, held)
        found |= named
        names = tuple(named)
    else:
        found |= {name: known[name] for name in names if name in known and name not in found}
    if isinstance(holdout, np.ndarray | pd.Series) and np.ndim(holdout) == 1:
        found["group"] = _values_of("group", holdout, known, n_trials, held, options)
        holdout = "group"
    if "groups" in found:
        found["group"] = found.pop("groups")
        holdout = "group" if holdout is None else holdout
    if isinstance(held, pd.DataFrame):
        used = [*names, *(v for v in columns.values() if isinstance(v, str))]
        held = held.drop(columns=[c for c in held if str(c) in used])
    trials = pd.DataFrame({n: np.asarray(v) for n, v in found.items()}, index=range(n_trials))
    return as_recording(held, trials), names, holdout


def _known(held: Any) -> dict[str, Any]:
    """Columns that may be called by name: of a table, or of a Recording's trials."""
    if isinstance(held, pd.DataFrame):
        return {str(name): held[name] for name in held}
    if isinstance(held, xr.DataArray) and "trial" in held.dims:
        return {str(name): column for name, column in trial_table(held).items()}
    return {}


def _n_trials(held: Any) -> int:
    try:
        return int(held.sizes["trial"]) if hasattr(held, "sizes") else len(held)
    except (KeyError, TypeError):
        raise InputError(
            f"a {type(held).__name__} has no trials; give a Recording, an array (trial × unit), a "
            "DataFrame, or what read_recording takes"
        ) from None


def _values_of(
    name: str,
    values: Any,
    known: Mapping[str, Any],
    n_trials: int,
    held: Any,
    options: Collection[str],
) -> Any:
    if isinstance(values, str):
        if values in known:
            return known[values]
        has = ", ".join(list(known)[:12]) or "none"
        raise InputError(
            f"{name}={values!r} names no column; {did_you_mean(values, known)}there are {has}"
        )
    if np.ndim(values) != 1 or len(values) != n_trials:
        meant = did_you_mean(name, options)
        raise InputError(
            f"{name}= has the shape {np.shape(values)}, but a column has one value for each of "
            f"{n_trials} trials; {meant or 'give it so, or leave it out'}".rstrip()
        )
    _same_index(values, held, name)
    return values


def _same_index(values: Any, held: Any, name: str) -> None:
    """Refuse two tables whose rows are in another order."""
    pandas = isinstance(values, pd.Series | pd.DataFrame) and isinstance(held, pd.DataFrame)
    if pandas and not values.index.equals(held.index):
        raise InputError(
            f"{name} and the measurements have different indexes; sort them alike, or reset both"
        )


def _names_of(
    target: Any, known: Mapping[str, Any], found: Mapping[str, Any], n_trials: int
) -> Named | None:
    """Columns that a target names; None where it is the labels themselves."""
    if isinstance(target, str):
        return (target,)
    if not isinstance(target, Sequence) or not all(isinstance(name, str) for name in target):
        return None
    named = all(name in known or name in found for name in target)
    return tuple(target) if named or len(target) != n_trials else None


def _target(target: Any, taken: Collection[str], n_trials: int, held: Any) -> dict[str, Any]:
    """Labels by the name that they bear, else ``target``."""
    _same_index(target, held, "y")
    values = target if isinstance(target, pd.Series | pd.DataFrame) else np.asarray(target)
    if np.ndim(values) not in (1, 2) or len(values) != n_trials:
        raise InputError(
            f"y has the shape {np.shape(values)} but there are {n_trials} trials; give one label "
            "each"
        )
    if isinstance(values, pd.DataFrame):
        return {str(name): values[name] for name in values}
    if values.ndim == 2:
        return {f"target_{k + 1}": column for k, column in enumerate(np.asarray(values).T)}
    name = str(getattr(values, "name", None) or "target")
    return {"target" if name in taken or name in ("trial", "time", "unit") else name: values}
