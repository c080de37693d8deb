"""Reading people: words, voices and what else carries emotion, each as a :class:`Reading`."""

from affectome.people.reading import Estimate, Reading, Readings
from affectome.people.registry import MODALITIES, Modality, read

__all__ = ["MODALITIES", "Estimate", "Modality", "Reading", "Readings", "read"]
