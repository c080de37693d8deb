"""Which published brain patterns a group's maps express: the study and its report."""

from affectome.studies.signature.study import Signatures, name_patterns, run

__all__ = ["Signatures", "name_patterns", "run"]
