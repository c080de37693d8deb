"""Activations against the bare forward pass, both precisions, sweeps against the pixels."""

import copy
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from affectome.networks import (
    Manipulation,
    Network,
    activations,
    intervene,
    load_network,
    manipulated_activations,
)
from affectome.networks._reduce import spatial_mean
from affectome.networks.batches import stream, to_input
from affectome.networks.precision import DTYPES
from bench.timing import compare, show

BATCH = 8
THREADS = (2,)


def photographs(folder: str, count: int) -> list[Path]:
    """Write JPEG files of 400 x 320 pixels, as heavy to decode as photographs."""
    paths = []
    for i in range(count):
        blurred = Image.effect_noise((100, 80), 90).resize((400, 320)).convert("RGB")
        paths.append(Path(folder) / f"{i}.jpg")
        blurred.save(paths[-1], quality=92)
    return paths


def whole_pass(network: Network, paths: list[Path]) -> None:
    stack = copy.deepcopy(network.stack).to(torch.bfloat16, memory_format=torch.channels_last)
    batches = [to_input(b.pixels, torch.bfloat16) for b in stream(paths, BATCH)]

    def bare() -> None:
        for inputs in batches:
            stack(inputs)

    def ours(precision: str) -> object:
        return activations(network, paths, batch_size=BATCH, precision=precision)

    work = f"{network.name}, {len(paths)} pictures"
    show(
        compare(
            f"{work}: files to all layers, against bare forward",
            lambda: ours("bfloat16"),
            bare,
            target=1 / 1.15,
            repeats=3,
            threads=THREADS,
        )
    )
    show(
        compare(
            f"{work}: bfloat16 against float32",
            lambda: ours("bfloat16"),
            lambda: ours("float32"),
            target=2.5,
            repeats=2,
            threads=THREADS,
        )
    )


def sweep(network: Network, paths: list[Path], draws: int, precision: str, peer: str) -> None:
    """Lesion ``draws`` random quarters of each layer, and read the last."""
    rng = np.random.default_rng(0)
    plan = [
        Manipulation(layer, tuple(rng.choice(n, n // 4, replace=False)), -1.0)
        for layer in network.layers
        for n in [network.units(layer)] * draws
    ]

    dtype = DTYPES[peer]
    stack = copy.deepcopy(network.stack).to(dtype, memory_format=torch.channels_last)
    converted = replace(network, stack=stack)

    def from_pixels() -> None:
        for m in plan:
            with intervene(converted, m.layer, m.units, m.gain):
                for batch in stream(paths, BATCH):
                    spatial_mean(stack(to_input(batch.pixels, dtype)))

    show(
        compare(
            f"{network.name}, {len(plan)} lesions, {precision} against pixels in {peer}",
            lambda: manipulated_activations(
                network, paths, plan, batch_size=BATCH, precision=precision
            ),
            from_pixels,
            target=4,
            repeats=2,
            threads=THREADS,
        )
    )


def main() -> None:
    vgg16, alexnet = load_network("vgg16"), load_network("alexnet")
    with tempfile.TemporaryDirectory() as folder:
        paths = photographs(folder, 64)
        whole_pass(vgg16, paths)
        sweep(alexnet, paths[:8], 21, "bfloat16", "bfloat16")
        sweep(vgg16, paths[:4], 8, "bfloat16", "bfloat16")
        sweep(vgg16, paths[:4], 2, "bfloat16", "float32")
