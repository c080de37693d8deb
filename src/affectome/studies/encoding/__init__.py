"""What of the stimuli single units follow: the study and its report."""

from affectome.studies.encoding.study import EncodingStudy, name_tables, run

__all__ = ["EncodingStudy", "name_tables", "run"]
