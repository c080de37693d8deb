"""The report of ``affectome signature``: which patterns a group expresses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from affectome.brains.signature import PRIMARY, GroupTest, Signature
from affectome.reports.figures import reference
from affectome.reports.page import Figure, Page, Section, Table
from affectome.reports.style import COLORS, INK, canvas, svg
from affectome.studies.signature.study import HELD_OUT, Signatures

Row = tuple[Signature, GroupTest]


def signatures_page(found: Signatures, brains: Sequence[Figure] = ()) -> Page:
    """Lay out the report.

    Parameters
    ----------
    found
        What the study gave.
    brains
        Patterns in a glass brain.
    """
    rows = found.tests
    people = sorted({test.n_subjects for _, test in rows})
    return Page(
        title=f"Brain signatures · {found.maps}",
        question="Which of the published brain patterns do these maps express?",
        answer=answer(found),
        numbers=[
            (_name(one, test), f"cosine {test.mean:.3f}", _sure(test)) for one, test in rows[:4]
        ],
        warnings=found.warnings,
        skipped=[{"file": s.file, "why": s.why} for s in found.skipped],
        facts={
            "patterns": str(len(found.found)),
            "maps": str(len(found.found[0].values)),
            "people": " to ".join(map(str, dict.fromkeys((people[0], people[-1])))),
            "held out": HELD_OUT,
            "grids": "; ".join(sorted({one.resampling for one in found.found})),
        },
        sections=[
            Section(
                "How strongly each map expresses each pattern",
                "Cosine between map and pattern over the voxels where the pattern has a weight and "
                "the map a value: 0 is no relation, 1 the same pattern. A dot is a map; the line "
                "is the 95 % interval of the mean over people. People share their anatomy, so the "
                "interval of almost any smooth pattern lies beside 0; whether the pattern is the "
                "right one is what p asks: the mean cosine is held against that of random patterns "
                "with the same smoothness, mean and spread of weights, in the same people.",
                [Figure("cosine", _strips(rows, found), "Cosine of every map with every pattern.")],
                [_chance(rows), _table(found.found)],
            ),
            *([Section("Where the patterns have their weights", "", brains)] if brains else []),
        ],
    )


def answer(found: Signatures) -> str:
    """Say in a sentence or two what is expressed."""
    rows = [(one, test) for one, test in found.tests if test.q is not None]
    n = max(test.n_subjects for _, test in found.tests)
    who = f"{n} people" if n > 1 else "one person"
    if not rows:
        return f"No pattern could be held against chance in {who}: {found.tests[0][1].why}."
    passed = [(one, test) for one, test in rows if test.q is not None and test.q < 0.05]
    said = {
        "more": [_name(*row) for row in passed if (row[1].z or 0) > 0],
        "less": [_name(*row) for row in passed if (row[1].z or 0) < 0],
    }
    parts = [
        f"expressed {how} than random patterns as smooth as it: {', '.join(names)}"
        for how, names in said.items()
        if names
    ]
    rest = [_name(*row) for row in rows if row not in passed]
    if rest:
        parts.append(f"not told apart from such patterns: {', '.join(rest)}")
    sentence = "; ".join(parts)
    return f"In {who}, {sentence} (q < .05 over {len(rows)} tests)."


def _name(one: Signature, test: GroupTest) -> str:
    return one.pattern if test.condition == "all" else f"{one.pattern} in {test.condition}"


def _sure(test: GroupTest) -> str:
    if test.q is None or test.z is None:
        return "no p"
    return f"q = {test.q:.2g}, {test.z:+.1f} SD of random patterns"


def _strips(rows: Sequence[Row], found: Signatures) -> str:
    figure, axes = canvas(height=0.8 + 0.42 * len(rows))
    for place, (one, test) in enumerate(reversed(rows)):
        cosine = one.values.loc[one.values["condition"] == test.condition, PRIMARY].to_numpy()
        spread = np.linspace(-0.16, 0.16, cosine.size) if cosine.size > 1 else [0.0]
        axes.plot(cosine, place + np.asarray(spread), ".", color=COLORS["neutral"], markersize=5)
        passed = test.q is not None and test.q < 0.05
        color = COLORS["trained"] if passed else COLORS["neutral"]
        if test.interval is not None:
            axes.plot(test.interval, [place, place], color=color, linewidth=2.6)
        axes.plot([test.mean], [place], "o", color=color, markersize=7)
        axes.annotate(
            "no p" if test.q is None else f"q = {test.q:.2g}",
            (1.01, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=9,
            color=INK,
        )
    axes.set_yticks(range(len(rows)), [_name(*row) for row in reversed(rows)])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel("cosine")
    axes.grid(axis="x")
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    reference(axes, 0.0, "none", vertical=True)
    return svg(figure)


def _chance(rows: Sequence[Row]) -> Table:
    body = [
        [
            _name(one, test),
            f"{test.mean:.3f}",
            "" if test.z is None else f"{test.z:+.1f}",
            "no p" if test.p is None else f"{test.p:.2g}",
            "" if test.q is None else f"{test.q:.2g}",
            "" if one.n_places is None else f"{one.n_places:.0f}",
        ]
        for one, test in rows
    ]
    null = next((test.null for _, test in rows if test.null is not None), None)
    drawn = "" if null is None else f"{null.n_arrangements} surrogates of each: {null.scheme}. "
    return Table(
        ("pattern", "mean cosine", "SD of surrogates", "p", "q", "places"),
        body,
        f"{drawn}p is two-sided; q is corrected over all rows. Places: how many independent places "
        "the smoothness of the pattern leaves it.",
    )


def _table(patterns: Sequence[Signature]) -> Table:
    rows = [
        [
            one.pattern,
            test.condition,
            test.measure,
            f"{test.mean:.4g}",
            "" if test.interval is None else f"{test.interval[0]:.4g} to {test.interval[1]:.4g}",
            "" if test.t is None else f"{test.t:.2f}",
            f"{one.values['coverage'].median():.0%}",
        ]
        for one in patterns
        for test in one.tests
    ]
    return Table(
        ("pattern", "condition", "measure", "mean", "95 % interval", "t over people", "covered"),
        rows,
        "Every measure, over people. t describes how alike people are and is no evidence for the "
        "pattern. Covered: share of the pattern's squared weights on voxels that the maps have.",
    )
