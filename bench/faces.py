"""A frame with a face, a film of ten seconds with face, voice and words, and a body.

The face is that of a portrait in the public domain (scikit-image), moved about a little; the voice
is arithmetic, which the voice activity detector takes for no speech: it runs, and what is loud is
then read as speech. No peer is timed.
"""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from skimage import data
from threadpoolctl import threadpool_limits

from affectome.people.body.reader import BodyReader
from affectome.people.face.detector import find_faces
from affectome.people.face.reader import LONGEST_OF_FILM
from affectome.people.face.reader import reader as face_reader
from affectome.people.fusion import Fused
from affectome.people.reading import Reading
from affectome.people.streams import fuse_over_time
from affectome.people.voice import windows
from affectome.people.voice.reader import reader as voice_reader
from affectome.people.words.reader import reader as words_reader
from bench.voice_hours import loud_is_speech, minute

SECONDS, RATE, SIDE = 10, 25, (480, 640)
SAID = "I didn't expect that. Thank you so much, I am so happy to see you all here today!"
FRAME_MS, REPEATS = 40.0, 20


def frame(shift: int = 0) -> np.ndarray:
    """A picture of 640 × 480 with one face, moved by so many pixels."""
    portrait = data.astronaut()[:480]
    canvas = np.full((*SIDE, 3), 90, np.uint8)
    canvas[:, 60 + shift : 60 + shift + portrait.shape[1]] = portrait
    return canvas


def write(file: Path, seconds: int) -> Path:
    """Write a film with sound."""
    sound = minute(np.random.default_rng(0))
    with av.open(str(file), "w") as film:
        pictures = film.add_stream("libx264", rate=RATE, options={"preset": "ultrafast"})
        pictures.height, pictures.width = SIDE
        pictures.pix_fmt = "yuv420p"
        heard = film.add_stream("aac", rate=16_000, layout="mono")
        for number in range(seconds * RATE):
            shift = round(20 * np.sin(number / RATE))
            one = av.VideoFrame.from_ndarray(frame(shift), format="rgb24")
            one.pts, one.time_base = number, Fraction(1, RATE)
            film.mux(pictures.encode(one))
        film.mux(pictures.encode())
        for start in range(0, seconds * 16_000, 1024):
            part = sound[np.arange(start, start + 1024) % len(sound)]
            one = av.AudioFrame.from_ndarray(part[None].astype(np.float32), "fltp", "mono")
            one.sample_rate, one.pts, one.time_base = 16_000, start, Fraction(1, 16_000)
            film.mux(heard.encode(one))
        film.mux(heard.encode())
    return file


def median_ms(work: Callable[[], object]) -> float:
    """Median of some runs after one to warm up."""
    work()
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)


def read_clip(file: Path) -> list[Fused]:
    """Face, voice and words of a film, pooled second by second."""
    readings: list[Reading] = [
        *face_reader().read_file(file),
        *voice_reader().read_file(file),
        *words_reader().read([SAID]),
    ]
    return fuse_over_time(readings, 1.0)


def main() -> None:
    faces = face_reader()
    picture = frame()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        with threadpool_limits(limits=threads):
            whole = median_ms(lambda: faces.read_frame(picture))
            alone = median_ms(lambda: find_faces(picture, longest=LONGEST_OF_FILM))
        verdict = "ok" if whole <= FRAME_MS or threads == 1 else "ABOVE"
        print(
            f"a frame of 640 × 480 with a face: {whole:.0f} ms, of which detection {alone:.0f} "
            f"({threads} thr; target {FRAME_MS:g} on two cores) {verdict}",
            flush=True,
        )
    before, windows.speech_probability = windows.speech_probability, loud_is_speech
    try:
        with tempfile.TemporaryDirectory() as folder:
            clip = write(Path(folder) / "clip.mp4", SECONDS)
            list(read_clip(clip))
            began = time.perf_counter()
            pooled = read_clip(clip)
            took = time.perf_counter() - began
            shares = {name for one in pooled for name in one.shares}
            print(
                f"a clip of {SECONDS} s with {', '.join(sorted(shares))}: {took:.1f} s "
                f"({'ok' if took < SECONDS else 'ABOVE'}; target below {SECONDS})",
                flush=True,
            )
            began = time.perf_counter()
            list(BodyReader().read_file(clip))
            print(f"how its body moves: {time.perf_counter() - began:.1f} s", flush=True)
            peaks = []
            for seconds in (20, 80):
                film = write(Path(folder) / f"{seconds}.mp4", seconds)
                began = time.perf_counter()
                n = sum(1 for _ in faces.read_file(film))
                took = time.perf_counter() - began
                peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
                print(
                    f"{n} faces of a film of {seconds} s: {took:.0f} s, highest memory so far "
                    f"{peaks[-1]:.0f} MB",
                    flush=True,
                )
    finally:
        windows.speech_probability = before


if __name__ == "__main__":
    main()
