"""Hours of speech in one file: seconds, processor seconds, and memory that must not grow.

``python -m bench.voice_hours 3`` reads three hours; ``python -m bench voice_hours`` one. The sound
is arithmetic, which the voice activity detector takes for no speech: it runs, and what is loud is
then read as speech, seven tenths of the time.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import lfilter

from affectome.features.voice.speech import CHUNK, speech_probability
from affectome.people.voice import windows
from affectome.people.voice.reader import VoiceReader

RATE, MINUTE_S = 16_000, 60
LOUD = 0.02


def loud_is_speech(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Run the detector, and take what is loud for speech."""
    passed: list[np.ndarray] = []

    def watched() -> Iterator[np.ndarray]:
        for block in blocks:
            passed.append(block)
            yield block

    for probability in speech_probability(watched()):
        block = passed.pop(0)
        chunks = np.pad(block, (0, -len(block) % CHUNK)).reshape(-1, CHUNK)
        yield np.where(np.abs(chunks).max(1) > LOUD, 1.0, 0.0 * probability).astype(np.float32)


def minute(rng: np.random.Generator) -> np.ndarray:
    """A minute of a buzzing voice, 7 s of each 10."""
    n = RATE * MINUTE_S
    t = np.arange(n) / RATE
    f0 = 130 * (1 + 0.2 * np.sin(2 * np.pi * 0.4 * t + rng.uniform(0, 6)))
    source = np.diff(np.floor(np.cumsum(f0 / RATE)), prepend=0.0) + 0.01 * rng.normal(size=n)
    voice = lfilter([1], [1, -1.6, 0.9], source)
    return np.asarray(0.3 * voice / np.abs(voice).max() * (t % 10 < 7), np.float32)


def megabytes() -> float:
    """Highest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def read(file: Path, minutes: int) -> tuple[float, float, int]:
    """Seconds, processor seconds and windows of reading so many minutes."""
    rng = np.random.default_rng(0)
    with soundfile.SoundFile(file, "w", RATE, 1) as sound:
        for _ in range(minutes):
            sound.write(minute(rng))
    begun, worked = time.perf_counter(), time.process_time()
    (found,) = VoiceReader().read_file(file)
    return time.perf_counter() - begun, time.process_time() - worked, len(found.parts)


def main(hours: float = 1.0) -> None:
    windows.speech_probability = loud_is_speech
    with tempfile.TemporaryDirectory() as folder:
        read(Path(folder) / "short.flac", 5)
        before = megabytes()
        seconds, worked, parts = read(Path(folder) / "long.flac", round(60 * hours))
    print(
        f"{hours:g} h of sound, {parts} windows of speech: {seconds:.0f} s, {worked:.0f} s of "
        f"processor ({worked / hours:.0f} s an hour); memory {before:.0f} MB after 5 minutes, "
        f"{megabytes():.0f} MB at the end",
        flush=True,
    )


if __name__ == "__main__":
    main(*map(float, sys.argv[1:2]))
