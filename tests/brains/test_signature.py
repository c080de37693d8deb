"""Pattern expression against numpy, scipy and nilearn."""

import nibabel
import numpy as np
import pytest
from nilearn.image import resample_to_img
from scipy.ndimage import gaussian_filter
from scipy.stats import ttest_1samp

from affectome.brains.signature import signature
from affectome.data.readers.maps import load_maps
from affectome.errors import InputError

AFFINE = np.diag([4.0, 4, 4, 1])
SHAPE = (8, 9, 7)


def image(data, affine=AFFINE):
    return nibabel.Nifti1Image(np.asarray(data, dtype=np.float32), affine)


@pytest.fixture
def maps():
    rng = np.random.default_rng(0)
    data = rng.standard_normal((*SHAPE, 12))
    data[:2], data[2, 2] = 0, np.nan
    return data


@pytest.fixture
def pattern():
    weights = np.random.default_rng(1).standard_normal(SHAPE)
    weights[:, :3] = 0
    return weights


def test_measures_are_those_of_numpy_on_the_shared_voxels(maps, pattern):
    found = signature(image(maps), image(pattern), "p").values
    for i in range(12):
        x = maps[..., i].astype(np.float32)
        both = np.isfinite(x) & (x != 0) & (pattern != 0)
        x, w = x[both].astype(float), pattern[both].astype(np.float32).astype(float)
        assert found["dot"][i] == pytest.approx(x @ w)
        assert found["cosine"][i] == pytest.approx(x @ w / np.linalg.norm(x) / np.linalg.norm(w))
        assert found["correlation"][i] == pytest.approx(np.corrcoef(x, w)[0, 1])
    assert 0.7 < found["coverage"][0] < 0.8


def test_t_and_interval_are_scipys_over_subjects_and_conditions(maps, pattern):
    people = [f"sub-{i // 2}" for i in range(12)]
    kinds = ["fear", "joy"] * 6
    whole = signature(image(maps), image(pattern), "p", subjects=people)
    cosine = whole.values["cosine"].to_numpy().reshape(6, 2).mean(axis=1)
    test = whole.tests[1]
    assert (test.measure, test.n_subjects) == ("cosine", 6)
    assert test.t == pytest.approx(ttest_1samp(cosine, 0).statistic)
    assert test.interval == pytest.approx(tuple(ttest_1samp(cosine, 0).confidence_interval()))
    apart = signature(image(maps), image(pattern), "p", subjects=people, conditions=kinds)
    assert {t.condition for t in apart.tests} == {"fear", "joy"}
    one = signature(image(maps[..., :1]), image(pattern), "p").tests[1]
    assert (one.interval, one.t, one.over) == (None, None, "1 people")
    assert 0 < one.p <= 1


def test_a_planted_pattern_is_found_and_scale_matters_only_to_the_dot(maps, pattern):
    planted = maps + 0.5 * pattern[..., None]
    found = signature(image(planted), image(pattern), "p")
    twice = signature(image(2 * planted), image(5 * pattern), "p")
    assert min(t.t for t in found.tests) > 10
    assert found.tests[1].p == pytest.approx(1 / 1001)
    assert found.tests[1].z > 10
    assert [t.p for t in found.tests if t.measure != "cosine"] == [None, None]
    np.testing.assert_allclose(found.values["cosine"], twice.values["cosine"], rtol=1e-5)
    np.testing.assert_allclose(10 * found.values["dot"], twice.values["dot"], rtol=1e-5)


def test_grids_are_brought_together_as_stated(maps, pattern):
    fine = image(np.kron(pattern, np.ones((2, 2, 2))), np.diag([2.0, 2, 2, 1]))
    found = signature(image(maps), fine, "p")
    assert found.resampling == "the pattern is resampled to the grid of the maps (linear)"
    by_hand = resample_to_img(fine, image(maps), interpolation="linear")
    same = signature(image(maps), by_hand, "p")
    np.testing.assert_allclose(found.values["dot"], same.values["dot"])
    other = signature(image(maps), fine, "p", resampling="maps")
    assert other.n_voxels > found.n_voxels
    with pytest.raises(InputError, match="resampling is 'pattern' or 'maps'; got 'both'"):
        signature(image(maps), fine, "p", resampling="both")


def test_a_pattern_elsewhere_is_refused(maps, pattern):
    only = np.zeros(SHAPE)
    only[0] = 1
    with pytest.raises(InputError, match="map 1 has no value on any voxel of the pattern 'p'"):
        signature(image(maps), image(only), "p")


def blurred(rng, shape, width):
    pad = 4 * width + 1
    big = gaussian_filter(rng.standard_normal([n + 2 * pad for n in shape]), width)
    return big[pad:-pad, pad:-pad, pad:-pad] / big.std()


@pytest.mark.slow
@pytest.mark.parametrize(("n_people", "width"), [(10, 1), (30, 3)])
def test_smooth_maps_that_people_share_express_no_pattern(n_people, width):
    rng = np.random.default_rng(5)
    shape, n_sets, p, t = (12, 14, 11), 60, [], []
    for k in range(n_sets):
        shared = blurred(rng, shape, width)
        data = np.stack([shared + blurred(rng, shape, width) for _ in range(n_people)], axis=3)
        found = signature(
            image(data), image(blurred(rng, shape, 2)), "p", n_surrogates=99, random_state=k
        )
        if found.tests[1].p is not None:
            p.append(found.tests[1].p)
        t.append(abs(found.tests[1].t))
    assert np.mean(np.array(t) > 2.8) > 0.15  # what a t over people says of such maps
    assert len(p) > 0.8 * n_sets
    assert np.mean(np.array(p) <= 0.05) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / len(p))


def test_the_level_of_a_pattern_is_no_evidence():
    rng = np.random.default_rng(6)
    data = 2 + rng.standard_normal((*SHAPE, 12))
    found = signature(image(data), image(3 + blurred(rng, SHAPE, 1)), "p").tests[1]
    assert found.t > 10
    assert found.p > 0.01
    assert abs(found.z) < 3


def test_patterns_that_are_none_are_refused_in_a_line(maps, pattern):
    for bad in (np.zeros(SHAPE), np.full(SHAPE, np.nan)):
        with pytest.raises(InputError, match="'p' has no weight: all of its voxels are 0 or NaN"):
            signature(image(maps), image(bad), "p")
    with pytest.raises(InputError, match="has infinite weights"):
        signature(image(maps), image(np.where(pattern > 2, np.inf, pattern)), "p")
    flat = signature(image(maps), image((pattern > 1).astype(float)), "p").tests[1]
    assert flat.p is None
    assert "same value everywhere" in flat.why
    cut = signature(image(maps), image(np.where(abs(pattern) > 1, pattern, 0)), "p")
    assert cut.thresholded
    assert not signature(image(maps), image(pattern), "p").thresholded


def test_maps_load_from_a_folder_or_one_image(tmp_path, maps):
    for i in range(3):
        nibabel.save(image(maps[..., i]), tmp_path / f"sub-{i + 1:02d}_con.nii.gz")
    found, trials, skipped, _ = load_maps(tmp_path)
    assert found.shape == (*SHAPE, 3)
    assert list(trials["subject"]) == ["sub-01", "sub-02", "sub-03"]
    assert not skipped
    nibabel.save(image(maps), tmp_path / "all.nii.gz")
    table = tmp_path / "rows.tsv"
    table.write_text("subject\temotion\n" + "".join(f"{i}\tjoy\n" for i in range(11)) + "11\tn/a\n")
    found, trials, skipped, _ = load_maps(tmp_path / "all.nii.gz", table)
    assert found.shape == (*SHAPE, 11)
    assert set(trials["emotion"]) == {"joy"}
    assert len(skipped) == 1
    table.write_text("subject\n1\n")
    with pytest.raises(InputError, match=r"has 1 rows, but .* has 12 maps; give one row a map"):
        load_maps(tmp_path / "all.nii.gz", table)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="holds no NIfTI or Analyze images"):
        load_maps(empty)
