import numpy as np
import pytest

from affectome.people.pictures.categories import Categories, from_ratings, from_vectors


def test_a_guess_by_hand():
    found = Categories(
        ("joy", "fear"),
        np.array([[1.0, -1.0], [-1.0, 1.0]]),
        np.array([[6.0, 4.0], [2.0, 5.0]]),
        np.array([0.2, 0.1]),
        np.array([[0.9, 0.1], [0.3, 0.7]]),
    )
    guess = found.guess([[0.75, 0.25]], [[5.0, 4.0]], [1.0, 2.0])
    score = np.array([0.5 - 0.5 * 1.0 + np.log(0.2), -0.5 - 0.5 * (9.0 + 0.25) + np.log(0.1)])
    p = np.exp(score) / np.exp(score).sum()
    np.testing.assert_allclose(guess[0], p @ found.beside)
    np.testing.assert_allclose(found.implied([[0.5, 0.5]]), [[4.0, 4.5]])


def test_what_is_named_beside_an_emotion():
    ratings = np.array([[0.6, 0.2, 0.0], [0.8, 0.0, 0.0], [0.1, 0.3, 0.0], [0.0, 0.0, 1.0]])
    often, beside = from_ratings(ratings)
    np.testing.assert_allclose(often, [0.375, 0.125, 0.25])
    np.testing.assert_allclose(beside, [[0.875, 0.125, 0.0], [0.25, 0.75, 0.0], [0.0, 0.0, 1.0]])


def test_nearness_is_a_standardised_cosine():
    rng = np.random.default_rng(0)
    classes, emotions = rng.normal(size=(50, 8)) + 3, rng.normal(size=(4, 8)) - 2
    near = from_vectors(classes, emotions)
    np.testing.assert_allclose(near.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(near.std(axis=0), 1)
    c, e = classes - classes.mean(0), emotions - emotions.mean(0)
    cosine = (c @ e[1]) / np.linalg.norm(c, axis=1) / np.linalg.norm(e[1])
    assert np.corrcoef(near[:, 1], cosine)[0, 1] == pytest.approx(1)
