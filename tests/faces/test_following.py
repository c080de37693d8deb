"""Neurons that follow face, stimulus or movement: planted ones are found, slow ones are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectome.errors import InputError
from affectome.faces.following import (
    FINE,
    Source,
    align_clocks,
    binned,
    follow,
    lagged,
    stimulus_kernels,
)
from affectome.simulations.mice import DRIVERS, simulate_mouse
from affectome.simulations.slow import KINDS, slow_series

TIMES = np.arange(0, 300, 0.2)
ONSETS = np.arange(10, 290, 12.0)


def source(columns: np.ndarray) -> Source:
    return Source(columns, lagged(columns, TIMES))


def sources_of(mouse) -> tuple[np.ndarray, np.ndarray, dict[str, Source]]:
    neurons, times = binned(mouse.neurons, mouse.times)
    face = binned(np.column_stack(list(mouse.intensity.values())), mouse.times)[0]
    movement = binned(mouse.movement[:, None], mouse.times)[0]
    coarse = np.column_stack(list(stimulus_kernels(times, mouse.onsets).values()))
    fine = np.column_stack(list(stimulus_kernels(times, mouse.onsets, FINE).values()))
    return (
        neurons,
        times,
        {
            "face": Source(face, lagged(face, times)),
            "stimulus": Source(coarse, fine),
            "movement": Source(movement, lagged(movement, times)),
        },
    )


def test_planted_neurons_are_found_and_told_apart() -> None:
    mouse = simulate_mouse(n_trials=15, n_neurons=(8, 8, 8, 16), random_state=1)
    neurons, times, sources = sources_of(mouse)
    onsets = np.concatenate(list(mouse.onsets.values()))
    found = follow(neurons, sources, times, onsets, n_draws=300).by_source
    for name in DRIVERS[:3]:
        hit = found[name].q < 0.05
        assert hit[mouse.driver == name].mean() >= 0.7
    assert (found["face"].q[mouse.driver == "none"] < 0.05).sum() <= 1


def test_two_series_that_share_a_fast_part_go_together_and_scale_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(len(TIMES), 1))
    neurons = np.column_stack([shared[:, 0] + rng.normal(size=len(TIMES)), rng.normal(size=1500)])
    first = follow(neurons, {"a": source(shared)}, TIMES, ONSETS, n_draws=200).by_source["a"]
    assert first.q[0] < 0.05 < first.q[1]
    assert first.r[0] == pytest.approx(np.sqrt(0.5), abs=0.05)
    scaled = {"a": source(3 - 7 * shared)}
    again = follow(100 * neurons + 5, scaled, TIMES, ONSETS, n_draws=200).by_source["a"]
    np.testing.assert_allclose(again.share, first.share, atol=1e-6)
    np.testing.assert_allclose(again.r, -first.r, atol=1e-6)


@settings(deadline=None, max_examples=8)
@given(st.sampled_from(KINDS))
def test_every_kind_of_slow_series_gives_a_p(kind: str) -> None:
    rng = np.random.default_rng(1)
    trace = slow_series(kind, TIMES, ONSETS, rng)[:, None]
    neuron = slow_series(kind, TIMES, ONSETS, rng)[:, None]
    found = follow(neuron, {"a": source(trace)}, TIMES, ONSETS, n_draws=100)
    assert found.why is None
    assert 0 < found.by_source["a"].p[0] <= 1


def test_what_can_not_be_followed() -> None:
    rng = np.random.default_rng(0)
    ok = rng.normal(size=(len(TIMES), 2))
    with pytest.raises(InputError, match=r"a have the shape \(200, 2\); give \(n_times"):
        follow(ok, {"a": Source(ok[:200], ok[:200])}, TIMES, ONSETS)
    with pytest.raises(InputError, match="a hold values that are NaN"):
        follow(ok, {"a": Source(np.full((len(TIMES), 1), np.nan), ok)}, TIMES, ONSETS)
    few = follow(ok[:50], {"a": Source(ok[:50], ok[:50])}, TIMES[:50], ONSETS[:1])
    assert few.why.startswith("no p, because 50 samples are too few")
    assert np.isnan(few.by_source["a"].p).all()


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
@pytest.mark.parametrize("kind", KINDS)
def test_slow_series_that_know_nothing_of_each_other_are_rarely_taken_for_followers(kind) -> None:
    hits = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        trace, neuron = (slow_series(kind, TIMES, ONSETS, rng)[:, None] for _ in range(2))
        found = follow(neuron, {"a": source(trace)}, TIMES, ONSETS, 199, 10_000 + seed)
        hits += bool(found.by_source["a"].p[0] <= 0.05)
    assert hits <= 10  # an exact test passes 10 in 99 of 100 runs


@pytest.mark.slow
def test_recall_and_false_discoveries_over_many_mice() -> None:
    recall, false, claimed = [], 0, 0
    for seed in range(4):
        mouse = simulate_mouse(random_state=100 + seed)
        neurons, times, sources = sources_of(mouse)
        onsets = np.concatenate(list(mouse.onsets.values()))
        face = follow(neurons, sources, times, onsets, 300, seed).by_source["face"].q < 0.05
        recall.append(face[mouse.driver == "face"].mean())
        claimed += face.sum()
        false += face[np.isin(mouse.driver, ["none"])].sum()
    assert np.mean(recall) >= 0.7
    assert false <= 0.1 * max(claimed, 1)
