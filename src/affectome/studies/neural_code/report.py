"""The report of the neural-code study, drawn from ``result.json``."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from affectome.reports.page import Figure, Page
from affectome.reports.words import interval, p_text
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
    own = result["decoding"]["balanced_accuracy"]
    excess = result["decoding"]["excess_over_baseline"]
    return Page(
        title=f"Neural code · {result['trials']} trials · {result['units']['tested']} units",
        question=f"Which {result['target']} does this recording hold, when, and in which units?",
        answer=answer(result),
        numbers=[
            ("balanced accuracy", f"{own['score']:.2f}", f"{interval(own)} · {p_text(own)}"),
            (
                "above the best baseline",
                f"{excess['value']:+.2f}",
                f"AUC, {interval(excess)} · {excess['baseline']}",
            ),
            (
                "selective units",
                f"{result['units']['share']:.0%}",
                f"{result['units']['selective']} of {result['units']['tested']}, "
                f"q < {result['units']['q']:g}",
            ),
        ],
        stamps=["Random split"] if result["split"]["kind"] == "random" else [],
        warnings=result["warnings"],
        skipped=result["skipped"],
        facts={
            "held out": ", ".join(result["split"]["by"]) or result["split"]["kind"],
            "folds": str(result["split"]["folds"]),
            "classes": ", ".join(result["classes"]),
        }
        | {f"choice {i}": note for i, note in enumerate(notes, 1)},
        sections=[section for section in sections if section is not None],
    )


def answer(result: Result) -> str:
    """Say what came out in two sentences made from the numbers."""
    own, excess = (
        result["decoding"]["balanced_accuracy"],
        result["decoding"]["excess_over_baseline"],
    )
    chance = 1 / len(result["classes"])
    p = own["p"]
    read = "is read" if p is not None and p < 0.05 else "is not read reliably"
    first = (
        f"The {result['target']} {read} from held-out trials with a balanced accuracy of "
        f"{own['score']:.2f} ({interval(own)}; chance {chance:.2f})."
    )
    low = excess["interval"][0] if excess["interval"] else -1
    clear = "clearly above" if low > 0 else "not clearly above"
    before = result.get("pre_event")
    second = f"That is {clear} the best baseline, {excess['baseline']}"
    if before:
        clean = "is not" if before["p"] >= 0.05 else "is already"
        second += f", and before the event the {result['target']} {clean} readable"
    return f"{first} {second}."
