import numpy as np
import pytest

from affectome.features.voice import FEATURES, voice_functionals, voice_tracks
from affectome.features.voice.functionals import turning_points
from affectome.kernels.pitch import pitch
from voices import RATE, synthetic_voice


def named(signal: np.ndarray) -> dict[str, float]:
    return dict(zip(FEATURES, voice_functionals(signal), strict=True))


def test_eighty_eight_different_names() -> None:
    assert len(FEATURES) == len(set(FEATURES)) == 88


@pytest.mark.filterwarnings("ignore")
def test_parity_with_praat_on_synthetic_voices() -> None:
    pytest.importorskip("parselmouth")
    from bench.voice_parity import parity  # noqa: PLC0415

    voices = [
        synthetic_voice(1.5, 90 + 15 * k, (500 + 40 * k, 1100 + 70 * k, 2500), k, 0.005 + 0.002 * k)
        for k in range(8)
    ]
    found = parity(voices)
    assert sum(r >= 0.95 for r in found.values()) >= 75


@pytest.mark.parametrize("hertz", [90.0, 155.0, 320.0])
def test_pitch_of_a_harmonic_tone_is_its_frequency(hertz: float) -> None:
    t = np.arange(RATE) / RATE
    tone = sum(np.sin(2 * np.pi * hertz * k * t) / k for k in range(1, 8))
    _, frequency, strength = pitch(np.asarray(tone), RATE)
    assert np.abs(frequency / hertz - 1).max() < 1e-3
    assert strength.min() > 0.97


def test_noise_and_silence_have_no_voice() -> None:
    noise = np.random.default_rng(0).normal(size=RATE)
    assert voice_tracks(noise).voiced.mean() < 0.1
    silent = named(np.zeros(RATE))
    assert np.isnan(silent["f0.mean"])
    assert silent["loudness.mean"] < 0.1


def test_gain_moves_the_level_and_leaves_the_voice() -> None:
    x = synthetic_voice(1.5)
    quiet, loud = named(0.1 * x), named(x)
    assert loud["sound_level_db"] - quiet["sound_level_db"] == pytest.approx(20, abs=1e-3)
    assert loud["loudness.mean"] / quiet["loudness.mean"] == pytest.approx(10**0.66, rel=1e-3)
    for same in ("f0.mean", "jitter.mean", "shimmer.mean", "f1.mean", "alpha_ratio.voiced_mean"):
        assert loud[same] == pytest.approx(quiet[same], rel=1e-2)


def test_more_irregular_periods_have_more_jitter() -> None:
    steady, rough = (named(synthetic_voice(1.5, irregular=i))["jitter.mean"] for i in (0, 0.05))
    assert rough > 2 * steady


def test_too_short_a_sound_has_no_features() -> None:
    assert np.isnan(voice_functionals(np.zeros(100))).all()


def test_turning_points_leave_small_wiggles_out() -> None:
    track = np.array([0, 1, 0.9, 2, 3, 2.95, 1, 0.5, 0.6, 2.0])
    assert turning_points(track, 0.5).tolist() == [0, 4, 7, 9]
    assert turning_points(track, 5.0).tolist() == []
