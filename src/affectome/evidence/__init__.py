"""Leak-safe splits, scores with intervals, nulls, baselines and the audit."""

from affectome.evidence.splits import (
    Split,
    inner_split,
    make_split,
    purged_time_split,
    wrap_splitter,
)

__all__ = [
    "Split",
    "inner_split",
    "make_split",
    "purged_time_split",
    "wrap_splitter",
]
