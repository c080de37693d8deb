"""``affectome monitor``: are new readings like those that the model was measured on?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from affectome.cli import options
from affectome.cli.running import finish, say, settings
from affectome.data import check_output, result_head
from affectome.data.tables import read_table
from affectome.errors import InputError
from affectome.evidence import manifest
from affectome.people.cards import Usual, find_card
from affectome.people.monitoring import FEWEST_REFERENCE, PLURAL, units_of, usual_of, watch
from affectome.people.reading import Reading
from affectome.people.runs import labels_of, read_run
from affectome.people.watch_pages import monitor_page
from affectome.reports.page import write_run


def monitor(
    context: typer.Context,
    readings: Annotated[
        Path, typer.Argument(help="Folder of affectome read --out, or a file of JSON lines.")
    ],
    reference: Annotated[
        str,
        typer.Option(
            help="Name or folder of a model whose card keeps what is usual, or an earlier run."
        ),
    ],
    labels: Annotated[
        Path | None, typer.Option(help="Table with labels that have come in since.")
    ] = None,
    target: Annotated[str, typer.Option(help="Column of the label.")] = "emotion",
    over: Annotated[
        str | None,
        typer.Option(help="What is independent: person, file or reading."),
    ] = None,
    rate: Annotated[
        float,
        typer.Option(min=0.0001, max=0.5, help="Chance of any false alarm, ever."),
    ] = 0.05,
    window: Annotated[
        int, typer.Option(min=10, help="People, files or readings in a window of accuracy.")
    ] = 100,
    random_state: options.RandomState = 0,
    out: options.Out = None,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Watch readings for drift, with an alarm whose false-alarm rate is known."""
    if out is not None:
        check_output(out, overwrite)
    found = read_run(readings)
    usual = _usual(reference, over)
    truth = None if labels is None else labels_of(found, read_table(labels), target, str(labels))
    watched = watch(found, usual, truth, over, rate, window, random_state)
    head = result_head(
        "monitor",
        2,
        source=readings,
        target=None if labels is None else target,
        held_out=None,
        trials=len(found),
        skipped=[],
        warnings=[],
    )
    result = watched.to_dict() | head
    page = monitor_page(watched, reference)
    if not as_json:
        say(page.answer)
        for first, last, one in watched.accuracy:
            ends = "" if one.interval is None else " [{:.2f}, {:.2f}]".format(*one.interval)
            say(f"accuracy of {PLURAL[watched.over]} {first} to {last}: {one.value:.2f}{ends}")
    if out is not None:
        inputs = {"readings": readings} | ({} if labels is None else {"labels": labels})
        described = manifest("monitor", inputs, random_state, settings=settings(context))
        say(f"report: {write_run(out, result, page, described)}")
    finish(result, as_json)


def _usual(reference: str, over: str | None) -> Mapping[str, Usual]:
    """What is usual, from a card or from earlier readings."""
    place = Path(reference)
    if place.is_file() or (place.is_dir() and not (place / "card.json").is_file()):
        return _of_run(read_run(place), over, reference)
    card = find_card(reference)
    if not card.usual:
        raise InputError(
            f"the card of {card.name} does not keep what is usual; give an earlier run instead: "
            "--reference FOLDER of affectome read --out"
        )
    return card.usual


def _of_run(earlier: list[Reading], over: str | None, name: str) -> Mapping[str, Usual]:
    chosen, rows = units_of(earlier, over)
    kept = [earlier[of_one[len(of_one) // 2]] for of_one in rows]
    if len(kept) < FEWEST_REFERENCE:
        raise InputError(
            f"{name} has {len(kept)} {PLURAL[chosen]}; as a reference it needs {FEWEST_REFERENCE}"
        )
    return usual_of(kept)
