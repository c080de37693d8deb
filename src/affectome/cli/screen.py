"""``affectome screen``: rank, filter, copy or list a folder of pictures by what they evoke."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from affectome.cli.running import finish, progress_bar, say, settings
from affectome.data.outputs import output_folder, write_json, write_table, write_text
from affectome.evidence import manifest
from affectome.networks.store import digest
from affectome.people.pictures.backbone import FILE, SHIPPED
from affectome.people.pictures.model import HEAD
from affectome.people.pictures.reader import EVOKED
from affectome.people.pictures.screening import (
    ABSTAIN,
    KEEP,
    KEPT,
    LEAVE,
    SIDES,
    Rule,
    Screened,
    copy_kept,
    fast_arithmetic,
    screen,
)
from affectome.people.pictures.sheet import contact_sheet, sheet_key
from affectome.people.reading import UNVALIDATED
from affectome.people.registry import files_in


def screen_pictures(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder of pictures, with those within it.")],
    out: Annotated[Path, typer.Option(help="Folder for the list, the sheet and the rows.")],
    keep: Annotated[
        str, typer.Option(help=f"{', '.join(SIDES)}, or an emotion such as awe.")
    ] = "positive",
    threshold: Annotated[
        float, typer.Option(help="Probability that it takes to keep a picture.")
    ] = 0.75,
    copy: Annotated[bool, typer.Option("--copy", help="Copy kept pictures to OUT/kept.")] = False,
    model: Annotated[
        Path | None, typer.Option(help="Folder of a model that affectome train made.")
    ] = None,
    precision: Annotated[
        str, typer.Option(help="auto, float32 or bfloat16 (faster where the processor has it).")
    ] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print result.json alone.")] = False,
) -> None:
    """Keep the pictures that viewers would feel so about; say about which it can't tell."""
    rule = Rule(keep.lower(), threshold)
    files = files_in(folder, "pictures")
    files = [file for file in files if out.resolve() not in file.resolve().parents]
    arithmetic = fast_arithmetic() if precision == "auto" else precision
    with progress_bar() as progress:
        found = screen(
            folder, files, rule, out, model=model, precision=arithmetic, progress=progress
        )
    result = summary(found, rule, digest([str(file) for file in files]))
    target = output_folder(out)
    write_table(target / "screened.csv", found.table)
    kept = found.table["file"][found.table["decision"] == KEEP].tolist()
    write_text(target / "kept.txt", "".join(f"{name}\n" for name in kept))
    if copy:
        copy_kept(folder, out, found.table)
        say(f"{len(kept)} pictures copied to {out / KEPT}")
    shown = found.table[found.table["decision"] == KEEP]
    report = write_text(target / "report.html", contact_sheet(folder, shown, result))
    place = model or SHIPPED
    described = manifest(
        "screen",
        {"head": place / HEAD, "networks": SHIPPED / FILE},
        0,
        settings=settings(context, "folder", "model", "copy")
        | {"precision": arithmetic, "pictures": result["digest"]},
    )
    write_json(target / "manifest.json", described)
    write_json(target / "result.json", result)
    if not as_json:
        counts = result["decisions"]
        say(
            f"{counts[KEEP]} kept, {counts[LEAVE]} left, {counts[ABSTAIN]} abstained "
            f"({result['abstained']:.0%}) of {result['pictures']} pictures"
            + (f"; {found.resumed} had been read before" if found.resumed else "")
        )
        say(f"sheet: {report}; list: {target / 'kept.txt'}; all: {target / 'screened.csv'}")
    finish(result, as_json)


def summary(found: Screened, rule: Rule, pictures: str) -> dict[str, Any]:
    """Give ``result.json``."""
    counts = found.table["decision"].value_counts()
    decisions = {name: int(counts.get(name, 0)) for name in (KEEP, LEAVE, ABSTAIN)}
    warnings = [EVOKED]
    if rule.keep not in SIDES and found.guessed:
        warnings.append(f"{rule.keep} is an {UNVALIDATED}: no picture with such labels was seen")
    result: dict[str, Any] = {
        "schema": 1,
        "keep": rule.keep,
        "threshold": rule.threshold,
        "pictures": len(found.table),
        "decisions": decisions,
        "abstained": decisions[ABSTAIN] / len(found.table),
        "digest": pictures,
        "warnings": warnings,
        "skipped": [{"file": one.file, "why": one.why} for one in found.skipped],
    }
    return result | {"key": sheet_key(result)}
