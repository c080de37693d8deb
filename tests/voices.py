"""Voices made by arithmetic: pulses of the vocal folds through the resonances of a tract."""

import numpy as np
from scipy.signal import lfilter

RATE = 16_000


def synthetic_voice(
    seconds: float = 2.0,
    f0: float = 120.0,
    formants: tuple[float, ...] = (700, 1200, 2600),
    seed: int = 0,
    irregular: float = 0.01,
) -> np.ndarray:
    """Syllables of .25 s with a pause of .1 s, gliding in pitch and from vowel to vowel."""
    rng = np.random.default_rng(seed)
    n = int(seconds * RATE)
    t = np.arange(n) / RATE
    glide = f0 * (1 + 0.15 * np.sin(2 * np.pi * 0.7 * t + rng.uniform(0, 6)))
    steps = glide * (1 + irregular * np.repeat(rng.normal(size=n // 100 + 1), 100)[:n]) / RATE
    phase = np.cumsum(steps)
    source = np.diff(np.floor(phase), prepend=0.0) + 0.003 * rng.normal(size=n)
    source = lfilter([1], [1, -0.96], source)
    out = np.zeros(n)
    syllable = int(0.35 * RATE)
    for begin in range(0, n, syllable):
        part = source[begin : begin + int(0.25 * RATE)].copy()
        for k, hertz in enumerate(formants):
            moved = hertz * rng.uniform(0.75, 1.25)
            radius = np.exp(-np.pi * (60 + 40 * k) / RATE)
            part = lfilter(
                [1], [1, -2 * radius * np.cos(2 * np.pi * moved / RATE), radius**2], part
            )
        part = np.diff(part, prepend=0.0)
        fade = np.minimum(1, np.minimum(np.arange(len(part)), np.arange(len(part))[::-1]) / 400)
        out[begin : begin + len(part)] = part * fade * rng.uniform(0.5, 1)
    return (0.3 * out / np.abs(out).max() + 1e-4 * rng.normal(size=n)).astype(np.float64)
