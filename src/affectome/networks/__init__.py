"""Networks: definitions, weights, activations and interventions."""

from affectome.networks.activations import Activations, activations
from affectome.networks.interventions import (
    Manipulated,
    Manipulation,
    intervene,
    manipulated_activations,
)
from affectome.networks.network import Network, load_network, untrained
from affectome.networks.precision import Precision, choose_precision

__all__ = [
    "Activations",
    "Manipulated",
    "Manipulation",
    "Network",
    "Precision",
    "activations",
    "choose_precision",
    "intervene",
    "load_network",
    "manipulated_activations",
    "untrained",
]
