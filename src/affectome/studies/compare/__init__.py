"""Networks against a linear decoder on film EEG: the study and its report."""

from affectome.studies.compare.study import ALPHAS, EPOCHS, N_PERMUTATIONS, NETWORKS, SPLITS, run

__all__ = ["ALPHAS", "EPOCHS", "NETWORKS", "N_PERMUTATIONS", "SPLITS", "run"]
