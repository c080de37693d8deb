"""Stretches of equal labels in a new order, in which no two of one label meet.

Where a run is made of blocks and their labels are drawn at random, two blocks of one label that
meet are one stretch. Among the orders of the blocks that give the same stretches, all are equally
likely: they are the orders of the stretches in which no two of one label meet. Orders in which they
meet have fewer changes, as slow drift has, and a null that holds them finds less than there is.

Such orders are reached by a chain of swaps and reversals, from a hub that a chain of as many steps
reaches from the real order. As each step is as likely as its reverse, the real order is one draw
among equals whatever the number of steps (Besag & Clifford 1989, *Biometrika* 76:633).
"""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

Codes = NDArray[np.intp]

STEPS_A_STRETCH = 10
COUNTED = 24
"""Stretches of which sequences of labels are counted; more of them are plenty."""


def log_orders(label: Codes, length: Codes) -> float:
    """Logarithm of the number of distinct orders of a run's stretches, shapes (n_stretches,)."""
    count = Counter(label.tolist())
    alike = Counter(zip(label.tolist(), length.tolist(), strict=True))
    lengths = sum(gammaln(n + 1) for n in count.values()) - sum(
        gammaln(n + 1) for n in alike.values()
    )
    if len(label) > COUNTED:
        return float(lengths + (np.log(2) if len(count) == 2 else np.inf))
    return float(lengths + np.log(_sequences(tuple(sorted(count.values())), 0)))


@cache
def _sequences(left: tuple[int, ...], barred: int) -> int:
    """Sequences of labels without a repetition; ``barred`` are left of the label just used.

    Labels with as many left are alike, so one of them stands for all.
    """
    if sum(left) == 0:
        return 1
    found = 0
    for many, labels in Counter(left).items():
        open_to = labels - (many == barred)
        if many == 0 or open_to == 0:
            continue
        rest = list(left)
        rest.remove(many)
        found += open_to * _sequences(tuple(sorted([*rest, many - 1])), many - 1)
    return found


def new_orders(label: Codes, run: Codes, n: int, rng: np.random.Generator) -> Codes:
    """Order the stretches of each run anew.

    Parameters
    ----------
    label
        Label of each stretch, in the order of time, shape (n_stretches,); neighbours differ.
    run
        Run of each stretch; runs lie one after the other.
    n
        Number of draws.
    rng
        Source of randomness.

    Returns
    -------
    ndarray
        Stretch that comes at each place, shape (n, n_stretches).
    """
    order = np.empty((n, label.size), dtype=np.intp)
    for one in np.unique(run):
        here = np.flatnonzero(run == one)
        steps = STEPS_A_STRETCH * here.size
        hub = _walk(np.arange(here.size)[None], label[here], steps, rng)
        order[:, here] = here[_walk(np.repeat(hub, n, axis=0), label[here], steps, rng)]
    return order


def _walk(order: Codes, label: Codes, steps: int, rng: np.random.Generator) -> Codes:
    """Swap two stretches, or turn round all between them, where no equal labels meet by it."""
    n, size = order.shape
    place = np.arange(size)
    for _ in range(steps if size > 1 else 0):
        first, last = np.sort(rng.integers(0, size, (2, n, 1)), axis=0)
        mirrored = first + last - place
        at_ends = (place == first) | (place == last)
        between = (place >= first) & (place <= last)
        moved = np.where(rng.random((n, 1)) < 0.5, between, at_ends)
        proposed = np.take_along_axis(order, np.where(moved, mirrored, place), axis=1)
        labels = label[proposed]
        fits = (labels[:, 1:] != labels[:, :-1]).all(axis=1, keepdims=True)
        order = np.where(fits, proposed, order)
    return order
