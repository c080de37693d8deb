"""Neurons against the face: which follow its expressions, which the stimulus, which movement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from affectome.data import Skipped, make_recording
from affectome.data.readers.continuous import Continuous
from affectome.data.readers.epochs import cut_epochs
from affectome.data.readers.events import onset_events
from affectome.decoding import RidgeClassifierDecoder
from affectome.errors import no_column
from affectome.evidence import Null, Score, evaluate, purged_time_split
from affectome.faces.following import (
    FINE,
    Followers,
    Source,
    align_clocks,
    binned,
    follow,
    lagged,
    stimulus_kernels,
)
from affectome.kernels.ridge import cross_validated_predictions

Q = 0.05
PENALTIES = tuple(10.0 ** np.arange(0, 6))
N_DRAWS = 2000
AFTER, BEFORE = 4.0, 2.0
STRETCHES = 5
PURGED = 10.0
SCHEME = (
    "the larger p of circular shifts of the whitened trace and of sign flips of the contributions "
    "of whole stretches"
)


@dataclass(frozen=True, eq=False)
class FaceTrace:
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


@dataclass(frozen=True, eq=False)
class Contrast:
    """Two stimuli told apart from all neurons.

    Attributes
    ----------
    pair
        The stimuli.
    auc
        In trials not learned from.
    baseline
        Name and score of the best baseline, such as the order of trials.
    """

    pair: tuple[str, str]
    auc: Score
    baseline: tuple[str, Score]

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers for ``result.json``."""
        name, score = self.baseline
        return {
            "pair": list(self.pair),
            "auc": self.auc.to_dict(),
            "best_baseline": {"name": name, **score.to_dict()},
        }


@dataclass(frozen=True, eq=False)
class Neurons:
    """What neurons follow.

    Attributes
    ----------
    table
        One row a neuron: ``neuron`` and, for each source, ``share``, ``unique``, ``r``, ``p``,
        ``q`` and ``follows``.
    sources
        Sources in the order of the report.
    null
        How the null was drawn; None where there is none.
    why
        Why there is no p; None where there is one.
    variance
        Source → mean share of the neurons' fast variance that it alone explains.
    overlap
        Share of the neurons' samples that meet a frame of the film; None without a film.
    overlap_s, tolerance_s
        Seconds that both cover, and the largest distance of a sample from a frame.
    population
        ``face_from_neurons``, event → r, and ``neurons_from_face``, mean r; None without a film.
    contrasts
        Pairs of stimuli told apart; where there is no film.
    by_film
        Whether there is a film.
    """

    table: pd.DataFrame
    sources: tuple[str, ...]
    null: Null | None
    why: str | None
    variance: dict[str, float]
    overlap: float | None = None
    overlap_s: float | None = None
    tolerance_s: float | None = None
    population: dict[str, Any] | None = None
    contrasts: tuple[Contrast, ...] = ()
    by_film: bool = True

    @property
    def counts(self) -> dict[str, int]:
        """Source → number of neurons that follow it."""
        return {name: int(self.table[f"{name} follows"].sum()) for name in self.sources}

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers for ``result.json``; the neurons are a table of their own."""
        listed = {
            name: self.table.loc[self.table[f"{name} follows"], "neuron"].tolist()
            for name in self.sources
        }
        null = None if self.null is None else self.null.to_dict()
        return {
            "tested": len(self.table),
            "counts": self.counts,
            "neurons": listed,
            "q": Q,
            "null": null,
            "why": self.why,
            "variance": self.variance,
            "overlap": self.overlap,
            "overlap_s": self.overlap_s,
            "tolerance_s": self.tolerance_s,
            "population": self.population,
            "contrasts": [one.to_dict() for one in self.contrasts],
        }


def neurons_and_face(
    found: Continuous,
    face: FaceTrace,
    onsets: Mapping[str, np.ndarray],
    tolerance: float | None = None,
    random_state: int = 0,
) -> Neurons:
    """Test every neuron against the face, each of its expressions, the stimulus and movement.

    Each is tested given the others: "face" given stimulus and movement, the expression of an event
    given stimulus, movement and the other expressions. q is over all of them and all neurons.

    Parameters
    ----------
    found
        Continuous traces; see :func:`affectome.data.readers.continuous.read_continuous`.
    face
        The face over the session.
    onsets
        Event → seconds of its onsets.
    tolerance
        Largest distance between a neuron's sample and a frame, s; by default one frame.
    random_state
        Seed of the surrogates.

    Raises
    ------
    InputError
        If the clocks don't overlap.
    """
    near = tolerance or float(np.median(np.diff(face.times)))
    columns = np.column_stack([*face.intensity.values(), face.movement])
    aligned, kept = align_clocks(columns, face.times, found.times, near)
    coarse, fine = stimulus_kernels(found.times[kept], onsets), _fine(found.times[kept], onsets)
    parts = [found.values[kept], aligned, *coarse.values(), *fine.values()]
    values, times = binned(np.column_stack(parts), found.times[kept])
    ends = np.cumsum([part.shape[1] for part in parts])[:-1]
    traces, source, *kernels = np.split(values, ends, axis=1)
    shown, moved = np.hsplit(source, [len(face.intensity)])
    sources = {
        "face": Source(shown, lagged(shown, times)),
        "stimulus": Source(
            np.column_stack(kernels[: len(coarse)]), np.column_stack(kernels[len(coarse) :])
        ),
        "movement": Source(moved, lagged(moved, times)),
    }
    if len(face.intensity) > 1:
        tested = {f"face: {event}": shown[:, [k]] for k, event in enumerate(face.intensity)}
        rest = {name: shown[:, np.arange(shown.shape[1]) != k] for k, name in enumerate(tested)}
    else:
        tested, rest = {}, {}
    every = np.concatenate(list(onsets.values()))
    followers = follow(
        traces,
        sources,
        times,
        every,
        N_DRAWS,
        random_state,
        {
            **{name: (name, one.tested, None) for name, one in sources.items()},
            **{name: ("face", column, rest[name]) for name, column in tested.items()},
        },
    )
    return Neurons(
        _table(found.names, followers),
        tuple(followers.by_source),
        _null(followers, len(found.names)),
        followers.why,
        _variance(followers, tuple(sources)),
        len(kept) / len(found.times),
        float(np.median(np.diff(found.times[kept])) * len(kept)),
        near,
        _population(traces, shown, times, list(face.intensity)),
    )


def neurons_and_stimuli(
    found: Continuous, events: pd.DataFrame, random_state: int = 0
) -> tuple[Neurons, list[Skipped]]:
    """Test every neuron against every stimulus, and tell stimuli apart, where there is no film.

    Parameters
    ----------
    found
        Continuous traces.
    events
        ``event`` and ``onset`` (s) of each trial.
    random_state
        Seed.

    Returns
    -------
    Neurons
    list
        Trials that could not be used.

    Raises
    ------
    InputError
        If the recording shares no time with the events.
    """
    names = events["event"].astype(str)
    onsets = {name: events.loc[names == name, "onset"].to_numpy() for name in sorted(set(names))}
    coarse, fine = stimulus_kernels(found.times, onsets), _fine(found.times, onsets)
    parts = [found.values, *coarse.values(), *fine.values()]
    values, times = binned(np.column_stack(parts), found.times)
    ends = np.cumsum([part.shape[1] for part in parts])[:-1]
    traces, *kernels = np.split(values, ends, axis=1)
    sources = {name: Source(kernels[k], kernels[k + len(onsets)]) for k, name in enumerate(onsets)}
    every = np.concatenate(list(onsets.values()))
    followers = follow(traces, sources, times, every, N_DRAWS, random_state)
    contrasts, skipped = _contrasts(found, events, random_state)
    result = Neurons(
        _table(found.names, followers),
        tuple(sources),
        _null(followers, len(found.names)),
        followers.why,
        _variance(followers, tuple(sources)),
        contrasts=contrasts,
        by_film=False,
    )
    return result, skipped


def _fine(times: np.ndarray, onsets: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    made = stimulus_kernels(times, onsets, FINE)
    return {name: columns[:, columns.any(axis=0)] for name, columns in made.items()}


def _null(followers: Followers, n_neurons: int) -> Null | None:
    if followers.why is not None:
        return None
    n_tests = n_neurons * len(followers.by_source)
    correction = f"Benjamini-Hochberg over {n_tests} tests of neurons and sources"
    return Null(SCHEME, followers.n_stretches, followers.n_draws, correction)


def _table(names: list[str], followers: Followers) -> pd.DataFrame:
    """One row a neuron: for each source what it explains, r, p, q, and whether it follows."""
    columns: dict[str, Any] = {"neuron": names}
    for name, one in followers.by_source.items():
        for measure in ("share", "unique", "r", "p", "q"):
            columns[f"{name} {measure}"] = getattr(one, measure)
        columns[f"{name} follows"] = np.nan_to_num(one.q, nan=1.0) < Q
    return pd.DataFrame(columns)


def _variance(followers: Followers, sources: tuple[str, ...]) -> dict[str, float]:
    if followers.why is not None:
        return {}
    return {name: float(followers.by_source[name].unique.mean()) for name in sources}


def _population(
    neurons: np.ndarray, face: np.ndarray, times: np.ndarray, events: list[str]
) -> dict[str, Any] | None:
    """Read the face from all neurons and the neurons from the face, in stretches of time unseen."""
    if times[-1] - times[0] < 2 * STRETCHES * PURGED:
        return None
    split = purged_time_split(times, PURGED, STRETCHES)
    tested = split.tested
    read = cross_validated_predictions(neurons, face, split.folds, PENALTIES, standardize=True)
    back = cross_validated_predictions(face, neurons, split.folds, PENALTIES, standardize=True)
    return {
        "face_from_neurons": {
            event: _r(read[tested, e], face[tested, e]) for e, event in enumerate(events)
        },
        "neurons_from_face": float(
            np.mean([_r(back[tested, k], neurons[tested, k]) for k in range(back.shape[1])])
        ),
        "held_out": f"{STRETCHES} stretches of time in turn, {PURGED:g} s apart from what trains",
    }


def _r(left: np.ndarray, right: np.ndarray) -> float:
    if np.ptp(left) == 0 or np.ptp(right) == 0:
        return 0.0
    return float(np.corrcoef(left, right)[0, 1])


def _contrasts(
    found: Continuous, events: pd.DataFrame, random_state: int
) -> tuple[tuple[Contrast, ...], list[Skipped]]:
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
        listed.append(_contrast(X[rows], trials.iloc[rows], pair, found.names, random_state))
    return tuple(listed), list(epochs.skipped)


def _contrast(
    X: np.ndarray, trials: pd.DataFrame, pair: tuple[str, str], units: list[str], random_state: int
) -> Contrast:
    y = trials["event"].astype(str).to_numpy()
    block = np.zeros(len(y), dtype=int)
    for name in pair:
        place = rankdata(np.flatnonzero(y == name)) - 1
        block[y == name] = place * STRETCHES // np.count_nonzero(y == name)
    onset = trials["onset"].to_numpy(dtype=float)
    table = pd.DataFrame({"event": y, "fifth": block, "onset": onset})
    recording = make_recording(X, table, pd.DataFrame({"neuron": units}))
    found = evaluate(
        RidgeClassifierDecoder(alpha=PENALTIES),
        recording,
        "event",
        "fifth",
        n_splits=STRETCHES,
        random_state=random_state,
    )
    return Contrast(pair, found.score, (found.best_baseline, found.baselines[found.best_baseline]))


def check_events(events: pd.DataFrame, source: str | Path) -> pd.DataFrame:
    """Give a table of events with ``event`` and ``onset``, from BIDS' ``trial_type`` if need be.

    Raises
    ------
    InputError
        If a column is missing, or an onset is no number.
    """
    named = next((c for c in ("event", "trial_type") if c in events), None)
    if named is None:
        raise no_column(f"{source} has", "event", events, "(or trial_type; or name it by --target)")
    return onset_events(events.assign(event=events[named]), source)
