r"""The audit log: who was read, for what and when, who consented or withdrew; never what was read.

A line a happening, in ``.affectome/log.jsonl``. Line :math:`k` holds the hash of the line before,
:math:`h_k = \mathrm{SHA256}(\text{line}_k)` with :math:`h_{k-1}` inside it, so that no line can be
changed, added, moved or left out without all that follow showing it; ``log.head`` keeps the number
of lines and the last hash, so that a cut end shows too. Somebody who can write both files can make
both anew: note the head elsewhere (``affectome privacy verify`` prints it) to find that as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from filelock import FileLock

from affectome.errors import AffectomeError
from affectome.safeguards.project import kept_folder, write_whole

START = "0" * 64
EVENTS = ("consent", "withdraw", "read", "write", "export", "erase")


class LogError(AffectomeError, PermissionError):
    """A log that was changed, and where."""


@dataclass(frozen=True)
class Head:
    """Number of lines and hash of the last one."""

    n: int = 0
    hash: str = START

    def __str__(self) -> str:
        return f"{self.n} {self.hash}\n"


def append(event: str, project: Path | None = None, **about: str | None) -> Head:
    """Add a line to the project's log.

    Parameters
    ----------
    event
        One of ``EVENTS``.
    about
        What it was about: a person's code, a purpose, a modality. Never content.

    Raises
    ------
    LogError
        If the end of the log is not what it was when the last line was written.
    """
    folder = kept_folder(project)
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log.jsonl"
    with FileLock(folder / "log.lock"):
        head = _head(folder)
        _check_end(log, head)
        line = _line(
            {
                "n": head.n + 1,
                "time": datetime.now(UTC).isoformat(timespec="seconds"),
                "event": event,
                **{name: value for name, value in about.items() if value is not None},
                "previous": head.hash,
            }
        )
        with log.open("ab") as stream:
            stream.write(line + b"\n")
        after = Head(head.n + 1, sha256(line).hexdigest())
        write_whole(folder / "log.head", str(after))
    return after


def entries(project: Path | None = None) -> list[dict[str, Any]]:
    """Give the lines of the log, oldest first, once they have been verified."""
    verify(project)
    log = kept_folder(project) / "log.jsonl"
    return [json.loads(line) for line in log.read_bytes().splitlines()] if log.is_file() else []


def verify(project: Path | None = None, noted: str | None = None) -> Head:
    """Check every byte of the log.

    Parameters
    ----------
    noted
        A last hash that was noted before; it has to be that of a line.

    Returns
    -------
    Head
        Number of lines and last hash.

    Raises
    ------
    LogError
        If a line was changed, added, moved or left out, with the first that shows it.
    """
    folder = kept_folder(project)
    log, head = folder / "log.jsonl", _head(folder)
    lines = log.read_bytes().split(b"\n") if log.is_file() else [b""]
    previous, seen = START, [START]
    for number, line in enumerate(lines[:-1], 1):
        _check_line(log, number, line, previous)
        previous = sha256(line).hexdigest()
        seen.append(previous)
    if lines[-1] or Head(len(lines) - 1, previous) != head:
        raise LogError(
            f"{log} does not end as it did when it was last written: {len(lines) - 1} whole lines, "
            f"where {head.n} were noted; its end was changed, cut or added to"
        )
    if noted is not None and noted not in seen:
        raise LogError(f"{log} holds no line with the hash {noted}: the log was made anew")
    return head


def _check_line(log: Path, number: int, line: bytes, previous: str) -> None:
    try:
        held = json.loads(line)
        same = _line(held) == line and held["n"] == number and held["previous"] == previous
    except (ValueError, KeyError, TypeError):
        same = False
    if not same:
        raise LogError(
            f"{log} line {number} was changed, or one before it (line {max(1, number - 1)}): it "
            "does not follow from the line before"
        )


def _check_end(log: Path, head: Head) -> None:
    """Compare the last line with the head: cheap, so that it can be done with each line."""
    last = b""
    if log.is_file():
        with log.open("rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - 65536))
            last = stream.read()
    line = last.rstrip(b"\n").rpartition(b"\n")[2]
    found = sha256(line).hexdigest() if line else START
    if found != head.hash or (line and not last.endswith(b"\n")):
        raise LogError(
            f"{log} was changed since it was last written; nothing is read until that is "
            "explained: affectome privacy verify says where, and a copy can be put back"
        )


def _head(folder: Path) -> Head:
    file = folder / "log.head"
    if not file.is_file():
        if (folder / "log.jsonl").is_file():
            raise LogError(f"{file} is gone: the end of the log can't be checked")
        return Head()
    text = file.read_text(encoding="utf-8", errors="replace")
    number, _, last = text.strip().partition(" ")
    head = Head(int(number) if number.isdecimal() else -1, last)
    if str(head) != text:
        raise LogError(f"{file} was changed: it is not the number of lines and the last hash")
    return head


def _line(held: Mapping[str, Any]) -> bytes:
    return json.dumps(held, ensure_ascii=True, separators=(", ", ": ")).encode()
