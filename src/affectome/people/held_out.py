"""Readings of what was held out; a card says of them which groups differ, and what is usual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from affectome.decoding.calibration import logits_of
from affectome.errors import InputError
from affectome.evidence import Evidence
from affectome.people.bias import Bias, bias
from affectome.people.cards import Card
from affectome.people.deciding import decided
from affectome.people.monitoring import usual_of


def out_of_fold(
    X: NDArray[Any], y: NDArray[Any], decoder: Any, evidence: Evidence
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Read each trial by a decoder that did not see its fold.

    Parameters
    ----------
    X, y
        Features (n, n_features); labels or, as floats, ratings, shape (n,).
    decoder
        Fitted anew in each fold.
    evidence
        Its folds are those that are held out.

    Returns
    -------
    found
        Logits (n, n_labels), or ratings (n,).
    fold
        Number of the fold that tested each trial, shape (n,).
    """
    rating = y.dtype.kind == "f"
    fold = np.full(len(y), -1)
    parts = []
    for number, (rows, tested) in enumerate(evidence.split.folds):
        fitted = clone(decoder).fit(X[rows], y[rows])
        parts.append(fitted.predict(X[tested]) if rating else logits_of(fitted, X[tested]))
        fold[tested] = number
    found = np.full((len(y), *parts[0].shape[1:]), np.nan)
    for (_, tested), part in zip(evidence.split.folds, parts, strict=True):
        found[tested] = part
    return found, fold


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
