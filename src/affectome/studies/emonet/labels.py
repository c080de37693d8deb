"""One label a stimulus from many people's ratings, as Kragel et al. (2019) made it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from affectome.errors import InputError


@dataclass(frozen=True, eq=False)
class TopCategory:
    """The category that most people named.

    Attributes
    ----------
    labels
        A category a row, shape (n,).
    ties
        Whether several categories share the top, shape (n,).
    """

    labels: np.ndarray
    ties: np.ndarray


def top_category(ratings: pd.DataFrame) -> TopCategory:
    """Take the category with the highest rating; of several, the first in the alphabet.

    On the ratings of Cowen & Keltner (2017) this gives every label that was released, 309 ties
    included.

    Parameters
    ----------
    ratings
        A column a category, a row a stimulus.

    Raises
    ------
    InputError
        If there are fewer than two categories, or a rating is missing or not a number.
    """
    if ratings.shape[1] < 2:
        raise InputError(f"a top category takes two or more; there are {ratings.shape[1]}")
    ordered = ratings[sorted(ratings.columns)]
    try:
        values = ordered.to_numpy(dtype=float)
    except ValueError as error:
        raise InputError(f"ratings of categories are numbers: {error}") from error
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise InputError(
            f"the rating of {ordered.columns[column]} is missing in row {row + 2}; fill or drop it"
        )
    top = values.max(axis=1, keepdims=True)
    names = np.array(ordered.columns, dtype=object)
    return TopCategory(names[values.argmax(axis=1)], (values == top).sum(axis=1) > 1)
