"""Which units carry emotion, and do they matter? Filters, neurons and voxels alike."""

from affectome.units.manipulation import (
    Change,
    Effect,
    corrected,
    enhance,
    kept,
    lesion,
    matched_draws,
    refitted,
)
from affectome.units.overlap import Overlap, overlap, shared_stimuli
from affectome.units.selectivity import Selectivity, selectivity

__all__ = [
    "Change",
    "Effect",
    "Overlap",
    "Selectivity",
    "corrected",
    "enhance",
    "kept",
    "lesion",
    "matched_draws",
    "overlap",
    "refitted",
    "selectivity",
    "shared_stimuli",
]
