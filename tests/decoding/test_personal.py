"""Personal models: closed forms by hand, the limits of few and many trials, a fair curve."""

import tracemalloc

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.covariance import ledoit_wolf, oas

from affectome.decoding.few_shot import few_shot_curve
from affectome.decoding.personal import Covariance, PersonalDecoder, _Noise, _posterior, _priors
from affectome.errors import InputError


def people(n_people=8, n_trials=60, n_units=12, own=1.0, seed=0):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(3, n_units))
    X, y, groups = [], [], []
    for s in range(n_people):
        codes = np.arange(n_trials) % 3
        means = shared + own * rng.normal(size=shared.shape) + own * rng.normal(size=n_units)
        X.append(means[codes] + 1.5 * rng.normal(size=(n_trials, n_units)))
        y.append(np.array(["calm", "fear", "joy"])[codes])
        groups.append(np.full(n_trials, f"sub-{s}"))
    return np.concatenate(X), np.concatenate(y), np.concatenate(groups)


def test_the_shrunk_deviation_is_the_posterior_mean_of_a_normal_model():
    rng = np.random.default_rng(0)
    prior = np.cov(rng.normal(size=(3, 9)))
    gain, left = _posterior(Covariance(prior, 0.5), 0.25)
    # Condition the joint normal of (truth, truth + noise) on what was seen.
    seen = rng.normal(size=3)
    total = prior + 0.25 * np.eye(3)
    np.testing.assert_allclose(seen @ gain, prior @ np.linalg.inv(total) @ seen)
    np.testing.assert_allclose(left.inner, prior - prior @ np.linalg.inv(total) @ prior)
    assert left.outer == pytest.approx(0.5 - 0.5**2 / 0.75)


def test_probabilities_are_those_of_normal_densities():
    X, y, groups = people()
    decoder = PersonalDecoder().fit(X, y, groups).adapt(X[:9], y[:9])
    covariance = np.eye(12) + decoder.offset_.inner + 2 / 3 * decoder.deviation_.inner
    z = X[:5] @ decoder.whiten_
    density = np.stack([multivariate_normal(m, covariance).pdf(z) for m in decoder.means_], axis=1)
    expected = density / density.sum(1, keepdims=True)
    np.testing.assert_allclose(decoder.predict_proba(X[:5]), expected, atol=1e-8)


@pytest.mark.parametrize("n_units", [20, 150])
def test_the_noise_is_that_of_ledoit_and_wolf_written_out(n_units):
    rng = np.random.default_rng(0)
    residuals = rng.normal(size=(60, n_units)) * rng.uniform(0.5, 2, n_units)
    noise, rows = _Noise(residuals, 50), rng.normal(size=(4, n_units))
    written = ledoit_wolf(residuals, assume_centered=True)[0] * 60 / 50
    np.testing.assert_allclose(noise.divide(rows), np.linalg.solve(written, rows.T).T, rtol=1e-6)
    to, along = noise.directions_of(rows)
    np.testing.assert_allclose(along @ along.T, rows @ np.linalg.solve(written, rows.T))
    np.testing.assert_allclose(rows @ to, along, atol=1e-8)


def test_the_seen_prior_is_that_of_oas_written_out():
    rows = np.random.default_rng(1).normal(size=(9, 6)) * [3, 2, 1, 1, 1, 1]
    padded = np.column_stack([rows, np.zeros((9, 30))])
    seen = _priors(rows, 0.0, 36)[0]
    written = oas(padded, assume_centered=True)[0]
    np.testing.assert_allclose(seen.inner, written[:6, :6])
    assert seen.outer == pytest.approx(written[-1, -1])


def test_turning_more_units_than_trials_changes_nothing():
    """The same trials turned by an orthonormal map, which no decoder of this kind should mind."""
    X, y, groups = people(n_people=6, n_trials=18, n_units=150, own=0.3)
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(150, 150)))[0]
    mine = groups == "sub-0"
    found = []
    for values in (X, X @ turn):
        everybody = PersonalDecoder().fit(values[~mine], y[~mine], groups[~mine])
        person = everybody.adapt(values[mine][:6], y[mine][:6])
        assert person.offset_.inner.shape[0] <= 5 * 3 + 3
        found.append(person.decision_function(values[mine][6:]))
    np.testing.assert_allclose(*found, rtol=1e-6)


def test_forty_thousand_voxels_need_no_matrix_of_voxels_by_voxels():
    X, y, groups = people(n_people=4, n_trials=12, n_units=40_000, own=0.1)
    mine = groups == "sub-3"
    tracemalloc.start()
    person = PersonalDecoder().fit(X[~mine], y[~mine], groups[~mine])
    person = person.adapt(X[mine][:6], y[mine][:6])
    assert tracemalloc.get_traced_memory()[1] < 12 * X.nbytes
    tracemalloc.stop()
    assert (person.predict(X[mine][6:]) == y[mine][6:]).mean() > 0.8


def test_works_inside_folds_that_pass_people_and_stimuli():
    X, y, groups = people(n_people=4, n_trials=12)
    both = np.column_stack([np.unique(groups, return_inverse=True)[1], np.tile(np.arange(12), 4)])
    np.testing.assert_array_equal(
        PersonalDecoder().fit(X, y, both).predict(X), PersonalDecoder().fit(X, y, groups).predict(X)
    )


def test_many_trials_give_the_persons_own_means_and_adapting_leaves_the_population_alone():
    X, y, groups = people(n_trials=3000, n_people=4)
    population = PersonalDecoder().fit(X, y, groups)
    before = population.decision_function(X[:4])
    mine = groups == "sub-0"
    person = population.adapt(X[mine], y[mine])
    own = np.stack([X[mine & (y == c)].mean(0) for c in population.classes_])
    np.testing.assert_allclose(person.means_, own @ person.whiten_, atol=0.05)
    np.testing.assert_array_equal(before, population.decision_function(X[:4]))


def test_people_who_do_not_differ_need_no_trials():
    X, y, groups = people(own=0.0, n_people=12)
    curve = few_shot_curve(X, y, groups, n_repeats=2, shots=(0, 5))
    assert curve.personal[:, 0].mean() == pytest.approx(curve.personal[:, 1].mean(), abs=0.03)


def test_few_trials_help_and_beat_those_trials_alone():
    X, y, groups = people()
    curve = few_shot_curve(X, y, groups, n_repeats=4)
    personal, alone = curve.personal.mean(0), curve.alone.mean(0)
    assert curve.shots == (0, 1, 2, 5, 10)
    assert personal[-1] > personal[0] + 0.1
    assert (personal[1:] > alone[1:]).all()
    assert np.isnan(alone[0])
    rows = curve.to_dict()["curve"]
    assert [r["shots"] for r in rows] == [0, 1, 2, 5, 10]
    assert rows[2]["personal"] == pytest.approx(personal[2])


def test_stimuli_that_are_tested_train_nobody():
    rng = np.random.default_rng(0)
    n = 6 * 24
    y = np.tile(["a", "b"], n // 2)
    stimuli = np.char.add(y, np.tile(np.repeat(np.arange(4).astype(str), 2), n // 8))
    identity = {s: rng.normal(size=20) * 3 for s in np.unique(stimuli)}
    X = np.stack([identity[s] for s in stimuli]) + rng.normal(size=(n, 20))
    groups = np.repeat(np.arange(6), 24)
    leaky = few_shot_curve(X, y, groups, shots=(5,), n_repeats=6).personal.mean()
    honest = few_shot_curve(X, y, groups, stimuli=stimuli, shots=(5,), n_repeats=6)
    assert leaky > 0.95
    assert honest.personal.mean() < 0.75


def test_shots_that_a_person_can_not_give_are_left_out():
    X, y, groups = people(n_trials=18)
    assert few_shot_curve(X, y, groups, n_repeats=1).shots == (0, 1, 2)


def test_says_what_is_wrong():
    X, y, groups = people(4, 30)
    with pytest.raises(InputError, match="people as groups, three or more"):
        PersonalDecoder().fit(X, y)
    with pytest.raises(InputError, match=r"person 1 .* has no trial of a class"):
        PersonalDecoder().fit(X, np.where(groups == "sub-1", "fear", y), groups)
    with pytest.raises(InputError, match="every class once and no other"):
        PersonalDecoder().fit(X, y, groups).adapt(X[:2], ["fear", "joy"])
    with pytest.raises(InputError, match="two trials or more of a class"):
        PersonalDecoder().fit(X[::10], y[::10], groups[::10])
    with pytest.raises(InputError, match="got 3 people"):
        few_shot_curve(X[:90], y[:90], groups[:90])
    with pytest.raises(InputError, match=r"1 stimuli .* of 'calm'"):
        few_shot_curve(X, y, groups, stimuli=y)
