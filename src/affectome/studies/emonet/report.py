"""The report of ``affectome study emonet``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from affectome.evidence.scores import Score
from affectome.reports.figures import Mark, scores
from affectome.reports.page import Figure, Page, Section, Table
from affectome.reports.style import COLORS
from affectome.studies.emonet.study import EmoNetStudy


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
            tables=[_beside(study.evidence.to_dict())],
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


CLUSTERS = (
    "Ward's linkage of confusions, cut where most clusters are told apart. The published rule "
    "holds a cluster's hits against its base rate, and splits categories that are confused with "
    "each other; the stricter one holds them against the cluster's most confused rival."
)


def answer(study: EmoNetStudy) -> str:
    """Say in a sentence or two what came out."""
    one, found = study.evidence.score, study.evidence
    best = found.best_baseline
    told = " and ".join(f"{c.n} ({c.variant})" for c in study.clusters)
    clusters = f" Clusters that can be told apart: {told}." if told else ""
    return (
        f"{len(study.categories)} categories are read with a {one.metric} of {_number(one)} on "
        f"held-out groups; the best baseline, {best}, gives {found.baselines[best].value:.2f}."
        f"{clusters}"
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
            f"{c.d:.2f}",
            _number(c.sensitivity),
            _number(c.specificity),
        ]
        for c in study.categories
    ]
    return Table(("category", "pictures", "AUC", "d", "sensitivity", "specificity"), rows)


def _beside(evidence: Mapping[str, Any]) -> Table:
    rows = [
        [name, "" if one["score"] is None else f"{one['score']:.3f}"]
        for name, one in evidence["baselines"].items()
    ]
    return Table(("read from", "score"), rows)


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
        best = one.best_baseline
        rows.append([name, _number(one.score), f"{best} {one.baselines[best].value:.2f}", share])
    return Table(("rating", "r", "best baseline", "share of the ceiling"), rows)


def _colours(study: EmoNetStudy) -> Table:
    rows = [[str(cell) for cell in row] for row in study.colours.to_numpy()]
    return Table([str(c).replace("_", " ") for c in study.colours], rows)
