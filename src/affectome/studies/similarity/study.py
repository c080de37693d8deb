"""Compare the arrangement of conditions in people with models: matrices, categories, ratings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from affectome.brains import Rdms, Rsa, category_model, distance_model, rdms, rsa
from affectome.data import result_head, trial_table
from affectome.data.catalog import Skipped
from affectome.data.delimited import style_of
from affectome.data.readers import Measurement
from affectome.data.tables import read_csv, table_errors
from affectome.errors import InputError
from affectome.evidence import correct_together
from affectome.progress import Progress, silent
from affectome.studies.encoding.study import averaged, stimulus_column

HELD_OUT = "nothing is fitted to the responses, so nobody is held out"


@dataclass(frozen=True, eq=False)
class SimilarityStudy:
    """How well models describe the arrangement of conditions.

    Attributes
    ----------
    source
        Name of the recording.
    found
        The comparison.
    data
        The dissimilarities of each person.
    condition, measure
        Column of the conditions, and what a dissimilarity is.
    skipped, notes
        What could not be used, and what a reader has to know.
    trials
        Number of trials.
    """

    source: str
    found: Rsa
    data: Rdms
    condition: str
    measure: str
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    trials: int

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers for ``result.json``."""
        result = {
            **result_head(
                "rsa",
                2,
                source=self.source,
                target=None,
                held_out=HELD_OUT,
                trials=self.trials,
                skipped=self.skipped,
                warnings=self.notes,
            ),
            "stimulus": self.condition,
            "measure": self.measure,
            **self.found.to_dict(),
        }
        return dict(correct_together(result))


def run(
    measurement: Measurement,
    *,
    matrices: Mapping[str, Path] | None = None,
    categories: Sequence[str] = (),
    ratings: Sequence[str] = (),
    stimulus: str | None = None,
    measure: str = "correlation",
    method: str = "correlation",
    n_permutations: int = 1000,
    random_state: int = 0,
    progress: Progress = silent,
) -> SimilarityStudy:
    """Compare people's dissimilarities between conditions with models.

    Parameters
    ----------
    measurement
        The recording; trials over time are averaged over it.
    matrices
        Model → table of a square matrix. With the conditions' names as header and first column it
        is ordered by them; bare numbers are in the order of the sorted names.
    categories, ratings
        Columns of the trials, constant within a condition: alike or not; distance in a number.
    stimulus
        Column of the conditions; the one that names stimuli when None.
    measure, method
        As in :func:`affectome.brains.rdms` and :func:`affectome.brains.rsa`.
    n_permutations, random_state
        Arrangements of the conditions, and the seed.
    progress
        Called with each step.

    Raises
    ------
    InputError
        If there is no model, or one does not fit the conditions.
    """
    recording, notes = averaged(measurement)
    name = stimulus_column(trial_table(recording), stimulus)
    progress("dissimilarities", 0, 2)
    data = rdms(recording, name, measure)
    models: dict[str, ArrayLike | pd.DataFrame] = {
        model: read_matrix(path) for model, path in (matrices or {}).items()
    }
    for column in (*categories, *ratings):
        if column not in data.conditions:
            raise InputError(
                f"{column!r} is no column that is the same in all trials of a condition; there are "
                f"{', '.join(map(str, data.conditions))}"
            )
        values = data.conditions[column]
        if column in ratings and not pd.api.types.is_numeric_dtype(values):
            raise InputError(f"{column!r} holds no numbers; give it as --category")
        made = distance_model if column in ratings else category_model
        models[str(column)] = made(values.to_numpy())
    progress("dissimilarities", 1, 2)
    found = rsa(
        data, models, method=method, n_permutations=n_permutations, random_state=random_state
    )
    progress("dissimilarities", 2, 2)
    notes = [*measurement.warnings, *notes, *measurement.notes]
    n_all = trial_table(recording)[name].nunique()
    if n_all > found.n_conditions:
        notes.append(
            f"{n_all - found.n_conditions} of {n_all} values of {name} are left out, as not every "
            "person has them"
        )
    if found.n_subjects < 3:
        notes.append("no interval with fewer than three people")
    return SimilarityStudy(
        measurement.source.name,
        found,
        data,
        name,
        measure,
        measurement.skipped,
        tuple(notes),
        recording.sizes["trial"],
    )


def read_matrix(path: Path) -> np.ndarray | pd.DataFrame:
    """Read a square matrix: with names as header and first column, or numbers alone.

    Raises
    ------
    InputError
        If it is no table of numbers.
    """
    with table_errors(path):
        style = style_of(path)
        bare = read_csv(path, style, header=None)
        numbers = all(pd.api.types.is_numeric_dtype(kind) for kind in bare.dtypes)
        if numbers and bare.shape[0] == bare.shape[1]:
            return bare.to_numpy(dtype=float)
        named = read_csv(path, style, index_col=0)
    if named.shape[0] != named.shape[1]:
        raise InputError(
            f"{path} has {named.shape[0]} rows and {named.shape[1]} columns beside their names; a "
            "model is a square matrix"
        )
    if not all(pd.api.types.is_numeric_dtype(kind) for kind in named.dtypes):
        raise InputError(f"{path} holds something that is not a number")
    return named
