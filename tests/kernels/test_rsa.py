import numpy as np
import pytest
import rsatoolbox
from rsatoolbox.inference import boot_noise_ceiling

from affectome.errors import InputError
from affectome.kernels import rsa

RNG = np.random.default_rng(0)
N = 9
SHARED = RNG.random(36)
DATA = SHARED + RNG.random((5, 36))
MODELS = SHARED * [[0.5], [0.0], [1.0]] + RNG.random((3, 36))
PEER = {"correlation": "corr", "cosine": "cosine", "spearman": "spearman"}


def sampled(rdms, draw):
    return rsatoolbox.rdm.RDMs(rdms).subsample_pattern("index", draw)


@pytest.mark.parametrize("method", rsa.METHODS)
def test_comparison_and_ceiling_equal_rsatoolbox(method):
    data, models = rsatoolbox.rdm.RDMs(DATA), rsatoolbox.rdm.RDMs(MODELS)
    expected = rsatoolbox.rdm.compare(models, data, PEER[method])
    np.testing.assert_allclose(rsa.compare(MODELS, DATA, method), expected, rtol=0, atol=1e-12)
    ceiling = boot_noise_ceiling(data, PEER[method])
    np.testing.assert_allclose(rsa.noise_ceiling(DATA, method), ceiling, rtol=0, atol=1e-12)


@pytest.mark.parametrize("method", rsa.METHODS)
def test_bootstrap_equals_resampling_with_rsatoolbox(method):
    draws = RNG.integers(0, N, (6, N))
    counts = np.array([np.bincount(draw, minlength=N) for draw in draws])
    found = rsa.bootstrap_comparisons(MODELS, DATA, counts, method)
    ceilings = rsa.bootstrap_noise_ceiling(DATA, counts, method)
    for k, draw in enumerate(draws):
        data, models = sampled(DATA, draw), sampled(MODELS, draw)
        expected = rsatoolbox.rdm.compare(models, data, PEER[method])
        np.testing.assert_allclose(found[k], expected, rtol=0, atol=1e-10)
        np.testing.assert_allclose(
            ceilings[k], boot_noise_ceiling(data, PEER[method]), rtol=0, atol=1e-10
        )


@pytest.mark.parametrize("method", rsa.METHODS)
def test_every_condition_once_is_the_plain_comparison(method):
    once = np.ones((1, N))
    found = rsa.bootstrap_comparisons(MODELS, DATA, once, method)[0]
    np.testing.assert_allclose(found, rsa.compare(MODELS, DATA, method), atol=1e-12)
    ceiling = rsa.bootstrap_noise_ceiling(DATA, once, method)[0]
    np.testing.assert_allclose(ceiling, rsa.noise_ceiling(DATA, method), atol=1e-12)


def test_ties_take_mean_ranks_in_every_draw():
    draws = np.random.default_rng(1).integers(0, N, (6, N))
    counts = np.array([np.bincount(draw, minlength=N) for draw in draws])
    categories = np.round(DATA * 2)
    found = rsa.bootstrap_comparisons(np.round(MODELS), categories, counts, "spearman")
    for k, draw in enumerate(draws):
        data, models = sampled(categories, draw), sampled(np.round(MODELS), draw)
        expected = rsatoolbox.rdm.compare(models, data, "spearman")
        np.testing.assert_allclose(found[k], expected, rtol=0, atol=1e-10)


def test_more_pairs_than_a_block():
    models, data = RNG.random((2, 1225)), RNG.random((2, 1225))
    np.testing.assert_allclose(
        rsa.bootstrap_comparisons(models, data, np.full((1, 50), 2))[0],
        rsa.compare(models, data),
        atol=1e-12,
    )


@pytest.mark.parametrize("method", rsa.METHODS)
def test_a_draw_of_two_conditions_tells_nothing(method):
    counts = [[5, 4, *[0] * 7], np.ones(N)]
    found = rsa.bootstrap_comparisons(MODELS, DATA, counts, method)
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()
    assert np.isnan(rsa.bootstrap_noise_ceiling(DATA, counts, method)[0]).all()


def test_counts_add_up_and_repeat_with_the_seed():
    counts = rsa.bootstrap_counts(N, 20, 1)
    assert counts.shape == (20, N)
    assert (counts.sum(axis=1) == N).all()
    np.testing.assert_array_equal(counts, rsa.bootstrap_counts(N, 20, 1))


def test_an_rdm_without_spread_has_no_similarity():
    assert np.isnan(rsa.compare(np.zeros((1, 36)), DATA)).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rsa.compare(MODELS, DATA, "tau"), "method must be one of correlation, cosine"),
        (
            lambda: rsa.bootstrap_comparisons(MODELS, DATA, np.ones((1, 7)), "spearman"),
            r"counts have shape \(1, 7\)",
        ),
        (
            lambda: rsa.compare(MODELS[:, :5], DATA),
            r"models have shape \(3, 5\) and data \(5, 36\)",
        ),
        (lambda: rsa.compare(MODELS * np.nan, DATA), "first in RDM 0, pair 0"),
        (lambda: rsa.noise_ceiling(DATA[:1]), "two subjects or more; got 1"),
        (lambda: rsa.bootstrap_noise_ceiling(DATA[:1], np.ones((1, N))), "two subjects or more"),
        (
            lambda: rsa.bootstrap_comparisons(MODELS, DATA, np.ones((2, 7))),
            r"counts have shape \(2, 7\), which does not fit RDMs of 36 pairs",
        ),
    ],
)
def test_bad_input_is_refused_in_one_line(call, message):
    with pytest.raises(InputError, match=message):
        call()
