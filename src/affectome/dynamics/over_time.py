r"""Decoding at every moment, with a null over all moments at once.

At each time a ridge on the units is fitted in every fold. Its predictions are linear in the labels,
:math:`\hat Y = H_t Y`, so the observed labels and thousands of permuted ones are one product of
matrices, and the AUC is exact. With permutations b the p of a time is held against the best time of
each permutation,

.. math:: p_t = \frac{1 + \#\{b : \max_s \mathrm{AUC}_{b,s} \ge \mathrm{AUC}_t\}}{1 + B},

which controls the error over all times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from affectome.data import check_recording, trial_table
from affectome.decoding.classes import class_indicators
from affectome.errors import InputError, no_column
from affectome.evidence import Design, Null, Split, make_design, max_statistic
from affectome.execution import run_blocks
from affectome.execution.blocks import jobs_that_fit
from affectome.kernels.ranks import auc
from affectome.progress import Progress, silent

Folds = list[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class OverTime:
    """How well a target can be decoded at each moment.

    Attributes
    ----------
    times
        Seconds, shape (n_times,).
    blocks
        Names of the subjects (or what else decoders were trained within), or one name for all.
    auc
        AUC, mean over classes of one against the rest, shape (n_blocks, n_times).
    p
        Permutation p of the mean over blocks, corrected over times, shape (n_times,); NaN where
        there is none.
    best
        Best mean AUC over times of each arrangement, shape (n_arrangements,).
    null
        How the labels were arranged; None where no arrangement is valid.
    why
        Why there is no p.
    """

    times: np.ndarray
    blocks: tuple[str, ...]
    auc: np.ndarray
    p: np.ndarray
    best: np.ndarray
    null: Null | None
    why: str | None

    def to_dict(self) -> dict[str, Any]:
        """Give a row a time: the mean AUC over blocks, and its p beside its null."""
        rows = []
        for time, mean, p in zip(self.times, _mean_of(self.auc), self.p, strict=True):
            row: dict[str, Any] = {"time_s": float(time), "auc": float(mean)}
            if self.null is None:
                rows.append(row | {"p": None, "why": self.why})
            else:
                rows.append(row | {"p": float(p), "null": self.null.to_dict()})
        return {"curve": rows}


def decode_over_time(
    recording: xr.DataArray,
    target: str,
    design: Design | Split,
    *,
    within: str | None = None,
    n_permutations: int = 1000,
    alpha: float = 10.0,
    n_jobs: int | None = None,
    random_state: int = 0,
    progress: Progress = silent,
) -> OverTime:
    """Decode a trial's label from the units at each time.

    Parameters
    ----------
    recording
        Dims (trial, time, unit).
    target
        Coordinate of ``trial`` that holds the labels.
    design
        What is held out and what may trade places; from a Split it is made here.
    within
        Coordinate of ``trial``, such as ``subject``: decoders are trained and tested inside each
        of its values. Without it one decoder serves all trials.
    n_permutations
        Arrangements of the labels in the null.
    alpha
        Ridge penalty on units standardised in the training trials.
    n_jobs
        Subjects at once, in threads, as many as memory holds; see
        :func:`affectome.execution.run_blocks`.
    random_state
        Seed of the permutations.
    progress
        Called when a block is done.

    Raises
    ------
    InputError
        If there is no time, one class, or a subject that no fold both trains and tests.
    """
    X = with_time(recording).values
    trials = trial_table(recording)
    if within is not None and within not in trials:
        raise no_column("the trials have", within, trials)
    design = design_of(trials, target, design)
    classes, y = np.unique(design.y, return_inverse=True)
    names, rows = ["all"], [np.arange(len(y))]
    if within is not None:
        blocks = trials[within].to_numpy()
        names = [str(name) for name in np.unique(blocks)]
        rows = [np.flatnonzero(blocks == name) for name in np.unique(blocks)]
    why = design.why_no_p
    if n_permutations == 0:
        why = why or "no p, because none was asked for"
    labels = y[None]
    if why is None:
        drawn = design.arrange(n_permutations, random_state)
        labels = np.concatenate([labels, np.searchsorted(classes, drawn)])
    total, count = np.zeros((len(labels), X.shape[1])), np.zeros((len(labels), X.shape[1]))
    observed = np.empty((len(rows), X.shape[1]))
    split = design.split
    folds = [_folds(split, inside, len(y), name) for inside, name in zip(rows, names, strict=True)]
    one, two = (predict_memory(recording, len(rows), len(labels) - 1, n) for n in (1, 2))
    done = run_blocks(
        _decode,
        (
            (X[inside], labels[:, inside], own, alpha)
            for inside, own in zip(rows, folds, strict=True)
        ),
        jobs_that_fit(n_jobs, two - one, one - recording.nbytes),
        threads=True,
        dispatch="n_jobs",
    )
    for number, scores in enumerate(done):
        observed[number] = scores[0]
        total += np.nan_to_num(scores)
        count += np.isfinite(scores)
        progress("decoding over time", number + 1, len(rows))
    if not count[0].all():
        raise InputError(
            f"no fold tests two trials of different classes inside one {within or 'fold'}, so no "
            "AUC can be formed; hold out less"
        )
    mean = total / np.maximum(count, 1)
    mean = mean[count.all(axis=1)]
    best, p, null = mean[1:].max(axis=1), np.full(X.shape[1], np.nan), None
    if why is None:
        p = max_statistic(mean[0], mean[1:])
        correction = f"best of {X.shape[1]} times"
        null = Null(design.exchange.scheme, design.exchange.n_groups, len(best), correction)
    return OverTime(recording["time"].values, tuple(names), observed, p, best, null, why)


def design_of(trials: pd.DataFrame, target: str, design: Design | Split) -> Design:
    """Give the design of trials, from a Split where that is what was given.

    Raises
    ------
    InputError
        If the trials have no such target, or it holds one class.
    """
    if target not in trials:
        raise no_column("the trials have", target, trials)
    y = trials[target].to_numpy()
    if len(np.unique(y)) < 2:
        raise InputError(f"{target!r} holds one class only ({y[0]!s}); give two or more")
    return (
        design
        if isinstance(design, Design)
        else make_design(trials.drop(columns=target), y, design)
    )


def _mean_of(auc: np.ndarray) -> np.ndarray:
    """Mean over the blocks that have an AUC, (n_times,)."""
    mean: np.ndarray = np.nanmean(auc, axis=0)
    return mean


def predict_memory(
    recording: xr.DataArray, n_blocks: int, n_permutations: int, n_jobs: int = 1
) -> int:
    """Predict the bytes that :func:`decode_over_time` holds at its peak.

    Parameters
    ----------
    recording
        Dims (trial, time, unit).
    n_blocks
        Subjects, or 1.
    n_permutations, n_jobs
        As they will be given.
    """
    n, n_times, n_units = recording.shape
    inside = -(-n // n_blocks)
    labels = 8 * (n_permutations + 1) * (2 * n + 3 * inside * n_jobs)
    scores = 8 * (n_permutations + 1) * n_times * (2 * n_jobs + 1)
    block = inside * n_times * (5 * n_units + inside) * 8 * n_jobs
    return int(recording.nbytes + labels + scores + block)


def with_time(recording: xr.DataArray) -> xr.DataArray:
    """Give the Recording back, or say in one line that it has no time or holds NaN."""
    if "time" not in recording.dims:
        raise InputError(
            f"decoding over time needs the dims (trial, time, unit); got {recording.dims}"
        )
    return check_recording(recording)


def _folds(split: Split, inside: np.ndarray, n: int, name: str) -> Folds:
    """Folds of a block's own rows, counted from the block's first."""
    place = np.full(n, -1)
    place[inside] = np.arange(len(inside))
    sides = [tuple(rows[rows >= 0] for rows in (place[a], place[b])) for a, b in split]
    folds = [(train, test) for train, test in sides if len(train) and len(test)]
    if not folds:
        raise InputError(
            f"no fold both trains and tests inside {name}; the split holds out "
            f"{' and '.join(split.by) or 'rows'}, so leave `within` out or hold out less"
        )
    return folds


def _decode(X: np.ndarray, labels: np.ndarray, folds: Folds, alpha: float) -> np.ndarray:
    """AUC of every arrangement at every time, (n_arrangements, n_times); pairs within a fold.

    NaN where no fold tests two trials of different classes.
    """
    codes = class_indicators(labels, np.arange(labels.max() + 1))
    wins = np.zeros((X.shape[1], *codes.shape[::2]))
    pairs = np.zeros(codes.shape[::2])
    for train, test in folds:
        hats = _hats(X[train], X[test], alpha)
        positive = codes[:, test] > 0
        weight = positive.sum(1) * (~positive).sum(1)
        pairs += weight
        for c in range(codes.shape[2]):
            learnt = np.ascontiguousarray(codes[:, train, c])
            marks = np.ascontiguousarray(positive[..., c])
            for t, hat in enumerate(hats):
                found = auc(learnt @ hat.T, marks)
                wins[t, :, c] += np.where(weight[:, c] > 0, found, 0) * weight[:, c]
    share = np.divide(wins, pairs, out=np.full_like(wins, np.nan), where=pairs > 0)
    return share.mean(2).T


def _hats(train: np.ndarray, test: np.ndarray, alpha: float) -> np.ndarray:
    """Maps from labels to predictions at each time, less the mean, (n_times, n_test, n_train)."""
    seen = np.ascontiguousarray(train.transpose(1, 0, 2), dtype=float)
    new = np.ascontiguousarray(test.transpose(1, 0, 2), dtype=float)
    mean, spread = seen.mean(1, keepdims=True), seen.std(1, keepdims=True)
    scale = np.where(spread > 1e-12 * np.abs(mean), spread, np.inf)
    seen = (seen - mean) / scale
    new = (new - mean) / scale
    turned = seen.transpose(0, 2, 1)
    if seen.shape[2] < seen.shape[1]:
        penalty = alpha * np.eye(seen.shape[2])
        hats = new @ np.linalg.solve(turned @ seen + penalty, turned)
    else:
        penalty = alpha * np.eye(seen.shape[1])
        hats = np.linalg.solve(seen @ turned + penalty, seen @ new.transpose(0, 2, 1))
        hats = hats.transpose(0, 2, 1)
    return hats - hats.mean(2, keepdims=True)
