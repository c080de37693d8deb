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

from affectome.data import Skipped, make_recording
from affectome.errors import InputError
from affectome.networks._reduce import REDUCTIONS
from affectome.networks.batches import Batch, Picture, picture_name, stream, to_input
from affectome.networks.network import Network
from affectome.networks.precision import Precision, choose_precision, in_precision
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
    batch_size: int = 16,
    precision: str = "auto",
    store: str | Path | None = None,
    progress: Progress = silent,
) -> Activations:
    """Measure the responses of a network's units to pictures.

    Of every picture the largest central square is taken and resized to 224 × 224. A unit is a
    filter of a convolutional layer; its response is the mean (or maximum) of its map after the
    ReLU. All layers are read in one forward pass.

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
        ``"float32"``, ``"bfloat16"`` or ``"auto"``.
    store
        Zarr folder to write to; a run that was killed continues where it was.
    progress
        Called after every batch.

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
    arithmetic = choose_precision(network, precision)
    stack = in_precision(network, arithmetic)
    values: list[np.ndarray] = []
    rows: list[np.ndarray] = []
    skipped: list[Skipped] = []
    for batch in stream(pictures, batch_size):
        skipped += batch.skipped
        rows.append(batch.rows)
        if len(batch.rows):
            values.append(_respond(stack, batch, chosen, reduce, arithmetic))
        progress(f"{network.name} ({arithmetic.name})", sum(map(len, rows)), len(pictures))
    kept = np.concatenate(rows)
    if trials is None:
        trials = pd.DataFrame({"file": [picture_name(p, i) for i, p in enumerate(pictures)]})
    recording = make_recording(
        np.concatenate(values),
        trials.iloc[kept].reset_index(drop=True),
        unit_names(network, chosen),
    )
    return Activations(recording, kept, tuple(skipped), arithmetic)


def unit_names(network: Network, layers: Sequence[str]) -> pd.DataFrame:
    """Give the table of units: ``layer`` and ``channel``, a row a unit."""
    return pd.DataFrame(
        [(layer, channel) for layer in layers for channel in range(network.units(layer))],
        columns=["layer", "channel"],
    )


def walk(stack: nn.Sequential, maps: torch.Tensor, last: str) -> Iterator[tuple[str, torch.Tensor]]:
    """Run maps through a stack up to the layer ``last``, giving the output of every stage."""
    for name, stage in stack.named_children():
        maps = stage(maps)
        yield name, maps
        if name == last:
            return


def _respond(
    stack: nn.Sequential, batch: Batch, layers: Sequence[str], reduce: str, arithmetic: Precision
) -> np.ndarray:
    inputs = to_input(batch.pixels, arithmetic.dtype)
    return np.concatenate(
        [
            REDUCTIONS[reduce](maps)
            for name, maps in walk(stack, inputs, layers[-1])
            if name in layers
        ],
        axis=1,
    )
