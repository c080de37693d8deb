"""Histograms of oriented gradients, the same numbers as ``skimage.feature.hog``, for many frames.

A frame's gradients are summed by cell and orientation (:mod:`affectome.kernels._hog_cells`), and
cells are normalised together by blocks that slide over them.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from affectome.errors import InputError, unknown
from affectome.kernels._hog_cells import cell_histograms

NORMS = ("L1", "L1-sqrt", "L2", "L2-Hys")
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
        raise unknown("block_norm", block_norm, NORMS)
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
