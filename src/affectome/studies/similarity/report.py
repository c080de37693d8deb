"""The report of ``affectome rsa``: which models describe the arrangement of the conditions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from affectome.reports.figures import Mark, scores
from affectome.reports.page import Figure, Page, Section, Table
from affectome.reports.style import COLORS
from affectome.studies.similarity.study import HELD_OUT, SimilarityStudy


def similarity_page(study: SimilarityStudy) -> Page:
    """Lay out the report."""
    found, result = study.found, study.to_dict()
    marks = [
        Mark(
            name,
            one.value,
            one.interval,
            COLORS["trained" if (row.get("q") or 1) < 0.05 else "neutral"],
        )
        for (name, one), row in zip(found.scores.items(), result["models"], strict=True)
    ]
    ceiling = "" if found.ceiling is None else _ceiling(found.ceiling)
    return Page(
        title=f"Representational similarity · {study.source}",
        question=f"Which models describe how the {found.n_conditions} conditions are arranged?",
        answer=answer(study),
        warnings=study.notes,
        skipped=[{"file": s.file, "why": s.why} for s in study.skipped],
        facts={
            "people": str(found.n_subjects),
            "conditions": f"{found.n_conditions} ({study.condition})",
            "dissimilarity": study.measure,
            "comparison": found.method,
            "held out": HELD_OUT,
        },
        sections=[
            Section(
                "Models against people",
                "Similarity of each model with each person's dissimilarities, averaged over "
                f"people.{ceiling} Lines are 95 % intervals over people and conditions.",
                [Figure("models", scores(marks, found.method, 0.0), "Models against people.")],
                [_table(result["models"])],
            )
        ],
    )


def answer(study: SimilarityStudy) -> str:
    """Say in a sentence or two which models fit."""
    found, rows = study.found, study.to_dict()["models"]
    who = f"{found.n_subjects} people" if found.n_subjects > 1 else "one person"
    passed = [r for r in rows if r["p"] is not None and r["q"] < 0.05]
    rest = [r["model"] for r in rows if r["p"] is not None and r not in passed]
    without = [r["model"] for r in rows if r["p"] is None]
    parts = []
    if passed:
        named = ", ".join(f"{r['model']} ({found.method} {r['score']:.2f})" for r in passed)
        parts.append(f"described by {named}")
    if rest:
        parts.append(f"not described more than chance allows by {', '.join(rest)}")
    if without:
        parts.append(f"without a p for {', '.join(without)}")
    n = len(passed) + len(rest)
    small = f" (q < .05 over {n} models)" if n else ""
    return f"In {who}, {found.n_conditions} conditions are {'; '.join(parts)}{small}."


def _ceiling(bounds: tuple[float, float]) -> str:
    return f" The true model would reach {bounds[0]:.2f} to {bounds[1]:.2f}, as people differ."


def _table(rows: list[Mapping[str, Any]]) -> Table:
    body = [
        [
            row["model"],
            "" if row["score"] is None else f"{row['score']:.3f}",
            "" if row["interval"] is None else "{:.3f} to {:.3f}".format(*row["interval"]),
            "no p" if row["p"] is None else f"{row['p']:.2g}",
            "" if row.get("q") is None else f"{row['q']:.2g}",
        ]
        for row in rows
    ]
    schemes = sorted({row["null"]["scheme"] for row in rows if "null" in row})
    whys = sorted({row["why"] for row in rows if "why" in row})
    return Table(
        ("model", "similarity", "95 % interval", "p", "q"),
        body,
        f"{'; '.join([*schemes, *whys])}. q is corrected over the rows.",
    )
