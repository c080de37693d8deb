"""The arithmetic of a pass: float32, or bfloat16 where the processor is faster in it.

bfloat16 keeps 8 of float32's 24 bits of precision. On processors with matrix units for it (AMX) a
pass is three to four times as fast. On 592 photographs the rank correlation of selectivity indices
with those from float32 is at least .9995 in every layer of AlexNet and VGG-16, and the
cross-validated r of valence and arousal moves by less than .001.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from affectome.errors import InputError, unknown
from affectome.networks._reduce import spatial_mean
from affectome.networks.batches import SIDE, to_input
from affectome.networks.network import Network
from affectome.networks.traced import Traced

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
AGREEMENT = 0.9995
_agreements: dict[str, float] = {}


@dataclass(frozen=True)
class Precision:
    """The type that a pass computes in, and why."""

    name: str
    why: str

    @property
    def dtype(self) -> torch.dtype:
        """The type in torch."""
        return DTYPES[self.name]


def choose_precision(network: Network, precision: str = "auto") -> Precision:
    """Take the precision that was asked for, or the fastest that the conclusions survive.

    bfloat16 is taken where the processor has matrix units for it and, in every layer, the
    differences of the spatial means between two pictures of noise correlate at .9995 or more over
    the layer's units with those in float32. Speed itself is not timed, so that a run does not
    depend on what else the machine does.

    Parameters
    ----------
    network
        The network.
    precision
        ``"float32"``, ``"bfloat16"`` or ``"auto"``.

    Raises
    ------
    InputError
        If there is no such precision.
    """
    if precision not in {"auto", *DTYPES}:
        raise unknown("precision", precision, ("auto", *DTYPES))
    if isinstance(network.stack, Traced):
        if precision == "bfloat16":
            raise InputError(f"{network.name} is run in float32; leave --precision out")
        return Precision("float32", "networks other than AlexNet and VGG-16 are run in float32")
    if precision in DTYPES:
        return Precision(precision, "asked for")
    if not _has_matrix_units():
        return Precision("float32", "the processor has no matrix units for bfloat16")
    if network.sha256 not in _agreements:
        _agreements[network.sha256] = _agreement(network)
    agreement = _agreements[network.sha256]
    name = "bfloat16" if agreement >= AGREEMENT else "float32"
    return Precision(name, f"bfloat16 agrees with float32 to r = {agreement:.5f}")


def in_precision(network: Network, precision: Precision) -> nn.Sequential | Traced:
    """Give a copy of the network's stack for a pass, with the interventions on it, channels last.

    In the copy a ReLU overwrites its own convolution's output, which nobody reads; responses, which
    are read after the ReLU, stay as they are.
    """
    if isinstance(network.stack, Traced):
        return network.stack
    stack = copy.deepcopy(network.stack).to(precision.dtype, memory_format=torch.channels_last)
    for module in stack.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = True
    return stack


def _has_matrix_units() -> bool:
    if not hasattr(torch.cpu, "get_capabilities"):  # older torch does not tell
        return False
    return bool(torch.cpu.get_capabilities().get("amx_bf16", False))


def _agreement(network: Network) -> float:
    """Give the smallest correlation over layers of the picture differences in both precisions."""
    pixels = np.stack([_noise(seed) for seed in range(2)])
    exact, close = (_differences(network, Precision(name, "trial"), pixels) for name in DTYPES)
    return min(_correlation(a, b) for a, b in zip(exact, close, strict=True))


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float(np.array_equal(a, b))
    return float(np.corrcoef(a, b)[0, 1])


def _differences(network: Network, precision: Precision, pixels: np.ndarray) -> list[np.ndarray]:
    differences = []
    maps = to_input(pixels, precision.dtype)
    for name, stage in in_precision(network, precision).named_children():
        maps = stage(maps)
        if name in network.layers:
            differences.append(np.diff(spatial_mean(maps), axis=0)[0])
    return differences


def _noise(seed: int) -> np.ndarray:
    """Draw a picture with the 1/f spectrum of photographs, shape (224, 224, 3), uint8."""
    white = np.random.default_rng(seed).normal(size=(SIDE, SIDE, 3))
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)[None, :])
    spectrum = np.fft.fft2(white, axes=(0, 1)) / np.maximum(frequency, 1 / SIDE)[..., None]
    smooth = np.fft.ifft2(spectrum, axes=(0, 1)).real
    return np.clip(127 + 50 * (smooth - smooth.mean()) / smooth.std(), 0, 255).astype(np.uint8)
