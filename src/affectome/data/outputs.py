"""Writing results: every file appears whole or not at all, and ``result.json`` comes last."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectome.errors import AffectomeError, InputError

FORMULA = ("=", "+", "-", "@", "\t", "\r")
RESULT, MANIFEST = "result.json", "manifest.json"
RESUMED = frozenset(
    {
        *("responses", "stimuli", "features.npz", "read"),
        *("activations.zarr", "untrained.zarr", "frames"),
    }
)
"""What a run in a folder goes on from, and keeps there."""


class OutputError(AffectomeError):
    """A result that could not be written, in one line."""


def check_output(path: str | Path, overwrite: bool = False) -> None:
    """Refuse a folder that can't be written or holds something, before any work is done.

    A folder with nothing in it, or with what an unfinished run can go on from, is taken.

    Parameters
    ----------
    path
        Folder that results are to be written to.
    overwrite
        Whether the results of an earlier run may be replaced; files that no run wrote never are.
        Its ``result.json`` goes at once, so that it can't be taken for one of a run that fails.

    Raises
    ------
    OutputError
        If it is a file, can't be written, or holds other files.
    """
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"--out is a folder, but {folder} is a file")
    held = [name for name in _held(folder) if Path(name).parts[0] not in RESUMED]
    known = _recorded(folder)
    if held and known is None:
        raise OutputError(
            f"{folder} holds files that no run of affectome wrote, such as {held[0]}; give --out a "
            "folder of its own"
        )
    if held and (folder / RESULT).is_file() and not overwrite:
        raise OutputError(
            f"{folder} holds the results of another run; add --overwrite to replace them, or give "
            "another --out"
        )
    made = [part for part in (folder, *folder.parents) if not part.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, probe = tempfile.mkstemp(dir=folder, prefix=".", suffix=".part")
        os.close(handle)
        Path(probe).unlink()
        for part in made:
            part.rmdir()
        if held:
            (folder / RESULT).unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"can't write to {folder}: {error.strerror or error}") from error


def check_output_file(path: str | Path, endings: Sequence[str], overwrite: bool = False) -> None:
    """Refuse a file that can't be written or is there already, before any work is done.

    Raises
    ------
    OutputError
        If its ending is none of those that can be written, it is a folder, or it exists.
    """
    file = Path(path)
    if file.suffix.lower() not in endings:
        raise OutputError(f"{file} should end in {' or '.join(endings)}")
    if file.is_dir():
        raise OutputError(f"{file} is a folder; give the name of a file")
    if file.exists() and not overwrite:
        raise OutputError(f"{file} exists; add --overwrite to replace it, or give another --out")
    if not file.parent.is_dir():
        check_output(file.parent)


def _held(folder: Path) -> list[str]:
    """Files within a folder, relative to it, without hidden ones."""
    if not folder.is_dir():
        return []
    files = (file.relative_to(folder) for file in sorted(folder.rglob("*")) if file.is_file())
    return [file.as_posix() for file in files if not any(p.startswith(".") for p in file.parts)]


def _recorded(folder: Path) -> list[str] | None:
    """Files that the manifest of an earlier run lists; None without such a manifest."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files = [str(name) for name in manifest["files"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    inside = folder.resolve()
    return [name for name in files if inside in (folder / name).resolve().parents]


def output_folder(path: str | Path) -> Path:
    """Make the folder of a run, and clear from it what an earlier run wrote.

    Raises
    ------
    OutputError
        If the folder can't be made or written.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = [folder / name for name in {RESULT, *(_recorded(folder) or ())}]
        for file in written:
            file.unlink(missing_ok=True)
        for inner in {file.parent for file in written} - {folder}:
            if inner.is_dir() and not any(inner.iterdir()):
                inner.rmdir()
    except OSError as error:
        raise OutputError(f"can't write to {folder}: {error.strerror or error}") from error
    return folder


def write_manifest(folder: Path, manifest: Mapping[str, Any], coming: Sequence[str] = ()) -> Path:
    """Write ``manifest.json`` with the list of the run's files, by which it can be replaced.

    Parameters
    ----------
    folder
        The run's folder.
    manifest
        As :func:`affectome.evidence.manifest` gives it.
    coming
        Files that are still to be written, relative to the folder.
    """
    held = {name for name in _held(folder) if Path(name).parts[0] not in RESUMED}
    files = sorted(held | {*coming, MANIFEST, RESULT})
    return write_json(folder / MANIFEST, {**manifest, "files": files})


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
    r"""Write text as UTF-8, whole or not at all; bytes of names that are none as ``\udc..``."""
    return write_bytes(path, text.encode(errors="backslashreplace"))


def write_json(path: str | Path, value: Any) -> Path:
    """Write a result as JSON; NaN and infinity become null, arrays become lists."""
    return write_text(path, to_json(value) + "\n")


def write_table(path: str | Path, table: pd.DataFrame) -> Path:
    """Write a table as CSV, six significant digits, so that no spreadsheet runs what it holds."""
    return write_text(path, for_spreadsheet(table).to_csv(index=False, float_format="%.6g"))


def for_spreadsheet(table: pd.DataFrame) -> pd.DataFrame:
    """Put an apostrophe before text that a spreadsheet would run as a formula (``=``, ``+`` …).

    Names of columns and files come from strangers, and tables are opened in spreadsheets; numbers
    stay numbers.
    """
    safe = table.rename(columns=_quoted)
    for place, kind in enumerate(safe.dtypes):
        if not pd.api.types.is_numeric_dtype(kind):
            safe.isetitem(place, safe.iloc[:, place].astype(object).map(_quoted).to_numpy())
    return safe


def _quoted(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def result_head(
    command: str,
    schema: int,
    *,
    source: str | Path,
    target: str | None,
    held_out: str | None,
    trials: int,
    skipped: Iterable[Any],
    warnings: Iterable[str],
) -> dict[str, Any]:
    """Give the keys that every ``result.json`` starts with.

    Parameters
    ----------
    command
        As it is typed after ``affectome``.
    schema
        Version of the further keys.
    source
        What was read; only its name is kept.
    target
        Column that was decoded; None where none is.
    held_out
        Who and what was held out, in words; None where nothing was fitted.
    trials
        Rows that were used.
    skipped
        What could not be used: objects with ``file`` and ``why``.
    warnings
        What a reader has to know.
    """
    return {
        "schema": schema,
        "command": command,
        "source": Path(source).name,
        "target": target,
        "held_out": held_out,
        "trials": trials,
        "skipped": [{"file": str(one.file), "why": one.why} for one in skipped],
        "warnings": list(warnings),
    }


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
