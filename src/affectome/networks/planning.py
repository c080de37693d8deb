"""What a pass over pictures takes, from the speed of this machine."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch

from affectome.data import read_picture
from affectome.execution import Shared
from affectome.execution.blocks import jobs_that_fit
from affectome.execution.plan import Step
from affectome.execution.rates import rate, sampled, seconds_each
from affectome.networks.activations import Pass, respond_part
from affectome.networks.batches import SIDE, Picture
from affectome.networks.memory import predicted_memory
from affectome.networks.network import Network
from affectome.networks.precision import Precision, choose_precision, in_precision
from affectome.networks.traced import Traced

BATCH = 8


def plan_activations(
    network: Network,
    pictures: Sequence[Picture],
    *,
    batch_size: int = BATCH,
    precision: str = "auto",
    n_jobs: int | None = None,
) -> tuple[Step, Step]:
    """Predict what :func:`affectome.networks.activations` takes with a store, all layers read.

    Parameters
    ----------
    network, pictures, batch_size, precision, n_jobs
        As they will be given.

    Returns
    -------
    tuple of Step
        Decoding (timed on some of the pictures) and the network's own arithmetic.
    """
    arithmetic = choose_precision(network, precision)
    one, two = (predicted_memory(network, batch_size, arithmetic, None, n) for n in (1, 2))
    jobs = min(jobs_that_fit(n_jobs, two - one, one), max(1, -(-len(pictures) // batch_size)))
    memory = one + (jobs - 1) * (two - one)
    see = network.preprocessing
    seconds, read = sampled(
        lambda picture: see.shorten(
            picture if isinstance(picture, np.ndarray) else read_picture(picture)
        ),
        pictures,
        jobs,
    )
    units = sum(network.units(layer) for layer in network.layers)
    kept = 4.0 * units * len(pictures)
    each = seconds_a_picture(network, arithmetic, batch_size, jobs)
    return (
        Step(f"decode for {network.name}", seconds, memory, read=read),
        Step(f"{network.name}, {arithmetic.name}", len(pictures) * each, memory, disk=2 * kept),
    )


def seconds_a_picture(
    network: Network, arithmetic: Precision, batch_size: int = BATCH, n_jobs: int | None = None
) -> float:
    """Give the seconds that a network takes for a picture, measured on this machine."""

    def measure(jobs: int | None) -> dict[str, float]:
        see = network.preprocessing
        stack = in_precision(network, arithmetic)
        how = Pass(stack, network.layers, "mean", arithmetic, see, batch_size)
        noise = np.random.default_rng(0).integers(0, 255, (see.side, see.side, 3), np.uint8)
        block = (Shared(how), [noise] * batch_size, 0)
        return {"seconds": seconds_each(respond_part, block, batch_size, jobs)}

    name = f"{network.name}, {arithmetic.name}, batches of {batch_size}"
    return rate(name, measure, n_jobs)["seconds"]


def share_above(network: Network) -> dict[str, float]:
    """Give the share of a pass that is left after the layer that follows each layer.

    It is what a manipulation of the layer costs beside a whole pass: the convolution that follows
    is shared by all manipulations. Counted in multiplications of AlexNet's and VGG-16's
    convolutions; for a graph, in layers.
    """
    if isinstance(network.stack, Traced):
        n = len(network.layers)
        return {layer: (n - 1 - i) / n for i, layer in enumerate(network.layers)}
    stack = copy.deepcopy(network.stack).to("meta")
    maps = torch.empty(1, 3, SIDE, SIDE, device="meta")
    work = []
    for name, stage in stack.named_children():
        maps = stage(maps)
        if name in network.layers:
            work.append(stage[0].weight[0].numel() * maps.numel())
    left = np.cumsum(work[::-1])[::-1] / sum(work)
    return dict(zip(network.layers, [*left[2:].tolist(), 0.0, 0.0], strict=True))
