"""Reading classes and ratings out of the units, with everything that puts it in doubt.

The matrices are small: one thread of linear algebra is as fast as several on a quiet machine, and
many times faster on a busy one, where threads wait for one another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from affectome.data import trial_table
from affectome.decoding import RidgeClassifierDecoder, RidgeDecoder
from affectome.evidence import Evidence, Split, evaluate, make_split
from affectome.progress import Progress

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


def regressor(n_features: int) -> RidgeDecoder:
    """Ridge whose penalty is chosen by leave-one-out on the training trials."""
    return RidgeDecoder(alpha=[n_features * a for a in PENALTIES])


def read_classes(
    recording: xr.DataArray,
    split: Split,
    *,
    controls: Mapping[str, xr.DataArray] | None = None,
    n_permutations: int,
    n_bootstrap: int = 2000,
    random_state: int = 0,
) -> Evidence:
    """Decode the class of every picture from the units."""
    with threadpool_limits(1, user_api="blas"):
        return evaluate(
            classifier(recording.sizes["unit"]),
            recording,
            "emotion",
            split,
            controls=controls,
            metric="balanced_accuracy",
            n_permutations=n_permutations,
            n_bootstrap=n_bootstrap,
            random_state=random_state,
        )


def read_rating(
    recording: xr.DataArray,
    name: str,
    split: Split,
    *,
    controls: Mapping[str, xr.DataArray] | None = None,
    n_permutations: int,
    n_bootstrap: int = 2000,
    random_state: int = 0,
) -> Evidence:
    """Predict a rating of every picture from the units."""
    rows = rated(recording, name)
    with threadpool_limits(1, user_api="blas"):
        return evaluate(
            regressor(recording.sizes["unit"]),
            recording[rows],
            name,
            split,
            controls={n: control[rows] for n, control in (controls or {}).items()},
            metric="pearson_r",
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
    *,
    n_permutations: int,
    random_state: int,
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
    n_permutations, random_state, progress
        As in the study.
    """
    plain = squeezed(recording)
    null: Any = {"n_permutations": n_permutations, "random_state": random_state}
    quick: Any = {"n_permutations": 0, "random_state": random_state}
    names = list(dict.fromkeys(recording["layer"].values.tolist()))
    by_layer = {}
    for done, layer in enumerate(names):
        progress("read out layers", done, len(names))
        alone = read_classes(plain[:, plain["layer"].values == layer], split, **null)
        by_layer[layer] = _of_layer(alone)
    progress("read out layers", len(names), len(names))
    leaky = make_split(
        trial_table(recording), recording["emotion"].values, "random", len(split), random_state
    )
    main = read_classes(plain, split, controls=controls, **null)
    baselines = {n: main.baselines[n].to_dict() for n in ("majority", "image_statistics")}
    baselines["untrained"] = over_seeds(untrained["balanced_accuracy"])
    baselines["random_split"] = brief(read_classes(plain, leaky, **quick), "balanced_accuracy")
    decoding: dict[str, Any] = {
        "balanced_accuracy": brief(main, "balanced_accuracy"),
        "auc": brief(main, "macro_auc"),
        "f1": brief(main, "f1_macro"),
        "baselines": baselines,
    }
    predictions = main.predictions.assign(file=recording["file"].values[main.predictions["trial"]])
    for done, (name, folds) in enumerate(ratings.items()):
        progress("read out ratings", done, len(ratings))
        found = read_rating(plain, name, folds, controls=controls, **null)
        decoding[name] = brief(found, "pearson_r", "r") | {
            "image_statistics": brief_of(found.baselines["image_statistics"].to_dict()),
            "untrained": over_seeds(untrained[name], "r"),
        }
        rows = rated(recording, name)[found.predictions["trial"]]
        column = pd.Series(found.predictions[f"predicted {name}"].to_numpy(), index=rows)
        predictions[f"predicted {name}"] = predictions["trial"].map(column)
    progress("read out ratings", len(ratings), len(ratings))
    return Readout(by_layer, decoding, predictions)


def _of_layer(found: Evidence) -> dict[str, Any]:
    own = brief(found, "balanced_accuracy", "balanced_accuracy")
    return own | {"auc": found.scores["macro_auc"].value}


def brief(evidence: Evidence, metric: str, key: str = "score") -> dict[str, Any]:
    """Give one score as ``{"score", "interval", "p"}``."""
    found = evidence.scores[metric].to_dict()
    return {key: found["score"], "interval": found["interval"], "p": found["p"]}


def brief_of(score: Mapping[str, Any]) -> dict[str, Any]:
    """Give a correlation as ``{"r", "interval"}``."""
    return {"r": score["score"], "interval": score["interval"]}


def over_seeds(values: Sequence[float], key: str = "score") -> dict[str, Any]:
    """Give the mean over untrained networks and the range that 95 % of them lie in."""
    low, high = np.quantile(values, [0.025, 0.975])
    return {key: float(np.mean(values)), "interval": [float(low), float(high)], "n": len(values)}
