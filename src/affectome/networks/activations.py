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
from affectome.networks._reduce import REDUCTIONS
from affectome.networks.batches import Batch, Picture, picture_name, stream
from affectome.networks.memory import predicted_memory
from affectome.networks.network import Network
from affectome.networks.precision import Precision, choose_precision, in_precision
from affectome.networks.preprocessing import Preprocessing
from affectome.networks.store import Memory, Store, digest
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
        Zarr folder to write to, batch by batch; a run that was killed continues where it was and
        ends with the same bytes. A finished run that was asked the same is only opened.
    progress
        Called before the work, with the memory that it will need, and after every batch.

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
    sink = Memory() if store is None else Store(store, asked | {"pictures": digest(pictures)})
    arithmetic = sink.precision or choose_precision(network, precision)
    stack = in_precision(network, arithmetic)
    sink.begin(len(pictures), len(units), batch_size, arithmetic)
    need = predicted_memory(network, batch_size, arithmetic, chosen[-1])
    step = f"{network.name}, {arithmetic.name}, needs {need / 1e9:.1f} GB"
    progress(step, min(sink.batches * batch_size, len(pictures)), len(pictures))
    see = network.preprocessing
    for batch in stream(pictures, batch_size, sink.batches, see):
        values = np.empty((0, len(units)), np.float32)
        if len(batch.rows):
            values = _respond(stack, batch, chosen, reduce, arithmetic, see)
        sink.append(values, batch.skipped)
        progress(step, min(sink.batches * batch_size, len(pictures)), len(pictures))
    rows = np.setdiff1d(np.arange(len(pictures)), list(sink.skipped))
    if not rows.size:
        why = next((item.why for item in sink.skipped.values()), "the list is empty")
        raise InputError(f"none of {len(pictures)} pictures can be read: {why}")
    recording = sink.finish(table.iloc[rows].reset_index(drop=True), units)
    return Activations(recording, rows, tuple(sink.skipped.values()), arithmetic)


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


def _respond(
    stack: nn.Sequential | Traced,
    batch: Batch,
    layers: Sequence[str],
    reduce: str,
    arithmetic: Precision,
    see: Preprocessing,
) -> np.ndarray:
    """Give the responses of all layers' units to a batch, shape (n, n_units), float32."""
    responses = [
        REDUCTIONS[reduce](maps)
        for name, maps in walk(stack, see.to_input(batch.pixels, arithmetic.dtype), layers[-1])
        if name in layers
    ]
    values = np.concatenate(responses, axis=1)
    if not np.isfinite(values).all():
        raise InputError("the network answers NaN or infinity; check its weights and the gain")
    return values
