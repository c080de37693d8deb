"""Inputs in which nothing is left to read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from affectome.errors import InputError
from affectome.evidence.exchange import shuffle


def shuffle_inputs(
    X: ArrayLike, blocks: ArrayLike | None = None, random_state: int = 0
) -> NDArray[Any]:
    """Shuffle every unit's values over trials by themselves, within blocks.

    What a unit's values are stays; which trial they came from, and with which values of other
    units, is lost. A pipeline that still scores above chance reads something else than its inputs.

    Parameters
    ----------
    X
        Measurements, shape (n_trials, …).
    blocks
        Block of each trial; one block by default.
    random_state
        Seed.

    Raises
    ------
    InputError
        If there is not one block a trial.
    """
    values = np.asarray(X)
    given = np.zeros(len(values)) if blocks is None else np.asarray(blocks)
    if given.shape != (len(values),):
        raise InputError(
            f"blocks have the shape {given.shape} but there are {len(values)} trials; give one a "
            "trial"
        )
    flat = values.reshape(len(values), -1)
    rng = np.random.default_rng(random_state)
    order = shuffle(pd.factorize(given)[0], flat.shape[1], rng)
    return np.take_along_axis(flat, order.T, axis=0).reshape(values.shape)
