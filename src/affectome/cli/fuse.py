"""``affectome fuse``: one reading of several modalities of the same person."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from affectome.cli.running import emit, load, say
from affectome.errors import InputError
from affectome.people.fusion import Fused
from affectome.people.fusion import fuse as pool_readings
from affectome.people.reading import Reading
from affectome.people.runs import read_run
from affectome.people.streams import fuse_over_time


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
    every: Annotated[
        float | None,
        typer.Option(help="Seconds of a window: pool over time, a reading each window."),
    ] = None,
    offset: Annotated[
        list[str] | None,
        typer.Option(
            help="Seconds by which a modality's recorder started later, such as voice=0.4."
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(help="Model of affectome train fusion; RUN… are then tables, read by row."),
    ] = None,
    purpose: Annotated[
        str | None, typer.Option(help="What people are read for, with --model.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON each.")] = False,
) -> None:
    """Pool readings, and say each modality's share and whether they disagree."""
    if model is not None:
        for source in sources:
            for reading in load("affectome.people.multimodal.reader:read_rows")(
                source, model, purpose
            ):
                line = reading.to_json() if as_json else f"{reading.row}: {reading!r}"
                emit(f"{line}\n")
        return
    weights = _pairs(weight or [], "--weight", "face=0.5")
    offsets = _pairs(offset or [], "--offset", "voice=0.4")
    if offsets and every is None:
        raise InputError("--offset moves readings in time; give --every SECONDS too")
    groups: dict[str, list[Reading]] = {}
    for source in sources:
        for reading in read_run(source):
            groups.setdefault(_shared(reading, by, source), []).append(reading)
    if not groups:
        raise InputError(f"there are no readings in {', '.join(map(str, sources))}")
    skipped: list[tuple[str, str]] = []
    for name, readings in groups.items():
        try:
            pooled = (
                [pool_readings(readings, weights)]
                if every is None
                else fuse_over_time(readings, every, weights, offsets)
            )
        except InputError as error:
            skipped.append((name, str(error)))
            continue
        for found in pooled:
            emit(_line(name, by, found) if as_json else _words(name, found))
    for name, why in skipped:
        say(f"skipped {name}: {why}", style="yellow")
    if skipped:
        raise typer.Exit(2 if len(skipped) == len(groups) else 1)


def _pairs(given: list[str], option: str, example: str) -> dict[str, float] | None:
    found = {}
    for text in given:
        name, _, value = text.partition("=")
        try:
            found[name] = float(value)
        except ValueError as error:
            raise InputError(
                f"{option} takes NAME=NUMBER such as {example}; got {text!r}"
            ) from error
    return found or None


def _shared(reading: Reading, by: Key, source: Path) -> str:
    value = reading.person if by is Key.person else reading.file
    if not value:
        raise InputError(f"{source}: a reading has no {by}; read with --{by}, or pool by another")
    return Path(value).stem if by is Key.file else str(value)


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
    start, end = found.reading.start_s, found.reading.end_s
    when = "" if start is None or end is None else f" {start:g} to {end:g} s"
    lines = [f"{name}{when}: {found.reading!r}", f"  agreement {found.agreement:.2f}"]
    lines += [f"  {note}" for note in found.reading.notes]
    lines += [f"  {modality} is left out: {why}" for modality, why in found.left_out.items()]
    return "\n".join(lines) + "\n"
