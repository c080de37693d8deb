"""From an MP4 of 60 frames/s and 480×640 to intensity traces, and the memory that it takes.

``python -m bench.video --seconds 3600`` does the same for a film of an hour.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import av
import numpy as np
from numba import set_num_threads
from scipy.ndimage import gaussian_filter

from affectome.faces.prototypes import fit_prototypes
from affectome.features.hog import stream_film

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


def repeat_film(source: Path, path: Path, times: int) -> None:
    """Write a film several times over without encoding it again."""
    with av.open(str(path), "w") as container:
        stream = None
        for turn in range(times):
            with av.open(str(source)) as given:
                film = given.streams.video[0]
                stream = stream or container.add_stream_from_template(film)
                for packet in given.demux(film):
                    if packet.dts is not None:
                        packet.pts += turn * film.duration
                        packet.dts += turn * film.duration
                        packet.stream = stream
                        container.mux(packet)


def trace_film(film: Path) -> int:
    """Make prototypes of the first frames, and trace them over the film; give its frames."""
    first = next(stream_film(film))
    labels = np.where(np.arange(len(first.hog)) % 2 == 0, "", "event").astype(object)
    made = fit_prototypes(first.hog, labels, np.zeros(len(labels), dtype=int), sizes=(10,))
    return sum(len(made.intensity(stretch.hog)) for stretch in stream_film(film))


def main(seconds: int = SECONDS) -> None:
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        write_film(film, SECONDS)
        for threads in (1, 2):
            # Compiled code is loaded, and threads are started, before the clock is.
            next(stream_film(film))
            set_num_threads(threads)
            report(film, threads)
        if seconds > SECONDS:
            longer = Path(folder) / "longer.mp4"
            repeat_film(film, longer, seconds // SECONDS)
            report(longer, threads)


def report(film: Path, threads: int) -> None:
    start = time.perf_counter()
    frames = trace_film(film)
    elapsed = time.perf_counter() - start
    factor = frames / RATE / elapsed
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    verdict = "ok" if factor >= 10 else "BELOW"
    print(
        f"MP4 of {frames / RATE:.0f} s, {HEIGHT}×{WIDTH}, to intensity traces  {threads} thr  "
        f"{frames / elapsed:.0f} frames/s  {factor:.1f} times real time at {RATE} frames/s  "
        f"target 10 {verdict}  peak {peak:.0f} MB",
        flush=True,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    main(parser.parse_args().seconds)
