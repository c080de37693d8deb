"""Candidate groups: columns, parts of names and runs of rows that may be held out together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from affectome.audit.material import Material
from affectome.audit.probes import MOST_ROWS
from affectome.data.roles import retells, role_of
from affectome.evidence.exchange import constant_within
from affectome.evidence.quick import drawn_order

MOST_CANDIDATES = 10
FEWEST_CODES = 5
FEWEST_RUNS, SHORTEST_RUN = 20, 3
HELD_OUT = ("subject", "stimulus", "session")


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
    if not material.files and not found:
        found += _runs_of_labels(material)
    most = len(material.classes)
    labels = pd.Series(material.y).astype(str)
    for name in map(str, material.parts):
        if material.classes and retells(material.parts[name], labels, most):
            continue
        found.append(
            _candidate(name, _part_role(material, name), _why_part(name), material.parts[name])
        )
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


def _runs_of_labels(material: Material) -> list[Candidate]:
    """Runs of rows with one label, where those are so long that windows of one trial are likely."""
    if not material.classes:
        return []
    run = np.r_[0, np.cumsum(material.y[1:] != material.y[:-1])]
    k = int(run[-1]) + 1
    if k < FEWEST_RUNS or material.n < SHORTEST_RUN * k or material.roles.order:
        return []
    why = "rows one after the other with the same label"
    return [Candidate("runs of one label", "codes", why, run, tuple(map(str, range(k))))]


def _part_role(material: Material, name: str) -> str:
    if "without number" in name:
        return "stimulus"
    known = material.part_roles.get(name)
    return known if known in HELD_OUT else role_of(name) or "codes"


def _why_part(name: str) -> str:
    if "without number" in name:
        return 'names numbered like "Dog 1", "Dog 2"'
    return "folders of the path" if name.startswith("folder") else "codes in the file names"


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    joint = len(np.unique(a.astype(np.int64) * (int(b.max()) + 1) + b))
    return joint == a.max() + 1 == b.max() + 1


def main_groups(found: list[Candidate], y: np.ndarray, n_classes: int) -> Candidate | None:
    """The candidate that folds should respect while columns are read.

    What carries the label as a whole comes first: where each film has one label, columns that tell
    the film pass for leaks unless whole films are held out. Then named ones come first.
    """
    rank = {"given": 0, "subject": 1, "stimulus": 2, "session": 3}
    usable = [c for c in found if c.role in rank and len(c.values) >= max(5, n_classes)]
    labels = pd.factorize(y)[0]
    return min(
        usable,
        key=lambda c: (c.role != "given" and not constant_within(labels, c.codes), rank[c.role]),
        default=None,
    )


def sample_rows(codes: np.ndarray, rng: np.random.Generator, most: int = MOST_ROWS) -> np.ndarray:
    """Rows of whole groups, or as many of each group as fit, at most ``most`` in all."""
    if len(codes) <= most:
        return np.arange(len(codes))
    order = drawn_order(len(codes), rng)
    within = pd.Series(codes[order]).groupby(codes[order]).cumcount().to_numpy()
    k = codes.max() + 1
    cap = max(2, int(np.ceil(most / k)), int(np.quantile(np.bincount(codes), 0.5)))
    cap = min(cap, max(2, most // 5))
    kept = order[within < cap]
    chosen = drawn_order(k, rng)
    total = np.cumsum(np.bincount(codes[kept], minlength=k)[chosen])
    groups = chosen[: max(5, int(np.searchsorted(total, most)))]
    return np.sort(kept[np.isin(codes[kept], groups)])
