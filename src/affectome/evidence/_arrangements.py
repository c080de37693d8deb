"""Drawing and counting the arrangements of labels that a null is made of."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from affectome.errors import InputError
from affectome.evidence.labels import row_codes

FEWEST_ARRANGEMENTS = 20
"""With fewer, no p of .05 is within reach."""


def shuffled(codes: NDArray[np.intp], n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Row numbers, shuffled within blocks, shape (n, n_trials)."""
    index = np.empty((n, codes.size), dtype=np.intp)
    place = np.argsort(codes, kind="stable")
    step = max(1, 4_000_000 // codes.size)
    for start in range(0, n, step):
        keys = rng.random((min(step, n - start), codes.size)) + codes
        index[start : start + step, place] = np.argsort(keys, axis=1)
    return index


def codes_of(groups: ArrayLike | None, n: int, name: str) -> NDArray[np.intp]:
    """Codes of groups, one a trial; all trials are one group where none is given."""
    if groups is None:
        return np.zeros(n, dtype=np.intp)
    given = np.asarray(groups)
    if given.shape != (n,):
        raise InputError(
            f"{name} have the shape {given.shape} but there are {n} trials; give one a trial"
        )
    return pd.factorize(given)[0]


def log_arrangements(labels: NDArray[np.generic], blocks: NDArray[np.intp]) -> float:
    """Logarithm of the number of distinct arrangements, the product of multinomials."""
    codes = row_codes(labels)
    _, alike = np.unique(blocks * (codes.max() + 1) + codes, return_counts=True)
    return float(gammaln(np.bincount(blocks) + 1).sum() - gammaln(alike + 1).sum())


def check_arrangements(log_number: float, blocks: NDArray[np.intp]) -> None:
    """Refuse a scheme that permutes nothing or has too few arrangements."""
    n_blocks = int(blocks.max()) + 1
    if log_number < 1e-9:
        raise InputError(
            f"permuting within these {n_blocks} blocks changes nothing: every block has one label "
            "only; permute whole blocks (permute_whole), or within larger ones"
        )
    if not enough(log_number):
        raise InputError(
            f"there are only {round(math.exp(log_number))} distinct arrangements of the "
            f"labels in {n_blocks} blocks, so p can't reach .05; at least {FEWEST_ARRANGEMENTS} "
            "are needed: take more groups or larger blocks"
        )


def shuffled_parts(parts: NDArray[np.intp], n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Unit that each unit's label comes from, shape (n, n_units).

    Parts of equally many units trade places as wholes, and units are shuffled within a part: the
    classes that a part holds move together, so folds that were dealt by class stay dealt by class.
    """
    sizes = np.bincount(parts)
    places = np.argsort(sizes[parts] * sizes.size + parts, kind="stable")
    rank = np.argsort(np.argsort(sizes + rng.random((n, sizes.size)), axis=1), axis=1)
    index = np.empty((n, parts.size), dtype=np.intp)
    index[:, places] = np.argsort(rank[:, parts] + rng.random((n, parts.size)), axis=1)
    return index


def log_arrangements_of_parts(labels: NDArray[np.generic], parts: NDArray[np.intp]) -> float:
    """Logarithm of the number of distinct arrangements that :func:`shuffled_parts` can give."""
    codes = row_codes(labels)
    order = np.lexsort((codes, parts))
    sizes = np.bincount(parts)
    held = [part.tobytes() for part in np.split(codes[order], np.cumsum(sizes)[:-1])]
    alike = np.array(list(Counter(held).values()))
    _, as_large = np.unique(sizes, return_counts=True)
    swaps = gammaln(as_large + 1).sum() - gammaln(alike + 1).sum()
    return log_arrangements(labels, parts) + float(swaps)


def enough(log_number: float) -> bool:
    """Whether there are as many arrangements as a test needs."""
    return log_number >= math.log(FEWEST_ARRANGEMENTS) - 1e-9
