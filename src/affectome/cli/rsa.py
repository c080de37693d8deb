"""``affectome rsa``: how a population arranges conditions, held against models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from affectome.cli.running import finish, parse_pair, progress_bar, say, settings
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
    events: Annotated[
        Path | None, typer.Option(help="Table with a row a map or event, and the conditions.")
    ] = None,
    condition: Annotated[
        str | None, typer.Option(help="Column of the conditions; found by its name.")
    ] = None,
    measure: Annotated[
        str, typer.Option(help="correlation, squared_euclidean or crossnobis.")
    ] = "correlation",
    method: Annotated[str, typer.Option(help="correlation, cosine or spearman.")] = "correlation",
    label: Annotated[
        str | None, typer.Option(help="Column of labels, where the events have several.")
    ] = None,
    window: Annotated[
        str | None, typer.Option(help="Seconds around each event to average over, such as 4,8.")
    ] = None,
    mask: Annotated[Path | None, typer.Option(help="NIfTI: mask of voxels.")] = None,
    atlas: Annotated[Path | None, typer.Option(help="NIfTI: atlas of regions.")] = None,
    permutations: Annotated[
        int, typer.Option(min=20, help="Arrangements of the conditions.")
    ] = 1000,
    random_state: Annotated[int, typer.Option(min=0, help="Seed.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder for the report.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print result.json alone.")] = False,
) -> None:
    """Compare how a population arranges the conditions with models of them."""
    matrices = name_tables(model) if model else {}
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
            matrices=matrices,
            categories=category or (),
            ratings=rating or (),
            condition=condition,
            measure=measure,
            method=method,
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
            "rsa",
            inputs | {f"model {name}": path for name, path in matrices.items()},
            random_state,
            settings=settings(context, "model") | {"models": list(matrices)},
        )
        report = write_run(out, result, similarity_page(found), record)
        say(f"report: {report}")
    finish(result, as_json)
