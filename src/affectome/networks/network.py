"""A network ready to be asked: its convolutional stack, where its weights come from, their hash."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from affectome.errors import InputError
from affectome.networks.alexnet import alexnet
from affectome.networks.vgg16 import vgg16
from affectome.networks.weights import convolutions, find_weights

BUILDERS = {"alexnet": alexnet, "vgg16": vgg16}


@dataclass(frozen=True, eq=False)
class Network:
    """A network, untrained or trained.

    Attributes
    ----------
    name
        ``"alexnet"`` or ``"vgg16"``.
    stack
        Named stages; a stage called ``conv…`` is a convolution with its ReLU, and its output is
        the response of that layer's units. Evaluation mode, float32, no gradients.
    source
        Where the weights come from, in words.
    sha256
        Hash of the weights' float32 values, the same wherever they were read from.
    interventions
        What is done to its units at present, in words; see ``intervene``.
    """

    name: str
    stack: nn.Sequential
    source: str
    sha256: str
    interventions: list[str] = field(default_factory=list)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the convolutional layers, from the picture on."""
        return tuple(name for name, _ in convolutions(self.stack))

    def units(self, layer: str) -> int:
        """Give the number of units (filters) of a layer."""
        self.check_layers([layer])
        return int(dict(convolutions(self.stack))[layer].out_channels)

    def check_layers(self, layers: Sequence[str]) -> tuple[str, ...]:
        """Give the layers in the network's order, or say which one it does not have.

        Raises
        ------
        InputError
            If a layer is not one of the network's, or none is given.
        """
        unknown = [layer for layer in layers if layer not in self.layers]
        if unknown or not layers:
            raise InputError(
                f"{self.name} has no layer {', '.join(unknown) or '(none given)'}; its layers are "
                f"{', '.join(self.layers)}"
            )
        return tuple(layer for layer in self.layers if layer in layers)

    def to_dict(self) -> dict[str, str]:
        """Give what a run's manifest has to hold."""
        return {"name": self.name, "weights": self.source, "sha256": self.sha256}


def load_network(name: str, weights: str | Path = "imagenet", *, random_state: int = 0) -> Network:
    """Build a network and give it its weights.

    Parameters
    ----------
    name
        ``"alexnet"`` or ``"vgg16"``.
    weights
        ``"imagenet"`` (trained on objects only), ``"untrained"`` (He-normal, biases zero, drawn
        from ``random_state``) or the path of a safetensors file or torch state dict.
    random_state
        Seed of the untrained weights.

    Raises
    ------
    InputError
        If the network or the weights are not known, can't be read, or do not fit.
    """
    if name not in BUILDERS:
        raise InputError(f"there is no network {name!r}; choose one of {', '.join(BUILDERS)}")
    stack = BUILDERS[name]()
    source = find_weights(name, stack, weights, random_state)
    stack.eval().requires_grad_(False)
    return Network(name, stack, source, _hash(stack))


def _hash(stack: nn.Sequential) -> str:
    digest = hashlib.sha256()
    for _, layer in convolutions(stack):
        for values in (layer.weight, layer.bias):
            digest.update(values.detach().to(torch.float32).contiguous().numpy().tobytes())
    return digest.hexdigest()
