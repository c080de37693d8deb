"""Texts in a column of a table; apart, so that one text loads no pandas."""

from __future__ import annotations

from pathlib import Path

from affectome.data.tables import read_table
from affectome.errors import InputError


def texts_of(file: Path, column: str) -> list[str]:
    """Take the texts of a table's column; what is missing is an empty text.

    Raises
    ------
    InputError
        If the table has no such column.
    """
    table = read_table(file)
    if column not in table:
        raise InputError(
            f"{file} has no column {column!r}; it has {', '.join(map(str, table.columns))}"
        )
    return [str(text) for text in table[column].astype(object).where(table[column].notna(), "")]
