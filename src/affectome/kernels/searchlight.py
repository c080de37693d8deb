"""Searchlight: a small ridge in every sphere of voxels, all spheres of a block at once.

For each sphere ``s`` and fold, with centred features ``Z_s`` of its voxels (Kriegeskorte, Goebel &
Bandettini 2006)::

    predictions_s = Z_s,test (Z_s' Z_s + alpha I)^-1 Z_s' Y

Spheres of a block are filled up to the same size with columns of zeros, which a ridge gives no
weight, and solved as one stack of small matrices.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from affectome.errors import InputError
from affectome.kernels.folds import Array, Folds, check_arrays, check_folds
from affectome.kernels.ridge import check_alphas
from affectome.kernels.stacked import fold_weights

BLOCK_VALUES = 1 << 17


def spheres(
    coordinates: ArrayLike, radius: float, centres: ArrayLike | None = None
) -> list[NDArray[np.intp]]:
    """Indices of the voxels within ``radius`` of each centre, sorted.

    Parameters
    ----------
    coordinates
        Position of each voxel, shape (n_voxels, 3), in mm.
    radius
        In mm; a voxel exactly on the sphere belongs to it.
    centres
        Positions of the centres, shape (n_centres, 3); every voxel where none are given.
    """
    tree = cKDTree(np.asarray(coordinates, dtype=np.float64))
    around = tree.data if centres is None else np.asarray(centres, dtype=np.float64)
    found = tree.query_ball_point(around, radius, return_sorted=True)
    return [np.asarray(members, dtype=np.intp) for members in found]


def searchlight_predictions(
    X: ArrayLike,
    Y: ArrayLike,
    members: Sequence[ArrayLike],
    folds: Folds,
    alpha: float = 1.0,
) -> Array:
    """Out-of-fold predictions of a ridge in every sphere.

    Parameters
    ----------
    X
        Scans, shape (n, n_voxels).
    Y
        Targets, shape (n,) or (n, q); classes as codes +1 and -1.
    members
        For each sphere the indices of its voxels.
    folds
        Pairs (train, test) of index arrays; no trial may be tested twice.
    alpha
        Penalty.

    Returns
    -------
    ndarray
        Predictions, float64, shape (n_spheres, n) or (n_spheres, n, q); NaN for a trial that no
        fold tests.

    Raises
    ------
    InputError
        If shapes do not meet, a value is not finite, a sphere is empty or a fold is bad.
    """
    targets = np.asarray(Y, dtype=np.float64)
    scans, columns = check_arrays(X, targets.reshape(len(targets), -1))
    (penalty,) = check_alphas(alpha)
    checked = check_folds(folds, len(scans))
    trains = [train for train, _ in checked]
    indices = [np.asarray(voxels, dtype=np.intp) for voxels in members]
    for number, voxels in enumerate(indices):
        if not len(voxels):
            raise InputError(f"sphere {number} holds no voxel; widen the radius or drop the centre")
    out = np.full((len(indices), *columns.shape), np.nan)
    largest = max((len(voxels) for voxels in indices), default=1)
    step = max(1, BLOCK_VALUES // (largest * len(scans)))
    for start in range(0, len(indices), step):
        block = slice(start, start + step)
        stack = _stack(scans, indices[block])
        solved = fold_weights(stack, columns, trains, penalty, standardize=False)
        for (train, test), (weights, mean) in zip(checked, solved, strict=True):
            centred = stack[:, test] - mean[:, None]
            out[block, test] = centred @ weights + columns[train].mean(axis=0)
    return out.reshape(len(indices), *targets.shape)


def _stack(X: Array, indices: list[NDArray[np.intp]]) -> Array:
    """Features of each sphere, shape (n_spheres, n, largest), zero where a sphere is smaller."""
    stack = np.zeros((len(indices), len(X), max(len(voxels) for voxels in indices)))
    for features, voxels in zip(stack, indices, strict=True):
        features[:, : len(voxels)] = X[:, voxels]
    return stack
