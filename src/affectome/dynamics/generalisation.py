"""Temporal generalisation: does a code found at one moment hold at another?

A decoder is trained at each time and tested at every time (King & Dehaene 2014): a square of high
scores is a code that stays, a diagonal one that keeps changing. People share their stimuli and the
trials that decoders were trained on, so that their maps are not independent, and signs can't be
flipped. So the labels trade places as the design allows, decoders are fitted anew to each
arrangement, and the clusters of the mean map are held against the largest of each (Maris &
Oostenveld 2007), with one person as with fifty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from affectome.data import trial_table
from affectome.dynamics.over_time import Folds, design_of, with_time
from affectome.errors import InputError, no_column
from affectome.evidence import Design, Null, Split
from affectome.evidence.splits import named
from affectome.kernels.clusters import Clusters, null_clusters
from affectome.kernels.generalisation import arranged_matrices
from affectome.progress import Progress, silent

FEWEST_MAPS = 20


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
        AUC, mean over classes, shape (n_subjects, n_times trained, n_times tested); NaN for a
        subject with no fold that tests two of its trials of different classes.
    clusters
        Where the mean over subjects differs from chance; None where nothing can be tested.
    null
        How the maps of the null were drawn.
    why
        Why there is no test.
    """

    times: np.ndarray
    subjects: tuple[str, ...]
    auc: np.ndarray
    clusters: Clusters | None
    null: Null | None
    why: str | None

    @property
    def mean(self) -> np.ndarray:
        """Mean map over subjects, shape (n_times, n_times)."""
        defined = np.isfinite(self.auc).all((1, 2))
        mean: np.ndarray = self.auc[defined].mean(0)
        return mean

    @property
    def undefined(self) -> tuple[str, ...]:
        """Names of subjects who have no AUC."""
        return tuple(
            who
            for who, own in zip(self.subjects, self.auc, strict=True)
            if not np.isfinite(own).all()
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the mean matrix and the clusters' p as plain lists."""
        found: dict[str, Any] = {
            "times_s": self.times.tolist(),
            "auc": self.mean.tolist(),
            "subjects": len(self.subjects) - len(self.undefined),
            "undefined": dict.fromkeys(
                self.undefined, "no fold tests two of its trials of different classes"
            ),
            "clusters": [],
        }
        if self.clusters is None or self.null is None:
            return found | {"p": None, "why": self.why}
        for number, (mass, p) in enumerate(
            zip(self.clusters.mass, self.clusters.p, strict=True), 1
        ):
            points = self.clusters.labels == number
            trained, tested = (np.flatnonzero(points.any(axis)) for axis in (1, 0))
            found["clusters"].append(
                {
                    "mass": float(mass),
                    "p": float(p),
                    "null": self.null.to_dict(),
                    "points": int(points.sum()),
                    "trained_s": self.times[trained[[0, -1]]].tolist(),
                    "tested_s": self.times[tested[[0, -1]]].tolist(),
                    "auc": float(self.mean[points].mean()),
                }
            )
        return found


def temporal_generalisation(
    recording: xr.DataArray,
    target: str,
    design: Design | Split,
    *,
    within: str | None = None,
    alpha: float = 10.0,
    n_permutations: int = 200,
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
    design
        What is held out and what may trade places; from a Split it is made here.
    within
        Coordinate of ``trial``, such as ``subject``: decoders train and test inside its values.
    alpha
        Ridge penalty on units standardised in the training trials.
    n_permutations
        Arrangements of the labels; no test with fewer than twenty.
    random_state
        Seed.
    progress
        Called when the matrices are found, and when those of the null are.

    Raises
    ------
    InputError
        If there is no time, one class, or no fold that trains and tests every class of a subject.
    """
    X = with_time(recording).values
    trials = trial_table(recording)
    if within is not None and within not in trials:
        raise no_column("the trials have", within, trials)
    design = design_of(trials, target, design)
    names, y = np.unique(design.y, return_inverse=True)
    who = named(trials, "subject")
    people, tested = np.unique(
        np.zeros(len(y), dtype=int) if who is None else trials[who].to_numpy(), return_inverse=True
    )
    folds = _folds(design.split, None if within is None else trials[within].to_numpy(), y, tested)
    X = np.ascontiguousarray(X.transpose(0, 2, 1))
    present = np.unique(tested[np.concatenate([test for _, test in folds])])
    maps = arranged_matrices(X, y[None], folds, tested, alpha)[0, present]
    progress("temporal generalisation", 1, 2)
    why = design.why_no_p
    if n_permutations < FEWEST_MAPS:
        why = why or f"no p, because {n_permutations} permutations were asked for"
    clusters = null = None
    if why is None:
        drawn = np.searchsorted(names, design.arrange(n_permutations, random_state))
        found = arranged_matrices(X, drawn, folds, tested, alpha)
        chance = np.array([_mean(one) for one in found if np.isfinite(one).all((1, 2)).any()])
        clusters = null_clusters(_mean(maps), chance)
        correction = f"largest cluster anywhere in the map of {maps.shape[1]} × {maps.shape[2]}"
        null = Null(design.exchange.scheme, design.exchange.n_groups, len(chance), correction)
    progress("temporal generalisation", 2, 2)
    shown = tuple(str(people[subject]) for subject in present)
    return Generalisation(recording["time"].values, shown, maps, clusters, null, why)


def _mean(maps: np.ndarray) -> np.ndarray:
    """Mean over the subjects whose map is defined."""
    mean: np.ndarray = maps[np.isfinite(maps).all((1, 2))].mean(0)
    return mean


def _folds(split: Split, inside: np.ndarray | None, y: np.ndarray, tested: np.ndarray) -> Folds:
    """Folds that train on every class and test two classes of a subject, inside blocks if given."""
    folds: Folds = []
    n_classes = y.max() + 1
    for train, test in split:
        parts = [(train, test)]
        if inside is not None:
            blocks = np.unique(inside[test])
            parts = [(train[inside[train] == b], test[inside[test] == b]) for b in blocks]
        for seen, own in parts:
            several = any(len(np.unique(y[own[tested[own] == s]])) > 1 for s in np.unique(tested))
            if len(np.unique(y[seen])) == n_classes and several:
                folds.append((seen, own))
    if not folds:
        raise InputError(
            "no fold trains on every class and tests two classes of one subject, so no AUC can be "
            f"formed; the split holds out {' and '.join(split.by) or 'rows'}: hold out less, or "
            "drop `within`"
        )
    return folds
