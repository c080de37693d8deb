"""Which units carry emotion, and do they matter? Filters, neurons and voxels alike."""

from affectome.units.manipulation import Change, Effect, enhance, lesion, matched_draws
from affectome.units.overlap import Overlap, overlap, shared_stimuli
from affectome.units.selectivity import Selectivity, selectivity

__all__ = [
    "Change",
    "Effect",
    "Overlap",
    "Selectivity",
    "enhance",
    "lesion",
    "matched_draws",
    "overlap",
    "selectivity",
    "shared_stimuli",
]
