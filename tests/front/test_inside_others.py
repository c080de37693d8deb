"""Our decoders inside the tools that people already use."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import affectome as af
from people_and_films import planted

LINEAR = [
    af.RidgeClassifierDecoder(alpha=10.0),
    af.BalancedRidgeClassifierDecoder(alpha=10.0),
    af.ShrinkageLDA(),
    af.PLSClassifierDecoder(),
]


@pytest.fixture(scope="module")
def held():
    X, trials = planted()
    return X, trials["emotion"].to_numpy(), trials["person"].to_numpy()


@pytest.mark.parametrize("decoder", LINEAR, ids=lambda one: type(one).__name__)
def test_cross_val_score_by_people(held, decoder):
    X, y, who = held
    scores = cross_val_score(decoder, X, y, groups=who, cv=GroupKFold(3), scoring="roc_auc")
    assert scores.shape == (3,)
    assert scores.mean() > 0.8


def test_grid_search_chooses_inside_people(held):
    X, y, who = held
    steps = make_pipeline(StandardScaler(), af.RidgeClassifierDecoder())
    grid = {"ridgeclassifierdecoder__alpha": [1.0, 1e6]}
    search = GridSearchCV(steps, grid, cv=GroupKFold(3)).fit(X, y, groups=who)
    assert search.best_score_ > 0.8
    found = af.evaluate(search.best_estimator_, X, y, subject=who, n_permutations=3, n_bootstrap=20)
    assert found.score.value > 0.8


def test_groups_are_routed_to_what_calibrates(held):
    X, y, who = held
    decoder = af.CalibratedDecoder(af.RidgeClassifierDecoder())
    with config_context(enable_metadata_routing=True):
        scores = cross_val_score(
            decoder, X, y, cv=GroupKFold(3), params={"groups": who}, scoring="neg_log_loss"
        )
    assert scores.mean() > -np.log(2)


def test_scores_are_no_probabilities_and_the_message_says_what_gives_them():
    for decoder in LINEAR:
        assert hasattr(decoder, "predict_proba") == isinstance(decoder, af.ShrinkageLDA)
    with pytest.raises(AttributeError, match=r"CalibratedDecoder\(RidgeClassifierDecoder\(\)\)"):
        af.RidgeClassifierDecoder().predict_proba  # noqa: B018


def test_a_sliding_estimator_of_mne():
    decoding = pytest.importorskip("mne.decoding")
    X, trials = planted(n_times=4)
    y = (trials["emotion"] == "joy").to_numpy().astype(int)
    sliding = decoding.SlidingEstimator(af.RidgeClassifierDecoder(), scoring="roc_auc", verbose=0)
    scores = decoding.cross_val_multiscore(
        sliding, X.transpose(0, 2, 1), y, groups=trials["person"], cv=GroupKFold(3), verbose=0
    )
    assert scores.shape == (3, 4)
    assert scores.mean() > 0.7


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Use a custom estimator:UserWarning")
def test_a_searchlight_of_nilearn():
    decoding = pytest.importorskip("nilearn.decoding")
    nibabel = pytest.importorskip("nibabel")
    X, trials = planted(n_units=27)
    affine = np.eye(4)
    images = nibabel.Nifti1Image(X.T.reshape(3, 3, 3, -1).astype(np.float32), affine)
    mask = nibabel.Nifti1Image(np.ones((3, 3, 3), dtype=np.uint8), affine)
    light = decoding.SearchLight(
        mask, radius=1.5, estimator=af.RidgeClassifierDecoder(), cv=GroupKFold(3)
    )
    light.fit(images, trials["emotion"].to_numpy(), groups=trials["person"].to_numpy())
    assert light.scores_[0, 0].mean() > light.scores_[2, 2].mean() + 0.1


@pytest.mark.slow
def test_a_report_of_skore(held):
    skore = pytest.importorskip("skore")
    X, y, _ = held
    report = skore.CrossValidationReport(af.ShrinkageLDA(), X, y == "joy", splitter=3)
    assert report.metrics.accuracy().shape[0] == 1
