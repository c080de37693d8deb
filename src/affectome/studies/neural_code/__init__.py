"""The neural code of emotion in a recording: the study and its report."""

from affectome.studies.neural_code.study import NeuralCode, run

__all__ = ["NeuralCode", "run"]
