"""Cells of a table: numbers without infinities, dates as seconds, labels as classes or ratings."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from affectome.data.tables import check_table_memory
from affectome.errors import InputError

MOSTLY_NUMBERS = 0.8
MOST_CLASSES = 10
MULTIPLE = re.compile(r"^\s*\w+(\s*[,;|]\s*\w+)+\s*$")
DAY = re.compile(r"(\d{4}-\d\d?-\d\d?|\d\d?[./]\d\d?[./]\d{4})([ T]\d\d?:\d\d.*)?")
TIME = re.compile(r"\d\d?:\d\d:\d\d([.,]\d+)?")
LOOKED_AT = 200


def settle_columns(table: pd.DataFrame, target: str) -> tuple[pd.DataFrame, frozenset[str]]:
    """Give columns plain types, dates as seconds, and say which ones were dates or times.

    Raises
    ------
    InputError
        If the table is empty or too large, two columns have one name, a number is infinite, or
        a column of numbers holds text.
    """
    table = table.rename(columns=str).copy()
    if table.empty:
        raise InputError(f"the table is empty: its shape is {table.shape}")
    if table.columns.duplicated().any():
        twice = table.columns[table.columns.duplicated()][0]
        raise InputError(f"two columns are called {twice!r}; give each its own name")
    check_table_memory(*table.shape, "the table")
    clocks = set()
    for name in table.columns:
        column = table[name]
        if column.dtype.kind == "f" and np.isinf(column.to_numpy()).any():
            row = int(np.flatnonzero(np.isinf(column.to_numpy()))[0])
            raise InputError(f"column {name!r} holds an infinite value in row {row + 2}")
        if column.dtype.kind == "b":
            table[name] = column.astype(np.int8)
        elif isinstance(column.dtype, pd.CategoricalDtype | pd.StringDtype):
            table[name] = column.astype(object)
        if name == target:
            continue
        if table[name].dtype == object:
            check_numbers(table[name], name)
        seconds = _seconds(table[name])
        if seconds is not None:
            clocks.add(name)
            table[name] = seconds
    return table, frozenset(clocks)


def check_numbers(column: pd.Series, name: str) -> None:
    """Refuse text in a column that is mostly numbers."""
    known = column.dropna()
    numbers = pd.to_numeric(known, errors="coerce")
    if MOSTLY_NUMBERS * len(known) <= numbers.notna().sum() < len(known):
        row = int(np.flatnonzero(numbers.isna())[0])
        at = int(known.index[row]) + 2
        raise InputError(
            f"column {name!r} holds numbers, but {known.iloc[row]!r} in row {at}; correct it or "
            "leave the cell empty"
        )


def _seconds(column: pd.Series) -> pd.Series | None:
    """Dates and times of day as seconds; None for anything else."""
    if column.dtype.kind in "mM":
        return column.astype("int64").where(column.notna()) / 1e9
    if column.dtype != object:
        return None
    texts = column.dropna().astype(str).str.strip()
    for pattern in (DAY, TIME):
        if len(texts) and all(map(pattern.fullmatch, texts.head(LOOKED_AT))):
            day_first = pattern is DAY and not texts.str.match(r"\d{4}").any()
            found = (
                pd.to_datetime(texts, format="mixed", dayfirst=day_first, errors="coerce", utc=True)
                if pattern is DAY
                else pd.to_timedelta(texts.str.replace(",", "."), errors="coerce")
            )
            if found.notna().mean() > MOSTLY_NUMBERS:
                return (found.astype("int64").where(found.notna()) / 1e9).reindex(column.index)
    return None


def read_labels(
    column: pd.Series, warnings: list[str]
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Rows with a label, the target of every row, and the names of the classes (none of ratings).

    Numbers of more than ten values, or with decimals, are ratings. Of several labels in a cell the
    first counts, and labels that differ only by case and spaces are one; ``warnings`` say so.

    Raises
    ------
    InputError
        If there is one class only, or nearly every row has a label of its own.
    """
    name = column.name
    if column.dtype == object:
        column = column.where(column.astype(str).str.strip() != "")
    rows = column.notna().to_numpy()
    known = column[rows]
    if known.nunique() < 2:
        only = f"{known.iloc[0]!r} in all {len(known)} rows" if len(known) else "empty"
        raise InputError(f"the target {name!r} is {only}; two classes are needed")
    if column.dtype == object and known.nunique() > MOST_CLASSES:
        numbers = pd.to_numeric(column, errors="coerce")
        if (numbers.dropna() % 1 != 0).any():
            check_numbers(column, str(name))
            column = numbers if numbers.notna().sum() == len(known) else column
            known = column[rows]
    many = known.nunique() > MOST_CLASSES
    if known.dtype.kind in "iuf" and (many or (known % 1 != 0).any()):
        return rows, column.to_numpy(float), ()
    labels = known.map(lambda v: str(int(v)) if isinstance(v, float) else str(v).strip())
    labels = _one_spelling(_first_of_several(labels, warnings), warnings)
    if 2 * labels.nunique() > len(labels):
        raise InputError(
            f"the target {name!r} has {labels.nunique()} different values in {len(labels)} rows; "
            "it is neither a class nor a number"
        )
    codes, classes = pd.factorize(labels, sort=True)
    if len(classes) < 2:
        raise InputError(f"the target {name!r} is {classes[0]!r} in all rows but for its spelling")
    y = np.full(len(column), -1)
    y[rows] = codes
    return rows, y, tuple(map(str, classes))


def _first_of_several(labels: pd.Series, warnings: list[str]) -> pd.Series:
    several = labels.str.match(MULTIPLE)
    if not several.any() or labels[~several].str.contains(r"[,;|]").any():
        return labels
    first = labels.str.split(r"\s*[,;|]\s*", regex=True).str[0]
    if first.nunique() == labels.nunique():
        return labels
    warnings.append(
        f"{int(several.sum())} of {len(labels)} rows carry several labels; the audit takes the "
        "first of each"
    )
    return first


def _one_spelling(labels: pd.Series, warnings: list[str]) -> pd.Series:
    """Labels that differ by case and spaces only, all in their most frequent spelling."""
    key = labels.str.casefold().str.split().str.join(" ")
    if key.nunique() == labels.nunique():
        return labels
    usual = labels.groupby(key).agg(lambda group: group.value_counts().index[0])
    spellings = labels.groupby(key).nunique()
    merged = [str(usual[k]) for k in spellings.index[spellings > 1]]
    warnings.append(
        f"{', '.join(merged[:5])}: written in several ways (case, spaces); the audit takes each "
        "for one class, a decoder would not"
    )
    return key.map(usual)
