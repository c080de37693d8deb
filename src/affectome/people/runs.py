"""Readings that were written before, and the labels that came later."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from affectome.errors import InputError
from affectome.people.reading import Estimate, Reading

FILE_COLUMNS = ("file", "file_name", "filename", "path")
ESTIMATES = ("valence", "arousal", "dominance")
TUPLES = ("labels", "set", "notes")


def read_run(source: Path) -> list[Reading]:
    """Readings of a folder that ``affectome read --out`` wrote, or of a file of JSON lines.

    Raises
    ------
    InputError
        If there are none.
    """
    file = source / "result.json" if source.is_dir() else source
    if not file.is_file():
        raise InputError(f"{file}: there are no readings; affectome read --out FOLDER writes some")
    try:
        return [_reading(plain) for plain in _plain(file, source.is_dir())]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file} holds no readings of affectome read") from error


def with_labels(
    readings: list[Reading], table: pd.DataFrame, columns: list[str], source: str
) -> pd.DataFrame:
    """Find the row of a user's table that each reading belongs to.

    Parameters
    ----------
    readings
        With ``file``, and ``row`` where the file was a table or had lines.
    table
        With a column of files (``file``, ``file_name``, ``filename`` or ``path``), or without where
        the readings have rows, which are then its rows.
    columns
        Columns that must be there.
    source
        The table's name, for errors.

    Returns
    -------
    DataFrame
        Rows of the table with their index in ``readings`` as index; rows without a reading and
        readings without a row are left out.

    Raises
    ------
    InputError
        If a column is missing, a file stands in several rows, or nothing belongs together.
    """
    for column in columns:
        if column not in table:
            raise InputError(
                f"{source} has no column {column!r}; it has {', '.join(map(str, table))}"
            )
    named = next((name for name in FILE_COLUMNS if name in table), None)
    if named is None:
        at = {row: row - 1 for row in range(1, len(table) + 1)}
        keys: list[Any] = [reading.row for reading in readings]
    else:
        names = table[named].astype(str).map(lambda name: Path(name).name)
        if names.duplicated().any():
            twice = names[names.duplicated()].iloc[0]
            raise InputError(f"{source}: the file {twice} stands in several rows of {named!r}")
        at = dict(zip(names, range(len(table)), strict=True))
        keys = [Path(reading.file or "").name for reading in readings]
    found = {k: at[key] for k, key in enumerate(keys) if key in at}
    if not found:
        raise InputError(
            f"no reading belongs to a row of {source}: they are matched by "
            + ("the number of the row" if named is None else f"the file's name in {named!r}")
        )
    rows = table.iloc[list(found.values())].copy()
    rows.index = pd.Index(list(found))
    return rows


def labels_of(
    readings: list[Reading], table: pd.DataFrame, target: str, source: str
) -> dict[int, str]:
    """Index of a reading → its label in a user's table; where the label is missing, none."""
    rows = with_labels(readings, table, [target], source)[target].dropna()
    return dict(zip(map(int, rows.index), rows.astype(str).str.strip(), strict=True))


def _plain(file: Path, whole: bool) -> Iterator[dict[str, Any]]:
    text = file.read_text(encoding="utf-8")
    if whole:
        yield from json.loads(text)["readings"]
    else:
        yield from (json.loads(line) for line in text.splitlines() if line.strip())


def _reading(plain: dict[str, Any]) -> Reading:
    given = dict(plain)
    for name in ESTIMATES:
        if (one := given.get(name)) is not None:
            pairs = {k: one[k] if one[k] is None else tuple(one[k]) for k in ("interval", "scale")}
            given[name] = Estimate(**(one | pairs))
    for name in TUPLES:
        given[name] = tuple(given.get(name) or ())
    for name in ("span", "box"):
        given[name] = None if given.get(name) is None else tuple(given[name])
    given["attribution"] = tuple((str(a), float(b)) for a, b in given.get("attribution") or ())
    given["parts"] = tuple(_reading(part) for part in given.get("parts") or ())
    given["because"] = given.get("because") or ""
    return Reading(**given)
