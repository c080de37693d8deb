"""What of a network's units, or which category, can be read from other people's voxels."""

from affectome.studies.across_people.regions import find_regions
from affectome.studies.across_people.study import AcrossPeopleStudy, run

__all__ = ["AcrossPeopleStudy", "find_regions", "run"]
