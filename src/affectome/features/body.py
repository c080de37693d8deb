r"""How a body moves: how much, how far and how smoothly; with or without key points.

These go along with arousal in many studies (Camurri, Lagerlöf & Volpe 2003; Dael, Mortillaro &
Scherer 2012) and name no emotion by themselves. Without key points a body is what differs from the
middle of the film, so the camera has to stand still. With silhouettes :math:`S_t` (sets of pixels)

.. math::
    \text{motion}_t = \frac{|S_{t-1} \cup S_t| - |S_t|}{|S_t|}, \qquad
    \text{contraction}_t = \frac{|S_t|}{|\text{box}(S_t)|}.

Smoothness of a speed profile is its spectral arc length (Balasubramanian, Melendez-Calderon &
Burdet 2012): 0 would be a straight spectrum, and each tremor makes it more negative.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import median_filter

from affectome.errors import InputError

Array = NDArray[np.float64]
LEAST_CHANGE = 20.0
FEWEST_PIXELS = 20
HIGHEST_HZ, LEAST_AMPLITUDE = 10.0, 0.05
PADDING = 4
LEAST_SEEN, HIGH = 0.5, 0.95
FEATURES = (
    "motion",
    "motion_high",
    "smoothness",
    "contraction",
    "contraction_spread",
    "height_spread",
    "width_spread",
)
"""Mean and 95 % quantile of the quantity of motion, its smoothness, mean and spread of the
contraction, and how much height and width of the body change."""


@dataclass(frozen=True, eq=False)
class Movement:
    """Movement frame by frame, shape (n_frames,); NaN where no body is seen.

    Attributes
    ----------
    motion
        Quantity of motion: the part of the last frames' silhouette that was left, over its area.
        Of key points: their mean speed, in sizes of the body a second.
    contraction
        Area over that of the box around it: near 1 with arms close, less with arms away. Of key
        points: the size of their box over its median, inverted, so that it rises as it closes.
    height, width
        Of the box, over their medians.
    area
        Share of the picture that the silhouette fills; NaN for key points.
    """

    motion: Array
    contraction: Array
    height: Array
    width: Array
    area: Array


def silhouette_movement(frames: ArrayLike) -> Movement:
    """Describe movement in a film whose camera stands still.

    Parameters
    ----------
    frames
        Grey, shape (n_frames, height, width).

    Raises
    ------
    InputError
        If there are fewer than three frames.
    """
    film = np.asarray(frames, dtype=np.float32)
    if film.ndim != 3 or len(film) < 3:
        raise InputError(
            f"movement needs three or more grey frames (n, height, width); got {film.shape}"
        )
    away = np.abs(film - np.median(film, axis=0)) > LEAST_CHANGE
    body = np.stack([median_filter(one, 3) for one in away])
    area = body.sum((1, 2)).astype(float)
    seen = area >= FEWEST_PIXELS
    left = (body[:-1] & ~body[1:]).sum((1, 2))
    motion = np.full(len(film), np.nan)
    known = seen[1:] & seen[:-1]
    motion[1:][known] = left[known] / area[1:][known]
    height, width = (_extent(np.asarray(body.any(axis))) for axis in (2, 1))
    box = np.where(seen, height * width, np.nan)
    return Movement(
        motion,
        area / box,
        _relative(np.where(seen, height, np.nan)),
        _relative(box / height),
        area / film[0].size,
    )


def point_movement(points: ArrayLike, rate: float) -> Movement:
    """Describe movement of key points of one body.

    Parameters
    ----------
    points
        Shape (n_frames, n_points, 2), NaN where a point was not seen.
    rate
        Frames a second.

    Raises
    ------
    InputError
        If the shape is another, or there are fewer than three frames.
    """
    p = np.asarray(points, dtype=float)
    if p.ndim != 3 or p.shape[2] != 2 or len(p) < 3:
        raise InputError(f"key points have the shape (n_frames, n_points, 2); got {p.shape}")
    low, high = (_over_points(p, f) for f in (np.fmin, np.fmax))
    width, height = (high - low).T
    size = np.hypot(width, height)
    usual = float(np.nanmedian(size)) if np.isfinite(size).any() else np.nan
    steps = np.hypot(*np.moveaxis(np.diff(p, axis=0), 2, 0)) * rate
    known = np.isfinite(steps)
    total = np.where(known, steps, 0).sum(1)
    speed = np.where(known.any(1), total / np.maximum(known.sum(1), 1), np.nan)
    motion = np.concatenate([[np.nan], speed / usual])
    return Movement(
        motion,
        usual / np.where(size > 0, size, np.nan),
        _relative(height),
        _relative(width),
        np.full(len(p), np.nan),
    )


def movement_features(movement: Movement, rate: float) -> dict[str, float]:
    """Describe a stretch of movement by the numbers of ``FEATURES``; NaN where unknown.

    Parameters
    ----------
    movement
        Of one body.
    rate
        Frames a second.
    """
    known = np.isfinite(movement.motion)
    values = np.full(len(FEATURES), np.nan)
    if known.mean() >= LEAST_SEEN:
        motion = movement.motion[known]
        at = np.arange(len(known))
        whole = np.interp(at, at[known], motion)
        values[:3] = motion.mean(), np.quantile(motion, HIGH), smoothness(whole, rate)
        values[3:5] = np.nanmean(movement.contraction), np.nanstd(movement.contraction)
        values[5:] = np.nanstd(movement.height), np.nanstd(movement.width)
    return dict(zip(FEATURES, values.tolist(), strict=True))


def smoothness(speed: ArrayLike, rate: float) -> float:
    """Spectral arc length of a speed profile; NaN where nothing moves.

    Parameters
    ----------
    speed
        Shape (n,), without gaps.
    rate
        Samples a second.
    """
    x = np.asarray(speed, dtype=float)
    if len(x) < 4 or not np.isfinite(x).all() or not x.any():
        return float("nan")
    n = 2 ** (int(np.ceil(np.log2(len(x)))) + PADDING)
    spectrum = np.abs(np.fft.rfft(x, n))
    spectrum /= spectrum[0]
    hertz = np.fft.rfftfreq(n, 1 / rate)
    inside = hertz <= min(HIGHEST_HZ, rate / 2)
    spectrum, hertz = spectrum[inside], hertz[inside]
    last = int(np.flatnonzero(spectrum >= LEAST_AMPLITUDE)[-1])
    spectrum, hertz = spectrum[: last + 1], hertz[: last + 1]
    if len(hertz) < 2:
        return float("nan")
    along = np.diff(hertz) / (hertz[-1] - hertz[0])
    return float(-np.hypot(along, np.diff(spectrum)).sum())


def _extent(occupied: NDArray[np.bool_]) -> Array:
    """Length from the first to the last occupied place, shape (n_frames,)."""
    first = occupied.argmax(1)
    last = occupied.shape[1] - occupied[:, ::-1].argmax(1)
    return np.where(occupied.any(1), last - first, 0).astype(float)


def _over_points(p: Array, smallest: np.ufunc) -> Array:
    return np.asarray(smallest.reduce(p, axis=1))


def _relative(x: Array) -> Array:
    return x / np.nanmedian(x) if np.isfinite(x).any() else x
