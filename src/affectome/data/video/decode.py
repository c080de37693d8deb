"""Decoding by PyAV, with one line for each way in which a file can fail it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from affectome.data.foreign import readable
from affectome.errors import InputError, require

PLANAR_LUMA = ("yuv4", "yuvj4", "nv12", "nv16", "nv21", "gray8")


def open_film(path: Path) -> tuple[Any, Any]:
    """Open a film: its container and its first video stream."""
    av = require("av", "video")
    if not path.is_file():
        raise InputError(f"there is no video {path}; check its name and folder")
    try:
        container = av.open(str(path))
    except av.error.FFmpegError as error:
        raise InputError(
            f"{path} can't be opened as a video ({error.strerror}); it may be cut off or no "
            "video: copy it again"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} can't be opened as a video: its header is damaged") from error
    if not container.streams.video:
        container.close()
        raise InputError(f"{path} has no video stream, only sound or text; give the film")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        container.close()
        raise InputError(f"{path} has a codec that can't be decoded here; write it as H.264")
    stream.thread_type = "AUTO"
    return container, stream


def decoded(path: Path, container: Any, stream: Any, start: float) -> Iterator[tuple[float, Any]]:
    """Decode from the last key frame before ``start`` (s): each frame with its seconds."""
    av = require("av", "video")
    offset = stream.start_time or 0
    seconds = 0.0
    try:
        if start > 0:
            container.seek(offset + int(start / stream.time_base), stream=stream)
        for frame in container.decode(stream):
            if frame.pts is None:
                raise InputError(f"{path} has frames without times; write it as MP4")
            seconds = float((frame.pts - offset) * frame.time_base)
            yield seconds, frame
    except av.error.FFmpegError as error:
        raise InputError(
            f"{path} can't be decoded after {seconds:.3f} s ({error.strerror}); the file is "
            "damaged or cut off: copy it again"
        ) from error


def packet_times(path: Path) -> np.ndarray:
    """Give the seconds of all frames, rising, as the container states them."""
    container, stream = open_film(path)
    with container, readable(path, "FFmpeg to its end"):
        ticks = [packet.pts for packet in container.demux(stream) if packet.pts is not None]
        seconds = (np.sort(np.array(ticks, dtype=float)) - (stream.start_time or 0)) * float(
            stream.time_base
        )
    return seconds


def grey(frame: Any) -> np.ndarray:
    """Give a frame's luma, shape (height, width), in the decoder's own memory where it can be."""
    if not frame.format.name.startswith(PLANAR_LUMA) or frame.format.components[0].bits != 8:
        frame = frame.reformat(format="gray8")
    plane = frame.planes[0]
    luma = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return luma[: frame.height, : frame.width]


def rgb(frame: Any) -> np.ndarray:
    """Give a frame's colours, shape (height, width, 3)."""
    pixels: np.ndarray = frame.to_ndarray(format="rgb24")
    return pixels
