"""How a population arranges conditions, held against models: the study and its report."""

from affectome.studies.similarity.study import SimilarityStudy, run

__all__ = ["SimilarityStudy", "run"]
