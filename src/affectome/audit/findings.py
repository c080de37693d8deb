"""What an audit says: findings with their evidence in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from affectome.audit.costs import Cost

Severity = Literal["high", "medium", "low"]
ORDER: Mapping[str, int] = {"high": 0, "medium": 1, "low": 2}
MOST_LISTED = 50
CODES: Mapping[str, str] = {
    "label_leak": "AFX001",
    "group_gap": "AFX002",
    "stimulus_identity": "AFX003",
    "duplicate_trials": "AFX004",
    "order": "AFX005",
    "imbalance": "AFX006",
    "too_few": "AFX007",
    "duplicate_columns": "AFX008",
    "constant_columns": "AFX009",
    "chosen_on_test": "AFX010",
}
"""Stable names of the kinds of findings, for ``--ignore`` and for documents to point at."""


@dataclass(frozen=True)
class Finding:
    """One reason why a score would be too good, or can't be trusted.

    Attributes
    ----------
    kind
        ``label_leak``, ``duplicate_columns``, ``constant_columns``, ``duplicate_trials``,
        ``group_gap``, ``stimulus_identity``, ``order``, ``imbalance``, ``too_few`` or
        ``chosen_on_test``.
    severity
        ``high``: a score would be wrong; ``medium``: it may be, and the split or the columns must
        change first; ``low``: worth knowing.
    what
        One sentence with the numbers in it.
    evidence
        The numbers.
    advice
        What to do, one sentence.
    cost
        The same reader scored with the fault and without it; or why that can't be measured.
    columns, files
        Where it is; at most 50 of each, the first ones.
    """

    kind: str
    severity: Severity
    what: str
    evidence: Mapping[str, Any]
    advice: str
    cost: Cost | str
    columns: Sequence[str] = ()
    files: Sequence[str] = field(default=())

    @property
    def code(self) -> str:
        """Stable name of its kind, such as ``AFX001``."""
        return CODES[self.kind]

    def to_dict(self) -> dict[str, Any]:
        """Give the finding as it stands in ``result.json``."""
        where: dict[str, Any] = {}
        if self.columns:
            where["columns"] = list(self.columns)[:MOST_LISTED]
        if self.files:
            where["files"] = list(self.files)[:MOST_LISTED]
        return {
            "code": self.code,
            "kind": self.kind,
            "severity": self.severity,
            "what": self.what,
            **where,
            "evidence": dict(self.evidence),
            "advice": self.advice,
            "cost": {"why": self.cost} if isinstance(self.cost, str) else self.cost.to_dict(),
        }

    @property
    def price(self) -> str:
        """What it costs, or why that is not known, in a sentence."""
        if isinstance(self.cost, str):
            return f"No price: {self.cost}."
        return self.cost.words


def listed(names: Sequence[str], most: int = 4) -> str:
    """Names in a sentence, shortened."""
    shown = ", ".join(map(str, names[:most]))
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
