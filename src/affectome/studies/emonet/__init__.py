"""EmoNet (Kragel et al. 2019): what categories of emotion can be read from pictures, and how."""

from affectome.studies.emonet.study import EmoNetStudy, run

__all__ = ["EmoNetStudy", "run"]
