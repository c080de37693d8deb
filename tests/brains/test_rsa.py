"""RSA recovers the planted arrangement and agrees with rsatoolbox."""

import numpy as np
import pandas as pd
import pytest
import rsatoolbox
from scipy.spatial.distance import squareform
from scipy.stats import pearsonr
from sklearn.covariance import LedoitWolf

from affectome.brains.rsa import category_model, distance_model, model_of, rdms, rsa
from affectome.errors import InputError
from affectome.simulations.population import simulate_population


@pytest.fixture(scope="module")
def population():
    return simulate_population(
        n_subjects=4, n_trials=60, n_units=80, n_stimuli=5, effect=1.5, random_state=0
    )[0]


def test_matrices_are_rsatoolboxes(population):
    found = rdms(population)
    assert found.values.shape == (4, 105)
    assert list(found.conditions["condition"]) == sorted(set(population["stimulus"].values))
    assert "emotion" in found.conditions
    one = population.isel(trial=population["subject"].values == "sub-02")
    dataset = rsatoolbox.data.Dataset(
        one.values, obs_descriptors={"stimulus": one["stimulus"].values}
    )
    peer = rsatoolbox.rdm.calc_rdm(dataset, method="correlation", descriptor="stimulus")
    np.testing.assert_allclose(found.values[1], peer.dissimilarities[0], atol=1e-10)


def test_the_category_is_found_and_a_rating_at_random_is_not(population):
    data = rdms(population)
    rng = np.random.default_rng(0)
    category = category_model(data.conditions["emotion"])
    found = rsa(
        data,
        {"category": category, "rating": distance_model(rng.random(15))},
        n_permutations=200,
    )
    kind, rating = found.scores["category"], found.scores["rating"]
    assert kind.value == pytest.approx(
        np.mean([pearsonr(category, v).statistic for v in data.values])
    )
    assert kind.p == pytest.approx(1 / 201)
    assert kind.interval[0] > 0.3
    assert kind.null.scheme.startswith("conditions of the model trade places")
    assert rating.p > 0.05
    assert rating.interval[0] < 0 < rating.interval[1]
    assert found.ceiling[0] <= found.ceiling[1]
    assert found.to_dict()["n_conditions"] == 15


def test_crossnobis_is_zero_on_average_without_a_difference_and_equals_rsatoolbox(population):
    runs = population.assign_coords(run=("trial", np.arange(population.sizes["trial"]) // 15 % 2))
    keep = np.isin(population["subject"].values, ["sub-01"])
    values = population.values[keep]
    one = runs.isel(trial=keep).assign_coords(
        stimulus=("trial", np.tile([f"s{k}" for k in range(5)], keep.sum() // 5))
    )
    noise = one.copy(data=np.random.default_rng(0).normal(size=values.shape))
    null = rdms(noise, measure="crossnobis").values[0]
    assert abs(null.mean()) < 3 * null.std() / np.sqrt(len(null)) + 0.02
    assert null.min() < 0
    shifted = noise + 3.0 * (noise["stimulus"] == "s0")
    apart = rdms(shifted, measure="crossnobis").values[0]
    assert apart[:4].min() > apart[4:].max() + 3
    table = pd.DataFrame({"run": noise["run"].values, "stimulus": noise["stimulus"].values})
    cells = pd.DataFrame(noise.values).groupby([table["run"], table["stimulus"]])
    residual = noise.values - cells.transform("mean").to_numpy()
    residual *= np.sqrt(len(residual) / (len(residual) - 10))
    means = cells.mean()
    dataset = rsatoolbox.data.Dataset(
        means.to_numpy(),
        obs_descriptors={
            "run": means.index.get_level_values(0).to_numpy(float),
            "stimulus": means.index.get_level_values(1).to_numpy(),
        },
    )
    precision = LedoitWolf(assume_centered=True).fit(residual).precision_
    peer = rsatoolbox.rdm.calc_rdm(
        dataset, "crossnobis", descriptor="stimulus", noise=precision, cv_descriptor="run"
    )
    np.testing.assert_allclose(null, peer.dissimilarities[0], atol=1e-10)


def test_models_are_what_they_say():
    np.testing.assert_array_equal(category_model(["a", "a", "b"]), [0, 1, 1])
    np.testing.assert_allclose(distance_model([0, 3, 4]), [3, 4, 1])
    np.testing.assert_allclose(distance_model([[0, 0], [3, 4]]), [5])


def test_what_can_not_be_compared_is_named(population):
    with pytest.raises(InputError, match="have no column 'film'"):
        rdms(population, "film")
    with pytest.raises(InputError, match="measure is one of correlation, squared_euclidean, cross"):
        rdms(population, measure="cosine")
    with pytest.raises(InputError, match="crossnobis needs a column 'run' of parts"):
        rdms(population, measure="crossnobis")
    with pytest.raises(InputError, match="crossnobis needs every condition in each of two"):
        rdms(population, measure="crossnobis", parts="emotion")
    each = population.isel(trial=population["subject"].values == "sub-01")
    order = pd.Series(each["stimulus"].values).groupby(each["stimulus"].values).cumcount()
    with pytest.raises(InputError, match="repeated trials of a condition in a part; subject sub"):
        rdms(each.assign_coords(run=("trial", order)), measure="crossnobis")
    two = population.isel(trial=np.isin(population["stimulus"].values, ["joy-01", "fear-01"]))
    with pytest.raises(InputError, match="2 values of 'stimulus' are shared by all 4 subjects"):
        rdms(two)
    flat = population.copy(data=np.ones(population.shape))
    with pytest.raises(InputError, match="sub-01 has a condition whose pattern is constant"):
        rdms(flat)
    data = rdms(population)
    with pytest.raises(InputError, match="no model was given"):
        rsa(data, {})
    with pytest.raises(InputError, match=r"the model 'm' has the shape \(3,\); it needs 105"):
        rsa(data, {"m": np.arange(3.0)})
    with pytest.raises(InputError, match=r"shape \(3, 3\); a matrix of 15 × 15 conditions is need"):
        rsa(data, {"m": np.zeros((3, 3))})
    with pytest.raises(InputError, match="symmetric, with 0 on its diagonal"):
        rsa(data, {"m": np.arange(225.0).reshape(15, 15)})


def test_matrices_and_labelled_frames_are_the_same_model(population):
    data = rdms(population)
    names = list(data.conditions["condition"])
    triangle = category_model(data.conditions["emotion"])
    square = squareform(triangle)
    np.testing.assert_array_equal(model_of(square, "m", names), triangle)
    other = np.random.default_rng(0).permutation(15)
    mixed = pd.DataFrame(
        square[np.ix_(other, other)],
        index=[names[k] for k in other],
        columns=[names[k] for k in other],
    )
    np.testing.assert_array_equal(model_of(mixed, "m", names), triangle)
    more = mixed.copy()
    more.loc["extra"] = 1.0
    more["extra"] = 1.0
    np.testing.assert_array_equal(model_of(more, "m", names), triangle)
    with pytest.raises(InputError, match=r"'m' has no condition .* \(1 of 15 are missing\)"):
        model_of(mixed.iloc[1:, 1:], "m", names)
    with pytest.raises(InputError, match="names 'joy-01' twice"):
        model_of(mixed.rename(index={"joy-01": "joy-01"}).loc[[*mixed.index, "joy-01"]], "m", names)
