"""The report of ``affectome study emonet``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from affectome.evidence import Evidence, Score
from affectome.reports.figures import Mark, scores
from affectome.reports.page import Figure, Page, Section, Table
from affectome.reports.style import COLORS, INK, canvas, svg
from affectome.studies.emonet.study import COLOURS, EmoNetStudy


def emonet_page(study: EmoNetStudy, source: str) -> Page:
    """Lay out the report."""
    marks = [
        Mark(one.name, one.auc.value, one.auc.interval, COLORS["trained"])
        for one in sorted(study.categories, key=lambda c: -c.auc.value)
    ]
    sections = [
        Section(
            "Categories, one by one",
            "Each category against all others, on held-out groups; lines are 95 % intervals.",
            [Figure("categories", scores(marks, "AUC", 0.5), "AUC of each category.")],
            [_categories(study)],
        ),
        Section(
            "Beside networks that saw objects only",
            "The same reading from other units, and how much more the first ones give.",
            tables=[_beside(study.evidence)],
        ),
    ]
    if study.clusters:
        sections.append(Section("Clusters that can be told apart", CLUSTERS, tables=[_told(study)]))
    if study.ratings:
        sections.append(
            Section("Ratings", "Partial least squares on the same units.", tables=[_ratings(study)])
        )
    sections.append(
        Section(
            "Flat colours",
            "A probe of the model, not of people. Without EmoNet's weights it is an unvalidated "
            "estimate.",
            figures=[Figure("colours", _flat(study), "What flat colours evoke most.")],
            tables=[_colours(study)],
        )
    )
    return Page(
        title=f"EmoNet · {source}",
        question="Which categories of emotion can be read from these pictures?",
        answer=answer(study),
        warnings=study.notes,
        skipped=[{"file": s.file, "why": s.why} for s in study.skipped],
        facts={"units": study.units},
        sections=sections,
    )


NARROWEST = 1e-6
MANDATORY = ("object classes only", "untrained networks")
CLUSTERS = (
    "Ward's linkage of confusions, cut where most clusters are told apart. The published rule "
    "holds a cluster's hits against its base rate, and splits categories that are confused with "
    "each other; the stricter one holds them against the cluster's most confused rival."
)


def answer(study: EmoNetStudy) -> str:
    """Say in a sentence or two what came out."""
    one, found = study.evidence.score, study.evidence
    best = found.best_baseline
    told = " and ".join(
        f"{c.n} ({c.variant}"
        + ("" if c.interval is None else ", {} to {}".format(*c.interval))
        + ")"
        for c in study.clusters
    )
    why = one.why or ""
    if one.interval is None and "interval" not in why:
        why = f"{why}; no interval: {one.over or f'{one.n_groups} groups'}".removeprefix("; ")
    clusters = f" Clusters that can be told apart: {told}." if told else ""
    beside = [
        f"{_more(found.over_controls[name])} above {name}"
        for name in MANDATORY
        if name in found.over_controls
    ]
    controls = f" It is {' and '.join(beside)}." if beside else ""
    return (
        f"{len(study.categories)} categories are read with a {one.metric} of {_number(one)} on "
        f"held-out groups; the best baseline, {best}, gives {found.baselines[best].value:.2f}."
        f"{controls}{clusters}{f' ({why})' if why else ''}"
    )


def _number(one: Score) -> str:
    known = "" if one.interval is None else " ({:.2f} to {:.2f})".format(*one.interval)
    p = "" if one.p is None else f", p = {one.p:.2g}"
    return f"{one.value:.2f}{known}{p}"


def _categories(study: EmoNetStudy) -> Table:
    rows = [
        [
            c.name,
            str(c.n),
            _number(c.auc),
            _number(c.d),
            _number(c.sensitivity),
            _number(c.specificity),
        ]
        for c in study.categories
    ]
    return Table(("category", "pictures", "AUC", "d", "sensitivity", "specificity"), rows)


def _beside(evidence: Evidence) -> Table:
    rows = []
    for name, one in evidence.baselines.items():
        more = evidence.over_controls.get(name)
        value = "" if not np.isfinite(one.value) else f"{one.value:.3f}"
        rows.append([name, value, "" if more is None else _more(more)])
    return Table(("read from", evidence.metric, "how much more our units give"), rows)


def _more(one: Score) -> str:
    """Give a difference, with its interval where draws of groups change it."""
    low, high = one.interval or (one.value, one.value)
    ends = [f"{round(end, 3) + 0.0:+.3f}" for end in (one.value, low, high)]
    return ends[0] if high - low < NARROWEST else f"{ends[0]} ({ends[1]} to {ends[2]})"


def _told(study: EmoNetStudy) -> Table:
    names = [c.name for c in study.categories]
    rows = []
    for found in study.clusters:
        groups: Sequence[str] = [
            " + ".join(n for n, m in zip(names, found.members, strict=True) if m == k)
            for k in range(found.n)
        ]
        known = "" if found.interval is None else "{} to {}".format(*found.interval)
        rows.append([found.variant, str(found.n), known, found.over, "; ".join(groups)])
    return Table(("held against", "clusters", "95 %", "drawn", "which"), rows)


def _ratings(study: EmoNetStudy) -> Table:
    rows = []
    for name, one in study.ratings.items():
        ceiling = study.ceilings.get(name)
        share = "" if ceiling is None else f"{one.score.value / ceiling:.0%} of {ceiling:.2f}"
        beside = [_more(one.over_controls[c]) if c in one.over_controls else "" for c in MANDATORY]
        best = f"{one.best_baseline} {one.baselines[one.best_baseline].value:.2f}"
        rows.append([name, _number(one.score), *beside, best, share])
    head = ("rating", "r", *(f"above {name}" for name in MANDATORY))
    return Table((*head, "best baseline", "share of the ceiling"), rows)


def _flat(study: EmoNetStudy) -> str:
    """Draw the likeliest emotion of each colour, as a bar of that colour."""
    table = study.colours
    figure, axes = canvas(height=0.7 + 0.34 * len(table))
    places = np.arange(len(table))[::-1]
    shades = [[part / 255 for part in COLOURS[name]] for name in table["colour"]]
    p = table["probability_1"].to_numpy(dtype=float)
    axes.barh(places, p, 0.72, color=shades, edgecolor=INK, linewidth=0.8)
    for place, row in zip(places, table.to_dict("records"), strict=True):
        words = ", ".join(f"{row[f'emotion_{k}']} {row[f'probability_{k}']:.2f}" for k in (1, 2, 3))
        axes.annotate(
            words,
            (row["probability_1"], place),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            color=INK,
        )
    axes.set_yticks(places, list(table["colour"]))
    axes.set_xlim(0, 1.9 * float(p.max()))
    axes.set_xlabel("probability of the likeliest emotion; the next two beside it")
    axes.grid(visible=False)
    return svg(figure)


def _colours(study: EmoNetStudy) -> Table:
    rows = [[str(cell) for cell in row] for row in study.colours.to_numpy()]
    return Table([str(c).replace("_", " ") for c in study.colours], rows)
