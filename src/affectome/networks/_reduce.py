"""Maps to one number a unit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import torch

BLOCK = 256


def spatial_mean(maps: torch.Tensor) -> np.ndarray:
    r"""Mean of every map over its places, :math:`\bar x_{nc} = \frac{1}{HW}\sum_{hw} x_{nchw}`.

    bfloat16 maps are summed in float32 within 256 places and in float64 over these blocks: torch's
    own mean costs a quarter of the whole forward pass in that type.

    Parameters
    ----------
    maps
        Shape (n, channels, height, width), float32 or bfloat16, channels last in memory.

    Returns
    -------
    numpy.ndarray
        Shape (n, channels), float32.
    """
    if maps.dtype != torch.bfloat16:
        return maps.mean(dim=(2, 3)).numpy()
    n, channels, height, width = maps.shape
    places = maps.permute(0, 2, 3, 1).reshape(n, height * width, channels)
    halves = places.contiguous().view(torch.uint16).numpy()
    means = np.empty((n, channels), np.float32)
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        list(pool.map(_mean_of_bfloat16, halves, means))
    return means


@numba.njit(nogil=True, cache=True)
def _mean_of_bfloat16(halves: np.ndarray, means: np.ndarray) -> None:
    """Average over rows; bfloat16 is the upper half of float32."""
    rows, channels = halves.shape
    total = np.zeros(channels, np.float64)
    part = np.zeros(channels, np.float32)
    for first in range(0, rows, BLOCK):
        part[:] = 0
        for row in range(first, min(first + BLOCK, rows)):
            for channel in range(channels):
                bits = np.uint32(np.uint32(halves[row, channel]) << np.uint32(16))
                part[channel] += bits.view(np.float32)
        for channel in range(channels):
            total[channel] += part[channel]
    for channel in range(channels):
        means[channel] = total[channel] / rows


def spatial_max(maps: torch.Tensor) -> np.ndarray:
    """Give the largest value of every map, shape (n, channels), float32."""
    return maps.amax(dim=(2, 3)).to(torch.float32).numpy()


REDUCTIONS = {"mean": spatial_mean, "max": spatial_max}
