"""``affectome privacy``: notice, consents, the log, and what is kept of a person."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from affectome import safeguards
from affectome.cli.running import emit, load, say
from affectome.errors import InputError

Who = Annotated[str, typer.Argument(metavar="PERSON", help="Who, as your records say.")]
For = Annotated[str, typer.Option(help=f"One of {', '.join(safeguards.PURPOSES)}.")]
Scope = Annotated[
    list[str] | None,
    typer.Option(help=f"{', '.join(safeguards.SCOPES)}; may be repeated; all by default."),
]
Until = Annotated[str | None, typer.Option(help="Last day, such as 2027-06-30.")]
Also = Annotated[
    list[Path] | None,
    typer.Option("--in", help="Another folder that affectome read wrote to; may be repeated."),
]

Replace = Annotated[bool, typer.Option("--overwrite", help="Replace the file that --out names.")]
CHECK = "affectome.data.outputs:check_output_file"


def notice(
    purpose: For,
    controller: Annotated[str, typer.Option(help="Who is responsible.")],
    contact: Annotated[str, typer.Option(help="How to reach them.")],
    scope: Scope = None,
    until: Until = None,
    out: Annotated[Path | None, typer.Option(help="File (.html) for the notice as a page.")] = None,
    overwrite: Replace = False,
) -> None:
    """Make the notice that people are shown before they are read."""
    lines = safeguards.notice_lines(purpose, scope or ["all"], controller, contact, _day(until))
    if out is None:
        emit(safeguards.notice_text(lines))
    else:
        load(CHECK)(out, (".html",), overwrite)
        out.write_text(safeguards.notice_html(lines), encoding="utf-8")
        say(f"notice: {out}")


def consent(person: Who, purpose: For, scope: Scope = None, until: Until = None) -> None:
    """Record that a person agreed to be read; a year by default."""
    made = safeguards.record_consent(person, purpose, scope or ["all"], _day(until))
    emit(f"{person} agreed to {', '.join(made.scope)} for {made.purpose} until {made.until}\n")


def withdraw(person: Who, folders: Also = None) -> None:
    """Take back a person's consents and erase the readings of them."""
    changed = safeguards.withdraw(person, tuple(folders or ()))
    _tell(f"{person} withdrew: not read any more", changed)


def export(
    person: Who,
    folders: Also = None,
    out: Annotated[
        Path | None, typer.Option(help="File (.json); by default standard output.")
    ] = None,
    overwrite: Replace = False,
) -> None:
    """Give all that is kept of a person, as JSON: consents, lines of the log, readings."""
    held = safeguards.export_person(person, tuple(folders or ()))
    text = json.dumps(held, indent=2, ensure_ascii=False) + "\n"
    if out is None:
        emit(text)
    else:
        load(CHECK)(out, (".json",), overwrite)
        out.write_text(text, encoding="utf-8")
        say(f"export: {out}")


def erase(person: Who, folders: Also = None) -> None:
    """Erase a person: readings, consents, and the name that the log's code stood for."""
    changed = safeguards.erase(person, tuple(folders or ()))
    _tell(f"{person} is erased", changed)


def log(
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON each.")] = False,
) -> None:
    """Show the audit log: who was read, for what and when; never what was read."""
    names = {held.code: name for name, held in (safeguards.people() or {}).items()}
    for entry in safeguards.entries():
        if as_json:
            emit(json.dumps(entry) + "\n")
            continue
        who = entry.get("who")
        about = [entry[k] for k in ("modality", "purpose", "scope", "until") if k in entry]
        named = "" if who is None else names.get(who, f"erased ({who})")
        cells = [f"{entry['n']:>5}", entry["time"], f"{entry['event']:<8}", named, *about]
        emit("  ".join(filter(None, cells)) + "\n")


def verify(
    head: Annotated[
        str | None, typer.Option(help="A last hash that you noted: it has to be in the log.")
    ] = None,
) -> None:
    """Check every byte of the audit log."""
    found = safeguards.verify(noted=head)
    emit(f"{found.n} lines, unchanged; note the last hash elsewhere: {found.hash}\n")


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"--until takes a day such as 2027-06-30; got {text!r}") from error


def _tell(words: str, changed: list[Path]) -> None:
    emit(words + "\n")
    for file in changed:
        emit(f"{'changed' if file.exists() else 'removed'}: {file}\n")
