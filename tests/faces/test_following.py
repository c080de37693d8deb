"""Neurons that follow face, stimulus or movement: planted ones are found, others are not."""

from __future__ import annotations

import numpy as np
import pytest

from affectome.errors import InputError
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
from affectome.simulations.mice import DRIVERS, SimulatedMouse, simulate_mouse


def followers(mouse: SimulatedMouse, n_draws: int = 499) -> Followers:
    face = np.column_stack(list(mouse.intensity.values()))
    kernels = [stimulus_kernels(mouse.times, mouse.onsets, e) for e in ((0, 1, 2, 4, 8), FINE)]
    coarse, fine = (np.column_stack(list(k.values())) for k in kernels)
    parts = [mouse.neurons, face, mouse.movement[:, None], coarse, fine]
    values, times = binned(np.column_stack(parts), mouse.times)
    ends = np.cumsum([part.shape[1] for part in parts])[:-1]
    traces, shown, moved, rough, exact = np.split(values, ends, axis=1)
    sources = {
        "face": Source(shown, lagged(shown, times)),
        "stimulus": Source(rough, exact),
        "movement": Source(moved, lagged(moved, times)),
    }
    onsets = np.concatenate(list(mouse.onsets.values()))
    return follow(traces, sources, times, onsets, n_draws)


def test_planted_neurons_are_found_and_told_apart() -> None:
    mouse = simulate_mouse(n_trials=15, n_neurons=(8, 8, 8, 16), random_state=1)
    found = followers(mouse).by_source
    for name in DRIVERS[:3]:
        assert (found[name].q < 0.05)[mouse.driver == name].mean() >= 0.85
    assert (found["face"].q < 0.05)[mouse.driver != "face"].sum() <= 1
    assert found["face"].unique[mouse.driver == "face"].mean() > 0.05
    assert found["face"].unique[mouse.driver != "face"].mean() < 0.02
    assert np.isnan(found["face"].r).all()
    assert np.isfinite(found["movement"].r).all()


def test_too_short_a_recording_has_no_p() -> None:
    rng = np.random.default_rng(0)
    face = rng.normal(size=(60, 1))
    times = np.arange(60) / 5
    found = follow(rng.normal(size=(60, 3)), {"face": Source(face, face)}, times, np.zeros(0))
    assert found.why.startswith("no p, because 60 samples are too few")
    assert np.isnan(found.by_source["face"].q).all()


def test_what_can_not_be_followed() -> None:
    ok, times = np.random.default_rng(0).normal(size=(300, 2)), np.arange(300) / 5
    short, bad = ok[:200], np.full((300, 1), np.nan)
    with pytest.raises(InputError, match=r"a have the shape \(200, 2\); give \(n_times"):
        follow(ok, {"a": Source(short, short)}, times, np.zeros(0))
    with pytest.raises(InputError, match="a hold values that are NaN"):
        follow(ok, {"a": Source(bad, bad)}, times, np.zeros(0))


def test_bins_are_means_and_slow_recordings_stay_as_they_are() -> None:
    values, times = np.arange(20.0)[:, None], np.arange(20) / 10
    means, at = binned(values, times)
    np.testing.assert_allclose(means[:, 0], np.arange(0.5, 20, 2))
    np.testing.assert_allclose(at, np.arange(0.05, 2, 0.2))
    slow = np.arange(20) / 5
    assert binned(values, slow)[0] is values


def test_lags_run_both_ways() -> None:
    columns = np.arange(10.0)[:, None]
    made = lagged(columns, np.arange(10) / 5, 0.4)
    np.testing.assert_array_equal(made[5], [3, 4, 5, 6, 7])
    np.testing.assert_array_equal(made[0], [0, 0, 0, 1, 2])


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
    for seed in range(6):
        mouse = simulate_mouse(random_state=100 + seed)
        hit = followers(mouse, 999).by_source["face"].q < 0.05
        recall.append(hit[mouse.driver == "face"].mean())
        false += int(hit[mouse.driver != "face"].sum())
        claimed += int(hit.sum())
    assert np.mean(recall) >= 0.85
    assert false / claimed <= 0.08
