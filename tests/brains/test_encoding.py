"""Encoding models against sklearn, and their variance parts against what was planted."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from affectome.brains import _banded
from affectome.brains.encoding import encode, noise_ceiling, trial_bands
from affectome.data import make_recording
from affectome.errors import InputError
from affectome.evidence import inner_split, make_split


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
    assert (units["q"][15:] < 0.05).sum() <= 1
    assert found.to_dict()["n_predicted"] in (15, 16)
    assert seen[-1] == ("encoding models", 7, 7)


def test_one_band_is_ridge_with_its_penalty_chosen_inside():
    recording = planted(random_state=1).isel(unit=slice(0, 8))
    split = make_split(pd.DataFrame({"stimulus": recording["stimulus"].values}), None, "stimulus")
    X = trial_bands(recording, ["brightness"])["stimulus"]
    X = np.hstack([X, np.random.default_rng(0).standard_normal((len(X), 4))])
    found = encode(recording, {"features": X}, split, n_permutations=20)
    Y = recording.values
    for number, (train, test) in enumerate(split):
        scaler = StandardScaler().fit(X[train])
        Z, level = scaler.transform(X), Y[train].mean(axis=0)
        loss = np.zeros((_banded.ALPHAS.size, 8))
        for inner_train, inner_test in inner_split(split, number):
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


def test_features_and_kernels_give_the_same_predictions():
    rng = np.random.default_rng(2)
    bands = [rng.standard_normal((40, 3)), rng.standard_normal((40, 5))]
    Y = bands[0] @ rng.standard_normal((3, 4)) + rng.standard_normal((40, 4))
    inner = [(np.arange(20), np.arange(20, 40)), (np.arange(20, 40), np.arange(20))]
    options = {"cv": inner, "random_state": 0}
    settings = {"n_iter": 5, "alphas": _banded.ALPHAS, "progress_bar": False}
    primal, dual = (
        solve(bands, Y, bands, options, settings)
        for solve in (_banded.by_features, _banded.by_kernels)
    )
    np.testing.assert_allclose(primal, dual, atol=1e-4)


def test_the_noise_ceiling_is_the_share_of_signal():
    rng = np.random.default_rng(3)
    stimulus = np.repeat(np.arange(200), 5)
    signal = rng.standard_normal((200, 3))[stimulus] * [0.0, 1.0, 3.0]
    trials = pd.DataFrame({"subject": "a", "stimulus": stimulus})
    recording = make_recording(
        signal + rng.standard_normal((1000, 3)), trials, pd.DataFrame({"voxel": range(3)})
    )
    np.testing.assert_allclose(noise_ceiling(recording), [0, 0.5, 0.9], atol=0.06)
    with pytest.raises(InputError, match="no combination of subject and stimulus occurs twice"):
        noise_ceiling(recording[::5])
    with pytest.raises(InputError, match="has no column 'film' to find repeats by"):
        noise_ceiling(recording, ["film"])


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
