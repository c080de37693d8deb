"""``affectome fuse``: one reading of several modalities of the same person."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from affectome.cli.running import say
from affectome.errors import InputError
from affectome.people.fusion import Fused
from affectome.people.fusion import fuse as pool_readings
from affectome.people.reading import Reading


class Key(StrEnum):
    """What readings that belong together share."""

    person = "person"
    file = "file"


def fuse(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN…",
            help="Folders that affectome read --out wrote, or files with a line of JSON a reading.",
        ),
    ],
    by: Annotated[
        Key,
        typer.Option(help="Pool what is of the same person, or of files of the same name."),
    ] = Key.person,
    weight: Annotated[
        list[str] | None,
        typer.Option(
            help="Reliability of a modality, such as face=0.5; repeat it for each. By default all "
            "count alike."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON each.")] = False,
) -> None:
    """Pool readings, and say each modality's share and whether they disagree."""
    weights = _weights(weight or [])
    groups: dict[str, list[Reading]] = {}
    for source in sources:
        for plain in _readings(source):
            groups.setdefault(_shared(plain, by, source), []).append(_reading(plain))
    skipped: list[tuple[str, str]] = []
    for name, readings in groups.items():
        try:
            found = pool_readings(readings, weights)
        except InputError as error:
            skipped.append((name, str(error)))
            continue
        sys.stdout.write(_line(name, by, found) if as_json else _words(name, found))
    for name, why in skipped:
        say(f"skipped {name}: {why}", style="yellow")
    if skipped:
        raise typer.Exit(2 if len(skipped) == len(groups) else 1)


def _weights(given: list[str]) -> dict[str, float] | None:
    found = {}
    for text in given:
        name, _, value = text.partition("=")
        try:
            found[name] = float(value)
        except ValueError as error:
            raise InputError(
                f"--weight takes NAME=NUMBER such as face=0.5; got {text!r}"
            ) from error
    return found or None


def _readings(source: Path) -> Iterator[dict[str, Any]]:
    file = source / "result.json" if source.is_dir() else source
    if not file.is_file():
        raise InputError(f"{file}: there are no readings; affectome read --out FOLDER writes some")
    text = file.read_text(encoding="utf-8")
    try:
        if source.is_dir():
            yield from json.loads(text)["readings"]
        else:
            yield from (json.loads(line) for line in text.splitlines() if line.strip())
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} holds no readings of affectome read") from error


def _shared(plain: dict[str, Any], by: Key, source: Path) -> str:
    value = plain.get(by.value)
    if not value:
        raise InputError(f"{source}: a reading has no {by}; read with --{by}, or pool by another")
    return Path(value).stem if by is Key.file else str(value)


def _reading(plain: dict[str, Any]) -> Reading:
    return Reading(
        plain["modality"],
        plain["emotions"],
        abstains=plain["abstains"],
        because=plain["because"] or "",
        file=plain["file"],
        person=plain["person"],
        start_s=plain["start_s"],
        end_s=plain["end_s"],
        model=plain["model"],
        licence=plain["licence"],
    )


def _line(name: str, by: Key, found: Fused) -> str:
    about = {
        by.value: name,
        "shares": dict(found.shares),
        "agreement": found.agreement,
        "conflict": found.conflict,
        "left_out": dict(found.left_out),
    }
    return json.dumps(found.reading.to_dict() | about, ensure_ascii=False) + "\n"


def _words(name: str, found: Fused) -> str:
    lines = [f"{name}: {found.reading!r}", f"  agreement {found.agreement:.2f}"]
    lines += [f"  {note}" for note in found.reading.notes]
    lines += [f"  {modality} is left out: {why}" for modality, why in found.left_out.items()]
    return "\n".join(lines) + "\n"
