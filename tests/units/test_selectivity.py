"""Selectivity of units on planted truth, against scipy, statsmodels and refits."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from statsmodels.stats.multitest import multipletests

from affectome.data import make_recording
from affectome.errors import InputError
from affectome.simulations import simulate_population
from affectome.units import selectivity
from affectome.units._alike import alikeness, shared_factors, weights
from affectome.units._rearranged import arrangements, explained, held_constant, preferred

CLASSES = np.array(["neutral", "pleasant", "unpleasant"])


def planted(n_trials=90, n_null=80, n_true=20, effect=1.0, seed=0, n_classes=3):
    """Units that do not care, then units that prefer one class each."""
    rng = np.random.default_rng(seed)
    codes = rng.permutation(np.arange(n_trials) % n_classes)
    X = rng.standard_normal((n_trials, n_null + n_true)).astype(np.float32)
    prefers = np.arange(n_true) % n_classes
    X[:, n_null:] += effect * (codes[:, None] == prefers)
    trials = pd.DataFrame({"emotion": CLASSES[codes], "brightness": rng.standard_normal(n_trials)})
    units = pd.DataFrame({"layer": "conv1", "channel": np.arange(n_null + n_true)})
    return make_recording(X, trials, units), codes


QUICK = {"n_permutations": 500, "order": "none"}


def themed(seed, n_themes=24, per=4, n_units=30, n_true=0, effect=0.0, alike=0.8):
    """Pictures that are alike within a theme, which has one class; the last units code it."""
    rng = np.random.default_rng(seed)
    theme = np.repeat(np.arange(n_themes), per)
    codes = rng.permutation(np.arange(n_themes) % 3)[theme]
    X = np.sqrt(alike) * rng.standard_normal((n_themes, n_units))[theme]
    X += np.sqrt(1 - alike) * rng.standard_normal((theme.size, n_units))
    prefers = np.arange(n_true) % 3
    X[:, n_units - n_true :] += effect * (codes[:, None] == prefers)
    trials = pd.DataFrame({"emotion": CLASSES[codes], "theme": [f"t{t}" for t in theme]})
    units = pd.DataFrame({"layer": "conv1", "channel": np.arange(n_units)})
    return make_recording(X.astype(np.float32), trials, units)


def test_the_table_holds_the_analysis_of_variance_and_its_adjusted_p():
    recording, codes = planted()
    found = selectivity(recording, "emotion", **QUICK)
    X = recording.values.astype(float)
    F, _ = stats.f_oneway(*[X[codes == c] for c in range(3)])
    assert_allclose(found.table["F"], F, rtol=1e-4)
    q = multipletests(found.table["p"], method="fdr_bh")[1]
    assert_allclose(found.table["q"], q, rtol=1e-9)
    assert_array_equal(found.selective, found.table["q"] <= 0.05)
    assert found.classes == ("neutral", "pleasant", "unpleasant")
    assert_array_equal(found.count, [30, 30, 30])
    for c in range(3):
        assert_allclose(found.sem[c], stats.sem(X[codes == c]), rtol=1e-4)
    assert list(found.table.columns[:2]) == ["layer", "channel"]
    assert found.null.n_arrangements == 500
    assert "over 100 units" in found.null.correction


def test_planted_units_are_found_with_the_class_they_prefer():
    recording, _ = planted(effect=1.5)
    found = selectivity(recording, "emotion", **QUICK)
    assert found.selective[80:].all()
    assert found.table["preferred"][80:].tolist() == CLASSES[np.arange(20) % 3].tolist()
    assert_array_equal(found.table["index"], found.d_prime.max(axis=0))


def test_where_themes_repeat_p_is_that_of_rearranged_themes():
    recording = themed(0, n_themes=6, per=3, n_units=4, n_true=2, effect=1.0)
    found = selectivity(recording, "emotion", n_permutations=4000, order="none")
    X = recording.values.astype(float)
    means = X.reshape(6, 3, 4).mean(axis=1)
    of_theme = recording["emotion"].values[::3]
    arranged = [np.array(a) for a in permutations(of_theme)]
    F = np.array([stats.f_oneway(*[means[a == c] for c in CLASSES])[0] for a in arranged])
    real = stats.f_oneway(*[means[of_theme == c] for c in CLASSES])[0]
    assert_allclose(found.table["p"], (real - 1e-9 <= F).mean(axis=0), atol=0.03)


def test_without_an_effect_p_is_uniform_where_pictures_share_themes():
    p = [
        selectivity(themed(s, n_units=1), "emotion", n_permutations=199, order="none").table["p"][0]
        for s in range(120)
    ]
    assert stats.binomtest(int(np.sum(np.array(p) <= 0.1)), 120, 0.1).pvalue > 0.001
    assert stats.kstest(p, "uniform").pvalue > 0.001


def test_without_an_effect_hardly_a_unit_of_the_shipped_simulation_is_selective():
    chosen = []
    for seed in range(10):
        recording, _ = simulate_population(
            n_subjects=6, n_trials=24, n_units=40, effect=0.0, stimulus_effect=1.0,
            random_state=seed,
        )  # fmt: skip
        chosen.append(selectivity(recording, "emotion", n_permutations=500).selective.mean())
    assert np.mean(chosen) <= 0.065


def test_false_discoveries_stay_under_the_promised_rate_and_power_is_that_of_theme_means():
    shares, ours, theirs = [], [], []
    for seed in range(20):
        recording = themed(seed, n_units=60, n_true=20, effect=1.6)
        chosen = selectivity(recording, "emotion", random_state=seed, **QUICK).selective
        means = recording.values.reshape(24, 4, 60).mean(axis=1)
        of_theme = recording["emotion"].values[::4]
        p = stats.f_oneway(*[means[of_theme == c] for c in CLASSES])[1]
        shares.append(chosen[:40].sum() / max(1, chosen.sum()))
        ours.append(chosen[40:].mean())
        theirs.append((multipletests(p, method="fdr_bh")[1] <= 0.05)[40:].mean())
    assert np.mean(shares) <= 0.05 + 2 * np.std(shares) / np.sqrt(20)
    assert np.mean(theirs) > 0.3
    assert np.mean(ours) >= 0.9 * np.mean(theirs)


def test_pictures_that_are_alike_weigh_less_where_themes_are_unequal():
    rng = np.random.default_rng(0)
    theme = np.repeat(np.arange(100), [15, 10, *[2] * 98])
    codes = rng.integers(0, 3, 100)[theme]
    alike = rng.standard_normal((100, 40))[theme]
    X = alike + 0.5 * rng.standard_normal((theme.size, 40))
    trials = pd.DataFrame({"emotion": CLASSES[codes], "theme": [f"t{t}" for t in theme]})
    recording = make_recording(X, trials, pd.DataFrame({"neuron": np.arange(40)}))
    factors = shared_factors(trials, codes, "none", ["emotion"])
    assert_allclose(alikeness(X, factors, 0), [0.8], atol=0.1)
    base = weights(held_constant(theme.size, None), factors, np.array([0.8]))
    covariance = 0.8 * (theme[:, None] == theme) + 0.2 * np.eye(theme.size)
    inverse = np.linalg.inv(covariance)
    ones = np.ones((theme.size, 1))
    exact = inverse - inverse @ ones @ ones.T @ inverse / (ones.T @ inverse @ ones)
    assert_allclose((np.eye(theme.size) - base @ base.T) / 0.2, exact, atol=1e-8)
    assert not selectivity(recording, "emotion", **QUICK).selective.any()


def test_permutation_is_that_of_scipy_where_nothing_is_shared():
    recording, codes = planted(n_trials=30, n_null=3, n_true=2, effect=0.6)
    ours = selectivity(recording, "emotion", n_permutations=5000, order="none").table["p"]

    def statistic(*samples, axis):
        return stats.f_oneway(*samples, axis=axis).statistic

    for unit in range(5):
        samples = [recording.values[codes == c, unit].astype(float) for c in range(3)]
        theirs = stats.permutation_test(
            samples, statistic, vectorized=True, n_resamples=5000, alternative="greater", rng=1
        )
        assert abs(ours[unit] - theirs.pvalue) < 0.03


def test_thousands_of_units_can_be_corrected_for_with_a_thousand_rearrangements():
    recording, _ = planted(n_trials=90, n_null=4990, n_true=10, effect=2.0)
    found = selectivity(recording, "emotion", n_permutations=1000, order="none")
    assert found.selective[-10:].all()
    assert found.selective[:-10].sum() <= 2
    assert found.table["p"].min() >= 2 / 1000**2


@pytest.mark.parametrize("with_covariate", [False, True])
def test_the_kernel_is_nested_least_squares_for_every_arrangement(with_covariate):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((40, 7))
    covariates = rng.standard_normal((40, 2)) if with_covariate else None
    rows = np.stack([rng.integers(0, 3, 40) for _ in range(6)])
    base = held_constant(40, covariates)
    got = np.concatenate([s for _, s in explained(X, arrangements(rows, 3, base))], axis=1)
    null = np.column_stack([np.ones(40)] if covariates is None else [np.ones(40), covariates])
    for r, row in enumerate(rows):
        full = np.column_stack([null, row == 1, row == 2]).astype(float)
        for u in range(7):
            r0, r1 = (sm.OLS(X[:, u], design).fit().ssr for design in (null, full))
            assert_allclose(got[r, u], 1 - r1 / r0, atol=1e-9)
    prefers = preferred(X, arrangements(rows, 3, held_constant(40, None)))
    means = np.array([[X[row == c].mean(axis=0) for c in range(3)] for row in rows])
    assert_array_equal(prefers, means.argmax(axis=1))


def test_trials_that_move_together_are_summed_first():
    recording = themed(3, n_themes=8, per=5)
    codes = np.unique(recording["emotion"].values, return_inverse=True)[1]
    rows = np.stack([codes, *(np.roll(codes, 5 * k) for k in range(1, 7))])
    drawn = arrangements(rows, 3, held_constant(40, None))
    assert drawn.labels.shape == (7, 8)
    assert_array_equal(drawn.sizes, np.full(8, 5.0))


def test_few_themes_give_no_p_and_say_why():
    found = selectivity(themed(0, n_themes=3, per=8), "emotion", n_permutations=99, order="none")
    assert found.null is None
    assert found.why.startswith("no p, because")
    assert found.table[["p", "q"]].isna().all(axis=None)
    assert not found.selective.any()
    assert found.table["F"].notna().all()


def test_covariates_give_the_f_of_nested_linear_models():
    recording, codes = planted(n_null=6, n_true=4)
    brightness = recording["brightness"].values
    ours = selectivity(recording, "emotion", covariates=["brightness"], **QUICK)
    base = sm.add_constant(brightness)
    full = np.column_stack([base, codes == 1, codes == 2]).astype(float)
    for unit in range(10):
        y = recording.values[:, unit].astype(float)
        F, p, _ = sm.OLS(y, full).fit().compare_f_test(sm.OLS(y, base).fit())
        assert_allclose(ours.table["F"][unit], F, rtol=1e-6)
        assert abs(ours.table["p"][unit] - p) < 0.07


def test_what_a_covariate_explains_does_not_count():
    rng = np.random.default_rng(5)
    codes = np.arange(120) % 3
    brightness = codes + 0.7 * rng.standard_normal(120)
    X = brightness[:, None] + rng.standard_normal((120, 50))
    X[:, 0] = 3.0
    recording = make_recording(
        X, pd.DataFrame({"emotion": CLASSES[codes]}), pd.DataFrame({"voxel": np.arange(50)})
    )
    assert selectivity(recording, "emotion", **QUICK).selective[1:].all()
    given = selectivity(recording, "emotion", covariates=brightness, **QUICK)
    assert given.selective.mean() <= 0.1
    assert given.table["preferred"][0] == ""


def test_a_unit_that_never_varies_is_not_selective_and_not_in_the_family():
    recording, _ = planted(effect=1.5)
    values = recording.values.copy()
    values[:, :50] = 0.1
    dead = selectivity(recording.copy(data=values), "emotion", **QUICK)
    assert not dead.selective[:50].any()
    assert dead.table[["p", "q", "index"]][:50].isna().all(axis=None)
    assert (dead.table["preferred"][:50] == "").all()
    alive = selectivity(recording[:, 50:], "emotion", **QUICK)
    assert_allclose(dead.table["q"][50:], alive.table["q"])
    values[:] = 1.0
    assert not selectivity(recording.copy(data=values), "emotion", **QUICK).selective.any()


def test_the_strongest_units_of_each_place_are_those_with_the_largest_f():
    recording = themed(0, n_units=20, n_true=4, effect=3.0)
    recording = recording.assign_coords(layer=("unit", np.repeat(["conv1", "conv2"], 10)))
    found = selectivity(recording, "emotion", **QUICK)
    assert {k: v.tolist() for k, v in found.strongest("layer", 0.4).items()} == {
        "conv1": sorted(np.argsort(-found.table["F"].to_numpy()[:10])[:4].tolist()),
        "conv2": [6, 7, 8, 9],
    }
    assert [len(v) for v in found.strongest().values()] == [2]


def test_two_classes_and_one_unit_work():
    recording, codes = planted(n_classes=2, n_null=1, n_true=0)
    found = selectivity(recording, codes, **QUICK)
    F, _ = stats.f_oneway(*[recording.values[codes == c].astype(float) for c in (0, 1)])
    assert_allclose(found.table["F"], F, rtol=1e-4)
    assert found.classes == ("0", "1")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": "mood"}, "the trials have no 'mood'; they have emotion, brightness"),
        ({"labels": ["a", "b"]}, r"90 trials but labels of the shape \(2,\)"),
        ({"labels": ["a"] * 90}, "there is one class only"),
        ({"labels": ["a"] * 89 + ["b"]}, "the class b has one trial"),
        ({"q": 0}, "q is a false discovery rate between 0 and 1; got 0"),
        ({"n_permutations": 0}, "n_permutations is at least 1; got 0"),
        ({"covariates": ["motion"]}, "the trials have no covariate motion"),
        ({"covariates": np.ones(3)}, "covariates are numbers, one row for each of 90 trials"),
        ({"covariates": np.full(90, np.nan)}, "a covariate of trial 0 is NaN"),
        ({"covariates": np.random.default_rng(0).random((90, 95))}, "leave nothing of the 3"),
    ],
)
def test_bad_input_is_refused_in_one_line(change, message):
    recording, _ = planted()
    with pytest.raises(InputError, match=message):
        selectivity(recording, **({"labels": "emotion"} | change))


def test_a_recording_with_time_is_sent_back():
    recording = make_recording(
        np.zeros((4, 2, 3)),
        pd.DataFrame({"e": list("aabb")}),
        pd.DataFrame({"u": range(3)}),
        [0, 1],
    )
    with pytest.raises(InputError, match="average over a window first"):
        selectivity(recording, "e")
