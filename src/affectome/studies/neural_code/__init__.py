"""The neural code of emotion in a recording: the study and its report."""

from affectome.studies.neural_code.study import PARTS, NeuralCode, check_options, run

__all__ = ["PARTS", "NeuralCode", "check_options", "run"]
