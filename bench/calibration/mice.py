"""Cells of the mouse faces: intensity, events and frames in unseen animals, neurons that follow."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from affectome.evidence import Design, Score
from affectome.evidence.within import balanced_within, spearman_within
from affectome.faces.following import FINE, Source, binned, follow, lagged, stimulus_kernels
from affectome.simulations.mice import SimulatedClips, simulate_clips
from affectome.simulations.slow import KINDS, slow_series
from affectome.studies.mouse_faces.clips import FaceClips
from affectome.studies.mouse_faces.controls import motion_control, motion_table
from affectome.studies.mouse_faces.decoding import (
    Draws,
    arrangements,
    design_of,
    frame_scores,
    nested_ridge,
    nested_ridge_classes,
    read,
    split_animals,
)
from bench.calibration.cell import COVERAGE, FALSE_ALARMS, Cell, Count

DRAWS = 199
ANIMALS = (3, 5, 10)
WINDOW = (0.0, 0.9)
RATE, GAP, SECONDS = 10.0, 12.0, 300.0
N_NEURONS = 10

Scored = Callable[[SimulatedClips, int], Score]


def cells() -> list[Cell]:
    """All cells."""
    found = []
    for n in ANIMALS:
        for name, scored in SCORED.items():
            design = f"{n} animals without effect"
            alarms = partial(false_alarms, scored, n)
            found.append(Cell(f"mouse faces, {name}: p", design, FALSE_ALARMS, alarms))
            holds = partial(held, scored, n, 0.0)
            found.append(Cell(f"mouse faces, {name}: interval", design, COVERAGE, holds))
        for effect in (0.5, 2.0):
            holds = partial(held, intensity, n, effect)
            design = f"{n} animals, expression {effect:g}"
            found.append(Cell("mouse faces, intensity: interval", design, COVERAGE, holds))
    for kind in KINDS:
        run = partial(follows, kind)
        found.append(Cell("neurons and face: p", f"both {kind}", FALSE_ALARMS, run))
        run = partial(any_follows, kind)
        found.append(Cell("neurons and face: any q < .05", f"both {kind}", FALSE_ALARMS, run))
    return found


def intensity(found: SimulatedClips, seed: int) -> Score:
    """Intensity by the description that training animals favour."""
    clips, design = _clips(found), _design(found, "intensity")
    rows = arrangements(design, Draws(DRAWS, 0, seed))
    found_by = nested_ridge(clips.features(WINDOW), rows, clips.subjects, design.split)[0]
    return read(spearman_within(rows, found_by, clips.subjects), design).score


def events(found: SimulatedClips, seed: int) -> Score:
    """Events by whole clips."""
    clips, design = _clips(found), _design(found, "event")
    rows = arrangements(design, Draws(DRAWS, 0, seed))
    found_by = nested_ridge_classes(clips.features(WINDOW), rows, clips.subjects, design.split)[0]
    return read(balanced_within(rows, found_by, clips.subjects), design).score


def frames(found: SimulatedClips, seed: int) -> Score:
    """Events by single frames."""
    clips, design = _clips(found), _design(found, "event")
    rows = arrangements(design, Draws(DRAWS, 0, seed))
    shown = clips.change[:, 12::4].astype(float)
    return read(frame_scores(shown, rows, clips.subjects, design.split), design).score


def beyond_motion(found: SimulatedClips, seed: int) -> Score:
    """Intensity with motion energy held fixed."""
    clips, design = _clips(found), _design(found, "intensity")
    features, moved = clips.features(WINDOW), motion_table(found.motion, found.time, WINDOW)
    draws = Draws(DRAWS, 0, seed)
    return motion_control(features, moved, design.y, clips, design, draws).partial.score


SCORED: dict[str, Scored] = {
    "intensity": intensity,
    "events": events,
    "frames": frames,
    "intensity given motion": beyond_motion,
}


def false_alarms(scored: Scored, n_animals: int, n_sets: int) -> Count:
    """Count p ≤ .05 where faces tell nothing."""
    p = [scored(simulate_clips(n_animals, random_state=k), k).p for k in range(n_sets)]
    told = [one for one in p if one is not None]
    return Count(sum(one <= 0.05 for one in told), n_sets, n_sets - len(told))


def held(scored: Scored, n_animals: int, effect: float, n_sets: int) -> Count:
    """Count intervals that hold the mean score of the procedure over all data sets."""
    made = (simulate_clips(n_animals, expression=effect, random_state=k) for k in range(n_sets))
    scores = [scored(one, k) for k, one in enumerate(made)]
    values = np.array([one.value for one in scores])
    correlated = scores[0].metric == "spearman_within"
    centre = float(np.tanh(np.arctanh(values).mean()) if correlated else values.mean())
    told = [one.interval for one in scores if one.interval is not None]
    hits = sum(low <= centre <= high for low, high in told)
    return Count(hits, n_sets, n_sets - len(told))


def follows(kind: str, n_sets: int) -> Count:
    """Count p ≤ .05 of one neuron and a face of the same kind that know nothing of each other."""
    p = [_follow(kind, 1, k)[0][0] for k in range(n_sets)]
    return Count(int(np.sum(np.array(p) <= 0.05)), n_sets, int(np.isnan(p).sum()))


def any_follows(kind: str, n_sets: int) -> Count:
    """Count sessions in which any of ten neurons follows the face at q < .05."""
    q = [_follow(kind, N_NEURONS, k)[1] for k in range(n_sets)]
    return Count(sum(bool(np.any(one < 0.05)) for one in q), n_sets, 0)


def _follow(kind: str, n_neurons: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    times = np.arange(round(SECONDS * RATE)) / RATE
    onsets = np.arange(8, SECONDS - 8, GAP)
    onsets = onsets + rng.uniform(-2, 2, len(onsets))
    by_event = {"a": onsets[::2], "b": onsets[1::2]}
    neurons = np.column_stack([slow_series(kind, times, onsets, rng) for _ in range(n_neurons)])
    face = slow_series(kind, times, onsets, rng)
    moved = slow_series("AR .9", times, onsets, rng)
    kernels = np.column_stack(list(stimulus_kernels(times, by_event, FINE).values()))
    values, at = binned(np.column_stack([neurons, face, moved, kernels]), times)
    traces, face_, moved_, held_ = np.split(values, [n_neurons, n_neurons + 1, n_neurons + 2], 1)
    sources = {
        "face": Source(face_, face_),
        "stimulus": Source(held_, held_),
        "movement": Source(moved_, lagged(moved_, at)),
    }
    asked = {"face": ("face", face_, None)}
    found = follow(traces, sources, at, onsets, 999, seed, asked).by_source["face"]
    return found.p, found.q


def _clips(found: SimulatedClips) -> FaceClips:
    return FaceClips(found.trials, found.time, {32: found.frames}, WINDOW)


def _design(found: SimulatedClips, column: str) -> Design:
    y = found.trials[column].to_numpy()
    y = y.astype(str) if column == "event" else y.astype(float)
    return design_of(found.trials, y, split_animals(found.trials, "subject"), 0)
