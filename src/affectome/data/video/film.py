"""Video as a stream: grey frames with their times, never the whole film in memory.

Frames carry their own times, so films of variable frame rate need nothing special. Grey is the
luma plane as the film stores it: most cameras write ``yuv420p``, where it costs no conversion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from affectome.data.video.decode import decoded, grey, open_film, packet_times, rgb
from affectome.errors import InputError

RATE_TOLERANCE = 0.01
VARIABLE_RATE = 0.02
CLOCK = 1e-6


class Region(NamedTuple):
    """A rectangle of a frame in pixels: left edge, top edge, width and height."""

    x: int
    y: int
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}"

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns, to index a frame by."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)


class Frame(NamedTuple):
    """One frame: its time in seconds from the start of the film, and its pixels (uint8)."""

    seconds: float
    image: np.ndarray


@dataclass(frozen=True)
class Video:
    """What a film says about itself.

    Attributes
    ----------
    path
        The file.
    width, height
        Size of its frames in pixels.
    rate
        Frames per second, the mean over the film.
    duration
        Seconds, NaN where the container does not say.
    codec
        Name of its codec.
    """

    path: Path
    width: int
    height: int
    rate: float
    duration: float
    codec: str


def parse_region(text: str) -> Region:
    """Read a region written as ``x,y,w,h``.

    Raises
    ------
    InputError
        If it is not four whole numbers with a positive width and height.
    """
    try:
        region = Region(*(int(part) for part in text.split(",")))
    except (ValueError, TypeError):
        raise InputError(f"a region is x,y,w,h in whole pixels; got {text!r}") from None
    if min(region.x, region.y) < 0 or min(region.width, region.height) < 1:
        raise InputError(
            f"a region starts at 0 or later and is at least 1 pixel wide and high; got {text!r}"
        )
    return region


def probe(path: str | Path, rate: float | None = None) -> Video:
    """Read what a film says about itself, without decoding it.

    Parameters
    ----------
    path
        The film.
    rate
        Frames per second that a table claims; checked against the film.

    Raises
    ------
    InputError
        If the file is missing, not a video, of a codec that can't be decoded, or of another frame
        rate than the table says (the line gives both).
    """
    container, stream = open_film(Path(path))
    with container:
        video = _describe(Path(path), container, stream)
    if rate is not None and abs(video.rate - rate) > RATE_TOLERANCE * rate:
        raise InputError(
            f"{path}: the table says {rate:g} frames/s, the film says {video.rate:g}; "
            "correct the table, or leave its rate out to take the film's"
        )
    return video


def frames(
    path: str | Path,
    start: float = 0.0,
    stop: float | None = None,
    region: Region | None = None,
    colour: Literal["grey", "rgb"] = "grey",
) -> Iterator[Frame]:
    """Decode frames one by one, from the last key frame before ``start`` up to ``stop``.

    Parameters
    ----------
    path
        The film.
    start, stop
        Seconds from its start; frames with ``start <= seconds < stop`` are given.
    region
        Part of the frame to keep.
    colour
        ``"grey"`` for images of shape (height, width), ``"rgb"`` for (height, width, 3).

    Yields
    ------
    Frame
        Time in seconds, and pixels as uint8 in memory of their own.

    Raises
    ------
    InputError
        If the film can't be opened or decoded, is cut off, changes its size on the way, holds no
        frame between ``start`` and ``stop``, or the region leaves the frame.
    """
    pixels = grey if colour == "grey" else rgb
    for seconds, image in _views(Path(path), start, stop, region, pixels):
        yield Frame(seconds, image.copy())


def batches(
    path: str | Path,
    start: float = 0.0,
    stop: float | None = None,
    region: Region | None = None,
    size: int = 64,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Decode grey frames in stacks.

    Parameters
    ----------
    path, start, stop, region
        As for `frames`.
    size
        Frames a stack.

    Yields
    ------
    tuple of ndarray
        Times, shape (n,) in seconds, and images, shape (n, height, width), uint8; n is ``size`` but
        for the last stack.
    """
    times, images, n = np.empty(size), np.empty((0, 0, 0), np.uint8), 0
    for seconds, image in _views(Path(path), start, stop, region, grey):
        if n == 0:
            images = np.empty((size, *image.shape), np.uint8)
        times[n], images[n], n = seconds, image, n + 1
        if n == size:
            yield times.copy(), images
            n = 0
    if n:
        yield times[:n].copy(), images[:n]


def frame_times(path: str | Path) -> np.ndarray:
    """Read the times of a film's frames, without decoding them.

    Returns
    -------
    ndarray
        Seconds from its start, rising, shape (n_frames,).

    Raises
    ------
    InputError
        If the film can't be opened or read.
    """
    return packet_times(Path(path))


def check_region(video: Video, region: Region | None) -> None:
    """Refuse a region that leaves the frame.

    Raises
    ------
    InputError
        If it does.
    """
    if region is None:
        return
    if region.x + region.width > video.width or region.y + region.height > video.height:
        raise InputError(
            f"{video.path}: the region {region} leaves the frame, which is {video.width} pixels "
            f"wide and {video.height} high"
        )


def is_variable(times: np.ndarray) -> bool:
    """Say whether frames with these times (s) came at a variable rate."""
    steps = np.diff(times)
    return bool(len(steps)) and float(np.ptp(steps)) > VARIABLE_RATE * float(np.median(steps))


def _views(
    file: Path,
    start: float,
    stop: float | None,
    region: Region | None,
    pixels: Callable[[Any], np.ndarray],
) -> Iterator[tuple[float, np.ndarray]]:
    """Give seconds and pixels, which the decoder may overwrite once the next are asked for."""
    container, stream = open_film(file)
    with container:
        video = _describe(file, container, stream)
        check_region(video, region)
        rows, columns = region.window if region else (slice(None), slice(None))
        given, seconds = 0, float("nan")
        for seconds, frame in decoded(file, container, stream, start):
            if stop is not None and seconds >= stop - CLOCK:
                break
            if seconds >= start - CLOCK:
                _check_size(video, frame, seconds)
                yield seconds, pixels(frame)[rows, columns]
                given += 1
        else:
            _check_end(video, seconds)
    if not given:
        until = "its end" if stop is None else f"{stop:g} s"
        raise InputError(f"{file} has no frames from {start:g} s to {until}; {_length(video)}")


def _describe(path: Path, container: Any, stream: Any) -> Video:
    rate = stream.average_rate or stream.guessed_rate
    if not rate or not stream.width:
        container.close()
        raise InputError(f"{path} has a video stream without frames")
    duration = float("nan")
    if stream.duration is not None:
        duration = float(stream.duration * stream.time_base)
    elif container.duration is not None:
        duration = container.duration / 1e6
    name = stream.codec_context.name
    return Video(path, stream.width, stream.height, float(rate), duration, name)


def _check_end(video: Video, last: float) -> None:
    if last + 2.5 / video.rate < video.duration:
        raise InputError(
            f"{video.path} says it is {video.duration:g} s long but its frames end at "
            f"{last:.3f} s; the file is cut off: copy it again"
        )


def _check_size(video: Video, frame: Any, seconds: float) -> None:
    if (frame.width, frame.height) != (video.width, video.height):
        raise InputError(
            f"{video.path} changes its size at {seconds:.3f} s from {video.width}×{video.height} "
            f"to {frame.width}×{frame.height}; cut it into films of one size"
        )


def _length(video: Video) -> str:
    if np.isnan(video.duration):
        return "its length is unknown"
    return f"it is {video.duration:g} s long"
