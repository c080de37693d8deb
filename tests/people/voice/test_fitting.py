import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from affectome.people.voice.fitting import by_person, choose, fit_linear, nested


@pytest.fixture(scope="module")
def made() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.tile(np.repeat(["a", "b", "c"], 10), 6)
    who = np.repeat(np.arange(6), 30)
    x = rng.normal(size=(180, 40)) + rng.normal(size=(6, 40))[who]
    x[:, :3] += 2.0 * (y[:, None] == np.array(["a", "b", "c"]))
    return x, y, who


def test_the_fit_equals_sklearn_on_all_features(made: tuple[np.ndarray, ...]) -> None:
    x, y, _ = made
    scaler = StandardScaler().fit(x)
    plain = LogisticRegression(C=0.1, max_iter=5000, class_weight="balanced", tol=1e-8)
    wanted = plain.fit(scaler.transform(x), y).predict_proba(scaler.transform(x))
    logits = fit_linear(x, y, 0.1).logits(x)
    found = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert np.abs(found - wanted).max() < 5e-3


def test_person_wise_features_have_no_person_left(made: tuple[np.ndarray, ...]) -> None:
    x, _, who = made
    z = by_person(x, who)
    for person in range(6):
        assert np.abs(z[who == person].mean(0)).max() < 1e-9


def test_nested_finds_the_informative_set_and_keeps_its_word(
    made: tuple[np.ndarray, ...],
) -> None:
    x, y, who = made
    noise = np.random.default_rng(1).normal(size=x.shape)
    found = nested({"noise": noise, "signal": x}, y, who, (0.01, 0.1))
    assert {c.features for c in found.chosen.values()} == {"signal"}
    codes = np.unique(y, return_inverse=True)[1]
    assert found.sets[np.arange(len(y)), codes].mean() > 0.8
    assert (found.probability.argmax(1) == codes).mean() > 0.7


def test_shuffled_labels_are_at_chance(made: tuple[np.ndarray, ...]) -> None:
    x, y, who = made
    rng = np.random.default_rng(2)
    mixed = np.concatenate([rng.permutation(y[who == p]) for p in range(6)])
    assert choose({"x": x}, mixed, who, (0.01,)).uar < 0.5
