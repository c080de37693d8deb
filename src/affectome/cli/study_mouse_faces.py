"""``affectome study mouse-faces``: from films of events to prototypes, intensity and controls."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from affectome.cli import options
from affectome.cli.running import finish, parse_pair, progress_bar, say, settings
from affectome.data import check_output, output_folder, write_bytes
from affectome.data.video.clips import clip_of
from affectome.errors import InputError
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
            help="Table (or folder with metadata.csv) with one row a clip: file, subject, event, "
            "onset (s), and where known session, intensity, trial, region (x,y,w,h), mask, rate, "
            "pose (a DeepLabCut or SLEAP table of the film)."
        ),
    ],
    file: options.File = None,
    subject: options.Subject = None,
    session: options.Session = None,
    target: Annotated[
        str | None,
        options.column(
            "--target", "--event", "--label", words="Column that names the event; by default event."
        ),
    ] = None,
    onset: options.Onset = None,
    window: Annotated[
        str,
        typer.Option(metavar="FROM,TO", help="Seconds around the event that are read."),
    ] = "-2,3",
    response: Annotated[
        str,
        typer.Option(
            metavar="FROM,TO", help="Seconds after the event that its expression is measured in."
        ),
    ] = "0,2",
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
    n_permutations: options.Permutations = 1000,
    forest_permutations: Annotated[
        int,
        typer.Option(help="Arrangements that the random forest is refitted to, a second each."),
    ] = 0,
    random_state: options.RandomState = 0,
    out: options.Out = None,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Decode events and their intensity from the faces of head-fixed mice."""
    draws = Draws(n_permutations, forest_permutations, random_state)
    cells = CELLS if cell is None else (cell,)
    read, measured = (
        parse_pair(text, option)
        for text, option in ((window, "--window"), (response, "--response"))
    )
    assert read is not None
    assert measured is not None
    check_options(read, measured, rate, cells, draws)
    columns = {
        "file": file, "subject": subject, "session": session, "event": target, "onset": onset
    }  # fmt: skip
    if out is not None:
        check_output(out, overwrite)
    inputs: dict[str, Path | list[Path]] = {"catalog": catalog}
    if neurons is not None:
        inputs["neurons"] = neurons
    if neurons is not None and not has_films(catalog, columns):
        _refuse_film_options(context)
        events = {name: columns[name] for name in ("event", "onset", "session", "subject")}
        found = run_neurons(catalog, neurons, columns=events, random_state=random_state)
    else:
        with progress_bar() as progress:
            found = run(
                catalog,
                columns=columns,
                window=read,
                response=measured,
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
            "study mouse-faces",
            inputs,
            random_state,
            settings=settings(context, "random_state"),
            split=split,
        )
        tables = {}
        if film is not None:
            tables = {
                "clips": film.trials,
                "prototypes": film.prototype_table(),
                "traces": film.trace_table(),
            }
            write_bytes(output_folder(out) / "expression.mp4", _film(film))
        if found.neurons is not None:
            tables["neurons"] = found.neurons.table
        report = write_run(out, result, page, described, tables)
        say(f"report: {report}")
    finish(result, as_json)


FOR_FILMS = (
    "window", "response", "cell", "orientations", "norm", "rate", "n_permutations",
    "forest_permutations", "neurons_session", "neurons_offset",
)  # fmt: skip


def _refuse_film_options(context: typer.Context) -> None:
    """Refuse what would do nothing where the table names no films."""
    given = [
        f"--{name.replace('_', '-')}"
        for name in FOR_FILMS
        if str(context.get_parameter_source(name)).endswith("COMMANDLINE")
    ]
    if given:
        raise InputError(
            f"the table names no films, without which {' and '.join(given)} would do nothing; "
            "leave that out, or name the films in a column file"
        )


def _film(film: Film) -> bytes:
    """Show the clip whose expression rises most."""
    time, traces = film.clips.time, film.traces.own
    row = int(traces[:, time >= 0].max(axis=1).argmax())
    shown = film.trials.iloc[row]
    images = clip_images(clip_of(shown.to_dict()), time)
    title = f"{shown['event']}, {shown['subject']}"
    step = float(np.diff(time).min())
    return face_film(images, time, traces[row], title, 1 / step)
