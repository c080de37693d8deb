"""``affectome pls``: read a network's units, or categories, from other people's voxels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from affectome.cli import options
from affectome.cli.running import finish, parse_pair, progress_bar, say, settings
from affectome.data import check_output, output_folder
from affectome.data.images import load_image
from affectome.data.readers import read_recording
from affectome.data.writers import write_nifti
from affectome.evidence import manifest
from affectome.reports.brain_maps import are_voxels, pattern_map
from affectome.reports.page import Figure, write_run
from affectome.studies.across_people import AcrossPeopleStudy, run
from affectome.studies.across_people.report import across_people_page, answer
from affectome.studies.encoding import name_tables


def pls(
    context: typer.Context,
    recording: Annotated[
        Path, typer.Argument(help="Maps, one a trial: NIfTI, folder of maps, NPZ, Zarr, …")
    ],
    units: Annotated[
        Path | None,
        typer.Option(
            help="Table with a row a stimulus, a column a unit; else categories are read."
        ),
    ] = None,
    events: options.Events = None,
    subject: options.Subject = None,
    stimulus: options.Stimulus = None,
    target: options.Target = None,
    atlas: Annotated[
        Path | None, typer.Option(help="NIfTI: volume of labels, whose regions are read apart.")
    ] = None,
    names: Annotated[
        Path | None, typer.Option(help="Table of the atlas: a column of numbers, one of names.")
    ] = None,
    region: Annotated[
        list[str] | None,
        typer.Option(help="LABEL, NAME=LABEL+LABEL or NAME=all-LABEL; the first in detail."),
    ] = None,
    control: Annotated[
        list[str] | None,
        typer.Option(help="Table like --units, or NAME=TABLE, that is taken from the units."),
    ] = None,
    mask: options.Mask = None,
    window: options.Window = None,
    components: Annotated[int, typer.Option(min=1, help="Components of the fits.")] = 10,
    n_permutations: options.Permutations = 1000,
    bootstrap: Annotated[
        int, typer.Option(min=0, help="Draws of people, for weights and clusters.")
    ] = 200,
    random_state: options.RandomState = 0,
    out: options.Out = None,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Read units from voxels in people who were not seen, region by region."""
    if out is not None:
        check_output(out, overwrite)
    span = parse_pair(window, "--window")
    controls = name_tables(control) if control else {}
    with progress_bar() as progress:
        measurement = read_recording(
            recording,
            events,
            target=target,
            subject=subject,
            stimulus=stimulus,
            window=span,
            mask=mask,
            progress=progress,
        )
        study = run(
            measurement,
            units,
            stimulus=stimulus,
            atlas=atlas,
            names=names,
            regions=region or (),
            controls=controls,
            n_components=components,
            n_permutations=n_permutations,
            n_bootstrap=bootstrap,
            random_state=random_state,
            progress=progress,
        )
    result = study.to_dict()
    if not as_json:
        say(answer(study))
    if out is not None:
        given = {"recording": recording, "events": events, "units": units, "atlas": atlas}
        given |= {"names": names, "mask": mask}
        given |= {f"control {name}": path for name, path in controls.items()}
        record = manifest(
            "pls",
            given,
            random_state,
            settings=settings(context, "control") | {"controls": list(controls)},
            split=study.found.split,
        )
        page = across_people_page(study, _maps(study, output_folder(out)))
        say(f"report: {write_run(out, result, page, record, {'units': study.found.units})}")
    finish(result, as_json)


def _maps(study: AcrossPeopleStudy, out: Path) -> list[Figure]:
    """Write maps of the weights, and draw the unit that is read best."""
    found = study.found
    if found.weights is None or found.reliability is None or not are_voxels(study.voxels):
        return []
    write_nifti(out / "reliability.nii.gz", found.reliability, study.voxels)
    weights = load_image(write_nifti(out / "weights.nii.gz", found.weights, study.voxels))
    best = int(np.argmax(found.units["r"]))
    return [pattern_map("weights", weights.slicer[..., best], str(found.units["unit"][best]))]
