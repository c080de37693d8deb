"""Body signals: skin conductance, pulse, heart, breath and warmth, summed up in a few numbers."""

from affectome.features.physiology.features import (
    Physiology,
    by_person,
    in_contact,
    physiology_features,
)
from affectome.features.physiology.summaries import FEATURES, summarise

__all__ = ["FEATURES", "Physiology", "by_person", "in_contact", "physiology_features", "summarise"]
