"""Selectivity of units on planted truth, against scipy, statsmodels and refits."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from statsmodels.stats.multitest import multipletests

from affectome.data import make_recording
from affectome.errors import InputError
from affectome.units import selectivity

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


def test_the_table_holds_the_analysis_of_variance_and_its_adjusted_p():
    recording, codes = planted()
    found = selectivity(recording, "emotion")
    X = recording.values.astype(float)
    F, p = stats.f_oneway(*[X[codes == c] for c in range(3)])
    assert_allclose(found.table["F"], F, rtol=1e-4)
    assert_allclose(found.table["p"], p, rtol=1e-3)
    assert_allclose(found.table["q"], multipletests(p, method="fdr_bh")[1], rtol=1e-3)
    assert_array_equal(found.selective, found.table["q"] <= 0.05)
    assert found.classes == ("neutral", "pleasant", "unpleasant")
    assert_array_equal(found.count, [30, 30, 30])
    for c in range(3):
        assert_allclose(found.sem[c], stats.sem(X[codes == c]), rtol=1e-4)
    assert list(found.table.columns[:2]) == ["layer", "channel"]


def test_planted_units_are_found_with_the_class_they_prefer():
    recording, _ = planted(effect=1.5)
    found = selectivity(recording, "emotion")
    assert found.selective[80:].all()
    assert found.table["preferred"][80:].tolist() == CLASSES[np.arange(20) % 3].tolist()
    assert_array_equal(found.table["index"], found.d_prime.max(axis=0))


@pytest.mark.parametrize("method", ["parametric", "permutation"])
def test_false_discoveries_stay_under_the_promised_rate(method):
    shares = []
    for seed in range(40):
        recording, _ = planted(seed=seed)
        chosen = selectivity(
            recording, "emotion", method=method, n_permutations=1000, random_state=seed
        ).selective
        shares.append(chosen[:80].sum() / max(1, chosen.sum()))
    assert np.mean(shares) <= 0.05 + 2 * np.std(shares) / np.sqrt(40)


def test_without_any_effect_hardly_ever_a_unit_is_selective():
    any_chosen = [
        selectivity(planted(n_true=0, seed=s)[0], "emotion").selective.any() for s in range(100)
    ]
    assert stats.binom.sf(np.sum(any_chosen) - 1, 100, 0.05) > 0.001


def test_permutation_agrees_with_the_parametric_p_on_normal_responses():
    recording, _ = planted(n_null=40, n_true=6)
    exact = selectivity(recording, "emotion").table["p"]
    permuted = selectivity(recording, "emotion", method="permutation", n_permutations=4000)
    assert np.abs(permuted.table["p"] - exact).max() < 0.035
    assert permuted.table["p"].min() == 1 / 4001


def test_permutation_is_that_of_scipy():
    recording, codes = planted(n_trials=30, n_null=3, n_true=2, effect=0.6)
    ours = selectivity(recording, "emotion", method="permutation", n_permutations=5000).table["p"]

    def statistic(*samples, axis):
        return stats.f_oneway(*samples, axis=axis).statistic

    for unit in range(5):
        samples = [recording.values[codes == c, unit].astype(float) for c in range(3)]
        theirs = stats.permutation_test(
            samples, statistic, vectorized=True, n_resamples=5000, alternative="greater", rng=1
        )
        assert abs(ours[unit] - theirs.pvalue) < 0.03


def test_permutations_stay_inside_blocks():
    rng = np.random.default_rng(0)
    session = np.repeat([0, 1], 30)
    codes = np.concatenate([np.repeat([0, 1], [25, 5]), np.repeat([0, 1], [5, 25])])
    X = (session[:, None] * 5 + rng.standard_normal((60, 40))).astype(np.float32)
    recording = make_recording(
        X, pd.DataFrame({"emotion": CLASSES[codes]}), pd.DataFrame({"neuron": np.arange(40)})
    )
    settings = {"method": "permutation", "n_permutations": 500}
    assert selectivity(recording, "emotion", **settings).selective.all()
    assert not selectivity(recording, "emotion", blocks=session, **settings).selective.any()


def test_covariates_give_the_f_of_nested_linear_models():
    recording, codes = planted(n_null=6, n_true=4)
    brightness = recording["brightness"].values
    ours = selectivity(recording, "emotion", covariates=["brightness"])
    base = sm.add_constant(brightness)
    full = np.column_stack([base, codes == 1, codes == 2]).astype(float)
    for unit in range(10):
        y = recording.values[:, unit].astype(float)
        F, p, _ = sm.OLS(y, full).fit().compare_f_test(sm.OLS(y, base).fit())
        assert_allclose(ours.table.loc[unit, ["F", "p"]].astype(float), [F, p], rtol=1e-6)


def test_what_a_covariate_explains_does_not_count():
    rng = np.random.default_rng(5)
    codes = np.arange(120) % 3
    brightness = codes + 0.7 * rng.standard_normal(120)
    X = brightness[:, None] + rng.standard_normal((120, 50))
    X[:, 0] = 3.0
    recording = make_recording(
        X, pd.DataFrame({"emotion": CLASSES[codes]}), pd.DataFrame({"voxel": np.arange(50)})
    )
    assert selectivity(recording, "emotion").selective[1:].all()
    given = selectivity(recording, "emotion", covariates=brightness)
    assert given.selective.mean() <= 0.1
    assert given.table["preferred"][0] == ""


def test_a_unit_that_never_varies_is_not_selective_and_not_in_the_family():
    recording, _ = planted(effect=1.5)
    values = recording.values.copy()
    values[:, :50] = 0.1
    dead = selectivity(recording.copy(data=values), "emotion")
    assert not dead.selective[:50].any()
    assert (dead.table["q"][:50] == 1).all()
    assert (dead.table["preferred"][:50] == "").all()
    alive = selectivity(recording[:, 50:], "emotion")
    assert_allclose(dead.table["q"][50:], alive.table["q"])
    values[:] = 1.0
    assert not selectivity(recording.copy(data=values), "emotion").selective.any()


def test_two_classes_and_one_unit_work():
    recording, codes = planted(n_classes=2, n_null=1, n_true=0)
    found = selectivity(recording, codes)
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
        ({"method": "bayes"}, "method is one of parametric, permutation .* got 'bayes' and 0.05"),
        ({"q": 0}, "q between 0 and 1; got 'parametric' and 0"),
        ({"method": "permutation", "covariates": ["brightness"]}, "covariates need method"),
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
