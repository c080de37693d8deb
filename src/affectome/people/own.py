"""A model from a user's own table: a linear layer on features, with evidence and a card.

What modalities differ in is how a file becomes a row of features; the rest is here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from affectome.data.catalog import FILE_COLUMNS
from affectome.data.outputs import output_folder
from affectome.data.recording import make_recording
from affectome.decoding.calibration import fit_temperature, reliability
from affectome.decoding.multilabel import conformal_level
from affectome.errors import InputError
from affectome.evidence import Evidence, evaluate
from affectome.evidence.quick import binomial_bounds
from affectome.people.cards import Card, Metric
from affectome.people.held_out import compared, completed
from affectome.people.registry import Trained, TrainOptions
from affectome.people.trained import need_columns, own_labels, own_rows, write_trained
from affectome.people.voice.fitting import STEPS, fit_linear
from affectome.people.voice.model import probabilities, save_head
from affectome.progress import Progress

Array = NDArray[np.float64]
LEAST = 0.5


@dataclass(frozen=True, eq=False)
class OwnTable:
    """Features (n, n_features) with their names, labels, and the columns that say who and what.

    ``left_out`` counts files in which nothing could be read; ``notes`` tell what was decided.
    """

    features: Array
    names: Sequence[str]
    y: NDArray[Any]
    trials: pd.DataFrame
    left_out: int
    notes: Sequence[str] = ()


def read_own(
    catalog: Path,
    options: TrainOptions,
    describe: Callable[[Path], Array | None],
    names: Sequence[str],
    progress: Progress,
) -> OwnTable:
    """Describe the files of a user's table; those that can't be described are left out.

    Parameters
    ----------
    describe
        Gives the features of a file, shape (n_features,), or None where there is nothing to read.

    Raises
    ------
    InputError
        If a column is missing, or nothing is left.
    """
    source, table = own_rows(catalog, options)
    column = options.column or next((name for name in FILE_COLUMNS if name in table), "file")
    need_columns(table, source, options.target, column)
    table = table[table[options.target].notna()].reset_index(drop=True)
    rows, found = [], []
    for row, name in enumerate(table[column].astype(str)):
        progress("files described", row, len(table))
        features = describe(source.parent / name)
        if features is not None:
            rows.append(row)
            found.append(features)
    progress("files described", len(table), len(table))
    if not rows:
        raise InputError(f"{source}: nothing could be read in its {len(table)} files")
    trials = table.iloc[rows].drop(columns=[column]).reset_index(drop=True)
    y, notes = own_labels(trials[options.target])
    trials[options.target] = y
    return OwnTable(np.array(found), names, y, trials, len(table) - len(rows), notes)


def train_linear(
    own: OwnTable,
    modality: str,
    penalty: float,
    catalog: Path,
    out: Path,
    options: TrainOptions,
    progress: Progress,
    settings: dict[str, Any],
) -> Trained:
    """Score a logistic regression on what was held out, fit it on all, and write it with its card.

    Parameters
    ----------
    penalty
        Inverse strength of the penalty.
    settings
        What a reader of the model needs besides ``temperature``, ``level`` and ``least``.
    """
    recording = make_recording(own.features, own.trials, pd.DataFrame({"feature": [*own.names]}))
    decoder = make_pipeline(
        StandardScaler(), LogisticRegression(C=penalty, max_iter=STEPS, class_weight="balanced")
    )
    evidence = evaluate(
        decoder,
        recording,
        options.target,
        holdout=options.holdout or None,
        n_permutations=options.n_permutations,
        random_state=options.random_state,
        progress=progress,
    )
    sure, metrics, p = trusted(own.features, own.y, evidence, penalty)
    every = settings | sure | {"least": LEAST}
    names = np.unique(own.y)
    groups = compared(names, own.y, p, own.trials, options.groups)
    card = _card(own, modality, evidence, every, metrics, out.name, options.target)
    card = completed(card, names, own.y, p, LEAST, groups)
    folder = output_folder(out)
    save_head(folder, fit_linear(own.features, own.y, penalty))
    return write_trained(
        folder,
        modality,
        card,
        evidence,
        catalog,
        options,
        left_out=own.left_out,
        notes=own.notes,
        more={} if groups is None else {"groups": groups.to_dict()},
    )


def trusted(
    X: Array, y: NDArray[Any], evidence: Evidence, penalty: float
) -> tuple[dict[str, float], list[Metric], Array]:
    """Temperature and conformal level from held-out folds, and how well they do on others.

    Parameters
    ----------
    X, y
        Features (n, n_features) and labels (n,).
    evidence
        Its folds are those that are held out.
    penalty
        Inverse strength of the penalty.

    Returns
    -------
    settings
        ``temperature`` and ``level``.
    metrics
        Calibration error, and how often conformal sets hold the label.
    probabilities
        Calibrated on the other folds, shape (n, n_labels); labels are sorted.
    """
    names, codes = np.unique(y, return_inverse=True)
    logits = np.full((len(codes), len(names)), np.nan)
    fold = np.full(len(codes), -1)
    for number, (fitted, tested) in enumerate(evidence.split.folds):
        layer = fit_linear(X[fitted], y[fitted], penalty)
        logits[tested], fold[tested] = layer.logits(X[tested]), number
    true = np.eye(len(names), dtype=bool)[codes]
    p, inside = np.empty_like(logits), np.zeros(len(codes), dtype=bool)
    for number in np.unique(fold):
        here, others = fold == number, fold != number
        temperature = fit_temperature(logits[others], codes[others])
        p[here] = probabilities(logits[here], temperature)
        level = conformal_level(probabilities(logits[others], temperature), true[others])
        inside[here] = p[here][true[here]] >= level
    temperature = fit_temperature(logits, codes)
    kept = int(inside.sum())
    metrics = [
        Metric("calibration error", reliability(codes, p).ece, on="held-out folds"),
        Metric(
            "conformal sets of 90 % hold the label",
            kept / len(inside),
            binomial_bounds(kept, len(inside)),
            on="held-out folds",
            over="trials",
        ),
    ]
    level = conformal_level(probabilities(logits, temperature), true)
    return {"temperature": temperature, "level": level}, metrics, p


def _card(
    own: OwnTable,
    modality: str,
    evidence: Evidence,
    settings: dict[str, Any],
    metrics: list[Metric],
    name: str,
    target: str,
) -> Card:
    held = " and ".join(evidence.split.by) or "single rows (a random split)"
    main, best = evidence.score, evidence.best_baseline
    beside = {n: b.value for n, b in evidence.baselines.items()}
    scores = [
        Metric(
            metric,
            score.value,
            score.interval,
            on=f"held-out {held}",
            over=score.over,
            baselines=beside if metric == evidence.metric else {},
        )
        for metric, score in evidence.scores.items()
    ]
    known = "" if main.interval is None else " [{:.3f}, {:.3f}]".format(*main.interval)
    above = evidence.excess.interval is not None and evidence.excess.interval[0] > 0
    failures = [f"recordings unlike those of the table it was trained on ({len(own.y)} of them)"]
    if not above:
        failures.insert(0, f"it is not shown to be better than its best baseline, {best}")
    return Card(
        name=name,
        modality=modality,
        summary=(
            f"{target} from {modality}: {evidence.metric} {main.value:.3f}{known} on held-out "
            f"{held}; best baseline, {best}, {evidence.baselines[best].value:.3f}"
        ),
        data=f"{len(own.y)} files of the user's own table, {own.left_out} left out because nothing "
        "could be read in them",
        licence="that of your data",
        labels=dict.fromkeys(map(str, np.unique(own.y)), "as in the table it was trained on"),
        metrics=[*scores, *metrics],
        failures=failures,
        intended="recordings like those it was trained on",
        not_for="decisions about people",
        settings=settings,
    )
