import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectome.data.readers.physiology import Signal
from affectome.features.physiology import FEATURES, by_person, in_contact, physiology_features

pytest.importorskip("neurokit2")


def warmth(values):
    return {"temperature": Signal("temperature", np.asarray(values, float), 4.0, 0.0, "°C")}


def test_gaps_do_not_change_what_is_measured_beside_them():
    x = 33 + 0.01 * np.sin(np.arange(400))
    whole = physiology_features(warmth(x)).features
    x[100:160] = np.nan
    cut = physiology_features(warmth(x))
    assert cut.features["temperature_level"] == pytest.approx(whole["temperature_level"], abs=1e-3)
    assert cut.contact["temperature"] == pytest.approx(0.85)
    assert any("no contact or no signal in 15%" in note for note in cut.notes)


def test_lost_contact_is_nothing_measured():
    off = Signal("eda", np.zeros(400), 4.0, 0.0, "µS")
    found = physiology_features({"eda": off} | warmth(np.full(400, 18.0)))
    assert not found.measured
    assert found.contact == {"eda": 0.0, "temperature": 0.0}
    assert any("no stretch of 10 s that can be used" in note for note in found.notes)


def test_a_sensor_that_froze_is_not_in_contact():
    x = 1 + 0.1 * np.sin(np.arange(200))
    x[50:100] = x[50]
    good = in_contact(Signal("eda", x, 4.0, 0.0, "µS"))
    assert not good[51:99].any()
    assert good[:49].all()
    assert good[101:].all()


def test_kinds_that_are_missing_are_not_a_number():
    found = physiology_features(warmth(np.full(400, 33.0)), ("eda", "temperature"))
    assert list(found.features) == [*FEATURES["eda"], *FEATURES["temperature"]]
    assert all(np.isnan(found.features[name]) for name in FEATURES["eda"])


@given(st.integers(0, 10_000), st.floats(0.1, 100), st.floats(-100, 100))
def test_a_person_s_own_scale_and_level_do_not_matter(seed, scale, shift):
    rng = np.random.default_rng(seed)
    x, person = rng.normal(size=(24, 3)), np.repeat(["a", "b"], 12)
    moved = x.copy()
    moved[person == "a"] = moved[person == "a"] * scale + shift
    np.testing.assert_allclose(by_person(moved, person), by_person(x, person), atol=1e-6)


def test_what_was_not_measured_is_the_usual_value():
    x = np.array([[1.0, np.nan], [2, np.nan], [3, 5], [np.nan, 6]])
    out = by_person(x, np.array(["a"] * 4))
    assert out[3, 0] == 0
    assert (out[:, 1] == 0).all()
    np.testing.assert_allclose(out[:3, 0], [-1.2247, 0, 1.2247], atol=1e-4)
