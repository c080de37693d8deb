"""Brain images as nibabel holds them: opening, stacking, and whether their grids meet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from affectome.data.memory import check_memory
from affectome.errors import AffectomeError, InputError, require

MAPS_FACTOR = 3
"""Copies of stacked maps that are held at once: the image, its stack, and its voxels."""


def load_image(path: str | Path) -> Any:
    """Open a NIfTI or Analyze image.

    Raises
    ------
    InputError
        If it is not one, or holds fewer bytes than its header says.
    """
    nibabel = require("nibabel", "fmri")
    try:
        image = nibabel.load(path)
        np.dtype(image.get_data_dtype())
        _check_shape(image, path)
        _check_length(image, path)
    except (AffectomeError, MemoryError):
        raise
    except Exception as error:
        # A broken header fails in whatever way its bytes lead nibabel.
        why = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path} is not a readable NIfTI or Analyze image: {why}") from error
    return image


def _check_shape(image: Any, path: str | Path) -> None:
    """Refuse an image with an axis that its header gives no or fewer than no voxels."""
    if min(image.shape, default=0) < 1:
        raise InputError(
            f"{path} says it has the shape {tuple(map(int, image.shape))}; its header is damaged"
        )


def _check_length(image: Any, path: str | Path) -> None:
    """Refuse an uncompressed file that is shorter than its header claims."""
    file = Path(image.file_map["image"].filename or path)
    if not file.is_file() or file.suffix not in {".nii", ".img"}:
        return
    start = int(getattr(image.dataobj, "offset", 0))
    wanted = start + float(np.prod(image.shape, dtype=float)) * image.get_data_dtype().itemsize
    if file.stat().st_size < wanted:
        raise InputError(
            f"{path} says it holds {'×'.join(map(str, image.shape))} voxels ({wanted:,.0f} bytes), "
            f"but {file.name} has {file.stat().st_size:,} bytes; it was cut off or its header is "
            "wrong"
        )


def image_values(image: Any, name: str | Path) -> np.ndarray:
    """Read the voxels of an image as float32.

    Raises
    ------
    InputError
        If they would not fit in memory, or the file breaks off.
    """
    check_maps_memory(image.shape, str(name))
    try:
        return np.asarray(image.dataobj, dtype=np.float32)
    except (AffectomeError, MemoryError):
        raise
    except Exception as error:
        # A broken gzip stream fails in whatever way its bytes lead zlib and nibabel.
        why = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{name} can't be read to its end: {why}") from error


def check_maps_memory(shape: Sequence[int], name: str) -> None:
    """Refuse maps that can't fit in memory, from what their header says.

    Raises
    ------
    InputError
        With both numbers.
    """
    check_memory(
        MAPS_FACTOR * 4 * float(np.prod(shape, dtype=float)),
        f"reading {name}, shape {'×'.join(map(str, shape))},",
        "take fewer maps, a coarser grid, or a larger machine",
    )


def squeezed(image: Any) -> Any:
    """Drop a fourth axis of length one."""
    return image.slicer[..., 0] if len(image.shape) == 4 and image.shape[3] == 1 else image


def stack_images(files: Sequence[Path]) -> Any:
    """Put maps on one grid together as a four-dimensional float32 image.

    Raises
    ------
    InputError
        If the grids differ, one is not a single volume, or they would not fit in memory.
    """
    nibabel = require("nibabel", "fmri")
    first = squeezed(load_image(files[0]))
    check_maps_memory((*first.shape[:3], len(files)), f"{len(files)} maps like {files[0]}")
    data = np.empty((*first.shape[:3], len(files)), dtype=np.float32)
    for n, file in enumerate(files):
        image = squeezed(load_image(file))
        check_same_grid(image, first, str(file), str(files[0]), "bring all maps to one grid first")
        if len(image.shape) != 3:
            raise InputError(f"{file} has the shape {image.shape}; a map is one volume")
        data[..., n] = image_values(image, file)
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
