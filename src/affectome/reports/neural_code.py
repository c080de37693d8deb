"""The report of the neural-code study, drawn from ``result.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from affectome.reports import neural_code_figures as draw
from affectome.reports.figures import Mark, matrix, scores
from affectome.reports.page import Figure, Page, Section, Table
from affectome.reports.style import COLORS

Result = Mapping[str, Any]


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
        _decoding(result),
        _before(result),
        _contrasts(result),
        _lead(result),
        _generalisation(result),
        _graded(result),
        _calibration(result),
        _units(result, units, brain),
        _states(result),
        _time_constants(result),
        _personal(result),
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


def interval(found: Mapping[str, Any]) -> str:
    """Give an interval in words."""
    if not found.get("interval"):
        return "no interval"
    low, high = found["interval"]
    return f"95 % {low:.2f} to {high:.2f}"


def p_text(found: Mapping[str, Any]) -> str:
    """Give a p in words."""
    p = found.get("p")
    if p is None:
        return "no p"
    return "p < .001" if p < 0.001 else f"p = {p:.3f}"


def _decoding(result: Result) -> Section:
    found = result["decoding"]
    auc = found["auc"]
    marks = [Mark("all units", auc["score"], auc["interval"])]
    for name, rival in found["baselines"].items():
        marks.append(Mark(name, rival["score"], rival["interval"], COLORS["untrained"]))
    figures = [
        Figure(
            "decoding",
            scores(marks, "AUC, one class against the rest", 0.5),
            "Decoding of held-out trials, and what could be read without the recording. Lines are "
            "95 % intervals over held-out groups.",
        )
    ]
    people = {k: v for k, v in found["by_subject"].items() if v is not None}
    if len(people) > 1:
        figures.append(
            Figure("by_subject", draw.people(people), "The same for each held-out subject.")
        )
    return Section("Is it there", "", figures)


def _before(result: Result) -> Section | None:
    before = result.get("pre_event")
    if not before:
        return None
    own = result["decoding"]["balanced_accuracy"]
    marks = [
        Mark("after the event", own["score"], own["interval"]),
        Mark("before the event", before["score"], before["interval"], COLORS["second"]),
    ]
    return Section(
        "Before the event",
        "Nothing should be read before anything has happened. If it is, the order of the trials, "
        "cues or a filter that looks ahead tell the classes apart.",
        [
            Figure(
                "pre_event",
                scores(marks, "balanced accuracy", 1 / len(result["classes"])),
                f"Before the event: {p_text(before)}.",
            )
        ],
    )


def _contrasts(result: Result) -> Section | None:
    rows = [row for row in result.get("contrasts", ()) if row.get("score") is not None]
    if len(rows) < 2:
        return None
    names = result["classes"]
    values = np.full((len(names), len(names)), np.nan)
    for row in rows:
        i, j = names.index(row["a"]), names.index(row["b"])
        values[i, j] = values[j, i] = row["score"]
    order = ["–" if r["trial_order_auc"] is None else f"{r['trial_order_auc']:.2f}" for r in rows]
    table = [
        [
            f"{r['a']} – {r['b']}",
            f"{r['score']:.2f}",
            interval(r).removeprefix("95 % "),
            p_text(r),
            f"{r['before_event']['score']:.2f}" if r["before_event"] else "–",
            p_text(r["before_event"]) if r["before_event"] else "–",
            by_order,
        ]
        for r, by_order in zip(rows, order, strict=True)
    ]
    header = ["pair", "balanced accuracy", "95 %", "p", "before event", "p", "trial order, AUC"]
    return Section(
        "Which classes differ",
        "Each pair of classes from its own trials. A pair whose classes follow the clock is told "
        "apart by trial order alone: trust the others.",
        [
            Figure(
                "contrasts",
                matrix(values, names, names, "", "", (0.0, 1.0)),
                "Balanced accuracy of every pair; chance is .5.",
            )
        ],
        [Table(header, table)],
    )


def _lead(result: Result) -> Section | None:
    found = result.get("lead_time")
    if not found:
        return None
    earliest = found["earliest_s"]
    text = f"Windows of {found['window_s']:.2g} s that end before the event. " + (
        "No lead is reliable." if earliest is None else f"Earliest reliable lead: {earliest:g} s."
    )
    return Section(
        "How early",
        text,
        [
            Figure(
                "lead_time",
                draw.lead_curve(found["curve"]),
                "AUC against the time between the window's end and the event. The band holds for "
                "all windows at once; grey is the best baseline.",
            )
        ],
    )


def _generalisation(result: Result) -> Section | None:
    found = result.get("generalisation")
    if not found:
        return None
    return Section(
        "Does the code stay the same",
        "A decoder is trained at each moment and tested at every other: a square is a code that "
        "stays, a diagonal one that changes.",
        [
            Figure(
                "generalisation",
                draw.generalisation(found),
                f"Mean AUC over subjects. Null: {found['null']}.",
            )
        ],
    )


def _graded(result: Result) -> Section | None:
    found, mixed = result.get("intensity"), result.get("blends")
    if not found and not mixed:
        return None
    rows = []
    if found:
        rows.append(["intensity, r", f"{found['r']:.2f}", f"{interval(found)} · {p_text(found)}"])
        rows.append(["intensity, concordance", f"{found['ccc']:.2f}", ""])
    if mixed:
        base = mixed["baseline"]
        rows.append(["blend, KL divergence", f"{mixed['kl']:.3f}", f"mean blend {base['kl']:.3f}"])
        rows.append(["blend, top two named", f"{mixed['top2']:.2f}", f"mean {base['top2']:.2f}"])
    return Section(
        "How intense, in which mixture", "", tables=[Table(["", "value", "against"], rows)]
    )


def _calibration(result: Result) -> Section | None:
    found = result.get("calibration")
    if not found:
        return None
    sets = found["conformal"]
    return Section(
        "How sure",
        f"Sets that should hold the class in {sets['confidence']:.0%} of trials hold it in "
        f"{sets['coverage']:.0%}, with {sets['mean_size']:.1f} classes on average; in "
        f"{sets['abstained']:.0%} of trials no single class is named.",
        [
            Figure(
                "reliability",
                draw.reliability(found),
                f"Share of right answers against confidence; on the line the decoder is as right "
                f"as it is sure. Expected calibration error {found['ece']:.2f}.",
            )
        ],
    )


def _units(result: Result, units: pd.DataFrame, brain: Sequence[Figure]) -> Section:
    lesion = result.get("lesion")
    text = (
        f"{result['units']['selective']} of {result['units']['tested']} units respond differently "
        f"to the classes (q < {result['units']['q']:g})."
    )
    if lesion:
        text += (
            f" Without them the decoder falls from {lesion['base']:.2f} to {lesion['score']:.2f}; "
            f"without as many random units that are as active to {lesion['random_mean']:.2f} "
            f"({p_text(lesion)})."
        )
    return Section(
        "Which units carry it",
        text,
        [
            Figure(
                "units",
                draw.unit_map(units, result["classes"]),
                "Selectivity index of every unit, the strongest first; coloured are those that are "
                "selective.",
            ),
            *brain,
        ],
    )


def _states(result: Result) -> Section | None:
    found = result.get("states")
    if not found:
        return None
    text = (
        f"A hidden Markov model with {found['n_states']} states has the best likelihood on "
        "held-out trials."
    )
    figures = [Figure("states", draw.states(found), "Share of time in each state by class.")]
    if found["n_states"] > 1:
        # A state that no trial leaves has a dwell without bound, which is no length of a visit.
        stay = ", ".join(
            f"{seconds:.2g} s" if found["transitions"][state][state] < 1 - 1e-6 else "never left"
            for state, seconds in enumerate(found["dwell_s"])
        )
        text += f" Mean length of a visit, from the first state on: {stay}."
        figures.append(
            Figure(
                "state_graph",
                draw.state_graph(found),
                "Changes from state to state in trials of each class: the wider an arrow, the "
                "larger its share of the changes; the larger a dot, the more time is spent there.",
            )
        )
    return Section("Hidden states", text, figures)


def _time_constants(result: Result) -> Section | None:
    found = result.get("time_constants_s")
    if not found:
        return None
    slow = found["attractor_s"]
    verdict = (
        "No dimension is slow enough to be called an integrator."
        if slow is None
        else f"One dimension decays with {slow:.0f} s, far slower than the rest: a line attractor."
    )
    return Section(
        "Slow dimensions",
        verdict,
        [
            Figure(
                "time_constants",
                draw.time_constants(found),
                "Time constants of the fitted linear dynamics with 95 % intervals.",
            )
        ],
    )


def _personal(result: Result) -> Section | None:
    found = result.get("personal")
    if not found:
        return None
    rows = [
        [way["method"], f"{way['balanced_accuracy']:.2f}", way["uses"]]
        for way in found.get("across", ())
        if "balanced_accuracy" in way
    ]
    tables = [Table(["from others to a new person", "accuracy", "needs"], rows)] if rows else []
    return Section(
        "A personal model",
        "",
        [
            Figure(
                "personal",
                draw.personal(found["curve"], 1 / len(result["classes"])),
                "Balanced accuracy on a new person's held-out trials against the trials of each "
                "class that the model was given of that person.",
            )
        ],
        tables,
    )
