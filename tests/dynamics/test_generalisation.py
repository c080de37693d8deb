"""Temporal generalisation of planted codes: one that stays, one that turns, none at all."""

import numpy as np
import pandas as pd
import pytest

from affectome.data import make_recording
from affectome.dynamics.generalisation import temporal_generalisation
from affectome.dynamics.over_time import decode_over_time
from affectome.errors import InputError
from affectome.evidence import make_design, make_split


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
    found = run(*planted(n_stimuli=16))
    assert len(found.subjects) == 8
    mean, significant = found.auc.mean(0), found.clusters.significant()
    assert mean[3:, 3:].min() > 0.85
    assert significant[3:, 3:].all()
    assert significant[:3, :3].mean() < 0.4
    first = found.to_dict()["clusters"][0]
    assert first["points"] >= 25
    assert first["null"]["scheme"] == "labels permuted over whole values of stimulus"
    assert first["null"]["n_groups"] == 16
    assert first["trained_s"][1] == first["tested_s"][1] == pytest.approx(0.7)


def test_a_code_that_turns_is_a_diagonal():
    mean = run(*planted(turning=True)).auc.mean(0)
    late = mean[3:, 3:]
    assert np.diag(late).min() > 0.85
    assert abs(late[~np.eye(5, dtype=bool)].mean() - 0.5) < 0.25


@pytest.mark.slow
def test_people_who_share_their_stimuli_make_no_cluster_without_an_effect():
    """12 people × 16 stimuli, each with an identity: sign flips of people call 80 % of these."""
    called = 0
    for seed in range(60):
        recording, trials = identities(seed)
        found = run(recording, trials, n_permutations=100)
        called += bool((found.clusters.p <= 0.05).any())
    assert called <= 7  # 3 expected, deviation 1.7


def identities(seed, n_people=12, n_stimuli=16, n_times=4, n_units=8):
    """No effect of the emotion, but every person and every stimulus is like itself."""
    rng = np.random.default_rng(seed)
    person, stimulus = (a.ravel() for a in np.indices((n_people, n_stimuli)))
    emotion = rng.permutation(n_stimuli) % 2
    trials = pd.DataFrame(
        {
            "subject": [f"s{i:02d}" for i in person],
            "stimulus": [f"film{i:02d}" for i in stimulus],
            "emotion": np.array(["fear", "joy"])[emotion[stimulus]],
        }
    )
    X = (
        rng.normal(size=(n_people, 1, n_units))[person]
        + rng.normal(size=(n_stimuli, 1, n_units))[stimulus]
    )
    X = X + rng.normal(size=(len(trials), n_times, n_units))
    units = pd.DataFrame({"sensor": [f"u{i}" for i in range(n_units)]})
    return make_recording(X, trials, units, np.arange(n_times) / 10), trials


@pytest.mark.slow
def test_a_planted_code_is_found_as_often_as_by_decoding_over_time():
    """The best valid alternative is the best of the moments, against the best of each null."""
    found, best = 0, 0
    for seed in range(20):
        recording, trials = planted(4, 16, 8, effect=0.18, seed=seed)
        y = trials["emotion"].to_numpy()
        design = make_design(trials.drop(columns="emotion"), y, n_splits=4)
        one = temporal_generalisation(recording, "emotion", design, n_permutations=100)
        found += bool((one.clusters.p <= 0.05).any())
        times = decode_over_time(recording, "emotion", design, n_permutations=100)
        best += bool((times.p <= 0.05).any())
    assert best >= 5
    assert found >= 0.8 * best


def test_a_subject_without_two_classes_has_no_auc_and_says_why():
    recording, trials = planted(n_people=3)
    y = trials["emotion"].to_numpy()
    kept = np.flatnonzero((trials["subject"] != "s2") | (y == "fear"))
    part = recording.isel(trial=kept)
    found = run(
        part, trials.iloc[kept].reset_index(drop=True), holdout="stimulus", n_permutations=0
    )
    assert np.isnan(found.auc[list(found.subjects).index("s2")]).all()
    assert found.undefined == ("s2",)
    result = found.to_dict()
    assert result["subjects"] == 2
    assert "different classes" in result["undefined"]["s2"]
    assert np.isfinite(result["auc"]).all()
    assert result["p"] is None
    assert result["why"].startswith("no p, because 0 permutations")


def test_one_subject_is_held_against_permuted_labels():
    recording, trials = planted(n_people=1, n_stimuli=16, n_times=5)
    found = run(recording, trials, holdout="stimulus", n_permutations=60)
    assert "permuted" in found.null.scheme
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
    with pytest.raises(
        InputError, match="no fold trains on every class and tests two classes of one subject"
    ):
        temporal_generalisation(recording, "emotion", people, within="subject")
