import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from affectome.decoding.multilabel import (
    conformal_level,
    f1_thresholds,
    fit_scaling,
    label_ece,
    residual_quantile,
)
from affectome.errors import InputError


def planted(n, seed=0, offset=(-1.0, -2.5, -4.0), spread=2.0):
    """True logits of three labels, labels drawn from them, and logits twice too sure."""
    rng = np.random.default_rng(seed)
    z = rng.normal(offset, spread, (n, len(offset)))
    return 2 * z + 1, (rng.random(z.shape) < expit(z)).astype(float), z


def test_scaling_recovers_slope_and_offset_and_agrees_with_logistic_regression():
    logits, y, _ = planted(20000)
    scaling = fit_scaling(logits, y, pull=0.0)
    oracle = LogisticRegression(C=np.inf).fit(logits[:, [1]], y[:, 1])
    assert scaling.slope[1] == pytest.approx(oracle.coef_[0, 0], rel=1e-3)
    assert scaling.offset[1] == pytest.approx(oracle.intercept_[0], abs=1e-2)
    assert scaling.slope == pytest.approx([0.5] * 3, abs=0.03)
    assert scaling.offset == pytest.approx([-0.5] * 3, abs=0.15)


def test_a_strong_pull_gives_all_labels_one_slope():
    logits, y, _ = planted(500)
    free, tied = fit_scaling(logits, y, pull=0.0), fit_scaling(logits, y, pull=1e8)
    assert np.ptp(tied.slope) < 1e-3 < np.ptp(free.slope)


def test_scaling_repairs_calibration():
    logits, y, _ = planted(4000)
    fresh, y_fresh, _ = planted(4000, seed=1)
    scaling = fit_scaling(logits, y)
    assert label_ece(expit(fresh), y_fresh) > 0.05
    assert label_ece(scaling(fresh), y_fresh) < 0.02


def test_expected_threshold_is_half_the_best_f1():
    _, y, z = planted(50000)
    p = expit(z)
    thresholds = f1_thresholds(p, y, pull=np.inf)
    reached = [f1_score(y[:, k], p[:, k] >= thresholds[k]) for k in range(3)]
    assert thresholds == pytest.approx(np.array(reached) / 2, abs=0.02)


def test_seen_thresholds_are_the_best_of_all():
    _, y, z = planted(300)
    p = expit(z)
    thresholds = f1_thresholds(p, y, pull=0.0)
    for k in range(3):
        every = [f1_score(y[:, k], p[:, k] >= t, zero_division=0) for t in np.unique(p[:, k])]
        assert f1_score(y[:, k], p[:, k] >= thresholds[k]) == pytest.approx(max(every))


def test_drawing_thresholds_to_expectation_helps_rare_labels():
    gains = []
    for seed in range(30):
        _, y, z = planted(600, seed, offset=(-6.0, -5.5))
        _, y_new, z_new = planted(6000, 1000 + seed, offset=(-6.0, -5.5))
        if (y.sum(0) == 0).any():
            continue
        f1 = [
            f1_score(y_new, expit(z_new) >= f1_thresholds(expit(z), y, pull), average="macro")
            for pull in (0.0, 50.0)
        ]
        gains.append(f1[1] - f1[0])
    assert np.mean(gains) > 0.01


def test_sets_hold_all_labels_as_often_as_they_say():
    held = []
    for seed in range(60):
        _, y, z = planted(800, seed, offset=(-1.0, -1.0, -1.0))
        some = y.any(1)
        p, y = expit(z[some]), y[some].astype(bool)
        level = conformal_level(p[:200], y[:200])
        inside = (p[200:] >= level) | ~y[200:]
        held.append(inside.all(1).mean())
    assert np.mean(held) == pytest.approx(0.9, abs=0.01)


def test_intervals_hold_ratings_as_often_as_they_say():
    rng = np.random.default_rng(0)
    held = []
    for _ in range(200):
        y = rng.standard_t(3, 300)
        half = residual_quantile(y[:100], np.zeros(100))
        held.append((np.abs(y[100:]) <= half).mean())
    assert np.mean(held) == pytest.approx(0.9, abs=0.01)


def test_what_cannot_be_calibrated_says_so():
    with pytest.raises(InputError, match="label 1 holds for none or all of 4"):
        fit_scaling(np.zeros((4, 2)), [[1, 0], [0, 0], [1, 0], [0, 0]])
    with pytest.raises(InputError, match=r"got \(4, 2\) and \(3, 2\)"):
        f1_thresholds(np.zeros((4, 2)), np.zeros((3, 2)))
    with pytest.raises(InputError, match=r"0\.9 needs 9 trials; there are 5"):
        conformal_level(np.full((5, 2), 0.5), np.ones((5, 2)))
