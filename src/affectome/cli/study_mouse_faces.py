"""``affectome study mouse-faces``: from films of events to prototypes, intensity and controls."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from affectome.cli.running import finish, progress_bar, say
from affectome.data import write_bytes
from affectome.data.video.clips import clip_of
from affectome.evidence.manifest import manifest
from affectome.features.hog import HogSettings, clip_images
from affectome.reports.page import write_run
from affectome.studies.mouse_faces import MouseFaces, has_films, run, run_neurons
from affectome.studies.mouse_faces.film import face_film
from affectome.studies.mouse_faces.report import FaceArrays, mouse_faces_page


def mouse_faces(
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
    cell: Annotated[int, typer.Option(help="Side of a cell in pixels.")] = 32,
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
    seed: Annotated[int, typer.Option(help="Seed of everything that is drawn.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder for the report.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print result.json alone.")] = False,
) -> None:
    """Decode events and their intensity from the faces of head-fixed mice."""
    settings = HogSettings(orientations=orientations, cell=cell, block_norm=norm)
    options: dict[str, Any] = {
        "before": before,
        "after": after,
        "rate": rate,
        "neurons_session": neurons_session,
        "neurons_offset": neurons_offset,
    }
    inputs: dict[str, Path | list[Path]] = {"catalog": catalog}
    if neurons is not None:
        inputs["neurons"] = neurons
    found: MouseFaces | None = None
    if neurons is not None and not has_films(catalog):
        result = run_neurons(catalog, neurons, random_state=seed)
    else:
        with progress_bar() as progress:
            found = run(
                catalog,
                window=(0.0, window),
                settings=settings,
                neurons=neurons,
                random_state=seed,
                progress=progress,
                **options,
            )
        result = found.to_dict()
        inputs["films"] = sorted({Path(file) for file in found.trials["file"]})
    page = mouse_faces_page(result, None if found is None else _arrays(found))
    if not as_json:
        say(page.answer)
    if out is not None:
        described = manifest(
            "study mouse-faces",
            inputs,
            seed,
            settings={
                **options,
                "window": window,
                "cell": cell,
                "orientations": orientations,
                "norm": norm,
            },
            split=None if found is None else found.split,
        )
        tables = {}
        if found is not None:
            tables = {"clips": found.trials, "prototypes": found.prototype_table()}
            write_bytes(out / "expression.mp4", _film(found))
        report = write_run(out, result, page, described, tables)
        say(f"report: {report}")
    finish(result, as_json)


def _arrays(found: MouseFaces) -> FaceArrays:
    return FaceArrays(
        found.trials,
        found.time,
        found.traces,
        dict(zip(found.prototypes.events, found.prototypes.contrasts, strict=True)),
        found.units,
        found.mean_image,
        found.settings.cell,
        found.frames,
    )


def _film(found: MouseFaces) -> bytes:
    """Show the clip whose expression rises most."""
    row = int(found.traces[:, found.time >= 0].max(axis=1).argmax())
    shown = found.trials.iloc[row]
    images = clip_images(clip_of(shown.to_dict()), found.time)
    title = f"{shown['event']}, {shown['subject']}"
    step = float(np.diff(found.time).min())
    return face_film(images, found.time, found.traces[row], title, 1 / step)
