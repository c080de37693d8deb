"""Sections of the neural-code report: what is read, from which trials, and when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from affectome.reports.figures import Mark, matrix, scores
from affectome.reports.page import Figure, Section, Table
from affectome.reports.style import COLORS
from affectome.reports.words import counted, interval, p_text
from affectome.studies.neural_code import figures as draw

Result = Mapping[str, Any]


MAIN = {"balanced_accuracy": "balanced accuracy", "pearson_r": "r"}


def main(result: Result) -> Mapping[str, Any]:
    """Give the score of the decoder: balanced accuracy, or r of a rating."""
    found: Mapping[str, Any] = next(
        result["decoding"][name] for name in MAIN if name in result["decoding"]
    )
    return found


def chance(result: Result) -> float:
    """Give the score of guessing."""
    return 1 / len(result["classes"]) if result["classes"] else 0.0


def claim(found: Mapping[str, Any]) -> str:
    """Give a p with its q over the page, or why there is none."""
    if found.get("p") is None:
        return str(found.get("why") or "no p")
    q = found.get("q")
    return p_text(found) if q is None else f"{p_text(found)}, q = {q:.3f}"


def below(found: Mapping[str, Any] | None, level: float = 0.05) -> bool:
    """Tell whether a result stands after the correction over the page."""
    if not found:
        return False
    q = found.get("q", found.get("p"))
    return q is not None and q < level


def decoding(result: Result) -> Section:
    """Is it there: scores of the recording and of its baselines, and of each person."""
    found = result["decoding"]
    own = found.get("auc", main(result))
    marks = [Mark("all units", own["score"], own["interval"])]
    for name, rival in found["baselines"].items():
        if rival["score"] is not None:
            marks.append(Mark(name, rival["score"], rival["interval"], COLORS["untrained"]))
    axis, level = (
        ("AUC, one class against the rest", 0.5) if "auc" in found else ("correlation, r", 0.0)
    )
    figures = [
        Figure(
            "decoding",
            scores(marks, axis, level),
            "Decoding of held-out trials, and what could be read without the recording. Lines are "
            f"95 % intervals over {own['over']}.",
        )
    ]
    people = {k: v for k, v in found["by_subject"].items() if v is not None}
    if len(people) > 1:
        figures.append(
            Figure(
                "by_subject",
                draw.people(people),
                "The same for each held-out subject; none has a p of its own, since labels trade "
                "places for all of them together.",
            )
        )
    return Section("Is it there", "", figures)


def before(result: Result) -> Section | None:
    """What is read before the event."""
    before = result.get("pre_event")
    if not before:
        return None
    own = main(result)
    text = (
        "Nothing should be read before anything has happened. If it is, the order of the trials, "
        "cues or a filter that looks ahead tell the classes apart."
    )
    if before["score"] is None or own["score"] is None:
        return Section("Before the event", f"{text} The score is undefined: {before['why']}.")
    marks = [
        Mark("after the event", own["score"], own["interval"]),
        Mark("before the event", before["score"], before["interval"], COLORS["second"]),
    ]
    return Section(
        "Before the event",
        text,
        [
            Figure(
                "pre_event",
                scores(marks, MAIN[own["metric"]], chance(result)),
                f"Before the event: {claim(before)}.",
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
    table = [
        [
            f"{r['a']} – {r['b']}",
            f"{r['score']:.2f}",
            interval(r).removeprefix("95 % "),
            claim(r),
            f"{r['before_event']['score']:.2f}" if r["before_event"] else "–",
            claim(r["before_event"]) if r["before_event"] else "–",
            "–" if r["trial_order"] is None else f"{r['trial_order']:.2f}",
        ]
        for r in rows
    ]
    header = ["pair", "balanced accuracy", "95 %", "p", "before event", "p", "trial order, AUC"]
    return Section(
        "Which classes differ",
        "Each pair of classes from its own trials. Where trial order alone tells a pair apart "
        "(last column, near 1), the recording may have drifted and need not carry the classes.",
        [
            Figure(
                "contrasts",
                matrix(values, names, names, "", "", (0.0, 1.0)),
                "Balanced accuracy of every pair; chance is .5.",
            )
        ],
        [Table(header, table, f"Intervals over {rows[0]['over']}; q over all tests of this page.")],
    )


def lead(result: Result) -> Section | None:
    """How long before the event it can be read."""
    found = result.get("lead_time")
    if not found:
        return None
    earliest = found["earliest_s"]
    nearest = found["curve"][0]
    text = (
        f"The decoder sees windows of {found['window_s']:.2g} s that end before the event, and "
        "nothing later. "
    )
    if earliest is None:
        text += "No lead is reliable: "
    else:
        text += f"The earliest reliable lead is {earliest:.2g} s: up to it "
    text += (
        "each window has p ≤ .05, corrected for all windows, and is clearly above its best baseline"
        if earliest is not None
        else "the window that ends at the event "
        f"has an AUC of {nearest['auc']:.2f} ({claim(nearest)}), "
        f"{nearest['excess']['value']:+.2f} from its best baseline ({interval(nearest['excess'])})"
    )
    text += "."
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
        f"stays, a diagonal one that changes. {map_in_words(found)}",
        [
            Figure(
                "generalisation",
                draw.generalisation(found),
                f"Mean AUC over {counted(found['subjects'], 'subject')}, each from pairs of its "
                "own trials within a fold.",
            )
        ],
    )


def map_in_words(found: Mapping[str, Any]) -> str:
    """Say what the map shows, or that it shows nothing."""
    if not found["clusters"]:
        why = found.get("why")
        if why:
            return f"There is {why}."
        return "Nowhere does it stand out from what labels that traded places give."
    first = found["clusters"][0]
    if not below(first):
        return (
            "What stands out is no larger than what labels that traded places give "
            f"({claim(first)}): nothing here says that there is a code at all."
        )
    size = "above" if first["auc"] > 0.5 else "below"
    trained, tested = (
        f"{first[side][0]:.2g} to {first[side][1]:.2g} s" for side in ("trained_s", "tested_s")
    )
    return (
        f"The largest cluster lies {size} chance, with a mean AUC of {first['auc']:.2f}, trained "
        f"from {trained} and tested from {tested} ({claim(first)}, against the largest cluster "
        f"when {first['null']['scheme']})."
    )
