import numpy as np
import pytest
from nilearn.decoding.searchlight import search_light
from scipy import sparse
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.model_selection import KFold

from affectome.errors import InputError
from affectome.kernels.ranks import auc
from affectome.kernels.searchlight import searchlight_predictions, spheres

RNG = np.random.default_rng(0)
GRID = np.stack(np.meshgrid(*[np.arange(6) * 2.0] * 3, indexing="ij"), -1).reshape(-1, 3)
X = RNG.normal(size=(30, len(GRID))) + 3
Y = RNG.permutation(np.resize([-1.0, 1.0], 30))
CV = KFold(5)
FOLDS = list(CV.split(X))


def adjacency(members):
    matrix = sparse.lil_matrix((len(members), len(GRID)), dtype=bool)
    for row, voxels in enumerate(members):
        matrix[row, voxels] = True
    return matrix


@pytest.mark.parametrize("radius", [2.0, 4.0])
def test_equals_nilearn(radius):
    members = spheres(GRID, radius)[::5]
    sizes = [len(voxels) for voxels in members]
    assert min(sizes) < max(sizes)
    scores = searchlight_predictions(X, Y, members, FOLDS, 1.5)
    expected = search_light(
        X, Y, RidgeClassifier(1.5), adjacency(members), None, "roc_auc", CV, 1, 0
    )
    found = np.mean([auc(scores[:, test], Y[test] > 0) for _, test in FOLDS], axis=0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


def test_predictions_equal_a_ridge_in_each_sphere():
    members = [[0], np.arange(4), np.arange(100), np.arange(7, 30)]
    targets = RNG.normal(size=(30, 2))
    found = searchlight_predictions(X, targets, members, FOLDS, 0.5)
    for voxels, predictions in zip(members, found, strict=True):
        for train, test in FOLDS:
            model = Ridge(0.5).fit(X[np.ix_(train, voxels)], targets[train])
            expected = model.predict(X[np.ix_(test, voxels)])
            np.testing.assert_allclose(predictions[test], expected, rtol=0, atol=1e-10)


def test_more_spheres_than_a_block_come_out_in_their_places():
    members = RNG.integers(0, len(GRID), (400, 20))
    found = searchlight_predictions(X, Y, members, FOLDS)
    alone = searchlight_predictions(X, Y, members[[399]], FOLDS)
    np.testing.assert_allclose(found[399], alone[0], atol=1e-12)


def test_spheres_hold_the_voxels_on_their_surface_and_take_other_centres():
    (members,) = spheres(GRID, 2.0, [[2.0, 2.0, 2.0]])
    assert len(members) == 7
    assert len(spheres(GRID, 2.0)) == len(GRID)
    assert [len(m) for m in spheres(GRID, 0.5, [[1.0, 1.0, 1.0]])] == [0]


def test_bad_input_is_refused_in_one_line():
    with pytest.raises(InputError, match="sphere 1 holds no voxel"):
        searchlight_predictions(X, Y, [[0], []], FOLDS)
    with pytest.raises(InputError, match="X holds NaN"):
        searchlight_predictions(X * np.nan, Y, [[0]], FOLDS)
    with pytest.raises(InputError, match=r"Y \(29, 1\)"):
        searchlight_predictions(X, Y[1:], [[0]], FOLDS)
