r"""Orientation histograms of cells: the pixel work of :mod:`affectome.kernels.hog`.

With the gradient :math:`(g_r, g_c)` of a pixel folded to :math:`g_r \ge 0`, its angle
:math:`\theta \in [0, 180)` has passed the edge :math:`e` of a bin when

.. math:: \theta \ge e \iff g_c \le g_r \cot e ,

one product and one comparison instead of an arc tangent and a remainder, and the product serves
the edge :math:`180 - e` too. The magnitudes :math:`\sqrt{g_r^2 + g_c^2}` of the pixels that have
passed each edge are summed by cell; a bin is the difference of two such sums. A pixel that lies on
an edge to within rounding is decided by the arc tangent itself, so that ties fall as they do in
scikit-image.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from affectome.errors import InputError

ON_EDGE = 1e-10


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
    levels = np.empty(0)
    if images.dtype != np.uint8:
        images = _as_float(images, transform_sqrt)
    else:
        levels = np.sqrt(np.arange(256.0)) if transform_sqrt else np.arange(256.0)
    edges = np.arange(1, orientations) * (180.0 / orientations)
    given = np.ascontiguousarray(images), levels, _cotangents(edges), *pixels_per_cell
    histograms, n_ties = _histograms(*given)
    if n_ties.any():
        _settle(histograms, edges, _ties(*given, n_ties.ravel().cumsum()))
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
def _histograms(images, levels, cotangents, cell_height, cell_width):  # type: ignore[no-untyped-def]
    """Sum sizes by frame, cell row, cell column and bin; count the ties of each cell row."""
    n_frames, height, width = images.shape
    n_down, n_across = height // cell_height, width // cell_width
    n_bins = len(cotangents) + 1
    out = np.empty((n_frames, n_down, n_across, n_bins))
    n_ties = np.zeros((n_frames, n_down), np.int64)
    for task in prange(n_frames * n_down):
        frame, down = task // n_down, task % n_down
        lines = np.zeros((3, width))
        gradient = np.empty((3, n_across * cell_width))
        passed = np.zeros((n_bins, n_across * cell_width))
        for row in range(down * cell_height, (down + 1) * cell_height):
            _differences(images[frame], levels, row, row == down * cell_height, lines, gradient)
            for c in range(n_across * cell_width):
                passed[0, c] += gradient[2, c]
            for k in range(1, (n_bins + 1) // 2):
                n_ties[frame, down] += _add_passed_two(
                    gradient, cotangents[k - 1], passed[k], passed[n_bins - k]
                )
            if n_bins % 2 == 0:
                n_ties[frame, down] += _add_passed_upright(gradient, passed[n_bins // 2])
        for across in range(n_across):
            beyond = 0.0
            for k in range(n_bins - 1, -1, -1):
                total = passed[k, across * cell_width : (across + 1) * cell_width].sum()
                out[frame, down, across, k] = max(total - beyond, 0.0)
                beyond = total
    return out, n_ties


@njit(parallel=True, cache=True)
def _ties(images, levels, cotangents, cell_height, cell_width, ends):  # type: ignore[no-untyped-def]
    """List the pixels on an edge: frame, cell row and column, edge, g_r, g_c, size, passed."""
    n_frames, height, width = images.shape
    n_down, n_across = height // cell_height, width // cell_width
    ties = np.empty((ends[-1], 8))
    for task in prange(n_frames * n_down):
        at = ends[task - 1] if task else 0
        if at < ends[task]:
            frame, down = task // n_down, task % n_down
            lines = np.zeros((3, width))
            gradient = np.empty((3, n_across * cell_width))
            for row in range(down * cell_height, (down + 1) * cell_height):
                _differences(images[frame], levels, row, row == down * cell_height, lines, gradient)
                for k in range(len(cotangents)):
                    for c in range(n_across * cell_width):
                        gap = gradient[1, c] - gradient[0, c] * cotangents[k]
                        if _ties_at(gap, gradient[2, c], cotangents[k]):
                            folded = lines[(row + 1) % 3, c] < lines[(row - 1) % 3, c]
                            sign = -1.0 if folded else 1.0
                            ties[at, 0], ties[at, 1], ties[at, 2] = frame, down, c // cell_width
                            ties[at, 3], ties[at, 4] = k, gradient[0, c] * sign
                            ties[at, 5] = gradient[1, c] * sign
                            ties[at, 6], ties[at, 7] = gradient[2, c], int(gap <= 0)
                            at += 1
    return ties


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
def _add_passed_two(gradient, cotangent, passed, passed_mirrored):  # type: ignore[no-untyped-def]
    """Add what has passed the edge e < 90° and what has passed 180° - e; count ties with either."""
    n_ties = 0
    for c in range(gradient.shape[1]):
        reach = gradient[0, c] * cotangent
        across, size = gradient[1, c], gradient[2, c]
        passed[c] += size if across <= reach else 0.0
        passed_mirrored[c] += size if across <= -reach else 0.0
        n_ties += _ties_at(abs(across) - reach, size, cotangent)
    return n_ties


@njit(cache=True)
def _add_passed_upright(gradient, passed):  # type: ignore[no-untyped-def]
    """Add what has passed 90°; count ties with it."""
    n_ties = 0
    for c in range(gradient.shape[1]):
        across, size = gradient[1, c], gradient[2, c]
        passed[c] += size if across <= 0 else 0.0
        n_ties += _ties_at(across, size, 0.0)
    return n_ties


@njit(cache=True)
def _ties_at(gap, size, cotangent):  # type: ignore[no-untyped-def]
    """Say whether a pixel is on an edge but for rounding; multiples of 45° are met exactly."""
    exact = (cotangent == 0) | (abs(cotangent) == 1)
    return (abs(gap) < ON_EDGE * size) & ((gap != 0) | (not exact))


@njit(cache=True)
def _differences(image, levels, row, fresh, lines, gradient):  # type: ignore[no-untyped-def]
    """Write g_r and g_c folded to angles in [0, 180), and their size.

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
        down = (below[c] - above[c]) * inside
        across = here[c + 1] - here[c - 1]
        # One bar, not `or`: without branches the loop runs in vectors.
        sign = -1.0 if (down < 0) | ((down == 0) & (across < 0)) else 1.0
        gradient[0, c] = down * sign
        gradient[1, c] = across * sign
        gradient[2, c] = math.sqrt(down * down + across * across)
    for c in (0, last):
        if c < n_columns:
            gradient[0, c] = gradient[2, c] = abs(below[c] - above[c]) * inside
            gradient[1, c] = 0.0


@njit(cache=True)
def _read_line(image, levels, row, line):  # type: ignore[no-untyped-def]
    if len(levels):
        for c in range(len(line)):
            line[c] = levels[int(image[row, c])]
    else:
        for c in range(len(line)):
            line[c] = image[row, c]
