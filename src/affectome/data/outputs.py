"""Writing results: every file appears whole or not at all, and ``result.json`` comes last."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectome.errors import AffectomeError, InputError

FORMULA = ("=", "+", "-", "@", "\t", "\r")


class OutputError(AffectomeError):
    """A result that could not be written, in one line."""


def output_folder(path: str | Path) -> Path:
    """Make the folder of a run and clear an older run's ``result.json`` from it.

    Raises
    ------
    OutputError
        If the folder can't be made or written.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "result.json").unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"can't write to {folder}: {error.strerror or error}") from error
    return folder


def write_bytes(path: str | Path, content: bytes) -> Path:
    """Write a file under a temporary name, then give it its own.

    Raises
    ------
    OutputError
        If the disk is full or the folder can't be written; no partial file is left behind.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutputError(f"can't write {target}: {error.strerror or error}") from error
    return target


def write_text(path: str | Path, text: str) -> Path:
    """Write text as UTF-8, whole or not at all."""
    return write_bytes(path, text.encode())


def write_json(path: str | Path, value: Any) -> Path:
    """Write a result as JSON; NaN and infinity become null, arrays become lists."""
    return write_text(path, to_json(value) + "\n")


def write_table(path: str | Path, table: pd.DataFrame) -> Path:
    """Write a table as CSV, six significant digits."""
    return write_text(path, table.to_csv(index=False, float_format="%.6g"))


def for_spreadsheet(table: pd.DataFrame) -> pd.DataFrame:
    """Put an apostrophe before text that a spreadsheet would run as a formula (``=``, ``+`` …).

    Names of columns and files come from strangers, and a table of findings is opened in a
    spreadsheet; numbers stay numbers.
    """
    safe = table.copy()
    for name in safe.select_dtypes(object):
        safe[name] = safe[name].map(
            lambda cell: f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
        )
    return safe


def to_json(value: Any) -> str:
    """Give a result as JSON text with NaN becomes null."""
    return json.dumps(as_plain(value), indent=2, ensure_ascii=False, allow_nan=False)


def as_plain(value: Any) -> Any:
    """Give a result as plain dicts and lists: dataclasses, arrays and numpy numbers unfolded."""
    if is_dataclass(value) and not isinstance(value, type):
        value = value.to_dict() if hasattr(value, "to_dict") else asdict(value)
    elif isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Mapping):
        return {str(k): as_plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray | list | tuple | set | frozenset):
        return [as_plain(v) for v in value]
    if isinstance(value, float):
        return float(f"{value:.10g}") if math.isfinite(value) else None
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, Path):
        return str(value)
    raise InputError(f"a result holds a value of the type {type(value).__name__}, not JSON")
