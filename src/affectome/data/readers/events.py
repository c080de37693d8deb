"""Events in BIDS form: ``onset`` and ``duration`` in seconds, ``trial_type``, further columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from affectome.data.catalog import Skipped
from affectome.data.columns import map_columns, one_spelling, repeated
from affectome.data.roles import role_of
from affectome.data.tables import read_table
from affectome.errors import InputError, listed, no_column

LABELS = ("emotion", "trial_type", "label", "condition", "stimulus_type")


@dataclass(frozen=True, eq=False)
class EventTable:
    """Events that a user holds as a table, where others give a file; messages call them "events".

    Raises
    ------
    InputError
        If the table has no rows.
    """

    table: pd.DataFrame

    def __post_init__(self) -> None:
        if self.table.empty:
            raise InputError("events have columns but no rows")

    def __str__(self) -> str:
        return "events"


Events = Path | EventTable


def read_events(
    path: str | Events, columns: Mapping[str, str | None] | None = None
) -> pd.DataFrame:
    """Read an events file, as :func:`affectome.data.tables.read_table` reads any table.

    Parameters
    ----------
    path
        File with a header row, or a table that is held in memory.
    columns
        Name → column of the file that holds it, such as ``{"subject": "participant_id"}``.

    Raises
    ------
    InputError
        If the file is missing, no table, has no rows, or lacks a column.
    """
    if isinstance(path, EventTable):
        return map_columns(path.table.reset_index(drop=True), columns or {}, path)
    source = Path(path)
    if not source.is_file():
        raise InputError(f"there is no events file {source}")
    return map_columns(read_table(source), columns or {}, source)


def onset_events(events: pd.DataFrame, source: str | Path) -> pd.DataFrame:
    """Check that ``onset`` and ``duration`` hold seconds; a missing duration becomes 0.

    Raises
    ------
    InputError
        If there is no ``onset``, or either column holds something that is not a number.
    """
    if "onset" not in events:
        raise no_column(f"{source} has", "onset", events, "of seconds")
    checked = events.copy()
    if "duration" not in checked:
        checked["duration"] = 0.0
    for column in ("onset", "duration"):
        numbers = pd.to_numeric(checked[column], errors="coerce")
        missing = numbers.isna() if column == "onset" else numbers.isna() & checked[column].notna()
        if missing.any():
            row = int(np.flatnonzero(missing.to_numpy())[0])
            raise InputError(
                f"{source}: {column} holds {checked[column].iloc[row]!r} in row {row + 2}; "
                "give seconds from the start of the recording"
            )
        checked[column] = numbers.fillna(0.0).astype(float)
    return checked


class Labelled(NamedTuple):
    """Trials with ``emotion`` and ``trial_number``, what was left out, and what was decided.

    The index of ``trials`` still tells their row in the events.
    """

    trials: pd.DataFrame
    skipped: list[Skipped]
    notes: list[str]


def label_trials(events: pd.DataFrame, target: str | None, source: str | Path) -> Labelled:
    """Give every trial its ``emotion`` and ``trial_number``; trials without a label are skipped.

    Parameters
    ----------
    events
        One row a trial.
    target
        Column that holds the label; when None (or ``emotion``, which it becomes) the first of
        ``emotion``, ``trial_type``, ``label``, ``condition`` and ``stimulus_type`` that is there.
    source
        Name for messages.

    Raises
    ------
    InputError
        If the column is missing or no trial has a label.
    """
    usual = next((c for c in LABELS if c in events), None)
    column = usual if target in {None, "emotion"} else target
    if column is None:
        raise InputError(
            f"{source} has no column of labels such as trial_type; it has "
            f"{listed(events)}; name one with --target COL (target= in Python)"
        )
    if column not in events:
        raise no_column(f"{source} has", column, events)
    trials = split_tags(events.copy(), column)
    words = trials[column].astype("string").astype(object)
    trials["emotion"], notes = one_spelling(words)
    trials["trial_number"] = np.arange(len(trials))
    unlabelled = trials["emotion"].isna().to_numpy()
    skipped = [
        Skipped(row_name(source, int(row)), f"no label in the column {column!r}")
        for row in np.flatnonzero(unlabelled)
    ]
    if unlabelled.all():
        raise InputError(f"{source}: no row has a label in the column {column!r}")
    return Labelled(trials[~unlabelled], skipped, notes)


def distinct_events(events: pd.DataFrame, source: str | Path) -> tuple[pd.DataFrame, list[Skipped]]:
    """Leave out events that stand twice in a table, and list them."""
    again = repeated(events)
    skipped = [
        Skipped(row_name(source, row), f"the same event as row {first + 2}, which is kept")
        for row, first in again.items()
    ]
    return events.drop(index=events.index[list(again)]), skipped


def split_tags(trials: pd.DataFrame, column: str) -> pd.DataFrame:
    """Take names such as ``film11/neutral`` apart, as MNE's tags are meant.

    A part that is a word for a person, a stimulus or a session with a number becomes a column of
    that name (``film``); the one that is left names the class. The whole name is kept as
    ``event_name``. Names that do not all have as many parts stay as they are.
    """
    names = trials[column].dropna().astype(str)
    parts = names.str.split("/", expand=True)
    if parts.shape[1] < 2 or parts.isna().to_numpy().any() or (parts == "").to_numpy().any():
        return trials
    words = {i: set(parts[i].str.replace(r"[\W_]*\d+$", "", regex=True)) for i in parts}
    told = {i: next(iter(w)).lower() for i, w in words.items() if len(w) == 1}
    told = {i: word for i, word in told.items() if role_of(word) and word not in trials}
    left = [i for i in parts if i not in told]
    if len(left) != 1 or not told:
        return trials
    found = trials.assign(event_name=trials[column])
    for place, word in told.items():
        found[word] = parts[place].reindex(trials.index)
    found[column] = parts[left[0]].reindex(trials.index)
    return found


def row_name(source: str | Path, row: int) -> str:
    """Name a row of a table as a spreadsheet counts it, the header being row 1."""
    return f"{source} row {row + 2}"


def subject_of(path: str | Path, otherwise: str) -> str:
    """Find the BIDS subject ``sub-…`` in a file's name or folders, or take ``otherwise``."""
    parts: Sequence[str] = (Path(path).name, *reversed(Path(path).parts[:-1]))
    for part in parts:
        for piece in part.split("_"):
            if piece.startswith("sub-") and len(piece) > 4:
                return piece.split(".")[0]
    return otherwise
