"""Label leaks in columns and names: one of them reads what all the others together can't."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm
from threadpoolctl import threadpool_limits

from affectome.evidence.audit.columns import ALPHA, Reading, bins_of, category_codes, read_columns
from affectome.evidence.audit.findings import Finding, Severity
from affectome.evidence.audit.material import Material
from affectome.evidence.audit.readers import (
    READERS,
    Folds,
    bootstrap_weights,
    filled,
    group_sums,
    skill,
)

NEARLY_ALL = 0.7
MOST_OF_IT = 0.5
FEW = 0.2
MOST_FINDINGS = 10


@dataclass(frozen=True)
class Sample:
    """Rows that the readers of several columns work on, and the folds and groups of those rows."""

    rows: np.ndarray
    folds: Folds
    groups: np.ndarray


def leaks_in_features(
    material: Material,
    X: np.ndarray,
    names: tuple[str, ...],
    folds: Folds,
    sample: Sample,
    rng: np.random.Generator,
) -> list[Finding]:
    """Columns of a table that tell the label far better than all the others together.

    Parameters
    ----------
    material
        What is audited; its text categories are read, too.
    X
        Measured values that vary and are no copies of each other, shape (n, p).
    names
        Their names.
    folds
        Folds over all trials, by group where one is named.
    sample
        Rows for the readers that take all the other columns together.
    rng
        For the bootstrap.
    """
    categories = [c for c in material.roles.categories if c in material.trials]
    codes = np.hstack([bins_of(X), category_codes(material.trials[categories])])
    if not codes.shape[1]:
        return []
    names = (*names, *categories)
    reading = read_columns(codes, material.y, len(material.classes), folds)
    strong = np.flatnonzero((reading.sure >= MOST_OF_IT) & (reading.low > 0))
    if len(strong) > max(1, FEW * codes.shape[1]):
        return []
    others = np.setdiff1d(np.arange(X.shape[1]), strong)
    findings = []
    for j in strong[np.argsort(-reading.low[strong])][:MOST_FINDINGS]:
        with threadpool_limits(1):
            rest, rest_high = read_together(
                material, X[:, others], int(reading.best[j]), sample, rng
            )
        finding = _column_leak(material, reading, names, int(j), rest, rest_high)
        if finding is not None:
            findings.append(finding)
    return findings


def read_together(
    material: Material, X: np.ndarray, best: int, sample: Sample, rng: np.random.Generator
) -> tuple[float, float]:
    """Skill of the better reader of all the columns, for one class, and its upper bound."""
    if not X.shape[1]:
        return 0.0, 0.0
    y, n_classes = material.y[sample.rows], 0
    if material.classes:
        y, n_classes = (y == best).astype(int), 2
    features = filled(X[sample.rows])
    weights = bootstrap_weights(sample.groups.max() + 1, rng)
    found = []
    for read in READERS.values():
        sums = group_sums(y, read(features, y, n_classes, sample.folds), n_classes, sample.groups)
        value = float(skill(sums.sum(axis=0), n_classes))
        spread = float(skill(weights @ sums, n_classes).std())
        found.append((value, value + norm.isf(ALPHA / 2) * spread))
    return max(found)


def _column_leak(
    material: Material,
    reading: Reading,
    names: tuple[str, ...],
    j: int,
    rest: float,
    rest_high: float,
) -> Finding | None:
    excess = reading.skill[j] - rest
    excess_low = excess - np.hypot(reading.skill[j] - reading.low[j], rest_high - rest)
    if excess_low <= 0:
        return None
    alone = len(names) == 1
    severity: Severity = "high" if reading.sure[j] >= NEARLY_ALL and not alone else "medium"
    skills = np.delete(reading.skill, j)
    evidence = {
        "skill": reading.skill[j],
        "interval": [reading.low[j], reading.high[j]],
        "all_others_together": rest,
        "excess_over_all_others": excess,
        "excess_lower_bound": excess_low,
        "next_best_column": skills.max(initial=0.0),
        "median_column": float(np.median(skills)) if len(skills) else 0.0,
        "class": material.classes[reading.best[j]] if material.classes else None,
        "columns_tested": len(names),
        "measure": measure(material),
    }
    return Finding(
        "label_leak",
        severity,
        f"The column {names[j]} alone reads {reading.skill[j]:.2f} of "
        f"{what_is_read(evidence, material)} (interval {reading.low[j]:.2f} to "
        f"{reading.high[j]:.2f}); all the others together read {rest:.2f}.",
        evidence,
        f"Find out where {names[j]} comes from; unless it was measured before the label was known "
        "and without looking at it, drop it.",
        [names[j]],
    )


def leaks_in_notes(material: Material, folds: Folds) -> list[Finding]:
    """Notes on trials and parts of file names that are the label in other words."""
    roles = material.roles
    numbers = list(roles.numbers) if material.kind in ("media", "recording") else []
    table = material.trials[[*numbers, *(c for c in roles.categories if numbers or material.files)]]
    codes = np.hstack(
        [
            bins_of(table[numbers].to_numpy(float, na_value=np.nan)),
            category_codes(table.drop(columns=numbers)),
            category_codes(parts := _short_parts(material)),
        ]
    )
    names = [*numbers, *table.columns.drop(numbers), *parts.columns]
    if not names:
        return []
    reading = read_columns(codes, material.y, len(material.classes), folds)
    return [
        _note_leak(material, reading, names[int(j)], int(j), bool(j >= table.shape[1]))
        for j in np.flatnonzero((reading.sure >= NEARLY_ALL) & (reading.low > 0))
    ]


def _note_leak(material: Material, reading: Reading, name: str, j: int, in_name: bool) -> Finding:
    evidence = {
        "skill": reading.skill[j],
        "interval": [reading.low[j], reading.high[j]],
        "class": material.classes[reading.best[j]] if material.classes else None,
        "measure": measure(material),
    }
    where = f"The file names tell the label: {name}" if in_name else f"The note {name}"
    return Finding(
        "label_leak",
        "medium",
        f"{where} reads {reading.skill[j]:.2f} of {what_is_read(evidence, material)} (interval "
        f"{reading.low[j]:.2f} to {reading.high[j]:.2f}).",
        evidence,
        "Never let names or their order reach a model or a rater: rename the files before use."
        if in_name
        else "Keep this column out of the features; it is the label in other words.",
        [name],
        list(material.files[:3]) if in_name else (),
    )


def _short_parts(material: Material) -> pd.DataFrame:
    """Parts of names with few enough values to be codes of a label, and class names in names."""
    most = 2 * len(material.classes) + 2 if material.classes else 12
    parts = material.parts
    table = parts[[c for c in parts if parts[c].nunique() <= most]].copy()
    file = material.roles.file
    if file is not None and not material.from_names:
        stems = material.trials[file].astype(str).str.lower()
        words = sorted((c.lower() for c in material.classes if len(c) > 2), key=len, reverse=True)
        found = stems.map(lambda s: next((w for w in words if w in s), ""))
        if found.nunique() > 1:
            table["class in the name"] = found
    return table


def measure(material: Material) -> str:
    """What a skill is, in words."""
    if material.classes:
        return "hit rate less false alarm rate of the class, cross-validated"
    return "squared correlation of estimate and rating, cross-validated"


def what_is_read(evidence: dict[str, object], material: Material) -> str:
    """What a skill is a share of, in words."""
    name = evidence["class"]
    return f"{material.target}" if name is None else f"{material.target} = {name}"
