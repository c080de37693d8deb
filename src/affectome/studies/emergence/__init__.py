"""Units of a network that prefer pleasant or unpleasant pictures: the study and its report."""

from affectome.studies.emergence.study import EmergenceResult, run

__all__ = ["EmergenceResult", "run"]
