"""The report of the neural-code study, drawn from ``result.json``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from affectome.reports.page import Figure, Page
from affectome.reports.words import interval
from affectome.studies.neural_code import report_carriers as carriers
from affectome.studies.neural_code import report_reading as reading
from affectome.studies.neural_code.report_reading import Result


def neural_code_page(
    result: Result,
    units: pd.DataFrame,
    notes: Sequence[str] = (),
    brain: Sequence[Figure] = (),
) -> Page:
    """Lay out the report; a part that the data don't allow has no section.

    Parameters
    ----------
    result
        What ``result.json`` holds.
    units
        A row a unit with ``F``, ``q``, ``selective``, ``preferred`` and ``index``.
    notes
        Choices that were made while reading.
    brain
        Maps of the units where they are voxels.
    """
    sections = [
        reading.decoding(result),
        reading.before(result),
        reading.contrasts(result),
        reading.lead(result),
        reading.generalisation(result),
        carriers.graded(result),
        carriers.calibration(result),
        carriers.units(result, units, brain),
        carriers.together(result),
        carriers.states(result),
        carriers.time_constants(result),
        carriers.personal(result),
    ]
    own, counts = reading.main(result), result["units"]
    excess = result["decoding"]["excess_over_baseline"]
    return Page(
        title=f"Neural code · {result['trials']} trials · {counts['tested']} units",
        question=f"Which {result['target']} does this recording hold, when, and in which units?",
        answer=answer(result),
        numbers=[
            (
                reading.MAIN[own["metric"]],
                _number(own["score"]),
                f"{interval(own)} · {reading.claim(own)}",
            ),
            (
                "above the best baseline",
                _number(excess["value"], "+.2f"),
                f"{METRICS[excess['metric']]}, {interval(excess)} · {excess['baseline']}",
            ),
            (
                "selective units",
                "–" if counts["share"] is None else f"{counts['share']:.0%}",
                counts["why"]
                if counts["share"] is None
                else f"{counts['selective']} of {counts['tested']}, q < {counts['level']:g}",
            ),
        ],
        stamps=["Random split"] if result["split"]["kind"] == "random" else [],
        warnings=result["warnings"],
        absent=result["absent"],
        skipped=result["skipped"],
        facts={
            "held out": result["held_out"].removeprefix("held out: "),
            "folds": str(result["split"]["folds"]),
            "classes": ", ".join(result["classes"]) or "a rating",
        }
        | {f"choice {i}": note for i, note in enumerate(notes, 1)},
        sections=[section for section in sections if section is not None],
    )


METRICS = {"macro_auc": "AUC", "pearson_r": "r", "balanced_accuracy": "balanced accuracy"}


def answer(result: Result) -> str:
    """Say who was held out and what came out, in sentences made from the numbers."""
    own, excess = reading.main(result), result["decoding"]["excess_over_baseline"]
    name = reading.MAIN[own["metric"]]
    held = result["held_out"].removeprefix("held out: ")
    if own["score"] is None:
        return f"{name[0].upper()}{name[1:]} is undefined: {own['why']}. Held out: {held}."
    if own["p"] is None:
        read = "may or may not be read"
    else:
        read = "is read" if reading.below(own) else "is not read reliably"
    first = (
        f"The {result['target']} {read} from held-out trials, with {_article(name)} of "
        f"{own['score']:.2f} ({interval(own)}; chance {reading.chance(result):.2f}; "
        f"{reading.claim(own)}). Held out: {held}."
    )
    for note in result["not_held_out"]:
        first += f" {note[0].upper()}{note[1:]}."
    low = excess["interval"][0] if excess["interval"] else -1
    clear = "clearly above" if low > 0 else "not clearly above"
    metric = METRICS[excess["metric"]]
    second = f"By {metric} that is {clear} the best baseline, {excess['baseline']}"
    before = result.get("pre_event")
    if before and before["p"] is not None:
        clean = "is already read" if reading.below(before) else "is not clearly read"
        second += f", and before the event the {result['target']} {clean}"
    return f"{first} {second}."


def _article(name: str) -> str:
    return "an r" if name == "r" else f"a {name}"


def _number(value: float | None, form: str = ".2f") -> str:
    return "undefined" if value is None or not np.isfinite(value) else format(value, form)
