"""What the emergence study takes, step by step, before it starts."""

from __future__ import annotations

from pathlib import Path

from affectome.data import Catalog, picture_statistics, read_picture
from affectome.execution.plan import Plan, Step
from affectome.execution.rates import sampled
from affectome.networks import choose_precision, load_network
from affectome.networks.planning import plan_activations, seconds_a_picture, share_above
from affectome.studies.emergence.stimuli import THREADS, with_classes
from affectome.units.manipulation import GAINS

UNCOUNTED = ("nulls of single units", "read-out")


def plan(
    catalog: Catalog,
    network: str,
    *,
    catalog2: Catalog | None = None,
    weights: str | Path = "imagenet",
    network_layers: list[str] | None = None,
    preprocessing: str | None = None,
    precision: str = "auto",
    n_untrained: int = 5,
    n_random: int = 20,
    n_manipulated: int = 24,
) -> Plan:
    """Predict what :func:`affectome.studies.emergence.run` takes, from the speed of this machine.

    Parameters
    ----------
    catalog, network, catalog2, weights, network_layers, preprocessing, precision, n_untrained
        As they will be given.
    n_random, n_manipulated
        As they will be given.
    """
    looking = load_network(network, weights, layers=network_layers, preprocessing=preprocessing)
    both = [with_classes(one) for one in (catalog, catalog2) if one is not None]
    files = [file for one in both for file in one.table["file"].tolist()]
    decoding, passing = plan_activations(looking, files, precision=precision)
    steps = [decoding, passing]
    seconds, read = sampled(
        lambda file: picture_statistics(read_picture(file)), both[0].table["file"].tolist(), THREADS
    )
    steps.append(Step("image statistics", seconds, decoding.memory, read=read))
    steps.append(
        Step(
            f"{n_untrained} untrained networks",
            n_untrained * (decoding.seconds + passing.seconds),
            passing.memory,
            n_untrained * passing.disk,
            n_untrained * decoding.read,
        )
    )
    if n_manipulated:
        each = seconds_a_picture(looking, choose_precision(looking, precision))
        sets = n_random + 1
        gains = sum(gain > 0 for gain in GAINS)
        tried = n_manipulated * sets * (gains + 2)
        share = sum(share_above(looking).values())
        steps.append(Step("lesions and enhancements", tried * share * each, passing.memory))
    return Plan(tuple(steps), UNCOUNTED)
