"""Decode events and their intensity from mouse faces, in animals the decoder has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.metrics import confusion_matrix

from affectome.decoding import RidgeClassifierDecoder, RidgeDecoder
from affectome.errors import InputError
from affectome.evidence import (
    Split,
    inner_split,
    make_split,
    p_value,
    permutation_test,
    permute_within,
    score,
)
from affectome.studies._within import rank_correlation

PENALTIES = tuple(10.0 ** np.arange(0, 6))
N_PERMUTATIONS = 1000


def regressors(random_state: int) -> dict[str, Any]:
    """Give the two decoders of intensity, by name."""
    return {
        "linear": RidgeDecoder(alpha=PENALTIES),
        "random_forest": RandomForestRegressor(
            200, min_samples_leaf=3, max_features=0.3, random_state=random_state, n_jobs=1
        ),
    }


def split_animals(trials: Any, by: str) -> Split:
    """Hold out one animal (or session) at a time.

    Raises
    ------
    InputError
        If there is only one.
    """
    n_groups = trials[by].nunique()
    if n_groups < 2:
        raise InputError(
            f"leave-one-{by}-out needs two or more, but the table names only "
            f"{trials[by].iloc[0]!s}; add clips of another {by}"
        )
    return make_split(trials, holdout=by, n_splits=n_groups)


def decode_intensity(
    X: np.ndarray, y: np.ndarray, subjects: np.ndarray, split: Split, random_state: int
) -> tuple[dict[str, Any], np.ndarray]:
    """Predict intensity in held-out animals by the decoder that the training animals favour.

    Parameters
    ----------
    X
        Clips, shape (n_trials, n_units).
    y
        Intensity, shape (n_trials,).
    subjects
        Animal of each trial.
    split
        The folds.
    random_state
        Seed.

    Returns
    -------
    dict
        ``rho``, ``interval``, ``p``, ``by_subject``, ``decoders`` (rho of each one alone),
        ``chosen`` (in each fold), ``rho_over_all_trials``, and ``none_vs_strongest`` (AUC within
        animals).
    ndarray
        Predictions, shape (n_trials,).
    """
    decoders = regressors(random_state)
    single = {name: out_of_fold(d, X, y, split) for name, d in decoders.items()}
    predicted = np.full(len(y), np.nan)
    chosen = []
    for fold, (_, test) in enumerate(split):
        best = _favourite(decoders, X, y, subjects, split, fold)
        predicted[test] = single[best][test]
        chosen.append(best)
    result = rank_correlation(predicted, y, subjects, random_state=random_state)
    result["decoders"] = {
        name: rank_correlation(values, y, subjects, random_state=random_state)
        for name, values in single.items()
    }
    result["chosen"] = chosen
    result["rho_over_all_trials"] = float(spearmanr(predicted, y).statistic)
    result["none_vs_strongest"] = _extremes(predicted, y, subjects)
    return result, predicted


def decode_events(
    X: np.ndarray, events: np.ndarray, subjects: np.ndarray, split: Split, random_state: int
) -> dict[str, Any]:
    """Tell events apart in held-out animals, by a random forest and by ridge.

    Parameters
    ----------
    X
        Clips, shape (n_trials, n_units).
    events
        Event of each trial.
    subjects
        Animal of each trial.
    split
        The folds.
    random_state
        Seed.

    Returns
    -------
    dict
        ``balanced_accuracy`` of the forest, with p by permuting events within animals over its
        held-out predictions; ``confusion``; ``by_subject``; ``linear``, with p of the closed form.
    """
    forest = RandomForestClassifier(
        200, min_samples_leaf=3, class_weight="balanced", random_state=random_state, n_jobs=1
    )
    predicted = out_of_fold(forest, X, events, split)
    accuracy = score("balanced_accuracy", events, predicted, subjects, random_state=random_state)
    arrangements = permute_within(events, subjects, N_PERMUTATIONS, random_state)
    null = _balanced_accuracies(arrangements, predicted)
    p = p_value(float(_balanced_accuracies(events[None], predicted)[0]), null)
    names = np.unique(events)
    linear = RidgeClassifierDecoder(alpha=PENALTIES)
    test = permutation_test(
        linear, X, events, split, "balanced_accuracy", N_PERMUTATIONS, arrangements, random_state
    )
    return {
        "balanced_accuracy": accuracy.with_p(p).to_dict(),
        "confusion": {
            "events": names.tolist(),
            "counts": confusion_matrix(events, predicted, labels=names).tolist(),
        },
        "by_subject": {
            str(s): score(
                "balanced_accuracy", events[subjects == s], predicted[subjects == s], n_bootstrap=0
            ).value
            for s in np.unique(subjects)
        },
        "linear": test.to_dict(),
        "chance": 1 / len(names),
    }


def decode_frames(
    X: np.ndarray, events: np.ndarray, subjects: np.ndarray, split: Split, random_state: int
) -> dict[str, Any]:
    """Tell the event of every single frame, in held-out animals, by a random forest.

    Parameters
    ----------
    X
        Frames, shape (n_trials, n_frames, n_units).
    events
        Event of each trial.
    subjects
        Animal of each trial.
    split
        The folds, of trials: frames of one clip are never on both sides.
    random_state
        Seed.

    Returns
    -------
    dict
        ``balanced_accuracy`` over frames, with p by permuting the events of whole clips within
        animals; ``confusion``, ``n_frames`` and ``chance``.
    """
    n_frames = X.shape[1]
    frames = X.reshape(-1, X.shape[2])
    shown, who = np.repeat(events, n_frames), np.repeat(subjects, n_frames)
    trial = np.repeat(np.arange(len(events)), n_frames)
    forest = RandomForestClassifier(
        100, min_samples_leaf=5, class_weight="balanced", random_state=random_state, n_jobs=1
    )
    predicted = np.empty_like(shown)
    for train, test in split:
        learned, held = np.isin(trial, train), np.isin(trial, test)
        predicted[held] = clone(forest).fit(frames[learned], shown[learned]).predict(frames[held])
    arrangements = permute_within(events, subjects, N_PERMUTATIONS, random_state)
    null = _balanced_accuracies(np.repeat(arrangements, n_frames, axis=1), predicted)
    p = p_value(float(_balanced_accuracies(shown[None], predicted)[0]), null)
    names = np.unique(events)
    accuracy = score("balanced_accuracy", shown, predicted, who, random_state=random_state)
    return {
        "balanced_accuracy": accuracy.with_p(p).to_dict(),
        "confusion": {
            "events": names.tolist(),
            "counts": confusion_matrix(shown, predicted, labels=names).tolist(),
        },
        "n_frames": len(shown),
        "chance": 1 / len(names),
    }


def out_of_fold(estimator: Any, X: np.ndarray, y: np.ndarray, split: Split) -> np.ndarray:
    """Predict every trial by an estimator fitted without its fold, shape (n_trials,)."""
    predicted = np.empty_like(y)
    for train, test in split:
        predicted[test] = clone(estimator).fit(X[train], y[train]).predict(X[test])
    return predicted


def _favourite(
    decoders: Mapping[str, Any],
    X: np.ndarray,
    y: np.ndarray,
    subjects: np.ndarray,
    split: Split,
    fold: int,
) -> str:
    """Name the decoder that does best when training animals are held out in turn."""
    train = split.folds[fold][0]
    groups = np.unique(split.columns[split.by[0]][train])
    if len(groups) < 2:
        return next(iter(decoders))
    inner = inner_split(split, fold, n_splits=len(groups))
    merit = {
        name: rank_correlation(
            out_of_fold(decoder, X[train], y[train], inner), y[train], subjects[train]
        )["rho"]
        for name, decoder in decoders.items()
    }
    return max(merit, key=lambda name: merit[name])


def _extremes(predicted: np.ndarray, y: np.ndarray, subjects: np.ndarray) -> dict[str, Any]:
    """AUC of the strongest against the weakest intensity, compared within animals."""
    rows = (y == y.min()) | (y == y.max())
    strongest, who = y[rows] == y.max(), subjects[rows]
    return score("macro_auc", strongest, predicted[rows], who, folds=who).to_dict()


def _balanced_accuracies(arrangements: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Balanced accuracy of one prediction against many arrangements, shape (n_arrangements,)."""
    recalls = []
    for name in np.unique(predicted.tolist() + arrangements[0].tolist()):
        shown = arrangements == name
        if shown[0].any():
            recalls.append((shown & (predicted == name)).sum(axis=1) / shown.sum(axis=1))
    return np.mean(recalls, axis=0)
