"""Conformal sets: the coverage they promise, the quantile by hand, and abstention."""

import numpy as np
import pytest
from mapie.classification import SplitConformalClassifier
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.frozen import FrozenEstimator

from affectome.decoding.conformal import ConformalDecoder, coverage, group_threshold
from affectome.decoding.lda import ShrinkageLDA
from affectome.errors import InputError


def blobs(n, seed, shift=1.0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    return rng.normal(size=(n, 4)) + shift * np.eye(3, 4)[y], y


def crossed(seed, n_people, n_stimuli, n_units=12):
    """People meet stimuli of three classes; people, their ways and stimuli differ as noise does."""
    rng = np.random.default_rng(seed)
    person, stimulus = (a.ravel() for a in np.indices((n_people, n_stimuli)))
    y = stimulus % 3
    way = rng.normal(size=(3, n_units)) * 0.6
    own = rng.normal(size=(n_people, n_units))
    ways = rng.normal(size=(n_people, 3, n_units)) * 0.5
    shown = rng.normal(size=(n_stimuli, n_units))
    X = way[y] + own[person] + ways[person, y] + shown[stimulus]
    return X + rng.normal(size=X.shape), y, np.column_stack([person, stimulus])


@pytest.mark.parametrize("score", ["lac", "aps"])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_covers_as_often_as_it_says(score, confidence):
    seen = []
    for seed in range(6):
        X, y = blobs(1200, seed)
        decoder = ConformalDecoder(LinearDiscriminantAnalysis(), confidence, score=score)
        decoder.fit(X[:600], y[:600], np.arange(600))
        seen.append(coverage(decoder.predict_sets(X[600:]), y[600:]).coverage)
    assert np.mean(seen) >= confidence - 0.02
    if score == "lac":
        assert np.mean(seen) <= confidence + 0.03


@pytest.mark.parametrize(("n_people", "n_stimuli"), [(6, 12), (12, 15)])
def test_sets_hold_what_they_say_for_new_people_and_new_stimuli(n_people, n_stimuli):
    held, by_trials = [], []
    for seed in range(25):
        X, y, groups = crossed(seed, n_people + 12, n_stimuli + 12)
        known = (groups < [n_people, n_stimuli]).all(axis=1)
        new = (groups >= [n_people, n_stimuli]).all(axis=1)
        for kept, columns in ((held, groups[known]), (by_trials, np.arange(known.sum()))):
            decoder = ConformalDecoder(ShrinkageLDA(priors="equal")).fit(
                X[known], y[known], columns
            )
            kept.append(coverage(decoder.predict_sets(X[new]), y[new]).coverage)
    assert 0.88 <= np.mean(held) <= 0.95
    assert np.mean(by_trials) < 0.85


def test_trials_of_their_own_get_the_quantile_of_mapie():
    X, y = blobs(500, 1)
    model = LinearDiscriminantAnalysis().fit(X[:200], y[:200])
    oracle = SplitConformalClassifier(
        FrozenEstimator(model), confidence_level=0.9, conformity_score="lac", prefit=True
    ).conformalize(X[200:400], y[200:400])
    scores = 1 - model.predict_proba(X[200:400])[np.arange(200), y[200:400]]
    threshold = group_threshold(scores, np.arange(200)[:, None], 0.9)
    ours = 1 - model.predict_proba(X[400:]) <= threshold
    np.testing.assert_array_equal(ours, oracle.predict_set(X[400:])[1][:, :, 0])


@pytest.mark.parametrize("likeness", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("n_groups", [12, 30])
def test_a_threshold_holds_for_new_groups_however_much_groups_differ(likeness, n_groups):
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(n_groups), 15)[:, None]
    held, pooled = [], []
    for _ in range(300):
        own = rng.normal(size=n_groups + 50) * np.sqrt(likeness)
        scores = own[:, None] + rng.normal(size=(n_groups + 50, 15)) * np.sqrt(1 - likeness)
        known, new = scores[:n_groups].ravel(), scores[n_groups:]
        held.append((new <= group_threshold(known, groups, 0.9)).mean())
        pooled.append((new <= np.quantile(known, 0.9)).mean())
    assert 0.89 <= np.mean(held) <= 0.94
    if (likeness, n_groups) == (0.8, 12):
        assert np.mean(pooled) < 0.88


def test_a_group_that_lies_beyond_all_others_leaves_no_threshold():
    groups = np.repeat(np.arange(3), 20)[:, None]
    assert group_threshold(np.repeat([0.1, 0.2, 0.9], 20), groups, 0.9) == np.inf


def test_few_groups_say_what_they_can_promise():
    X, y, groups = crossed(0, 5, 12)
    decoder = ConformalDecoder(ShrinkageLDA()).fit(X, y, groups)
    assert decoder.n_groups_ == 5
    assert decoder.promised_ == pytest.approx(5 / 6)
    assert ConformalDecoder(ShrinkageLDA()).fit(X, y, np.arange(60)).promised_ == 0.9


def test_abstains_where_the_set_is_not_one_class():
    X, y = blobs(400, 2, shift=0.5)
    names = np.array(["calm", "fear", "joy"])
    decoder = ConformalDecoder(LinearDiscriminantAnalysis(), 0.9)
    decoder.fit(X, names[y], np.arange(400))
    sets, decided = decoder.predict_sets(X), decoder.decide(X)
    single = sets.sum(1) == 1
    assert 0 < single.sum() < 400
    assert all(d is None for d in decided[~single])
    np.testing.assert_array_equal(decided[single], decoder.predict(X)[single])
    report = coverage(sets, y)
    assert report.abstained == pytest.approx(1 - single.mean())
    assert report.mean_size == pytest.approx(sets.sum(1).mean())


def test_without_groups_it_says_that_trials_are_taken_as_independent():
    X, y = blobs(60, 3)
    with pytest.warns(UserWarning, match="conformal prediction takes the trials as independent"):
        ConformalDecoder(LinearDiscriminantAnalysis()).fit(X, y)


def test_says_what_is_wrong():
    X, y = blobs(60, 3)
    each = np.arange(60)
    with pytest.raises(InputError, match="needs 99 trials; there are 60"):
        ConformalDecoder(LinearDiscriminantAnalysis(), 0.99).fit(X, y, each)
    with pytest.raises(InputError, match="no inner fold holds every class in training"):
        ConformalDecoder(LinearDiscriminantAnalysis()).fit(X, y, y)
    with pytest.raises(InputError, match="the rarest has 1"):
        ConformalDecoder(LinearDiscriminantAnalysis(), 0.5).fit(X[:3], [0, 0, 1], each[:3])
    with pytest.raises(InputError, match="one of lac, aps"):
        ConformalDecoder(LinearDiscriminantAnalysis(), score="raps").fit(X, y, each)
