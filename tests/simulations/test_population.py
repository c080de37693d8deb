"""What is planted can be found again by plain arithmetic."""

import numpy as np
import pytest

from affectome.data import trial_table
from affectome.errors import InputError
from affectome.simulations import simulate_attractor, simulate_population


def test_the_planted_pattern_is_the_difference_of_the_class_means():
    recording, truth = simulate_population(n_trials=600, n_units=60, effect=1.0, random_state=1)
    emotion = trial_table(recording)["emotion"].to_numpy()
    means = np.stack([recording.values[emotion == e].mean(axis=0) for e in truth.emotions])
    np.testing.assert_allclose(means, truth.patterns, atol=5 / np.sqrt(200))
    assert truth.coding.sum() == 18
    assert truth.coding.sum(axis=1).max() == 1
    assert recording.dims == ("trial", "unit")


def test_blends_and_intensity_are_in_the_table_and_in_the_response():
    recording, truth = simulate_population(
        n_trials=900, blend=0.5, intensity=(0.5, 2.0), effect=2.0, random_state=2
    )
    np.testing.assert_allclose(truth.blends.sum(axis=1), 1)
    assert (truth.blends.max(axis=1) >= 0.5).all()
    design = truth.intensity[:, None] * truth.blends
    estimate = np.linalg.lstsq(design, recording.values, rcond=None)[0]
    assert np.corrcoef(estimate.ravel(), truth.patterns.ravel())[0, 1] > 0.98
    table = trial_table(recording)
    np.testing.assert_array_equal(table["blend_joy"], truth.blends[:, 1])
    labels = np.array(truth.emotions)[truth.blends.argmax(axis=1)]
    assert (table["emotion"].to_numpy() == labels).mean() > 0.99


def test_nothing_is_coded_before_the_lead():
    recording, truth = simulate_population(
        n_trials=300, window=(-3, 1), sfreq=10, lead=1.0, effect=2.0, random_state=3
    )
    assert truth.starts_at == -1
    coding = recording.values[:, :, truth.coding[:, 0]]
    fear = trial_table(recording)["emotion"].to_numpy() == "fear"
    size = np.abs(coding[fear].mean(axis=0)).mean(axis=1)
    time = recording["time"].values
    assert size[time < -1].max() < 0.5
    assert size[time >= -1].min() > 1.5


def test_own_bases_are_rotations_that_undo():
    recording, truth = simulate_population(
        n_subjects=2, n_trials=600, n_units=20, basis="own", effect=3.0, random_state=4
    )
    table = trial_table(recording)
    for subject, basis in truth.bases.items():
        np.testing.assert_allclose(basis @ basis.T, np.eye(20), atol=1e-10)
        rows = (table["subject"] == subject) & (table["emotion"] == "joy")
        mean = recording.values[rows.to_numpy()].mean(axis=0) @ basis.T
        np.testing.assert_allclose(mean, truth.patterns[1], atol=0.4)


def test_noise_has_the_autocorrelation_and_the_correlation_asked_for():
    recording, truth = simulate_population(
        n_trials=200,
        window=(-2, 2),
        effect=0.0,
        autocorrelation=0.6,
        correlation=0.4,
        random_state=5,
    )
    values = recording.values
    assert abs(values.var() - 1) < 0.05
    lagged = np.corrcoef(values[:, 1:].ravel(), values[:, :-1].ravel())[0, 1]
    assert abs(lagged - 0.6) < 0.02
    group = np.flatnonzero(truth.coding[:, 0])[:2]
    other = np.flatnonzero(~truth.coding.any(axis=1))[:2]
    within = np.corrcoef(values[:, ::8, group].reshape(-1, 2).T)[0, 1]
    without = np.corrcoef(values[:, ::8, other].reshape(-1, 2).T)[0, 1]
    assert abs(within - 0.4) < 0.08
    assert abs(without) < 0.08


def test_confounds_follow_stimulus_movement_and_clock():
    recording, _ = simulate_population(
        n_trials=240, effect=0, stimulus_effect=1.0, movement=2.0, order="sorted", random_state=6
    )
    table = trial_table(recording)
    moves = table.groupby("emotion")["movement"].mean()
    assert moves["fear"] > moves["joy"] + 1
    assert (table["emotion"].iloc[:80] == "fear").all()
    assert table.groupby("stimulus")["emotion"].nunique().max() == 1


def test_attractor_decays_with_its_time_constant_and_holds_intensity():
    recording, truth = simulate_attractor(tau=50, process_noise=0.0, noise=0.0, random_state=7)
    loading = truth.patterns[0]
    slow = recording.values @ loading / (loading @ loading)
    sign = np.where(trial_table(recording)["emotion"] == "approach", 1, -1)
    np.testing.assert_allclose(slow[:, 0] * sign, truth.intensity, rtol=1e-9)
    time = recording["time"].values
    slope = np.polyfit(time, np.log(np.abs(slow[0])), 1)[0]
    assert -1 / slope == pytest.approx(50, rel=1e-6)
    assert truth.time_constants == (50.0, 2.0, 1.0)


def test_the_same_seed_gives_the_same_bytes():
    first, second = (simulate_population(n_trials=12, random_state=8)[0] for _ in range(2))
    assert first.values.tobytes() == second.values.tobytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"emotions": ("fear",)}, "needs two emotions or more"),
        ({"blend": 0.7}, "blend in 0–.5; got 0.3 and 0.7"),
        ({"order": "clock"}, "order is 'random' or 'sorted'"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(InputError, match=message):
        simulate_population(**options)


def test_an_attractor_needs_positive_time_constants_and_enough_units():
    with pytest.raises(InputError, match="are positive"):
        simulate_attractor(tau=0)
    with pytest.raises(InputError, match="3 latent dimensions need as many units; got 2"):
        simulate_attractor(n_units=2)
