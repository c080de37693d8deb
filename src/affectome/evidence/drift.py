r"""Is what comes in now still like what came in then? An alarm that may be looked at any time.

Under no change, the reference and all that came since could have come in any order. So the share of
values so far that are larger than the newest, ties counted by chance,

.. math:: p_n = \frac{\#\{x_i > x_n\} + u_n \#\{x_i = x_n\}}{n},

is uniform and independent from one n to the next (Vovk, Gammerman & Shafer 2005). Capital that is
bet on large or on small p,

.. math:: M_n = \sum_\epsilon c_\epsilon \prod_i \bigl(1 + \epsilon (p_i - 1/2)\bigr), \quad
    \epsilon \in \{-1, 0, 1\},

where a hundredth of it changes sides at each step, is a martingale (Vovk et al. 2021, *Retrain or
not retrain*). It ever exceeds :math:`1/\alpha` with a chance of at most :math:`\alpha` (Ville
1939), however long it is watched: that is the false-alarm rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affectome.errors import InputError
from affectome.evidence.claims import Null

Array = NDArray[np.float64]
BETS = np.array([-1.0, 0.0, 1.0])
JUMP = 0.01


@dataclass(frozen=True, eq=False)
class Drift:
    """Whether a stream left its reference.

    Attributes
    ----------
    capital
        Of the bets against no change, after each value of the stream, shape (n,).
    first
        Number of values after which the alarm rang; None where it did not.
    p
        Chance at most of so much capital at any time without a change.
    null
        What could trade places.
    """

    capital: Array
    first: int | None
    p: float
    null: Null


def drift(
    reference: ArrayLike,
    stream: ArrayLike,
    rate: float = 0.05,
    tests: int = 1,
    random_state: int = 0,
) -> Drift:
    """Watch one quantity for a change.

    Parameters
    ----------
    reference
        How often each bin (of rising values) came before, whole numbers, shape (n_bins,).
    stream
        Bin of each new value in the order they came, shape (n,).
    rate
        Chance that the alarm ever rings where nothing changed.
    tests
        How many quantities are watched at once; each has its part of the rate.
    random_state
        Seed of the lots that decide ties.

    Raises
    ------
    InputError
        If there is no reference, or a value lies in no bin of it.
    """
    counts, bins = np.array(reference, dtype=float), np.asarray(stream, dtype=int)
    if counts.ndim != 1 or not counts.sum() > 0:
        raise InputError(f"a reference is a number a bin, some above 0; got {counts.tolist()}")
    if bins.size and not (bins.min() >= 0 and bins.max() < counts.size):
        raise InputError(f"the stream has bins {bins.min()} to {bins.max()} of {counts.size}")
    lots = np.random.default_rng(random_state).random(bins.size)
    sides = np.full(BETS.size, 1 / BETS.size)
    capital = np.empty(bins.size)
    for n, (one, lot) in enumerate(zip(bins, lots, strict=True)):
        counts[one] += 1
        p = (counts[one + 1 :].sum() + lot * counts[one]) / counts.sum()
        sides = (1 - JUMP) * sides + JUMP * sides.sum() / BETS.size
        sides *= 1 + BETS * (p - 0.5)
        capital[n] = sides.sum()
    over = np.flatnonzero(capital >= tests / rate)
    highest = float(capital.max(initial=1.0))
    scheme = "new values trade places with those of the reference, looked at after each"
    null = Null(scheme, int(bins.size), 0, f"Bonferroni over {tests} quantities")
    first = int(over[0]) + 1 if over.size else None
    return Drift(capital, first, min(1.0, tests / highest), null)


def binned(values: ArrayLike, edges: Sequence[float]) -> NDArray[np.intp]:
    """Bin of each value between inner edges that rise, 0 to ``len(edges)``."""
    return np.searchsorted(np.asarray(edges, dtype=float), np.asarray(values, dtype=float), "right")
