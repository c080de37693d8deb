"""Which published brain patterns a group's maps express: the study and its report."""

from affectome.studies.signature.study import name_patterns, run

__all__ = ["name_patterns", "run"]
