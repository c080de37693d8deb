"""Small films for tests, written with PyAV."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def write_film(
    path: Path,
    images: Sequence[np.ndarray],
    rate: int = 20,
    times: Sequence[float] | None = None,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
) -> Path:
    """Write grey (height, width) or colour (height, width, 3) frames; `times` in s, else even."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pixels
        stream.codec_context.time_base = Fraction(1, 1000 if times is not None else rate)
        for number, image in enumerate(images):
            source = "gray" if image.ndim == 2 else "rgb24"
            frame = av.VideoFrame.from_ndarray(image, format=source).reformat(format=pixels)
            frame.pts = number if times is None else round(1000 * times[number])
            frame.time_base = stream.codec_context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def noise(n: int, height: int = 48, width: int = 64, seed: int = 0) -> np.ndarray:
    """Give n noisy grey frames, each of its own brightness."""
    rng = np.random.default_rng(seed)
    level = np.linspace(40, 180, n)[:, None, None]
    return (level + rng.integers(0, 60, (n, height, width))).astype(np.uint8)
