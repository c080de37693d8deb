"""Dealing whole groups into parts, so that each part has its share of every class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectome.errors import InputError


def deal(
    values: NDArray[Any],
    name: str,
    classes: NDArray[np.intp],
    n_splits: int | None,
    rng: np.random.Generator,
) -> NDArray[np.intp]:
    """Part of every trial, dealt by groups so that each part has its share of every class.

    Groups are ordered by the rarest class they hold, then by size, and dealt in turn: the groups of
    a class that few groups hold land in different parts.
    """
    codes, levels = pd.factorize(values)
    n_groups = len(levels)
    if n_groups < 2:
        raise InputError(
            f"there is only one {name} ({levels[0]!s}), so none can be held out; "
            "hold out something else"
        )
    held = np.zeros((n_groups, int(classes.max()) + 1), dtype=bool)
    held[codes, classes] = True
    holders = held.sum(axis=0)
    parts = min(5, max(2, int(holders[holders > 0].min()))) if n_splits is None else n_splits
    if not 2 <= parts <= n_groups:
        raise InputError(
            f"{parts} folds need at least {max(parts, 2)} groups, but {name} has {n_groups}; "
            f"take n_splits from 2 to {n_groups}"
        )
    rarest = np.where(held, holders, n_groups + 1).argmin(axis=1)
    size = np.bincount(codes, minlength=n_groups)
    order = np.lexsort((rng.permutation(n_groups), -size, rarest))
    part = np.empty(n_groups, dtype=np.intp)
    part[order] = np.arange(n_groups) % parts
    return part[codes]
