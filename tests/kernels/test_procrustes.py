import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import orthogonal_procrustes
from scipy.stats import special_ortho_group

from affectome.kernels.procrustes import hyperalign, procrustes


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000), n=st.integers(3, 30), p=st.integers(1, 8))
def test_procrustes_agrees_with_scipy(seed, n, p):
    rng = np.random.default_rng(seed)
    X, target = rng.standard_normal((2, n + p, p))
    np.testing.assert_allclose(
        procrustes(X, target), orthogonal_procrustes(X, target)[0], atol=1e-9
    )


def test_a_rotation_is_undone():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 6))
    basis = special_ortho_group.rvs(6, random_state=1)
    np.testing.assert_allclose(X @ basis @ procrustes(X @ basis, X), X, atol=1e-10)


def test_subjects_of_different_sizes_meet_in_one_space():
    rng = np.random.default_rng(2)
    shared = rng.standard_normal((60, 5))
    maps = [np.linalg.qr(rng.standard_normal((p, 5)))[0] for p in (12, 20, 33)]
    subjects = [shared @ m.T + 0.05 * rng.standard_normal((60, len(m))) for m in maps]
    found, template = hyperalign(subjects, 5)
    for X, R in zip(subjects, found, strict=True):
        np.testing.assert_allclose(R.T @ R, np.eye(5), atol=1e-10)
        assert np.corrcoef((X @ R).ravel(), template.ravel())[0, 1] > 0.98
    turned = template @ procrustes(template, shared)
    assert np.corrcoef(turned.ravel(), shared.ravel())[0, 1] > 0.98


def test_more_alternations_never_fit_worse():
    rng = np.random.default_rng(3)
    subjects = list(rng.standard_normal((4, 30, 10)))
    sizes = [
        float((hyperalign(subjects, 4, max_iter=n, tol=-1)[1] ** 2).sum()) for n in (1, 2, 5, 20)
    ]
    assert sizes == sorted(sizes)


def test_shapes_that_do_not_meet_are_named():
    with pytest.raises(ValueError, match=r"X \(3, 2\) and target \(4, 2\) need the same rows"):
        procrustes(np.ones((3, 2)), np.ones((4, 2)))
    with pytest.raises(ValueError, match="same conditions; got the shapes"):
        hyperalign([np.ones((3, 2)), np.ones((4, 2))])
    with pytest.raises(ValueError, match="n_components lies in 1–2 for these shapes; got 3"):
        hyperalign([np.ones((3, 2)), np.ones((3, 2))], 3)
