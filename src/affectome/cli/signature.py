"""``affectome signature``: which published brain patterns a group's maps express."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from affectome.cli.running import finish, progress_bar, say
from affectome.evidence.manifest import manifest
from affectome.reports.page import write_run
from affectome.reports.signatures import signatures_page
from affectome.studies.signatures import name_patterns, run


def signature(
    maps: Annotated[
        Path, typer.Argument(help="Folder of maps (NIfTI or Analyze), or one image of several.")
    ],
    pattern: Annotated[
        list[str],
        typer.Option(help="Image with the weights of a pattern, or NAME=IMAGE; may be repeated."),
    ],
    events: Annotated[
        Path | None,
        typer.Option(help="Table with one row a map: file_name, subject, emotion."),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Column whose values are tested apart, such as emotion.")
    ] = None,
    resample: Annotated[
        str, typer.Option(help="Which side is brought to the other's grid: pattern or maps.")
    ] = "pattern",
    out: Annotated[Path | None, typer.Option(help="Folder for the report.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print result.json alone.")] = False,
) -> None:
    """Measure how strongly brain maps express published patterns."""
    with progress_bar() as progress:
        patterns = name_patterns(pattern)
        found = run(maps, patterns, events, label=label, resample=resample, progress=progress)
    result = found.to_dict()
    page = signatures_page(result, found.table())
    if not as_json:
        say(page.answer)
    if out is not None:
        inputs: dict[str, Path | list[Path]] = {"maps": maps, "patterns": list(patterns.values())}
        if events is not None:
            inputs["events"] = events
        described = manifest(
            "signature", inputs, 0, settings={"label": label, "resample": resample}
        )
        report = write_run(out, result, page, described, {"values": found.table()})
        say(f"report: {report}")
    finish(result, as_json)
