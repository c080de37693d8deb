"""One stage of a stack: a convolution and its ReLU, so that its output is the response."""

from __future__ import annotations

from torch import nn


def convolution(
    inputs: int, outputs: int, *, kernel: int, stride: int = 1, padding: int = 0
) -> nn.Sequential:
    """Build a convolution followed by a ReLU that leaves the convolution's output as it was."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding), nn.ReLU()
    )
