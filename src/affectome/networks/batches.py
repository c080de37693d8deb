"""Pictures on their way to a network, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from affectome.data import Skipped, read_picture
from affectome.errors import InputError
from affectome.networks.preprocessing import IMAGENET, Preprocessing

SIDE = IMAGENET.side

Picture = str | Path | np.ndarray


@dataclass(frozen=True)
class Batch:
    """Some pictures in a row.

    Attributes
    ----------
    rows
        Places of the readable pictures in the list that was given, shape (n,).
    pixels
        Shape (n, side, side, 3), uint8; 224 for most networks.
    skipped
        The pictures of this batch that can't be read, by their place in that list.
    """

    rows: np.ndarray
    pixels: np.ndarray
    skipped: dict[int, Skipped]


def stream(
    pictures: Sequence[Picture],
    batch_size: int,
    preprocessing: Preprocessing = IMAGENET,
    first: int = 0,
) -> Iterator[Batch]:
    """Read pictures batch by batch.

    Batch ``i`` always comes from ``pictures[i * batch_size:(i + 1) * batch_size]``, whatever can be
    read of it, so that a run that is continued forms the batches that it would have formed.

    Parameters
    ----------
    pictures
        Paths, or arrays of the shape (height, width, 3), uint8.
    batch_size
        Pictures in a batch.
    preprocessing
        How a picture is cut and resized.
    first
        Place of the first of these pictures in a longer list, of which rows are counted.
    """
    for begin in range(0, len(pictures), batch_size):
        pixels: dict[int, np.ndarray] = {}
        skipped: dict[int, Skipped] = {}
        for row, picture in enumerate(pictures[begin : begin + batch_size], start=first + begin):
            found = _load(picture, row, preprocessing)
            if isinstance(found, Skipped):
                skipped[row] = found
            else:
                pixels[row] = found
        side = preprocessing.side
        yield Batch(
            np.array(list(pixels), dtype=np.intp),
            np.stack(list(pixels.values())) if pixels else np.empty((0, side, side, 3), np.uint8),
            skipped,
        )


def _load(picture: Picture, row: int, preprocessing: Preprocessing) -> np.ndarray | Skipped:
    try:
        pixels = picture if isinstance(picture, np.ndarray) else read_picture(picture)
        return preprocessing.shorten(pixels)
    except InputError as error:
        return Skipped(picture_name(picture, row), str(error))


def picture_name(picture: Picture, row: int) -> str:
    """Give a picture's path, or its place where it came as an array."""
    return f"picture {row}" if isinstance(picture, np.ndarray) else str(picture)


def to_input(pixels: np.ndarray, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Scale pixels to 0–1 and standardise them with ImageNet's mean and standard deviation.

    Parameters
    ----------
    pixels
        Shape (n, height, width, 3), uint8.
    dtype
        Type of the result; the arithmetic is done in float32.

    Returns
    -------
    torch.Tensor
        Shape (n, 3, height, width), channels last in memory.
    """
    return IMAGENET.to_input(pixels, dtype)
