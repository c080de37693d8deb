"""Sections of the neural-code report: what is read, from which trials, and when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from affectome.reports.figures import Mark, matrix, scores
from affectome.reports.page import Figure, Section, Table
from affectome.reports.style import COLORS
from affectome.reports.words import interval, p_text
from affectome.studies.neural_code import figures as draw

Result = Mapping[str, Any]


def decoding(result: Result) -> Section:
    """Is it there: scores of the recording and of its baselines, and of each person."""
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


def before(result: Result) -> Section | None:
    """What is read before the event."""
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


def contrasts(result: Result) -> Section | None:
    """Every pair of classes."""
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


def lead(result: Result) -> Section | None:
    """How long before the event it can be read."""
    found = result.get("lead_time")
    if not found:
        return None
    earliest = found["earliest_s"]
    text = f"Windows of {found['window_s']:.2g} s that end before the event. " + (
        "No lead is reliable." if earliest is None else f"Earliest reliable lead: {earliest:.2g} s."
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


def generalisation(result: Result) -> Section | None:
    """Whether the code of one moment holds at another."""
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
