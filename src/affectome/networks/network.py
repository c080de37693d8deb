"""A network ready to be asked: its convolutional stack, where its weights come from, their hash."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import nn

from affectome.errors import InputError, did_you_mean
from affectome.networks.alexnet import alexnet
from affectome.networks.own import KNOWN, load_program
from affectome.networks.preprocessing import IMAGENET, Preprocessing
from affectome.networks.traced import Traced, quiet_exporter, redraw
from affectome.networks.vgg16 import vgg16
from affectome.networks.weights import convolutions, fill_by_name, find_weights

BUILDERS = {"alexnet": alexnet, "vgg16": vgg16}


@dataclass(frozen=True, eq=False)
class Network:
    """A network, untrained or trained.

    Attributes
    ----------
    name
        ``"alexnet"``, ``"vgg16"``, … or what a network of the user's own is called.
    stack
        Named stages; a stage called ``conv…`` is a convolution with its ReLU, and its output is
        the response of that layer's units. For all other networks the graph of their operations,
        a `Traced`. Evaluation mode, float32, no gradients.
    source
        Where the weights come from, in words.
    sha256
        Hash of the weights' float32 values, the same wherever they were read from.
    preprocessing
        What it wants to see.
    interventions
        What is done to its units at present, in words; see ``intervene``.
    """

    name: str
    stack: nn.Sequential | Traced
    source: str
    sha256: str
    preprocessing: Preprocessing = IMAGENET
    interventions: list[str] = field(default_factory=list)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the convolutional layers, from the picture on."""
        if isinstance(self.stack, Traced):
            return tuple(self.stack.layers)
        return tuple(name for name, _ in convolutions(self.stack))

    def units(self, layer: str) -> int:
        """Give the number of units (filters) of a layer."""
        self.check_layers([layer])
        if isinstance(self.stack, Traced):
            return self.stack.layers[layer].units
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
        return {
            "name": self.name,
            "weights": self.source,
            "sha256": self.sha256,
            "preprocessing": self.preprocessing.words(),
        }


def load_network(
    name: str,
    weights: str | Path = "imagenet",
    *,
    random_state: int = 0,
    layers: Sequence[str] | None = None,
    preprocessing: str | None = None,
) -> Network:
    """Build a network and give it its weights.

    Parameters
    ----------
    name
        ``"alexnet"``, ``"vgg16"``, ``"efficientnet-lite0"``, ``"emonet"``; or one of the user's
        own: ``"package.module:factory"`` or ``"file.py:factory"``, where the factory gives a torch
        module, or the path of a program that ``torch.export.save`` wrote (``.pt2``). Their code is
        run: load only what you trust.
    weights
        ``"imagenet"`` (trained on objects only; a network of the user's own and EmoNet come with
        the weights that they have), ``"untrained"`` (He-normal, biases zero, drawn from
        ``random_state``) or the path of a safetensors file or torch state dict.
    random_state
        Seed of the untrained weights.
    layers
        Modules whose responses are read; found by themselves if not given. Not for AlexNet and
        VGG-16, whose layers are their convolutions.
    preprocessing
        What to change of the network's own preprocessing, as `parse_preprocessing` reads it.

    Raises
    ------
    InputError
        If the network or the weights are not known, can't be read, or do not fit.
    """
    if name not in BUILDERS:
        return _load_traced(name, weights, random_state, layers, preprocessing)
    if layers or preprocessing:
        raise InputError(
            f"the layers of {name} are its convolutions, and it sees {IMAGENET.words()}; layers "
            "and preprocessing are chosen for other networks"
        )
    stack = BUILDERS[name]()
    source = find_weights(name, stack, weights, random_state)
    stack.eval().requires_grad_(False)
    return Network(name, stack, source, _hash(stack))


def _load_traced(
    name: str,
    weights: str | Path,
    random_state: int,
    layers: Sequence[str] | None,
    preprocessing: str | None,
) -> Network:
    if name not in KNOWN and ":" not in name and not name.endswith(".pt2"):
        raise InputError(
            f"there is no network {name!r}; {did_you_mean(name, (*BUILDERS, *KNOWN))}"
            f"choose one of {', '.join((*BUILDERS, *KNOWN))}, or "
            "give your own as package.module:factory, file.py:factory or a saved program .pt2"
        )
    found = load_program(name, weights, preprocessing)
    stack = Traced(found.program, layers)
    if found.preprocessing.side != stack.input_shape[1]:
        raise InputError(
            f"{name} takes pictures of {stack.input_shape[1]} × {stack.input_shape[2]} pixels, and "
            f"its preprocessing gives {found.preprocessing.side}; say --preprocessing side="
            f"{stack.input_shape[1]}"
        )
    source = found.source
    if weights == "untrained":
        redraw(stack.state_dict(), random_state)
        source = f"untrained, random_state {random_state}"
    elif found.wants_weights:
        source = fill_by_name(stack.graph_module, Path(weights))
    return Network(found.name, stack, source, _hash(stack), found.preprocessing)


def untrained(network: Network, random_state: int) -> Network:
    """Give the same network before it has learned anything; see ``"untrained"`` weights."""
    if not isinstance(network.stack, Traced):
        return load_network(network.name, "untrained", random_state=random_state)
    with quiet_exporter():
        stack = copy.deepcopy(network.stack)
    redraw(stack.state_dict(), random_state)
    source = f"untrained, random_state {random_state}"
    return replace(network, stack=stack, source=source, sha256=_hash(stack), interventions=[])


def _hash(stack: nn.Sequential | Traced) -> str:
    digest = hashlib.sha256()
    if isinstance(stack, Traced):
        for name, values in sorted(stack.state_dict().items()):
            digest.update(name.encode() + values.contiguous().numpy().tobytes())
        return digest.hexdigest()
    for _, layer in convolutions(stack):
        for values in (layer.weight, layer.bias):
            digest.update(values.detach().to(torch.float32).contiguous().numpy().tobytes())
    return digest.hexdigest()
