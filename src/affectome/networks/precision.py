"""The arithmetic of a pass: float32, or bfloat16 where the processor is faster in it."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import nn

from affectome.errors import InputError
from affectome.networks.network import Network

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


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
    """Choose."""
    if precision in DTYPES:
        return Precision(precision, "asked for")
    if precision != "auto":
        raise InputError(f"precision must be one of auto, {', '.join(DTYPES)}; got {precision!r}")
    return Precision("float32", "default")


def in_precision(network: Network, precision: Precision) -> nn.Sequential:
    """Give a copy of the network's stack, with its interventions, in a precision."""
    return copy.deepcopy(network.stack).to(precision.dtype, memory_format=torch.channels_last)
