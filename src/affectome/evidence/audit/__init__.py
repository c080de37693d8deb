"""Audit: why a score would be too good, found before anyone trains.

``run`` says what is done in which order. What is audited is read by ``tables``, ``names`` and
``roles`` into one ``material``; ``media`` makes small arrays of pictures and sounds. Then
``columns``, ``leaks``, ``region``, ``duplicates``, ``copies``, ``groups``, ``order`` and ``counts``
each look for one kind of fault, with two quick ``readers``, and give ``findings``.
"""

from affectome.evidence.audit.findings import Finding
from affectome.evidence.audit.run import KINDS, SEVERITIES, Audit, audit

__all__ = ["KINDS", "SEVERITIES", "Audit", "Finding", "audit"]
