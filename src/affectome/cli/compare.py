"""``affectome compare``: networks and a linear decoder under three splits, in one table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from affectome.cli.running import finish, parse_pair, progress_bar, say, settings
from affectome.data import output_folder
from affectome.data.readers import read_recording
from affectome.data.readers.measurement import Measurement
from affectome.evidence import manifest
from affectome.reports.page import write_run
from affectome.simulations.eeg import simulate_eeg
from affectome.studies import compare as study
from affectome.studies.compare.report import answer, film_eeg_page

SIMULATED = "simulated film EEG"


def compare(
    context: typer.Context,
    recording: Annotated[
        Path | None,
        typer.Argument(help="EEG of people who watch films; simulated where not given."),
    ] = None,
    target: Annotated[str, typer.Option(help="Column of the trials to decode.")] = "emotion",
    out: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("run/compare"),
    events: Annotated[
        Path | None,
        typer.Option(help="Table of events in BIDS form, with subject and stimulus."),
    ] = None,
    window: Annotated[
        str | None, typer.Option(help="Seconds around each event, such as 0,4.")
    ] = None,
    epochs: Annotated[
        int, typer.Option(help="Most epochs a network is trained for.")
    ] = study.EPOCHS,
    permutations: Annotated[
        int, typer.Option(help="Arrangements in the null of the linear decoder.")
    ] = study.N_PERMUTATIONS,
    jobs: Annotated[int, typer.Option(help="Fits at once, one processor each.")] = 2,
    random_state: Annotated[int, typer.Option(help="Seed.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print result.json.")] = False,
) -> None:
    """Compare a CNN, an RNN and a linear decoder on random trials, new people and new films."""
    output_folder(out)
    with progress_bar() as progress:
        if recording is None:
            measurement = Measurement(simulate_eeg(random_state=random_state)[0], Path(SIMULATED))
        else:
            measurement = read_recording(
                recording,
                events,
                label=target if events is not None else None,
                window=parse_pair(window, "--window"),
                progress=progress,
            )
        found = study.run(
            measurement,
            target,
            max_epochs=epochs,
            n_permutations=permutations,
            n_jobs=jobs,
            random_state=random_state,
            progress=progress,
        )
    result = found.to_dict()
    named = {"recording": recording, "events": events}
    record = manifest(
        "compare",
        {name: path for name, path in named.items() if path is not None},
        random_state,
        settings=settings(context, "jobs"),
    )
    page = film_eeg_page(result, ["Simulated recording"] if recording is None else [])
    report = write_run(out, result, page, record)
    say(answer(result))
    say(f"report: {report}")
    finish(result, as_json)
