"""Responses of a network's units to pictures: one pass, all layers, reduced on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr
from torch import nn

from affectome.data import Skipped
from affectome.errors import InputError
from affectome.execution import Shared, cut
from affectome.execution.blocks import jobs_that_fit
from affectome.execution.shards import keeping, pack
from affectome.networks._reduce import REDUCTIONS
from affectome.networks.batches import Batch, Picture, picture_name, stream
from affectome.networks.memory import predicted_memory
from affectome.networks.network import Network
from affectome.networks.precision import Precision, choose_precision, in_precision
from affectome.networks.preprocessing import Preprocessing
from affectome.networks.store import Store, digest, in_memory, told
from affectome.networks.traced import Traced, as_maps
from affectome.progress import Progress, silent


@dataclass(frozen=True)
class Activations:
    """Responses of units to pictures.

    Attributes
    ----------
    recording
        Dims (trial, unit), float32; ``unit`` carries ``layer`` and ``channel``, ``trial`` the
        columns of ``trials``. On disk, read when asked for, where a store was given.
    rows
        Places of the readable pictures in the list that was given, shape (n_trials,).
    skipped
        Pictures that can't be read.
    precision
        The arithmetic that was used.
    """

    recording: xr.DataArray
    rows: np.ndarray
    skipped: tuple[Skipped, ...]
    precision: Precision


def activations(
    network: Network,
    pictures: Sequence[Picture],
    layers: Sequence[str] | None = None,
    *,
    trials: pd.DataFrame | None = None,
    reduce: str = "mean",
    batch_size: int = 8,
    precision: str = "auto",
    store: str | Path | None = None,
    n_jobs: int | None = None,
    progress: Progress = silent,
) -> Activations:
    """Measure the responses of a network's units to pictures.

    Of every picture the largest central square is taken and resized to 224 × 224, unless the
    network's preprocessing says otherwise. A unit is a filter of a convolutional layer; its
    response is the mean (or maximum) of its map after the ReLU. All layers are read in one forward
    pass.

    Parameters
    ----------
    network
        The network.
    pictures
        Paths, or arrays of the shape (height, width, 3), uint8.
    layers
        Layers to read; all convolutions if not given.
    trials
        One row a picture; becomes the coordinates of ``trial``. If not given, ``file``.
    reduce
        ``"mean"`` or ``"max"`` over the places of a map.
    batch_size
        Pictures that are run together.
    precision
        ``"float32"``, ``"bfloat16"`` or ``"auto"``; see `choose_precision`.
    store
        Zarr folder to write to, shard by shard; a run that was killed continues where it was and
        ends with the same bytes. A finished run that was asked the same is only opened.
    n_jobs
        Shards at once, each on one thread; see `affectome.execution.run_blocks`.
    progress
        Called before the work, with the memory that it will need, and after every shard.

    Returns
    -------
    Activations

    Raises
    ------
    InputError
        If a layer or reduction does not exist, or no picture can be read.
    """
    chosen = network.check_layers(network.layers if layers is None else layers)
    if reduce not in REDUCTIONS:
        raise InputError(f"reduce must be one of {', '.join(REDUCTIONS)}; got {reduce!r}")
    table = _trials(pictures, trials)
    units = unit_names(network, chosen)
    asked = {
        "network": network.sha256,
        "interventions": network.interventions,
        "layers": chosen,
        "reduce": reduce,
        "batch_size": batch_size,
        "precision": precision,
    }
    if isinstance(network.stack, Traced):
        asked["preprocessing"] = network.preprocessing.words()
    parts = cut(len(pictures), batch_size)
    kept = None
    if store is not None:
        kept = Store(store, asked | {"pictures": digest(pictures)}, len(parts))
    arithmetic = (kept and kept.precision) or choose_precision(network, precision)
    one, two = (predicted_memory(network, batch_size, arithmetic, chosen[-1], n) for n in (1, 2))
    jobs = min(jobs_that_fit(n_jobs, two - one, one), max(1, len(parts)))
    need = one + (jobs - 1) * (two - one)
    step = f"{network.name}, {arithmetic.name}, needs {need / 1e9:.1f} GB"

    def tell(done: int) -> None:
        progress(step, parts[done - 1].stop if done else 0, len(pictures))

    if kept and kept.finished:
        tell(len(parts))
        recording, rows, skipped = kept.open(len(pictures))
    else:
        if kept:
            kept.begin(arithmetic)
        stack = in_precision(network, arithmetic)
        see = network.preprocessing
        shared = Shared(Pass(stack, tuple(chosen), reduce, arithmetic, see, batch_size))
        blocks = [(shared, [pictures[i] for i in part], part.start) for part in parts]
        made = keeping(kept.shards if kept else None, respond_part, blocks, jobs, tell)
        if kept:
            recording, rows, skipped = kept.merge(made, table, units, len(parts[0]) if parts else 1)
        else:
            recording, rows, skipped = in_memory(made, table, units)
    return Activations(recording, rows, tuple(skipped.values()), arithmetic)


@dataclass(frozen=True)
class Pass:
    """All that a worker needs to run pictures through a network."""

    stack: nn.Sequential | Traced
    layers: tuple[str, ...]
    reduce: str
    arithmetic: Precision
    see: Preprocessing
    batch_size: int


def respond_part(shared: Shared[Pass], pictures: Sequence[Picture], first: int) -> bytes:
    """Give the responses to pictures, of which the first has a place in a longer list."""
    asked = shared.value
    values: list[np.ndarray] = []
    rows: list[np.ndarray] = []
    skipped: dict[int, Skipped] = {}
    for batch in stream(pictures, asked.batch_size, asked.see, first):
        skipped |= batch.skipped
        if len(batch.rows):
            values.append(_respond(asked, batch))
            rows.append(batch.rows)
    return pack(
        values=np.concatenate(values) if rows else np.empty((0, 0), np.float32),
        rows=np.concatenate(rows) if rows else np.empty(0, np.intp),
        skipped=told(skipped),
    )


def _trials(pictures: Sequence[Picture], trials: pd.DataFrame | None) -> pd.DataFrame:
    if trials is None:
        return pd.DataFrame({"file": [picture_name(p, i) for i, p in enumerate(pictures)]})
    if len(trials) != len(pictures):
        raise InputError(
            f"trials has {len(trials)} rows for {len(pictures)} pictures; give one row a picture"
        )
    return trials


def unit_names(network: Network, layers: Sequence[str]) -> pd.DataFrame:
    """Give the table of units: ``layer`` and ``channel``, a row a unit."""
    return pd.DataFrame(
        [(layer, channel) for layer in layers for channel in range(network.units(layer))],
        columns=["layer", "channel"],
    )


def walk(
    stack: nn.Sequential | Traced, maps: torch.Tensor, last: str
) -> Iterator[tuple[str, torch.Tensor]]:
    """Run maps through a network up to the layer ``last``, giving the maps of every layer."""
    if isinstance(stack, Traced):
        for name, node, values in stack.walk(stack.begin(maps), None, last):
            yield name, as_maps(values[node])
        return
    for name, stage in stack.named_children():
        maps = stage(maps)
        yield name, maps
        if name == last:
            return


def _respond(asked: Pass, batch: Batch) -> np.ndarray:
    """Give the responses of all layers' units to a batch, shape (n, n_units), float32."""
    inputs = asked.see.to_input(batch.pixels, asked.arithmetic.dtype)
    responses = [
        REDUCTIONS[asked.reduce](maps)
        for name, maps in walk(asked.stack, inputs, asked.layers[-1])
        if name in asked.layers
    ]
    values = np.concatenate(responses, axis=1)
    if not np.isfinite(values).all():
        raise InputError("the network answers NaN or infinity; check its weights and the gain")
    return values
