"""Groups: who proposes them, how much of a score they make, and whether they tell the label.

For each candidate the same two readers are scored twice, over random folds and over folds of whole
groups. The gap is what a random split would add; its interval comes from a bootstrap over groups,
widened by the spread between repeated foldings, and holds for all candidates and readers at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student
from threadpoolctl import threadpool_limits

from affectome.evidence.audit.columns import Reading, category_codes, read_columns
from affectome.evidence.audit.findings import Finding, Severity
from affectome.evidence.audit.leaks import MOST_OF_IT, NEARLY_ALL
from affectome.evidence.audit.material import Material
from affectome.evidence.audit.readers import (
    MOST_ROWS,
    N_SPLITS,
    READERS,
    bootstrap_weights,
    filled,
    group_folds,
    group_sums,
    random_folds,
    skill,
)
from affectome.progress import Progress

MOST_CANDIDATES = 10
FEWEST_CODES = 5
N_RANDOM, N_GROUPED = 4, 2
LEVEL = 0.05
STRICT = 0.01


@dataclass(frozen=True)
class Candidate:
    """A column or a part of names whose values may be held out together.

    Attributes
    ----------
    name, role, why
        What it is, what for (``subject``, ``stimulus``, ``session``, ``codes``, ``given``), and why
        it was proposed.
    codes
        Group of each trial, from 0 on, shape (n,).
    values
        Names of the groups.
    """

    name: str
    role: str
    why: str
    codes: np.ndarray
    values: tuple[str, ...]


def candidates(material: Material) -> list[Candidate]:
    """Propose groups from columns, parts of names, and windows of one trial; no two the same."""
    proposed = [
        (name, role, "given" if role == "given" else f"column with codes of a {role}")
        for name, role in material.roles.groups.items()
    ]
    found = [_candidate(n, r, w, material.trials[n]) for n, r, w in proposed]
    if material.roles.file is not None:
        file = material.trials[material.roles.file]
        found.append(_candidate(material.roles.file, "session", "several clips of one film", file))
    windows = _windows(material)
    found += [] if windows is None else [windows]
    for name in map(str, material.parts):
        role = "stimulus" if "without number" in name else _role_of_part(name)
        found.append(_candidate(name, role, _why_part(name), material.parts[name]))
    unique: list[Candidate] = []
    for one in found:
        k = len(one.values)
        least = FEWEST_CODES if one.role == "codes" else 2
        repeated = least <= k <= material.n / 1.5
        if repeated and not any(_same(one.codes, other.codes) for other in unique):
            unique.append(one)
    return unique[:MOST_CANDIDATES]


def _candidate(name: str, role: str, why: str, column: pd.Series) -> Candidate:
    codes, values = pd.factorize(column.astype(object).where(column.notna(), "missing"))
    return Candidate(name, role, why, codes, tuple(map(str, values)))


def _windows(material: Material) -> Candidate | None:
    """Windows of one trial, where a clock's values come back within a subject or session."""
    keys = [n for n, r in material.roles.groups.items() if r in ("subject", "session")]
    for name in material.roles.order:
        column = material.trials[name]
        if column.nunique() <= material.n / 2 and (column.dropna() % 1 == 0).all():
            joint = material.trials[[*keys, name]].astype(str).agg(" / ".join, axis=1)
            if joint.nunique() <= material.n / 2:
                title = " × ".join([*keys, name])
                return _candidate(title, "codes", "several rows a trial", joint)
    return None


def _role_of_part(name: str) -> str:
    roles = {"speaker": "subject", "actor": "subject", "sentence": "stimulus"}
    return roles.get(name, "stimulus" if name in ("statement", "word") else "codes")


def _why_part(name: str) -> str:
    if "without number" in name:
        return 'names numbered like "Dog 1", "Dog 2"'
    return "folders of the path" if name.startswith("folder") else "codes in the file names"


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    joint = len(np.unique(a.astype(np.int64) * (int(b.max()) + 1) + b))
    return joint == a.max() + 1 == b.max() + 1


def main_groups(found: list[Candidate], n_classes: int) -> Candidate | None:
    """The candidate that folds should respect while columns are read: named ones come first."""
    rank = {"given": 0, "subject": 1, "stimulus": 2, "session": 3}
    usable = [c for c in found if c.role in rank and len(c.values) >= max(5, n_classes)]
    return min(usable, key=lambda c: rank[c.role], default=None)


def sample_rows(codes: np.ndarray, rng: np.random.Generator, most: int = MOST_ROWS) -> np.ndarray:
    """Rows of whole groups, or as many of each group as fit, at most ``most`` in all."""
    if len(codes) <= most:
        return np.arange(len(codes))
    order = rng.permutation(len(codes))
    within = pd.Series(codes[order]).groupby(codes[order]).cumcount().to_numpy()
    k = codes.max() + 1
    cap = max(2, int(np.ceil(most / k)), int(np.quantile(np.bincount(codes), 0.5)))
    cap = min(cap, max(2, most // 5))
    kept = order[within < cap]
    chosen = rng.permutation(k)
    total = np.cumsum(np.bincount(codes[kept], minlength=k)[chosen])
    groups = chosen[: max(5, int(np.searchsorted(total, most)))]
    return np.sort(kept[np.isin(codes[kept], groups)])


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
        readers = READERS if X.shape[1] else {}
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
            folds = group_folds(groups, rng) if grouped else random_folds(y, rng, min(k, N_SPLITS))
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
    df = max(int(units.max()), 1)
    half = student.isf(LEVEL / (2 * tests), df) * spread
    return {
        "reader": reader,
        "random_folds": float(random.mean()),
        "group_folds": float(grouped.mean()),
        "gap": gap,
        "interval": [gap - half, gap + half],
        "p": float(min(1.0, 2 * tests * student.sf(gap / spread, df))),
        "z": gap / spread,
        "p_random": float(student.sf(random.mean() / max(random_draws.std(ddof=1), 1e-12), df)),
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
        if identity.low[i] >= MOST_OF_IT:
            findings.append(_identity_finding(material, one, gap, identity, i))
    return findings


def _proven(gap: dict[str, Any]) -> bool:
    return bool(gap) and gap["p"] < LEVEL and gap["p_random"] < STRICT


def _inseparable(material: Material, one: Candidate, low: float) -> bool:
    """Whether each class comes with one group only."""
    return len(one.values) <= len(material.classes) and low >= MOST_OF_IT


def _gap_finding(
    material: Material, one: Candidate, gap: dict[str, Any], identity: float
) -> Finding:
    half_lost = gap["gap"] >= 0.5 * gap["random_folds"]
    severity: Severity = "high" if gap["p"] < STRICT and half_lost else "medium"
    return Finding(
        "group_gap",
        severity,
        f"Random folds read {gap['random_folds']:.2f} of {material.target}, folds by {one.name} "
        f"{gap['group_folds']:.2f}: a gap of {gap['gap']:.2f} (interval {gap['interval'][0]:.2f} "
        f"to {gap['interval'][1]:.2f}, {len(one.values)} groups).",
        {**gap, "groups": len(one.values), "identity_skill": identity, "proposed_from": one.why},
        f"Hold out by {one.name}; a random split would report the first number.",
        [one.name],
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
            "class": name,
            "groups": len(one.values),
            "features_recognise_it": proven,
            "inseparable": inseparable,
        },
        f"Hold out by {one.name}, and take its identity as the baseline to beat.",
        [one.name],
    )
