"""Lesion and enhancement: a unit's output × (1 + gain), and what the layers above make of it.

gain = −1 silences a unit, 0 leaves it alone, 5 makes it six times as strong (Liu et al. 2024).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.func import functional_call

from affectome.data import Skipped
from affectome.errors import InputError
from affectome.networks._reduce import spatial_mean
from affectome.networks.activations import walk
from affectome.networks.batches import Picture, stream, to_input
from affectome.networks.network import Network
from affectome.networks.precision import Precision, choose_precision, in_precision
from affectome.progress import Progress, silent

Read = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Manipulation:
    """Some units of one layer, multiplied by 1 + gain."""

    layer: str
    units: tuple[int, ...]
    gain: float


@dataclass(frozen=True)
class Manipulated:
    """What a network answers when it is manipulated.

    Attributes
    ----------
    values
        Shape (n_manipulations, n_pictures, n_outputs), float32.
    base
        The same without manipulation, shape (n_pictures, n_outputs), float32.
    rows
        Places of the readable pictures in the list that was given, shape (n_pictures,).
    skipped
        Pictures that can't be read.
    precision
        The arithmetic that was used.
    """

    values: np.ndarray
    base: np.ndarray
    rows: np.ndarray
    skipped: tuple[Skipped, ...]
    precision: Precision


@contextmanager
def intervene(
    network: Network, layer: str, units: Sequence[int] | np.ndarray, gain: float
) -> Iterator[Network]:
    """Multiply the output of some units by 1 + gain as long as the context lasts.

    Parameters
    ----------
    network
        The network; its weights stay as they are.
    layer
        Name of the layer.
    units
        Channels of that layer.
    gain
        −1 is a lesion, 0 changes nothing.

    Raises
    ------
    InputError
        If the layer or a unit does not exist, or the gain is below −1 or not finite.
    """
    manipulation = Manipulation(layer, tuple(int(u) for u in units), gain)
    scale = _scale(network, manipulation)

    def multiply(_module: nn.Module, _inputs: object, output: torch.Tensor) -> torch.Tensor:
        return output * scale.to(output)

    handle = network.stack.get_submodule(layer).register_forward_hook(multiply)
    words = f"{layer}: {sorted(manipulation.units)} × {1 + gain:g}"
    network.interventions.append(words)
    try:
        yield network
    finally:
        handle.remove()
        network.interventions.remove(words)


def manipulated_activations(
    network: Network,
    pictures: Sequence[Picture],
    manipulations: Sequence[Manipulation],
    *,
    readout: Sequence[str] | None = None,
    read: Read | None = None,
    batch_size: int = 16,
    precision: str = "auto",
    progress: Progress = silent,
) -> Manipulated:
    """Run many manipulations, of any layers, in one pass over the pictures.

    A batch is run forward once. At every layer that is manipulated its maps are at hand, and each
    manipulation runs only the layers above; a max pooling that follows is shared, for it commutes
    with multiplication by 1 + gain ≥ 0, and the multiplication is done on the weights of the next
    convolution, conv(x·s, W) = conv(x, W·s). Memory holds the maps of one batch and the result,
    whatever the number of pictures.

    Parameters
    ----------
    network
        The network.
    pictures
        Paths, or arrays of the shape (height, width, 3), uint8.
    manipulations
        What to do, in any order, such as 20 random draws in each layer beside the chosen units.
    readout
        Layers whose spatial means are read, in the network's order; the last layer if not given.
    read
        Turns means (n, n_units of the readout layers) into (n, n_outputs) at once, such as a
        fitted decoder's ``decision_function``; the means themselves if not given. With many
        manipulations this keeps the result small.
    batch_size
        Pictures that are run together.
    precision
        ``"float32"``, ``"bfloat16"`` or ``"auto"``.
    progress
        Called after every batch.

    Returns
    -------
    Manipulated

    Raises
    ------
    InputError
        If a layer or unit does not exist, a gain is below −1, or no picture can be read.
    """
    reads = network.check_layers(readout or network.layers[-1:])
    scales = [_scale(network, manipulation) for manipulation in manipulations]
    arithmetic = choose_precision(network, precision)
    sweep = _Sweep(in_precision(network, arithmetic), reads, manipulations, scales, read)
    values: list[np.ndarray] = []
    base: list[np.ndarray] = []
    rows: list[np.ndarray] = []
    skipped: dict[int, Skipped] = {}
    step = f"{network.name}: {len(manipulations)} manipulations ({arithmetic.name})"
    for batch in stream(pictures, batch_size):
        skipped |= batch.skipped
        if len(batch.rows):
            plain, changed = sweep.run(to_input(batch.pixels, arithmetic.dtype))
            base.append(plain)
            values.append(changed)
            rows.append(batch.rows)
        progress(step, sum(map(len, rows)) + len(skipped), len(pictures))
    if not rows:
        raise InputError(f"none of {len(pictures)} pictures can be read")
    return Manipulated(
        np.concatenate(values, axis=1),
        np.concatenate(base),
        np.concatenate(rows),
        tuple(skipped.values()),
        arithmetic,
    )


class _Sweep:
    """All manipulations of a batch, from one walk through the stack."""

    def __init__(
        self,
        stack: nn.Sequential,
        readout: tuple[str, ...],
        manipulations: Sequence[Manipulation],
        scales: Sequence[torch.Tensor],
        read: Read | None,
    ) -> None:
        self.stack = stack
        self.readout = readout
        self.read = read
        self.count = len(manipulations)
        self.plan: dict[str, list[tuple[int, torch.Tensor]]] = {}
        for i, (manipulation, scale) in enumerate(zip(manipulations, scales, strict=True)):
            self.plan.setdefault(manipulation.layer, []).append((i, scale))

    def run(self, inputs: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
        means: dict[str, np.ndarray] = {}
        changed: dict[int, dict[str, np.ndarray]] = {}
        for name, maps in walk(self.stack, inputs, self.readout[-1]):
            if name in self.readout:
                means[name] = spatial_mean(maps)
            if name in self.plan:
                changed |= self._above(name, maps, means)
        base = self._answer(means)
        values = [self._answer(means | changed.get(i, {})) for i in range(self.count)]
        return base, np.stack(values) if values else np.empty((0, *base.shape), np.float32)

    def _above(
        self, layer: str, maps: torch.Tensor, means: dict[str, np.ndarray]
    ) -> dict[int, dict[str, np.ndarray]]:
        """Give the means from ``layer`` on for each manipulation of it."""
        stages = list(self.stack.named_children())
        above = stages[[name for name, _ in stages].index(layer) + 1 :]
        if above and isinstance(above[0][1], nn.MaxPool2d):
            maps = above.pop(0)[1](maps)
        changed: dict[int, dict[str, np.ndarray]] = {}
        for i, scale in self.plan[layer]:
            own = {layer: means[layer] * scale.flatten().numpy()} if layer in means else {}
            changed[i] = own | self._rerun(above, maps, scale)
        return changed

    def _rerun(
        self, stages: list[tuple[str, nn.Module]], maps: torch.Tensor, scale: torch.Tensor
    ) -> dict[str, np.ndarray]:
        means = {}
        for place, (name, stage) in enumerate(stages):
            if not self._reads_from(stages[place:]):
                break
            if place == 0:
                weight = stage.get_parameter("0.weight")
                scaled = {"0.weight": weight * scale.to(weight.dtype)}
                maps = functional_call(stage, scaled, (maps,))
            else:
                maps = stage(maps)
            if name in self.readout:
                means[name] = spatial_mean(maps)
        return means

    def _reads_from(self, stages: list[tuple[str, nn.Module]]) -> bool:
        return any(name in self.readout for name, _ in stages)

    def _answer(self, means: dict[str, np.ndarray]) -> np.ndarray:
        joined = np.concatenate([means[layer] for layer in self.readout], axis=1)
        answer = joined if self.read is None else np.asarray(self.read(joined))
        return answer.reshape(len(joined), -1).astype(np.float32)


def _scale(network: Network, manipulation: Manipulation) -> torch.Tensor:
    """Give 1 + gain for the chosen units and 1 for the others, shape (1, n_units, 1, 1)."""
    layer, units, gain = manipulation.layer, np.asarray(manipulation.units), manipulation.gain
    count = network.units(layer)
    if not (np.isfinite(gain) and gain >= -1):
        raise InputError(f"gain is finite and at least -1 (which silences a unit); got {gain}")
    if units.size and (units.dtype.kind not in "iu" or units.min() < 0 or units.max() >= count):
        raise InputError(f"{layer} of {network.name} has the units 0 … {count - 1}; got {units}")
    scale = torch.ones(1, count, 1, 1)
    scale[:, units.astype(np.intp)] = 1.0 + gain
    return scale
