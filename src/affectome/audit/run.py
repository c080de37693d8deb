"""Audit: why a score would be too good, found before anyone trains.

Nothing large is trained. Columns are read one by one and against all the others together; trials
are compared with each other; two quick readers are scored over random folds and over folds of every
candidate group; pictures and frames are read block by block. Each severity rests on an interval or
a permutation that holds for everything tested at once, so that clean data stay clean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from affectome.audit.candidates import candidates, main_groups
from affectome.audit.chosen import chosen_findings
from affectome.audit.class_balance import imbalance, too_few
from affectome.audit.findings import CODES, ORDER, Finding
from affectome.audit.groups import (
    group_findings,
    measure_gaps,
    read_identities,
)
from affectome.audit.looks import look
from affectome.audit.material import read_material
from affectome.audit.media import read_media
from affectome.audit.order import order_findings
from affectome.audit.predictions import Predictions, read_predictions
from affectome.audit.scope import ALWAYS, not_looked_for
from affectome.data import Skipped, result_head
from affectome.data.shown import Shown, plot_counts
from affectome.errors import InputError, unknown
from affectome.progress import Progress, silent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCHEMA = 1
SEVERITIES = tuple(ORDER)
KINDS = (
    "label_leak",
    "group_gap",
    "stimulus_identity",
    "duplicate_trials",
    "order",
    "imbalance",
    "too_few",
    "duplicate_columns",
    "constant_columns",
    "chosen_on_test",
)


@dataclass(frozen=True, repr=False)
class Audit(Shown):
    """What an audit found.

    Attributes
    ----------
    source, target, kind
        What was audited (``table``, ``recording``, ``media``, ``text`` or ``predictions``), for
        which label.
    n_trials, n_columns, classes
        Its size; no classes for ratings.
    features
        What the quick readers saw, in words.
    findings
        The worst first.
    candidates
        Columns and parts of names that may be held out together, with their measured gaps.
    not_looked_for
        What this run could not see, and why.
    skipped, warnings
        Rows that could not be used; what a reader must know.
    """

    source: str
    target: str
    kind: str
    n_trials: int
    n_columns: int
    features: str
    classes: tuple[str, ...]
    findings: tuple[Finding, ...]
    candidates: tuple[dict[str, Any], ...]
    not_looked_for: tuple[str, ...]
    skipped: tuple[Skipped, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def _title(self) -> str:
        return f"Audit of {self.source} for {self.target!r}: {len(self.findings)} findings"

    @property
    def _lines(self) -> list[str]:
        first = [f"{one.code} {one.severity}: {one.what}" for one in self.findings[:4]]
        return [self.verdict, *first, *self.warnings[:3]]

    def to_frame(self) -> pd.DataFrame:
        """Give a row a finding, the worst first."""
        columns = ("code", "kind", "severity", "what", "advice", "price")
        rows = [[getattr(one, name) for name in columns] for one in self.findings]
        return pd.DataFrame(rows, columns=columns)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how many findings there are of each severity."""
        counts = pd.Series([one.severity for one in self.findings], dtype=object).value_counts()
        return plot_counts(ax, counts.reindex(SEVERITIES, fill_value=0), "findings")

    @property
    def verdict(self) -> str:
        """One sentence: whether a score on these data could be believed, and what to do first."""
        counts = {s: sum(f.severity == s for f in self.findings) for s in SEVERITIES}
        if counts["high"]:
            first = next(f for f in self.findings if f.severity == "high")
            return (
                f"A score on these data would be too good: {counts['high']} serious finding"
                f"{'s' if counts['high'] > 1 else ''}, {counts['medium']} to look into. Begin with "
                f"{first.kind.replace('_', ' ')}: {first.advice}"
            )
        if counts["medium"]:
            first = next(f for f in self.findings if f.severity == "medium")
            return (
                f"Nothing proves a leak, but {counts['medium']} finding"
                f"{'s ask' if counts['medium'] > 1 else ' asks'} for care. {first.advice}"
            )
        unseen = "; ".join(self.not_looked_for)
        return f"Nothing was found that would make a score too good. Not looked for: {unseen}."

    def to_dict(self) -> dict[str, Any]:
        """Give ``result.json``."""
        return {
            **result_head(
                "audit",
                SCHEMA,
                source=self.source,
                target=self.target,
                held_out=None,
                trials=self.n_trials,
                skipped=self.skipped,
                warnings=self.warnings,
            ),
            "kind": self.kind,
            "n_columns": self.n_columns,
            "features": self.features,
            "classes": list(self.classes),
            "verdict": self.verdict,
            "findings": [f.to_dict() for f in self.findings],
            "candidates": list(self.candidates),
            "not_looked_for": list(self.not_looked_for),
        }


def audit(
    source: str | Path | pd.DataFrame | xr.DataArray | None = None,
    target: str | None = None,
    *,
    groups: Sequence[str] = (),
    file: str | None = None,
    target_from_name: str | None = None,
    names: Sequence[str] = (),
    ignore: Sequence[str] = (),
    predictions: str | Path | None = None,
    corpora: str | Path | None = None,
    random_state: int = 0,
    progress: Progress = silent,
) -> Audit:
    """Find why a score would be too good, before anyone trains.

    Parameters
    ----------
    source
        A table (CSV, TSV, Parquet or DataFrame), a Recording (Zarr folder or DataArray), or media:
        a table with a column of files, a folder with ``metadata.csv``, a folder of class folders,
        or a flat folder whose names carry codes. None where predictions alone are audited.
    target
        Column that will be decoded: classes, or ratings (numbers with more than ten values).
    groups
        Columns that hold groups, besides those that are proposed.
    file
        Column that holds the file names, found by its usual names when not given.
    target_from_name
        For media without a table: number of the part of the file name that is the label, or a
        regular expression whose first group is.
    names
        Names of the columns of a table without a header.
    ignore
        Codes of findings that are known and shall not be listed: ``AFX006``.
    predictions
        CSV of what one or more configurations predicted (`affectome.audit.predictions`).
    corpora
        TOML with naming schemes of your own (`affectome.audit.corpora`).
    random_state
        Seed of folds and draws.
    progress
        Called as ``progress(step, done, total)``.

    Returns
    -------
    Audit

    Raises
    ------
    InputError
        If the source can't be read or would not fit into memory, a column is missing, numbers are
        infinite or mixed with text, or there is only one class.
    """
    for code in ignore:
        if code not in CODES.values():
            raise unknown("a finding", code, CODES.values())
    rng = np.random.default_rng(random_state)
    if source is None:
        if predictions is None:
            raise InputError("name what is to be audited: a table, a folder, or --predictions FILE")
        return _of_predictions(read_predictions(predictions), ignore, random_state)
    if target is None:
        raise InputError("name the column that will be decoded by --target")
    progress("reading", 0, 1)
    material = read_material(
        source,
        target,
        groups,
        file=file,
        target_from_name=target_from_name,
        names=names,
        corpora=corpora,
    )
    progress("reading", 1, 1)
    media = read_media(material, rng, progress) if material.files else None
    proposed = candidates(material)
    main = main_groups(proposed, material.y, len(material.classes))
    findings = []
    if predictions is not None:
        by_row = None if main is None or material.skipped else (main.codes, main.name)
        given = read_predictions(predictions, by_row)
        findings += chosen_findings(given, random_state)
        material.warnings += given.warnings
    X, found = look(material, media, proposed, rng, progress)
    gaps = measure_gaps(material, X, proposed, rng, progress)
    identity = read_identities(material, proposed, rng)
    findings += found
    findings += group_findings(material, proposed, gaps, identity)
    findings += order_findings(material, X, proposed, rng)
    findings += imbalance(material, main, rng) + too_few(material, proposed)
    return Audit(
        source=str(source) if isinstance(source, str | Path) else type(source).__name__,
        target=target,
        kind=material.kind,
        n_trials=material.n,
        n_columns=X.shape[1],
        features=material.features,
        classes=material.classes,
        findings=_listed(findings, ignore),
        candidates=tuple(
            {
                "name": c.name,
                "role": c.role,
                "why": c.why,
                "groups": len(c.values),
                "examples": list(c.values[:5]),
                "identity_skill": float(skill),
                "gap": gap.evidence or None,
            }
            for c, gap, skill in zip(proposed, gaps, identity.skill, strict=True)
        ),
        not_looked_for=not_looked_for(material, media, proposed, predictions is not None, ignore),
        skipped=tuple(material.skipped),
        warnings=tuple(material.warnings),
    )


def _listed(findings: Sequence[Finding], ignore: Sequence[str]) -> tuple[Finding, ...]:
    """The worst first, less those that are known."""
    kept = [one for one in findings if one.code not in set(ignore)]
    return tuple(sorted(kept, key=lambda f: (ORDER[f.severity], KINDS.index(f.kind))))


def _of_predictions(given: Predictions, ignore: Sequence[str], random_state: int) -> Audit:
    findings = chosen_findings(given, random_state)
    return Audit(
        source=given.file,
        target="truth",
        kind="predictions",
        n_trials=given.n,
        n_columns=len(given.configurations),
        features="nothing but predictions",
        classes=given.classes,
        findings=_listed(findings, ignore),
        candidates=(),
        not_looked_for=("the data that were predicted: no table or folder was given", ALWAYS),
        warnings=tuple(given.warnings),
    )
