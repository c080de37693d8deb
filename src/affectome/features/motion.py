"""Motion energy: how much the picture changes from frame to frame."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numba import njit, prange

from affectome.data.video import Region
from affectome.errors import InputError


def motion_energy(images: np.ndarray, previous: np.ndarray | None = None) -> np.ndarray:
    """Mean absolute change of the pixels since the frame before.

    Parameters
    ----------
    images
        Grey frames, shape (n_frames, height, width).
    previous
        The frame before the first, shape (height, width), where frames come in stacks.

    Returns
    -------
    ndarray
        Shape (n_frames,), float64, in grey levels; the first frame takes the value of the second
        where no frame before it is given.

    Raises
    ------
    InputError
        If there are fewer than two frames in all.
    """
    if previous is None:
        _check(images)
    stack = np.ascontiguousarray(images)
    energy: np.ndarray = _changes(stack, stack[0] if previous is None else previous)
    if previous is None:
        energy[0] = energy[1]
    return energy


def motion_map(images: np.ndarray) -> np.ndarray:
    """Mean absolute change of each pixel from frame to frame, shape (height, width), float64.

    Raises
    ------
    InputError
        If there are fewer than two frames.
    """
    _check(images)
    total = np.zeros(images.shape[1:])
    for before, after in pairwise(images):
        total += np.abs(after.astype(np.float32) - before)
    return total / (len(images) - 1)


def propose_region(change: np.ndarray, share: float = 0.9, multiple: int = 16) -> Region:
    """Propose the rectangle that holds most of the motion.

    Pixels that move less than the median pixel count as still. Along each axis the rectangle spans
    the middle ``share`` of what is left, widened to a multiple of pixels where the frame allows.

    Parameters
    ----------
    change
        Motion of each pixel, shape (height, width), from `motion_map`.
    share
        Part of the motion to keep along each axis.
    multiple
        Width and height are multiples of this.

    Raises
    ------
    InputError
        If nothing moves.
    """
    moving = np.maximum(change - np.median(change), 0)
    if not moving.any():
        raise InputError("nothing moves in these frames; choose the region by --crop x,y,w,h")
    y, height = _span(moving.sum(axis=1), share, multiple)
    x, width = _span(moving.sum(axis=0), share, multiple)
    return Region(x, y, width, height)


def _span(energy: np.ndarray, share: float, multiple: int) -> tuple[int, int]:
    reached = np.cumsum(energy) / energy.sum()
    first, last = np.searchsorted(reached, [(1 - share) / 2, (1 + share) / 2])
    length = min(-(-(int(last) - int(first) + 1) // multiple) * multiple, len(energy))
    middle = (int(first) + int(last) + 1) // 2
    return int(np.clip(middle - length // 2, 0, len(energy) - length)), length


def _check(images: np.ndarray) -> None:
    if images.ndim != 3 or len(images) < 2:
        raise InputError(
            f"motion needs two frames or more, shape (n_frames, height, width); got {images.shape}"
        )


# Sums may be taken in any order, so that they run in vectors; those of whole numbers stay exact.
@njit(parallel=True, cache=True, fastmath={"reassoc", "nsz"})
def _changes(images, previous):  # type: ignore[no-untyped-def]
    n_frames, height, width = images.shape
    energy = np.zeros(n_frames)
    for i in prange(n_frames):
        before = images[i - 1] if i else previous
        total = 0.0
        for r in range(height):
            for c in range(width):
                total += abs(float(images[i, r, c]) - float(before[r, c]))
        energy[i] = total / (height * width)
    return energy
