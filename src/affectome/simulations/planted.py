"""What simulations plant: their truth, the units that code, the trials they are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Truth:
    """What was planted in a simulated recording.

    Attributes
    ----------
    emotions
        Names, in the order of every axis of emotions below.
    coding
        Which unit codes which emotion, bool, shape (n_units, n_emotions).
    patterns
        Mean response at intensity 1, in standard deviations of the noise, shape
        (n_emotions, n_units), before a subject's own basis is applied.
    blends
        Weight of each emotion in each trial, rows sum to one, shape (n_trials, n_emotions).
    intensity
        Strength of each trial, shape (n_trials,).
    starts_at
        Seconds relative to the report at which the code begins (negative: before it).
    time_constants
        Time constants of the latent dynamics in seconds, slowest first.
    bases
        Subject → orthogonal matrix (n_units, n_units); what a subject's units show is
        ``response @ basis``. Empty when all share one basis.
    """

    emotions: tuple[str, ...]
    coding: np.ndarray
    patterns: np.ndarray
    blends: np.ndarray
    intensity: np.ndarray
    starts_at: float = float("-inf")
    time_constants: tuple[float, ...] = ()
    bases: Mapping[str, np.ndarray] = field(default_factory=dict)


def coding_units(rng: np.random.Generator, n: int, n_emotions: int, share: float) -> np.ndarray:
    """Choose which units code which emotion, shape (n, n_emotions); each codes at most one."""
    mask = np.zeros((n, n_emotions), dtype=bool)
    chosen = rng.permutation(n)[: round(share * n)]
    mask[chosen, np.arange(chosen.size) % n_emotions] = True
    return mask


def plan_trials(
    rng: np.random.Generator,
    n: int,
    emotions: Sequence[str],
    n_stimuli: int,
    blend: float,
    intensity: tuple[float, float],
    order: str,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Plan the trials of one subject: as balanced as can be, each stimulus of one emotion.

    Parameters
    ----------
    rng
        Source of the order, the second emotions and the intensities.
    n
        Number of trials.
    emotions
        Names of the classes.
    n_stimuli
        Stimuli of each emotion.
    blend
        Largest weight of a second emotion.
    intensity
        Bounds of the uniform intensity.
    order
        ``"random"``, or ``"sorted"`` by emotion.

    Returns
    -------
    trials : pandas.DataFrame
        One row a trial in the order of time; ``stimulus_index`` numbers the stimuli.
    weights : numpy.ndarray
        Blend of each trial, shape (n, n_emotions).
    """
    # Consecutive trials walk through the emotions, so that the classes are as balanced as can be.
    kind = np.arange(n) % len(emotions)
    copy = np.arange(n) // len(emotions) % n_stimuli
    row = rng.permutation(n)
    if order == "sorted":
        row = row[np.argsort(kind[row], kind="stable")]
    kind, copy = kind[row], copy[row]
    second = (kind + rng.integers(1, len(emotions), n)) % len(emotions)
    weight = rng.uniform(0, blend, n)
    weights = np.zeros((n, len(emotions)))
    weights[np.arange(n), second] = weight
    weights[np.arange(n), kind] = 1 - weight
    names = np.array(emotions, dtype=object)
    table = pd.DataFrame(
        {
            "stimulus": [f"{names[k]}-{c + 1:02d}" for k, c in zip(kind, copy, strict=True)],
            "emotion": names[kind],
            "intensity": rng.uniform(*intensity, n),
            "trial_number": np.arange(n),
            "stimulus_index": kind * n_stimuli + copy,
            **{f"blend_{e}": weights[:, j] for j, e in enumerate(emotions)},
        }
    )
    return table, weights
