"""Hidden states planted in a population, and what is told of them."""

import logging

import numpy as np
import pandas as pd
import pytest

from affectome.data import make_recording
from affectome.dynamics.states import hidden_states
from affectome.errors import InputError


def planted(n_trials=24, n_times=80, k=3, seed=0, spread=2.5):
    """A chain of k states; in trials of fear state 0 lasts longer."""
    rng = np.random.default_rng(seed)
    stay = {"fear": np.array([0.97, 0.9, 0.85]), "joy": np.array([0.85, 0.9, 0.97])}
    means = spread * rng.normal(size=(k, 8))
    labels = np.array(["fear", "joy"])[np.arange(n_trials) % 2]
    path = np.empty((n_trials, n_times), dtype=int)
    for i, label in enumerate(labels):
        path[i, 0] = rng.integers(k)
        for t in range(1, n_times):
            here = path[i, t - 1]
            away = (here + rng.integers(1, k)) % k if k > 1 else here
            path[i, t] = here if rng.uniform() < stay[label][here] else away
    values = means[path] + rng.normal(size=(n_trials, n_times, 8))
    trials = pd.DataFrame({"emotion": labels})
    units = pd.DataFrame({"neuron": [f"n{i}" for i in range(8)]})
    return make_recording(values, trials, units, np.arange(n_times) * 0.5), path


def matched(found, path):
    """Rename found states to the planted ones that they overlap most."""
    k = found.n_states
    overlap = np.zeros((k, k))
    np.add.at(overlap, (found.path.ravel(), path.ravel()), 1)
    return overlap.argmax(1)


def test_finds_how_many_states_there_are_where_they_are_and_how_long_they_last():
    recording, path = planted()
    found = hidden_states(recording, "emotion", most_states=4)
    assert found.n_states == 3
    name = matched(found, path)
    assert sorted(name) == [0, 1, 2]
    assert (name[found.path] == path).mean() > 0.98
    changes = path[:, 1:] != path[:, :-1]
    for state in range(3):
        here = path[:, :-1] == name[state]
        assert found.dwell[state] == pytest.approx(0.5 * here.sum() / changes[here].sum(), rel=0.1)
    np.testing.assert_allclose(found.transitions.sum(1), 1)
    counts = np.bincount(found.path.ravel())
    assert (np.diff(counts) <= 0).all()


def test_sorts_occupancy_and_changes_by_emotion():
    recording, path = planted()
    found = hidden_states(recording, "emotion", n_states=3)
    name = matched(found, path)
    assert found.emotions == ("fear", "joy")
    for row, label in enumerate(found.emotions):
        rows = recording["emotion"].values == label
        expected = np.bincount(path[rows].ravel(), minlength=3) / path[rows].size
        np.testing.assert_allclose(found.occupancy[row], expected[name], atol=0.02)
    np.testing.assert_allclose(found.graphs.sum((1, 2)), 1)
    assert (np.diagonal(found.graphs, axis1=1, axis2=2) == 0).all()
    assert found.to_dict()["occupancy"]["fear"] == found.occupancy[0].tolist()
    assert found.held_out == {}
    assert found.p < 0.01
    assert found.to_dict()["differs"]["null"]["n_arrangements"] == 1000


def test_noise_has_one_state():
    recording, _ = planted(n_trials=12, spread=0.0)
    found = hidden_states(recording, "emotion", most_states=3)
    assert found.n_states == 1
    assert found.p is None
    assert found.why == "no p, because one state is all that there is"


def test_classes_that_dwell_alike_are_seldom_told_apart():
    recording, _ = planted(n_trials=20, n_times=40)
    rng = np.random.default_rng(0)
    alarms = []
    for _ in range(60):
        mixed = recording.assign_coords(emotion=("trial", rng.permutation(recording["emotion"])))
        found = hidden_states(mixed, "emotion", n_states=2, n_starts=1, n_permutations=199)
        alarms.append(found.p is not None and found.p <= 0.05)
    assert np.mean(alarms) < 0.15


def test_the_log_of_hmmlearn_is_left_as_it_was(caplog):
    log = logging.getLogger("hmmlearn.base")
    level, filters = log.level, list(log.filters)
    recording, _ = planted(n_trials=6, n_times=30)
    hidden_states(recording, n_states=2)
    assert log.level == level
    assert log.filters == filters
    log.warning("something else")
    assert "something else" in caplog.text


def test_the_likelihood_is_that_of_left_out_trials():
    recording, _ = planted(n_trials=12)
    found = hidden_states(recording, most_states=4)
    assert found.held_out[3] > found.held_out[2] > found.held_out[1]
    assert found.held_out[4] < found.held_out[3] + 0.1
    assert found.emotions == ()
    assert found.occupancy.shape == (0, found.n_states)


def test_says_what_is_wrong():
    recording, _ = planted(n_trials=3)
    with pytest.raises(InputError, match="3 trials; give n_states"):
        hidden_states(recording)
    with pytest.raises(InputError, match="no column 'valence'"):
        hidden_states(recording, "valence")
    with pytest.raises(InputError, match="two times or more"):
        hidden_states(recording[:, 0])
