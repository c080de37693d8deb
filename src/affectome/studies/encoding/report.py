"""The report of ``affectome encode``: which units follow the stimuli's features."""

from __future__ import annotations

import numpy as np
import pandas as pd

from affectome.reports.figures import Mark, scores
from affectome.reports.page import Figure, Page, Section, Table
from affectome.reports.style import COLORS, canvas, svg
from affectome.reports.words import p_text
from affectome.studies.encoding.study import EncodingStudy

N_ROWS = 10


def encoding_page(study: EncodingStudy) -> Page:
    """Lay out the report."""
    found = study.found
    sections = [
        Section(
            "How well each unit is predicted",
            "Correlation of predicted and measured responses on held-out trials, within folds, for "
            "every unit. p: whole stimuli trade places, the same way for all people.",
            [Figure("r", _histogram(found.units["r"].to_numpy()), "Units by their correlation.")],
            [_best(study.table())],
        )
    ]
    if len(found.bands) > 1:
        sections.append(
            Section(
                "Which band it is",
                "Median over all units of the held-out R² that each band reaches alone, and of "
                "what only that band adds to the others.",
                [Figure("bands", _bands(study), "R² of each band alone, and what only it adds.")],
            )
        )
    return Page(
        title=f"Encoding models · {study.source}",
        question="Which units follow the features of the stimuli?",
        answer=answer(study),
        warnings=study.notes,
        skipped=[{"file": s.file, "why": s.why} for s in study.skipped],
        facts={
            "units": f"{len(found.units):,}",
            "bands": ", ".join(found.bands),
            "stimuli": study.stimulus,
            "who and what": found.design.headline,
        },
        sections=sections,
    )


def answer(study: EncodingStudy) -> str:
    """Say in two or three sentences what came out."""
    found = study.found
    said = [f"{found.design.headline[:1].upper()}{found.design.headline[1:]}."]
    mean = f"Over all {len(found.units):,} units the mean correlation is {found.overall.value:.2f}"
    if found.null is None:
        said.append(f"{mean}; {found.overall.why}.")
    else:
        said.append(
            f"{mean} ({p_text(found.overall.to_dict())}); {found.n_predicted:,} of them follow the "
            "features at q < .05."
        )
    if study.ceiling is not None:
        said.append(
            f"The median unit's R² is {found.units['r2'].median():.2f}, where "
            f"{np.median(study.ceiling):.2f} of its variance follows the stimuli at all."
        )
    return " ".join(said)


def _histogram(r: np.ndarray) -> str:
    figure, axes = canvas(height=2.2)
    axes.hist(r, bins=min(40, max(8, r.size // 4)), color=COLORS["trained"])
    axes.axvline(0, color=COLORS["neutral"], linewidth=1)
    axes.set_xlabel("correlation on held-out trials")
    axes.set_ylabel("units")
    return svg(figure)


def _bands(study: EncodingStudy) -> str:
    units = study.found.units
    marks = []
    for name in study.found.bands:
        marks.append(Mark(f"{name} alone", float(units[f"alone_{name}"].median())))
        marks.append(
            Mark(f"only {name}", float(units[f"unique_{name}"].median()), None, COLORS["second"])
        )
    return scores(marks, "median R² over units", None)


def _best(units: pd.DataFrame) -> Table:
    best = units.nlargest(N_ROWS, "r")
    named = [c for c in ("region", "neuron", "sensor", "voxel", "x", "y", "z") if c in best]
    numbers = [c for c in ("r", "r2", "q", "explainable") if c in best and best[c].notna().any()]
    rows = [
        [f"{v:g}" if isinstance(v, int | float) else str(v) for v in row[named]]
        + [f"{row[c]:.2g}" for c in numbers]
        for _, row in best.iterrows()
    ]
    return Table(
        (*named, *numbers),
        rows,
        f"The {len(rows)} units of the largest r, chosen by it, which flatters them; all are in "
        "units.csv. explainable: share of the variance that follows the stimuli.",
    )
