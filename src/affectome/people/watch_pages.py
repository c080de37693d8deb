"""The reports of ``affectome monitor`` and ``affectome bias``."""

from __future__ import annotations

import numpy as np

from affectome.people.bias import Bias
from affectome.people.monitoring import PLURAL, Monitored, Watched
from affectome.reports.figures import Mark, reference, scores
from affectome.reports.page import Figure, Page, Section, Table
from affectome.reports.style import INK, canvas, svg
from affectome.reports.words import counted

MOST_DRAWN = 8


def monitor_page(found: Monitored, model: str) -> Page:
    """Say which quantities left the reference, and draw the capital that was bet on it."""
    alarms = found.alarms
    n = counted(found.n_units, found.over, PLURAL[found.over])
    if alarms:
        rang = "; ".join(f"{name} after {k}" for name, k in alarms.items())
        answer = f"The readings are no longer like the reference: {rang} of {n}."
    else:
        answer = f"No change was found in {n} and {_watched(found)}."
    answer += (
        f" Without any change an alarm would ring, ever, with a chance of {found.rate:g} at most."
    )
    sections = [
        Section("How much speaks for a change", _EXPLAINED, [_capital(found)], [_table(found)])
    ]
    if found.accuracy:
        marks = [Mark(f"{a} to {b}", one.value, one.interval) for a, b, one in found.accuracy]
        figure = Figure(
            "accuracy", scores(marks, "accuracy"), "Share of right readings, with 95 % intervals."
        )
        sections.append(
            Section(
                "How often it is right",
                f"In windows of {PLURAL[found.over]} whose label is known.",
                [figure],
            )
        )
    return Page(
        f"Monitoring of {model}",
        "Are new readings like those that the model was measured on?",
        answer,
        sections,
        warnings=[f"{name} is not watched: one side does not have it" for name in found.left_out],
    )


def bias_page(found: Bias, source: str) -> Page:
    """Draw the scores of all groups."""
    worse = found.found
    answer = (
        f"Read worse than the others: {'; '.join(worse)}."
        if worse
        else "No group is shown to be read worse than the others; wide intervals may hide a gap."
    )
    sections = []
    for column in dict.fromkeys(row.column for row in found.rows):
        rows = [row for row in found.rows if row.column == column]
        figures = []
        for metric in dict.fromkeys(row.score.metric for row in rows):
            marks = [
                Mark(f"{row.group} (n = {row.n})", row.score.value, row.score.interval)
                for row in rows
                if row.score.metric == metric
            ]
            name = f"{column}_{metric}".replace(" ", "_")
            figures.append(
                Figure(name, scores(marks, metric), f"{metric}, 95 % intervals over {found.over}.")
            )
        table = Table(
            ["group", "n", "metric", "score", "others", "gap", "interval of the gap"],
            [
                [
                    row.group,
                    str(row.n),
                    row.score.metric,
                    f"{row.score.value:.3f}",
                    f"{row.others.value:.3f}",
                    f"{row.gap.value:+.3f}",
                    ""
                    if row.gap.interval is None
                    else "{:+.3f} to {:+.3f}".format(*row.gap.interval),
                ]
                for row in rows
            ],
            "A gap above 0: read worse. Intervals of gaps hold for all of this page at once.",
        )
        sections.append(Section(column, "", figures, [table]))
    question = "Is any group read worse than the others?"
    return Page(f"Groups in {source}", question, answer, sections, warnings=list(found.left_out))


_EXPLAINED = (
    "A bet against no change is placed on each quantity; its capital stays near 1 or falls while "
    "nothing changes, and grows when something does. The dashed line is where the alarm rings."
)


def _capital(found: Monitored) -> Figure:
    figure, axes = canvas(height=3.4)
    drawn = sorted(found.watched, key=lambda name: -_highest(found.watched[name]))[:MOST_DRAWN]
    for name in drawn:
        one = found.watched[name]
        axes.plot(one.units + 1, one.drift.capital, label=name)
    axes.set_yscale("log")
    axes.set_xlabel(f"{PLURAL[found.over]} so far")
    axes.set_ylabel("capital")
    reference(axes, len(found.watched) / found.rate, "alarm")
    below = {"loc": "upper left", "bbox_to_anchor": (0, -0.2), "ncols": 2}
    axes.legend(**below, frameon=False, labelcolor=INK, fontsize=8.5)
    more = len(found.watched) - len(drawn)
    rest = f" The {more} that grew least are left out." if more > 0 else ""
    return Figure("capital", svg(figure), f"Capital of the bets on each quantity.{rest}")


def _highest(one: Watched) -> float:
    return float(np.max(one.drift.capital, initial=0.0))


def _table(found: Monitored) -> Table:
    rows = [
        [
            name,
            _centre(one.usual_share),
            _centre(one.share),
            "" if one.rang is None else str(one.rang),
            "< .001" if one.drift.p < 0.001 else f"{one.drift.p:.3f}",
        ]
        for name, one in sorted(found.watched.items(), key=lambda item: item[1].drift.p)
    ]
    caption = (
        "Usual and now: the mean place among the bins of the reference, 0 the lowest and 1 the "
        f"highest. p holds whenever it is looked at, corrected for "
        f"{_watched(found)}."
    )
    return Table(["quantity", "usual", "now", "rang after", "p"], rows, caption)


def _watched(found: Monitored) -> str:
    return counted(len(found.watched), "quantity", "quantities")


def _centre(share: np.ndarray) -> str:
    return f"{float(share @ np.linspace(0, 1, len(share))) if len(share) > 1 else 0.0:.2f}"
