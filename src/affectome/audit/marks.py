"""Mark or content: whether a region that tells the label is printed on, or belongs to the picture.

What is printed on has the same pixels at the same place in all pictures of a class: their spread
within the class is next to nothing while the pictures themselves vary, and the mean picture of the
class keeps a hard edge there, which content that moves from picture to picture loses. A mouth that
smiles in one class and not in the other tells the label, too, and is what shall be read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation

STEADY, LEAST_STEADY = 0.2, 5.0
"""A pixel is steady where its spread is a fifth of the usual one, or five grey levels (of 255)."""
FEWEST_PIXELS, LEAST_SHARE = 6, 0.008
OUTSIDE_STEP = 7
APART = 20.0
HARD = 0.5
FEWEST_IN_CLASS = 8
MOST_LEVELS = 10


@dataclass(frozen=True)
class Mark:
    """What a region's pixels are like within the classes.

    Attributes
    ----------
    pixels
        How many of them are the same within a class and differ from the other classes.
    share
        The same as a share of the region.
    spread_inside, spread_outside
        Median spread within a class of those pixels (of all, where there are none), and of the
        pixels outside the region, in grey levels of 255.
    edge
        Hardest edge of those pixels in the mean picture of a class, over that in single pictures.
    """

    pixels: int
    share: float
    spread_inside: float
    spread_outside: float
    edge: float

    @property
    def burnt_in(self) -> bool:
        """Whether the region holds a mark that was printed on."""
        return self.pixels >= FEWEST_PIXELS and self.share >= LEAST_SHARE and self.edge >= HARD


def find_mark(detail: np.ndarray, y: np.ndarray, box: tuple[slice, slice]) -> Mark:
    """Look for pixels of a region that are the same within a class and differ between classes.

    Parameters
    ----------
    detail
        Pictures, uint8, shape (n, height, width, 3).
    y
        Class numbers, or ratings: those of up to ten values are classes, others are cut into
        fifths.
    box
        Rows and columns of the region.
    """
    classes = _classes(y)
    usable = [c for c in np.unique(classes) if (classes == c).sum() >= FEWEST_IN_CLASS]
    outside = np.ones(detail.shape[1:3], dtype=bool)
    outside[box] = False
    rest = detail[:, outside][:, ::OUTSIDE_STEP]
    region = detail[(slice(None), *box)].astype(np.float32)
    best = Mark(0, 0.0, float("nan"), float("nan"), 0.0)
    for c in usable:
        these, others = region[classes == c], region[classes != c]
        usual = float(np.median(_spread(rest[classes == c]))) if rest.size else float("nan")
        level = np.fmax(LEAST_STEADY, STEADY * usual)
        # ink may differ from the paper in one colour only
        apart = np.abs(np.median(these, axis=0) - np.median(others, axis=0))
        colour = apart.argmax(axis=-1)[..., None]
        spread = np.take_along_axis(_spread(these), colour, axis=-1)[..., 0]
        steady = (spread <= level) & (apart.max(axis=-1) >= APART)
        found = Mark(
            int(steady.sum()),
            float(steady.mean()),
            float(np.median(spread[steady] if steady.any() else spread)),
            usual,
            _edge(these, steady),
        )
        if (found.burnt_in, found.pixels) >= (best.burnt_in, best.pixels):
            best = found
    return best


def _classes(y: np.ndarray) -> np.ndarray:
    levels, codes = np.unique(y, return_inverse=True)
    if len(levels) <= MOST_LEVELS or y.dtype.kind != "f":
        return codes
    return np.digitize(y, np.quantile(y, [0.2, 0.4, 0.6, 0.8]))


def _spread(pictures: np.ndarray) -> np.ndarray:
    """Robust spread of each pixel and colour over pictures, in grey levels."""
    values = pictures.astype(np.float32)
    return np.asarray(1.4826 * np.median(np.abs(values - np.median(values, axis=0)), axis=0))


def _edge(pictures: np.ndarray, steady: np.ndarray) -> float:
    """Hardest edge at steady pixels in the mean picture, over the same in the usual picture."""
    if not steady.any() or min(steady.shape) < 2:
        return 0.0
    near = binary_dilation(steady, iterations=1)
    single = np.median([_steepness(one)[near].max() for one in pictures])
    return float(_steepness(pictures.mean(axis=0))[near].max() / max(float(single), 1.0))


def _steepness(picture: np.ndarray) -> np.ndarray:
    """Change from pixel to pixel in the colour where it is largest, shape (height, width)."""
    dy, dx = np.gradient(picture, axis=(0, 1))
    return np.asarray(np.hypot(dx, dy).max(axis=-1))
