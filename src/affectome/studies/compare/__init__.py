"""Networks against a linear decoder on film EEG: the study and its report."""

from affectome.studies.compare.study import ALPHAS, EPOCHS, NETWORKS, SPLITS, run

__all__ = ["ALPHAS", "EPOCHS", "NETWORKS", "SPLITS", "run"]
