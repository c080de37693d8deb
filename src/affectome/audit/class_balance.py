"""Counts: classes out of balance, and too few trials or groups for an honest interval."""

from __future__ import annotations

from typing import Any

import numpy as np

from affectome.audit.candidates import Candidate
from affectome.audit.findings import Finding, Severity, listed
from affectome.audit.material import Material
from affectome.evidence.membership import balance_test

CERTAIN = 0.001
SKEWED, VERY_SKEWED = 1.5, 4.0
FEWEST_TRIALS = 10
FEWEST_GROUPS = 5
FEWEST_IN_ALL = 30


def imbalance(
    material: Material, main: Candidate | None, rng: np.random.Generator
) -> list[Finding]:
    """Classes of sizes that differ by more than chance, and by enough to matter.

    Parameters
    ----------
    material
        What is audited.
    main
        Groups whose trials are not independent.
    rng
        Draws the names of the classes.
    """
    if not material.classes:
        return []
    sizes = np.bincount(material.y, minlength=len(material.classes))
    ratio = float(sizes.max() / max(sizes.min(), 1))
    if ratio < SKEWED:
        return []
    codes, what = (
        (None, "single trials") if main is None else (main.codes, f"values of {main.name}")
    )
    p, null = balance_test(material.y, len(sizes), codes, what, int(rng.integers(2**31)))
    if p > CERTAIN:
        return []
    severity: Severity = "medium" if ratio >= VERY_SKEWED else "low"
    majority = float(sizes.max() / sizes.sum())
    return [
        Finding(
            "imbalance",
            severity,
            f"{material.classes[int(sizes.argmax())]} is {majority:.0%} of the trials; always "
            f"saying so scores that much, where {1 / len(sizes):.0%} is chance.",
            {
                "trials": dict(zip(material.classes, sizes.tolist(), strict=True)),
                "majority_accuracy": majority,
                "largest_over_smallest": ratio,
                "p": p,
                "null": null.to_dict(),
            },
            "Report balanced accuracy or AUC, never plain accuracy; keep the shares in every fold.",
            "balanced accuracy and AUC, which prices are given in, don't gain by it",
            [material.target],
        )
    ]


def too_few(material: Material, groups: list[Candidate]) -> list[Finding]:
    """Classes with too few trials, groups too few to resample, classes that one group holds."""
    findings = []
    if material.classes:
        sizes = np.bincount(material.y, minlength=len(material.classes))
        small = {
            c: int(s) for c, s in zip(material.classes, sizes, strict=True) if s < FEWEST_TRIALS
        }
        if small:
            findings.append(_few_trials(material, small))
        elif material.n < FEWEST_IN_ALL:
            findings.append(_few_trials(material, {"all together": material.n}))
    elif material.n < FEWEST_IN_ALL:
        findings.append(_few_trials(material, {material.target: material.n}))
    named = ("subject", "stimulus", "session", "given")
    for one in groups:
        if one.role in named and len(one.values) < FEWEST_GROUPS:
            findings.append(_few_groups(one))
        elif one.role in named and material.classes:
            findings += _lonely_classes(material, one)
    return findings


def _few_trials(material: Material, small: dict[str, int]) -> Finding:
    fewest = min(small.values())
    half = float(0.98 / np.sqrt(fewest + 4))
    unit = "ratings" if not material.classes else "trials"
    names = [f"{c} ({n})" for c, n in small.items()]
    evidence: dict[str, Any] = {unit: small, "half_width_of_a_hit_rate_interval": half}
    return Finding(
        "too_few",
        "medium",
        f"Too few {unit}: {listed(names)}; with {fewest} the 95 % interval of a hit rate is about "
        f"± {half:.2f}.",
        evidence,
        "Collect more, or merge or leave out the small classes and say so.",
        "the trials that would have to be scored beside these are not there",
        [material.target],
    )


def _few_groups(one: Candidate) -> Finding:
    return Finding(
        "too_few",
        "low",
        f"{one.name} has {len(one.values)} groups; an interval over groups needs "
        f"{FEWEST_GROUPS} or more.",
        {"groups": len(one.values), "column": one.name},
        "Hold out by it all the same, and say that the interval is over trials.",
        "it widens intervals and moves no score",
        [one.name],
    )


def _lonely_classes(material: Material, one: Candidate) -> list[Finding]:
    table = np.zeros((len(material.classes), len(one.values)), dtype=bool)
    table[material.y, one.codes] = True
    lonely = [c for c, n in zip(material.classes, table.sum(axis=1), strict=True) if n == 1]
    if not lonely or len(one.values) <= len(material.classes):
        return []
    return [
        Finding(
            "too_few",
            "medium",
            f"{listed(lonely)}: in one value of {one.name} only; held out, training never saw the "
            "class.",
            {"classes_in_one_group": lonely, "column": one.name},
            f"Add another {one.name} for these classes, or leave them out of scores by {one.name}.",
            "a class that training never saw has no score to compare",
            [one.name],
        )
    ]
