"""Groups: how much of a score they make, and whether they tell the label.

For each candidate the same two readers are scored twice, over random folds and over folds of whole
groups. The gap is what a random split would add; its interval comes from a bootstrap over groups,
widened by the spread between repeated foldings, and holds for all candidates and readers at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from affectome.audit.candidates import Candidate, sample_rows
from affectome.audit.columns import Reading, category_codes, read_columns
from affectome.audit.findings import Finding, Severity
from affectome.audit.leaks import MOST_OF_IT, NEARLY_ALL
from affectome.audit.material import Material
from affectome.audit.probes import READERS, filled
from affectome.evidence.quick import (
    N_SPLITS,
    above_nothing,
    bootstrap_weights,
    gap_test,
    group_folds,
    group_sums,
    random_folds,
    skill,
)
from affectome.progress import Progress

N_RANDOM, N_GROUPED = 4, 2
LEVEL = 0.05
STRICT = 0.01
NAMED = ("given", "subject", "stimulus", "session")


def measure_gaps(
    material: Material,
    X: np.ndarray,
    found: list[Candidate],
    rng: np.random.Generator,
    progress: Progress,
) -> list[dict[str, Any]]:
    """Gap of each candidate: skills over both kinds of folds, interval and p, best reader first.

    Parameters
    ----------
    material
        What is audited.
    X
        Features, shape (n, p).
    found
        Candidates.
    rng
        For folds and bootstrap.
    progress
        Called after each candidate.
    """
    rows = []
    tests = len(found) * len(READERS)
    for done, one in enumerate(found):
        readers = READERS if X.shape[1] and not _a_group_a_class(material, one) else {}
        with threadpool_limits(1):
            gaps = [_gap(material, X, one, reader, tests, rng) for reader in readers]
        rows.append(max(gaps, key=lambda g: g["z"], default={}))
        progress("groups", done + 1, len(found))
    return rows


def _gap(
    material: Material,
    X: np.ndarray,
    one: Candidate,
    reader: str,
    tests: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    rows = sample_rows(one.codes, rng)
    y, n_classes = material.y[rows], len(material.classes)
    groups = np.unique(one.codes[rows], return_inverse=True)[1]
    features = filled(X[rows])
    k = int(groups.max()) + 1
    units = groups if k >= 5 else np.arange(len(rows))
    weights = bootstrap_weights(int(units.max()) + 1, rng)

    def scores(grouped: bool, repeats: int) -> tuple[np.ndarray, np.ndarray]:
        values, draws = [], []
        for _ in range(repeats):
            folds = (
                group_folds(groups, y, rng) if grouped else random_folds(y, rng, min(k, N_SPLITS))
            )
            estimates = READERS[reader](features, y, n_classes, folds)
            sums = group_sums(y, estimates, n_classes, units)
            values.append(float(skill(sums.sum(axis=0), n_classes)))
            draws.append(skill(weights @ sums, n_classes))
        return np.array(values), np.mean(draws, axis=0)

    random, random_draws = scores(False, N_RANDOM)
    grouped, grouped_draws = scores(True, N_GROUPED)
    gap = float(random.mean() - grouped.mean())
    repeats = random.std(ddof=1) * np.sqrt(1 / N_RANDOM + 1 / N_GROUPED)
    spread = float(np.hypot((random_draws - grouped_draws).std(ddof=1), repeats)) + 1e-12
    n_groups = int(units.max()) + 1
    interval, p, null = gap_test(gap, spread, n_groups, tests, len(random_draws))
    return {
        "reader": reader,
        "random_folds": float(random.mean()),
        "group_folds": float(grouped.mean()),
        "gap": gap,
        "interval": list(interval),
        "over": f"{n_groups} values of {one.name}",
        "p": p,
        "null": null.to_dict(),
        "z": gap / spread,
        "p_random": above_nothing(float(random.mean()), random_draws.std(ddof=1), n_groups),
        "rows_used": len(rows),
    }


def read_identities(
    material: Material, found: list[Candidate], rng: np.random.Generator
) -> Reading:
    """What each candidate alone tells of the label under random folds."""
    folds = random_folds(material.y, rng)
    codes = category_codes(pd.DataFrame({i: c.codes for i, c in enumerate(found)}))
    return read_columns(codes, material.y, len(material.classes), folds)


def group_findings(
    material: Material, found: list[Candidate], gaps: list[dict[str, Any]], identity: Reading
) -> list[Finding]:
    """Findings from measured gaps and from groups that tell the label by themselves."""
    findings = []
    for i, (one, gap) in enumerate(zip(found, gaps, strict=True)):
        if _proven(gap) and not _inseparable(material, one, identity.low[i]):
            findings.append(_gap_finding(material, one, gap, float(identity.skill[i])))
        elif gap and one.role in NAMED and _on_both_sides(material, one):
            findings.append(_shared_finding(material, one, gap))
        if identity.low[i] >= MOST_OF_IT:
            findings.append(_identity_finding(material, one, gap, identity, i))
    return findings


def _on_both_sides(material: Material, one: Candidate) -> int:
    """How many groups have trials on more than one side of the given split."""
    if material.roles.split is None:
        return 0
    return int((material.trials[material.roles.split].groupby(one.codes).nunique() > 1).sum())


def _shared_finding(material: Material, one: Candidate, gap: dict[str, Any]) -> Finding:
    shared, split = _on_both_sides(material, one), str(material.roles.split)
    return Finding(
        "group_gap",
        "low",
        f"{shared} of {len(one.values)} values of {one.name} lie on both sides of {split}; the "
        "quick readers gain nothing by that, a larger one may.",
        {**gap, "groups": len(one.values), "groups_on_both_sides_of_the_given_split": shared},
        f"Test on trials whose {one.name} training never saw, or say that you did not.",
        [one.name, split],
    )


def _proven(gap: dict[str, Any]) -> bool:
    return bool(gap) and gap["p"] < LEVEL and gap["p_random"] < STRICT


def _a_group_a_class(material: Material, one: Candidate) -> bool:
    """Whether folds by group would test each class without having trained on it."""
    table = pd.crosstab(one.codes, material.y)
    return (
        bool(material.classes)
        and table.shape[0] <= table.shape[1]
        and bool(((table > 0).sum(axis=1) == 1).all())
    )


def _inseparable(material: Material, one: Candidate, low: float) -> bool:
    """Whether each class comes with one group only."""
    return len(one.values) <= len(material.classes) and low >= MOST_OF_IT


def _gap_finding(
    material: Material, one: Candidate, gap: dict[str, Any], identity: float
) -> Finding:
    half_lost = gap["gap"] >= 0.5 * gap["random_folds"]
    severity: Severity = "high" if gap["p"] < STRICT and half_lost else "medium"
    shared, split = _on_both_sides(material, one), material.roles.split
    too = f"; {shared} of them lie on both sides of {split}" if shared else ""
    return Finding(
        "group_gap",
        severity,
        f"Random folds read {gap['random_folds']:.2f} of {material.target}, folds by {one.name} "
        f"{gap['group_folds']:.2f}: a gap of {gap['gap']:.2f} (interval {gap['interval'][0]:.2f} "
        f"to {gap['interval'][1]:.2f}, {len(one.values)} groups){too}.",
        {
            **gap,
            "groups": len(one.values),
            "identity_skill": identity,
            "proposed_from": one.why,
            "groups_on_both_sides_of_the_given_split": shared if split else None,
        },
        f"Hold out by {one.name}; a random split would report the first number.",
        [one.name, str(split)] if shared else [one.name],
    )


def _identity_finding(
    material: Material, one: Candidate, gap: dict[str, Any], identity: Reading, i: int
) -> Finding:
    proven, inseparable = _proven(gap), _inseparable(material, one, identity.low[i])
    high = identity.sure[i] >= NEARLY_ALL and (proven or inseparable)
    why = (
        f"each class has one {one.name} only, so that no split can tell the two apart"
        if inseparable
        else f"whoever recognises the {one.name} knows it"
    )
    name = material.classes[identity.best[i]] if material.classes else None
    return Finding(
        "stimulus_identity",
        "high" if high else "medium",
        f"{one.name} alone reads {identity.skill[i]:.2f} of {material.target}"
        f"{'' if name is None else f' = {name}'} (interval {identity.low[i]:.2f} to "
        f"{identity.high[i]:.2f}): {why}.",
        {
            "skill": identity.skill[i],
            "interval": [identity.low[i], identity.high[i]],
            "over": f"{len(material.y)} trials",
            "class": name,
            "groups": len(one.values),
            "features_recognise_it": proven,
            "inseparable": inseparable,
        },
        f"Hold out by {one.name}, and take its identity as the baseline to beat.",
        [one.name],
    )
