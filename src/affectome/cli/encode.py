"""``affectome encode``: which units follow features of the stimuli."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from affectome.cli import options
from affectome.cli.running import finish, parse_pair, progress_bar, say, settings
from affectome.data import check_output
from affectome.data.readers import read_recording
from affectome.evidence import manifest
from affectome.reports.page import write_run
from affectome.studies import encoding as study
from affectome.studies.encoding import name_tables
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
    events: options.Events = None,
    target: options.Target = None,
    subject: options.Subject = None,
    stimulus: options.Stimulus = None,
    session: options.Session = None,
    run: options.Run = None,
    group: options.Group = None,
    onset: options.Onset = None,
    holdout: options.Holdout = None,
    window: options.Window = None,
    mask: options.Mask = None,
    atlas: options.Atlas = None,
    resampling: options.Resampling = "none",
    n_permutations: options.Rearranged = 1000,
    random_state: options.RandomState = 0,
    out: options.Out = None,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Predict single units from features of the stimuli, on stimuli that were held out."""
    if out is not None:
        check_output(out, overwrite)
    span = parse_pair(window, "--window")
    tables = name_tables(features)
    with progress_bar() as progress:
        measurement = read_recording(
            recording,
            events,
            target=target,
            subject=subject,
            stimulus=stimulus,
            session=session,
            run=run,
            group=group,
            onset=onset,
            window=span,
            mask=mask,
            atlas=atlas,
            resampling=resampling,
            progress=progress,
        )
        found = study.run(
            measurement,
            tables,
            stimulus=stimulus,
            holdout=holdout,
            n_permutations=n_permutations,
            random_state=random_state,
            progress=progress,
        )
    result = found.to_dict()
    if not as_json:
        say(answer(found))
    if out is not None:
        given = {"recording": recording, "events": events, "mask": mask, "atlas": atlas}
        record = manifest(
            "encode",
            given | {f"features {name}": path for name, path in tables.items()},
            random_state,
            settings=settings(context, "features") | {"features": list(tables)},
            split=found.found.design.split,
        )
        report = write_run(out, result, encoding_page(found), record, {"units": found.table()})
        say(f"report: {report}")
    finish(result, as_json)
