"""Text tables as they come: separators, decimal signs, encodings, and rows of odd length."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from affectome.errors import InputError

SEPARATORS = ("\t", ",", ";", "|")
ENCODINGS = (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")
MARKS_OF_OTHERS = {
    b"PK\x03\x04": "a zip archive, or a spreadsheet without its .xlsx; unpack or rename it",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet; save the sheet as CSV",
    b"\x93NUMPY": "a NumPy array; save it as CSV, or make a Recording of it",
    b"\x89HDF": "an HDF5 file; save the table as CSV",
    b"MATLAB": "a MATLAB file; save the table as CSV",
}
LOOKED_AT = 200
DECIMAL = {sign: re.compile(rf"[-+]?\d*\{sign}\d+") for sign in ",."}
SAID = re.compile(r"sep=(.)\s*")
MOSTLY = 0.9
CHECKED_BYTES = 300_000_000


@dataclass(frozen=True)
class Style:
    """How a text table is written."""

    separator: str
    decimal: str
    encoding: str
    skipped: int = 0

    def options(self) -> dict[str, Any]:
        """Options of `pandas.read_csv`."""
        return {
            "sep": self.separator,
            "decimal": self.decimal,
            "encoding": self.encoding,
            "skiprows": self.skipped,
            "na_values": ["n/a"],
        }


def style_of(path: Path) -> Style:
    """Look at the head of a table for how it is written.

    Raises
    ------
    InputError
        If it is empty, or no text.
    """
    with _bytes(path) as stream:
        head = stream.read(1 << 20)
    if not head.strip():
        raise InputError(f"{path} is empty")
    for mark, what in MARKS_OF_OTHERS.items():
        if head.startswith(mark):
            raise InputError(f"{path} is not a table: it is {what}")
    encoding = next((name for mark, name in ENCODINGS if head.startswith(mark)), None)
    if encoding is None:
        if b"\x00" in head:
            raise InputError(f"{path} is not a table: it holds binary data; give CSV or Parquet")
        if head.lstrip()[:1] in (b"{", b"["):
            raise InputError(f"{path} is not a table but JSON; save it as CSV or Parquet")
        encoding = "utf-8" if _is_utf8(path) else "cp1252"
    text = head.decode(encoding, "replace")
    lines = text.splitlines()[:LOOKED_AT]
    if len(head) == 1 << 20 and len(lines) < LOOKED_AT:
        lines = lines[:-1] or lines
    said = SAID.fullmatch(lines[0].strip('"\ufeff')) if lines else None
    lines = lines[1:] if said else lines
    if not any(line.strip() for line in lines):
        raise InputError(f"{path} is empty")
    separator = said.group(1) if said else max(SEPARATORS, key=lambda s: _columns(lines, s))
    cells = [c.strip() for row in csv.reader(lines[1:], delimiter=separator) for c in row]
    commas, points = (sum(DECIMAL[sign].fullmatch(c) is not None for c in cells) for sign in ",.")
    decimal = "," if separator != "," and commas > points else "."
    return Style(separator, decimal, encoding, int(said is not None))


def _bytes(path: Path) -> Any:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def _is_utf8(path: Path) -> bool:
    try:
        with io.TextIOWrapper(_bytes(path), "utf-8") as text:
            while text.read(1 << 22):
                pass
    except UnicodeDecodeError:
        return False
    return True


def _columns(lines: list[str], separator: str) -> tuple[int, int]:
    """Columns that nearly all lines agree on with the first, 0 where they don't; cells in all."""
    rows = [len(row) for row in csv.reader(lines, delimiter=separator) if row]
    if not rows:
        return 0, 0
    widths = Counter(rows)
    width, count = widths.most_common(1)[0]
    agreed = width > 1 and count >= MOSTLY * len(rows) and width - rows[0] in {0, 1}
    return width if agreed else 0, sum(rows)


def ragged_rows(path: Path, style: Style) -> tuple[dict[str, str], io.StringIO | None]:
    """Rows with more or fewer cells than usual and why, and the text without them if there are any.

    Very large files are not searched; pandas names the first row that is too long.

    Raises
    ------
    InputError
        If there is no usual number of cells.
    """
    if path.stat().st_size > CHECKED_BYTES:
        return {}, None
    widths = np.array([len(row) for row in _rows(path, style)])
    usual = int(np.bincount(widths).argmax())
    wrong = widths != usual
    if wrong[0] and widths[0] == usual - 1:  # R leaves out the name of the column of row names
        wrong[0] = False
    if not wrong.any():
        return {}, None
    if wrong[0] or wrong.mean() > 1 - MOSTLY:
        raise InputError(
            f"{path} is not a table: its rows have {widths.min()} to {widths.max()} cells, and the "
            f"first has {widths[0]}"
        )
    kept = io.StringIO()
    writer = csv.writer(kept, delimiter=style.separator)
    writer.writerows(row for row, bad in zip(_rows(path, style), wrong, strict=True) if not bad)
    kept.seek(0)
    why = "has {} cells where the others have {}"
    found = {f"row {k + 1}": why.format(widths[k], usual) for k in np.flatnonzero(wrong)}
    return found, kept


def _rows(path: Path, style: Style) -> Iterator[list[str]]:
    with io.TextIOWrapper(_bytes(path), style.encoding, newline="") as text:
        rows = csv.reader(islice(text, style.skipped, None), delimiter=style.separator)
        yield from (row for row in rows if row)
