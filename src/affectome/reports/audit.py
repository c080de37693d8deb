"""The report of an audit: what was found, drawn beside its evidence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectome.audit import SEVERITIES, Audit, Finding
from affectome.audit.costs import Cost
from affectome.audit.findings import listed
from affectome.data.outputs import for_spreadsheet
from affectome.evidence.manifest import manifest
from affectome.reports.figures import Mark, legend, reference, scores
from affectome.reports.page import Figure, Page, Section, Table, write_run
from affectome.reports.style import COLORS, INK, canvas, svg

TITLES = {
    "label_leak": "Something tells the label",
    "group_gap": "Random folds against folds by group",
    "stimulus_identity": "A group tells the label",
    "duplicate_trials": "Copies",
    "order": "The label follows the clock",
    "imbalance": "Classes out of balance",
    "too_few": "Too few",
    "duplicate_columns": "Columns that repeat others",
    "constant_columns": "Columns that never change",
    "chosen_on_test": "Chosen on the trials that are reported",
}
COLUMNS = (
    "code",
    "kind",
    "severity",
    "what",
    "columns",
    "advice",
    "metric",
    "with",
    "without",
    "difference",
    "low",
    "high",
    "over",
    "reader",
    "why",
)
MOST_ROWS = 12
MOST_EXAMPLES = 3
NARROWEST = 0.12
"""Half of the least span of a price's axes: a hundredth of a point is drawn as little."""


def write_audit(
    audit: Audit,
    folder: str | Path,
    seed: int = 0,
    inputs: Mapping[str, str | Path | None] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Path:
    """Write the report of an audit and give its path; ``result.json`` comes last.

    Parameters
    ----------
    audit
        What was found.
    folder
        Where to.
    seed
        Of the audit.
    inputs, settings
        For the manifest; the source and target by default.
    """
    if inputs is None:
        inputs = {"source": audit.source} if Path(audit.source).exists() else {}
    facts = manifest("audit", inputs, seed, settings=settings or {"target": audit.target})
    tables = {"findings": for_spreadsheet(_findings_table(audit))}
    return write_run(folder, audit.to_dict(), audit_page(audit), facts, tables)


def _findings_table(audit: Audit) -> pd.DataFrame:
    rows = []
    for one in audit.findings:
        cost = one.to_dict()["cost"]
        low, high = cost.get("interval") or (None, None)
        rows.append(
            {
                "code": one.code,
                "kind": one.kind,
                "severity": one.severity,
                "what": one.what,
                "columns": ", ".join(map(str, one.columns)),
                "advice": one.advice,
                "metric": cost.get("metric"),
                **{name: cost.get(name) for name in ("with", "without", "difference")},
                "low": low,
                "high": high,
                **{name: cost.get(name) for name in ("over", "reader", "why")},
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def audit_page(audit: Audit) -> Page:
    """Lay out the report of an audit."""
    result = audit.to_dict()
    findings = result["findings"]
    counts = {s: sum(f["severity"] == s for f in findings) for s in SEVERITIES}
    prices = _prices(audit)
    sections = [] if prices is None else [prices]
    sections += [_section(f.to_dict(), f.price) for f in audit.findings]
    groups = _candidates(result)
    if groups is not None:
        sections.append(groups)
    unseen = [[line] for line in audit.not_looked_for]
    sections.append(
        Section(
            "What was not looked for",
            "An audit finds nothing in what it is not given. In this run that was:",
            tables=[Table(["not looked for, and why"], unseen)],
        )
    )
    return Page(
        title=f"Audit of {Path(audit.source).name} for {audit.target}",
        question=f"Would a score for {audit.target} on these data be too good, and why?",
        answer=audit.verdict,
        sections=sections,
        numbers=[
            (severity, str(counts[severity]), small)
            for severity, small in (
                ("high", "a score would be wrong"),
                ("medium", "look before you train"),
                ("low", "worth knowing"),
            )
        ],
        warnings=audit.warnings,
        skipped=result["skipped"],
        facts={
            "trials": f"{audit.n_trials:,}",
            "kind": audit.kind,
            "the quick readers saw": f"{audit.features} ({audit.n_columns:,})",
            "classes": ", ".join(audit.classes) or "none: ratings",
        },
    )


def _prices(audit: Audit) -> Section | None:
    """What each fault is worth, side by side."""
    priced = [f for f in audit.findings if isinstance(f.cost, Cost)]
    if not priced:
        return None
    costs = [f.cost for f in priced if isinstance(f.cost, Cost)]
    names = [_price_name(f) for f in priced]
    rows = []
    for name, cost in zip(names, costs, strict=True):
        ends = cost.difference.interval
        rows.append(
            [
                name,
                f"{cost.with_it} / {cost.without}",
                f"{cost.score_with.value:.2f}",
                f"{cost.score_without.value:.2f}",
                f"{cost.difference.value:+.2f}",
                "" if ends is None else f"{ends[0]:+.2f} to {ends[1]:+.2f}",
                f"{cost.difference.over}, {cost.reader}",
            ]
        )
    header = ["fault", "with / without", "with", "without", "price", "95 % interval", "over"]
    return Section(
        "What each fault is worth",
        "The same reader was scored with the fault and without it, on the same trials; what lies "
        "between the two dots is what the fault adds to a score that is reported with it.",
        [_draw_prices(names, costs)],
        [Table(header, rows)],
    )


def _price_name(finding: Finding) -> str:
    where = f": {listed(list(finding.columns), 1)}" if finding.columns else ""
    if "box" in finding.evidence:
        where = ": a region"
    return f"{finding.kind.replace('_', ' ')}{where}"


def _draw_prices(names: Sequence[str], costs: Sequence[Cost]) -> Figure:
    """Scores with and without each fault at the left, the price with its interval at the right."""
    figure, (left, right) = canvas(
        height=1.1 + 0.42 * len(costs), columns=2, sharey=True, width_ratios=(1.25, 1)
    )
    orange, blue = COLORS["second"], COLORS["trained"]
    for row, cost in enumerate(costs[::-1]):
        low, high = cost.score_without.value, cost.score_with.value
        labels = ("with the fault", "without it") if row == 0 else (None, None)
        left.plot([low, high], [row, row], color=COLORS["neutral"], linewidth=1.5, zorder=1)
        left.plot([high], [row], "o", color=orange, markersize=7, label=labels[0])
        left.plot([low], [row], "o", color=blue, markersize=5, label=labels[1])
        ends, price = cost.difference.interval, cost.difference.value
        if ends is not None:
            right.plot(ends, [row, row], color=orange, linewidth=2.2)
        right.plot([price], [row], "o", color=orange, markersize=7)
        right.annotate(
            f"{price:+.2f}",
            (1.02, row),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=9,
            color=INK,
        )
    left.set_yticks(range(len(costs)), list(names)[::-1])
    left.set_ylim(-0.6, len(costs) - 0.4)
    reference(right, 0.0, "nothing", vertical=True)
    for axes in (left, right):
        axes.grid(axis="x")
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        low, high = axes.get_xlim()
        middle, half = (low + high) / 2, max((high - low) / 2, NARROWEST)
        axes.set_xlim(middle - half, middle + half)
    left.set_xlabel(" or ".join(dict.fromkeys(cost.metric for cost in costs)))
    right.set_xlabel("what the fault adds")
    legend(left)
    caption = (
        "The score of the same reader with the fault and without it, and the difference with its "
        "95 % interval."
    )
    return Figure("prices", svg(figure), caption)


def _section(finding: dict[str, Any], price: str) -> Section:
    evidence = finding["evidence"]
    figures, tables = [], []
    if "box" in evidence:
        figures.append(_draw_region(finding))
    if "all_others_together" in evidence:
        figures.append(_draw_column(finding))
    if finding["kind"] == "duplicate_trials":
        pairs = [[Path(a).name, Path(b).name] for a, b in evidence["pairs"][:MOST_ROWS]]
        more = len(evidence["pairs"]) > len(pairs)
        tables.append(Table(["trial", "its copy"], pairs, "The first pairs." if more else ""))
    title = f"{finding['severity'].capitalize()}: {TITLES[finding['kind']]}"
    text = f"{finding['what']} {finding['advice']}\n\n{price}"
    return Section(title, text, figures, tables)


def _candidates(result: Mapping[str, Any]) -> Section | None:
    found = result["candidates"]
    if not found:
        return None
    rows = [[c["name"], str(c["groups"]), *_gap_cells(c["gap"])] for c in found]
    whence = [[c["name"], c["why"], _examples(c)] for c in found]
    measured = [c for c in found if c["gap"]]
    return Section(
        "What may be held out together",
        "The same quick reader was scored over random folds and over folds of whole groups; what a "
        "random split would add is the gap between the two dots.",
        [_draw_gaps(measured, result["target"])] if measured else [],
        [
            Table(["group", "groups", "random folds", "folds by group", "gap", "interval"], rows),
            Table(["group", "proposed from", "such as"], whence),
        ],
    )


def _examples(candidate: Mapping[str, Any]) -> str:
    return ", ".join(candidate["examples"][:MOST_EXAMPLES])


def _gap_cells(gap: Mapping[str, Any] | None) -> list[str]:
    if not gap:
        return ["", "", "", ""]
    low, high = gap["interval"]
    cells = [f"{gap[name]:.2f}" for name in ("random_folds", "group_folds", "gap")]
    return [*cells, f"{low:.2f} to {high:.2f}"]


def _draw_gaps(found: Sequence[Mapping[str, Any]], target: str) -> Figure:
    figure, axes = canvas(height=0.9 + 0.34 * len(found))
    places = np.arange(len(found))[::-1]
    random = [c["gap"]["random_folds"] for c in found]
    grouped = [c["gap"]["group_folds"] for c in found]
    axes.hlines(places, grouped, random, color=COLORS["neutral"], linewidth=2)
    axes.scatter(random, places, color=COLORS["second"], label="random folds", zorder=3)
    axes.scatter(grouped, places, color=COLORS["trained"], label="folds by group", zorder=3)
    axes.set_yticks(places, [c["name"] for c in found])
    axes.set_ylim(-0.6, len(found) - 0.4)
    axes.axvline(0, linewidth=0.8, color=COLORS["neutral"])
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"share of {target} that is read above chance")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    caption = "Skill of a quick reader: 0 is guessing, 1 is everything."
    return Figure("group_gaps", svg(figure), caption)


def _draw_region(finding: Mapping[str, Any]) -> Figure:
    evidence = finding["evidence"]
    box, (width, height) = evidence["box"], evidence["picture_size"]
    figure, axes = canvas(width=5.4, height=0.7 + 4.6 * height / width)
    image = axes.imshow(
        np.array(evidence["skill_of_blocks"]),
        extent=(0, width, height, 0),
        cmap="cividis",
        vmin=0,
        vmax=1,
    )
    outline = [box["x"], box["x"] + box["w"]], [box["y"], box["y"] + box["h"]]
    (left, right), (top, bottom) = outline
    axes.plot(
        [left, right, right, left, left],
        [top, top, bottom, bottom, top],
        color=COLORS["second"],
        linewidth=2.5,
        clip_on=False,
    )
    axes.grid(visible=False)
    axes.set_xlabel("pixels")
    figure.colorbar(image, ax=axes, label="read by this block alone", shrink=0.8)
    caption = (
        f"What each block of the pictures reads; the box is {box['x']},{box['y']},{box['w']},"
        f"{box['h']} (x,y,w,h). No picture is shown."
    )
    return Figure("burnt_in_region", svg(figure), caption)


def _draw_column(finding: Mapping[str, Any]) -> Figure:
    evidence, name = finding["evidence"], finding["columns"][0]
    marks = [
        Mark(name, evidence["skill"], evidence["interval"], COLORS["second"]),
        Mark("all others together", evidence["all_others_together"], color=COLORS["trained"]),
        Mark("next best column", evidence["next_best_column"], color=COLORS["neutral"]),
        Mark("usual column", evidence["median_column"], color=COLORS["neutral"]),
    ]
    caption = "How much of the label is read above chance; 1 is everything."
    drawn = scores(marks, "share of the label that is read", chance=0.0)
    return Figure(f"leak_{_slug(name)}", drawn, caption)


def _slug(name: str) -> str:
    """Letters and digits of a name, for the name of a file."""
    return re.sub(r"\W+", "_", name)
