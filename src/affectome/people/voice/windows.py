"""Windows of speech in a sound of any length, and why some are not read."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from affectome.features.voice.sound import RATE
from affectome.features.voice.speech import CHUNK, speech_probability, speech_stretches

LONGEST_S, SHORTEST_S = 4.0, 0.5
MOST_HELD_S = 20.0
CLOSED_S = 0.5
SILENT, FULL_SCALE = 1e-3, 0.999
MOST_CLIPPED = 0.01
USUAL_LEVEL_DB = -25.0


@dataclass(frozen=True, eq=False)
class Window:
    """A stretch of speech.

    Attributes
    ----------
    signal
        Sound at 16 kHz as it is in the file, shape (n_samples,).
    start_s, end_s
        Where it lies in the file.
    """

    signal: np.ndarray
    start_s: float
    end_s: float

    @property
    def level_db(self) -> float:
        """Root mean square in decibels below full scale."""
        return float(10 * np.log10(np.mean(self.signal.astype(float) ** 2) + 1e-12))

    @property
    def clipped(self) -> float:
        """Share of samples at the highest level, where that is a plateau and no single peak."""
        size = np.abs(self.signal)
        top = size.max(initial=0.0)
        return float((size >= FULL_SCALE * top).mean()) if top > 0 else 0.0

    def levelled(self) -> np.ndarray:
        """Bring the sound to one level, so that a reading does not hang on the microphone."""
        x = self.signal.astype(np.float64)
        gain = 10 ** (USUAL_LEVEL_DB / 20) / np.sqrt(np.mean(x**2) + 1e-12)
        return (x * gain).astype(np.float32)


@dataclass
class Heard:
    """What was met while a sound was walked through: seconds in all, and the highest peak."""

    seconds: float = 0.0
    peak: float = 0.0


def speech_windows(blocks: Iterable[np.ndarray], heard: Heard) -> Iterator[Window]:
    """Cut a sound into windows of speech of at most 4 s; memory stays flat.

    Neighbouring stretches of speech are joined while they fit into one window, and longer ones are
    cut into equal parts.

    Parameters
    ----------
    blocks
        Sound at 16 kHz in pieces, all but the last a multiple of 512 samples long.
    heard
        Filled in on the way.
    """
    held, began = np.zeros(0, np.float32), 0
    known = np.zeros(0, np.float32)
    for block, probability in _with_speech(blocks):
        heard.seconds += len(block) / RATE
        heard.peak = max(heard.peak, float(np.abs(block).max(initial=0.0)))
        held, known = np.concatenate([held, block]), np.concatenate([known, probability])
        duration = len(held) / RATE
        stretches = speech_stretches(known, duration)
        keep = len(known)
        if stretches and duration - stretches[-1][1] < CLOSED_S:
            open_start = stretches[-1][0]
            if duration - open_start < MOST_HELD_S:
                stretches = stretches[:-1]
                keep = int(open_start * RATE) // CHUNK
        yield from _cut(held, began, stretches)
        held, known = held[keep * CHUNK :], known[keep:]
        began += keep * CHUNK
    yield from _cut(held, began, speech_stretches(known, len(held) / RATE))


def _with_speech(blocks: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    passed: list[np.ndarray] = []

    def watched() -> Iterator[np.ndarray]:
        for block in blocks:
            passed.append(block)
            yield block

    for probability in speech_probability(watched()):
        yield passed.pop(0), probability


def _cut(held: np.ndarray, began: int, stretches: list[tuple[float, float]]) -> Iterator[Window]:
    joined: list[list[float]] = []
    for start, end in stretches:
        if joined and end - joined[-1][0] <= LONGEST_S:
            joined[-1][1] = end
        else:
            joined.append([start, end])
    for start, end in joined:
        n = max(1, math.ceil((end - start) / LONGEST_S - 1e-9))
        edges = np.linspace(start, end, n + 1)
        for a, b in itertools.pairwise(edges):
            part = held[round(a * RATE) : round(b * RATE)]
            yield Window(part.copy(), began / RATE + float(a), began / RATE + float(b))


def unreadable(window: Window) -> str:
    """Say why a window can't be read; empty where it can."""
    seconds = len(window.signal) / RATE
    if seconds < SHORTEST_S:
        return f"only {seconds:.1f} s of speech, and {SHORTEST_S:g} s are needed"
    if window.clipped > MOST_CLIPPED:
        return f"clipped: {window.clipped:.0%} of its samples stand at the highest level"
    return ""


def nothing_heard(heard: Heard) -> str:
    """Say why a sound without any speech is not read."""
    if heard.peak < SILENT:
        return "silence: nothing in it is louder than 60 dB below full scale"
    if heard.seconds < SHORTEST_S:
        return f"only {heard.seconds:.1f} s of sound, and {SHORTEST_S:g} s of speech are needed"
    return "nobody speaks in it, as far as the voice activity detector hears"
