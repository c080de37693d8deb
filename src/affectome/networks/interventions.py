"""Lesion and enhancement: a unit's output × (1 + gain), and what the layers above make of it.

gain = −1 silences a unit, 0 leaves it alone, 5 makes it six times as strong (Liu et al. 2024).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from affectome.data import Skipped
from affectome.errors import InputError
from affectome.execution import Shards, Shared, cut
from affectome.execution.shards import keeping, pack, unpack
from affectome.networks._reduce import spatial_mean
from affectome.networks.activations import walk
from affectome.networks.batches import Picture, stream
from affectome.networks.network import Network
from affectome.networks.precision import Precision, choose_precision, in_precision
from affectome.networks.preprocessing import Preprocessing
from affectome.networks.store import digest, skipped_of, told
from affectome.networks.traced import Traced, as_maps, channel_axis
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
    _check(network, manipulation)
    if isinstance(network.stack, Traced):
        raise InputError(
            f"{network.name} can't be manipulated in place; use manipulated_activations"
        )
    scale = torch.ones(1, network.units(layer), 1, 1)
    scale[:, list(manipulation.units)] = 1.0 + gain

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
    batch_size: int = 8,
    precision: str = "auto",
    store: str | Path | None = None,
    n_jobs: int | None = None,
    progress: Progress = silent,
) -> Manipulated:
    """Run many manipulations, of any layers, in one pass over the pictures.

    A batch is run forward once. At every layer that is manipulated its maps are at hand, and each
    manipulation runs only the layers above. A max pooling that follows is shared, for it commutes
    with multiplication by 1 + gain ≥ 0, and the next convolution is linear: with the units U it is
    conv(x) + gain · conv(x_U), of which the first term is shared by all manipulations of the layer
    and the second by all gains of the same units. Memory holds the maps of one batch and the
    result, whatever the number of pictures.

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
    store
        Folder for the shards that are finished, so that a run that was killed goes on where it was.
        Name it after whatever ``read`` depends on; all else is checked.
    n_jobs
        Shards at once, each on one thread; see `affectome.execution.run_blocks`.
    progress
        Called after every shard.

    Returns
    -------
    Manipulated

    Raises
    ------
    InputError
        If a layer or unit does not exist, a gain is below −1, or no picture can be read.
    """
    reads = network.check_layers(readout or network.layers[-1:])
    for manipulation in manipulations:
        _check(network, manipulation)
    if network.interventions:
        raise InputError(
            f"{network.name} is manipulated already ({network.interventions[0]}); leave that first"
        )
    arithmetic = choose_precision(network, precision)
    stack = in_precision(network, arithmetic)
    sweep = (
        _TracedSweep(stack, reads, manipulations, read)
        if isinstance(stack, Traced)
        else _Sweep(stack, reads, manipulations, read)
    )
    asked = (network.sha256, manipulations, reads, batch_size, arithmetic.name, digest(pictures))
    shared = Shared(_Pass(sweep, arithmetic, network.preprocessing, batch_size))
    parts = cut(len(pictures), batch_size)
    blocks = [(shared, pictures[part.start : part.stop], part.start) for part in parts]
    step = f"{network.name}: {len(manipulations)} manipulations ({arithmetic.name})"

    def tell(done: int) -> None:
        progress(step, parts[done - 1].stop if done else 0, len(pictures))

    kept = None
    if store is not None:
        key = hashlib.sha256(repr(asked).encode()).hexdigest()
        kept = Shards(Path(store) / key[:16], {"key": key}, len(parts))
    found = [unpack(one) for one in keeping(kept, _answer_part, blocks, n_jobs, tell)]
    answered = [one for one in found if len(one["rows"])]
    if not answered:
        raise InputError(f"none of {len(pictures)} pictures can be read")
    return Manipulated(
        np.concatenate([one["values"] for one in answered], axis=1),
        np.concatenate([one["base"] for one in answered]),
        np.concatenate([one["rows"] for one in answered]),
        tuple(item for one in found for item in skipped_of(one).values()),
        arithmetic,
    )


@dataclass(frozen=True)
class _Pass:
    """All that a worker needs to manipulate a network."""

    sweep: _Sweep | _TracedSweep
    arithmetic: Precision
    see: Preprocessing
    batch_size: int


def _answer_part(shared: Shared[_Pass], pictures: Sequence[Picture], first: int) -> bytes:
    """Answer for pictures of which the first has a place in a longer list."""
    asked = shared.value
    base: list[np.ndarray] = []
    values: list[np.ndarray] = []
    rows: list[np.ndarray] = []
    skipped: dict[int, Skipped] = {}
    for batch in stream(pictures, asked.batch_size, asked.see, first):
        skipped |= batch.skipped
        if len(batch.rows):
            inputs = asked.see.to_input(batch.pixels, asked.arithmetic.dtype)
            plain, changed = asked.sweep.run(inputs)
            base.append(plain)
            values.append(changed)
            rows.append(batch.rows)
    nothing = np.empty(0, np.float32)
    return pack(
        base=np.concatenate(base) if rows else nothing,
        values=np.concatenate(values, axis=1) if rows else nothing,
        rows=np.concatenate(rows) if rows else np.empty(0, np.intp),
        skipped=told(skipped),
    )


class _Sweep:
    """All manipulations of a batch, from one walk through the stack."""

    def __init__(
        self,
        stack: nn.Sequential,
        readout: tuple[str, ...],
        manipulations: Sequence[Manipulation],
        read: Read | None,
    ) -> None:
        self.stages = list(stack.named_children())
        self.names = [name for name, _ in self.stages]
        self.stack = stack
        self.readout = readout
        self.read = read
        self.count = len(manipulations)
        self.plan: dict[str, dict[tuple[int, ...], list[tuple[int, float]]]] = {}
        for i, m in enumerate(manipulations):
            if m.gain == 0:
                continue
            sets = self.plan.setdefault(m.layer, {})
            sets.setdefault(tuple(sorted(set(m.units))), []).append((i, m.gain))

    def run(self, inputs: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Give the answers, shape (n_manipulations, n, n_outputs), after those without any."""
        means: dict[str, np.ndarray] = {}
        changed: dict[int, dict[str, np.ndarray]] = {}
        for name, maps in walk(self.stack, inputs, self.readout[-1]):
            if name in self.readout:
                means[name] = spatial_mean(maps)
            if name in self.plan:
                own = means.get(name)
                changed |= dict(self._manipulate(name, maps, own))
        base = self._answer(means)
        values = [self._answer(means | changed.get(i, {})) for i in range(self.count)]
        return base, np.stack(values) if values else np.empty((0, *base.shape), np.float32)

    def _manipulate(
        self, layer: str, maps: torch.Tensor, own: np.ndarray | None
    ) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        """Give the number of each manipulation of a layer and the means from that layer on."""
        above = self.names.index(layer) + 1
        if above < len(self.stages) and isinstance(self.stages[above][1], nn.MaxPool2d):
            maps = self.stages[above][1](maps)
            above += 1
        goes_on = any(name in self.readout for name in self.names[above:])
        before = self.stages[above][1][0](maps) if goes_on else None
        for units, uses in self.plan[layer].items():
            if not units:
                continue
            share = None if before is None else self._share(above, maps, units)
            for number, gain in uses:
                means = {} if own is None else {layer: _multiplied(own, units, gain)}
                if before is not None and share is not None:
                    rectified = torch.add(before, share, alpha=gain).relu_()
                    means |= self._means_from(above, rectified)
                yield number, means

    def _share(self, stage: int, maps: torch.Tensor, units: tuple[int, ...]) -> torch.Tensor:
        """Give what some channels contribute to a convolution, before its ReLU."""
        convolution = self.stages[stage][1][0]
        chosen = torch.tensor(units, dtype=torch.long)
        return nn.functional.conv2d(
            maps.index_select(1, chosen).contiguous(memory_format=torch.channels_last),
            convolution.weight.index_select(1, chosen),
            None,
            convolution.stride,
            convolution.padding,
        )

    def _means_from(self, stage: int, maps: torch.Tensor) -> dict[str, np.ndarray]:
        """Give the means of the readout layers from the output of a stage on."""
        means = {}
        last = self.names.index(self.readout[-1])
        for place in range(stage, last + 1):
            if place > stage:
                maps = self.stages[place][1](maps)
            if self.names[place] in self.readout:
                means[self.names[place]] = spatial_mean(maps)
        return means

    def _answer(self, means: dict[str, np.ndarray]) -> np.ndarray:
        return _read(means, self.readout, self.read)


class _TracedSweep:
    """The same for a network that is a graph: from each manipulated layer the rest runs again."""

    def __init__(
        self,
        stack: Traced,
        readout: tuple[str, ...],
        manipulations: Sequence[Manipulation],
        read: Read | None,
    ) -> None:
        self.stack, self.readout, self.read = stack, readout, read
        self.manipulations = manipulations

    def run(self, inputs: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Give the answers, shape (n_manipulations, n, n_outputs), after those without any."""
        means: dict[str, np.ndarray] = {}
        changed: dict[int, dict[str, np.ndarray]] = {}
        for name, node, values in self.stack.walk(self.stack.begin(inputs), None, self.readout[-1]):
            if name in self.readout:
                means[name] = spatial_mean(as_maps(values[node]))
            for number, m in enumerate(self.manipulations):
                if m.layer != name:
                    continue
                axis = channel_axis(values[node])
                scale = torch.ones(values[node].shape[axis])
                scale[list(m.units)] = 1.0 + m.gain
                shape = [1] * values[node].ndim
                shape[axis] = -1
                own = dict(values) | {node: values[node] * scale.reshape(shape)}
                found = {name: spatial_mean(as_maps(own[node]))}
                for above, there, later in self.stack.walk(own, node, self.readout[-1]):
                    if above in self.readout:
                        found[above] = spatial_mean(as_maps(later[there]))
                changed[number] = found
        base = _read(means, self.readout, self.read)
        each = [
            _read(means | changed.get(number, {}), self.readout, self.read)
            for number in range(len(self.manipulations))
        ]
        return base, np.stack(each) if each else np.empty((0, *base.shape), np.float32)


def _read(means: dict[str, np.ndarray], readout: tuple[str, ...], read: Read | None) -> np.ndarray:
    joined = np.concatenate([means[layer] for layer in readout], axis=1)
    answer = joined if read is None else np.asarray(read(joined))
    return answer.reshape(len(joined), -1).astype(np.float32)


def _multiplied(means: np.ndarray, units: tuple[int, ...], gain: float) -> np.ndarray:
    changed = means.copy()
    changed[:, list(units)] *= 1.0 + gain
    return changed


def _check(network: Network, manipulation: Manipulation) -> None:
    layer, units, gain = manipulation.layer, np.asarray(manipulation.units), manipulation.gain
    count = network.units(layer)
    if not (np.isfinite(gain) and gain >= -1):
        raise InputError(f"gain is finite and at least -1 (which silences a unit); got {gain}")
    if units.size and (units.dtype.kind not in "iu" or units.min() < 0 or units.max() >= count):
        raise InputError(f"{layer} of {network.name} has the units 0 … {count - 1}; got {units}")
