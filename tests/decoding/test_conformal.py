"""Conformal sets: the coverage they promise, the quantile by hand, and abstention."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from affectome.decoding.conformal import ConformalDecoder, coverage
from affectome.errors import InputError


def blobs(n, seed, shift=1.0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    return rng.normal(size=(n, 4)) + shift * np.eye(3, 4)[y], y


@pytest.mark.parametrize("score", ["lac", "aps"])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_covers_as_often_as_it_says(score, confidence):
    seen = []
    for seed in range(6):
        X, y = blobs(1200, seed)
        decoder = ConformalDecoder(
            LinearDiscriminantAnalysis(), confidence, score=score, random_state=seed
        ).fit(X[:600], y[:600])
        seen.append(coverage(decoder.predict_sets(X[600:]), y[600:])["coverage"])
    assert np.mean(seen) >= confidence - 0.02
    if score == "lac":
        assert np.mean(seen) <= confidence + 0.03


def test_sets_are_those_of_the_quantile_by_hand():
    X, y = blobs(500, 1)
    groups = np.arange(500) // 10
    decoder = ConformalDecoder(LinearDiscriminantAnalysis()).fit(X[:400], y[:400], groups[:400])
    train, held = decoder._split(X[:400], y[:400], groups[:400])
    assert not set(groups[train]) & set(groups[held])
    scores = 1 - decoder.predict_proba(X[held])[np.arange(len(held)), y[held]]
    rank = int(np.ceil((len(held) + 1) * 0.9))
    expected = 1 - decoder.predict_proba(X[400:]) <= np.sort(scores)[rank - 1]
    np.testing.assert_array_equal(decoder.predict_sets(X[400:]), expected)


def test_abstains_where_the_set_is_not_one_class():
    X, y = blobs(400, 2, shift=0.5)
    names = np.array(["calm", "fear", "joy"])
    decoder = ConformalDecoder(LinearDiscriminantAnalysis(), 0.9).fit(X, names[y])
    sets, decided = decoder.predict_sets(X), decoder.decide(X)
    single = sets.sum(1) == 1
    assert 0 < single.sum() < 400
    assert all(d is None for d in decided[~single])
    np.testing.assert_array_equal(decided[single], decoder.predict(X)[single])
    report = coverage(sets, y)
    assert report["abstained"] == pytest.approx(1 - single.mean())
    assert report["mean_size"] == pytest.approx(sets.sum(1).mean())


def test_says_what_is_wrong():
    X, y = blobs(60, 3)
    with pytest.raises(InputError, match="needs 99 calibration trials; there are 18"):
        ConformalDecoder(LinearDiscriminantAnalysis(), 0.99).fit(X, y)
    with pytest.raises(InputError, match="no trial left for training"):
        ConformalDecoder(LinearDiscriminantAnalysis()).fit(X, y, y)
    with pytest.raises(InputError, match="can't set calibration trials aside"):
        ConformalDecoder(LinearDiscriminantAnalysis()).fit(X[:3], [0, 0, 1])


def test_groups_of_one_class_each_leave_every_class_on_both_sides():
    for seed in range(8):
        X, y = blobs(90, seed)
        groups = 3 * (np.arange(90) % 4) + y  # four groups of each class
        decoder = ConformalDecoder(LinearDiscriminantAnalysis(), 0.8, random_state=seed)
        for rows in decoder._split(X, y, groups):
            assert set(y[rows]) == {0, 1, 2}
        assert decoder.fit(X, y, groups).predict_sets(X).shape == (90, 3)


def test_a_class_of_one_group_can_not_be_on_both_sides():
    X, y = blobs(90, 0)
    groups = np.where(y == 2, 99, np.arange(90) // 10)
    with pytest.raises(InputError, match=r"a class has no trial left for (training|calibration)"):
        ConformalDecoder(LinearDiscriminantAnalysis(), 0.8).fit(X, y, groups)
