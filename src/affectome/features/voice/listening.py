"""What a small speech encoder hears in a voice: means and deviations of its early states.

The spectrum is Whisper's: 80 bands evenly spaced on the mel scale of Slaney, of unit area, 25 ms
under a Hann window every 10 ms, logarithms to base ten, floored 8 below the highest
(Radford et al. 2022).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import rfft

from affectome.networks.listener import BANDS, BLOCKS, LONGEST, WIDTH, Listener

RATE = 16_000
WINDOW, HOP = 400, 160
SMALLEST, FLOOR = 1e-10, 8.0
LINEAR_BELOW, LINEAR_STEP, LOG_STEP = 1000.0, 200.0 / 3, np.log(6.4) / 27
LONGEST_S = LONGEST / 50
HEARD = tuple(
    f"listener.block{b + 1}.{part}{i}"
    for b in range(BLOCKS)
    for part in ("mean", "sd")
    for i in range(WIDTH)
)


@lru_cache(maxsize=1)
def _bands() -> np.ndarray:
    """Triangles of unit area on Slaney's mel scale, shape (201, 80)."""
    top = LINEAR_BELOW / LINEAR_STEP + np.log(RATE / 2 / LINEAR_BELOW) / LOG_STEP
    mel = np.linspace(0, top, BANDS + 2)
    bent = mel - LINEAR_BELOW / LINEAR_STEP
    edges = np.where(bent < 0, mel * LINEAR_STEP, LINEAR_BELOW * np.exp(LOG_STEP * bent))
    hertz = np.linspace(0, RATE / 2, WINDOW // 2 + 1)[:, None]
    rising = (hertz - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - hertz) / np.diff(edges)[1:]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return (triangles * 2 / (edges[2:] - edges[:-2])).astype(np.float32)


def log_mel(signal: np.ndarray) -> np.ndarray:
    """Give Whisper's log-mel spectrum of a sound at 16 kHz, shape (80, n_samples // 160)."""
    x = np.asarray(signal, dtype=np.float32)
    x = (x - x.mean()) / np.sqrt(x.var() + 1e-7)
    padded = np.pad(x, WINDOW // 2, mode="reflect")
    frames = sliding_window_view(padded, WINDOW)[::HOP][: len(x) // HOP]
    window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    power = np.abs(rfft(frames * window, axis=1)) ** 2
    levels = np.log10(np.maximum(power @ _bands(), SMALLEST))
    return ((np.maximum(levels, levels.max() - FLOOR) + 4) / 4).T.astype(np.float32)


def heard(signal: np.ndarray, listener: Listener) -> np.ndarray:
    """Describe a sound by the listener's states.

    Parameters
    ----------
    signal
        Sound at 16 kHz, shape (n_samples,); beyond 8 s only the last 8 s are heard.
    listener
        From :func:`affectome.networks.listener.load_listener`.

    Returns
    -------
    ndarray
        Mean and standard deviation over time of each state after each block, named in ``HEARD``,
        shape (1536,).
    """
    mel = log_mel(np.asarray(signal)[-int(LONGEST_S * RATE) :])
    with torch.inference_mode():
        states = listener(torch.from_numpy(mel)[None])
    normed = [torch.nn.functional.layer_norm(s[0], (WIDTH,)) for s in states]
    parts = [part for s in normed for part in (s.mean(0), s.std(0, correction=0))]
    return torch.cat(parts).numpy()
