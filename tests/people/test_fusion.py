import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from affectome.errors import InputError
from affectome.people.fusion import fit_weights, fuse, pool
from affectome.people.reading import Reading


def opinions(n_modalities=3, n_trials=400, n_labels=3, strength=(2.0, 1.0, 0.0), seed=0):
    """Calibrated by construction: logits of independent noisy views of the label."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_labels, n_trials)
    shown = np.eye(n_labels)[y]
    p = []
    for s in strength[:n_modalities]:
        x = s * shown + rng.normal(size=shown.shape)
        p.append(softmax(s * x, axis=1))
    return np.array(p), y


@given(st.integers(0, 1000), st.floats(0.1, 5))
def test_the_pool_is_a_product_of_powers(seed, weight):
    p, _ = opinions(2, 5, seed=seed)
    by_hand = p[0] ** weight * p[1] ** 0.5
    by_hand /= by_hand.sum(1, keepdims=True)
    np.testing.assert_allclose(pool(p, [weight, 0.5]), by_hand, atol=1e-5)


def test_independent_opinions_get_the_weight_one_and_noise_none():
    p, y = opinions(n_trials=4000)
    weights = fit_weights(p, y)
    np.testing.assert_allclose(weights[:2], 1, atol=0.15)
    assert pool(p, [1, 1, 0]).argmax(1).tolist() == pool(p, [1, 1, 5]).argmax(1).tolist()


def test_an_opinion_that_is_given_twice_does_not_count_twice():
    p, y = opinions(1, 4000)
    assert fit_weights(np.concatenate([p, p]), y).sum() == pytest.approx(1, abs=0.1)


def test_the_pool_is_better_than_the_best_of_them_on_new_trials():
    p, y = opinions(n_trials=2000)
    weights = fit_weights(p[:, :1000], y[:1000])
    right = (pool(p[:, 1000:], weights).argmax(1) == y[1000:]).mean()
    assert right > max((one[1000:].argmax(1) == y[1000:]).mean() for one in p)


def said(modality, **emotions):
    return Reading(modality, emotions, labels=(max(emotions, key=emotions.get),))


def test_readings_are_pooled_over_the_labels_that_all_know():
    face = said("face", anger=0.1, happiness=0.7, neutral=0.2)
    voice = said("voice", anger=0.2, happiness=0.5, boredom=0.3)
    found = fuse([face, voice])
    assert set(found.reading.emotions) == {"anger", "happiness"}
    assert found.reading.labels == ("happiness",)
    assert sum(found.shares.values()) == pytest.approx(1)
    assert not found.conflict


def test_joy_of_words_is_happiness_of_faces():
    found = fuse([said("words", joy=0.9, anger=0.05), said("face", happiness=0.6, anger=0.4)])
    assert set(found.reading.emotions) == {"happiness", "anger"}


def test_conflict_is_said():
    found = fuse(
        [said("face", anger=0.02, happiness=0.98), said("voice", anger=0.97, happiness=0.03)]
    )
    assert found.conflict
    assert found.agreement < 0.3
    assert any("they disagree (face: happiness, voice: anger)" in n for n in found.reading.notes)
    same = fuse([said("face", anger=0.3, happiness=0.7), said("voice", anger=0.3, happiness=0.7)])
    assert same.agreement == pytest.approx(1)


def test_what_abstains_is_left_out_with_its_reason():
    blurred = Reading("face", abstains=True, because="the face is blurred")
    found = fuse([blurred, said("voice", anger=0.9, happiness=0.1)])
    assert found.left_out == {"face": "the face is blurred"}
    assert found.shares == {"voice": 1.0}
    with pytest.raises(InputError, match="every reading abstains"):
        fuse([blurred])


@pytest.mark.parametrize(
    ("readings", "weights", "why"),
    [
        ([said("face", a=0.5, b=0.5), said("voice", c=0.5, d=0.5)], None, "share 0 labels"),
        ([said("face", a=0.5, b=0.5), said("face", a=0.5, b=0.5)], None, "two readings of face"),
        ([said("face", a=0.5, b=0.5)], {"voice": 1}, "a weight of 0 or more for face"),
        ([said("face", a=0.5, b=0.5)], {"face": -1}, "a weight of 0 or more for face"),
    ],
)
def test_what_can_not_be_pooled_says_why(readings, weights, why):
    with pytest.raises(InputError, match=why):
        fuse(readings, weights)


def test_shapes_that_do_not_meet():
    with pytest.raises(InputError, match=r"got \(2, 3\) and \(3,\)"):
        fit_weights(np.ones((2, 3)), np.zeros(3))
