"""Surrogates of slow series: whitening, stretches, and slow pairs that are strangers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import pearsonr

from affectome.errors import InputError
from affectome.evidence.surrogates import (
    associate,
    fit_whitener,
    runs_of,
    slow_columns,
    stretches_of,
    why_no_surrogates,
)
from affectome.simulations.slow import slow_series

TIMES = np.arange(1200) / 5


def p_of(neuron: np.ndarray, face: np.ndarray, seed: int = 0) -> float:
    runs, nothing = runs_of(TIMES), np.zeros((len(TIMES), 0))
    source = face[:, None]
    whitener = fit_whitener(neuron, source, slow_columns(TIMES, runs), runs)
    stretches = stretches_of(TIMES)
    return associate(neuron, source, nothing, whitener, runs, stretches, 499, seed).p


def test_an_autoregression_is_found_and_taken_off() -> None:
    rng = np.random.default_rng(0)
    series = lfilter([1], [1, -1.2, 0.5], rng.normal(size=1200))
    runs = runs_of(TIMES)
    whitener = fit_whitener(series, rng.normal(size=(1200, 1)), slow_columns(TIMES, runs), runs)
    np.testing.assert_allclose(whitener.past[:2], [1.2, -0.5], atol=0.08)


def test_runs_and_stretches() -> None:
    times = np.r_[np.arange(50.0), np.arange(80.0, 130.0)]
    assert np.flatnonzero(np.diff(runs_of(times))).tolist() == [49]
    stretches = stretches_of(np.arange(100.0), [10, 22, 23, 34])
    starts = np.flatnonzero(np.diff(stretches)) + 1
    assert {9, 21, 33} <= set(starts.tolist())
    assert 22 not in starts
    assert np.diff(np.r_[0, starts, 100]).min() >= 4
    assert np.diff(np.r_[0, starts, 100]).max() <= 25


def test_partial_correlation_of_white_series_is_pearsons() -> None:
    rng = np.random.default_rng(1)
    other = rng.normal(size=(1200, 1))
    face = other[:, 0] + rng.normal(size=1200)
    neuron = 0.2 * face - other[:, 0] + rng.normal(size=1200)
    runs = runs_of(TIMES)
    slow = slow_columns(TIMES, runs)
    whitener = fit_whitener(neuron, np.column_stack([face, other]), slow, runs)
    found = associate(neuron, face[:, None], other, whitener, runs, stretches_of(TIMES), 199)
    design = np.column_stack([other, slow])
    left = [v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in (face, neuron)]
    assert found.r == pytest.approx(pearsonr(*left).statistic, abs=0.03)
    assert found.share == pytest.approx(found.r**2)
    assert found.p == 1 / 200


def test_too_little_gives_no_p_and_says_why() -> None:
    few = np.arange(100) / 5
    assert "100 samples are too few for 3 regressors" in why_no_surrogates(few, np.arange(100), 3)
    assert "has 2 stretches" in why_no_surrogates(TIMES, np.arange(1200) // 600, 3)
    assert why_no_surrogates(TIMES, stretches_of(TIMES), 3) is None
    with pytest.raises(InputError, match="the kind is one of AR"):
        slow_series("pink", TIMES, np.zeros(0), np.random.default_rng(0))


@pytest.mark.parametrize("kind", ["AR .99", "random walk", "drift", "season of 37 s"])
def test_slow_pairs_don_t_follow_each_other(kind: str) -> None:
    p = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        pair = [slow_series(kind, TIMES, np.zeros(0), rng) for _ in range(2)]
        p.append(p_of(*pair, seed))
    assert np.mean(np.array(p) <= 0.05) <= 0.12


@pytest.mark.parametrize("kind", ["AR .9", "random walk"])
def test_a_true_follower_is_found(kind: str) -> None:
    hits = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        face = slow_series("calcium", TIMES, np.zeros(0), rng)
        noise = slow_series(kind, TIMES, np.zeros(0), rng)
        innovation = np.diff(noise).std()
        hits += p_of(0.3 * innovation * face / np.diff(face).std() + noise, face, seed) <= 0.05
    assert hits >= 18
