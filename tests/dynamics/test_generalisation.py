"""Temporal generalisation of planted codes: one that stays, one that turns, none at all."""

import numpy as np
import pandas as pd
import pytest

from affectome.data import make_recording
from affectome.dynamics.generalisation import temporal_generalisation
from affectome.errors import InputError
from affectome.evidence import make_split


def planted(n_people=8, n_stimuli=8, n_times=8, n_units=6, turning=False, effect=1.5, seed=0):
    """Two emotions from time 3 on: along one direction, or along a new one at each time."""
    rng = np.random.default_rng(seed)
    trials = pd.DataFrame(
        {
            "subject": np.repeat([f"s{i}" for i in range(n_people)], 4 * n_stimuli),
            "stimulus": np.tile(np.repeat(np.arange(n_stimuli), 4), n_people).astype(str),
        }
    )
    trials["emotion"] = np.where(trials["stimulus"].astype(int) % 2 == 1, "fear", "joy")
    directions = rng.normal(size=(n_times, n_units))
    if not turning:
        directions[:] = directions[0]
    directions[:3] = 0
    directions[3:] *= effect / np.linalg.norm(directions[3:], axis=1, keepdims=True)
    sign = np.where(trials["emotion"] == "fear", 1, -1)
    X = sign[:, None, None] * directions + rng.normal(size=(len(trials), n_times, n_units))
    units = pd.DataFrame({"sensor": [f"u{i}" for i in range(n_units)]})
    return make_recording(X, trials, units, np.arange(n_times) / 10), trials


def run(recording, trials, holdout=None, **options):
    split = make_split(trials, trials["emotion"].to_numpy(), holdout=holdout, n_splits=4)
    return temporal_generalisation(recording, "emotion", split, **options)


def test_a_code_that_stays_is_a_square():
    found = run(*planted())
    assert len(found.subjects) == 8
    mean, significant = found.auc.mean(0), found.clusters.significant()
    assert mean[3:, 3:].min() > 0.85
    assert significant[3:, 3:].all()
    assert significant[:3].mean() < 0.4
    assert "flipped" in found.null
    assert found.to_dict()["clusters"][0]["points"] >= 25


def test_a_code_that_turns_is_a_diagonal():
    mean = run(*planted(turning=True)).auc.mean(0)
    late = mean[3:, 3:]
    assert np.diag(late).min() > 0.85
    assert abs(late[~np.eye(5, dtype=bool)].mean() - 0.5) < 0.25


def test_no_code_makes_no_cluster():
    called = [
        run(*planted(effect=0.0, n_times=5, seed=s), n_permutations=200).clusters.p <= 0.05
        for s in range(8)
    ]
    assert sum(p.any() for p in called) <= 2


def test_one_subject_is_held_against_permuted_labels():
    recording, trials = planted(n_people=1, n_stimuli=16, n_times=5)
    found = run(recording, trials, holdout="stimulus", n_permutations=60)
    assert "permuted" in found.null
    assert found.clusters.p[0] <= 0.05
    assert found.clusters.significant()[3:, 3:].all()


def test_within_trains_on_the_tested_subject_alone():
    recording, trials = planted(n_people=6, effect=0.0)
    flip = np.where(trials["subject"].isin(["s0", "s2", "s4"]), 1.0, -1.0)
    sign = np.where(trials["emotion"] == "fear", 1.0, -1.0)
    recording = recording + 2 * (flip * sign)[:, None, None]
    across = run(recording, trials, holdout="stimulus").auc.mean()
    own = run(recording, trials, holdout="stimulus", within="subject").auc.mean()
    assert own > 0.9
    assert across < 0.7


def test_says_what_is_wrong():
    recording, trials = planted(n_people=2)
    split = make_split(trials, trials["emotion"].to_numpy(), holdout="stimulus", n_splits=4)
    with pytest.raises(InputError, match=r"dims \(trial, time, unit\); got \('trial', 'unit'\)"):
        temporal_generalisation(recording[:, 0], "emotion", split)
    with pytest.raises(InputError, match="no column 'valence'"):
        temporal_generalisation(recording, "valence", split)
    one = recording.assign_coords(emotion=("trial", np.full(len(trials), "fear")))
    with pytest.raises(InputError, match=r"one class only \(fear\)"):
        temporal_generalisation(one, "emotion", split)
    people = make_split(trials, trials["emotion"].to_numpy(), holdout="subject")
    with pytest.raises(InputError, match="no fold trains and tests every class of one subject"):
        temporal_generalisation(recording, "emotion", people, within="subject")
