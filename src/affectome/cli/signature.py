"""``affectome signature``: which published brain patterns a group's maps express."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from affectome.cli import options
from affectome.cli.running import finish, progress_bar, say, settings
from affectome.data import check_output
from affectome.data.images import load_image, squeezed
from affectome.evidence.manifest import manifest
from affectome.reports.brain_maps import pattern_map
from affectome.reports.page import Figure, write_run
from affectome.studies.signature import Signatures, name_patterns, run
from affectome.studies.signature.report import signatures_page

MOST_DRAWN = 3


def signature(
    context: typer.Context,
    maps: Annotated[
        Path, typer.Argument(help="Folder of maps (NIfTI or Analyze), or one image of several.")
    ],
    pattern: Annotated[
        list[str],
        typer.Option(help="Image with the weights of a pattern, or NAME=IMAGE; may be repeated."),
    ],
    events: options.Events = None,
    target: options.Target = None,
    subject: options.Subject = None,
    resampling: Annotated[
        str,
        typer.Option(
            "--resampling",
            "--resample",
            help="Which side is brought to the other's grid: pattern or maps.",
        ),
    ] = "pattern",
    surrogates: Annotated[
        int, typer.Option(min=20, help="Random patterns that each expression is held against.")
    ] = 1000,
    random_state: options.RandomState = 0,
    out: options.Out = None,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Measure how strongly brain maps express published patterns."""
    if out is not None:
        check_output(out, overwrite)
    patterns = name_patterns(pattern)
    with progress_bar() as progress:
        found = run(
            maps,
            patterns,
            events,
            target=target,
            subject=subject,
            resampling=resampling,
            n_surrogates=surrogates,
            random_state=random_state,
            progress=progress,
        )
    result = found.to_dict()
    page = signatures_page(found, [] if out is None else _brains(found, patterns))
    if not as_json:
        say(page.answer)
    if out is not None:
        inputs: dict[str, Path | list[Path]] = {"maps": maps, "patterns": list(patterns.values())}
        if events is not None:
            inputs["events"] = events
        described = manifest("signature", inputs, random_state, settings=settings(context))
        report = write_run(out, result, page, described, {"values": found.table()})
        say(f"report: {report}")
    finish(result, as_json)


def _brains(found: Signatures, patterns: Mapping[str, Path]) -> list[Figure]:
    """Draw the patterns that lie farthest from their surrogates, in either direction."""
    clearest: dict[str, float] = {}
    for one, test in found.tests:
        clearest[one.pattern] = max(clearest.get(one.pattern, 0.0), abs(test.z or 0.0))
    drawn = sorted(clearest, key=lambda name: -clearest[name])[:MOST_DRAWN]
    return [
        pattern_map(f"pattern_{number}", squeezed(load_image(patterns[name])), name)
        for number, name in enumerate(drawn, 1)
    ]
