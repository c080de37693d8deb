"""The searchlight finds planted spheres and agrees with scikit-learn sphere by sphere."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from affectome.brains.searchlight import searchlight
from affectome.data import trial_table, unit_table
from affectome.errors import InputError
from affectome.evidence import make_split
from affectome.simulations.fmri import simulate_maps


@pytest.fixture
def maps():
    recording, truth = simulate_maps(
        n_subjects=5, n_trials=24, shape=(10, 10, 9), n_regions=1, effect=1.5, random_state=0
    )
    trials = trial_table(recording)
    return recording, truth, make_split(trials, trials["emotion"], "subject")


def test_planted_spheres_light_up_and_the_rest_stays_dark(maps):
    recording, truth, split = maps
    found = searchlight(recording, "emotion", split, radius=8.0, n_permutations=40)
    units = found.units
    coding = truth.coding.any(axis=1)
    places = units[["x", "y", "z"]].to_numpy()
    nearest = np.linalg.norm(places[:, None] - places[coding], axis=2).min(axis=1)
    passed = (units["p"] < 0.05).to_numpy()
    assert passed[coding].mean() > 0.8
    assert (nearest[passed] <= 8.0).mean() > 0.97
    assert units["auc"][nearest > 8].mean() == pytest.approx(0.5, abs=0.03)
    result = found.to_dict()
    assert result["n_significant"] == passed.sum()
    assert result["unit"] == "mm"
    assert result["best"]["null"]["correction"] == "largest AUC of 900 centres"


def test_a_centre_is_the_ridge_of_scikit_learn_in_its_sphere(maps):
    recording, _, split = maps
    found = searchlight(recording, "emotion", split, radius=6.0, alpha=3.0, n_permutations=20)
    places = unit_table(recording)[["x", "y", "z"]].to_numpy()
    labels = recording["emotion"].values
    for centre in (17, 400):
        near = np.linalg.norm(places - places[centre], axis=1) <= 6.0
        assert found.units["n_units"][centre] == near.sum()
        scores = []
        for emotion in np.unique(labels):
            y = np.where(labels == emotion, 1.0, -1.0)
            for train, test in split:
                ridge = Ridge(3.0).fit(recording.values[train][:, near], y[train])
                predicted = ridge.predict(recording.values[test][:, near])
                scores.append(roc_auc_score(y[test], predicted))
        assert found.units["auc"][centre] == pytest.approx(np.mean(scores), abs=1e-6)


def test_what_a_searchlight_needs_is_named(maps):
    recording, _, split = maps
    with pytest.raises(InputError, match="needs units with places x, y, z"):
        searchlight(recording.drop_vars("x"), "emotion", split)
    with pytest.raises(InputError, match="the trials have no column 'mood'"):
        searchlight(recording, "mood", split)
    same = recording.assign_coords(emotion=("trial", ["joy"] * recording.sizes["trial"]))
    with pytest.raises(InputError, match="holds one class only"):
        searchlight(same, "emotion", split)
    films = make_split(pd.DataFrame({"film": recording["stimulus"].values}), None, "film", 15)
    with pytest.raises(InputError, match="no fold tests a class and the others together"):
        searchlight(recording, "emotion", films, n_permutations=20)
