"""Silencing and turning up a network's selective units, and what a decoder then reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from affectome.data import trial_table
from affectome.errors import InputError
from affectome.evidence import Split, inner_split, make_split, score
from affectome.networks import Manipulation, Network, manipulated_activations
from affectome.progress import Progress
from affectome.studies.emergence.readout import classifier
from affectome.studies.emergence.stimuli import Settings
from affectome.units import Change, Effect, enhance, lesion, selectivity
from affectome.units.manipulation import Measure, Respond

GAINS = (-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 5.0)
LARGEST_SHARE = 4
"""At most one unit in four of a layer is manipulated, so that like ones are left to draw from."""

Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Manipulations:
    """Effects by layer, and how they were come by.

    Attributes
    ----------
    lesions, enhancements
        Layer → effect; layers without a selective unit are missing.
    curves
        A row a layer and gain: ``layer``, ``gain``, ``score`` on validation pictures; the columns
        ``random_…`` are empty, for random draws are made of the chosen gain on test pictures only.
    notes
        How many pictures were used, or why there are no effects.
    """

    lesions: Mapping[str, Effect]
    enhancements: Mapping[str, Effect]
    curves: pd.DataFrame
    notes: tuple[str, ...]

    def random_draws(self) -> pd.DataFrame:
        """Give a row a layer, kind and random draw: ``score``."""
        kinds = {"lesion": self.lesions, "enhancement": self.enhancements}
        rows = [
            (layer, kind, effect.gain, draw, score)
            for kind, effects in kinds.items()
            for layer, effect in effects.items()
            for draw, score in enumerate(effect.random)
        ]
        return pd.DataFrame(rows, columns=["layer", "kind", "gain", "draw", "score"])


CURVE = ["layer", "gain", "score", "random_mean", "random_low", "random_high"]


def manipulate(
    network: Network,
    recording: xr.DataArray,
    split: Split,
    settings: Settings,
    progress: Progress,
) -> Manipulations:
    """Silence and turn up the selective units of one layer after the other.

    Half of the pictures train (which units are selective, how active all are, the decoder of the
    last layer), a quarter validates (the gain), a quarter tests, once; they share none of what the
    split holds out. Of the selective units those with the largest index are taken, at most a
    quarter of a layer.

    Parameters
    ----------
    network
        The network.
    recording
        Its responses to the pictures; ``emotion`` is the class.
    split
        What is held out.
    settings
        ``n_random`` draws are made for each layer; at most ``n_manipulated`` pictures, evenly from
        all classes, validate, and as many test.
    progress
        Called after every batch of pictures.

    Returns
    -------
    Manipulations
        Empty, with a note that says why, where ``n_manipulated`` is 0, the groups do not suffice
        for three parts, or no unit is selective.
    """
    if settings.n_manipulated == 0:
        return _none("lesions and enhancements were left out (no pictures to try them on)")
    y = recording["emotion"].values.astype(str)
    try:
        train, validation, test = _parts(recording, split, settings.random_state)
    except InputError as error:
        return _none(f"no lesions or enhancements, for want of training and validation: {error}")
    chosen = _chosen(recording[train], y[train], network.layers)
    if not chosen:
        return _none("no lesions or enhancements: no unit is selective on the training pictures")
    activity = {layer: _of(recording[train], layer).mean(axis=0) for layer in chosen}
    validation, test = (_even(rows, y, settings.n_manipulated) for rows in (validation, test))
    answer = _Answer(network, recording, train, settings.precision, progress)
    ask, judge = answer.about(test)
    controls: dict[str, Any] = {
        "n_random": settings.n_random,
        "random_state": settings.random_state,
    }
    up = enhance(ask, judge, *answer.about(validation), chosen, activity, gains=GAINS, **controls)
    down = lesion(ask, judge, chosen, activity, **controls)
    curves = pd.DataFrame(
        [(layer, g, s) for layer, effect in up.items() for g, s in effect.curve.items()],
        columns=CURVE[:3],
    ).reindex(columns=CURVE)
    note = (
        f"lesions and enhancements: {len(train)} pictures trained, {len(validation)} chose the "
        f"gain, {len(test)} tested"
    )
    return Manipulations(down, up, curves, (note,))


def _none(why: str) -> Manipulations:
    return Manipulations({}, {}, pd.DataFrame(columns=CURVE), (why,))


def _parts(recording: xr.DataArray, split: Split, random_state: int) -> tuple[Rows, Rows, Rows]:
    y = recording["emotion"].values.astype(str)
    outer = make_split(trial_table(recording), y, split.by or "random", 4, random_state)
    rest, test = outer.folds[0]
    train, validation = inner_split(outer, 0, y, 3).folds[0]
    return rest[train], rest[validation], test


def _chosen(recording: xr.DataArray, y: NDArray[np.str_], layers: Sequence[str]) -> dict[str, Rows]:
    """Units to manipulate, by layer."""
    found = selectivity(recording, y).table
    chosen = {}
    for layer in layers:
        table = found[found["layer"] == layer]
        most = max(1, len(table) // LARGEST_SHARE)
        best = table[table["selective"]].nlargest(most, "index")
        if len(best):
            chosen[layer] = np.sort(best["channel"].to_numpy(dtype=np.intp))
    return chosen


def _of(recording: xr.DataArray, layer: str) -> NDArray[np.float32]:
    return np.asarray(recording.values[:, recording["layer"].values == layer])


def _even(rows: Rows, y: NDArray[np.str_], most: int) -> Rows:
    """Give at most so many rows, evenly from all classes and otherwise in their order."""
    if len(rows) <= most:
        return rows
    rank = pd.Series(rows).groupby(y[rows]).cumcount().to_numpy()
    return np.sort(rows[np.argsort(rank, kind="stable")[:most]])


class _Answer:
    """What a decoder of the last layer reads from a network that is being manipulated."""

    def __init__(
        self,
        network: Network,
        recording: xr.DataArray,
        train: Rows,
        precision: str,
        progress: Progress,
    ) -> None:
        self.network, self.precision, self.progress = network, precision, progress
        self.files = recording["file"].values.astype(str)
        self.y = recording["emotion"].values.astype(str)
        last = np.sqrt(_of(recording, network.layers[-1]))
        self.decoder = classifier(last.shape[1]).fit(last[train], self.y[train])

    def about(self, rows: Rows) -> tuple[Respond, Measure]:
        """Give ``respond`` and ``measure`` for some pictures."""

        def respond(changes: Sequence[Change]) -> NDArray[np.float32]:
            return manipulated_activations(
                self.network,
                self.files[rows].tolist(),
                [Manipulation(c.place, c.units, c.gain) for c in changes],
                read=lambda means: self.decoder.decision_function(np.sqrt(means)),
                precision=self.precision,
                progress=self.progress,
            ).values

        def measure(scores: NDArray[np.float32]) -> float:
            best = scores.argmax(axis=1) if scores.shape[1] > 1 else (scores[:, 0] > 0).astype(int)
            guess = self.decoder.classes_[best]
            return score("balanced_accuracy", self.y[rows], guess, n_bootstrap=0).value

        return respond, measure
