"""RSA recovers the planted arrangement and agrees with rsatoolbox."""

import numpy as np
import pytest
import rsatoolbox
from scipy.stats import pearsonr

from affectome.brains.rsa import category_model, distance_model, rdms, rsa
from affectome.data.simulate import simulate_population
from affectome.errors import InputError


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
        n_bootstrap=200,
        n_permutations=200,
    )
    table = found.models.set_index("model")
    assert table.loc["category", "similarity"] == pytest.approx(
        np.mean([pearsonr(category, v).statistic for v in data.values])
    )
    assert table.loc["category", "p"] == pytest.approx(1 / 201)
    assert table.loc["category", "low"] > 0.3
    assert table.loc["rating", "p"] > 0.05
    assert table.loc["rating", "low"] < 0 < table.loc["rating", "high"]
    assert found.ceiling[0] <= found.ceiling[1]
    assert found.to_dict()["n_conditions"] == 15


def test_models_are_what_they_say():
    np.testing.assert_array_equal(category_model(["a", "a", "b"]), [0, 1, 1])
    np.testing.assert_allclose(distance_model([0, 3, 4]), [3, 4, 1])
    np.testing.assert_allclose(distance_model([[0, 0], [3, 4]]), [5])


def test_what_can_not_be_compared_is_named(population):
    with pytest.raises(InputError, match="have no column 'film'"):
        rdms(population, "film")
    with pytest.raises(InputError, match="measure is one of correlation, squared_euclidean"):
        rdms(population, measure="cosine")
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
