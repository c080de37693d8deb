"""``affectome demo``: a study on embedded data, a report within minutes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.table import Table

from affectome.cli import options
from affectome.cli.running import console, finish, progress_bar, say
from affectome.cli.study_emergence import RESPONSES, write_emergence
from affectome.cli.study_neural_code import write_neural_code
from affectome.data import check_output, read_catalog
from affectome.data.outputs import write_text
from affectome.data.readers.measurement import Measurement
from affectome.errors import unknown
from affectome.people import Reading, Readings
from affectome.people.page import whole
from affectome.people.registry import find_modality
from affectome.progress import Progress
from affectome.simulations import draw_faces
from affectome.simulations.population import simulate_population
from affectome.studies import emergence, neural_code

NETWORK = "alexnet"
UNTRAINED = 10
SENTENCE = "I'm not angry, I'm disappointed."


def demo(
    out: options.Folder = Path("run/demo"),
    study: Annotated[
        str, typer.Option(help="emergence (drawn faces) or neural-code (simulated neurons).")
    ] = "emergence",
    random_state: options.RandomState = 0,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Run a study on embedded data and end with the report's path and a reading."""
    if study not in DEMOS:
        raise unknown("the demo", study, DEMOS)
    check_output(out, overwrite)
    with progress_bar() as progress:
        done = DEMOS[study](out, random_state, progress)
        progress("a reading", 0, 1)
        words = find_modality("words").load().reader().read([SENTENCE])
        readings = Readings([*words, *done.readings])
        progress("a reading", 1, 1)
    if not as_json:
        console.print(done.table)
    page = write_text(out / "readings.html", whole(readings))
    finish(done.numbers, as_json)
    say(f"report: {done.report}")
    say(f"readings: {page}")
    for reading, of in zip(readings, [f'"{SENTENCE}"', *done.of], strict=True):
        say(f"\n{of}\n{reading!r}")
        for note in reading.notes:
            say(f"  {note}")


@dataclass(frozen=True, eq=False)
class Done:
    """What a demo ends with: numbers, table, report, and readings with what they are of."""

    numbers: Mapping[str, Any]
    table: Table
    report: Path
    readings: tuple[Reading, ...] = ()
    of: tuple[str, ...] = ()


Demo = Callable[[Path, int, Progress], Done]


def _emergence(out: Path, random_state: int, progress: Progress) -> Done:
    catalogs = [read_catalog(folder) for folder in draw_faces(out / "stimuli")]
    result = emergence.run(
        catalogs[0],
        NETWORK,
        catalog2=catalogs[1],
        n_untrained=UNTRAINED,
        random_state=random_state,
        folder=out / RESPONSES,
        progress=progress,
    )
    report = write_emergence(out, result, catalogs, {"stimuli": "drawn faces"})
    numbers = result.to_dict()
    rows = [
        [
            layer["name"],
            f"{layer['selective_share']:.0%}",
            f"{layer['untrained']['selective_share']:.0%}",
            f"{layer['overlap']['shared']} ({layer['overlap']['expected']:.1f})"
            if layer["overlap"] and layer["overlap"]["p"] is not None
            else "–",
            _scored(layer["decoding"]["balanced_accuracy"]),
        ]
        for layer in numbers["layers"]
    ]
    rows.append(["all layers", "", "", "", _scored(numbers["decoding"]["balanced_accuracy"])])
    title = f"AlexNet, {result.trials} drawn faces: pleasant, neutral, unpleasant (chance .33)"
    header = ["layer", "selective", "untrained", "shared (chance)", "read out"]
    face = _drawn_face(result.predictions)
    of = (f"a drawn face: {face.file}",)
    return Done(numbers, _table(title, header, rows), report, (face,), of)


def _drawn_face(predictions: pd.DataFrame) -> Reading:
    """Give what was read in the first face of the table by a decoder that had not seen it."""
    first = predictions.iloc[0]
    return Reading(
        "face",
        labels=(str(first["predicted emotion"]),),
        file=str(first["file"]),
        model=f"{NETWORK}, ridge",
        notes=(f"drawn to look {first['emotion']}; the decoder saw it in no training",),
    )


def _neural_code(out: Path, random_state: int, progress: Progress) -> Done:
    recording, _ = simulate_population(
        n_subjects=6,
        n_trials=90,
        n_units=60,
        n_stimuli=6,
        blend=0.4,
        intensity=(0.5, 2.0),
        window=(-2.0, 2.0),
        stimulus_effect=0.5,
        movement=0.2,
        random_state=random_state,
    )
    measurement = Measurement(recording, Path("simulated population"))
    result = neural_code.run(
        measurement, nuisance=("movement",), random_state=random_state, progress=progress
    )
    report = write_neural_code(out, result, {}, random_state, {"simulated": True})
    whole = result.to_dict()
    rows = [
        ["emotion, balanced accuracy", _scored(whole["decoding"]["balanced_accuracy"])],
        ["before the event", _scored(whole["pre_event"])],
    ]
    title = "Six simulated subjects: fear, joy, disgust (chance .33)"
    return Done(whole, _table(title, ["", "read out"], rows), report)


def _scored(found: Mapping[str, Any]) -> str:
    if found["interval"] is None:
        return f"{found['score']:.2f}"
    return f"{found['score']:.2f} [{found['interval'][0]:.2f}, {found['interval'][1]:.2f}]"


def _table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(title=title, title_justify="left")
    for number, name in enumerate(header):
        table.add_column(name, justify="left" if number == 0 else "right")
    for row in rows:
        table.add_row(*row)
    return table


DEMOS: Mapping[str, Demo] = {"emergence": _emergence, "neural-code": _neural_code}
