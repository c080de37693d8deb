"""The report of ``affectome signature``: which patterns a group expresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from affectome.reports.figures import reference
from affectome.reports.page import Figure, Page, Section, Table
from affectome.reports.style import COLORS, INK, canvas, svg


def signatures_page(
    result: Mapping[str, Any], values: pd.DataFrame, brains: Sequence[Figure] = ()
) -> Page:
    """Lay out the report.

    Parameters
    ----------
    result
        What ``result.json`` holds.
    values
        A row for each map and pattern: ``pattern``, ``condition``, ``subject``, ``cosine``.
    brains
        Patterns in a glass brain.
    """
    rows = [
        (entry, test)
        for entry in result["patterns"]
        for test in entry["tests"]
        if test["measure"] == result["primary"]
    ]
    sizes = {"pattern": len(result["patterns"]), "map": result["patterns"][0]["n_maps"]}
    return Page(
        title=f"Brain signatures · {result['maps']}",
        question="Which of the published brain patterns do these maps express?",
        answer=_answer(rows),
        numbers=[
            (entry["pattern"], f"t = {test['t']:.1f}", f"q = {test['q']:.2g}")
            for entry, test in rows[:4]
        ],
        warnings=result["warnings"],
        skipped=result["skipped"],
        facts={
            **{f"{name}s": str(n) for name, n in sizes.items()},
            "grids": "; ".join(sorted({e["resampling"] for e in result["patterns"]})),
        },
        sections=[
            Section(
                "How strongly each map expresses each pattern",
                "Cosine between map and pattern over the voxels where the pattern has a weight and "
                "the map a value: 0 is no relation, 1 the same pattern. A dot is a map; the line "
                "is the 95 % interval of the mean over subjects.",
                [Figure("cosine", _strips(rows, values), "Cosine of every map with every pattern.")]
                if rows
                else [],
                [_table(result["patterns"])],
            ),
            *([Section("Where the patterns have their weights", "", brains)] if brains else []),
        ],
    )


def _answer(rows: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> str:
    if not rows:
        return "There is one subject only, so no group is tested; the values stand in values.csv."
    said = {
        "more than chance allows": [_name(e, t) for e, t in rows if t["q"] < 0.05 and t["t"] > 0],
        "in reverse": [_name(e, t) for e, t in rows if t["q"] < 0.05 and t["t"] < 0],
        "neither way": [_name(e, t) for e, t in rows if t["q"] >= 0.05],
    }
    parts = [f"{how}: {', '.join(names)}" for how, names in said.items() if names]
    return f"Expressed {'; '.join(parts)} (t-test over subjects, q < .05)."


def _name(entry: Mapping[str, Any], test: Mapping[str, Any]) -> str:
    condition = "" if test["condition"] == "all" else f" in {test['condition']}"
    return f"{entry['pattern']}{condition} (t = {test['t']:.1f})"


def _strips(
    rows: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], values: pd.DataFrame
) -> str:
    figure, axes = canvas(height=0.8 + 0.42 * len(rows))
    for place, (entry, test) in enumerate(reversed(rows)):
        chosen = (values["pattern"] == entry["pattern"]) & (
            values["condition"] == test["condition"]
        )
        cosine = values.loc[chosen, "cosine"].to_numpy()
        spread = np.linspace(-0.16, 0.16, cosine.size) if cosine.size > 1 else [0.0]
        axes.plot(cosine, place + np.asarray(spread), ".", color=COLORS["neutral"], markersize=5)
        color = COLORS["trained"] if test["q"] < 0.05 else COLORS["neutral"]
        axes.plot(test["interval"], [place, place], color=color, linewidth=2.6)
        axes.plot([test["mean"]], [place], "o", color=color, markersize=7)
        axes.annotate(
            f"t = {test['t']:.1f}",
            (1.01, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=9,
            color=INK,
        )
    labels = [
        e["pattern"] if t["condition"] == "all" else f"{e['pattern']} · {t['condition']}"
        for e, t in reversed(rows)
    ]
    axes.set_yticks(range(len(rows)), labels)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel("cosine")
    axes.grid(axis="x")
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    reference(axes, 0.0, "none", vertical=True)
    return svg(figure)


def _table(patterns: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        [
            entry["pattern"],
            test["condition"],
            test["measure"],
            f"{test['mean']:.4g}",
            f"{test['interval'][0]:.4g} to {test['interval'][1]:.4g}",
            f"{test['t']:.2f}",
            f"{test['p']:.2g}",
            f"{entry['coverage']:.0%}",
        ]
        for entry in patterns
        for test in entry["tests"]
    ]
    return Table(
        ("pattern", "condition", "measure", "mean", "95 % interval", "t", "p", "covered"),
        rows,
        "Every measure; p is not corrected here. Covered: share of the pattern's squared weights "
        "on voxels that the maps have.",
    )
