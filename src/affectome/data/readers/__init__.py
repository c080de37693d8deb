"""Recordings as the field stores them: one door, and a reader behind it for each format."""

from affectome.data.readers.measurement import Measurement
from affectome.data.readers.read import events_beside, read_recording

__all__ = ["Measurement", "events_beside", "read_recording"]
