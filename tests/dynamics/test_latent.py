"""Latent dynamics: exact likelihood, EM that climbs, planted time constants, none that are not."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

from affectome.data import make_recording
from affectome.dynamics.latent import relation_to_intensity, time_constants
from affectome.dynamics.linear_system import fit_linear_system, smooth_states
from affectome.errors import InputError
from affectome.simulations import simulate_attractor
from dynamic_systems import small_system


def joint(system, n_times):
    """Mean and covariance of all states, and of all measurements, by direct recursion."""
    k, n_units = len(system.A), len(system.d)
    mean, cov = np.empty((n_times, k)), np.zeros((n_times, k, n_times, k))
    mean[0], cov[0, :, 0] = system.start, system.start_cov
    for t in range(1, n_times):
        mean[t] = system.A @ mean[t - 1] + system.b
        for s in range(t):
            cov[t, :, s] = system.A @ cov[t - 1, :, s]
            cov[s, :, t] = cov[t, :, s].T
        cov[t, :, t] = system.A @ cov[t - 1, :, t - 1] @ system.A.T + system.Q
    cov = cov.reshape(n_times * k, -1)
    loads = np.kron(np.eye(n_times), system.C)
    seen = loads @ cov @ loads.T + np.kron(np.eye(n_times), np.diag(system.r))
    level = (mean @ system.C.T + system.d).ravel()
    assert len(level) == n_times * n_units
    return mean, cov, level, seen, loads


def test_likelihood_and_states_are_those_of_the_joint_normal():
    system, n_times = small_system(), 6
    mean, cov, level, seen, loads = joint(system, n_times)
    Y = np.random.default_rng(1).multivariate_normal(level, seen, 4)
    found = smooth_states(system, Y.reshape(4, n_times, 3))
    assert found.log_likelihood == pytest.approx(multivariate_normal(level, seen).logpdf(Y).sum())
    gain = cov @ loads.T @ np.linalg.inv(seen)
    for y, states in zip(Y, found.mean, strict=True):
        np.testing.assert_allclose(states.ravel(), mean.ravel() + gain @ (y - level), atol=1e-8)
    left = cov - gain @ loads @ cov
    expected = sum(
        np.outer(s[t + 1], s[t]) for s in found.mean for t in range(n_times - 1)
    ) + 4 * sum(left[2 * t + 2 : 2 * t + 4, 2 * t : 2 * t + 2] for t in range(n_times - 1))
    np.testing.assert_allclose(found.cross, expected, atol=1e-8)


def test_every_iteration_is_more_likely_and_the_truth_is_not_beaten_by_much():
    recording, _ = simulate_attractor(
        tau=5, fast=(1.0,), n_trials=8, n_units=10, duration=30, random_state=0
    )
    system = fit_linear_system(recording, 2, max_iter=40, tol=1e-9)
    gains = np.diff(system.log_likelihood)
    assert (gains > -1e-6 * abs(system.log_likelihood[0])).all()
    assert len(system.log_likelihood) > 3


def test_leaps_arrive_where_plain_steps_of_em_do_and_say_so():
    recording, _ = simulate_attractor(tau=5, fast=(1.0,), n_trials=8, n_units=10, duration=30)
    fast = fit_linear_system(recording, 2)
    slow = fit_linear_system(recording, 2, max_iter=2000, tol=1e-6)
    assert fast.converged
    assert slow.log_likelihood[-1] - fast.log_likelihood[-1] < 1
    np.testing.assert_allclose(fast.time_constants, slow.time_constants, rtol=0.02)
    assert not fit_linear_system(recording, 2, max_iter=2).converged


def with_baselines(recording, seed=0):
    shape = (len(recording), 1, recording.shape[2])
    return recording + 2 * np.random.default_rng(seed).normal(size=shape)


def test_recovers_a_line_attractor_and_how_many_dimensions_there_are():
    data, truth = simulate_attractor(tau=30, n_trials=20, n_units=12, duration=120, sfreq=1)
    recording = with_baselines(data)
    found = time_constants(recording, inputs="emotion", most_states=4, n_surrogates=39)
    assert len(found.tau) in (3, 4)
    assert found.converged
    assert found.p <= 0.05
    assert found.attractor == pytest.approx(30, rel=0.2)
    np.testing.assert_allclose(found.tau[1:3], truth.time_constants[1:], rtol=0.25)
    low, high = found.interval
    assert 20 < low < 30 < high < 60
    assert found.longer_than is None
    shown = found.to_dict()
    assert shown["attractor"]["value"] == found.attractor
    assert "run backwards" in shown["attractor"]["null"]["scheme"]
    assert shown["slowest"]["over"] == "20 trials"
    emotion, intensity = recording["emotion"].values, recording["intensity"].values
    relation = relation_to_intensity(found.state, intensity, emotion, n_permutations=199)
    assert relation.value > 0.8
    assert relation.p == pytest.approx(1 / 200)
    assert relation.null.n_groups


def add_baselines(data, rng):
    return 2 * rng.normal(size=(len(data), 1, data.shape[2]))


def add_held_stimulus(data, rng):
    course = 1 - np.exp(-data["time"].values / 0.5)
    strength = rng.uniform(0.5, 2, len(data)) * np.where(data["emotion"] == "threat", -1, 1)
    return strength[:, None, None] * course[None, :, None] * rng.normal(size=data.shape[2])


def add_drift(data, rng):
    time = np.linspace(0, 1, data[..., 0].size)[:, None]
    waves = np.sin(2 * np.pi * (2 * time + rng.uniform(size=3)))
    return (3 * waves @ rng.normal(size=(3, data.shape[2]))).reshape(data.shape)


@pytest.mark.parametrize("added", [add_baselines, add_held_stimulus, add_drift])
def test_fast_dynamics_are_no_attractor_whatever_holds_or_drifts(added):
    for seed in range(2):
        data, _ = simulate_attractor(
            tau=0.5, fast=(0.25,), n_trials=30, n_units=12, duration=20, random_state=seed
        )
        recording = data + added(data, np.random.default_rng(seed))
        found = time_constants(recording, inputs="emotion", most_states=3, n_surrogates=39)
        assert found.attractor is None
        if added is not add_drift:
            assert found.tau[0] < 1
            assert found.p is None
            assert found.why.startswith("no p, because the slowest time constant")


def test_only_what_follows_the_stimulus_is_taken():
    data, _ = simulate_attractor(tau=0.5, fast=(0.25,), n_trials=30, n_units=12, duration=30)
    rng = np.random.default_rng(0)
    box = (data["time"].values < 12)[None, :, None]
    strength = rng.uniform(0.5, 2, (30, 1, 1)) * rng.normal(size=12)
    recording = data + 2 * strength * box
    found = time_constants(recording, inputs="emotion", n_states=3, n_surrogates=19)
    assert found.attractor is None
    told = time_constants(recording, inputs="emotion", until=12.0, n_states=2, n_surrogates=19)
    assert told.tau[0] < 10
    assert told.attractor is None
    with pytest.raises(InputError, match="hold 2 times from 29 s on, when the stimulus ends"):
        time_constants(recording, until=29.0)


def test_a_time_constant_beyond_the_trials_is_longer_than_what_they_tell():
    data, _ = simulate_attractor(
        tau=100, fast=(1.0,), n_trials=30, n_units=12, duration=30, noise=0.1
    )
    found = time_constants(data, inputs="emotion", n_states=2, n_surrogates=19)
    assert found.longer_than == found.interval[0]
    assert found.interval[1] == np.inf
    assert found.to_dict()["slowest"]["interval"] is None
    assert found.tau[0] <= found.longest * 1.001


def test_relation_to_intensity_is_that_of_lines_fitted_without_the_trial():
    rng = np.random.default_rng(0)
    state, intensity = rng.normal(size=(20, 5)), rng.normal(size=20)
    labels = np.repeat(["a", "b"], 10)
    expected = np.empty(20)
    for i in range(20):
        rest = (np.arange(20) != i) & (labels == labels[i])
        slope, level = np.polyfit(state[rest].mean(1), intensity[rest], 1)
        expected[i] = level + slope * state[i].mean()
    found = relation_to_intensity(state, intensity, labels)
    assert found.value == pytest.approx(np.corrcoef(expected, intensity)[0, 1])
    assert found.p > 0.01
    with pytest.raises(InputError, match="needs four trials of a class; the rarest of 2 has 3"):
        relation_to_intensity(state[:13], intensity[:13], labels[:13])


def test_says_what_is_wrong():
    recording, _ = simulate_attractor(n_trials=6, n_units=4, duration=10)
    with pytest.raises(InputError, match=r"n_states lies in 1–4"):
        fit_linear_system(recording, 5)
    with pytest.raises(InputError, match="leave 5; 8 or more are needed"):
        time_constants(recording)
    with pytest.raises(InputError, match="no column 'mood'"):
        time_constants(recording, inputs="mood")
    with pytest.raises(InputError, match=r"dims \(trial, time, unit\)"):
        fit_linear_system(recording[:, 0], 2)
    with pytest.raises(InputError, match="five times or more"):
        fit_linear_system(recording[:, :4], 2)
    gaps = recording.isel(time=[0, 1, 2, 5, 6, 7])
    with pytest.raises(InputError, match="not equally spaced"):
        fit_linear_system(gaps, 2)


def test_survives_a_flat_unit_and_order_of_trials_does_not_matter():
    recording, _ = simulate_attractor(n_trials=6, n_units=5, duration=20)
    values = recording.values.copy()
    values[:, :, 2] = 1.0
    flat = make_recording(
        values,
        pd.DataFrame({"emotion": recording["emotion"].values}),
        pd.DataFrame({"neuron": list("abcde")}),
        recording["time"].values,
    )
    one = fit_linear_system(flat, 2, max_iter=10)
    two = fit_linear_system(flat[::-1], 2, max_iter=10)
    assert np.isfinite(one.log_likelihood).all()
    np.testing.assert_allclose(one.time_constants, two.time_constants, rtol=1e-4)
