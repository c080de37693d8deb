"""The 88 features of a voice, and listening, against what librosa takes for pitch and cepstra."""

import librosa
import numpy as np
from scipy.signal import lfilter

from affectome.features.voice import voice_functionals
from affectome.features.voice.listening import heard
from affectome.people.voice.model import shipped_listener
from bench.timing import compare, show

RATE, SECONDS = 16_000, 8


def main() -> None:
    rng = np.random.default_rng(0)
    n = RATE * SECONDS
    f0 = 140 * (1 + 0.2 * np.sin(2 * np.pi * 0.5 * np.arange(n) / RATE))
    source = np.diff(np.floor(np.cumsum(f0 / RATE)), prepend=0.0) + 0.01 * rng.normal(size=n)
    voice = lfilter([1], [1, -1.6, 0.9], source)
    voice *= (np.arange(n) // 4000 % 3 > 0) * 0.3 / np.abs(voice).max()
    listener = shipped_listener()

    def peer() -> None:
        librosa.pyin(voice, fmin=75, fmax=600, sr=RATE, hop_length=160)
        librosa.feature.mfcc(y=voice, sr=RATE, hop_length=160, n_mfcc=4)
        librosa.feature.rms(y=voice, hop_length=160)

    peer()
    work = f"88 features of {SECONDS} s; librosa: pitch, MFCC, energy"
    show(compare(work, lambda: voice_functionals(voice), peer, target=5, repeats=3, threads=(1,)))
    work = f"what the listener hears of {SECONDS} s; librosa as above"
    show(compare(work, lambda: heard(voice, listener), peer, target=5, repeats=3, threads=(1,)))


if __name__ == "__main__":
    main()
