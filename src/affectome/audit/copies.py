"""Copies of pictures and of sounds, augmented ones too, each verified against pairs of strangers.

Pictures: the nearest neighbours by 16 × 16 luminance (mirrored and cropped versions, too) are
brought into register by shifting the four edges of a crop, and then compared by the fine structure
that is left when a blurred version is taken away.
Sounds: how the shape of the spectrum changes from frame to frame is correlated over shifts. A pair
counts as copied where it is far above pairs of strangers, and a picture's copy far above what the
picture shares with many others.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageFilter

from affectome.progress import Progress

SIDE = 16
N_NEAR = 4
MOST_CROPPED = 3000
MOST_CHECKED = 600
LEAST_LIKE = 0.65
N_STRANGERS = 40
FINE = 32
SURE_PICTURE, SURE_SOUND = 0.75, 0.8
LOUD = -35.0
CERTAIN = 0.995
SPREADS = 6.0
NEARER = 0.4
STEPS = (6.0, 3.0, 1.5, 0.75)
CROPS = tuple(
    (left, top, side)
    for side in (0.9, 0.8)
    for left, top in ((0, 0), (1, 0), (0, 1), (1, 1), (0.5, 0.5))
)
N_FRAMES, N_SHIFTS = 128, 40
BLOCK = 512
NONE = np.empty((0, 2), dtype=int)

Box = tuple[float, float, float, float]


def copied_pictures(
    small: np.ndarray, rng: np.random.Generator, progress: Progress
) -> tuple[np.ndarray, float]:
    """Pairs of pictures of which one was made from the other, and the similarity they had to reach.

    Parameters
    ----------
    small
        Luminance, uint8, shape (n, 64, 64).
    rng
        Draws the strangers.
    progress
        Called while candidates are verified.
    """
    n = len(small)
    if n < 3:
        return NONE, 1.0
    images = [Image.fromarray(one) for one in small]
    strangers = rng.integers(n, size=(N_STRANGERS, 2))
    null = [_register(images[a], images[b])[1] for a, b in strangers if a != b]
    sure = _threshold(np.array(null), SURE_PICTURE)
    found = []
    usual = _usual_likeness(images)
    checked = _near_pictures(small)
    for done, (a, b, mirrored) in enumerate(checked):
        other = images[b].transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else images[b]
        likeness = max(_register(images[a], other)[1], _register(other, images[a])[1])
        if likeness >= sure and 1 - likeness < NEARER * (1 - min(usual[a], usual[b])):
            found.append((min(a, b), max(a, b)))
        if done % 50 == 0:
            progress("copies", done, len(checked))
    progress("copies", len(checked), len(checked))
    return np.unique(np.array(found, dtype=int).reshape(-1, 2), axis=0), sure


def _usual_likeness(images: list[Image.Image]) -> np.ndarray:
    """Likeness of each picture to its tenth part of nearest others: a fixed camera has it high."""
    fine = np.stack([_fine(image, None) for image in images]).astype(np.float32)
    others = fine[:: max(1, len(fine) // MOST_CROPPED)]
    k = max(min(10, len(others) - 1), len(others) // 10)
    usual = np.empty(len(fine))
    for start in range(0, len(fine), BLOCK):
        likeness = fine[start : start + BLOCK] @ others.T
        usual[start : start + BLOCK] = np.partition(likeness, -k - 1, axis=1)[:, -k - 1]
    return usual


def _threshold(null: np.ndarray, least: float) -> float:
    """What copies must reach: six robust spreads above strangers, on Fisher's scale."""
    if not len(null):
        return least
    z = np.arctanh(np.clip(null, -0.999, 0.999))
    spread = 1.4826 * np.median(np.abs(z - np.median(z))) + 1e-3
    return float(min(max(least, np.tanh(np.median(z) + SPREADS * spread)), CERTAIN))


def _near_pictures(small: np.ndarray) -> list[tuple[int, int, bool]]:
    """Pairs worth a closer look, the likest first: (a, b, b mirrored)."""
    whole = _embedding(small)
    views = [(small, False), (small[:, :, ::-1], True)]
    if len(small) <= MOST_CROPPED:
        views += [(_crop(small, *crop), False) for crop in CROPS]
        views += [(_crop(small[:, :, ::-1], *crop), True) for crop in CROPS]
    best: dict[tuple[int, int, bool], float] = {}
    for view, mirrored in views:
        other = _embedding(view)
        for start in range(0, len(small), BLOCK):
            likeness = other[start : start + BLOCK] @ whole.T
            rows = np.arange(len(likeness))
            likeness[rows, rows + start] = -1.0
            near = np.argpartition(-likeness, min(N_NEAR, len(small) - 1), axis=1)[:, :N_NEAR]
            for i, j in zip(np.repeat(rows, near.shape[1]), near.ravel(), strict=True):
                pair = (min(int(j), int(i + start)), max(int(j), int(i + start)), mirrored)
                best[pair] = max(best.get(pair, -1.0), float(likeness[i, j]))
    likely = [pair for pair in best if best[pair] >= LEAST_LIKE]
    return sorted(likely, key=lambda pair: -best[pair])[:MOST_CHECKED]


def _embedding(view: np.ndarray) -> np.ndarray:
    k = view.shape[1] // SIDE
    cells = view.astype(np.float32).reshape(len(view), SIDE, k, SIDE, k).mean(axis=(2, 4))
    flat = cells.reshape(len(view), -1)
    flat -= flat.mean(axis=1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)


def _crop(small: np.ndarray, left: float, top: float, side: float) -> np.ndarray:
    size = small.shape[1]
    room = size * (1 - side)
    at = np.linspace(0, size * side - 1, size).round().astype(int)
    return small[:, (at + round(top * room))[:, None], (at + round(left * room))[None, :]]


def _register(whole: Image.Image, part: Image.Image) -> tuple[Box, float]:
    """The crop of ``whole`` that is most like ``part``, and how alike their fine structure is."""
    wanted = _plain(part, None)
    width, height = whole.size
    starts: list[Box] = [(0, 0, width, height)]
    for left, top, side in CROPS:
        x, y = left * width * (1 - side), top * height * (1 - side)
        starts.append((x, y, x + side * width, y + side * height))
    likeness, box = max((float(_plain(whole, s) @ wanted), s) for s in starts)
    for step in STEPS:
        better = True
        while better:
            better = False
            for moved in _moves(box, step, whole.size):
                value = float(_plain(whole, moved) @ wanted)
                if value > likeness + 1e-4:
                    likeness, box, better = value, moved, True
    return box, float(_fine(whole, box) @ _fine(part, None))


def _moves(box: Box, step: float, size: tuple[int, int]) -> list[Box]:
    left, top, right, bottom = box
    moves = [
        (left + step, top, right, bottom),
        (left - step, top, right, bottom),
        (left, top + step, right, bottom),
        (left, top - step, right, bottom),
        (left, top, right + step, bottom),
        (left, top, right - step, bottom),
        (left, top, right, bottom + step),
        (left, top, right, bottom - step),
    ]
    return [
        m
        for m in moves
        if m[0] >= 0 and m[1] >= 0 and m[2] <= size[0] and m[3] <= size[1]
        and min(m[2] - m[0], m[3] - m[1]) >= 0.6 * min(size)
    ]  # fmt: skip


def _plain(image: Image.Image, box: Box | None) -> np.ndarray:
    return _unit(image.resize((SIDE, SIDE), Image.Resampling.BOX, box=box))


def _fine(image: Image.Image, box: Box | None) -> np.ndarray:
    sharp = image.resize((FINE, FINE), Image.Resampling.BILINEAR, box=box)
    blurred = np.asarray(sharp.filter(ImageFilter.GaussianBlur(3)), dtype=np.float32)
    soft = np.asarray(sharp.filter(ImageFilter.GaussianBlur(0.7)), dtype=np.float32)
    return _unit(soft - blurred)


def _unit(values: Image.Image | np.ndarray) -> np.ndarray:
    flat = np.asarray(values, dtype=np.float32).ravel()
    flat = flat - flat.mean()
    return flat / max(math.sqrt(float(flat @ flat)), 1e-6)


def copied_sounds(spectra: tuple[np.ndarray, ...]) -> tuple[np.ndarray, float]:
    """Pairs of sounds of which one was made from the other, and the likeness they had to reach.

    Parameters
    ----------
    spectra
        Log-mel spectra, each (n_frames, 32).
    """
    n = len(spectra)
    if n < 3:
        return NONE, 1.0
    forms = np.stack([_form(s) for s in spectra])
    waves = np.fft.rfft(forms, n=2 * N_FRAMES, axis=1)
    best = np.full((n, n), -1.0, dtype=np.float32)
    for i in range(n):
        cross = np.einsum("nfb,fb->nf", waves[i + 1 :].conj(), waves[i])
        shifts = np.fft.irfft(cross, axis=1)
        near = np.hstack([shifts[:, : N_SHIFTS + 1], shifts[:, -N_SHIFTS:]])
        best[i, i + 1 :] = near.max(axis=1, initial=-1.0)
    upper = best[np.triu_indices(n, 1)]
    sure = _threshold(upper, SURE_SOUND)
    return np.argwhere(best >= sure), sure


def _form(spectrum: np.ndarray) -> np.ndarray:
    """Change from frame to frame of the shape of the spectrum where it is loud, of length one.

    The shape alone stays when the volume changes, and its changes differ where someone only says
    the same again in the same way.
    """
    loud = np.maximum(spectrum, LOUD)
    change = np.diff(loud - loud.mean(axis=1, keepdims=True), axis=0)[:N_FRAMES]
    form = np.zeros((N_FRAMES, spectrum.shape[1]), dtype=np.float32)
    form[: len(change)] = change
    return form / max(float(np.linalg.norm(form)), 1e-6)
