"""Silencing and turning up the units that differ most between classes, and what is read then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from affectome.data import trial_table
from affectome.errors import InputError
from affectome.evidence import Split, inner_split, make_split, score
from affectome.evidence.manifest import hash_array
from affectome.networks import Manipulation, Network, manipulated_activations
from affectome.progress import Progress
from affectome.studies.emergence.readout import classifier, root
from affectome.studies.emergence.stimuli import Settings
from affectome.studies.emergence.units import find_selective
from affectome.units import Change, Effect, corrected, enhance, lesion, refitted
from affectome.units.manipulation import Measure, Respond

PICTURES_A_BATCH = 4

Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Manipulations:
    """Effects by layer, and how they were come by.

    Attributes
    ----------
    lesions, enhancements
        Layer → effect on the decoder of the last layer, which is kept as it was, the layers above
        run again.
    refitted
        Layer → effect on a decoder of that layer, which is fitted anew without the units.
    curves
        A row a layer and gain, on validation pictures: ``layer``, ``gain``, ``score``, and mean,
        2.5 and 97.5 % of the random draws.
    notes
        How many pictures were used, or why there are no effects.
    """

    lesions: Mapping[str, Effect]
    refitted: Mapping[str, Effect]
    enhancements: Mapping[str, Effect]
    curves: pd.DataFrame
    notes: tuple[str, ...]

    def random_draws(self) -> pd.DataFrame:
        """Give a row a layer, kind and random draw: ``gain`` and ``score``."""
        kinds = {
            "lesion, decoder kept": self.lesions,
            "lesion, decoder refitted": self.refitted,
            "enhancement": self.enhancements,
        }
        rows = [
            (layer, kind, gain, draw, score)
            for kind, effects in kinds.items()
            for layer, effect in effects.items()
            for draw, (gain, score) in enumerate(
                zip(effect.random_gains, effect.random, strict=True)
            )
        ]
        return pd.DataFrame(rows, columns=["layer", "kind", "gain", "draw", "score"])


CURVE = ["layer", "gain", "score", "random_mean", "random_low", "random_high"]


def manipulate(
    network: Network,
    recording: xr.DataArray,
    split: Split,
    settings: Settings,
    folder: Path | None,
    progress: Progress,
) -> Manipulations:
    """Silence and turn up the strongest units of one layer after the other.

    Half of the pictures train (which units differ most between the classes, how active all are,
    the decoders), a quarter validates (the gain), a quarter tests, once; they share none of what
    the split holds out.

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
    folder
        Where answers are kept, so that a run that was killed goes on where it was.
    progress
        Called after every batch of pictures.

    Returns
    -------
    Manipulations
        Empty, with a note that says why, where ``n_manipulated`` is 0, the groups do not suffice
        for three parts, or hardly a unit varies.
    """
    if settings.n_manipulated == 0:
        return _none("lesions and enhancements were left out (no pictures to try them on)")
    y = recording["emotion"].values.astype(str)
    try:
        train, validation, test = _parts(recording, split, settings.random_state)
    except InputError as error:
        return _none(f"no lesions or enhancements, for want of training and validation: {error}")
    chosen = find_selective(recording[train], settings).strongest("layer")
    if not chosen:
        return _none("no lesions or enhancements: no layer has two units that vary in training")
    activity = {layer: _of(recording[train], layer).mean(axis=0) for layer in chosen}
    few_validate, few_test = (_even(rows, y, settings.n_manipulated) for rows in (validation, test))
    answer = _Answer(network, recording, train, settings.precision, folder, progress)
    ask, judge = answer.about(few_test)
    n_random, seed = settings.n_random, settings.random_state
    up = enhance(
        ask,
        judge,
        *answer.about(few_validate),
        chosen,
        activity,
        n_random=n_random,
        random_state=seed,
    )
    down = lesion(ask, judge, chosen, activity, n_random=n_random, random_state=seed)
    again = {
        layer: _refit(recording, layer, units, train, test, activity[layer], settings)
        for layer, units in chosen.items()
    }
    note = (
        f"lesions and enhancements: {len(train)} pictures trained, {len(few_validate)} of "
        f"{len(validation)} chose the gain, {len(few_test)} of {len(test)} tested (decoders that "
        "are refitted: all of them)"
    )
    unmatched = [layer for layer, effect in down.items() if effect.null is None]
    notes = [note]
    if unmatched:
        notes.append(
            f"no matched control in {', '.join(unmatched)}: no other units there are as active as "
            "the strongest ones, so lesions and enhancements there have no p"
        )
    return Manipulations(down, corrected(again, "less"), up, _curves(up), tuple(notes))


def _curves(effects: Mapping[str, Effect]) -> pd.DataFrame:
    rows = []
    for layer, effect in effects.items():
        for gain, value in effect.curve.items():
            draws = effect.random_curves[gain]
            low, high = np.quantile(draws, [0.025, 0.975])
            rows.append((layer, gain, value, float(draws.mean()), float(low), float(high)))
    return pd.DataFrame(rows, columns=CURVE)


def _none(why: str) -> Manipulations:
    return Manipulations({}, {}, {}, pd.DataFrame(columns=CURVE), (why,))


def _parts(recording: xr.DataArray, split: Split, random_state: int) -> tuple[Rows, Rows, Rows]:
    y = recording["emotion"].values.astype(str)
    outer = make_split(trial_table(recording), y, split.by or "random", 4, random_state)
    rest, test = outer.folds[0]
    train, validation = inner_split(outer, 0, y, 3).folds[0]
    return rest[train], rest[validation], test


def _of(recording: xr.DataArray, layer: str) -> NDArray[np.float32]:
    return np.asarray(recording.values[:, recording["layer"].values == layer])


def _even(rows: Rows, y: NDArray[np.str_], most: int) -> Rows:
    """Give at most so many rows, evenly from all classes and otherwise in their order."""
    if len(rows) <= most:
        return rows
    rank = pd.Series(rows).groupby(y[rows]).cumcount().to_numpy()
    return np.sort(rows[np.argsort(rank, kind="stable")[:most]])


def _refit(
    recording: xr.DataArray,
    layer: str,
    units: Rows,
    train: Rows,
    test: Rows,
    activity: NDArray[np.float32],
    settings: Settings,
) -> Effect:
    """Fit a decoder of the layer without its strongest units, and without random ones."""
    X, y = root(_of(recording, layer)), recording["emotion"].values.astype(str)
    ask = refitted(classifier(X.shape[1]), X[train], y[train], X[test])
    found = lesion(
        ask,
        lambda guess: score("balanced_accuracy", y[test], guess, n_bootstrap=0).value,
        {layer: units},
        {layer: activity},
        n_random=settings.n_random,
        random_state=settings.random_state,
    )
    return found[layer]


class _Answer:
    """What a decoder of the last layer reads from a network that is being manipulated."""

    def __init__(
        self,
        network: Network,
        recording: xr.DataArray,
        train: Rows,
        precision: str,
        folder: Path | None,
        progress: Progress,
    ) -> None:
        self.network, self.precision, self.progress = network, precision, progress
        self.files = recording["file"].values.astype(str)
        self.y = recording["emotion"].values.astype(str)
        last = root(_of(recording, network.layers[-1]))
        self.decoder = classifier(last.shape[1]).fit(last[train], self.y[train])
        reader = hash_array(np.column_stack([self.decoder.coef_, self.decoder.intercept_]))
        self.store = None if folder is None else folder / f"manipulated-{reader[:12]}"

    def about(self, rows: Rows) -> tuple[Respond, Measure]:
        """Give ``respond`` and ``measure`` for some pictures."""

        def respond(changes: Sequence[Change]) -> NDArray[np.float32]:
            return manipulated_activations(
                self.network,
                self.files[rows].tolist(),
                [Manipulation(c.place, c.units, c.gain) for c in changes],
                read=lambda means: self.decoder.decision_function(root(means)),
                batch_size=PICTURES_A_BATCH,
                precision=self.precision,
                store=self.store,
                progress=self.progress,
            ).values

        def measure(scores: NDArray[np.float32]) -> float:
            best = scores.argmax(axis=1) if scores.shape[1] > 1 else (scores[:, 0] > 0).astype(int)
            guess = self.decoder.classes_[best]
            return score("balanced_accuracy", self.y[rows], guess, n_bootstrap=0).value

        return respond, measure
