"""Permutation tests, PLS, temporal generalisation, searchlight and RSA against their peers.

Each peer does the same work to the end: the AUC of every permutation, fold, pair of times or
sphere included. Of peers that take minutes a stated share of equal pieces is timed (20 of 1,000
permutations, one fold of 18, 100 of 1,000 spheres) and scaled.
"""

from __future__ import annotations

import contextlib
import io
import warnings

import numpy as np
import rsatoolbox
from mne.decoding import GeneralizingEstimator
from nilearn.decoding.searchlight import search_light
from rsatoolbox.inference import eval_bootstrap_pattern
from scipy import sparse
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.metrics import make_scorer, roc_auc_score
from sklearn.model_selection import LeaveOneGroupOut, StratifiedKFold, permutation_test_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from affectome.decoding import PLSDecoder, RidgeDecoder
from affectome.kernels import pls, rdm, rsa
from affectome.kernels.generalisation import generalisation_matrix
from affectome.kernels.ranks import auc
from affectome.kernels.searchlight import searchlight_predictions
from bench.timing import Row, compare, show


def permutation_rows() -> list[Row]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2000))
    y = rng.permutation(np.repeat([0.0, 1.0], 100))
    folds = list(StratifiedKFold(5).split(X, y))
    arrangements = np.stack([rng.permutation(y) for _ in range(1000)])
    scorer = make_scorer(roc_auc_score, response_method="predict")

    def ours(decoder):
        scores = decoder.closed_form_predictions(X, arrangements, folds)
        return np.mean(
            [auc(scores[:, test], arrangements[:, test] == 1) for _, test in folds], axis=0
        )

    def peer(model):
        return permutation_test_score(
            model, X, y, cv=folds, n_permutations=20, scoring=scorer, random_state=0
        )

    work = "1,000 permutations, 5 folds, 200 x 2,000, AUC: "
    pairs = [
        ("ridge", RidgeDecoder(standardize=False), Ridge(), 1000),
        ("PLS(5)", PLSDecoder(5, standardize=False), PLSRegression(5, scale=False), 300),
    ]
    return [
        row
        for name, decoder, model, target in pairs
        for row in compare(
            work + name,
            lambda decoder=decoder: ours(decoder),
            lambda model=model: peer(model),
            target=target,
            peer_share=21 / 1001,
        )
    ]


def subject_rows() -> list[Row]:
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(18 * 112, 20))
    X = rng.normal(size=(18 * 112, 10_000))
    X[:, :2000] += shared @ rng.normal(size=(20, 2000))
    Y = shared + rng.normal(size=shared.shape)
    subjects = np.repeat(np.arange(18), 112)
    folds = list(LeaveOneGroupOut().split(X, groups=subjects))

    def peer():
        train, test = folds[0]
        return PLSRegression(20, scale=False).fit(X[train], Y[train]).predict(X[test])

    return compare(
        "PLS2(20) leave one of 18 out, 2,016 x 10,000 -> 20",
        lambda: pls.cross_validated_predictions(X, Y, folds, 20),
        peer,
        target=80,
        peer_share=1 / len(folds),
    )


def generalisation_rows() -> list[Row]:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 64, 200)), rng.permutation(np.repeat([0, 1], 100))
    folds = list(StratifiedKFold(5).split(X[:, 0], y))

    def peer():
        model = make_pipeline(StandardScaler(), RidgeClassifier())
        estimator = GeneralizingEstimator(model, scoring="roc_auc", verbose=False)
        return [estimator.fit(X[train], y[train]).score(X[test], y[test]) for train, test in folds]

    return compare(
        "generalisation matrix 200 x 64 x 200, 5 folds, AUC",
        lambda: generalisation_matrix(X, y, folds),
        peer,
        target=25,
    )


def searchlight_rows() -> list[Row]:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 5000)), rng.permutation(np.repeat([-1.0, 1.0], 50))
    members = [rng.choice(5000, 30, replace=False) for _ in range(1000)]
    adjacency = sparse.lil_matrix((1000, 5000), dtype=bool)
    for row, voxels in enumerate(members):
        adjacency[row, voxels] = True
    cv = StratifiedKFold(5)
    folds = list(cv.split(X, y))

    def ours():
        scores = searchlight_predictions(X, y, members, folds)
        return np.mean([auc(scores[:, test], y[test] > 0) for _, test in folds], axis=0)

    return compare(
        "searchlight, 1,000 centres x 30 voxels x 100 scans, ridge, AUC",
        ours,
        lambda: search_light(X, y, RidgeClassifier(), adjacency[:100], None, "roc_auc", cv, 1, 0),
        target=150,
        peer_share=1 / 10,
    )


def rsa_rows() -> list[Row]:
    rng = np.random.default_rng(0)
    data, models = rng.random((18, 6216)), rng.random((8, 6216))
    peers_data = rsatoolbox.rdm.RDMs(data)
    peers_models = [rsatoolbox.model.ModelFixed(str(k), m) for k, m in enumerate(models)]

    def ours():
        counts = rsa.bootstrap_counts(112, 50, 0)
        return (
            rsa.bootstrap_comparisons(models, data, counts),
            rsa.bootstrap_noise_ceiling(data, counts),
        )

    def peer():
        with contextlib.redirect_stderr(io.StringIO()):
            return eval_bootstrap_pattern(peers_models, peers_data, method="corr", N=50)

    return compare(
        "RSA bootstrap, 50 draws of 112, 8 models x 18 people, with ceilings",
        ours,
        peer,
        target=80,
    )


def rdm_rows() -> list[Row]:
    rows = []
    for n_units in (1000, 4096):
        patterns = np.random.default_rng(0).normal(size=(1000, n_units))
        dataset = rsatoolbox.data.Dataset(patterns)
        rows += compare(
            f"correlation RDM, 1,000 conditions x {n_units:,} units",
            lambda patterns=patterns: rdm.correlation(patterns),
            lambda dataset=dataset: rsatoolbox.rdm.calc_rdm(dataset, method="correlation"),
            target=15,
        )
    return rows


PARTS = [
    permutation_rows,
    subject_rows,
    generalisation_rows,
    searchlight_rows,
    rsa_rows,
    rdm_rows,
]


def main() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for part in PARTS:
            show(part())
