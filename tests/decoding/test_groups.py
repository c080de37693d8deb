"""Groups inside a training set: what is left out, who is told, and what is said without them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from affectome.decoding.calibration import CalibratedDecoder
from affectome.decoding.conformal import ConformalDecoder
from affectome.decoding.groups import cross_fitted, fit_grouped, group_columns, inner_folds
from affectome.errors import InputError


class Recorder(ClassifierMixin, BaseEstimator):
    """Remembers the groups that it was given."""

    __metadata_request__fit = {"groups": True}  # noqa: RUF012
    seen: list = []  # noqa: RUF012

    def fit(self, X, y, groups=None):
        Recorder.seen.append(groups)
        self.classes_ = np.unique(y)
        self.model_ = LogisticRegression().fit(X, y)
        return self

    def predict_proba(self, X):
        return self.model_.predict_proba(X)

    def predict(self, X):
        return self.model_.predict(X)


class Crossed(Recorder):
    crossed_groups = True


def trials(seed=0, n_people=6, n_stimuli=8):
    rng = np.random.default_rng(seed)
    groups = np.column_stack([a.ravel() for a in np.indices((n_people, n_stimuli))])
    y = groups[:, 1] % 2
    return rng.normal(size=(len(y), 3)) + y[:, None], y, groups


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(1, 2))
def test_no_training_trial_shares_a_group_with_a_tested_one(seed, n_splits, n_columns):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 5, (60, n_columns))
    groups = group_columns(groups, 60, "a test")
    for train, test in inner_folds(np.arange(60) % 3, groups, n_splits):
        for column in groups.T:
            assert not set(column[train]) & set(column[test])


def test_where_people_and_stimuli_cross_every_trial_is_tested_once():
    _, y, groups = trials()
    tested = np.concatenate([test for _, test in inner_folds(y, groups, 3)])
    assert sorted(tested) == list(range(len(y)))


def test_a_nested_estimator_gets_the_groups_of_its_own_trials():
    X, y, groups = trials()
    for decoder, columns in ((Recorder(), 1), (Crossed(), 2)):
        Recorder.seen.clear()
        nested = ConformalDecoder(CalibratedDecoder(decoder, 2), 0.6, 2)
        nested.fit(X, y, groups)
        assert all(given is not None for given in Recorder.seen)
        shape = (len(y),) if columns == 1 else (len(y), 2)
        assert Recorder.seen[-1].shape == shape
        assert len({len(given) for given in Recorder.seen}) > 1


def test_pipelines_pass_groups_on_and_others_get_none():
    X, y, groups = trials()
    Recorder.seen.clear()
    fit_grouped(make_pipeline(StandardScaler(), Recorder()), X, y, groups)
    np.testing.assert_array_equal(Recorder.seen[-1], groups[:, 0])
    fit_grouped(make_pipeline(StandardScaler(), LogisticRegression()), X, y, groups)


def test_without_groups_trials_are_independent_and_it_says_so():
    with pytest.warns(UserWarning, match="calibration takes the trials as independent"):
        codes = group_columns(None, 5, "calibration")
    np.testing.assert_array_equal(codes, np.arange(5)[:, None])


def test_says_what_is_wrong():
    X, y, _ = trials()
    with pytest.raises(InputError, match=r"groups have the shape \(3,\) but there are 48 trials"):
        group_columns(np.arange(3), 48, "a test")
    with pytest.raises(InputError, match="there is one group; need two"):
        group_columns(np.zeros(48), 48, "a test")
    with pytest.raises(InputError, match="no inner fold holds every class"):
        cross_fitted(LogisticRegression(), X, y, y[:, None], 5, lambda e, X: e.predict_proba(X))
