"""Spectra, covariance, connectivity and windows against MNE, pyriemann, numpy and theory."""

import mne
import numpy as np
import pandas as pd
import pytest
from pyriemann.estimation import Covariances
from pyriemann.tangentspace import TangentSpace
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from affectome.data import make_recording, unit_table
from affectome.errors import InputError
from affectome.features.connectivity import correlation, noise_correlation, spectral
from affectome.features.covariance import TangentMap, covariances
from affectome.features.spectra import asymmetry, band_power, differential_entropy
from affectome.features.windows import (
    causal_window,
    event_window,
    filtered,
    require_causal,
    window_means,
)
from affectome.kernels.filters import apply_filter, butterworth
from affectome.simulations.population import simulate_population

RATE = 128.0


def recording_of(values, sensors=None, start=0.0):
    n, t, p = values.shape
    names = sensors or [f"E{i}" for i in range(p)]
    trials = pd.DataFrame({"emotion": ["joy", "fear"] * (n // 2) + ["joy"] * (n % 2)})
    return make_recording(
        values, trials, pd.DataFrame({"sensor": names}), start + np.arange(t) / RATE
    )


@pytest.fixture
def noise():
    values = np.random.default_rng(0).standard_normal((6, 512, 4))
    return recording_of(values, ["F3", "F4", "Cz", "O1"])


def test_band_power_is_mnes_density_summed(noise):
    found = band_power(noise, {"alpha": (8, 13), "beta": (13, 30)})
    density, freqs = mne.time_frequency.psd_array_welch(
        noise.values.swapaxes(1, 2), RATE, n_fft=128, n_overlap=64, window="hann", verbose="ERROR"
    )
    for i, (low, high) in enumerate([(8, 13), (13, 30)]):
        inside = (freqs >= low) & (freqs < high)
        wanted = density[..., inside].sum(axis=-1) * (freqs[1] - freqs[0])
        np.testing.assert_allclose(found.values[:, 4 * i : 4 * i + 4], wanted, rtol=0.02)
    assert list(unit_table(found)["band"]) == ["alpha"] * 4 + ["beta"] * 4


def test_a_sine_has_its_power_and_entropy_in_its_band():
    time = np.arange(1024) / RATE
    values = np.stack([3 * np.sin(2 * np.pi * 10 * time), np.sin(2 * np.pi * 20 * time)], 1)[None]
    values = values + 1e-3 * np.random.default_rng(0).standard_normal(values.shape)
    found = band_power(recording_of(values), {"alpha": (8, 13), "beta": (13, 30)}).values[0]
    np.testing.assert_allclose(found[[0, 3]], [4.5, 0.5], rtol=0.01)
    assert found[[1, 2]].max() < 0.01
    entropy = differential_entropy(recording_of(values), {"alpha": (8, 13)}).values[0, 0]
    assert entropy == pytest.approx(0.5 * np.log(2 * np.pi * np.e * 4.5), abs=0.01)


def test_the_usual_bands_are_those_below_half_of_the_rate(noise):
    found = band_power(noise.assign_coords(time=np.arange(512) / 64))
    assert list(dict.fromkeys(unit_table(found)["band"])) == ["delta", "theta", "alpha", "beta"]


def test_asymmetry_is_left_minus_right(noise):
    entropy = differential_entropy(noise, {"alpha": (8, 13)})
    found = asymmetry(entropy)
    assert list(unit_table(found)["sensor"]) == ["F3-F4"]
    np.testing.assert_allclose(found.values[:, 0], entropy.values[:, 0] - entropy.values[:, 1])
    with pytest.raises(InputError, match="no sensor has its mirror image here"):
        asymmetry(band_power(recording_of(noise.values), {"alpha": (8, 13)}))


def test_tangent_vectors_are_pyriemanns_and_learn_from_training_only(noise):
    rows = covariances(noise).values
    matrices = Covariances("oas").fit_transform(noise.values.swapaxes(1, 2))
    ours = TangentMap().fit(rows[:4])
    peer = TangentSpace().fit(matrices[:4])
    np.testing.assert_allclose(ours.transform(rows), peer.transform(matrices), atol=1e-10)
    np.testing.assert_allclose(ours.reference_, peer.reference_)
    with pytest.raises(InputError, match="5 columns are no upper triangle"):
        TangentMap().fit(np.ones((3, 5)))


def test_the_map_is_an_estimator(noise):
    rows = covariances(noise).values
    copy = clone(TangentMap(metric="logeuclid"))
    assert copy.get_params() == {"metric": "logeuclid"}
    with pytest.raises(NotFittedError):
        copy.transform(rows)
    with pytest.raises(ValueError, match="X has 3 features, but TangentMap is expecting 10"):
        copy.fit(rows).transform(rows[:, :3])


def test_correlation_is_numpys_and_a_flat_unit_has_none(noise):
    values = noise.values.copy()
    values[2, :, 1] = 5
    found = correlation(recording_of(values))
    wanted = np.arctanh(np.corrcoef(values[0].T)[np.triu_indices(4, 1)])
    np.testing.assert_allclose(found.values[0], wanted)
    touches = (unit_table(found) == "E1").any(axis=1).to_numpy()
    assert (found.values[2, touches] == 0).all()
    with pytest.raises(InputError, match="four samples or more"):
        correlation(recording_of(values[:, :3]))


def test_noise_correlation_finds_who_fires_with_whom_not_who_codes():
    recording, truth = simulate_population(
        n_subjects=2, n_trials=300, n_units=30, effect=3.0, correlation=0.5, random_state=1
    )
    found = noise_correlation(recording)
    assert found.dims == ("emotion", "unit", "other")
    same = truth.coding.astype(float) @ truth.coding.T
    np.fill_diagonal(same, np.nan)
    for matrix in found.values:
        assert matrix[same == 1].mean() == pytest.approx(0.5, abs=0.07)
        assert abs(matrix[same == 0].mean()) < 0.05
    with pytest.raises(InputError, match="has no column 'mood'"):
        noise_correlation(recording, "mood")
    with pytest.raises(InputError, match="the class disgust has 1 trials; four or more"):
        noise_correlation(recording.isel(trial=np.arange(6)))


def test_phase_lag_tells_a_delay_from_a_shared_source():
    rng = np.random.default_rng(2)
    source = apply_filter(butterworth(RATE, 8, 12), rng.standard_normal((2, 2560)), axis=1)
    delayed = np.roll(source, 3, axis=1)  # a quarter of a cycle at 10 Hz
    values = np.stack([source, source, delayed], axis=2)
    values = values + 0.1 * values.std() * rng.standard_normal(values.shape)
    bands = {"alpha": (8, 13)}
    wpli = spectral(recording_of(values), "wpli", bands)
    coherence = spectral(recording_of(values), "coh", bands)
    assert list(unit_table(wpli)["second"]) == ["E1", "E2", "E2"]
    assert (coherence.values > 0.8).all()
    assert (wpli.values[:, 0] < 0.6).all()
    assert (wpli.values[:, 1] > 0.9).all()
    with pytest.raises(InputError, match="method is one of coh, wpli; got 'pli'"):
        spectral(wpli, "pli")
    with pytest.raises(InputError, match="hold 1 segments of 1 s; five or more"):
        spectral(recording_of(values[:, :200]), bands=bands)


def test_a_causal_filter_ignores_the_future_and_a_zero_phase_one_does_not(noise):
    later = noise.copy(data=noise.values.copy())
    later.values[:, 300:] += 50
    for phase, equal in (("causal", True), ("zero", False)):
        filter_ = butterworth(RATE, 1, 30, phase=phase)
        a, b = (filtered(r, filter_).values[:, :300] for r in (noise, later))
        assert np.array_equal(a, b) == equal
        assert filter_.looks_ahead != equal


def test_a_causal_window_refuses_what_looked_ahead(noise):
    recording = noise.assign_coords(time=noise["time"] - 3.0)
    window = causal_window(recording, 1.0, before=0.5)
    assert window["time"].values[[0, -1]] == pytest.approx([-1.5, -0.5])
    both = filtered(
        filtered(recording, butterworth(RATE, 1, phase="zero")), butterworth(RATE, high=30)
    )
    with pytest.raises(InputError, match="zero-phase Butterworth highpass, 1 Hz, order 4; causal"):
        causal_window(both, 1.0)
    assert require_causal(filtered(recording, butterworth(RATE, 1))) is not None
    with pytest.raises(InputError, match=r"starts at -4\.5 s, but the trials start at -3 s"):
        causal_window(recording, 4.0, before=0.5)
    with pytest.raises(InputError, match="no sample lies from 5 to 6 s"):
        event_window(recording, 5, 6)


def test_window_means_bear_the_time_of_their_last_sample(noise):
    found = window_means(noise, 0.5, 0.25)
    assert found["time"].values[0] == pytest.approx(63 / RATE)
    np.testing.assert_allclose(found.values[:, 1], noise.values[:, 32:96].mean(axis=1))
    with pytest.raises(InputError, match="a window of 9 s has 1152 samples, but the trials have"):
        window_means(noise, 9, 1)


def test_filters_have_edges_that_rise():
    for low, high in ((None, None), (5, 5), (30, 10), (None, 64)):
        with pytest.raises(ValueError, match="filter edges rise between 0 and 64 Hz"):
            butterworth(RATE, low, high)
    with pytest.raises(ValueError, match="phase is 'causal' or 'zero'; got 'minimum'"):
        butterworth(RATE, 1, phase="minimum")


def test_what_can_not_be_measured_is_named(noise):
    with pytest.raises(InputError, match="shorter than a segment of 9 s"):
        band_power(noise, segment=9)
    with pytest.raises(InputError, match=r"the band 'high' \(60–90 Hz\) can't be measured"):
        band_power(noise, {"high": (60, 90)})
    uneven = noise.assign_coords(time=np.cumsum(np.linspace(1, 3, 512)))
    with pytest.raises(InputError, match="are not equally spaced"):
        band_power(uneven)
    with pytest.raises(InputError, match="needs a Recording with times"):
        band_power(noise.isel(time=0, drop=True))
    with pytest.raises(InputError, match="need a Recording with times"):
        covariances(noise.isel(time=0, drop=True))
    flat = noise.copy(data=np.zeros(noise.shape))
    with pytest.raises(InputError, match="has no power in unit 0"):
        differential_entropy(flat, {"alpha": (8, 13)})
