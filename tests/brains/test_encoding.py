"""Encoding models against sklearn, and their variance parts against what was planted."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from affectome.brains import _banded
from affectome.brains.encoding import encode, explainable_variance, trial_bands
from affectome.data import make_recording
from affectome.errors import InputError
from affectome.evidence import make_split


def planted(n_subjects=5, n_stimuli=24, random_state=0):
    """Units 0–4 follow brightness, 5–9 the category, 10–14 its intensity, 15–29 nothing."""
    rng = np.random.default_rng(random_state)
    brightness = rng.standard_normal(n_stimuli)
    kind = np.arange(n_stimuli) % 2
    trials = pd.DataFrame(
        {
            "subject": np.repeat([f"s{i}" for i in range(n_subjects)], n_stimuli),
            "stimulus": np.tile([f"f{i}" for i in range(n_stimuli)], n_subjects),
            "brightness": np.tile(brightness, n_subjects),
            "emotion": np.tile(np.array(["joy", "fear"])[kind], n_subjects),
            "intensity": np.tile(rng.uniform(0, 2, n_stimuli), n_subjects),
        }
    )
    n = len(trials)
    values = rng.standard_normal((n, 30))
    joy = (trials["emotion"] == "joy").to_numpy(dtype=float)
    values[:, :5] += trials["brightness"].to_numpy()[:, None]
    values[:, 5:10] += 2 * joy[:, None]
    values[:, 10:15] += (2 * joy * (trials["intensity"] - 1)).to_numpy()[:, None]
    units = pd.DataFrame({"voxel": np.arange(30)})
    return make_recording(values, trials, units)


def test_each_band_explains_its_own_units():
    recording = planted()
    split = make_split(pd.DataFrame({"stimulus": recording["stimulus"].values}), None, "stimulus")
    seen = []
    found = encode(
        recording,
        trial_bands(recording, ["brightness"]),
        split,
        n_iter=10,
        progress=lambda *step: seen.append(step),
    )
    units = found.units
    assert found.bands == ("stimulus", "category", "intensity")
    for name, rows in (("stimulus", slice(0, 5)), ("category", slice(5, 10))):
        own = units[f"unique_{name}"].to_numpy()
        assert own[rows].min() > 0.2
        assert np.delete(own, np.arange(30)[rows]).max() < 0.12
    intensity = units["unique_intensity"].to_numpy()
    assert intensity[10:15].mean() > 5 * abs(np.delete(intensity, np.arange(10, 15))).mean()
    assert (units["q"][:15] < 0.05).all()
    assert (units["q"][15:] < 0.05).sum() <= 2  # one in twenty discoveries may be false
    assert found.to_dict()["n_predicted"] in (15, 16, 17)
    assert seen[-1] == ("encoding models", 7, 7)


def test_one_band_is_ridge_with_its_penalty_chosen_inside():
    recording = planted(random_state=1).isel(unit=slice(0, 8))
    split = make_split(pd.DataFrame({"stimulus": recording["stimulus"].values}), None, "stimulus")
    X = trial_bands(recording, ["brightness"])["stimulus"]
    X = np.hstack([X, np.random.default_rng(0).standard_normal((len(X), 4))])
    found = encode(recording, {"features": X}, split, n_permutations=20)
    Y = recording.values
    groups = pd.factorize(recording["stimulus"].values)[0][:, None]
    for train, test in split:
        inner = _banded._inner(len(train), groups[train], 0)
        assert not any(set(groups[train][a, 0]) & set(groups[train][b, 0]) for a, b in inner)
        scaler = StandardScaler().fit(X[train])
        Z, level = scaler.transform(X), Y[train].mean(axis=0)
        loss = np.zeros((_banded.ALPHAS.size, 8))
        for inner_train, inner_test in inner:
            for i, alpha in enumerate(_banded.ALPHAS):
                ridge = Ridge(alpha, fit_intercept=False).fit(
                    Z[train][inner_train], (Y[train] - level)[inner_train]
                )
                residual = (Y[train] - level)[inner_test] - ridge.predict(Z[train][inner_test])
                loss[i] += (residual**2).mean(axis=0)
        for unit, best in enumerate(loss.argmin(axis=0)):
            ridge = Ridge(_banded.ALPHAS[best], fit_intercept=False)
            ridge.fit(Z[train], Y[train, unit] - level[unit])
            np.testing.assert_allclose(
                found.predictions[test, unit], ridge.predict(Z[test]) + level[unit], atol=1e-6
            )


def test_two_people_in_training_are_held_out_in_turn():
    people = np.repeat([0, 1], 6)
    stimuli = np.tile(np.arange(6), 2)
    folds = _banded._inner(12, np.column_stack([people, stimuli]), 0)
    assert len(folds) == 4
    for train, test in folds:
        assert not set(people[train]) & set(people[test])
        assert not set(stimuli[train]) & set(stimuli[test])


def test_features_and_kernels_give_the_same_predictions():
    rng = np.random.default_rng(2)
    bands = [rng.standard_normal((40, 3)), rng.standard_normal((40, 5))]
    Y = bands[0] @ rng.standard_normal((3, 4)) + rng.standard_normal((40, 4))
    inner = [(np.arange(20), np.arange(20, 40)), (np.arange(20, 40), np.arange(20))]
    options = {"cv": inner, "random_state": 0}
    settings = {"n_iter": 5, "alphas": _banded.ALPHAS, "progress_bar": False}
    primal, dual = (
        solve(bands, Y, options, settings).predict(bands)
        for solve in (_banded.ByFeatures, _banded.ByKernels)
    )
    np.testing.assert_allclose(primal, dual, atol=1e-4)
    with pytest.raises(InputError, match=r"bands of 3\+4 features don't fit a table of the shape"):
        _banded.BandedRidge((3, 4)).fit(np.hstack(bands), Y)


def crossed(n_people, n_stimuli, signal, offset, seed=0, noise=1.0):
    """Everybody saw every stimulus once; three units with a signal of each size."""
    rng = np.random.default_rng(seed)
    trials = pd.DataFrame(
        {
            "participant_id": np.repeat([f"p{i}" for i in range(n_people)], n_stimuli),
            "film": np.tile([f"f{i}" for i in range(n_stimuli)], n_people),
        }
    )
    shown = np.tile(np.arange(n_stimuli), n_people)
    locked = rng.standard_normal((n_stimuli, 3))[shown] * signal
    own = offset * np.repeat(rng.standard_normal((n_people, 3)), n_stimuli, axis=0)
    values = locked + own + noise * rng.standard_normal((len(trials), 3))
    return make_recording(values, trials, pd.DataFrame({"voxel": range(3)})), locked


def test_offsets_of_people_are_not_explainable():
    recording, _ = crossed(20, 60, [0.0, 0.0, 0.0], offset=3.0)
    found = explainable_variance(recording, "participant_id", "film")
    assert found.max() < 0.02


@pytest.mark.parametrize("offset", [0.0, 1.0])
def test_the_ceiling_is_the_r2_of_the_true_response_to_the_stimulus(offset):
    recording, locked = crossed(20, 200, [0.0, 1.0, 3.0], offset)
    Y = recording.values.astype(float)
    truth = 1 - ((Y - locked - Y.mean(axis=0)) ** 2).sum(axis=0) / ((Y - Y.mean(axis=0)) ** 2).sum(
        axis=0
    )
    found = explainable_variance(recording, "participant_id", "film")
    np.testing.assert_allclose(found, np.clip(truth, 0, 1), atol=0.05)


def test_repeats_of_one_person_stand_for_people():
    rng = np.random.default_rng(3)
    stimulus = np.repeat(np.arange(200), 5)
    signal = rng.standard_normal((200, 3))[stimulus] * [0.0, 1.0, 3.0]
    trials = pd.DataFrame({"subject": "a", "stimulus": stimulus})
    recording = make_recording(
        signal + rng.standard_normal((1000, 3)), trials, pd.DataFrame({"voxel": range(3)})
    )
    np.testing.assert_allclose(explainable_variance(recording), [0, 0.5, 0.9], atol=0.06)
    with pytest.raises(InputError, match="no two people and no repeats share three values"):
        explainable_variance(recording[::5])
    with pytest.raises(InputError, match="has no column 'film' to find stimuli by"):
        explainable_variance(recording, stimulus="film")


def identity(seed, drop=0, effect=0.0, n_people=6, n_stimuli=24):
    """Stimuli have an identity of their own that everybody shares, and features beside it."""
    rng = np.random.default_rng(seed)
    recording, _ = crossed(n_people, n_stimuli, [1.0, 1.0, 1.0], 1.0, seed)
    features = rng.standard_normal((n_stimuli, 2))
    shown = np.tile(np.arange(n_stimuli), n_people)
    recording = recording + effect * features[shown, :1]
    kept = np.sort(rng.permutation(len(shown))[drop:])
    return recording.isel(trial=kept), {"f": features[shown[kept]]}


@pytest.mark.slow
@pytest.mark.parametrize(("drop", "holdout"), [(0, None), (20, None), (0, "film")])
def test_shared_identity_of_stimuli_is_no_effect(drop, holdout):
    p = []
    for seed in range(100):
        recording, bands = identity(seed, drop)
        p.append(encode(recording, bands, holdout, n_permutations=99).overall.p)
    assert np.mean(np.array(p) <= 0.05) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 100)


def test_there_is_no_p_where_the_same_stimuli_are_in_training():
    recording, bands = identity(0)
    found = encode(recording, bands, "participant_id", n_permutations=50)
    assert found.overall.p is None
    assert found.overall.why == (
        "no p, because the same stimuli are in training and test; hold out film"
    )
    assert found.to_dict()["n_predicted"] is None
    assert found.to_dict()["notes"][0].startswith("not held out: film (24 values)")
    without = encode(recording.drop_vars("film"), bands, "participant_id", n_permutations=50)
    assert "no column names the stimuli" in without.overall.why


def test_people_and_stimuli_are_held_out_by_whatever_name_and_the_effect_is_found():
    recording, bands = identity(1, effect=1.5)
    found = encode(recording, bands, n_permutations=99)
    result = found.to_dict()
    assert result["held_out"] == "held out: 6 people (participant_id) and 24 stimuli (film)"
    assert result["overall"]["p"] == pytest.approx(0.01)
    assert result["overall"]["null"]["n_groups"] == 24
    assert all("null" in unit for unit in result["best_units"])
    assert result["n_predicted"] == 3


def test_bands_that_can_not_be_used_are_named():
    recording = planted()
    split = make_split(pd.DataFrame({"subject": recording["subject"].values}), None, "subject")
    with pytest.raises(InputError, match=r"the band 'x' has the shape \(3, 1\); finite features"):
        encode(recording, {"x": np.ones((3, 1))}, split)
    with pytest.raises(InputError, match="has no numeric column 'emotion'"):
        trial_bands(recording, ["emotion"])
    with pytest.raises(InputError, match="neither an emotion nor a stimulus column"):
        trial_bands(recording.drop_vars("emotion"))
    moving = recording.expand_dims(time=[0.0, 1.0], axis=1)
    with pytest.raises(InputError, match="average over a window first"):
        encode(moving, {"x": np.ones((120, 1))}, split)
