"""What docs/evidence.md claims of the evidence, by fewer data sets than examples/honesty.py."""

import numpy as np
import pytest

from affectome.evidence import honesty


def test_the_parts_run_and_are_reproducible():
    assert np.array_equal(honesty.p_values("crossed", 2, 39), honesty.p_values("crossed", 2, 39))
    one = honesty.coverage("time series", 1.0, 3, n_permutations=100, n_bootstrap=50)
    assert (one.metric, one.share <= 1) == ("pearson_r", True)
    assert honesty.coverage("grouped", 0.0, 2, "balanced_accuracy", 100, 50).width > 0
    assert honesty.power(3.0, 64, 3, 39) == 1.0


def test_expected_power_grows_from_the_level_to_one():
    assert honesty.expected_power(0.0, 128) == pytest.approx(0.05)
    assert 0.7 < honesty.expected_power(0.5, 128) < 0.85
    assert honesty.expected_power(2.0, 128) > 0.999


@pytest.mark.slow
@pytest.mark.parametrize("design", sorted(honesty.DESIGNS))
def test_false_alarms_come_at_their_rate(design):
    p = honesty.p_values(design, 1000, n_permutations=399)
    assert 0.035 <= np.mean(p < 0.05) <= 0.065
    assert 0.45 <= np.mean(p < 0.5) <= 0.55


@pytest.mark.slow
@pytest.mark.parametrize("effect", [0.0, 1.0])
def test_intervals_hold_the_expected_score(effect):
    shares = [honesty.coverage(design, effect, 250).share for design in honesty.DESIGNS]
    assert 0.93 <= np.mean(shares) <= 0.97
    # Three standard errors of 250 data sets around 93 and 97 %.
    assert min(shares) > 0.88
    assert max(shares) < 0.995


@pytest.mark.slow
def test_a_stimulus_confound_fools_the_random_split_only():
    random, double = honesty.confound_scores(40)
    assert random.min() > 0.8
    assert abs(double.mean() - 0.5) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("n_trials", [96, 192])
def test_a_planted_effect_is_found_as_often_as_theory_says(n_trials):
    assert honesty.power(0.5, n_trials, 500) == pytest.approx(
        honesty.expected_power(0.5, n_trials), abs=0.06
    )
