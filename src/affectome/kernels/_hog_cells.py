r"""Orientation histograms of cells: the pixel work of :mod:`affectome.kernels.hog`.

With the gradient :math:`(g_r, g_c)` of a pixel folded to :math:`g_r \ge 0`, its angle
:math:`\theta \in [0, 180)` has passed the edge :math:`e` of a bin when

.. math:: \theta \ge e \iff g_c \le g_r \cot e ,

one product and one comparison instead of an arc tangent and a remainder, and the product serves
the edge :math:`180 - e` too. The magnitudes :math:`\sqrt{g_r^2 + g_c^2}` of the pixels that have
passed each edge are summed by cell; a bin is the difference of two such sums.

Differences of pixels are taken in double precision; what follows is in single precision for bytes,
as twice as many pixels go into a vector. A pixel that lies on an edge to within rounding is decided
by the arc tangent itself in double precision, so that ties fall as they do in scikit-image.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from affectome.errors import InputError

ON_EDGE = {"float64": 1e-10, "float32": 4e-7}
EXACTLY_ON_EDGE = 1e-10


def cell_histograms(
    images: np.ndarray,
    orientations: int,
    pixels_per_cell: tuple[int, int],
    transform_sqrt: bool,
) -> np.ndarray:
    """Sum the gradient magnitudes of each cell by orientation, over the cell's area.

    Parameters
    ----------
    images
        Shape (n_frames, height, width).
    orientations, pixels_per_cell, transform_sqrt
        As for `hog`.

    Returns
    -------
    ndarray
        Shape (n_frames, n_cells_down, n_cells_across, orientations), float64.

    Raises
    ------
    InputError
        If a pixel is negative under a square root.
    """
    levels, work = np.empty(0), "float64"
    if images.dtype != np.uint8:
        images = _as_float(images, transform_sqrt)
    else:
        levels = np.sqrt(np.arange(256.0)) if transform_sqrt else np.arange(256.0)
        work = "float32"
    edges = np.arange(1, orientations) * (180.0 / orientations)
    cotangents = _cotangents(edges).astype(work)
    tolerance = cotangents.dtype.type(ON_EDGE[work])
    given = np.ascontiguousarray(images), levels, cotangents, tolerance, *pixels_per_cell
    histograms, near = _histograms(*given)
    if near.any():
        _settle(histograms, edges, np.array(_ties(*given, near)))
    return histograms / (pixels_per_cell[0] * pixels_per_cell[1])


def _as_float(images: np.ndarray, transform_sqrt: bool) -> np.ndarray:
    single = images.dtype in (np.float16, np.float32)
    values = images.astype(np.float32 if single else np.float64, copy=False)
    if not transform_sqrt:
        return values
    if values.size and values.min() < 0:
        raise InputError(
            f"transform_sqrt needs pixels of 0 or more; the smallest is {values.min():g}"
        )
    return np.sqrt(values)


def _cotangents(edges: np.ndarray) -> np.ndarray:
    """Give the cotangents (degrees), those of e and 180 - e alike to the last bit."""
    exact = {45.0: 1.0, 90.0: 0.0}
    rising = [exact.get(e, 1.0 / math.tan(math.radians(e))) for e in edges[: (len(edges) + 1) // 2]]
    return np.array(rising + [-c for c in rising[: len(edges) // 2][::-1]])


@njit(parallel=True, cache=True)
def _histograms(images, levels, cotangents, tolerance, cell_height, cell_width):  # type: ignore[no-untyped-def]
    """Sum sizes by frame, cell row, cell column and bin; say which cell rows have ties."""
    n_frames, height, width = images.shape
    n_down, n_across = height // cell_height, width // cell_width
    n_bins = len(cotangents) + 1
    out = np.empty((n_frames, n_down, n_across, n_bins))
    near = np.zeros((n_frames, n_down), np.bool_)
    for task in prange(n_frames * n_down):
        frame, down = task // n_down, task % n_down
        lines = np.zeros((3, width))
        gradient = np.empty((4, n_across * cell_width), cotangents.dtype)
        passed = np.zeros((n_bins, n_across * cell_width), cotangents.dtype)
        tied = False
        for row in range(down * cell_height, (down + 1) * cell_height):
            _differences(images[frame], levels, row, row == down * cell_height, lines, gradient)
            for c in range(n_across * cell_width):
                passed[0, c] += gradient[2, c]
            for k in range(1, (n_bins + 1) // 2):
                tied |= _add_passed_two(
                    gradient, cotangents[k - 1], tolerance, passed[k], passed[n_bins - k]
                )
            if n_bins % 2 == 0:
                tied |= _add_passed_upright(gradient, passed[n_bins // 2])
        near[frame, down] = tied
        for across in range(n_across):
            beyond = 0.0
            for k in range(n_bins - 1, -1, -1):
                total = _sum(passed[k, across * cell_width : (across + 1) * cell_width])
                out[frame, down, across, k] = max(total - beyond, 0.0)
                beyond = total
    return out, near


@njit(cache=True)
def _ties(images, levels, cotangents, tolerance, cell_height, cell_width, near):  # type: ignore[no-untyped-def]
    """List the pixels on an edge: frame, cell row and column, edge, g_r, g_c, size, passed."""
    height, width = images.shape[1:]
    n_columns = width // cell_width * cell_width
    lines = np.zeros((3, width))
    gradient = np.empty((4, n_columns), cotangents.dtype)
    ties = []
    for frame, down in np.argwhere(near):
        for row in range(down * cell_height, (down + 1) * cell_height):
            _differences(images[frame], levels, row, row == down * cell_height, lines, gradient)
            above, here, below = lines[(row - 1) % 3], lines[row % 3], lines[(row + 1) % 3]
            for k in range(len(cotangents)):
                for c in range(n_columns):
                    tie, passed = _tie(gradient[:, c], cotangents[k], tolerance)
                    if tie:
                        g_row = below[c] - above[c] if 0 < row < height - 1 else 0.0
                        g_col = here[c + 1] - here[c - 1] if 0 < c < width - 1 else 0.0
                        size = float(gradient[2, c])
                        ties.append((frame, down, c // cell_width, k, g_row, g_col, size, passed))
    return ties


@njit(cache=True)
def _tie(pixel, cotangent, tolerance):  # type: ignore[no-untyped-def]
    """Say whether a pixel is on an edge but for rounding, and whether it was taken to pass it."""
    down, across, size, diagonal = pixel
    exact = pixel.dtype.type(EXACTLY_ON_EDGE)
    if cotangent == 0:
        return _exact_tie(across, size, exact), across <= 0
    gap = diagonal if abs(cotangent) == 1 else abs(across) - down * abs(cotangent)
    passed = (across <= 0) | (gap <= 0) if cotangent > 0 else (across <= 0) & (gap >= 0)
    if (across > 0) != (cotangent > 0):
        return False, passed
    if abs(cotangent) == 1:
        return _exact_tie(gap, size, exact), passed
    return abs(gap) < tolerance * size, passed


def _settle(histograms: np.ndarray, edges: np.ndarray, ties: np.ndarray) -> None:
    frame, down, across, k = ties[:, :4].T.astype(np.intp)
    g_row, g_col, size, passed = ties[:, 4:].T
    # scikit-image takes NumPy's arc tangent, which differs from the C library's in the last bit.
    angle = np.rad2deg(np.arctan2(g_row, g_col)) % 180
    moved = size * ((angle >= edges[k]) - passed)
    np.add.at(histograms, (frame, down, across, k), -moved)
    np.add.at(histograms, (frame, down, across, k + 1), moved)
    np.maximum(histograms, 0, out=histograms)


@njit(cache=True)
def _exact_tie(gap, size, tolerance):  # type: ignore[no-untyped-def]
    """Say whether a pixel is off a multiple of 45° by rounding only; these are met exactly."""
    return (gap != 0) & (abs(gap) < tolerance * size)


@njit(cache=True)
def _add_passed_two(gradient, cotangent, tolerance, passed, passed_mirrored):  # type: ignore[no-untyped-def]
    """Add what has passed the edge e < 90° and what has passed 180° - e; say whether any ties."""
    tied, none, exact = False, gradient.dtype.type(0), gradient.dtype.type(EXACTLY_ON_EDGE)
    if cotangent == 1:
        for c in range(gradient.shape[1]):
            across, size, gap = gradient[1, c], gradient[2, c], gradient[3, c]
            passed[c] += size if (across <= 0) | (gap <= 0) else none
            passed_mirrored[c] += size if (across <= 0) & (gap >= 0) else none
            tied |= _exact_tie(gap, size, exact)
        return tied
    for c in range(gradient.shape[1]):
        across, size = gradient[1, c], gradient[2, c]
        gap = abs(across) - gradient[0, c] * cotangent
        passed[c] += size if (across <= 0) | (gap <= 0) else none
        passed_mirrored[c] += size if (across <= 0) & (gap >= 0) else none
        tied |= abs(gap) < tolerance * size
    return tied


@njit(cache=True)
def _add_passed_upright(gradient, passed):  # type: ignore[no-untyped-def]
    """Add what has passed 90°; say whether any pixel ties with it."""
    tied, none, exact = False, gradient.dtype.type(0), gradient.dtype.type(EXACTLY_ON_EDGE)
    for c in range(gradient.shape[1]):
        across, size = gradient[1, c], gradient[2, c]
        passed[c] += size if across <= 0 else none
        tied |= _exact_tie(across, size, exact)
    return tied


@njit(cache=True)
def _differences(image, levels, row, fresh, lines, gradient):  # type: ignore[no-untyped-def]
    """Write g_r and g_c folded to angles in [0, 180), their size, and |g_c| - |g_r|.

    ``lines`` keeps the rows above, at and below ``row``; when ``fresh``, all are read.
    """
    height, n_columns = image.shape[0], gradient.shape[1]
    if fresh:
        _read_line(image, levels, max(row - 1, 0), lines[(row - 1) % 3])
        _read_line(image, levels, row, lines[row % 3])
    _read_line(image, levels, min(row + 1, height - 1), lines[(row + 1) % 3])
    above, here, below = lines[(row - 1) % 3], lines[row % 3], lines[(row + 1) % 3]
    inside = 1.0 if 0 < row < height - 1 else 0.0
    last = len(here) - 1
    for c in range(1, min(n_columns, last)):
        down, across = (below[c] - above[c]) * inside, here[c + 1] - here[c - 1]
        gradient[0, c], gradient[1, c] = down, across
        gradient[3, c] = abs(across) - abs(down)
    for c in range(1, min(n_columns, last)):
        g_row, g_col = gradient[0, c], gradient[1, c]
        # One bar, not `or`: without branches the loop runs in vectors.
        gradient[1, c] = -g_col if (g_row < 0) | ((g_row == 0) & (g_col < 0)) else g_col
        gradient[0, c] = abs(g_row)
        gradient[2, c] = math.sqrt(g_row * g_row + g_col * g_col)
    for c in (0, last):
        if c < n_columns:
            gradient[0, c] = gradient[2, c] = abs(below[c] - above[c]) * inside
            gradient[1, c], gradient[3, c] = 0.0, -gradient[0, c]


# Sums may be taken in any order, so that they run in vectors.
@njit(cache=True, fastmath={"reassoc", "nsz"})
def _sum(values):  # type: ignore[no-untyped-def]
    total = 0.0
    for value in values:
        total += value
    return total


@njit(cache=True)
def _read_line(image, levels, row, line):  # type: ignore[no-untyped-def]
    if len(levels):
        for c in range(len(line)):
            line[c] = levels[int(image[row, c])]
    else:
        for c in range(len(line)):
            line[c] = image[row, c]
