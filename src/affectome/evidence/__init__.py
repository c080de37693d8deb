"""Leak-safe splits, scores with intervals, nulls and baselines."""

from affectome.evidence._exchange import arrange
from affectome.evidence._holdout import independent_groups
from affectome.evidence._metrics import METRICS
from affectome.evidence._predictions import fold_of
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
from affectome.evidence.scores import USUAL_INFLATION, Score, difference, score
from affectome.evidence.splits import (
    Split,
    inner_split,
    make_split,
    purged_time_split,
    wrap_splitter,
)

__all__ = [
    "METRICS",
    "USUAL_INFLATION",
    "Evidence",
    "NoiseCeiling",
    "PermutationTest",
    "Score",
    "Split",
    "arrange",
    "baseline_scores",
    "circular_shifts",
    "difference",
    "evaluate",
    "fold_of",
    "independent_groups",
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
