"""A short film of one clip with the trace of its expression drawn beneath the face."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw

from affectome.errors import require

WIDTH, STRIP, MARGIN = 480, 120, 8
LINE, EVENT, SOFT, PAPER = (0, 114, 178), (213, 94, 0), (138, 143, 152), (255, 255, 255)


def face_film(
    images: np.ndarray, time: np.ndarray, trace: np.ndarray, title: str, rate: float
) -> bytes:
    """Write the film.

    Parameters
    ----------
    images
        Grey frames of the face, shape (n_times, height, width).
    time
        Seconds relative to the event, shape (n_times,).
    trace
        Intensity of the expression, shape (n_times,).
    title
        What is shown, in the corner of the strip.
    rate
        Frames per second.

    Returns
    -------
    bytes
        MP4 (H.264).
    """
    av = require("av", "video")
    height = round(images.shape[1] * WIDTH / images.shape[2] / 2) * 2
    stream_bytes = io.BytesIO()
    strip, points = _strip(time, trace, title)
    with av.open(stream_bytes, "w", format="mp4") as container:
        # Slower presets of x264 don't always give the same bytes for the same frames.
        stream = container.add_stream("libx264", round(rate), {"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, height + STRIP, "yuv420p"
        for number, image in enumerate(images):
            picture = Image.new("RGB", (WIDTH, height + STRIP), PAPER)
            picture.paste(Image.fromarray(image).resize((WIDTH, height)), (0, 0))
            picture.paste(_drawn_so_far(strip, points[: number + 1]), (0, height))
            frame = av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return stream_bytes.getvalue()


def _strip(
    time: np.ndarray, trace: np.ndarray, title: str
) -> tuple[Image.Image, list[tuple[float, float]]]:
    """Give the empty strip with its event line, and where the trace runs in it."""
    low, high = min(0.0, float(trace.min())), max(1.0, float(trace.max()))
    x = np.interp(time, [time[0], time[-1]], [MARGIN, WIDTH - MARGIN])
    y = np.interp(trace, [low, high], [STRIP - MARGIN, 3 * MARGIN])
    picture = Image.new("RGB", (WIDTH, STRIP), PAPER)
    pen = ImageDraw.Draw(picture)
    zero = float(np.interp(0.0, [low, high], [STRIP - MARGIN, 3 * MARGIN]))
    event = float(np.interp(0.0, time, x))
    pen.line([(MARGIN, zero), (WIDTH - MARGIN, zero)], fill=SOFT)
    pen.line([(event, 0), (event, STRIP)], fill=EVENT)
    pen.text((MARGIN, 4), f"intensity of the expression: {title}", fill=(27, 31, 36))
    return picture, list(zip(x.tolist(), y.tolist(), strict=True))


def _drawn_so_far(strip: Image.Image, points: list[tuple[float, float]]) -> Image.Image:
    picture = strip.copy()
    pen = ImageDraw.Draw(picture)
    if len(points) > 1:
        pen.line(points, fill=LINE, width=3)
    x, y = points[-1]
    pen.ellipse([x - 4, y - 4, x + 4, y + 4], fill=LINE)
    return picture
