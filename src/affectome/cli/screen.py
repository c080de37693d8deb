"""``affectome screen``: rank, filter, copy or list a folder of pictures by what they evoke."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from affectome.cli import options
from affectome.cli.running import announce, finish, progress_bar, say, settings
from affectome.data.outputs import (
    check_output,
    output_folder,
    result_head,
    write_json,
    write_manifest,
    write_table,
    write_text,
)
from affectome.errors import unknown
from affectome.evidence import manifest
from affectome.networks.store import digest
from affectome.people.pictures.backbone import FILE, SHIPPED
from affectome.people.pictures.model import HEAD
from affectome.people.pictures.reader import EVOKED
from affectome.people.pictures.screening import (
    ABSTAIN,
    ARITHMETIC,
    KEEP,
    KEPT,
    LEAVE,
    SIDES,
    Rule,
    Screened,
    copy_kept,
    fast_arithmetic,
    not_looked_at,
    plan_screen,
    screen,
)
from affectome.people.pictures.sheet import contact_sheet, sheet_key
from affectome.people.reading import UNVALIDATED
from affectome.people.registry import files_in


def screen_pictures(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder of pictures, with those within it.")],
    out: options.Folder,
    keep: Annotated[
        str, typer.Option(help=f"{', '.join(SIDES)}, or an emotion such as awe.")
    ] = "positive",
    threshold: Annotated[
        float, typer.Option(help="Probability above 0 and below 1 that it takes to keep a picture.")
    ] = 0.75,
    copy: Annotated[bool, typer.Option("--copy", help="Copy kept pictures to OUT/kept.")] = False,
    model: Annotated[
        Path | None, typer.Option(help="Folder of a model that affectome train made.")
    ] = None,
    precision: Annotated[
        str, typer.Option(help="auto, float32 or bfloat16 (faster where the processor has it).")
    ] = "auto",
    plan: options.Plan = False,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Keep the pictures that viewers would feel so about; say about which it can't tell."""
    check_output(out, overwrite)
    rule = Rule(keep.lower(), threshold)
    files = files_in(folder, "pictures")
    files = [file for file in files if out.resolve() not in file.resolve().parents]
    if precision not in ("auto", *ARITHMETIC):
        raise unknown("precision", precision, ("auto", *ARITHMETIC))
    arithmetic = fast_arithmetic() if precision == "auto" else precision
    predicted = plan_screen(files, model=model, precision=arithmetic)
    announce(predicted, out, plan, as_json)
    with progress_bar() as progress:
        found = screen(
            folder, files, rule, out, model=model, precision=arithmetic, progress=progress
        )
    pictures = digest([str(file) for file in files])
    beside = not_looked_at(folder, out, files)
    result = summary(found, rule, folder, pictures, [] if beside is None else [beside])
    target = output_folder(out)
    kept = found.table["file"][found.table["decision"] == KEEP].tolist()
    place = model or SHIPPED
    inputs = {"head": place / HEAD, "networks": SHIPPED / FILE, "emonet": found.emonet}
    described = manifest(
        "screen",
        {name: file for name, file in inputs.items() if file is not None},
        0,
        settings=settings(context, "folder", "model", "copy")
        | {"precision": arithmetic, "pictures": result["digest"]},
    )
    copied = [f"{KEPT}/{name}" for name in kept] if copy else []
    # It comes first, so that a run that is killed while it copies can be replaced by the next.
    write_manifest(target, described, ["screened.csv", "kept.txt", "report.html", *copied])
    write_table(target / "screened.csv", found.table)
    write_text(target / "kept.txt", "".join(f"{name}\n" for name in kept))
    if copy:
        copy_kept(folder, out, found.table)
        say(f"{len(kept)} pictures copied to {out / KEPT}")
    shown = found.table[found.table["decision"] == KEEP]
    report = write_text(target / "report.html", contact_sheet(folder, shown, result))
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


def summary(
    found: Screened, rule: Rule, folder: Path, pictures: str, notes: list[str]
) -> dict[str, Any]:
    """Give ``result.json``."""
    counts = found.table["decision"].value_counts()
    decisions = {name: int(counts.get(name, 0)) for name in (KEEP, LEAVE, ABSTAIN)}
    warnings = [EVOKED, found.worth, *notes]
    if rule.keep not in SIDES and found.guessed:
        warnings.append(f"{rule.keep} is an {UNVALIDATED}: no picture with such labels was seen")
    result: dict[str, Any] = result_head(
        "screen",
        2,
        source=folder,
        target=rule.keep,
        held_out=None,
        trials=len(found.table),
        skipped=found.skipped,
        warnings=warnings,
    ) | {
        "keep": rule.keep,
        "threshold": rule.threshold,
        "pictures": len(found.table),
        "decisions": decisions,
        "abstained": decisions[ABSTAIN] / len(found.table),
        "digest": pictures,
    }
    return result | {"key": sheet_key(result)}
