"""From an MP4 of 60 frames/s and 480×640 to intensity traces, and the memory of an hour of it."""

import resource
import tempfile
import time
from pathlib import Path

import av
import numpy as np
from scipy.ndimage import gaussian_filter

from affectome.dynamics.prototypes import fit_prototypes
from affectome.features.hog import HogSettings, stream_film

RATE, SECONDS = 60, 20
HEIGHT, WIDTH = 480, 640


def write_film(path: Path, seconds: int) -> None:
    """Write a smooth scene with camera noise and a part that moves."""
    rng = np.random.default_rng(0)
    scene = (gaussian_filter(rng.normal(size=(HEIGHT, WIDTH)), 4) * 900 + 120).clip(0, 255)
    noise = [rng.normal(scale=3, size=scene.shape) for _ in range(8)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "veryfast"})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        for number in range(seconds * RATE):
            image = scene + noise[number % len(noise)]
            image[200:300, 200:300] = np.roll(image[200:300, 200:300], number % 40, axis=1)
            frame = av.VideoFrame.from_ndarray(image.clip(0, 255).astype(np.uint8), format="gray")
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode())


def main() -> None:
    settings = HogSettings()
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        write_film(film, SECONDS)
        first = next(stream_film(film, settings=settings))
        labels = np.where(np.arange(len(first.hog)) % 2 == 0, "", "event").astype(object)
        made = fit_prototypes(first.hog, labels, np.zeros(len(labels), dtype=int), sizes=(10,))
        start = time.perf_counter()
        frames = 0
        for stretch in stream_film(film, settings=settings):
            frames += len(made.intensity(stretch.hog))
        elapsed = time.perf_counter() - start
    factor = frames / RATE / elapsed
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    verdict = "ok" if factor >= 10 else "BELOW"
    print(
        f"MP4 to intensity traces, {HEIGHT}×{WIDTH}  {frames / elapsed:.0f} frames/s  "
        f"{factor:.1f} times real time at {RATE} frames/s  target 10 {verdict}  peak {peak:.0f} MB"
    )
