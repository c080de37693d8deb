"""What was written about a person: found, exported and erased.

The folders that readings were written to are kept in ``.affectome/outputs.txt``. In each,
``readings.csv`` and ``result.json`` hold rows with a ``person``; ``report.html`` shows the same.
Live readings are one table, CSV or Parquet, and recordings a file each, kept in mind by themselves.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from affectome.errors import InputError, require
from affectome.safeguards import log
from affectome.safeguards.consent import known, people
from affectome.safeguards.project import find_kept, kept_folder, write_whole

OUTPUTS = "outputs.txt"


def record_output(
    folder: Path, persons: Collection[str | None], project: Path | None = None
) -> None:
    """Keep in mind that readings were written to a folder, and log it.

    A project that keeps no records, for it declared no purpose and has no consents, logs nothing.
    """
    kept = kept_folder(project)
    if not kept.is_dir():
        return
    written = _outputs(project)
    if (target := folder.resolve()) not in written:
        write_whole(kept / OUTPUTS, "".join(f"{path}\n" for path in (*written, target)))
    everybody = people(project) or {}
    named: list[str | None] = [*sorted({p for p in persons if p})]
    for person in named or [None]:
        held = everybody.get(person) if person else None
        log.append("write", project, who=held.code if held else None)


def export_person(
    person: str, folders: Sequence[Path] = (), project: Path | None = None
) -> dict[str, Any]:
    """Give all that is kept of a person: consents, lines of the log, and readings.

    Parameters
    ----------
    folders
        More folders with readings than those the project remembers.

    Raises
    ------
    InputError
        If nothing is recorded of that person.
    """
    held = known(person, people(project) or {})
    log.append("export", project, who=held.code)
    return {
        "person": person,
        "code_in_log": held.code,
        "consents": [
            {"purpose": c.purpose, "scope": list(c.scope), "given": c.given, "until": c.until}
            | {"withdrawn": c.withdrawn}
            for c in held.consents
        ],
        "log": [line for line in log.entries(project) if line.get("who") == held.code],
        "readings": [
            {"folder": str(folder), "reading": reading}
            for folder in _all_outputs(folders, project)
            for reading in _readings_of(folder, person)
        ],
    }


def erase_readings(
    person: str, folders: Sequence[Path] = (), project: Path | None = None
) -> list[Path]:
    """Remove a person's rows from all readings that were written; give the files that changed.

    A report that showed the person is removed whole.
    """
    return [file for folder in _all_outputs(folders, project) for file in _erase_in(folder, person)]


def _erase_in(folder: Path, person: str) -> Iterator[Path]:
    if folder.suffix == ".recording":
        if _recorded(folder) == person:
            folder.with_suffix(".secret").unlink(missing_ok=True)
            folder.unlink()
            yield folder
        return
    if folder.suffix.lower() == ".parquet":
        if _erase_in_parquet(folder, person):
            yield folder
        return
    changed = False
    table = folder if folder.suffix.lower() == ".csv" else folder / "readings.csv"
    if table.is_file():
        with table.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            rows, columns = list(reader), reader.fieldnames or []
        left = [row for row in rows if row.get("person") != person]
        if len(left) < len(rows):
            text = io.StringIO()
            writer = csv.DictWriter(text, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(left)
            write_whole(table, text.getvalue())
            changed = True
            yield table
    result = _result(folder)
    if result is not None:
        kept = [r for r in result["readings"] if r.get("person") != person]
        if len(kept) < len(result["readings"]):
            text_of = json.dumps(result | {"readings": kept}, indent=2, ensure_ascii=False)
            write_whole(folder / "result.json", text_of + "\n")
            changed = True
            yield folder / "result.json"
    if changed and (folder / "report.html").is_file():
        (folder / "report.html").unlink()
        yield folder / "report.html"


def _recorded(file: Path) -> str | None:
    """Who is in a recording; its first line is not encrypted."""
    try:
        with file.open("rb") as stream:
            return str(json.loads(stream.readline(10_000))["person"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _erase_in_parquet(table: Path, person: str) -> bool:
    if not table.is_file():
        return False
    rows = _parquet(table)
    kept = rows.filter([one != person for one in rows.column("person").to_pylist()])
    if len(kept) == len(rows):
        return False
    part = table.with_name(f".{table.name}.part")
    require("pyarrow.parquet", "tables").write_table(kept, part)
    part.replace(table)
    return True


def _parquet(table: Path) -> Any:
    try:
        return require("pyarrow.parquet", "tables").read_table(table)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{table} can't be read, so it can't be searched for a person; delete it or mend it"
        ) from error


def _readings_of(folder: Path, person: str) -> Iterable[dict[str, Any]]:
    if folder.suffix.lower() == ".parquet" and folder.is_file():
        return [row for row in _parquet(folder).to_pylist() if row["person"] == person]
    if folder.suffix.lower() == ".csv" and folder.is_file():
        with folder.open(encoding="utf-8", newline="") as stream:
            return [row for row in csv.DictReader(stream) if row.get("person") == person]
    result = _result(folder)
    return [] if result is None else [r for r in result["readings"] if r.get("person") == person]


def _result(folder: Path) -> dict[str, Any] | None:
    file = folder / "result.json"
    if not file.is_file():
        return None
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        return held if isinstance(held.get("readings"), list) else None
    except (ValueError, AttributeError) as error:
        raise InputError(
            f"{file} can't be read, so it can't be searched for a person; delete it or mend it"
        ) from error


def _outputs(project: Path | None) -> list[Path]:
    file = find_kept(OUTPUTS, project)
    return [] if file is None else [Path(line) for line in file.read_text("utf-8").splitlines()]


def _all_outputs(folders: Sequence[Path], project: Path | None) -> list[Path]:
    for folder in folders:
        if not folder.exists():
            raise InputError(f"{folder}: there is no such folder of readings")
    return list(dict.fromkeys((*_outputs(project), *(folder.resolve() for folder in folders))))
