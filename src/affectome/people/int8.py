"""Weights in a quarter of their size: matrices as whole numbers of eight bits, one scale a row.

A row ``w`` of a matrix, or a filter of a convolution, is kept as ``round(w / s)`` with
``s = max|w| / 127``, so that no weight is off by more than ``s / 2``. Vectors stay as they are.
Reading gives back float32.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from affectome.errors import InputError

SCALE = ".scale"


def save_int8(weights: Mapping[str, Tensor], file: Path, whole: Collection[str] = ()) -> None:
    """Write weights, matrices with eight bits a number, but for those that are named ``whole``."""
    kept: dict[str, Tensor] = {}
    for name, weight in weights.items():
        if weight.ndim in {2, 4} and name not in whole:
            scale = (weight.abs().flatten(1).amax(1) / 127).clamp(min=1e-12)
            kept[name] = torch.round(weight / _along(scale, weight)).to(torch.int8).contiguous()
            kept[name + SCALE] = scale
        else:
            kept[name] = weight.float().contiguous()
    save_file(kept, file)


def load_int8(file: Path) -> dict[str, Tensor]:
    """Read weights that :func:`save_int8` wrote, as float32.

    Raises
    ------
    InputError
        If the file is missing or no safetensors file.
    """
    try:
        kept = load_file(file)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{file} can't be read as weights: {error}") from error
    scales = {name for name in kept if name.endswith(SCALE)}
    return {
        name: weight.float() * _along(kept[name + SCALE], weight)
        if name + SCALE in scales
        else weight
        for name, weight in kept.items()
        if name not in scales
    }


def _along(scale: Tensor, weight: Tensor) -> Tensor:
    return scale.reshape(-1, *[1] * (weight.ndim - 1))
