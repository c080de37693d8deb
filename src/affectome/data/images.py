"""Brain images as nibabel holds them: opening, stacking, and whether their grids meet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from affectome.errors import InputError, require


def load_image(path: str | Path) -> Any:
    """Open a NIfTI or Analyze image.

    Raises
    ------
    InputError
        If it is not one.
    """
    nibabel = require("nibabel", "fmri")
    try:
        return nibabel.load(path)
    except (nibabel.filebasedimages.ImageFileError, OSError, EOFError, ValueError) as error:
        raise InputError(
            f"{path} is not a readable NIfTI or Analyze image: {' '.join(str(error).split())}"
        ) from error


def squeezed(image: Any) -> Any:
    """Drop a fourth axis of length one."""
    return image.slicer[..., 0] if len(image.shape) == 4 and image.shape[3] == 1 else image


def stack_images(files: Sequence[Path]) -> Any:
    """Put maps on one grid together as a four-dimensional float32 image.

    Raises
    ------
    InputError
        If the grids differ.
    """
    nibabel = require("nibabel", "fmri")
    first = squeezed(load_image(files[0]))
    data = np.empty((*first.shape[:3], len(files)), dtype=np.float32)
    for n, file in enumerate(files):
        image = squeezed(load_image(file))
        check_same_grid(image, first, str(file), str(files[0]), "bring all maps to one grid first")
        data[..., n] = image.get_fdata(dtype=np.float32)
    return nibabel.Nifti1Image(data, first.affine)


def same_grid(image: Any, other: Any) -> bool:
    """Tell whether two images have the same voxels."""
    return image.shape[:3] == other.shape[:3] and np.allclose(image.affine, other.affine, atol=1e-3)


def check_same_grid(image: Any, other: Any, name: str, other_name: str, remedy: str) -> None:
    """Say in one line how two grids differ, and what to do.

    Raises
    ------
    InputError
        If they differ.
    """
    if same_grid(image, other):
        return
    raise InputError(
        f"the grid of {name} (shape {image.shape[:3]}, voxels {_voxels(image)} mm, origin "
        f"{_origin(image)}) does not meet that of {other_name} (shape {other.shape[:3]}, voxels "
        f"{_voxels(other)} mm, origin {_origin(other)}); {remedy}"
    )


def _voxels(image: Any) -> str:
    return "×".join(f"{v:.4g}" for v in np.linalg.norm(image.affine[:3, :3], axis=0))


def _origin(image: Any) -> str:
    return ",".join(f"{v:g}" for v in image.affine[:3, 3])
