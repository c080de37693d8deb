"""Recordings as the field stores them: one door, and a reader behind it for each format."""

from affectome.data.readers.measurement import Measurement
from affectome.data.readers.objects import as_recording
from affectome.data.readers.read import events_beside, read_recording

__all__ = ["Measurement", "as_recording", "events_beside", "read_recording"]
