"""Reading classes and ratings out of the units, with everything that puts it in doubt.

The matrices are small: threads go over layers, and linear algebra keeps to one thread, which is
many times faster on a busy machine, where its threads would wait for one another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from joblib import Parallel, delayed
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from affectome.data import trial_table
from affectome.decoding import RidgeClassifierDecoder, RidgeDecoder
from affectome.evidence import Evidence, Split, evaluate, make_split
from affectome.progress import Progress
from affectome.studies.emergence.stimuli import Settings

FEWEST = 20
PENALTIES = (0.03, 0.1, 0.3, 1.0, 3.0)
"""Penalties of the ridge as multiples of the number of (standardised) features."""


@dataclass(frozen=True, eq=False)
class Readout:
    """Scores by layer, scores from all layers with their baselines, and out-of-fold predictions."""

    by_layer: Mapping[str, Mapping[str, Any]]
    decoding: Mapping[str, Any]
    predictions: pd.DataFrame


def squeezed(recording: xr.DataArray) -> xr.DataArray:
    """Square root of mean activities after a ReLU: their spread grows with their size."""
    return recording.copy(data=np.sqrt(np.maximum(recording.values, 0)))


def classifier(n_features: int) -> RidgeClassifierDecoder:
    """One-against-rest ridge whose penalty is chosen by leave-one-out on the training trials."""
    return RidgeClassifierDecoder(alpha=[n_features * a for a in PENALTIES])


def read(
    recording: xr.DataArray,
    target: str,
    split: Split,
    *,
    controls: Mapping[str, xr.DataArray] | None = None,
    n_permutations: int,
    n_bootstrap: int = 2000,
    random_state: int = 0,
) -> Evidence:
    """Decode the class of every picture (``"emotion"``), or predict one of its ratings."""
    n_units = recording.sizes["unit"]
    rows, metric = np.arange(len(recording)), "balanced_accuracy"
    decoder: RidgeClassifierDecoder | RidgeDecoder = classifier(n_units)
    if target != "emotion":
        rows, metric = rated(recording, target), "pearson_r"
        decoder = RidgeDecoder(alpha=[n_units * a for a in PENALTIES])
    return evaluate(
        decoder,
        recording[rows],
        target,
        split,
        controls={name: control[rows] for name, control in (controls or {}).items()},
        metric=metric,
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
    controls: Mapping[str, xr.DataArray],
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
    controls
        Name → other measurements of the same pictures: image statistics, an untrained network.
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
        main = read(plain, "emotion", split, controls=controls, **null)
        random = read(plain, "emotion", leaky, **null | {"n_permutations": 0})
        found = {}
        for done, (name, folds) in enumerate(ratings.items()):
            progress("read out ratings", done, len(ratings))
            found[name] = read(plain, name, folds, controls=controls, **null)
    baselines = {n: main.baselines[n].to_dict() for n in ("majority", "image_statistics")}
    baselines["untrained"] = over_seeds(untrained["balanced_accuracy"])
    baselines["random_split"] = brief(random, "balanced_accuracy")
    decoding: dict[str, Any] = {
        "balanced_accuracy": brief(main, "balanced_accuracy"),
        "auc": brief(main, "macro_auc"),
        "f1": brief(main, "f1_macro"),
        "baselines": baselines,
    }
    for name, evidence in found.items():
        plainest = evidence.baselines["image_statistics"]
        decoding[name] = brief(evidence, "pearson_r", "r") | {
            "image_statistics": {"r": plainest.value, "interval": plainest.interval},
            "untrained": over_seeds(untrained[name], "r"),
        }
    progress("read out ratings", len(ratings), len(ratings))
    return Readout(by_layer, decoding, _predictions(plain, main, found))


def _read_layers(
    recording: xr.DataArray, split: Split, null: Mapping[str, Any], progress: Progress
) -> dict[str, dict[str, Any]]:
    names = list(dict.fromkeys(recording["layer"].values.tolist()))
    alone = (recording[:, recording["layer"].values == name] for name in names)
    work = Parallel(n_jobs=-1, prefer="threads", return_as="generator")(
        delayed(read)(layer, "emotion", split, **null) for layer in alone
    )
    found = {}
    for done, (name, evidence) in enumerate(zip(names, work, strict=True), start=1):
        progress("read out layers", done, len(names))
        found[name] = _of_layer(evidence)
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


def _of_layer(found: Evidence) -> dict[str, Any]:
    own = brief(found, "balanced_accuracy", "balanced_accuracy")
    return own | {"auc": found.scores["macro_auc"].value}


def brief(evidence: Evidence, metric: str, key: str = "score") -> dict[str, Any]:
    """Give one score as ``{"score", "interval", "p"}``."""
    found = evidence.scores[metric].to_dict()
    return {key: found["score"], "interval": found["interval"], "p": found["p"]}


def over_seeds(values: Sequence[float], key: str = "score") -> dict[str, Any]:
    """Give the mean over untrained networks and the range that 95 % of them lie in."""
    low, high = np.quantile(values, [0.025, 0.975])
    return {key: float(np.mean(values)), "interval": [float(low), float(high)], "n": len(values)}
