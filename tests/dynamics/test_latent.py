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


def test_recovers_a_line_attractor_of_fifty_seconds_and_how_many_dimensions_there_are():
    recording, truth = simulate_attractor(tau=50, n_trials=12, n_units=12, duration=120)
    found = time_constants(recording, most_states=4, n_bootstrap=20, max_iter=60)
    assert len(found.tau) == 3
    assert found.attractor == pytest.approx(50, rel=0.2)
    np.testing.assert_allclose(found.tau[1:], truth.time_constants[1:], rtol=0.25)
    assert found.interval[0, 0] <= found.tau[0] <= found.interval[0, 1] * 1.05
    held = np.abs(found.state).mean(1)
    assert np.corrcoef(held, recording["intensity"].values)[0, 1] > 0.9
    assert found.to_dict()["attractor_s"] == found.attractor
    emotion, intensity = recording["emotion"].values, recording["intensity"].values
    relation = relation_to_intensity(found.state, intensity, emotion)
    assert relation.value > 0.9
    assert relation.p == pytest.approx(1 / 1001, abs=2e-3)


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


def test_reports_no_attractor_for_fast_dynamics():
    recording, _ = simulate_attractor(tau=3, fast=(1.0,), n_trials=12, n_units=12, duration=60)
    found = time_constants(recording, n_states=2, n_bootstrap=20)
    assert found.tau[0] == pytest.approx(3, rel=0.25)
    assert found.attractor is None
    assert found.state is None


def test_says_what_is_wrong():
    recording, _ = simulate_attractor(n_trials=6, n_units=4, duration=10)
    with pytest.raises(InputError, match=r"n_states lies in 1–4"):
        fit_linear_system(recording, 5)
    with pytest.raises(InputError, match="four or more; got 3"):
        time_constants(recording[:3])
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
