"""Ways to reach a new person, on planted rotations, scales and mixing."""

import numpy as np
import pytest
from pyriemann.geometry.mean import mean_riemann
from scipy.linalg import inv, logm, sqrtm

from affectome.decoding.alignment import USES, _recentre, cross_subject
from affectome.errors import InputError


def crowd(change, n_people=6, n_units=10, n_stimuli=6, repeats=4, seed=0):
    rng = np.random.default_rng(seed)
    y = np.repeat(["calm", "fear"], n_stimuli * repeats)
    stimuli = np.char.add(y, np.tile(np.arange(n_stimuli).astype(str), 2 * repeats))
    pattern = {"calm": rng.normal(size=n_units), "fear": rng.normal(size=n_units)}
    own = {s: 0.7 * rng.normal(size=n_units) for s in np.unique(stimuli)}
    mean = np.stack([pattern[c] + own[s] for c, s in zip(y, stimuli, strict=True)])
    X = [change(mean + rng.normal(size=mean.shape), rng) for _ in range(n_people)]
    n = len(y)
    return (
        np.concatenate(X),
        np.tile(y, n_people),
        np.repeat(np.arange(n_people), n),
        np.tile(stimuli, n_people),
    )


def accuracy(data, method):
    return cross_subject(*data, method=method).accuracy.mean()


def test_hyperalignment_undoes_each_persons_rotation():
    data = crowd(lambda X, rng: X @ np.linalg.qr(rng.normal(size=(10, 10)))[0])
    assert accuracy(data, "none") < 0.7
    assert accuracy(data, "hyperalign") >= 0.9 * accuracy(data, "within")


def test_standardising_undoes_each_persons_scale_and_offset():
    data = crowd(lambda X, rng: X * np.exp(rng.normal(size=10)) + 5 * rng.normal(size=10))
    assert accuracy(data, "standardise") > accuracy(data, "none") + 0.1


def test_recentring_undoes_each_persons_mixing():
    rng = np.random.default_rng(0)
    covariances, y, people, stimuli = [], [], [], []
    for person in range(5):
        mixing = np.diag(np.exp(rng.normal(size=4)))
        for trial in range(40):
            power = np.ones(4)
            power[trial % 2] = 4
            sources = rng.normal(size=(60, 4)) * np.sqrt(power)
            covariances.append(np.cov((sources @ mixing).T))
            y.append("fear" if trial % 2 else "calm")
            stimuli.append(f"{trial % 8}")
            people.append(person)
    data = (np.array(covariances), np.array(y), np.array(people), np.array(stimuli))
    result = cross_subject(*data, method="recentre")
    assert result.transductive
    assert "transductive" in result.uses
    flat = data[0].reshape(len(y), -1)
    assert result.accuracy.mean() > cross_subject(flat, *data[1:]).accuracy.mean() + 0.15


def test_recentring_is_whitening_by_the_riemannian_mean_and_a_logarithm():
    rng = np.random.default_rng(1)
    covariances = np.stack([np.cov(rng.normal(size=(3, 12))) for _ in range(5)])
    whiten = inv(sqrtm(mean_riemann(covariances)))
    upper = np.triu_indices(3)
    weight = np.where(upper[0] == upper[1], 1, np.sqrt(2))
    expected = [logm(whiten @ c @ whiten)[upper] * weight for c in covariances]
    np.testing.assert_allclose(_recentre(covariances), expected, atol=1e-6)


@pytest.mark.parametrize("method", [m for m in USES if m != "recentre"])
def test_stimulus_identity_is_no_emotion_for_any_method(method):
    rng = np.random.default_rng(5)
    scores = []
    for seed in range(4):
        X, y, people, stimuli = crowd(lambda X, _: X, n_people=5, seed=seed)
        identity = {s: 2 * rng.normal(size=10) for s in np.unique(stimuli)}
        X = np.stack([identity[s] for s in stimuli]) + rng.normal(size=X.shape)
        scores.append(cross_subject(X, y, people, stimuli, method=method).accuracy.mean())
    assert np.mean(scores) < 0.65


def test_tells_what_it_used_and_whom_it_tested():
    result = cross_subject(*crowd(lambda X, _: X), method="hyperalign").to_dict()
    assert result["uses"] == "the person's responses to other stimuli, without labels"
    assert result["transductive"] is False
    assert set(result["by_subject"]) == {"0", "1", "2", "3", "4", "5"}
    assert result["balanced_accuracy"] == pytest.approx(
        np.mean(list(result["by_subject"].values()))
    )


def test_says_what_is_wrong():
    X, y, people, stimuli = crowd(lambda X, _: X, n_people=3)
    with pytest.raises(InputError, match=r"alignment is one of within, none, .*got .magic."):
        cross_subject(X, y, people, stimuli, method="magic")
    with pytest.raises(InputError, match=r"recentre takes a covariance.*got \(144, 10\)"):
        cross_subject(X, y, people, stimuli, method="recentre")
    with pytest.raises(InputError, match="a stimulus has two labels"):
        cross_subject(X, y, people, np.arange(len(y)) % 5)
    with pytest.raises(InputError, match="a class has 1 stimulus"):
        cross_subject(X, y, people, y)
    own = np.char.add(stimuli, people.astype(str))
    with pytest.raises(InputError, match="everybody saw besides the tested ones; there are 0"):
        cross_subject(X, y, people, own, method="hyperalign")
