r"""What the spectrum of each frame says: auditory bands, loudness, flux, tilt, cepstrum, harmonics.

Frames are 25 ms under a Hamming window, 10 ms apart, of sound at 16 kHz. ``P`` is the power of a
frame in each bin of the Fourier transform (31.25 Hz).

- Auditory bands: 26 triangles evenly spaced in mel from 20 Hz to 8 kHz.
- Loudness: each band weighted by the ear's sensitivity and raised to the power .33, summed
  (Hermansky 1990).
- Spectral flux: root mean squared change of the auditory spectrum from one frame to the next.
- Alpha ratio: energy of 50–1,000 Hz over that of 1–5 kHz, decibels. Hammarberg index: highest peak
  below 2 kHz over the highest of 2–5 kHz, decibels.
- Spectral slopes: of the line through the decibels of 0–500 and of 500–1,500 Hz, dB per kHz.
- MFCC 1–4: cosine transform of the decibels of the bands.

References
----------
Eyben et al. 2016, IEEE Trans. Affective Computing 7, doi:10.1109/TAFFC.2015.2457417.
Hermansky 1990, J. Acoust. Soc. Am. 87, doi:10.1121/1.399423.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import dct, rfft

RATE = 16_000
WIDTH, SIZE = 400, 512
BIN = RATE / SIZE
N_BANDS, LOWEST, HIGHEST = 26, 20.0, 8_000.0
N_MFCC = 4
SMALLEST = 1e-12
STEP_S = 0.01
FRAMES_AT_ONCE = 4096
HARMONICS = 40
HARMONIC_SIZE = 1024


def power_spectra(signal: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Give the power of each frame in each bin, float32, shape (n_frames, 257).

    Parameters
    ----------
    signal
        Sound at 16 kHz, shape (n_samples,).
    times
        Centres of the frames in seconds, shape (n_frames,).
    """
    window = np.hamming(WIDTH).astype(np.float32)
    window /= window.sum() / 2
    return _spectra(signal, times, window, SIZE)


def _spectra(signal: np.ndarray, times: np.ndarray, window: np.ndarray, size: int) -> np.ndarray:
    width = len(window)
    padded = np.pad(np.asarray(signal, dtype=np.float32), width)
    first = np.round(times * RATE).astype(int) - width // 2 + width
    frames = sliding_window_view(padded, width)
    power = np.empty((len(times), size // 2 + 1), dtype=np.float32)
    for begin in range(0, len(times), FRAMES_AT_ONCE):
        rows = slice(begin, begin + FRAMES_AT_ONCE)
        chosen = frames[np.clip(first[rows], 0, len(frames) - 1)]
        power[rows] = np.abs(rfft(chosen * window, size, axis=1)) ** 2
    return power


@lru_cache(maxsize=4)
def mel_bands(n_bands: int = N_BANDS) -> np.ndarray:
    """Give the triangles that sum bins to auditory bands, shape (257, n_bands)."""
    mel = np.linspace(_mel(LOWEST), _mel(HIGHEST), n_bands + 2)
    at = _mel(np.arange(SIZE // 2 + 1) * BIN)
    rising = (at[:, None] - mel[:-2]) / np.diff(mel)[:-1]
    falling = (mel[2:] - at[:, None]) / np.diff(mel)[1:]
    return np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)


def _mel(hertz: np.ndarray | float) -> np.ndarray:
    return 2595.0 * np.log10(1.0 + np.asarray(hertz) / 700.0)


@lru_cache(maxsize=1)
def _hearing() -> np.ndarray:
    """Sensitivity of the ear at the middle of each band (Hermansky's equal-loudness curve)."""
    mel = np.linspace(_mel(LOWEST), _mel(HIGHEST), N_BANDS + 2)[1:-1]
    square = (2 * np.pi * 700.0 * (10 ** (mel / 2595.0) - 1)) ** 2
    return (square + 56.8e6) * square**2 / ((square + 6.3e6) ** 2 * (square + 0.38e9))


def auditory(power: np.ndarray) -> np.ndarray:
    """Give the auditory spectrum, compressed as loudness is, shape (n_frames, 26)."""
    return (power @ mel_bands() * _hearing()) ** 0.33


def flux(bands: np.ndarray) -> np.ndarray:
    """Give the root mean squared change from the frame before, 0 at the first; (n_frames,)."""
    change = np.diff(bands, axis=0, prepend=bands[:1])
    return np.sqrt((change**2).mean(1))


def mfcc(power: np.ndarray, n: int = N_MFCC, n_bands: int = N_BANDS) -> np.ndarray:
    """Give the cepstral coefficients 1 to ``n``, shape (n_frames, n)."""
    decibels = 10 * np.log10(power @ mel_bands(n_bands) + SMALLEST)
    return dct(decibels, axis=1, norm="ortho")[:, 1 : n + 1]


def tilt(power: np.ndarray) -> dict[str, np.ndarray]:
    """Give alpha ratio, Hammarberg index and the two slopes of each frame."""
    hertz = np.arange(power.shape[1]) * BIN
    decibels = 10 * np.log10(power + SMALLEST)

    def band(low: float, high: float) -> slice:
        return slice(int(np.ceil(low / BIN)), int(np.floor(high / BIN)) + 1)

    def energy(low: float, high: float) -> np.ndarray:
        return 10 * np.log10(power[:, band(low, high)].sum(1) + SMALLEST)

    def peak(low: float, high: float) -> np.ndarray:
        return decibels[:, band(low, high)].max(1)

    def slope(low: float, high: float) -> np.ndarray:
        part = band(low, high)
        kilohertz = hertz[part] / 1000
        centred = kilohertz - kilohertz.mean()
        return decibels[:, part] @ centred / (centred @ centred)

    return {
        "alpha_ratio": energy(50, 1000) - energy(1000, 5000),
        "hammarberg_index": peak(0, 2000) - peak(2000, 5000),
        "slope_0_500": slope(0, 500),
        "slope_500_1500": slope(500, 1500),
    }


def harmonic_levels(signal: np.ndarray, times: np.ndarray, f0: np.ndarray) -> np.ndarray:
    """Give the level of each harmonic of the voice in decibels, NaN above 8 kHz; (n_frames, 40).

    Parameters
    ----------
    signal
        Sound at 16 kHz.
    times, f0
        Frames (seconds) and the fundamental frequency in each (hertz, above 0).
    """
    window = np.hanning(WIDTH * 2 + 2)[1:-1].astype(np.float32)
    window /= window.sum() / 2
    power = _spectra(signal, times, window, HARMONIC_SIZE)
    spacing = RATE / HARMONIC_SIZE
    levels = np.full((len(times), HARMONICS), np.nan)
    rows = np.arange(len(times))
    reach = np.maximum(1, np.round(0.2 * f0 / spacing)).astype(int)
    widest = int(reach.max()) if len(reach) else 0
    for h in range(HARMONICS):
        centre = np.round((h + 1) * f0 / spacing).astype(int)
        inside = centre + reach < power.shape[1]
        best = np.zeros(len(times))
        for shift in range(-widest, widest + 1):
            near = inside & (abs(shift) <= reach)
            best[near] = np.maximum(best[near], power[rows[near], centre[near] + shift])
        levels[inside, h] = 10 * np.log10(best[inside] + SMALLEST)
    return levels
