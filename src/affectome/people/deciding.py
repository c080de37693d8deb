"""From calibrated probabilities to a reading, where one label holds at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectome.people.reading import Reading, blend_of

NEUTRAL = "neutral"


def decided(
    modality: str,
    labels: Sequence[str],
    p: NDArray[np.float64],
    least: float,
    level: float | None,
    what: str = "label",
    **about: Any,
) -> Reading:
    """Name the likeliest label where it is likely enough, and all that can't be ruled out.

    Parameters
    ----------
    labels, p
        Names and probabilities, shape (n_labels,).
    least
        Probability from which on a label is decided for.
    level
        Probability from which on a label is in the conformal set; None gives no set.
    what
        What the labels are, for the reason to abstain.
    about
        Further fields of the reading.
    """
    emotions = {label: float(x) for label, x in zip(labels, p, strict=True)}
    ranked = sorted(emotions, key=lambda label: -emotions[label])
    sure = emotions[ranked[0]] >= least
    within = () if level is None else tuple(k for k in ranked if emotions[k] >= level)
    return Reading(
        modality,
        emotions,
        intensity=1 - emotions[NEUTRAL] if NEUTRAL in emotions else None,
        blend=blend_of(emotions),
        labels=(ranked[0],) if sure else (),
        set=() if level is None else within or (ranked[0],),
        abstains=not sure,
        because="" if sure else f"no {what} reaches a probability of {least:g}",
        **about,
    )
