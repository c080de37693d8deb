"""Neurons that follow face, stimulus or movement: planted ones are found, others are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr

from affectome.errors import InputError
from affectome.faces.following import (
    align_clocks,
    follow,
    partition_variance,
    stimulus_kernels,
)
from affectome.simulations.mice import DRIVERS, simulate_mouse


def groups(mouse) -> dict[str, np.ndarray]:
    kernels = stimulus_kernels(mouse.times, mouse.onsets)
    return {
        "face": np.column_stack(list(mouse.intensity.values())),
        "stimulus": np.column_stack(list(kernels.values())),
        "movement": mouse.movement[:, None],
    }


@pytest.fixture(scope="module")
def mouse():
    return simulate_mouse(n_trials=15, n_neurons=(8, 8, 8, 16), random_state=1)


def test_planted_neurons_are_found_and_told_apart(mouse) -> None:
    found = follow(mouse.neurons, groups(mouse))
    for name in DRIVERS[:3]:
        hit = found[name].q < 0.05
        assert hit[mouse.driver == name].mean() >= 0.9
    others = np.isin(mouse.driver, ["movement", "none"])
    assert (found["face"].q[others] < 0.05).sum() <= 1
    assert not np.any(found["face"].q[mouse.driver == "movement"] < 0.05)


def test_variance_is_split_without_remainder(mouse) -> None:
    given = groups(mouse)
    parts = partition_variance(mouse.neurons, given, follow(mouse.neurons, given))
    assert set(parts) == {"face", "stimulus", "movement", "shared", "unexplained"}
    driven = mouse.driver == "face"
    assert parts["face"][driven].mean() > 0.2
    assert parts["face"][~driven].mean() < 0.02
    assert all((share >= 0).all() for share in parts.values())


def test_partial_correlation_is_that_of_residuals() -> None:
    rng = np.random.default_rng(0)
    other = rng.normal(size=(400, 2))
    trace = other @ [1, 2] + rng.normal(size=400)
    neuron = trace + other @ [-1, 1] + rng.normal(size=400)
    found = follow(neuron[:, None], {"a": trace[:, None], "b": other})
    design = np.column_stack([np.ones(400), other])
    left = [v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in (trace, neuron)]
    wanted = pearsonr(*left).statistic
    assert found["a"].r[0] == pytest.approx(wanted)
    assert found["a"].share[0] == pytest.approx(wanted**2)
    assert np.isnan(found["b"].r[0])


def test_p_is_the_share_of_rolled_traces_that_do_as_well() -> None:
    rng = np.random.default_rng(0)
    neuron, trace = rng.normal(size=(2, 301))
    neuron += 0.1 * trace
    found = follow(neuron[:, None], {"a": trace[:, None]}, n_shifts=10_000)
    real = abs(pearsonr(neuron, trace).statistic)
    n_shifts = found["a"].n_shifts
    rolled = [abs(pearsonr(neuron, np.roll(trace, s)).statistic) for s in range(1, 301)]
    assert n_shifts <= 300
    assert found["a"].p[0] == pytest.approx(np.mean(np.array(rolled) >= real), abs=0.02)


@settings(deadline=None, max_examples=5)
@given(scale=st.floats(0.01, 100), shift=st.floats(-50, 50))
def test_scale_and_offset_change_nothing(scale: float, shift: float) -> None:
    rng = np.random.default_rng(0)
    neurons, trace = rng.normal(size=(400, 3)), rng.normal(size=(400, 1))
    first = follow(neurons, {"a": trace})["a"]
    second = follow(scale * neurons + shift, {"a": shift - trace * scale})["a"]
    np.testing.assert_allclose(second.share, first.share, atol=1e-9)
    np.testing.assert_allclose(second.p, first.p)


def test_noise_is_not_followed() -> None:
    rng = np.random.default_rng(0)
    p = follow(rng.normal(size=(500, 200)), {"a": rng.normal(size=(500, 1))})["a"].p
    assert 0.01 < np.mean(p < 0.05) < 0.1


def test_what_can_not_be_followed() -> None:
    ok = np.random.default_rng(0).normal(size=(300, 2))
    with pytest.raises(InputError, match=r"a have the shape \(200, 2\); give \(n_times"):
        follow(ok, {"a": ok[:200]})
    with pytest.raises(InputError, match="a hold values that are NaN"):
        follow(ok, {"a": np.full((300, 1), np.nan)})
    with pytest.raises(InputError, match="50 samples are too few"):
        follow(ok[:50], {"a": ok[:50]})


def test_kernels_are_bins_after_the_onset() -> None:
    times = np.arange(100) / 10
    made = stimulus_kernels(times, {"sugar": np.array([2.0, 6.0])}, (0, 1, 3))["sugar"]
    assert made.shape == (100, 2)
    np.testing.assert_array_equal(np.flatnonzero(made[:, 0]), [*range(20, 30), *range(60, 70)])
    np.testing.assert_array_equal(made[:, 1].sum(), 40)
    with pytest.raises(InputError, match="no sample of the recording lies within 3 s after a sug"):
        stimulus_kernels(times, {"sugar": np.array([500.0])}, (0, 1, 3))


def test_clocks_are_aligned_within_the_tolerance() -> None:
    times = np.arange(0, 10, 0.1)
    wanted = np.array([-5.0, 0.04, 3.02, 9.89, 50.0])
    values, found = align_clocks(np.arange(100), times, wanted, 0.05)
    np.testing.assert_array_equal(values, [0, 30, 99])
    np.testing.assert_array_equal(found, [1, 2, 3])
    with pytest.raises(InputError, match=r"clocks don't overlap: one runs from 0 to 9\.9 s"):
        align_clocks(np.arange(100), times, wanted + 1000, 0.05)


@pytest.mark.slow
def test_recall_and_false_discoveries_over_many_mice() -> None:
    recall, false, claimed = [], 0, 0
    for seed in range(8):
        mouse = simulate_mouse(random_state=100 + seed)
        found = follow(mouse.neurons, groups(mouse), random_state=seed)
        face = found["face"].q < 0.05
        only = face & (found["stimulus"].q >= 0.05) & (found["movement"].q >= 0.05)
        recall.append(only[mouse.driver == "face"].mean())
        false += int(only[mouse.driver != "face"].sum())
        claimed += int(only.sum())
        assert face[mouse.driver == "movement"].mean() <= 0.1
    assert np.mean(recall) >= 0.9
    assert false / claimed <= 0.06
