"""Audit: why a score would be too good, found before anyone trains.

``run`` says what is done in which order. What is audited is read by ``tables``, ``names`` and
``clean`` into one ``material``; ``media`` makes small arrays of pictures and sounds. Then
``columns``, ``leaks``, ``regions``, ``duplicates``, ``copies``, ``groups``, ``order`` and
``class_balance`` each look for one kind of fault, with two quick ``probes``, and give ``findings``,
whose ``costs`` are scores with the fault and without it. ``predictions`` are read for what was
``chosen`` on the reported trials; ``corpora`` knows naming schemes; ``scope`` says what was not
looked for.
"""

from affectome.audit.findings import Finding
from affectome.audit.run import KINDS, SEVERITIES, Audit, audit

__all__ = ["KINDS", "SEVERITIES", "Audit", "Finding", "audit"]
