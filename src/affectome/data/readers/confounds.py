"""Confounds of a brain image: motion and the like, a row a volume, regressed out at reading."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from affectome.data.readers.events import read_events
from affectome.errors import InputError, require

USUAL = (
    *(f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"),
    *(f"{kind}_{axis}_derivative1" for kind in ("trans", "rot") for axis in "xyz"),
    "csf",
    "white_matter",
)
"""Columns that are taken from a table of fMRIPrep, which has hundreds."""


def without_confounds(values: np.ndarray, table: Path, source: Path) -> tuple[np.ndarray, str]:
    """Regress confounds out of voxels or regions, as nilearn's maskers do with ``confounds=``.

    Parameters
    ----------
    values
        Shape (n_volumes, n_units).
    table
        Tab- or comma-separated, a row a volume. Of fMRIPrep's columns motion, its derivatives, CSF
        and white matter are taken; of other tables all. A derivative that is ``n/a`` in the first
        row takes the second's value.
    source
        The image, for messages.

    Returns
    -------
    values : numpy.ndarray
        float32, the mean of each unit kept.
    note : str
        Which columns were used.

    Raises
    ------
    InputError
        If rows and volumes differ in number, or a column holds something that is not a number.
    """
    columns = _columns(read_events(table), table, source, len(values))
    level = values.mean(axis=0)
    clean = require("nilearn.signal", "fmri").clean
    left = clean(
        values - level,
        confounds=columns.to_numpy(),
        detrend=False,
        standardize=None,
        filter=False,
        t_r=None,
    )
    names = ", ".join(map(str, columns))
    return (left + level).astype(np.float32), f"regressed out at reading: {names} ({table.name})"


def _columns(table: pd.DataFrame, path: Path, source: Path, n_volumes: int) -> pd.DataFrame:
    if len(table) != n_volumes:
        raise InputError(
            f"{path} has {len(table)} rows of confounds, but {source} has {n_volumes} volumes; "
            "give one row a volume"
        )
    usual = [name for name in USUAL if name in table]
    numbers = (table[usual] if usual else table).apply(pd.to_numeric, errors="coerce")
    numbers.iloc[0] = numbers.iloc[0].fillna(numbers.iloc[1])
    bad = np.argwhere(~np.isfinite(numbers.to_numpy(dtype=float)))
    if len(bad):
        row, column = bad[0]
        raise InputError(
            f"{path}: the confound {numbers.columns[column]!r} holds no number in row {row + 2}; "
            "leave that column out"
        )
    return numbers
