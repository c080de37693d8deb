"""Groups: how much of a score they make, and whether they tell the label.

For each candidate the same two readers are scored twice, over random folds and over folds of whole
groups. The gap is what a random split would add; its interval comes from a bootstrap over groups,
widened by the spread between repeated foldings, and holds for all candidates and readers at once.
Where it lies above zero, its p says how often folds of groups that traded their trials read as
little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from affectome.audit.candidates import Candidate, sample_rows
from affectome.audit.columns import Reading, category_codes, read_columns
from affectome.audit.costs import FEWEST, Cost, price
from affectome.audit.findings import Finding, Severity
from affectome.audit.leaks import MOST_OF_IT, NEARLY_ALL
from affectome.audit.material import Material
from affectome.audit.probes import READERS, filled
from affectome.evidence.membership import membership_test
from affectome.evidence.quick import (
    N_SPLITS,
    bootstrap_weights,
    gap_interval,
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


@dataclass(frozen=True)
class Gap:
    """What random folds read beyond folds of whole groups.

    Attributes
    ----------
    evidence
        The numbers, as they stand in ``result.json``; empty where nothing was scored.
    cost
        The same in balanced accuracy or r.
    """

    evidence: dict[str, Any]
    cost: Cost | str

    @property
    def proven(self) -> bool:
        """Whether the gap is there, and random folds read something."""
        p = self.evidence.get("p")
        return p is not None and p < LEVEL and bool(self.evidence["random_folds_low"] > 0)


def measure_gaps(
    material: Material,
    X: np.ndarray,
    found: list[Candidate],
    rng: np.random.Generator,
    progress: Progress,
) -> list[Gap]:
    """Gap of each candidate, by the reader that has the clearest.

    Parameters
    ----------
    material
        What is audited.
    X
        Features, shape (n, p).
    found
        Candidates.
    rng
        For folds and draws.
    progress
        Called after each candidate.
    """
    gaps = []
    tests = len(found) * len(READERS)
    for done, one in enumerate(found):
        why = _why_not_read(material, X, one)
        with threadpool_limits(1):
            gaps.append(Gap({}, why) if why else _clearest_gap(material, X, one, tests, rng))
        progress("groups", done + 1, len(found))
    return gaps


def _why_not_read(material: Material, X: np.ndarray, one: Candidate) -> str | None:
    if not X.shape[1]:
        return "there are no features to read"
    if material.n < FEWEST:
        return f"{material.n} trials are too few to score a reader twice"
    if _a_group_a_class(material, one):
        return (
            f"each class has one value of {one.name} only, so that held out, training never saw "
            "the class"
        )
    return None


def _clearest_gap(
    material: Material, X: np.ndarray, one: Candidate, tests: int, rng: np.random.Generator
) -> Gap:
    rows = sample_rows(one.codes, rng)
    y, n_classes = material.y[rows], len(material.classes)
    groups = np.unique(one.codes[rows], return_inverse=True)[1]
    features = filled(X[rows])
    k = int(groups.max()) + 1
    units, over = (groups, one.name) if k >= 5 else (np.arange(len(rows)), "trials")
    weights = bootstrap_weights(int(units.max()) + 1, rng)
    random = [random_folds(y, rng, min(k, N_SPLITS)) for _ in range(N_RANDOM)]
    grouped = [group_folds(groups, y, rng) for _ in range(N_GROUPED)]
    seed = int(rng.integers(2**31))
    gaps = []
    for name, reader in READERS.items():
        read = reader(features, y, n_classes)
        estimates = (np.stack([read(f) for f in random]), np.stack([read(f) for f in grouped]))
        first, second = (_skills(y, part, n_classes, units, weights) for part in estimates)
        gap = float(first[0].mean() - second[0].mean())
        repeats = first[0].std(ddof=1) * np.sqrt(1 / N_RANDOM + 1 / N_GROUPED)
        spread = float(np.hypot((first[1] - second[1]).std(ddof=1), repeats)) + 1e-12
        interval, low = gap_interval(gap, spread, int(units.max()) + 1, tests)
        evidence = {
            "reader": name,
            "random_folds": float(first[0].mean()),
            "group_folds": float(second[0].mean()),
            "gap": gap,
            "interval": list(interval),
            "over": f"{int(units.max()) + 1} {over}",
            "p": None,
            "why": "no p, because the gap is no larger than its own spread",
            "z": gap / spread,
            "random_folds_low": float(np.quantile(first[1], STRICT)),
            "rows_used": len(rows),
        }
        cost = price(
            y,
            n_classes,
            estimates,
            units,
            over,
            ("random folds", f"whole {one.name} held out"),
            name,
        )
        gaps.append((gap / spread, low, Gap(evidence, cost), read))
    _, low, gap_found, read = max(gaps, key=lambda g: g[0])
    if low > 0:

        def over_groups(traded: np.ndarray) -> float:
            deal = np.random.default_rng(seed)
            folds = [group_folds(traded, y, deal) for _ in range(N_GROUPED)]
            return float(np.mean([_skill(y, read(f), n_classes) for f in folds]))

        p, null = membership_test(over_groups, groups, y, one.name, tests, seed)
        gap_found.evidence.update(p=p, null=null.to_dict())
        del gap_found.evidence["why"]
    return gap_found


def _skill(y: np.ndarray, estimates: np.ndarray, n_classes: int) -> float:
    return float(skill(group_sums(y, estimates, n_classes, np.zeros(len(y), int))[0], n_classes))


def _skills(
    y: np.ndarray, estimates: np.ndarray, n_classes: int, units: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Skill in each folding, and the mean of all under each draw of groups."""
    sums = [group_sums(y, one, n_classes, units) for one in estimates]
    values = np.array([float(skill(s.sum(axis=0), n_classes)) for s in sums])
    return values, np.mean([skill(weights @ s, n_classes) for s in sums], axis=0)


def read_identities(
    material: Material, found: list[Candidate], rng: np.random.Generator
) -> Reading:
    """What each candidate alone tells of the label under random folds."""
    folds = random_folds(material.y, rng)
    codes = category_codes(pd.DataFrame({i: c.codes for i, c in enumerate(found)}))
    return read_columns(codes, material.y, len(material.classes), folds)


def group_findings(
    material: Material, found: list[Candidate], gaps: Sequence[Gap], identity: Reading
) -> list[Finding]:
    """Findings from measured gaps and from groups that tell the label by themselves."""
    findings = []
    for i, (one, gap) in enumerate(zip(found, gaps, strict=True)):
        if gap.proven and not _inseparable(material, one, identity.low[i]):
            findings.append(_gap_finding(material, one, gap, float(identity.skill[i])))
        elif gap.evidence and one.role in NAMED and _on_both_sides(material, one):
            findings.append(_shared_finding(material, one, gap))
        if identity.low[i] >= MOST_OF_IT:
            findings.append(_identity_finding(material, one, gap, identity, i))
    return findings


def _on_both_sides(material: Material, one: Candidate) -> int:
    """How many groups have trials on more than one side of the given split."""
    if material.roles.split is None:
        return 0
    return int((material.trials[material.roles.split].groupby(one.codes).nunique() > 1).sum())


def _shared_finding(material: Material, one: Candidate, gap: Gap) -> Finding:
    shared, split = _on_both_sides(material, one), str(material.roles.split)
    return Finding(
        "group_gap",
        "low",
        f"{shared} of {len(one.values)} values of {one.name} lie on both sides of {split}; that "
        "the quick readers gain by it is not proven, a larger one may.",
        {
            **gap.evidence,
            "groups": len(one.values),
            "groups_on_both_sides_of_the_given_split": shared,
        },
        f"Test on trials whose {one.name} training never saw, or say that you did not.",
        gap.cost,
        [one.name, split],
    )


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


def _gap_finding(material: Material, one: Candidate, gap: Gap, identity: float) -> Finding:
    seen = gap.evidence
    half_lost = seen["gap"] >= 0.5 * seen["random_folds"]
    severity: Severity = "high" if seen["p"] < STRICT and half_lost else "medium"
    shared, split = _on_both_sides(material, one), material.roles.split
    too = f"; {shared} of them lie on both sides of {split}" if shared else ""
    return Finding(
        "group_gap",
        severity,
        f"Random folds read {seen['random_folds']:.2f} of {material.target}, folds by {one.name} "
        f"{seen['group_folds']:.2f}: a gap of {seen['gap']:.2f} (interval "
        f"{seen['interval'][0]:.2f} to {seen['interval'][1]:.2f}, p = {seen['p']:.2g}, "
        f"{len(one.values)} groups){too}.",
        {
            **seen,
            "groups": len(one.values),
            "identity_skill": identity,
            "proposed_from": one.why,
            "groups_on_both_sides_of_the_given_split": shared if split else None,
        },
        f"Hold out by {one.name}; a random split would report the first number.",
        gap.cost,
        [one.name, str(split)] if shared else [one.name],
    )


def _identity_finding(
    material: Material, one: Candidate, gap: Gap, identity: Reading, i: int
) -> Finding:
    inseparable = _inseparable(material, one, identity.low[i])
    high = identity.sure[i] >= NEARLY_ALL and (gap.proven or inseparable)
    why = (
        f"each class has one value of {one.name} only, so that no split can tell the two apart"
        if inseparable
        else f"features that tell the values of {one.name} apart tell it, too"
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
            "features_recognise_it": gap.proven,
            "inseparable": inseparable,
        },
        f"Hold out by {one.name}, and take its identity as the baseline to beat.",
        gap.cost,
        [one.name],
    )
