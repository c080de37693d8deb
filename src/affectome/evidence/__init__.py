"""The one gate: splits, nulls, intervals and baselines; no p and no interval is made elsewhere."""

from affectome.evidence.baselines import baseline_scores
from affectome.evidence.ceilings import RaterCeiling, rater_ceiling
from affectome.evidence.claims import (
    Null,
    correct_together,
    fdr,
    max_statistic,
    mean_interval,
    p_of_each,
    p_value,
    tested,
)
from affectome.evidence.cross_fit import Predictions, cross_fit, fit_with_groups, fold_of
from affectome.evidence.design import (
    Design,
    exchange_for,
    make_design,
)
from affectome.evidence.evaluate import Evidence, evaluate
from affectome.evidence.exchange import Exchange, NoNullError
from affectome.evidence.intervals import fitted_spread
from affectome.evidence.manifest import manifest
from affectome.evidence.metrics import METRICS
from affectome.evidence.nulls import shuffle_inputs
from affectome.evidence.permutation import (
    NullScores,
    PermutationTest,
    class_tests,
    null_scores,
    permutation_test,
)
from affectome.evidence.scores import USUAL_INFLATION, Score, difference, group_mean, score
from affectome.evidence.similarity import model_scores, orders_of
from affectome.evidence.spatial import SurrogateMaps, Variogram, spatial_test
from affectome.evidence.splits import (
    Split,
    belongs_to,
    inner_split,
    make_split,
    purged_time_split,
    wrap_splitter,
)
from affectome.evidence.tails import tail_p

__all__ = [
    "METRICS",
    "USUAL_INFLATION",
    "Design",
    "Evidence",
    "Exchange",
    "NoNullError",
    "Null",
    "NullScores",
    "PermutationTest",
    "Predictions",
    "RaterCeiling",
    "Score",
    "Split",
    "SurrogateMaps",
    "Variogram",
    "baseline_scores",
    "belongs_to",
    "class_tests",
    "correct_together",
    "cross_fit",
    "difference",
    "evaluate",
    "exchange_for",
    "fdr",
    "fit_with_groups",
    "fitted_spread",
    "fold_of",
    "group_mean",
    "inner_split",
    "make_design",
    "make_split",
    "manifest",
    "max_statistic",
    "mean_interval",
    "model_scores",
    "null_scores",
    "orders_of",
    "p_of_each",
    "p_value",
    "permutation_test",
    "purged_time_split",
    "rater_ceiling",
    "score",
    "shuffle_inputs",
    "spatial_test",
    "tail_p",
    "tested",
    "wrap_splitter",
]
