"""``affectome compare``: networks and a linear decoder under three splits, in one table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from affectome.cli import options
from affectome.cli.running import finish, parse_pair, progress_bar, say, settings
from affectome.data import check_output
from affectome.data.readers import read_recording
from affectome.data.readers.measurement import Measurement
from affectome.errors import InputError
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
    target: options.Target = "emotion",
    out: options.Folder = Path("run/compare"),
    events: options.Events = None,
    subject: options.Subject = None,
    stimulus: options.Stimulus = None,
    onset: options.Onset = None,
    window: options.Window = None,
    epochs: Annotated[
        int, typer.Option(min=1, help="Most epochs a network is trained for.")
    ] = study.EPOCHS,
    n_permutations: options.Permutations = study.N_PERMUTATIONS,
    random_state: options.RandomState = 0,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Compare a CNN, an RNN and a linear decoder on random trials, new people and new films."""
    check_output(out, overwrite)
    span = parse_pair(window, "--window")
    named = {"events": events, "subject": subject, "stimulus": stimulus, "onset": onset}
    if recording is None:
        idle = [name for name, value in (*named.items(), ("window", span)) if value is not None]
        if idle:
            raise InputError(f"without a recording there is no use of --{' and --'.join(idle)}")
    with progress_bar() as progress:
        if recording is None:
            measurement = Measurement(simulate_eeg(random_state=random_state)[0], Path(SIMULATED))
        else:
            measurement = read_recording(
                recording,
                events,
                target=target,
                subject=subject,
                stimulus=stimulus,
                onset=onset,
                window=span,
                progress=progress,
            )
        found = study.run(
            measurement,
            target or "emotion",
            max_epochs=epochs,
            n_permutations=n_permutations,
            random_state=random_state,
            progress=progress,
        )
    result = found.to_dict()
    record = manifest(
        "compare",
        {"recording": recording, "events": events},
        random_state,
        settings=settings(context),
    )
    page = film_eeg_page(result, ["Simulated recording"] if recording is None else [])
    report = write_run(out, result, page, record, {"predictions": found.predictions})
    say(answer(result))
    say(f"report: {report}")
    finish(result, as_json)
