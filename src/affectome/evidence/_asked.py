"""What `evaluate` is asked to do, checked: target, decoder, metrics, split, features, controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from sklearn.base import is_classifier, is_regressor
from sklearn.utils import get_tags

from affectome.data import check_recording
from affectome.errors import InputError
from affectome.evidence._labels import is_rating
from affectome.evidence.permutation import default_metric
from affectome.evidence.scores import find_metric
from affectome.evidence.splits import Split, make_split, wrap_splitter

Holdout = str | Sequence[str] | Split | Any | None


def target_of(trials: pd.DataFrame, names: tuple[str, ...]) -> NDArray[Any]:
    """Labels (n,), or 0 and 1 of several labels (n, k), from the trials' columns."""
    for name in names:
        if name not in trials:
            has = ", ".join(map(str, trials.columns)) or "none"
            raise InputError(f"the trials have no coordinate {name!r} to decode; they have {has}")
    if len(names) == 1:
        return trials[names[0]].to_numpy()
    values = trials[list(names)].to_numpy()
    if values.dtype.kind not in "iub" or not np.isin(values, (0, 1)).all():
        raise InputError(
            f"several targets are labels of 0 and 1; {', '.join(names)} hold other values: decode "
            "ratings one at a time"
        )
    return values.astype(int)


def check_kind(decoder: Any, y: NDArray[Any], names: tuple[str, ...]) -> None:
    """Refuse ratings for a classifier and classes for a regressor."""
    kind = type(decoder).__name__
    if y.ndim > 1:
        return
    if is_rating(y) and is_classifier(decoder):
        raise InputError(
            f"{names[0]!r} is a rating (floats), but {kind} is a classifier; take a regressor such "
            "as RidgeDecoder, or cut the ratings into classes"
        )
    if not is_rating(y) and is_regressor(decoder):
        raise InputError(
            f"{names[0]!r} names classes, but {kind} is a regressor; take a classifier such as "
            "RidgeClassifierDecoder, or give the ratings as floats"
        )


def metrics_for(main: str, decoder: Any, y: NDArray[Any]) -> list[str]:
    """The main metric first, then those that are usual for the target."""
    find_metric(main)
    if y.ndim > 1:
        usual = ["multilabel_f1"]
    elif is_rating(y):
        usual = ["pearson_r", "ccc", "r2"]
    else:
        usual = ["balanced_accuracy", "f1_macro"]
        if default_metric(decoder) == "macro_auc":
            usual = ["macro_auc", *usual, "d_from_auc"]
    return [main, *(name for name in usual if name != main)]


def split_for(
    holdout: Holdout,
    trials: pd.DataFrame,
    y: NDArray[Any],
    n_splits: int | None,
    random_state: int,
) -> Split:
    """The split that was given, or the one that is asked for."""
    if isinstance(holdout, Split):
        last = max(int(max(train.max(), test.max())) for train, test in holdout)
        if last >= len(trials):
            raise InputError(
                f"the split lists row {last}, but the Recording has {len(trials)} trials; make it "
                "from the same trials"
            )
        return holdout
    if hasattr(holdout, "split") and not isinstance(holdout, str):
        return wrap_splitter(holdout, trials, y)
    return make_split(trials, y, holdout, n_splits, random_state)


def features_for(decoder: Any, recording: xr.DataArray) -> NDArray[Any]:
    """Values as the decoder wants them: time is laid out as units unless it takes three dims."""
    values = recording.to_numpy()
    if values.ndim == 3 and not get_tags(decoder).input_tags.three_d_array:
        return values.reshape(len(values), -1)
    return values


def controls_for(
    decoder: Any, recording: xr.DataArray, controls: Mapping[str, xr.DataArray]
) -> dict[str, NDArray[Any]]:
    """Values of each control Recording, of the same trials."""
    n_trials = recording.sizes["trial"]
    for name, control in controls.items():
        if control.sizes.get("trial") != n_trials:
            raise InputError(
                f"the control {name!r} has the shape {control.shape}, but the Recording has "
                f"{n_trials} trials; give the same trials in the same order"
            )
    return {name: features_for(decoder, check_recording(one)) for name, one in controls.items()}


def bytes_needed(recording: xr.DataArray, n_permutations: int) -> float:
    """Peak: values with a scaled copy and a training set in float64; labels and scores of nulls."""
    n_trials = recording.sizes.get("trial", 0)
    return 8.0 * (3 * recording.size + 4 * (n_permutations + 1) * n_trials)
