"""Reading classes and ratings out of the units, with everything that puts it in doubt.

The matrices are small: threads go over layers, and linear algebra keeps to one thread, which is
many times faster on a busy machine, where its threads would wait for one another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from affectome.data import trial_table
from affectome.decoding import RidgeClassifierDecoder, RidgeDecoder
from affectome.evidence import (
    USUAL_INFLATION,
    Evidence,
    Score,
    Split,
    difference,
    evaluate,
    make_split,
)
from affectome.execution import run_blocks
from affectome.progress import Progress
from affectome.studies.emergence.stimuli import Settings

FEWEST = 20
METRICS = ("balanced_accuracy", "macro_auc", "f1_macro", "pearson_r")
PENALTIES = (0.03, 0.1, 0.3, 1.0, 3.0)
"""Penalties of the ridge as multiples of the number of (standardised) features."""
STATISTICS_PENALTIES = (0.03, 0.3, 3.0, 30.0, 300.0, 3000.0)
"""Penalties for the few image statistics, in absolute numbers: a grid of their own."""


@dataclass(frozen=True, eq=False)
class Reading:
    """One target read from all layers, with what could be read without the trained network.

    Attributes
    ----------
    scores
        Metric → score.
    baselines
        Name → score of what needs no trained network, by the main metric.
    untrained
        One score for each untrained network.
    best_baseline
        The better one of image statistics and the untrained network with seed 0.
    excess
        How much better the reading is than that one.
    """

    scores: Mapping[str, Score]
    baselines: Mapping[str, Score]
    untrained: Sequence[float]
    best_baseline: str
    excess: Score

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers, as in ``result.json``."""
        found: dict[str, Any] = {name: one.to_dict() for name, one in self.scores.items()}
        baselines = {name: _without_p(one) for name, one in self.baselines.items()}
        baselines["untrained"] = over_seeds(self.untrained)
        found["baselines"] = baselines
        found["best_baseline"] = self.best_baseline
        found["excess"] = _without_p(self.excess)
        return found


@dataclass(frozen=True, eq=False)
class Readout:
    """What is read from each layer and from all of them, and out-of-fold predictions.

    Attributes
    ----------
    design
        Who and what was held out, in words.
    by_layer
        Layer → metric → score.
    emotion
        The classes, from all layers.
    ratings
        Name → reading of that rating, from all layers.
    random_split
        What a random split would have claimed for the classes.
    predictions
        A row a picture.
    """

    design: str
    by_layer: Mapping[str, Mapping[str, Score]]
    emotion: Reading
    ratings: Mapping[str, Reading]
    random_split: Score
    predictions: pd.DataFrame

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers, as in ``result.json``."""
        found = {"held_out": self.design} | self.emotion.to_dict()
        found["baselines"]["random_split"] = _without_p(self.random_split)
        return found | {name: one.to_dict() for name, one in self.ratings.items()}


def root(responses: NDArray[Any]) -> NDArray[Any]:
    """Square root that keeps the sign, for layers without a ReLU."""
    return np.sign(responses) * np.sqrt(np.abs(responses))


def squeezed(recording: xr.DataArray) -> xr.DataArray:
    """Square root of mean activities after a ReLU: their spread grows with their size."""
    return recording.copy(data=root(recording.values))


def classifier(n_features: int) -> RidgeClassifierDecoder:
    """One-against-rest ridge whose penalty is chosen by leave-one-out on the training trials."""
    return RidgeClassifierDecoder(alpha=[n_features * a for a in PENALTIES])


def read(
    recording: xr.DataArray,
    target: str,
    split: Split,
    *,
    penalties: Sequence[float] | None = None,
    n_permutations: int,
    n_bootstrap: int = 2000,
    random_state: int = 0,
) -> Evidence:
    """Decode the class of every picture (``"emotion"``), or predict one of its ratings.

    Penalties are multiples of the number of units where none are given.
    """
    alpha = penalties or [recording.sizes["unit"] * a for a in PENALTIES]
    rows, metric = np.arange(len(recording)), "balanced_accuracy"
    decoder: RidgeClassifierDecoder | RidgeDecoder = RidgeClassifierDecoder(alpha=list(alpha))
    if target != "emotion":
        rows, metric = rated(recording, target), "pearson_r"
        decoder = RidgeDecoder(alpha=list(alpha))
    return evaluate(
        decoder,
        recording[rows],
        target,
        split,
        metric=metric,
        order="none",
        n_permutations=n_permutations,
        n_bootstrap=n_bootstrap,
        random_state=random_state,
    )


def rated(recording: xr.DataArray, name: str) -> NDArray[np.intp]:
    """Rows of the trials that have the rating."""
    return np.flatnonzero(np.isfinite(recording[name].values.astype(float)))


def rating_splits(
    recording: xr.DataArray, names: Sequence[str], split: Split, random_state: int
) -> dict[str, Split]:
    """Give the folds of every rating; those of the classes where all pictures are rated.

    Folds of a rating that some pictures lack are made anew, by the same columns, from the rows that
    `rated` gives. A rating that is constant there, or has too few values, is left out.
    """
    found = {}
    trials = trial_table(recording)
    for name in names:
        rows = rated(recording, name)
        y = trials[name].to_numpy(dtype=float)[rows]
        if len(rows) == len(trials):
            found[name] = split
        elif len(rows) >= FEWEST:
            table = trials.iloc[rows].reset_index(drop=True)
            found[name] = make_split(table, y, split.by or "random", len(split), random_state)
    return {n: s for n, s in found.items() if np.nanstd(trials[n].to_numpy(dtype=float)) > 0}


def read_out(
    recording: xr.DataArray,
    split: Split,
    ratings: Mapping[str, Split],
    statistics: xr.DataArray,
    blank: xr.DataArray,
    untrained: Mapping[str, Sequence[float]],
    settings: Settings,
    progress: Progress,
) -> Readout:
    """Read classes from every layer, and classes and ratings from all layers together.

    Parameters
    ----------
    recording
        Responses of the trained network.
    split, ratings
        Folds of the classes, and of each rating.
    statistics, blank
        Image statistics of the same pictures, and responses of an untrained network.
    untrained
        ``balanced_accuracy`` or name of a rating → scores of untrained networks.
    settings, progress
        As in the study.
    """
    plain = squeezed(recording)
    null: Any = {
        "n_permutations": settings.n_permutations,
        "random_state": settings.random_state,
    }
    with threadpool_limits(1, user_api="blas"):
        by_layer = _read_layers(plain, split, null, progress)
        leaky = make_split(trial_table(plain), plain["emotion"].values, "random", len(split))
        random = read(plain, "emotion", leaky, **null | {"n_permutations": 0})
        found: dict[str, Evidence] = {}
        readings: dict[str, Reading] = {}
        for done, (name, folds) in enumerate({"emotion": split, **ratings}.items()):
            progress("read out", done, 1 + len(ratings))
            found[name] = read(plain, name, folds, **null)
            rivals = {
                "image_statistics": read(
                    statistics, name, folds, penalties=STATISTICS_PENALTIES, **null
                ),
                "untrained": read(blank, name, folds, **null | {"n_permutations": 0}),
            }
            seeds = untrained["balanced_accuracy" if name == "emotion" else name]
            readings[name] = _reading(found[name], rivals, seeds, settings.random_state)
    progress("read out", 1 + len(ratings), 1 + len(ratings))
    emotion = readings.pop("emotion")
    return Readout(
        found["emotion"].design.headline,
        by_layer,
        emotion,
        readings,
        random.score,
        _predictions(plain, found.pop("emotion"), found),
    )


def _reading(
    own: Evidence, rivals: Mapping[str, Evidence], untrained: Sequence[float], random_state: int
) -> Reading:
    """Hold a reading against the better of image statistics and an untrained network.

    The order of the rows of a table is no order in time, so what follows from it (trial order, the
    label before) is no baseline here.
    """
    chosen = [name for name in METRICS if name in own.scores]
    baselines = {"image_statistics": rivals["image_statistics"].score}
    if own.metric == "balanced_accuracy":
        baselines["majority"] = own.baselines["majority"]
    best = max(rivals, key=lambda name: rivals[name].score.value)
    target = own.target[0]
    excess = difference(
        own.metric,
        own.predictions[target],
        own.predictions[f"predicted {target}"],
        rivals[best].predictions[f"predicted {target}"],
        own.design.groups[own.predictions["trial"].to_numpy()],
        own.predictions["fold"],
        random_state=random_state,
        inflation=USUAL_INFLATION,
        over=own.design.over,
    )
    return Reading({n: own.scores[n] for n in chosen}, baselines, untrained, best, excess)


def _read_layers(
    recording: xr.DataArray, split: Split, null: Mapping[str, Any], progress: Progress
) -> dict[str, dict[str, Score]]:
    names = list(dict.fromkeys(recording["layer"].values.tolist()))
    alone = (recording[:, recording["layer"].values == name] for name in names)
    blocks = ((layer, "emotion", split) for layer in alone)
    work = run_blocks(partial(read, **null), blocks, threads=True)
    found = {}
    for done, (name, evidence) in enumerate(zip(names, work, strict=True), start=1):
        progress("read out layers", done, len(names))
        found[name] = {n: evidence.scores[n] for n in ("balanced_accuracy", "macro_auc")}
    return found


def _predictions(
    recording: xr.DataArray, main: Evidence, ratings: Mapping[str, Evidence]
) -> pd.DataFrame:
    trial = main.predictions["trial"]
    table = main.predictions.assign(file=recording["file"].values[trial])
    for name, evidence in ratings.items():
        rows = rated(recording, name)[evidence.predictions["trial"]]
        read_as = pd.Series(evidence.predictions[f"predicted {name}"].to_numpy(), index=rows)
        table[f"predicted {name}"] = trial.map(read_as)
    return table


def _without_p(one: Score) -> dict[str, Any]:
    """Give a score that nothing is claimed about."""
    kept = ("metric", "score", "interval", "over", "n_groups")
    return {name: value for name, value in one.to_dict().items() if name in kept}


def over_seeds(values: Sequence[float]) -> dict[str, Any]:
    """Give the mean over untrained networks and the range that 95 % of them lie in."""
    low, high = np.quantile(values, [0.025, 0.975])
    return {"score": float(np.mean(values)), "range": [float(low), float(high)], "n": len(values)}
