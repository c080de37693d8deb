"""Reading what is to be audited: tables after a look at their size, folders of media."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from affectome.data.catalog import MEDIA
from affectome.errors import InputError, require
from affectome.evidence._memory import check_memory
from affectome.evidence.audit.names import describe_parts, known_names

MEMORY_FACTOR = 4


def read_table(
    path: Path, target: str, names: Sequence[str] = (), notes: list[str] | None = None
) -> pd.DataFrame:
    """Read CSV, TSV or Parquet, after a look at whether it fits into memory.

    Raises
    ------
    InputError
        If it is no table, is empty, or would not fit (with the memory it needs).
    """
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            facts = require("pyarrow.parquet", "tables").ParquetFile(path).metadata
            check_table_memory(facts.num_rows, facts.num_columns, str(path))
            return pd.read_parquet(path)
        separator = "\t" if {".tsv", ".tab"} & {s.lower() for s in path.suffixes} else ","
        options: dict[str, Any] = {"sep": separator, "na_values": ["n/a"], "encoding": "utf-8-sig"}
        head = pd.read_csv(path, nrows=1000, header=None, dtype=str, **options)
        _check_size(path, head)
        header = [str(v) for v in head.iloc[0]]
        if names:
            table = pd.read_csv(path, header=None, low_memory=False, **options)
        elif target not in header and any(_is_number(v) for v in header):
            table = pd.read_csv(path, header=None, low_memory=False, **options)
            names = [str(k + 1) for k in range(table.shape[1])]
            if notes is not None:
                notes.append(f"{path.name} has no header; its columns are called 1 to {len(names)}")
        else:
            return _not_empty(pd.read_csv(path, low_memory=False, **options), path)
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError, OSError) as error:
        raise InputError(f"{path} is not a table: {str(error).splitlines()[0]}") from error
    except ValueError as error:
        raise InputError(f"{path} can't be read: {str(error).splitlines()[0]}") from error
    if len(names) != table.shape[1]:
        raise InputError(
            f"{len(names)} names were given for the {table.shape[1]} columns of {path}"
        )
    table.columns = pd.Index(list(names))
    return _not_empty(table, path)


def check_table_memory(rows: int, columns: int, what: str) -> None:
    """Refuse a table that can't fit, with the memory that it would need."""
    check_memory(rows * columns * 8 * MEMORY_FACTOR, f"an audit of {what} ({rows:,} × {columns:,})")


def _check_size(path: Path, head: pd.DataFrame) -> None:
    if len(head) < 1000:
        return
    packed = 3.0 if path.suffix == ".gz" else 1.0
    row_bytes = head.fillna("").map(len).to_numpy().sum() / len(head) + head.shape[1]
    check_table_memory(int(packed * path.stat().st_size / row_bytes), head.shape[1], str(path))


def _not_empty(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    if table.empty:
        raise InputError(f"{path} has columns but no rows")
    return table


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-+]?\d*\.?\d+([eE][-+]?\d+)?", text) is not None


def read_folder(folder: Path, target: str, how: str | None, notes: list[str]) -> pd.DataFrame:
    """List the media of a folder, with the target from their names or the folders they lie in."""
    files = [
        str(p.relative_to(folder))
        for p in sorted(folder.rglob("*"))
        if p.suffix.lower() in MEDIA and p.is_file() and not p.name.startswith(".")
    ]
    if not files:
        raise InputError(
            f"{folder} holds neither metadata.csv nor pictures, sounds, films or texts"
        )
    table = pd.DataFrame({"file": files})
    if how is not None:
        return table
    known = known_names([Path(f).stem for f in files])
    folders = [Path(f).parts[0] if len(Path(f).parts) > 1 else "" for f in files]
    if known is not None and target in known[1]:
        table[target] = known[1][target].to_numpy()
        notes.append(f"the files are named as in {known[0]}; {target} is read from their names")
    elif all(folders) and len(set(folders)) > 1:
        table[target] = folders
        notes.append(f"{target} is the name of the folder that a file lies in")
    else:
        raise InputError(
            f"{folder} has no table with {target!r}; its file names hold {describe_parts(files)}; "
            "name the part with the label by --target-from-name N, or give a CSV with a column file"
        )
    return table
