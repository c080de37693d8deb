"""``affectome rsa``: how a population arranges conditions, held against models."""

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
from affectome.studies.encoding import name_tables
from affectome.studies.similarity import run
from affectome.studies.similarity.report import answer, similarity_page


def rsa(
    context: typer.Context,
    recording: Annotated[
        Path, typer.Argument(help="Maps or recording: NIfTI, folder of maps, NWB, EEG, NPZ, …")
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(help="Square matrix of dissimilarities, or NAME=TABLE; repeatable."),
    ] = None,
    category: Annotated[
        list[str] | None, typer.Option(help="Column: conditions with one value are alike.")
    ] = None,
    rating: Annotated[
        list[str] | None, typer.Option(help="Column of numbers: their distance is the model.")
    ] = None,
    events: options.Events = None,
    target: options.Target = None,
    subject: options.Subject = None,
    stimulus: Annotated[
        str | None,
        options.column(
            "--stimulus",
            "--condition",
            words="Column of the conditions that are arranged; found by its name.",
        ),
    ] = None,
    onset: options.Onset = None,
    measure: Annotated[
        str, typer.Option(help="correlation, squared_euclidean or crossnobis.")
    ] = "correlation",
    method: Annotated[str, typer.Option(help="correlation, cosine or spearman.")] = "correlation",
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
    """Compare how a population arranges the conditions with models of them."""
    if out is not None:
        check_output(out, overwrite)
    span = parse_pair(window, "--window")
    matrices = name_tables(model) if model else {}
    with progress_bar() as progress:
        measurement = read_recording(
            recording,
            events,
            target=target,
            subject=subject,
            stimulus=stimulus,
            onset=onset,
            window=span,
            mask=mask,
            atlas=atlas,
            resampling=resampling,
            progress=progress,
        )
        found = run(
            measurement,
            matrices=matrices,
            categories=category or (),
            ratings=rating or (),
            stimulus=stimulus,
            measure=measure,
            method=method,
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
            "rsa",
            given | {f"model {name}": path for name, path in matrices.items()},
            random_state,
            settings=settings(context, "model") | {"models": list(matrices)},
        )
        tables = {"models": found.found.to_frame(), "dissimilarities": found.data.to_frame()}
        report = write_run(out, result, similarity_page(found), record, tables)
        say(f"report: {report}")
    finish(result, as_json)
