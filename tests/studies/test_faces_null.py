"""The mouse-face study on animals whose faces tell nothing, movement only, or opposite things."""

from __future__ import annotations

import numpy as np
import pytest
from bench.calibration import mice

from affectome.features.hog import HogSettings
from affectome.simulations.mice import SimulatedClips, simulate_clips
from affectome.studies.mouse_faces import Draws
from affectome.studies.mouse_faces.clips import FaceClips
from affectome.studies.mouse_faces.controls import motion_control, motion_table
from affectome.studies.mouse_faces.decoding import (
    arrangements,
    decode_intensity,
    design_of,
    frame_scores,
    nested_ridge_classes,
    split_animals,
)
from affectome.studies.mouse_faces.study import Film, analyse

WINDOW = (0.0, 0.9)


def clips_of(made: SimulatedClips) -> FaceClips:
    return FaceClips(made.trials, made.time, {32: made.frames}, WINDOW)


def study(made: SimulatedClips, seed: int) -> Film:
    image = np.zeros((32, 160))
    film, skipped = analyse(clips_of(made), made.motion, image, HogSettings(), Draws(99, 0, seed))
    assert skipped == []
    return film


def test_opposite_expressions_are_told_apart_in_unseen_animals() -> None:
    made = simulate_clips(expression=3.0, opposite=True)
    film = study(made, 0)
    assert film.events.ridge.score.value > 0.98
    assert set(film.events.chosen.values()) == {"signed, cells of 32"}
    pain, pleasure = film.prototypes.contrasts
    assert np.corrcoef(pain, pleasure)[0, 1] < -0.9


def test_a_face_that_reads_movement_is_not_called_expression() -> None:
    # Error that all frames of a clip share can't be seen in halves of them: the partial
    # correlation stays, so the report may not call it a lower bound.
    made = simulate_clips(movement=3.0, motion_error=1.0, random_state=1)
    clips = clips_of(made)
    design = design_of(
        made.trials, made.trials["intensity"].to_numpy(), split_animals(made.trials, "subject"), 0
    )
    features, moved = clips.features(WINDOW), motion_table(made.motion, made.time, WINDOW)
    draws = Draws(99)
    found = decode_intensity(features, design.y, clips.subjects, design, draws)
    control = motion_control(features, moved, found.predicted, clips, design, draws)
    assert control.partial.score.value > 0.2
    assert control.reliability > 0.9


def test_frames_of_a_clip_trade_places_together() -> None:
    # Frames of one clip look alike, whatever was given: exchanged one by one, anything is found.
    made = simulate_clips(n_trials=10, random_state=3)
    clips = clips_of(made)
    names = made.trials["event"].to_numpy(str)
    design = design_of(made.trials, names, split_animals(made.trials, "subject"), 0)
    rows = arrangements(design, Draws(49))
    frames = clips.change[:, 12:18].astype(float)
    scores = frame_scores(frames, rows, clips.subjects, design.split)
    assert scores.null.shape == (49, 5)
    alone = frame_scores(frames, rows[[7]], clips.subjects, design.split)
    np.testing.assert_allclose(scores.null[6], alone.real)


def test_arrangements_go_through_the_choice_of_description() -> None:
    made = simulate_clips(n_animals=3, n_trials=12, random_state=2)
    clips = clips_of(made)
    names = made.trials["event"].to_numpy(str)
    design = design_of(made.trials, names, split_animals(made.trials, "subject"), 0)
    rows = arrangements(design, Draws(9))
    found, _ = nested_ridge_classes(clips.features(WINDOW), rows, clips.subjects, design.split)
    for k in (1, 5, 9):
        alone, _ = nested_ridge_classes(
            clips.features(WINDOW), rows[[k]], clips.subjects, design.split
        )
        np.testing.assert_array_equal(found[k], alone[0])


@pytest.mark.slow
def test_the_whole_study_without_effect() -> None:
    smallest = []
    for seed in range(10):
        result = study(simulate_clips(random_state=200 + seed), seed)
        said = [
            result.intensity.ridge.score,
            result.events.ridge.score,
            result.events.frames.score,
            result.controls.motion.partial.score,
            result.controls.face_before.score,
            result.controls.order.from_other_animals.score,
        ]
        smallest.append([1.0 if one.p is None else one.p for one in said])
    assert np.mean(np.array(smallest) <= 0.05) <= 0.12
    assert (np.array(smallest).min(axis=1) <= 0.05 / 6).sum() <= 3


@pytest.mark.slow
@pytest.mark.parametrize("name", mice.SCORED)
def test_five_animals_without_effect(name: str) -> None:
    scored = mice.SCORED[name]
    alarms = mice.false_alarms(scored, 5, 100)
    assert alarms.hits <= 10
    held = mice.held(scored, 5, 0.0, 100)
    assert 88 <= held.hits <= 100
