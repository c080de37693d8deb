"""How much memory a pass will take, said before it starts."""

from __future__ import annotations

import copy

import torch

from affectome.networks.batches import SIDE
from affectome.networks.network import Network
from affectome.networks.precision import Precision
from affectome.networks.traced import Traced

ALREADY_THERE = 550_000_000


def predicted_memory(
    network: Network,
    batch_size: int,
    precision: Precision,
    last: str | None = None,
    n_jobs: int = 1,
) -> int:
    """Predict the peak memory of a pass in bytes, whatever the number of pictures.

    It is what Python and its libraries hold, the weights twice, and the largest stage's input,
    convolution and response for one batch. Results that are not sent to a store come on top:
    4 bytes for each trial and unit.

    Parameters
    ----------
    network
        The network.
    batch_size
        Pictures that are run together.
    precision
        Type of the maps.
    last
        Last layer that is run; the network's last if not given.
    n_jobs
        Batches that are run at once.
    """
    width = precision.dtype.itemsize * n_jobs
    if isinstance(network.stack, Traced):
        numbers = sum(values.numel() for values in network.stack.state_dict().values())
        return ALREADY_THERE + numbers * 4 + 3 * network.stack.widest() * batch_size * width
    stack = copy.deepcopy(network.stack).to("meta")
    maps = torch.empty(1, 3, SIDE, SIDE, device="meta")
    largest = 0
    for name, stage in stack.named_children():
        before, maps = maps.numel(), stage(maps)
        largest = max(largest, before + 2 * maps.numel())
        if name == (last or network.layers[-1]):
            break
    weights = sum(values.numel() for values in network.stack.parameters())
    held = weights * (4 + 2 * precision.dtype.itemsize)
    return ALREADY_THERE + held + largest * batch_size * width
