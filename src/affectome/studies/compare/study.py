"""Networks against a linear decoder on film EEG, and whether new people and new films are read.

A decoder that has seen the same person or the same film can recognise those instead of the emotion.
So each decoder is asked three times: on random trials, on new people, and on new people who watch
new films. What the film alone tells is asked with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.utils.validation import has_fit_parameter
from threadpoolctl import threadpool_limits

from affectome.data import Skipped, trial_table
from affectome.data.readers.measurement import Measurement
from affectome.decoding import RidgeClassifierDecoder
from affectome.decoding.deep import DeepDecoder
from affectome.errors import InputError
from affectome.evidence import (
    USUAL_INFLATION,
    Score,
    Split,
    baseline_scores,
    difference,
    fold_of,
    independent_groups,
    make_split,
    score,
)
from affectome.features.spectra import differential_entropy
from affectome.progress import Progress, silent
from affectome.studies.neural_code.inputs import after_event, labelled

SPLITS: Mapping[str, str | tuple[str, ...]] = {
    "random trials": "random",
    "new people": "subject",
    "new people, new films": ("subject", "stimulus"),
}
LINEAR, FILM = "linear", "film alone"
NETWORKS: Mapping[str, Mapping[str, Any]] = {
    "CNN": {"module": "shallow"},
    "RNN": {"module": "gru", "module_params": {"dropout": 0.6}},
}
ALPHAS = (1.0, 10.0, 100.0, 1000.0, 10000.0)
# Networks, their dropout and how long they are trained were chosen by validation curves on
# simulations with other seeds than the one that is reported (101 and 102).
EPOCHS, PATIENCE = 60, 20
METRIC = "balanced_accuracy"


@dataclass(frozen=True)
class Cell:
    """One decoder under one split.

    Attributes
    ----------
    decoder, split
        Their names.
    score
        Balanced accuracy with its 95 % interval over held-out groups.
    excess
        How far it is above the linear decoder, with the interval of the paired difference; None for
        the linear decoder itself.
    """

    decoder: str
    split: str
    score: Score
    excess: Score | None

    def to_dict(self) -> dict[str, Any]:
        """Give the cell for ``result.json``."""
        excess = None
        if self.excess is not None:
            excess = {"value": self.excess.value, "interval": self.excess.interval}
        return {
            "decoder": self.decoder,
            "split": self.split,
            METRIC: self.score.to_dict(),
            "above_linear": excess,
        }


@dataclass(frozen=True, eq=False)
class Comparison:
    """What each decoder reads under each split.

    Attributes
    ----------
    source
        What was read.
    target, classes
        The column that was decoded, and its values.
    sizes
        Numbers of trials, subjects, stimuli, units and times.
    splits
        Name → folds, for the splits that the trials allow.
    cells
        The table.
    skipped
        Trials, channels and files that could not be used.
    warnings
        Splits that are absent, with the reason.
    """

    source: str
    target: str
    classes: tuple[str, ...]
    sizes: Mapping[str, int]
    splits: Mapping[str, Split]
    cells: tuple[Cell, ...]
    skipped: tuple[Skipped, ...]
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give ``result.json``, schema 1."""
        return {
            "schema": 1,
            "command": "compare",
            "source": self.source,
            "target": self.target,
            "classes": list(self.classes),
            "chance": 1 / len(self.classes),
            "sizes": dict(self.sizes),
            "splits": {name: split.to_dict() for name, split in self.splits.items()},
            "table": [cell.to_dict() for cell in self.cells],
            "skipped": [{"file": s.file, "why": s.why} for s in self.skipped],
            "warnings": list(self.warnings),
        }


def run(
    measurement: Measurement,
    target: str = "emotion",
    *,
    max_epochs: int = EPOCHS,
    n_jobs: int = 1,
    random_state: int = 0,
    progress: Progress = silent,
) -> Comparison:
    """Compare a convolutional, a recurrent and a linear decoder under three splits.

    The linear decoder is ridge on differential entropy by sensor and band; ShallowConvNet and a GRU
    over windows read the samples. A network stops early by trials of its own training people where
    people are held out, and by single training trials elsewhere.

    Parameters
    ----------
    measurement
        From :func:`affectome.data.read_recording`; dims (trial, time, unit).
    target
        Column of the trials with the classes.
    max_epochs
        Most epochs a network is trained for.
    n_jobs
        Fits at once, each on one processor.
    random_state
        Seed of folds, networks and intervals.
    progress
        Called with each fit.

    Raises
    ------
    InputError
        If the target is missing or has one class, there are no samples over time, or no split can
        be made.
    """
    recording, skipped = labelled(measurement, target)
    samples = after_event(recording, None)
    trials = trial_table(samples)
    y = trials[target].to_numpy()
    splits, warnings = _splits(trials, y, random_state)
    decoders: dict[str, tuple[Any, np.ndarray]] = {
        LINEAR: (RidgeClassifierDecoder(alpha=ALPHAS), differential_entropy(samples).values)
    }
    for name, module in NETWORKS.items():
        network = DeepDecoder(
            **module,
            max_epochs=max_epochs,
            patience=PATIENCE,
            monitor="accuracy",
            random_state=random_state,
        )
        decoders[name] = network, samples.values
    fits = [
        delayed(_fit_and_predict)(decoder, X, y, fold, _people(trials, split))
        for split in splits.values()
        for decoder, X in decoders.values()
        for fold in split
    ]
    answers = []
    for answer in Parallel(n_jobs=n_jobs, return_as="generator")(fits):
        answers.append(answer)
        progress("fits", len(answers), len(fits))
    cells: list[Cell] = []
    for name, split in splits.items():
        found = {}
        for decoder in decoders:
            found[decoder] = np.empty_like(y)
            for _, test in split:
                found[decoder][test] = answers.pop(0)
        film = baseline_scores(trials, y, split).get("stimulus identity")
        if film is not None:
            found[FILM] = np.unique(y)[film.argmax(axis=1)]
        cells += _cells(name, split, trials, y, found, random_state)
    return Comparison(
        measurement.source.name,
        target,
        tuple(map(str, np.unique(y))),
        _sizes(samples, trials),
        splits,
        tuple(cells),
        (*measurement.skipped, *skipped),
        tuple(warnings),
    )


def _splits(
    trials: pd.DataFrame, y: np.ndarray, random_state: int
) -> tuple[dict[str, Split], list[str]]:
    splits, warnings = {}, []
    for name, holdout in SPLITS.items():
        try:
            splits[name] = make_split(trials, y, holdout, random_state=random_state)
        except InputError as error:
            warnings.append(f"{name}: absent, {error}")
    if not splits:
        raise InputError(f"no split can be made; {warnings[-1]}")
    return splits, warnings


def _people(trials: pd.DataFrame, split: Split) -> np.ndarray | None:
    return trials["subject"].to_numpy() if "subject" in split.by else None


def _fit_and_predict(
    decoder: Any,
    X: np.ndarray,
    y: np.ndarray,
    fold: tuple[np.ndarray, np.ndarray],
    groups: np.ndarray | None,
) -> np.ndarray:
    train, test = fold
    own = clone(decoder)
    options = {}
    if groups is not None and has_fit_parameter(own, "groups"):
        options["groups"] = groups[train]
    with threadpool_limits(1):
        predicted: np.ndarray = own.fit(X[train], y[train], **options).predict(X[test])
    return predicted


def _cells(
    name: str,
    split: Split,
    trials: pd.DataFrame,
    y: np.ndarray,
    found: Mapping[str, np.ndarray],
    random_state: int,
) -> list[Cell]:
    """Score all decoders on the same trials, groups and draws."""
    rows = split.tested
    judged: dict[str, Any] = {
        "groups": independent_groups(trials, split)[rows],
        "folds": fold_of(split, len(y))[rows],
        "random_state": random_state,
        "inflation": USUAL_INFLATION,
    }
    cells = []
    for decoder, predicted in found.items():
        own = score(METRIC, y[rows], predicted[rows], **judged)
        excess = None
        if decoder != LINEAR:
            linear = found[LINEAR][rows]
            excess = difference(METRIC, y[rows], predicted[rows], linear, **judged)
        cells.append(Cell(decoder, name, own, excess))
    return cells


def _sizes(samples: xr.DataArray, trials: pd.DataFrame) -> dict[str, int]:
    counted: Sequence[str] = [name for name in ("subject", "stimulus") if name in trials]
    return {
        "trials": samples.sizes["trial"],
        **{name: trials[name].nunique() for name in counted},
        "units": samples.sizes["unit"],
        "times": samples.sizes["time"],
    }
