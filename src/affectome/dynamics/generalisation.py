"""Temporal generalisation: does a code found at one moment hold at another?

A decoder is trained at each time and tested at every time (King & Dehaene 2014): a square of high
scores is a code that stays, a diagonal one that keeps changing. Where the matrix differs from
chance is told by clusters (Maris & Oostenveld 2007), over subjects by sign flips, for a single
subject by permuted labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from affectome.data import trial_table
from affectome.dynamics.over_time import Folds, with_time
from affectome.errors import InputError
from affectome.evidence import Split, arrange
from affectome.kernels.clusters import Clusters, null_clusters, sign_flip_clusters
from affectome.kernels.generalisation import generalisation_matrix
from affectome.progress import Progress, silent

FEWEST_SUBJECTS = 6


@dataclass(frozen=True)
class Generalisation:
    """Scores of decoders trained at one time and tested at another.

    Attributes
    ----------
    times
        Seconds, shape (n_times,).
    subjects
        Names of those who were tested.
    auc
        AUC, mean over classes, shape (n_subjects, n_times trained, n_times tested).
    clusters
        Where the mean over subjects differs from chance.
    null
        How chance was drawn.
    """

    times: np.ndarray
    subjects: tuple[str, ...]
    auc: np.ndarray
    clusters: Clusters
    null: str

    def to_dict(self) -> dict[str, Any]:
        """Give the mean matrix and the clusters' p as plain lists."""
        return {
            "times_s": self.times.tolist(),
            "auc": self.auc.mean(0).tolist(),
            "clusters": [
                {"mass": float(m), "p": float(p), "points": int((self.clusters.labels == i).sum())}
                for i, (m, p) in enumerate(zip(self.clusters.mass, self.clusters.p, strict=True), 1)
            ],
            "null": self.null,
        }


def temporal_generalisation(
    recording: xr.DataArray,
    target: str,
    split: Split,
    *,
    within: str | None = None,
    alpha: float = 10.0,
    n_permutations: int = 1000,
    random_state: int = 0,
    progress: Progress = silent,
) -> Generalisation:
    """Train at each time, test at every time.

    Parameters
    ----------
    recording
        Dims (trial, time, unit).
    target
        Coordinate of ``trial`` that holds the labels.
    split
        Which trials train and which are tested.
    within
        Coordinate of ``trial``, such as ``subject``: decoders train and test inside its values.
    alpha
        Ridge penalty on units standardised in the training trials.
    n_permutations
        Sign flips, or permutations of the labels with fewer than six subjects.
    random_state
        Seed.
    progress
        Called when a subject, or a permutation, is done.

    Raises
    ------
    InputError
        If there is no time, one class, or no fold that trains and tests every class of a subject.
    """
    X = with_time(recording).values
    trials = trial_table(recording)
    for column in (target, within):
        if column is not None and column not in trials:
            raise InputError(f"the trials have no column {column!r}; they have {list(trials)}")
    names, y = np.unique(trials[target].to_numpy(), return_inverse=True)
    if len(names) < 2:
        raise InputError(f"{target!r} holds one class only ({names[0]!s}); give two or more")
    subjects = trials["subject"].to_numpy() if "subject" in trials else np.zeros(len(y), dtype=int)
    inside = None if within is None else trials[within].to_numpy()
    people, tested = np.unique(subjects, return_inverse=True)
    cells = _cells(split, inside, tested, y)
    X = np.ascontiguousarray(X.transpose(0, 2, 1))
    maps = _matrices(X, y, cells, alpha, progress)
    if len(maps) >= FEWEST_SUBJECTS:
        clusters = sign_flip_clusters(
            maps - 0.5, n_permutations=n_permutations, random_state=random_state
        )
        null = "signs of whole subjects flipped"
    else:
        drawn, null = arrange(y, split, n_permutations, random_state)
        chance = []
        for number, labels in enumerate(drawn):
            chance.append(_matrices(X, labels, cells, alpha, silent).mean(0))
            progress("permuting labels", number + 1, len(drawn))
        clusters = null_clusters(maps.mean(0), np.array(chance))
    who = tuple(str(people[subject]) for subject in cells)
    return Generalisation(recording["time"].values, who, maps, clusters, null)


def _cells(
    split: Split, inside: np.ndarray | None, tested: np.ndarray, y: np.ndarray
) -> dict[int, Folds]:
    """Subject -> folds that test this subject's trials, with every class on both sides."""
    cells: dict[int, Folds] = {}
    n_classes = y.max() + 1
    for train, test in split:
        for subject in np.unique(tested[test]):
            mine = test[tested[test] == subject]
            seen = train if inside is None else train[inside[train] == inside[mine[0]]]
            if all(len(np.unique(y[side])) == n_classes for side in (seen, mine)):
                cells.setdefault(int(subject), []).append((seen, mine))
    if not cells:
        raise InputError(
            "no fold trains and tests every class of one subject, so no AUC can be formed; "
            f"the split holds out {' and '.join(split.by) or 'rows'}: hold out less, or drop "
            "`within`"
        )
    return cells


def _matrices(
    X: np.ndarray, y: np.ndarray, cells: dict[int, Folds], alpha: float, progress: Progress
) -> np.ndarray:
    """AUC of each subject, mean over folds, (n_subjects, n_times, n_times); pairs within a fold."""
    maps = []
    for number, folds in enumerate(cells.values()):
        by_fold = generalisation_matrix(X, y, folds, alpha)
        present = np.isfinite(by_fold).all((1, 2))
        maps.append(by_fold[present].mean(0) if present.any() else np.full(by_fold.shape[1:], 0.5))
        progress("temporal generalisation", number + 1, len(cells))
    return np.array(maps)
