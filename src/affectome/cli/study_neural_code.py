"""``affectome study neural-code``: what emotion a recording holds, how intense, and when."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from affectome.cli import options
from affectome.cli.running import finish, parse_pair, progress_bar, say, settings
from affectome.data import check_output, output_folder
from affectome.data.readers import read_recording
from affectome.errors import InputError, MissingExtraError, unknown
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
from affectome.studies.neural_code.tables import tables


def neural_code(
    context: typer.Context,
    recording: Annotated[
        Path, typer.Argument(help="Recording: FIF, EDF, BDF, BrainVision, BIDS, NWB, NIfTI, …")
    ],
    target: options.Target = "emotion",
    out: options.Folder = Path("run/neural-code"),
    events: options.Events = None,
    subject: options.Subject = None,
    stimulus: options.Stimulus = None,
    session: options.Session = None,
    run: options.Run = None,
    group: options.Group = None,
    onset: options.Onset = None,
    holdout: options.Holdout = None,
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
    window: options.Window = None,
    response: options.Response = None,
    baseline: options.Baseline = None,
    nuisance: Annotated[
        list[str] | None,
        typer.Option(metavar="COL", help="Column that should not explain the target; repeatable."),
    ] = None,
    series: Annotated[str | None, typer.Option(help="NWB: series to read, or units.")] = None,
    mask: options.Mask = None,
    atlas: options.Atlas = None,
    resampling: options.Resampling = "none",
    confounds: Annotated[
        Path | None, typer.Option(help="NIfTI: table of confounds, a row a volume.")
    ] = None,
    searchlight: Annotated[
        float | None,
        typer.Option(help="Radius (mm) of spheres around each voxel from which it is read too."),
    ] = None,
    parts: Annotated[
        str | None,
        typer.Option(metavar="A,B", help=f"Parts to make: {', '.join(study.PARTS)}; all."),
    ] = None,
    without: Annotated[
        str | None, typer.Option(metavar="A,B", help="Parts to leave out, such as personal.")
    ] = None,
    n_permutations: options.Permutations = 1000,
    random_state: options.RandomState = 0,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Decode a target from a recording, and show when, where and how surely."""
    check_output(out, overwrite)
    wanted = chosen_parts(parts, without)
    span, before, after = (
        parse_pair(text, option)
        for text, option in (
            (window, "--window"),
            (baseline, "--baseline"),
            (response, "--response"),
        )
    )
    study.check_options(decoder, features, connectivity, before, after, searchlight)
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
            baseline=before,
            series=series,
            mask=mask,
            atlas=atlas,
            resampling=resampling,
            confounds=confounds,
            progress=progress,
        )
        found = study.run(
            measurement,
            target or "emotion",
            holdout=holdout[0] if holdout and len(holdout) == 1 else holdout,
            decoder=decoder,
            features=features,
            response=after,
            baseline=before,
            connectivity=connectivity,
            searchlight=searchlight,
            nuisance=nuisance or (),
            parts=wanted,
            n_permutations=n_permutations,
            random_state=random_state,
            progress=progress,
        )
    inputs = {
        "recording": recording,
        "events": events,
        "confounds": confounds,
        "mask": mask,
        "atlas": atlas,
    }
    report = write_neural_code(out, found, inputs, random_state, settings(context))
    result = found.to_dict()
    say(answer(result))
    say(f"report: {report}")
    finish(result, as_json)


def chosen_parts(parts: str | None, without: str | None) -> list[str] | None:
    """Give the parts that are made: those that are named, or all, less those to leave out."""
    named, left_out = (
        None if text is None else [name.strip() for name in text.split(",")]
        for text in (parts, without)
    )
    for name in (*(named or ()), *(left_out or ())):
        if name not in study.PARTS:
            raise unknown("a part", name, study.PARTS)
    if named is None and left_out is None:
        return None
    return [name for name in named or study.PARTS if name not in (left_out or ())]


def write_neural_code(
    out: Path,
    found: study.NeuralCode,
    inputs: Mapping[str, Path | None],
    random_state: int,
    chosen: Mapping[str, Any],
) -> Path:
    """Write report, tables, manifest and ``result.json``; give the path of the report."""
    result, table = found.to_dict(), found.table
    brain, notes = _brain_maps(output_folder(out), found)
    record = manifest(
        "study neural-code",
        dict(inputs),
        random_state,
        settings=chosen,
        split=found.decoding.split,
    )
    page = neural_code_page(result, table, (*found.notes, *notes), brain)
    return write_run(out, result, page, record, tables(found, result))


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
