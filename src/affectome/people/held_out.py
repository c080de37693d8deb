"""What a card says of held-out readings besides scores: gaps between groups, and what is usual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectome.errors import InputError
from affectome.people.bias import Bias, bias
from affectome.people.cards import Card
from affectome.people.deciding import decided
from affectome.people.monitoring import usual_of


def compared(
    names: NDArray[Any],
    y: NDArray[Any],
    p: NDArray[np.float64],
    trials: pd.DataFrame,
    groups: Sequence[str],
) -> Bias | None:
    """Compare how well groups of the user's table are read; None where no column was named.

    Parameters
    ----------
    names
        Labels in the order of ``p``, shape (n_labels,).
    y
        Label of each trial, shape (n,).
    p
        Probabilities by a model that had not seen the trial, shape (n, n_labels).
    trials
        With the columns of groups, and ``subject`` where people are known.

    Raises
    ------
    InputError
        If a column is missing, or has no two groups of ten or more.
    """
    if not groups:
        return None
    for column in groups:
        if column not in trials:
            raise InputError(
                f"the table has no column {column!r} of groups; it has "
                f"{', '.join(map(str, trials))}"
            )
    subjects = trials["subject"].astype(str) if "subject" in trials else None
    over = "trials" if subjects is None else "subjects"
    return bias(y, np.asarray(names)[p.argmax(1)], trials[list(groups)], subjects, over)


def completed(
    card: Card,
    names: NDArray[Any],
    y: NDArray[Any],
    p: NDArray[np.float64],
    least: float,
    found: Bias | None,
) -> Card:
    """Give the card with the gaps that were found, and with what is usual."""
    readings = [
        decided(card.modality, [str(name) for name in names], row, least, None) for row in p
    ]
    right = np.asarray(names)[p.argmax(1)] == y
    gaps = () if found is None else found.found
    return replace(card, gaps=gaps, usual=usual_of(readings, right.tolist()))
