"""``affectome study neural-code``: what emotion a recording holds, how intense, and when."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from affectome.cli.running import finish, parse_pair, progress_bar, say, settings
from affectome.data import output_folder
from affectome.data.readers import read_recording
from affectome.errors import InputError, MissingExtraError
from affectome.evidence import manifest
from affectome.reports.brain_maps import (
    are_voxels,
    brain_map,
    searchlight_map,
    write_maps,
    write_searchlight,
)
from affectome.reports.page import Figure, write_run
from affectome.studies import neural_code as study
from affectome.studies.neural_code.report import answer, neural_code_page


def neural_code(
    context: typer.Context,
    recording: Annotated[
        Path, typer.Argument(help="Recording: FIF, EDF, BDF, BrainVision, BIDS, NWB, NIfTI, …")
    ],
    target: Annotated[str, typer.Option(help="Column of the trials to decode.")] = "emotion",
    out: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("run/neural-code"),
    events: Annotated[Path | None, typer.Option(help="Table of events in BIDS form.")] = None,
    holdout: Annotated[
        list[str] | None,
        typer.Option(help="Column to hold out (repeat for several), or random."),
    ] = None,
    decoder: Annotated[str, typer.Option(help="linear, eegnet, shallow or gru.")] = "linear",
    features: Annotated[
        str,
        typer.Option(
            help="auto, mean, band-power, differential-entropy, asymmetry or tangent (of the "
            "covariances)."
        ),
    ] = "auto",
    connectivity: Annotated[
        str, typer.Option(help="Of all pairs of units: correlation, coherence or wpli.")
    ] = "correlation",
    window: Annotated[
        str | None, typer.Option(help="Seconds around each event, such as -1,2.")
    ] = None,
    response: Annotated[
        str | None, typer.Option(help="Seconds of the response within the window, such as 0,2.")
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(help="Seconds whose mean is subtracted, such as -1,0.")
    ] = None,
    nuisance: Annotated[
        list[str] | None, typer.Option(help="Column that should not explain the target.")
    ] = None,
    series: Annotated[str | None, typer.Option(help="NWB: series to read, or units.")] = None,
    mask: Annotated[Path | None, typer.Option(help="NIfTI: mask of voxels.")] = None,
    atlas: Annotated[Path | None, typer.Option(help="NIfTI: atlas of regions.")] = None,
    resampling: Annotated[
        str, typer.Option(help="NIfTI: none, data or labels, where grids differ.")
    ] = "none",
    confounds: Annotated[
        Path | None, typer.Option(help="NIfTI: table of confounds, a row a volume.")
    ] = None,
    searchlight: Annotated[
        float | None,
        typer.Option(help="Radius (mm) of spheres around each voxel from which it is read too."),
    ] = None,
    permutations: Annotated[int, typer.Option(help="Arrangements in each null.")] = 1000,
    random_state: Annotated[int, typer.Option(help="Seed.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print result.json.")] = False,
) -> None:
    """Decode a target from a recording, and show when, where and how surely."""
    with progress_bar() as progress:
        measurement = read_recording(
            recording,
            events,
            label=target if events is not None else None,
            window=parse_pair(window, "--window"),
            baseline=parse_pair(baseline, "--baseline"),
            series=series,
            mask=mask,
            atlas=atlas,
            resampling=resampling,
            confounds=confounds,
            progress=progress,
        )
        found = study.run(
            measurement,
            target,
            holdout=holdout[0] if holdout and len(holdout) == 1 else holdout,
            decoder=decoder,
            features=features,
            response=parse_pair(response, "--response"),
            baseline=parse_pair(baseline, "--baseline"),
            connectivity=connectivity,
            searchlight=searchlight,
            nuisance=nuisance or (),
            n_permutations=permutations,
            random_state=random_state,
            progress=progress,
        )
    named = {
        "recording": recording,
        "events": events,
        "confounds": confounds,
        "mask": mask,
        "atlas": atlas,
    }
    inputs = {name: path for name, path in named.items() if path is not None}
    report = write_neural_code(out, found, inputs, random_state, settings(context))
    result = found.to_dict()
    say(answer(result))
    say(f"report: {report}")
    finish(result, as_json)


def write_neural_code(
    out: Path,
    found: study.NeuralCode,
    inputs: Mapping[str, Path],
    random_state: int,
    options: Mapping[str, Any],
) -> Path:
    """Write report, tables, manifest and ``result.json``; give the path of the report."""
    result, table = found.to_dict(), found.table
    brain, notes = _brain_maps(output_folder(out), found)
    record = manifest(
        "study neural-code",
        dict(inputs),
        random_state,
        settings=options,
        split=found.decoding.split,
    )
    page = neural_code_page(result, table, (*found.notes, *notes), brain)
    tables = {"units": table}
    if found.searchlight is not None:
        tables["searchlight"] = found.searchlight.units
    return write_run(out, result, page, record, tables)


def _brain_maps(out: Path, found: study.NeuralCode) -> tuple[list[Figure], list[str]]:
    """Write and draw the maps of voxels; say why where that can't be done."""
    units, light = found.table, found.searchlight
    if found.selectivity is None or not are_voxels(units):
        return [], []
    try:
        figures = [brain_map(write_maps(out, units)[0], units)]
        if light is not None:
            figures.append(searchlight_map(write_searchlight(out, light.units), light.units))
    except (InputError, MissingExtraError) as error:
        return [], [f"no brain map: {error}"]
    return figures, []
