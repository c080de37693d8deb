"""``affectome signature``: which published brain patterns a group's maps express."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from affectome.cli.running import finish, progress_bar, say
from affectome.data.images import load_image, squeezed
from affectome.evidence.manifest import manifest
from affectome.reports.brain_maps import pattern_map
from affectome.reports.page import Figure, write_run
from affectome.studies.signature import name_patterns, run
from affectome.studies.signature.report import signatures_page

MOST_DRAWN = 3


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
    brains = [] if out is None else _brains(result, patterns)
    page = signatures_page(result, found.table(), brains)
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


def _brains(result: Mapping[str, Any], patterns: Mapping[str, Path]) -> list[Figure]:
    """Draw the patterns that are expressed most clearly, in either direction."""
    clearest = {
        entry["pattern"]: max(abs(test["t"]) for test in entry["tests"])
        for entry in result["patterns"]
        if entry["tests"]
    }
    drawn = sorted(clearest, key=lambda name: -clearest[name])[:MOST_DRAWN]
    return [
        pattern_map(f"pattern_{number}", squeezed(load_image(patterns[name])), name)
        for number, name in enumerate(drawn, 1)
    ]
