"""``affectome encode``: which units follow features of the stimuli."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from affectome.cli.running import finish, parse_pair, progress_bar, say, settings
from affectome.data.readers import read_recording
from affectome.evidence import manifest
from affectome.reports.page import write_run
from affectome.studies.encoding import name_tables, run
from affectome.studies.encoding.report import answer, encoding_page


def encode(
    context: typer.Context,
    recording: Annotated[
        Path, typer.Argument(help="Maps or recording: NIfTI, folder of maps, NWB, EEG, NPZ, …")
    ],
    features: Annotated[
        list[str],
        typer.Option(help="Table with a row a stimulus, or NAME=TABLE; a band each, repeatable."),
    ],
    events: Annotated[
        Path | None, typer.Option(help="Table with a row a map or event, and the stimuli.")
    ] = None,
    stimulus: Annotated[
        str | None, typer.Option(help="Column that names the stimuli; found by its name.")
    ] = None,
    holdout: Annotated[
        list[str] | None,
        typer.Option(help="Column to hold out (repeat for several); people and stimuli if none."),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Column of labels, where the events have several.")
    ] = None,
    window: Annotated[
        str | None, typer.Option(help="Seconds around each event to average over, such as 4,8.")
    ] = None,
    mask: Annotated[Path | None, typer.Option(help="NIfTI: mask of voxels.")] = None,
    atlas: Annotated[Path | None, typer.Option(help="NIfTI: atlas of regions.")] = None,
    permutations: Annotated[int, typer.Option(min=20, help="Arrangements of the stimuli.")] = 1000,
    random_state: Annotated[int, typer.Option(min=0, help="Seed.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder for the report.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print result.json alone.")] = False,
) -> None:
    """Predict single units from features of the stimuli, on stimuli that were held out."""
    tables = name_tables(features)
    with progress_bar() as progress:
        measurement = read_recording(
            recording,
            events,
            label=label,
            window=parse_pair(window, "--window"),
            mask=mask,
            atlas=atlas,
            progress=progress,
        )
        found = run(
            measurement,
            tables,
            stimulus=stimulus,
            holdout=holdout,
            n_permutations=permutations,
            random_state=random_state,
            progress=progress,
        )
    result = found.to_dict()
    if not as_json:
        say(answer(found))
    if out is not None:
        given = {"recording": recording, "events": events, "mask": mask, "atlas": atlas}
        inputs = {name: path for name, path in given.items() if path is not None}
        record = manifest(
            "encode",
            inputs | {f"features {name}": path for name, path in tables.items()},
            random_state,
            settings=settings(context, "features") | {"features": list(tables)},
            split=found.found.design.split,
        )
        report = write_run(out, result, encoding_page(found), record, {"units": found.table()})
        say(f"report: {report}")
    finish(result, as_json)
