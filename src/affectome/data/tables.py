"""The one reader of tables: text with any separator, decimal sign and encoding, Excel, Parquet."""

from __future__ import annotations

import csv
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from affectome.data.delimited import Style, ragged_rows, style_of
from affectome.data.memory import check_memory
from affectome.errors import InputError, require

TEXT = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz")
PARQUET = (".parquet", ".pq")
EXCEL = (".xlsx", ".xlsm")
TABLES = (*TEXT, *PARQUET, *EXCEL)
"""Endings of tables."""
MEMORY_FACTOR = 4
UNPACKED = 10
"""Times that a cell of a sheet is larger in memory than in the sheet's XML."""


def read_table(
    path: str | Path,
    skipped: dict[str, str] | None = None,
    as_text: Collection[str] = (),
) -> pd.DataFrame:
    """Read a table with a row a trial; ``n/a`` is missing.

    What parts the cells, the decimal sign and the encoding of a text are found by looking at it.

    Parameters
    ----------
    path
        ``.csv``, ``.tsv`` or ``.txt`` (packed or not), ``.xlsx`` with one sheet, or ``.parquet``.
    skipped
        Where rows with more or fewer cells than the others go, with the reason; refused when None.
    as_text
        Columns whose cells are names, so that 01 stays 01.

    Returns
    -------
    pandas.DataFrame
        With at least one row, and names of columns that are text and differ.

    Raises
    ------
    InputError
        If it is no table, has no rows, would not fit into memory, or names two columns alike.
    """
    source = Path(path)
    if not source.is_file():
        raise InputError(f"there is no table {source}")
    with table_errors(source):
        if source.suffix.lower() in PARQUET:
            table = read_parquet(source)
        elif source.suffix.lower() in EXCEL:
            table = read_sheet(source, as_text)
        else:
            table = _read_text(source, skipped, as_text)
    if table.empty:
        raise InputError(f"{source} has columns but no rows")
    return table.rename(columns=str)


@contextmanager
def table_errors(path: Path) -> Iterator[None]:
    """Turn what pandas and csv raise on a file that is no table into one line."""
    try:
        yield
    except InputError:
        raise
    except (
        UnicodeError, pd.errors.ParserError, pd.errors.EmptyDataError, csv.Error, EOFError, OSError,
        zlib.error,
    ) as error:  # fmt: skip
        if isinstance(error, PermissionError):
            raise
        raise InputError(f"{path} is not a table: {_first_line(error)}") from error
    except ValueError as error:
        raise InputError(f"{path} can't be read: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    lines = str(error).split("\n")
    return " ".join(lines[0].split()) or type(error).__name__


def _read_text(
    path: Path, skipped: dict[str, str] | None, as_text: Collection[str]
) -> pd.DataFrame:
    style = style_of(path)
    check_text_memory(path, style)
    ragged, kept = ragged_rows(path, style)
    if ragged and skipped is None:
        row, why = next(iter(ragged.items()))
        raise InputError(f"{path}: {row} {why}; correct it")
    if skipped is not None:
        skipped |= ragged
    _check_names(path, style)
    return read_csv(path if kept is None else kept, style, dtype=dict.fromkeys(as_text, str))


def read_csv(source: Any, style: Style, **options: Any) -> pd.DataFrame:
    """Read a text in its style, with the names of rows as a column where it has such."""
    written = style.options() | {"low_memory": False}
    if not isinstance(source, Path):
        written["skiprows"] = 0  # rows that were kept no longer start with what was skipped
    table = pd.read_csv(source, **written | options)
    if "index_col" not in options and not isinstance(table.index, pd.RangeIndex):
        table = table.reset_index(names="row name")
    return table


def _check_names(path: Path, style: Style) -> None:
    head = read_csv(path, style, nrows=1, header=None, dtype=str, keep_default_na=False)
    names = [name for name in map(str, head.iloc[0]) if name.strip()]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path}: two columns are called {twice!r}; give each its own name")


def read_sheet(path: Path, as_text: Collection[str] = ()) -> pd.DataFrame:
    """Read the one sheet of an Excel file that holds something.

    Raises
    ------
    InputError
        If it is no such file, would not fit, or several sheets hold something.
    """
    require("openpyxl", "tables")
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        check_memory(UNPACKED * unpacked, f"reading {path}")
        sheets = pd.read_excel(
            path,
            sheet_name=None,
            na_values=["n/a"],
            dtype=dict.fromkeys(as_text, str),
            engine="openpyxl",
        )
    except (InputError, MemoryError, PermissionError):
        raise
    except Exception as error:
        # openpyxl fails on a broken file in whatever way its XML leads it.
        why = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path} is not a readable Excel file: {why}") from error
    filled = {name: sheet for name, sheet in sheets.items() if not sheet.empty}
    if len(filled) > 1:
        raise InputError(
            f"{path} has {len(filled)} sheets with rows ({', '.join(filled)}); save the one that "
            "is meant as CSV"
        )
    return next(iter(filled.values()), pd.DataFrame())


def read_parquet(path: Path) -> pd.DataFrame:
    """Read Parquet, after a look at its size."""
    require("pyarrow", "tables")
    file = require("pyarrow.parquet", "tables").ParquetFile(path)
    check_table_memory(file.metadata.num_rows, file.metadata.num_columns, str(path))
    file.close()
    return pd.read_parquet(path)


def check_table_memory(rows: int, columns: int, what: str) -> None:
    """Refuse a table that can't fit, with the memory that it would need."""
    check_memory(rows * columns * 8 * MEMORY_FACTOR, f"a table {what} ({rows:,} × {columns:,})")


def check_text_memory(path: Path, style: Style) -> None:
    """Refuse a text whose first thousand rows say that it can't fit."""
    head = read_csv(path, style, nrows=1000, header=None, dtype=str, on_bad_lines="skip")
    if len(head) < 1000:
        return
    packed = 3.0 if path.suffix == ".gz" else 1.0
    row_bytes = head.fillna("").map(len).to_numpy().sum() / len(head) + head.shape[1]
    check_table_memory(int(packed * path.stat().st_size / row_bytes), head.shape[1], str(path))
