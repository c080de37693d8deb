"""Neurons against the face: which follow its expressions, which the stimulus, which movement."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.model_selection import KFold

from affectome.data.readers.continuous import Continuous, read_continuous, remove_run_means
from affectome.data.readers.epochs import cut_epochs
from affectome.decoding import RidgeClassifierDecoder
from affectome.errors import InputError
from affectome.evidence import make_split, permutation_test, score
from affectome.evidence.permutation import PermutationTest
from affectome.faces.following import (
    Followed,
    align_clocks,
    follow,
    partition_variance,
    stimulus_kernels,
)
from affectome.kernels.ridge import cross_validated_predictions

Q = 0.05
LEAK = 0.2
PENALTIES = tuple(10.0 ** np.arange(0, 6))
N_SHIFTS = 1000
AFTER, BEFORE = 4.0, 2.0
STRETCHES = 5


class FaceTrace(NamedTuple):
    """A face over a whole session.

    Attributes
    ----------
    times
        Seconds on the neurons' clock, shape (n_times,).
    intensity
        Event → intensity of its expression, shape (n_times,).
    movement
        Motion energy, and pose speed where it is known, shape (n_times, 1 or 2).
    """

    times: np.ndarray
    intensity: Mapping[str, np.ndarray]
    movement: np.ndarray


def neurons_and_face(
    recording: str | Path,
    face: FaceTrace,
    onsets: Mapping[str, np.ndarray],
    tolerance: float | None = None,
    random_state: int = 0,
) -> dict[str, Any]:
    """Test every neuron against the face, the stimulus and movement, each given the others.

    Face and movement are measured with error, and what one of them misses leaks into another. A
    neuron therefore follows a source if that source explains more than shifted ones do (FDR), and
    alone at least a fifth of what the neuron's strongest source explains alone.

    Parameters
    ----------
    recording
        Continuous traces; see :func:`affectome.data.readers.continuous.read_continuous`.
    face
        The face over the session.
    onsets
        Event → seconds of its onsets.
    tolerance
        Largest distance between a neuron's sample and a frame, s; by default one frame.
    random_state
        Seed of the shifts.

    Returns
    -------
    dict
        ``tested``, ``face``, ``stimulus``, ``movement``, ``face_only``, ``q`` and details.

    Raises
    ------
    InputError
        If the clocks don't overlap, or the recording can't be read.
    """
    found = read_continuous(recording)
    near = tolerance or float(np.median(np.diff(face.times)))
    columns = np.column_stack([*face.intensity.values(), face.movement])
    aligned, kept = align_clocks(columns, face.times, found.times, near)
    times = found.times[kept]
    values = remove_run_means(found.values[kept], times)
    kernels = stimulus_kernels(times, onsets)
    shown, moved = np.hsplit(aligned, [len(face.intensity)])
    groups = {
        "face": shown,
        "stimulus": np.column_stack(list(kernels.values())),
        "movement": moved,
    }
    tested = follow(values, groups, N_SHIFTS, random_state)
    hit = _followed(tested)
    only = hit["face"] & ~hit["stimulus"] & ~hit["movement"]
    relation = {
        event: follow(values, {**groups, "face": trace[:, None]}, N_SHIFTS, random_state)["face"]
        for event, trace in zip(face.intensity, shown.T, strict=True)
    }
    counts = {name: int(rows.sum()) for name, rows in hit.items()}
    return {
        "tested": values.shape[1],
        **counts,
        "face_only": int(only.sum()),
        "neurons": {
            name: [found.names[k] for k in np.flatnonzero(rows)]
            for name, rows in {**hit, "face_only": only}.items()
        },
        "q": Q,
        "counts": {**counts, "face only": int(only.sum())},
        "n_shifts": tested["face"].n_shifts,
        "tolerance_s": near,
        "overlap": len(kept) / len(found.times),
        "overlap_s": float(np.median(np.diff(times)) * len(times)),
        "prototypes": {
            event: _listed(one, found.names, hit["face"]) for event, one in relation.items()
        },
        "variance": {
            name: float(share.mean())
            for name, share in partition_variance(values, groups, tested).items()
        },
        "population": _population(values, shown, list(face.intensity)),
        "contrasts": [],
    }


def neurons_and_stimuli(
    recording: str | Path, events: pd.DataFrame, random_state: int = 0
) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Test every neuron against every stimulus, and tell stimuli apart, where there is no film.

    Parameters
    ----------
    recording
        Continuous traces.
    events
        ``event`` and ``onset`` (s) of each trial.
    random_state
        Seed.

    Returns
    -------
    dict
        As from `neurons_and_face`, with a count for each stimulus, and ``contrasts``: AUC of every
        pair of stimuli from all neurons in stretches of trials not learned from.
    list
        Trials that could not be used.

    Raises
    ------
    InputError
        If the recording can't be read or shares no time with the events.
    """
    found = read_continuous(recording)
    values = remove_run_means(found.values, found.times)
    names = events["event"].astype(str)
    onsets = {name: events.loc[names == name, "onset"].to_numpy() for name in sorted(set(names))}
    tested = follow(values, stimulus_kernels(found.times, onsets), N_SHIFTS, random_state)
    counts = {name: int((one.q < Q).sum()) for name, one in tested.items()}
    any_stimulus = np.any([one.q < Q for one in tested.values()], axis=0)
    contrasts, skipped = _contrasts(found, events, random_state)
    result = {
        "tested": values.shape[1],
        "face": None,
        "stimulus": int(any_stimulus.sum()),
        "movement": None,
        "face_only": None,
        "q": Q,
        "counts": counts,
        "n_shifts": next(iter(tested.values())).n_shifts,
        "stimuli": {name: _listed(one, found.names, one.q < Q) for name, one in tested.items()},
        "contrasts": contrasts,
    }
    return result, skipped


def _followed(tested: Mapping[str, Followed]) -> dict[str, np.ndarray]:
    strongest = np.max([one.unique for one in tested.values()], axis=0)
    return {name: (one.q < Q) & (one.unique >= LEAK * strongest) for name, one in tested.items()}


def _listed(one: Followed, names: list[str], among: np.ndarray) -> dict[str, Any]:
    """Neurons that follow, the strongest first, with their share, partial r and q."""
    rows = [int(k) for k in np.argsort(-one.share) if one.q[k] < Q and among[k]]
    return {
        "n": len(rows),
        "neurons": [
            {
                "neuron": names[k],
                "r": None if np.isnan(one.r[k]) else float(one.r[k]),
                "share": float(one.share[k]),
                "q": float(one.q[k]),
            }
            for k in rows
        ],
    }


def _population(neurons: np.ndarray, face: np.ndarray, events: list[str]) -> dict[str, Any]:
    """Read the face from all neurons and the neurons from the face, in stretches of time unseen."""
    folds = list(KFold(STRETCHES).split(neurons))
    read = cross_validated_predictions(neurons, face, folds, PENALTIES, standardize=True)
    back = cross_validated_predictions(face, neurons, folds, PENALTIES, standardize=True)
    return {
        "face_from_neurons": {
            event: float(np.corrcoef(read[:, e], face[:, e])[0, 1])
            for e, event in enumerate(events)
        },
        "neurons_from_face": float(
            np.mean([np.corrcoef(back[:, k], neurons[:, k])[0, 1] for k in range(back.shape[1])])
        ),
    }


def _contrasts(
    found: Continuous, events: pd.DataFrame, random_state: int
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    table = events.sort_values("onset", ignore_index=True)
    epochs = cut_epochs(
        found.values,
        found.times,
        table,
        (-BEFORE, AFTER),
        sfreq=None,
        baseline=(-BEFORE, 0.0),
        source="the recording",
        events_source="the events",
    )
    trials = table.iloc[epochs.kept].reset_index(drop=True)
    X = epochs.values[:, epochs.time >= 0].mean(axis=1)
    names = trials["event"].astype(str).to_numpy()
    listed = []
    for pair in combinations(sorted(set(names)), 2):
        rows = np.flatnonzero(np.isin(names, pair))
        if min(np.count_nonzero(names[rows] == name) for name in pair) < STRETCHES:
            continue
        listed.append({"pair": list(pair), "auc": _contrast(X[rows], names[rows], random_state)})
    return listed, [{"file": s.file, "why": s.why} for s in epochs.skipped]


def _contrast(X: np.ndarray, y: np.ndarray, random_state: int) -> dict[str, Any]:
    block = np.zeros(len(y), dtype=int)
    for name in np.unique(y):
        place = rankdata(np.flatnonzero(y == name)) - 1
        block[y == name] = place * STRETCHES // np.count_nonzero(y == name)
    split = make_split(pd.DataFrame({"block": block}), y, "block", STRETCHES)
    decoder = RidgeClassifierDecoder(alpha=PENALTIES)
    test: PermutationTest = permutation_test(
        decoder, X, y, split, "macro_auc", random_state=random_state
    )
    predicted = np.empty(len(y))
    for train, held in split:
        predicted[held] = decoder.fit(X[train], y[train]).decision_function(X[held]).ravel()
    return score("macro_auc", y, predicted, block, folds=block).with_p(test.p).to_dict()


def check_events(events: pd.DataFrame, source: str | Path) -> pd.DataFrame:
    """Give a table of events with ``event`` and ``onset``, from BIDS' ``trial_type`` if need be.

    Raises
    ------
    InputError
        If a column is missing.
    """
    table = events.rename(columns={} if "event" in events else {"trial_type": "event"})
    missing = [c for c in ("event", "onset") if c not in table]
    if missing:
        raise InputError(
            f"{source} has no column {missing[0]!r}; events of a recording need event (or "
            f"trial_type) and onset, and it has {', '.join(map(str, events.columns))}"
        )
    return table
