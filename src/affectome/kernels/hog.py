r"""Histograms of oriented gradients, the same numbers as ``skimage.feature.hog``, for many frames.

With the gradient :math:`(g_r, g_c)` of a pixel folded to :math:`g_r \ge 0`, its angle
:math:`\theta \in [0, 180)` has passed the edge :math:`e` of a bin when

.. math:: \theta \ge e \iff g_c \le g_r \cot e ,

one product and one comparison instead of an arc tangent and a remainder. The magnitudes
:math:`\sqrt{g_r^2 + g_c^2}` of the pixels that have passed each edge are summed by cell; a bin is
the difference of two such sums. A pixel that lies on an edge to within rounding is decided by the
arc tangent itself, so that ties fall as they do in scikit-image.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange
from numpy.lib.stride_tricks import sliding_window_view

from affectome.errors import InputError

NORMS = ("L1", "L1-sqrt", "L2", "L2-Hys")
ON_EDGE = 1e-10
EPSILON = 1e-5


def hog(
    images: np.ndarray,
    orientations: int = 9,
    pixels_per_cell: tuple[int, int] = (8, 8),
    cells_per_block: tuple[int, int] = (3, 3),
    block_norm: str = "L2-Hys",
    transform_sqrt: bool = False,
) -> np.ndarray:
    """Describe each frame by the histograms of its gradients' orientations.

    Parameters
    ----------
    images
        Grey frames, shape (n_frames, height, width) or one of shape (height, width); uint8, any
        other integer, or float.
    orientations
        Bins over 180°.
    pixels_per_cell, cells_per_block
        Rows and columns of a cell in pixels, of a block in cells.
    block_norm
        ``"L1"``, ``"L1-sqrt"``, ``"L2"`` or ``"L2-Hys"``.
    transform_sqrt
        Take the square root of the pixels first.

    Returns
    -------
    ndarray
        Shape (n_frames, n_features), or (n_features,) for one frame; float32 for float16 and
        float32 frames, else float64. Features run over block rows, block columns, cell rows, cell
        columns and orientations.

    Raises
    ------
    InputError
        If the frames are smaller than a block, negative under a square root, or an option is not
        one of those named.

    References
    ----------
    Dalal & Triggs 2005, CVPR, doi:10.1109/CVPR.2005.177.
    """
    stack = np.asarray(images)
    if stack.ndim not in (2, 3):
        raise InputError(
            f"frames have the shape (n_frames, height, width) or (height, width); got {stack.shape}"
        )
    if block_norm not in NORMS:
        raise InputError(f"block_norm is one of {', '.join(NORMS)}; got {block_norm!r}")
    if min(orientations, *pixels_per_cell, *cells_per_block) < 1:
        raise InputError(
            f"orientations, cells and blocks are 1 or more; got {orientations}, {pixels_per_cell}, "
            f"{cells_per_block}"
        )
    cells = cell_histograms(
        stack.reshape(-1, *stack.shape[-2:]), orientations, pixels_per_cell, transform_sqrt
    )
    described = _blocks(cells, cells_per_block, block_norm, pixels_per_cell)
    single = stack.dtype in (np.float16, np.float32)
    described = described.astype(np.float32 if single else np.float64, copy=False)
    return described[0] if stack.ndim == 2 else described


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
    elif transform_sqrt:
        levels = np.sqrt(np.arange(256.0))
    edges = np.arange(1, orientations) * (180.0 / orientations)
    given = np.ascontiguousarray(images), levels, _cotangents(edges), *pixels_per_cell
    # Differences of whole numbers below 256 reach an edge only where the comparison is exact.
    may_tie = images.dtype != np.uint8 or transform_sqrt
    histograms, n_ties = _histograms(*given, may_tie)
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
    exact = {45.0: 1.0, 90.0: 0.0, 135.0: -1.0}
    return np.array([exact.get(e, 1.0 / math.tan(math.radians(e))) for e in edges])


@njit(parallel=True, cache=True)
def _histograms(images, levels, cotangents, cell_height, cell_width, may_tie):  # type: ignore[no-untyped-def]
    """Sum sizes by frame, cell row, cell column and bin; count the ties of each cell row."""
    n_frames, height, width = images.shape
    n_down, n_across = height // cell_height, width // cell_width
    n_bins = len(cotangents) + 1
    out = np.empty((n_frames, n_down, n_across, n_bins))
    n_ties = np.zeros((n_frames, n_down), np.int64)
    for task in prange(n_frames * n_down):
        frame, down = task // n_down, task % n_down
        lines = np.zeros((3, width))
        gradient = np.empty((4, n_across * cell_width))
        passed = np.zeros((n_bins, n_across * cell_width))
        nearest = np.full(n_across * cell_width, np.inf)
        for row in range(down * cell_height, (down + 1) * cell_height):
            _differences(images[frame], levels, row, row == down * cell_height, lines, gradient)
            _add(gradient[2], passed[0])
            for k in range(n_bins - 1):
                if may_tie:
                    _add_passed_noting(gradient, cotangents[k], passed[k + 1], nearest)
                else:
                    _add_passed(gradient, cotangents[k], passed[k + 1])
            n_ties[frame, down] += _settle_later(gradient[2], nearest)
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
            gradient = np.empty((4, n_across * cell_width))
            for row in range(down * cell_height, (down + 1) * cell_height):
                _differences(images[frame], levels, row, row == down * cell_height, lines, gradient)
                for k in range(len(cotangents)):
                    on_it = _zero_gap(cotangents[k])
                    for c in range(n_across * cell_width):
                        gap = gradient[1, c] - gradient[0, c] * cotangents[k]
                        distance = abs(gap) if gap != 0 else on_it
                        if distance < ON_EDGE * gradient[2, c]:
                            ties[at, 0], ties[at, 1], ties[at, 2] = frame, down, c // cell_width
                            ties[at, 3], ties[at, 4] = k, gradient[0, c] * gradient[3, c]
                            ties[at, 5] = gradient[1, c] * gradient[3, c]
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
def _add(size, passed):  # type: ignore[no-untyped-def]
    for c in range(len(size)):
        passed[c] += size[c]


@njit(cache=True)
def _add_passed(gradient, cotangent, passed):  # type: ignore[no-untyped-def]
    for c in range(gradient.shape[1]):
        gap = gradient[1, c] - gradient[0, c] * cotangent
        passed[c] += gradient[2, c] if gap <= 0 else 0.0


@njit(cache=True)
def _add_passed_noting(gradient, cotangent, passed, nearest):  # type: ignore[no-untyped-def]
    """Add as `_add_passed` does, and note how near each pixel comes to an edge."""
    on_it = _zero_gap(cotangent)
    for c in range(gradient.shape[1]):
        gap = gradient[1, c] - gradient[0, c] * cotangent
        passed[c] += gradient[2, c] if gap <= 0 else 0.0
        distance = abs(gap) if gap != 0 else on_it
        nearest[c] = min(nearest[c], distance)


@njit(cache=True)
def _settle_later(size, nearest):  # type: ignore[no-untyped-def]
    """Count the row's ties, none of which can be with two edges, and forget what was noted."""
    n_ties = 0
    for c in range(len(size)):
        n_ties += nearest[c] < ON_EDGE * size[c]
        nearest[c] = np.inf
    return n_ties


@njit(cache=True)
def _zero_gap(cotangent):  # type: ignore[no-untyped-def]
    """Give what a gap of zero counts as: at multiples of 45° it is exact, so no tie."""
    return np.inf if cotangent in (-1.0, 0.0, 1.0) else 0.0


@njit(cache=True)
def _differences(image, levels, row, fresh, lines, gradient):  # type: ignore[no-untyped-def]
    """Write g_r and g_c folded to angles in [0, 180), their size, and the sign before folding.

    ``lines`` keeps the rows above, at and below ``row``; when ``fresh``, all are read.
    """
    height = image.shape[0]
    if fresh:
        _read_line(image, levels, max(row - 1, 0), lines)
        _read_line(image, levels, row, lines)
    _read_line(image, levels, min(row + 1, height - 1), lines)
    above, here, below = lines[(row - 1) % 3], lines[row % 3], lines[(row + 1) % 3]
    inside = 1.0 if 0 < row < height - 1 else 0.0
    last = lines.shape[1] - 1
    for c in range(gradient.shape[1]):
        down = (below[c] - above[c]) * inside
        across = here[min(c + 1, last)] - here[max(c - 1, 0)] if 0 < c < last else 0.0
        sign = -1.0 if down < 0 or (down == 0 and across < 0) else 1.0
        gradient[0, c] = down * sign
        gradient[1, c] = across * sign
        gradient[2, c] = math.sqrt(down * down + across * across)
        gradient[3, c] = sign


@njit(cache=True)
def _read_line(image, levels, row, lines):  # type: ignore[no-untyped-def]
    if len(levels):
        for c in range(lines.shape[1]):
            lines[row % 3, c] = levels[int(image[row, c])]
    else:
        for c in range(lines.shape[1]):
            lines[row % 3, c] = image[row, c]


def _blocks(
    cells: np.ndarray,
    cells_per_block: tuple[int, int],
    norm: str,
    pixels_per_cell: tuple[int, int],
) -> np.ndarray:
    rows, columns = cells_per_block
    if cells.shape[1] < rows or cells.shape[2] < columns:
        raise InputError(
            f"the frames are too small: a block asks for {rows * pixels_per_cell[0]} rows and "
            f"{columns * pixels_per_cell[1]} columns"
        )
    windows = sliding_window_view(cells, (rows, columns), axis=(1, 2))
    blocks = np.moveaxis(windows, 3, -1).reshape(
        *windows.shape[:3], rows * columns * cells.shape[3]
    )
    return _normalised(blocks, norm).reshape(len(cells), math.prod(blocks.shape[1:]))


def _normalised(blocks: np.ndarray, norm: str) -> np.ndarray:
    if norm in ("L1", "L1-sqrt"):
        shares = blocks / (blocks.sum(-1, keepdims=True) + EPSILON)
        return shares if norm == "L1" else np.sqrt(shares)
    scaled = _unit_length(blocks)
    return scaled if norm == "L2" else _unit_length(np.minimum(scaled, 0.2))


def _unit_length(blocks: np.ndarray) -> np.ndarray:
    return blocks / np.sqrt((blocks**2).sum(-1, keepdims=True) + EPSILON**2)
