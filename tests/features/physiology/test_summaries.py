import numpy as np
import pytest

from affectome.features.physiology import FEATURES, summarise

neurokit2 = pytest.importorskip("neurokit2")


def pulses(rate, seconds, beats_a_minute, seed=0):
    """Blood volume: a steep rise and a slow fall a beat."""
    t = np.arange(int(seconds * rate)) / rate
    phase = (t * beats_a_minute / 60) % 1
    noise = 0.01 * np.random.default_rng(seed).normal(size=len(t))
    return (
        np.exp(-((phase - 0.2) ** 2) / 0.01) + 0.2 * np.exp(-((phase - 0.55) ** 2) / 0.01) + noise
    )


def responses(rate, seconds, onsets, height=0.5):
    t = np.arange(int(seconds * rate)) / rate
    x = 2 + 0.0005 * t
    for onset in onsets:
        after = np.clip(t - onset, 0, None)
        shape = np.exp(-after / 4) - np.exp(-after / 0.75)
        x = x + height * shape / 0.63
    return x


@pytest.mark.parametrize("rate", [4.0, 32.0])
@pytest.mark.parametrize("onsets", [(20, 60, 100), (15, 40, 65, 90, 110)])
def test_responses_of_the_skin_are_counted_at_any_rate(rate, onsets):
    found = summarise("eda", responses(rate, 130, onsets), rate)
    assert found["eda_responses"] * 130 / 60 == pytest.approx(len(onsets), abs=1)
    assert found["eda_height"] == pytest.approx(0.5, rel=0.5)
    calm = summarise("eda", responses(rate, 130, ()), rate)
    assert calm["eda_responses"] == 0
    assert calm["eda_slope"] == pytest.approx(0.03, rel=0.01)


@pytest.mark.parametrize("rate", [32.0, 64.0, 128.0])
@pytest.mark.parametrize("beats", [50, 75, 110])
def test_the_pulse_has_its_rate_and_no_variability(rate, beats):
    found = summarise("pulse", pulses(rate, 30, beats), rate)
    assert found["pulse_rate"] == pytest.approx(beats, rel=0.02)
    assert found["pulse_rmssd"] < 2.5e3 / rate


def test_heart_and_breath():
    ecg = neurokit2.ecg_simulate(duration=30, sampling_rate=250, heart_rate=70, random_state=1)
    assert summarise("ecg", ecg, 250.0)["ecg_rate"] == pytest.approx(70, rel=0.05)
    breath = np.sin(2 * np.pi * 0.25 * np.arange(0, 60, 1 / 32))
    assert summarise("respiration", breath, 32.0)["breath_rate"] == pytest.approx(15, rel=0.03)


def test_warmth_has_level_slope_and_spread():
    x = 33 + 0.5 * np.arange(240) / 240
    found = summarise("temperature", x, 4.0)
    assert found["temperature_level"] == pytest.approx(x.mean())
    assert found["temperature_slope"] == pytest.approx(0.5)


@pytest.mark.parametrize("kind", list(FEATURES))
def test_what_is_too_short_slow_or_still_is_not_a_number(kind):
    for values, rate in ((np.ones(5), 300.0), (np.arange(100.0), 0.1)):
        assert all(np.isnan(v) for v in summarise(kind, values, rate).values())
    if kind in {"pulse", "ecg", "respiration"}:
        still = summarise(kind, np.ones(30 * 128), 128.0)
        assert all(np.isnan(v) for v in still.values())
