"""Simulated EEG and brain maps look like theirs and hold what was planted."""

import numpy as np
import pytest
from scipy.signal import welch
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GroupKFold, cross_val_predict

from affectome.data import trial_table, unit_table
from affectome.errors import InputError
from affectome.simulations.eeg import NINE_EMOTIONS, sensors32, simulate_eeg
from affectome.simulations.fmri import simulate_maps


def log_power(recording):
    freqs, power = welch(recording.values, 64, nperseg=64, axis=1)
    bands = [(4, 7), (8, 12), (18, 22)]
    parts = [np.log(power[:, (freqs >= a) & (freqs <= b)].mean(axis=1)) for a, b in bands]
    return np.concatenate(parts, axis=1)


def accuracy(recording, by):
    table = trial_table(recording)
    X = log_power(recording)
    for subject in table["subject"].unique():
        rows = (table["subject"] == subject).to_numpy()
        X[rows] -= X[rows].mean(axis=0)
    model = RidgeClassifier(10.0)
    y = table["emotion"].to_numpy()
    return (cross_val_predict(model, X, y, groups=table[by], cv=GroupKFold(5)) == y).mean()


def test_eeg_has_a_falling_spectrum_and_neighbours_that_agree():
    recording, _ = simulate_eeg(n_subjects=2, duration=8, random_state=1)
    values = recording.values
    freqs, power = welch(values, 64, nperseg=256, axis=1)
    rhythm = np.abs(freqs[:, None] - [5, 10, 20]).min(axis=1) < 1
    fit = (freqs > 1) & (freqs < 28) & ~rhythm
    slope = np.polyfit(np.log(freqs[fit]), np.log(power.mean(axis=(0, 2))[fit]), 1)[0]
    assert -1.3 < slope < -0.5
    places = sensors32()[["x", "y", "z"]].to_numpy()
    apart = np.linalg.norm(places[:, None] - places, axis=2)
    related = np.corrcoef(values.reshape(-1, 32).T)
    near = related[(apart > 0) & (apart < 0.6)].mean()
    assert near > related[apart > 1.2].mean() + 0.3
    table = trial_table(recording)
    assert table["stimulus"].nunique() == 28
    assert set(table["emotion"]) == set(NINE_EMOTIONS)


def test_eeg_tells_the_emotion_only_where_it_is_planted():
    planted, _ = simulate_eeg(n_subjects=5, effect=1.0, stimulus_effect=0, random_state=2)
    empty, _ = simulate_eeg(n_subjects=5, effect=0, stimulus_effect=0, random_state=2)
    assert accuracy(planted, "stimulus") > 0.3
    assert accuracy(empty, "stimulus") < 0.2
    films, _ = simulate_eeg(n_subjects=5, effect=0, stimulus_effect=1.0, random_state=2)
    chance = 1 / 9 + 3 * np.sqrt(1 / 9 * 8 / 9 / 28)  # 28 films are 28 independent draws
    assert accuracy(films, "subject") > 0.35
    assert accuracy(films, "stimulus") < chance


def test_maps_code_in_their_spheres_and_nowhere_else():
    recording, truth = simulate_maps(n_subjects=8, n_trials=60, effect=1.0, random_state=3)
    emotion = trial_table(recording)["emotion"].to_numpy()
    for e, name in enumerate(truth.emotions):
        mean = recording.values[emotion == name].mean(axis=0)
        assert mean[truth.coding[:, e]].mean() == pytest.approx(1, abs=0.15)
        assert abs(mean[~truth.coding[:, e]].mean()) < 0.1
    assert truth.coding.sum(axis=1).max() == 1
    units = unit_table(recording)
    np.testing.assert_allclose(units[["x", "y", "z"]].mean(), 0, atol=1e-9)


def test_a_shifted_pattern_is_another_pattern():
    still, _ = simulate_maps(n_subjects=3, n_trials=6, effect=30, random_state=4)
    moved, _ = simulate_maps(n_subjects=3, n_trials=6, effect=30, misalignment=2, random_state=4)
    for recording, low, high in ((still, 0.9, 1.01), (moved, -1, 0.8)):
        table = trial_table(recording)
        fear = [
            recording.values[((table["subject"] == s) & (table["emotion"] == "fear"))].mean(axis=0)
            for s in ("sub-01", "sub-02")
        ]
        assert low < np.corrcoef(fear)[0, 1] < high


def test_sizes_that_do_not_fit_are_named():
    with pytest.raises(InputError, match="5 films can't show 9 emotions"):
        simulate_eeg(n_films=5)
    with pytest.raises(InputError, match="need 50 samples a second; got 32"):
        simulate_eeg(sfreq=32)
    with pytest.raises(InputError, match="6 spheres of 4 voxels do not fit in a grid of 9×9×9"):
        simulate_maps(shape=(9, 9, 9), radius=4)
