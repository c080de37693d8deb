"""Leak-safe splits, scores with intervals, nulls, baselines and the audit."""

from affectome.evidence.baselines import baseline_scores
from affectome.evidence.ceilings import NoiseCeiling, noise_ceiling
from affectome.evidence.evaluate import Evidence, evaluate
from affectome.evidence.manifest import manifest
from affectome.evidence.nulls import (
    circular_shifts,
    p_value,
    permute_crossed,
    permute_whole,
    permute_within,
    shuffle_inputs,
)
from affectome.evidence.permutation import PermutationTest, permutation_test
from affectome.evidence.scores import Score, difference, score
from affectome.evidence.splits import (
    Split,
    inner_split,
    make_split,
    purged_time_split,
    wrap_splitter,
)

__all__ = [
    "Evidence",
    "NoiseCeiling",
    "PermutationTest",
    "Score",
    "Split",
    "baseline_scores",
    "circular_shifts",
    "difference",
    "evaluate",
    "inner_split",
    "make_split",
    "manifest",
    "noise_ceiling",
    "p_value",
    "permutation_test",
    "permute_crossed",
    "permute_whole",
    "permute_within",
    "purged_time_split",
    "score",
    "shuffle_inputs",
    "wrap_splitter",
]
