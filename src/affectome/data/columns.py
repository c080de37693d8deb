"""Columns by the names that this package knows, whatever a user's table calls them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from affectome.errors import no_column


def map_columns(
    table: pd.DataFrame, columns: Mapping[str, str | None], source: object
) -> pd.DataFrame:
    """Give columns the names that this package knows.

    Parameters
    ----------
    table
        A row a trial, an event or a file.
    columns
        Name, such as ``subject`` → column of the table, such as ``participant_id``; None leaves it.
        A column that has the name already, and is another one, is kept as ``<name>_given``.
    source
        What the table is called in messages.

    Raises
    ------
    InputError
        If a column is missing.
    """
    given = {name: column for name, column in columns.items() if column is not None}
    for column in given.values():
        if column not in table:
            raise no_column(f"{source} has", column, table.columns)
    taken = {n: f"{n}_given" for n, column in given.items() if n in table and n != column}
    found = table.rename(columns=taken)
    for name, column in given.items():
        found[name] = table[column]
    return found


def one_spelling(labels: pd.Series) -> tuple[pd.Series, list[str]]:
    """Read labels that differ by blanks or capitals only as one class, and say so.

    Returns
    -------
    labels : pandas.Series
        Missing ones stay missing; others have the spelling that is the most frequent.
    notes : list of str
        One line a class that was spelled in several ways.
    """
    known = labels.dropna().astype(str)
    stripped = known.str.strip()
    usual = stripped.groupby(stripped.str.casefold()).agg(lambda names: names.mode().iloc[0])
    settled = stripped.str.casefold().map(usual)
    notes = []
    for name, ways in known.groupby(settled):
        spelled = list(dict.fromkeys(ways))
        if len(spelled) > 1:
            notes.append(
                f"{', '.join(map(repr, spelled))} differ by blanks or capitals only and are read "
                f"as one class, {name!r}"
            )
    empty = settled.index[settled == ""]
    settled = settled.astype(object)
    settled[empty] = np.nan
    return settled.reindex(labels.index), notes


def repeated(table: pd.DataFrame) -> dict[int, int]:
    """Rows (by place) that say the same as an earlier one in every column, and which that is."""
    codes = table.astype(str).agg("\x1f".join, axis=1)
    first: dict[str, int] = {}
    found = {}
    for row, code in enumerate(codes):
        if first.setdefault(code, row) != row:
            found[row] = first[code]
    return found
