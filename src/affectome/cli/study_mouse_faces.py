"""``affectome study mouse-faces``: from films of events to prototypes, intensity and controls."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from affectome.cli.running import finish, progress_bar, say, settings
from affectome.data import write_bytes
from affectome.data.outputs import output_folder
from affectome.data.video.clips import clip_of
from affectome.evidence.manifest import manifest
from affectome.features.hog import HogSettings, clip_images
from affectome.reports.page import write_run
from affectome.studies.mouse_faces import Draws, has_films, run, run_neurons
from affectome.studies.mouse_faces.film import face_film
from affectome.studies.mouse_faces.report import mouse_faces_page
from affectome.studies.mouse_faces.study import CELLS, Film, check_options


def mouse_faces(
    context: typer.Context,
    catalog: Annotated[
        Path,
        typer.Argument(
            help="Table with one row a clip: file, subject, event, onset (s), and where known "
            "session, intensity, trial, region (x,y,w,h), mask, rate, pose (a DeepLabCut or SLEAP "
            "table of the film)."
        ),
    ],
    before: Annotated[float, typer.Option(help="Seconds before the event that are read.")] = 2.0,
    after: Annotated[float, typer.Option(help="Seconds after the event that are read.")] = 3.0,
    window: Annotated[
        float, typer.Option(help="Seconds after the event that its expression is measured in.")
    ] = 2.0,
    cell: Annotated[
        int | None,
        typer.Option(
            help="Side of a cell in pixels; by default 32 and 16, chosen among training animals."
        ),
    ] = None,
    orientations: Annotated[int, typer.Option(help="Orientations of the gradients.")] = 8,
    norm: Annotated[
        str, typer.Option(help="Norm of a cell: L1, L1-sqrt, L2 or L2-Hys (with clipping).")
    ] = "L2-Hys",
    rate: Annotated[
        float | None, typer.Option(help="Frames per second to analyse; the slowest film's.")
    ] = None,
    neurons: Annotated[
        Path | None,
        typer.Option(
            help="Recording of neurons (NWB, NPZ, MAT, CSV with times) to hold against the face; "
            "with a table of events without films, against the stimuli."
        ),
    ] = None,
    neurons_session: Annotated[
        str | None, typer.Option(help="Session that the neurons belong to.")
    ] = None,
    neurons_offset: Annotated[
        float, typer.Option(help="Seconds that the film starts after the neurons' clock.")
    ] = 0.0,
    event_label: Annotated[
        str | None,
        typer.Option(
            help="Column that names the event, where there is no film; event or trial_type."
        ),
    ] = None,
    permutations: Annotated[
        int, typer.Option(help="Arrangements of the labels for each p; 0 for no p.")
    ] = 1000,
    forest_permutations: Annotated[
        int,
        typer.Option(help="Arrangements that the random forest is refitted to, a second each."),
    ] = 0,
    seed: Annotated[int, typer.Option(help="Seed of everything that is drawn.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder for the report.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print result.json alone.")] = False,
) -> None:
    """Decode events and their intensity from the faces of head-fixed mice."""
    draws = Draws(permutations, forest_permutations, seed)
    cells = CELLS if cell is None else (cell,)
    check_options(before, after, (0.0, window), rate, cells, draws)
    if out is not None:
        output_folder(out)
    inputs: dict[str, Path | list[Path]] = {"catalog": catalog}
    if neurons is not None:
        inputs["neurons"] = neurons
    if neurons is not None and not has_films(catalog):
        found = run_neurons(catalog, neurons, label=event_label, random_state=seed)
    else:
        with progress_bar() as progress:
            found = run(
                catalog,
                before=before,
                after=after,
                window=(0.0, window),
                settings=HogSettings(orientations=orientations, block_norm=norm),
                cells=cells,
                rate=rate,
                neurons=neurons,
                neurons_session=neurons_session,
                neurons_offset=neurons_offset,
                draws=draws,
                progress=progress,
            )
    film = found.film
    if film is not None:
        inputs["films"] = sorted({Path(file) for file in film.trials["file"]})
        if "pose" in film.trials:
            named = film.trials["pose"].replace("", np.nan).dropna()
            inputs["poses"] = sorted({Path(file) for file in named})
    result = found.to_dict()
    page = mouse_faces_page(found)
    if not as_json:
        say(page.answer)
    if out is not None:
        split = None if film is None else film.split
        described = manifest(
            "study mouse-faces", inputs, seed, settings=settings(context, "seed"), split=split
        )
        tables = {}
        if film is not None:
            tables = {
                "clips": film.trials,
                "prototypes": film.prototype_table(),
                "traces": film.trace_table(),
            }
            write_bytes(out / "expression.mp4", _film(film))
        if found.neurons is not None:
            tables["neurons"] = found.neurons.table
        report = write_run(out, result, page, described, tables)
        say(f"report: {report}")
    finish(result, as_json)


def _film(film: Film) -> bytes:
    """Show the clip whose expression rises most."""
    time, traces = film.clips.time, film.traces.own
    row = int(traces[:, time >= 0].max(axis=1).argmax())
    shown = film.trials.iloc[row]
    images = clip_images(clip_of(shown.to_dict()), time)
    title = f"{shown['event']}, {shown['subject']}"
    step = float(np.diff(time).min())
    return face_film(images, time, traces[row], title, 1 / step)
