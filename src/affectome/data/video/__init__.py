"""Films: streamed frame by frame, decoded ahead of their use, and cut into clips."""

from affectome.data.video.film import (
    Region,
    Video,
    batches,
    check_region,
    frame_times,
    frames,
    is_variable,
    parse_region,
    probe,
)

__all__ = [
    "Region",
    "Video",
    "batches",
    "check_region",
    "frame_times",
    "frames",
    "is_variable",
    "parse_region",
    "probe",
]
