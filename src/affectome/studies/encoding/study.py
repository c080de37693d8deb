"""Predict single units from tables of stimulus features, on stimuli that were held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from affectome.brains import Encoding, encode, explainable_variance
from affectome.data import result_head, trial_table
from affectome.data.catalog import Skipped
from affectome.data.readers import Measurement
from affectome.data.roles import role_of
from affectome.data.tables import read_table
from affectome.errors import InputError, no_column
from affectome.evidence import correct_together
from affectome.progress import Progress, silent


@dataclass(frozen=True, eq=False)
class EncodingStudy:
    """What single units follow of the stimuli.

    Attributes
    ----------
    source
        Name of the recording.
    found
        The encoding models.
    ceiling
        Share of single trials' variance that is locked to the stimulus, for each unit; None where
        nothing is repeated.
    stimulus
        Column that names the stimuli.
    skipped, notes
        What could not be used, and what a reader has to know.
    """

    source: str
    found: Encoding
    ceiling: np.ndarray | None
    stimulus: str
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers for ``result.json``."""
        result = {
            **result_head(
                "encode",
                2,
                source=self.source,
                target=None,
                held_out=self.found.design.headline,
                trials=int(np.isfinite(self.found.predictions[:, 0]).sum()),
                skipped=self.skipped,
                warnings=self.notes,
            ),
            "stimulus": self.stimulus,
            **self.found.to_dict(),
            "median_explainable": None if self.ceiling is None else float(np.median(self.ceiling)),
        }
        return dict(correct_together(result))

    def table(self) -> pd.DataFrame:
        """Give one row a unit, with its ceiling."""
        if self.ceiling is None:
            return self.found.units
        return self.found.units.assign(explainable=self.ceiling)


def run(
    measurement: Measurement,
    features: Mapping[str, Path],
    *,
    stimulus: str | None = None,
    holdout: str | Sequence[str] | None = None,
    n_permutations: int = 1000,
    random_state: int = 0,
    progress: Progress = silent,
) -> EncodingStudy:
    """Predict every unit from tables of features, one band of features a table.

    Parameters
    ----------
    measurement
        The recording; trials over time are averaged over it.
    features
        Band → table with one row a stimulus: a column of the stimuli's names, called as in the
        recording (or the first one), and numeric columns.
    stimulus
        Column of the recording that names the stimuli; found by its name when None.
    holdout
        Columns to hold out; people and stimuli when None.
    n_permutations, random_state
        Arrangements of the stimuli, and the seed.
    progress
        Called with each model.

    Raises
    ------
    InputError
        If no column names the stimuli, or a table misses one of them.
    """
    recording, notes = averaged(measurement)
    trials = trial_table(recording)
    name = stimulus_column(trials, stimulus)
    bands: dict[str, np.ndarray] = {}
    for band, path in features.items():
        bands[band], said = _band(path, trials[name].astype(str), name)
        notes += said
    found = encode(
        recording,
        bands,
        holdout,
        n_permutations=n_permutations,
        random_state=random_state,
        progress=progress,
    )
    people = [str(c) for c in trials if role_of(str(c)) == "subject" and trials[c].nunique() > 1]
    who = people[0] if people else "subject"
    ceiling = None
    try:
        ceiling = explainable_variance(recording, who, name)
    except InputError as error:
        notes.append(f"no ceiling: {error}")
    notes += [*measurement.warnings, *measurement.notes, *found.design.notes]
    return EncodingStudy(
        measurement.source.name, found, ceiling, name, measurement.skipped, tuple(notes)
    )


def averaged(measurement: Measurement) -> tuple[xr.DataArray, list[str]]:
    """Give one value a trial and unit, and say how."""
    recording = measurement.recording
    if "time" not in recording.dims:
        return recording, []
    return recording.mean("time"), ["responses are averaged over the window of each trial"]


def stimulus_column(trials: pd.DataFrame, wanted: str | None) -> str:
    """Find the column that names the stimuli.

    Raises
    ------
    InputError
        If it is missing, or none is called so.
    """
    if wanted is not None:
        if wanted not in trials:
            raise no_column("the trials have", wanted, trials)
        return wanted
    for column in map(str, trials):
        if role_of(column) == "stimulus" and trials[column].nunique() > 2:
            return column
    raise InputError(
        f"no column names the stimuli; the trials have {', '.join(map(str, trials))}; name one "
        "with --stimulus"
    )


def name_tables(given: Sequence[str]) -> dict[str, Path]:
    """Name tables: ``NAME=FILE`` as it says, a file alone by its own name.

    Raises
    ------
    InputError
        If there is none, one is missing, or two have the same name.
    """
    named: dict[str, Path] = {}
    for text in given:
        name, _, file = text.partition("=")
        path = Path(file) if file and not Path(text).exists() else Path(text)
        name = name if path == Path(file) and file else path.stem
        if not path.is_file():
            raise InputError(f"there is no table {path}")
        if name in named:
            raise InputError(f"two tables are called {name!r}; name them with NAME=FILE")
        named[name] = path
    if not named:
        raise InputError("no table was given; name one with NAME=FILE or more")
    return named


def stimulus_table(path: Path, stimulus: str) -> tuple[pd.DataFrame, list[str]]:
    """Read a table with one row a stimulus: its numbers by the stimulus' name, and notes.

    The column of names is called as in the recording, or is the first one.

    Raises
    ------
    InputError
        If a stimulus stands there twice, or no column holds numbers.
    """
    table = read_table(path)
    key = stimulus if stimulus in table else str(table.columns[0])
    keys = table[key].astype(str)
    if keys.duplicated().any():
        raise InputError(f"{path} has two rows for {keys[keys.duplicated()].iloc[0]!r} in {key!r}")
    numbers = table.drop(columns=key).select_dtypes("number")
    if numbers.empty:
        raise InputError(f"{path} has no numeric column beside {key!r}")
    left = [str(c) for c in table if c != key and c not in numbers]
    named = numbers.set_axis(pd.Index(keys, name=key), axis=0)
    return named, [f"{path.name}: {', '.join(left)} left out, not numbers"] if left else []


def _band(path: Path, shown: pd.Series, name: str) -> tuple[np.ndarray, list[str]]:
    numbers, notes = stimulus_table(path, name)
    missing = sorted(set(shown) - set(numbers.index))
    if missing:
        raise InputError(
            f"{path} has no row for {len(missing)} of {shown.nunique()} stimuli, the first "
            f"{missing[0]!r}; its column {numbers.index.name!r} holds {numbers.index[0]!r}, …"
        )
    values = numbers.loc[shown].to_numpy(dtype=float)
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise InputError(
            f"{path}: {numbers.columns[column]!r} of {shown.iloc[row]!r} is no finite number"
        )
    return values, notes
