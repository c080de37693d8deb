"""Reading what is to be audited: tables with or without a header, folders of media."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from affectome.audit.corpora import Corpora
from affectome.audit.names import describe_parts
from affectome.data import Skipped, tables
from affectome.data.catalog import MEDIA
from affectome.data.delimited import ragged_rows, style_of
from affectome.data.roles import is_split
from affectome.data.tables import EXCEL, PARQUET
from affectome.errors import InputError

EMOTION = re.compile(
    "anger|angry|happ|joy|sad|fear|afraid|scared|disgust|surpris|neutral|calm|contempt|bored|amus|awe|"
    "content|excite|anxi|pleasant|positiv|negativ|valence|arousal|relax|stress|pain|tender|love"
)


@dataclass
class Notes:
    """What a reader of the result must know of how the source was read, and what was left out."""

    warnings: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


def read_table(path: Path, target: str, names: Sequence[str], notes: Notes) -> pd.DataFrame:
    """Read a table as `affectome.data.tables` does, with or without a header.

    Rows with more or fewer cells than the others are skipped.

    Raises
    ------
    InputError
        If it is no table, is empty, or would not fit (with the memory it needs).
    """
    if path.suffix.lower() in (*PARQUET, *EXCEL):
        return tables.read_table(path)
    if not path.is_file():
        raise InputError(f"there is no table {path}")
    with tables.table_errors(path):
        table = _read_text(path, target, names, notes)
    if table.empty:
        raise InputError(f"{path} has columns but no rows")
    return table


def _read_text(path: Path, target: str, names: Sequence[str], notes: Notes) -> pd.DataFrame:
    style = style_of(path)
    tables.check_text_memory(path, style)
    head = tables.read_csv(
        path, style, nrows=1, header=None, dtype=str, keep_default_na=False, on_bad_lines="skip"
    )
    header = [str(v) for v in head.iloc[0]]
    bare = bool(names) or (target not in header and _is_data(header))
    wrong, kept = ragged_rows(path, style)
    notes.skipped += [Skipped(row, why) for row, why in wrong.items()]
    table = tables.read_csv(path if kept is None else kept, style, header=None if bare else "infer")
    if not bare:
        return table
    if not names:
        names = [str(k + 1) for k in range(table.shape[1])]
        notes.warnings.append(
            f"{path.name} has no header; its columns are called 1 to {len(names)}"
        )
    if len(names) != table.shape[1]:
        raise InputError(
            f"{len(names)} names were given for the {table.shape[1]} columns of {path}"
        )
    table.columns = pd.Index(list(names))
    return table


def _is_data(header: list[str]) -> bool:
    """Whether a first row is data: numbers in it that don't just count the columns."""
    numbers = [float(v) for v in header if _is_number(v)]
    return bool(numbers) and bool(np.any(np.diff(numbers) != 1) or len(numbers) == 1)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-+]?\d*\.?\d+([eE][-+]?\d+)?", text) is not None


def read_folder(
    folder: Path, target: str, how: str | None, corpora: Corpora, notes: Notes
) -> pd.DataFrame:
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
    known = corpora.recognise([Path(f).stem for f in files])
    if known is not None and target in known[1]:
        table[target] = known[1][target].to_numpy()
        notes.warnings.append(
            f"the files are named as in {known[0].name}; {target} is read from their names"
        )
        return table
    levels = _folder_levels(files)
    for level in [c for c in levels if is_split(levels[c])]:
        table["split"] = levels.pop(level)
        notes.warnings.append(f"{level} of the paths is taken for a given split")
    if not levels:
        raise InputError(
            f"{folder} has no table with {target!r}; its file names hold "
            f"{describe_parts(files, corpora)}; name the part with the label by "
            "--target-from-name N, or give a CSV with a column file"
        )
    level = max(levels, key=lambda name: _words_of_emotion(levels[name]))
    table[target] = levels[level]
    which = "the folder that a file lies in" if len(levels) == 1 else f"{level} of its path"
    notes.warnings.append(f"{target} is the name of {which}")
    return table


def _folder_levels(files: list[str]) -> dict[str, pd.Series]:
    """Names of the folders that all files lie in, level by level, where they differ."""
    paths = [Path(f).parts[:-1] for f in files]
    depth = min(map(len, paths))
    levels = {f"folder {k + 1}": pd.Series([p[k] for p in paths]) for k in range(depth)}
    return {name: folders for name, folders in levels.items() if folders.nunique() > 1}


def _words_of_emotion(names: pd.Series) -> float:
    """Share of the names in which a word of emotion stands; the first level wins where none has."""
    found = pd.Series(names.unique()).str.lower().str.contains(EMOTION)
    return float(found.mean())
