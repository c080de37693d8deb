"""Hidden states: how many a population visits, for how long, and which emotion goes with which.

A hidden Markov model with normal emissions is fitted to the trials in time, on their principal axes
(Rabiner 1989; fitted by hmmlearn). The number of states is chosen by the likelihood of trials that
were left out. Labels are never seen by the model; they only sort what it found.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.model_selection import KFold

from affectome.data import check_recording, trial_table
from affectome.errors import InputError, no_column, require
from affectome.evidence import Null, exchange_for, tested
from affectome.progress import Progress, silent

FLOOR = 1e-6
FEWEST = 20


@dataclass(frozen=True)
class HiddenStates:
    """States of a population over time.

    Attributes
    ----------
    n_states
        Number of states in use.
    held_out
        Number of states → log likelihood per sample of left-out trials.
    path
        Most likely state of each sample, shape (n_trials, n_times); states are numbered by how
        often they occur, from the most frequent.
    probability
        Of each state, shape (n_trials, n_times, n_states).
    transitions
        Chance of going from state i to j in one step, shape (n_states, n_states).
    dwell
        Mean seconds a visit lasts, 1/(1 - p) steps, shape (n_states,).
    trial
        Seconds of a trial; no longer visit is seen.
    emotions
        Names of the classes in ``occupancy`` and ``graphs``; empty without a target.
    occupancy
        Share of time that trials of a class spend in each state, (n_classes, n_states).
    graphs
        Share of each class's changes of state that go from i to j, zero on the diagonal, shape
        (n_classes, n_states, n_states).
    p, null
        That classes dwell elsewhere: the spread of their occupancy against that of classes that
        trade places as :func:`affectome.evidence.exchange_for` finds valid.
    why
        Why there is no p.
    """

    n_states: int
    held_out: dict[int, float]
    path: np.ndarray
    probability: np.ndarray
    transitions: np.ndarray
    dwell: np.ndarray
    trial: float
    emotions: tuple[str, ...]
    occupancy: np.ndarray
    graphs: np.ndarray
    p: float | None = None
    null: Null | None = None
    why: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give the states as plain values, classes by name."""
        return {
            "n_states": self.n_states,
            "held_out_log_likelihood": {str(k): v for k, v in self.held_out.items()},
            "transitions": self.transitions.tolist(),
            "dwell_s": self.dwell.tolist(),
            "trial_s": self.trial,
            "occupancy": dict(zip(self.emotions, self.occupancy.tolist(), strict=True)),
            "graphs": dict(zip(self.emotions, self.graphs.tolist(), strict=True)),
            "differs": {
                "p": self.p,
                "null": None if self.null is None else self.null.to_dict(),
                "why": self.why,
            },
        }


def hidden_states(
    recording: xr.DataArray,
    target: str | None = None,
    *,
    n_states: int | None = None,
    most_states: int = 6,
    n_components: int = 10,
    n_splits: int = 4,
    n_starts: int = 10,
    n_permutations: int = 1000,
    random_state: int = 0,
    progress: Progress = silent,
) -> HiddenStates:
    """Fit hidden states to trials in time.

    Parameters
    ----------
    recording
        Dims (trial, time, unit), equally spaced times.
    target
        Coordinate of ``trial`` by which occupancy and transitions are sorted.
    n_states
        Number of states; when not given, the smallest whose likelihood of left-out trials is
        within a standard error (over folds) of the best.
    most_states
        Most states that are tried.
    n_components
        Principal axes of the units; axes are found in the training trials.
    n_splits
        Folds of trials for the choice.
    n_starts
        Random starts of the clusters that each fit begins with.
    n_permutations
        Arrangements of the classes for the p of occupancy.
    random_state
        Seed.
    progress
        Called when a number of states is done.

    Raises
    ------
    InputError
        If there is no time, too few trials, or no such target.
    """
    values, step = _sequences(recording)
    trials = trial_table(recording)
    if target is not None and target not in trials:
        raise no_column("the trials have", target, trials)
    held_out: dict[int, float] = {}
    if n_states is None:
        if len(values) < n_splits:
            raise InputError(
                f"the number of states is chosen by left-out trials in {n_splits} folds; there are "
                f"{len(values)} trials; give n_states"
            )
        folds = list(KFold(n_splits, shuffle=True, random_state=random_state).split(values))
        by_fold = []
        for k in range(1, most_states + 1):
            by_fold.append(
                [
                    _score(values[train], values[test], k, n_components, n_starts, random_state)
                    for train, test in folds
                ]
            )
            held_out[k] = float(np.mean(by_fold[-1]))
            progress("number of states", k, most_states)
        n_states = _fewest(np.array(by_fold))
    axes = _axes(values, n_components)
    model = _fit(_scores(axes, values), n_states, n_starts, random_state)
    found = _describe(model, _scores(axes, values), step, trials, target, held_out)
    return found if target is None else _tested(found, trials, target, n_permutations, random_state)


def _sequences(recording: xr.DataArray) -> tuple[np.ndarray, float]:
    if "time" not in recording.dims or recording.sizes["time"] < 2:
        raise InputError(
            "hidden states need the dims (trial, time, unit) and two times or more; got "
            f"{dict(recording.sizes)}"
        )
    check_recording(recording)
    return recording.values.astype(float), float(np.diff(recording["time"].values).mean())


def _axes(values: np.ndarray, n_components: int) -> PCA:
    samples = values.reshape(-1, values.shape[2])
    return PCA(min(n_components, *samples.shape), random_state=0).fit(samples)


def _scores(axes: PCA, values: np.ndarray) -> np.ndarray:
    return axes.transform(values.reshape(-1, values.shape[2])).reshape(*values.shape[:2], -1)


def _fewest(by_fold: np.ndarray) -> int:
    """Smallest number of states within a standard error of the best; rows are 1, 2, … states."""
    short = by_fold[by_fold.mean(1).argmax()] - by_fold
    error = short.std(1, ddof=1) / np.sqrt(by_fold.shape[1])
    return 1 + int(np.argmax(short.mean(1) <= error))


def _score(
    train: np.ndarray, test: np.ndarray, k: int, n_components: int, n_starts: int, seed: int
) -> float:
    axes = _axes(train, n_components)
    model = _fit(_scores(axes, train), k, n_starts, seed)
    left_out = _scores(axes, test)
    lengths = [test.shape[1]] * len(test)
    return (
        float(model.score(left_out.reshape(-1, left_out.shape[2]), lengths)) / left_out[..., 0].size
    )


def _fit(scores: np.ndarray, k: int, n_starts: int, seed: int) -> Any:
    hmm = require("hmmlearn.hmm", "states")
    samples = scores.reshape(-1, scores.shape[2])
    groups = KMeans(k, n_init=n_starts, random_state=seed).fit(samples)
    # From the whole data's variances, where hmmlearn would start, EM often ends in a bad optimum.
    model = hmm.GaussianHMM(
        k,
        "diag",
        min_covar=FLOOR,
        n_iter=100,
        tol=1e-6 * len(samples),
        init_params="st",
        implementation="scaling",
        random_state=seed,
    )
    model.means_ = groups.cluster_centers_
    model.covars_ = np.array(
        [samples[groups.labels_ == state].var(0) + FLOOR for state in range(k)]
    )
    with _without_rounding():
        return model.fit(samples, [scores.shape[1]] * len(scores))


@contextmanager
def _without_rounding() -> Iterator[None]:
    """Keep hmmlearn from logging a last step of EM that falls by rounding, for one fit only."""
    log = logging.getLogger("hmmlearn.base")

    def real(record: logging.LogRecord) -> bool:
        return "is not converging" not in record.getMessage()

    log.addFilter(real)
    try:
        yield
    finally:
        log.removeFilter(real)


def _describe(
    model: Any,
    scores: np.ndarray,
    step: float,
    trials: Any,
    target: str | None,
    held_out: dict[int, float],
) -> HiddenStates:
    k, shape = model.n_components, scores.shape[:2]
    samples, lengths = scores.reshape(-1, scores.shape[2]), [shape[1]] * shape[0]
    probability = model.predict_proba(samples, lengths)
    order = np.argsort(-probability.sum(0), kind="stable")
    rank = np.argsort(order)
    path = rank[model.predict(samples, lengths)].reshape(shape)
    transitions = model.transmat_[np.ix_(order, order)]
    stay = np.minimum(np.diag(transitions), 1 - 1e-12)
    labels = np.zeros(shape[0], dtype=str) if target is None else trials[target].to_numpy(dtype=str)
    names = np.unique(labels) if target is not None else np.array([], dtype=str)
    occupancy = np.array([np.bincount(path[labels == n].ravel(), minlength=k) for n in names])
    graphs = np.array([_changes(path[labels == n], k) for n in names])
    return HiddenStates(
        n_states=k,
        held_out=held_out,
        path=path,
        probability=probability[:, order].reshape(*shape, k),
        transitions=transitions,
        dwell=step / (1 - stay),
        trial=step * shape[1],
        emotions=tuple(map(str, names)),
        occupancy=occupancy.reshape(-1, k)
        / np.maximum(occupancy.reshape(-1, k).sum(1), 1)[:, None],
        graphs=graphs.reshape(-1, k, k),
    )


def _tested(
    found: HiddenStates, trials: pd.DataFrame, target: str, n_permutations: int, seed: int
) -> HiddenStates:
    """Test whether classes differ in where their trials dwell."""
    if found.n_states == 1:
        return replace(found, why="no p, because one state is all that there is")
    if n_permutations < FEWEST:
        return replace(found, why=f"no p, because {n_permutations} permutations were asked for")
    labels = trials[target].to_numpy(dtype=str)
    exchange = exchange_for(trials.drop(columns=target), labels)
    if exchange.why_not is not None:
        return replace(found, why=f"no p, because {exchange.why_not}")
    states = np.arange(found.n_states)
    share = (found.path[..., None] == states).mean(1)
    drawn = np.array([_spread(share, one) for one in exchange.draw(n_permutations, seed)])
    p, null = tested(_spread(share, labels), drawn, exchange.scheme, exchange.n_groups)
    return replace(found, p=p, null=null)


def _spread(share: np.ndarray, labels: np.ndarray) -> float:
    """Sum of squares between the classes' mean shares, weighted by their trials."""
    codes = np.unique(labels, return_inverse=True)[1]
    counts = np.bincount(codes)
    sums = np.zeros((len(counts), share.shape[1]))
    np.add.at(sums, codes, share - share.mean(0))
    return float((sums**2 / counts[:, None]).sum())


def _changes(path: np.ndarray, k: int) -> np.ndarray:
    """Share of the changes of state that go from i to j."""
    pairs = np.bincount((path[:, :-1] * k + path[:, 1:]).ravel(), minlength=k * k).reshape(k, k)
    np.fill_diagonal(pairs, 0)
    return pairs / max(pairs.sum(), 1)
