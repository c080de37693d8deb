"""From body signals to one row of numbers a trial, and that row against the person's usual one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectome.data.readers.physiology import Signal
from affectome.features.physiology.summaries import FEATURES, SHORTEST_S, summarise

Array = NDArray[np.float64]
FILLED_S = 1.0
OFF_SKIN_US = 0.01
AIR_C, FEVER_C = 20.0, 43.0
FLAT_S = 5.0
FEWEST_OF_PERSON = 3


@dataclass(frozen=True, eq=False)
class Physiology:
    """What could be measured of a person's signals.

    Attributes
    ----------
    features
        Name → number; NaN where it could not be measured.
    contact
        Kind → share of the time in which the sensor touched the skin.
    notes
        Gaps, lost contact and what else a user should know.
    """

    features: Mapping[str, float]
    contact: Mapping[str, float]
    notes: tuple[str, ...]

    @property
    def measured(self) -> bool:
        """Whether anything could be measured."""
        return any(np.isfinite(value) for value in self.features.values())


def physiology_features(
    signals: Mapping[str, Signal], kinds: Collection[str] | None = None
) -> Physiology:
    """Sum up each signal: the mean over its stretches with contact, weighted by length.

    Parameters
    ----------
    signals
        Kind → signal.
    kinds
        Kinds to give features of, NaN for those that are not there; by default those that are.
    """
    features: dict[str, float] = {}
    contact: dict[str, float] = {}
    notes: list[str] = []
    for kind in FEATURES if kinds is None else kinds:
        if kind not in signals:
            if kinds is not None:
                features |= dict.fromkeys(FEATURES[kind], np.nan)
            continue
        signal = signals[kind]
        worn = in_contact(signal)
        contact[kind] = float(worn.mean())
        notes += [f"{kind}: {note}" for note in signal.notes]
        if contact[kind] < 0.99:
            notes.append(f"{kind}: no contact or no signal in {1 - contact[kind]:.0%} of the time")
        found = _mean_over_stretches(signal, worn)
        if not any(np.isfinite(v) for v in found.values()):
            notes.append(f"{kind}: no stretch of {SHORTEST_S[kind]:g} s that can be used")
        features |= found
    return Physiology(features, contact, tuple(notes))


def in_contact(signal: Signal) -> NDArray[np.bool_]:
    """Tell where the sensor touched the skin, shape (n,).

    Skin conducts more than .01 µS and is 20–43 °C warm; no sensor on skin gives the very same value
    for five seconds, except of warmth.
    """
    x = signal.values
    good = np.isfinite(x)
    if signal.kind == "eda":
        good &= np.nan_to_num(x) > OFF_SKIN_US
    elif signal.kind == "temperature":
        return good & (np.nan_to_num(x) > AIR_C) & (np.nan_to_num(x) < FEVER_C)
    edges = np.flatnonzero(np.diff(np.nan_to_num(x, nan=np.inf))) + 1
    bounds = np.concatenate([[0], edges, [len(x)]])
    for start, end in pairwise(bounds):
        if end - start > FLAT_S * signal.rate:
            good[start:end] = False
    return good


def by_person(features: Array, person: NDArray[Any]) -> Array:
    """Standardise each person's features by that person's own trials, without labels.

    Parameters
    ----------
    features
        Shape (n_trials, n_features), with NaN where nothing was measured.
    person
        Shape (n_trials,).

    Returns
    -------
    ndarray
        The same shape. What was not measured, or of a person with fewer than three trials of it, is
        0: the person's usual value.
    """
    out = np.zeros_like(features, dtype=float)
    for one in np.unique(person):
        rows = person == one
        x = features[rows]
        known = np.isfinite(x)
        n = known.sum(0)
        mean = np.where(known, x, 0).sum(0) / np.maximum(n, 1)
        away = np.where(known, x - mean, 0)
        spread = np.sqrt((away**2).sum(0) / np.maximum(n, 1))
        usable = (n >= FEWEST_OF_PERSON) & (spread > 0)
        out[rows] = np.where(usable, away / np.where(usable, spread, 1), 0)
    return out


def _mean_over_stretches(signal: Signal, worn: NDArray[np.bool_]) -> dict[str, float]:
    x = _short_gaps_filled(signal.values, worn, round(FILLED_S * signal.rate))
    good = np.isfinite(x)
    bounds = np.flatnonzero(np.diff(np.concatenate([[0], good.astype(int), [0]])))
    rows, weights = [], []
    for start, end in bounds.reshape(-1, 2):
        rows.append(list(summarise(signal.kind, x[start:end], signal.rate).values()))
        weights.append(end - start)
    names = FEATURES[signal.kind]
    if not rows:
        return dict.fromkeys(names, np.nan)
    values = np.array(rows)
    weight = np.where(np.isfinite(values), np.array(weights, dtype=float)[:, None], 0)
    total = weight.sum(0)
    mean = (np.nan_to_num(values) * weight).sum(0) / np.where(total > 0, total, 1)
    return dict(zip(names, np.where(total > 0, mean, np.nan).tolist(), strict=True))


def _short_gaps_filled(values: Array, worn: NDArray[np.bool_], longest: int) -> Array:
    """Draw a straight line over gaps of up to so many samples; NaN in longer ones."""
    x = np.where(worn, values, np.nan)
    bounds = np.flatnonzero(np.diff(np.concatenate([[0], (~worn).astype(int), [0]])))
    for start, end in bounds.reshape(-1, 2):
        if 0 < start < end < len(x) and end - start <= longest:
            x[start:end] = np.interp(
                np.arange(start, end), [start - 1, end], [x[start - 1], x[end]]
            )
    return x
