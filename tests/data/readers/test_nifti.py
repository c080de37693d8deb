"""Images written by nibabel come back as nilearn's maskers read them."""

import gzip

import nibabel
import numpy as np
import pandas as pd
import pytest
from nilearn.maskers import NiftiLabelsMasker, NiftiMasker, NiftiSpheresMasker

from affectome.data import trial_table, unit_table
from affectome.data.readers import read_recording
from affectome.errors import InputError

AFFINE = np.array([[3.0, 0, 0, -15], [0, 3, 0, -12], [0, 0, 3, -9], [0, 0, 0, 1]])
SHAPE = (10, 9, 8)


def save(data, path, affine=AFFINE, tr=2.0):
    image = nibabel.Nifti1Image(data.astype(np.float32), affine)
    if data.ndim == 4:
        image.header.set_zooms((3, 3, 3, tr))
        image.header.set_xyzt_units("mm", "sec")
    nibabel.save(image, path)
    return path


@pytest.fixture
def series(tmp_path):
    data = np.random.default_rng(0).standard_normal((*SHAPE, 40))
    path = save(data, tmp_path / "sub-03_task-film_bold.nii.gz")
    pd.DataFrame({"onset": [10.0, 30.0], "duration": 6.0, "trial_type": ["joy", "fear"]}).to_csv(
        tmp_path / "sub-03_task-film_events.tsv", sep="\t", index=False
    )
    return path, data.astype(np.float32)


@pytest.fixture
def mask(tmp_path):
    inside = np.zeros(SHAPE)
    inside[2:7, 2:7, 2:6] = 1
    return save(inside, tmp_path / "mask.nii.gz")


def test_a_masked_series_is_nilearns(series, mask):
    path, _ = series
    read = read_recording(path, mask=mask, window=(0, 6))
    wanted = NiftiMasker(str(mask), standardize=None).fit_transform(str(path))
    np.testing.assert_allclose(read.recording.values[0], wanted[5:9], rtol=1e-6)
    np.testing.assert_allclose(read.recording["time"], [0, 2, 4, 6])
    assert set(trial_table(read.recording)["subject"]) == {"sub-03"}
    units = unit_table(read.recording)
    np.testing.assert_allclose(
        units[["x", "y", "z"]], nibabel.affines.apply_affine(AFFINE, units[["i", "j", "k"]])
    )


def test_regions_and_spheres_are_nilearns(series, tmp_path):
    path, _ = series
    labels = np.zeros(SHAPE)
    labels[1:4, 1:4, 1:4], labels[6:9, 5:8, 4:7] = 7, 21
    atlas = save(labels, tmp_path / "atlas.nii.gz")
    read = read_recording(path, atlas=atlas, window=(0, 6))
    wanted = NiftiLabelsMasker(str(atlas), standardize=None).fit_transform(str(path))
    np.testing.assert_allclose(read.recording.values[0], wanted[5:9], rtol=1e-5)
    assert list(unit_table(read.recording)["region"]) == ["7", "21"]
    centres = [(0.0, 0.0, 0.0), (6.0, 3.0, 3.0)]
    read = read_recording(path, spheres=centres, radius=4, window=(0, 6))
    wanted = NiftiSpheresMasker(centres, radius=4, standardize=None).fit_transform(str(path))
    np.testing.assert_allclose(read.recording.values[0], wanted[5:9], rtol=1e-5)
    with pytest.raises(InputError, match="a sphere holds no voxel"):
        read_recording(path, spheres=[(500, 0, 0)])


def test_one_row_a_volume_gives_maps(series, tmp_path):
    path, data = series
    events = tmp_path / "trials.tsv"
    pd.DataFrame({"emotion": ["joy", "fear"] * 20}).to_csv(events, sep="\t", index=False)
    read = read_recording(path, events)
    assert read.recording.dims == ("trial", "unit")
    np.testing.assert_array_equal(read.recording.values, data.reshape(-1, 40).T)
    pd.DataFrame({"emotion": ["joy", "fear"]}).to_csv(events, sep="\t", index=False)
    with pytest.raises(InputError, match=r"2 rows, but .* has 40 volumes"):
        read_recording(path, events)


def test_another_grid_is_refused_until_a_side_is_chosen(series, tmp_path):
    path, _ = series
    coarse = AFFINE.copy()
    coarse[:3, :3] *= 2
    other = save(np.ones((5, 5, 4)), tmp_path / "coarse.nii.gz", coarse)
    with pytest.raises(InputError, match=r"voxels 3×3×3 mm.* does not meet .*voxels 6×6×6 mm"):
        read_recording(path, mask=other)
    down = read_recording(path, mask=other, resampling="data")
    assert down.recording.sizes["unit"] <= 100
    assert "resampled to the grid of coarse.nii.gz" in down.notes[0]
    up = read_recording(path, mask=other, resampling="labels")
    assert up.recording.sizes["unit"] > 500
    with pytest.raises(InputError, match="resampling is one of none, data, labels; got 'yes'"):
        read_recording(path, mask=other, resampling="yes")
    with pytest.raises(InputError, match="give one of mask, atlas and spheres"):
        read_recording(path, mask=other, atlas=other)


def test_a_folder_of_maps_with_and_without_a_table(tmp_path):
    rng = np.random.default_rng(2)
    maps = rng.standard_normal((4, *SHAPE)).astype(np.float32)
    maps[:, 0] = np.nan
    for i, data in enumerate(maps):
        save(data, tmp_path / f"sub-{i + 1:02d}_con.nii")
    read = read_recording(tmp_path)
    np.testing.assert_array_equal(read.recording.values, maps[:, 1:].reshape(4, -1))
    assert list(trial_table(read.recording)["subject"]) == ["sub-01", "sub-02", "sub-03", "sub-04"]
    assert "72 of 720 voxels are flat or missing; left out" in read.notes
    pd.DataFrame(
        {
            "file_name": ["sub-02_con.nii", "sub-04_con.nii", "no.nii"],
            "emotion": ["joy", "fear", "joy"],
        }
    ).to_csv(tmp_path / "metadata.csv", index=False)
    read = read_recording(tmp_path)
    assert list(trial_table(read.recording)["emotion"]) == ["joy", "fear"]
    assert read.skipped[0].why == "there is no such file"
    save(np.ones((2, 2, 2)), tmp_path / "sub-04_con.nii")
    with pytest.raises(InputError, match="bring all maps to one grid first"):
        read_recording(tmp_path)


@pytest.mark.usefixtures("series")
def test_images_that_can_not_be_used_are_named(tmp_path):
    one = save(np.ones(SHAPE), tmp_path / "one.nii")
    with pytest.raises(InputError, match=r"has the shape \(10, 9, 8\); give a four-dimensional"):
        read_recording(one)
    (tmp_path / "bad.nii").write_bytes(b"no image")
    with pytest.raises(InputError, match="is not a readable NIfTI or Analyze image"):
        read_recording(tmp_path / "bad.nii")
    flat = save(np.ones((*SHAPE, 5)), tmp_path / "flat.nii")
    events = tmp_path / "sub-03_task-film_events.tsv"
    with pytest.raises(InputError, match="none of 720 voxels is finite and changes"):
        read_recording(flat, events)
    slow = save(np.random.default_rng(0).random((*SHAPE, 5)), tmp_path / "tr.nii", tr=2000.0)
    with pytest.raises(InputError, match="says its repetition time is 2000 s"):
        read_recording(slow, events)
    (tmp_path / "alone").mkdir()
    alone = save(np.random.default_rng(0).random((*SHAPE, 5)), tmp_path / "alone" / "r.nii")
    with pytest.raises(InputError, match="or with one row a volume"):
        read_recording(alone)


def confound_table(folder, n=40, **columns):
    rng = np.random.default_rng(1)
    table = pd.DataFrame(rng.standard_normal((n, 3)), columns=["trans_x", "csf", "cosine00"])
    table["trans_x_derivative1"] = table["trans_x"].diff()
    path = folder / "confounds.tsv"
    table.assign(**columns).to_csv(path, sep="\t", index=False, na_rep="n/a")
    return path, table


def test_confounds_are_regressed_out_as_nilearns_masker_does(series, mask, tmp_path):
    path, _ = series
    file, table = confound_table(tmp_path)
    read = read_recording(path, mask=mask, window=(0, 6), confounds=file)
    used = table[["trans_x", "trans_x_derivative1", "csf"]].bfill().to_numpy()
    masker = NiftiMasker(str(mask), standardize=None)
    wanted = masker.fit_transform(str(path), confounds=used)
    level = masker.fit_transform(str(path)).mean(axis=0)
    found = read.recording.values[0]
    np.testing.assert_allclose(found - level, wanted[5:9] - wanted.mean(axis=0), atol=1e-5)
    assert (
        "regressed out at reading: trans_x, trans_x_derivative1, csf (confounds.tsv)" in read.notes
    )


def test_confounds_that_do_not_fit_are_named(series, tmp_path):
    path, _ = series
    file, _ = confound_table(tmp_path, n=39)
    with pytest.raises(InputError, match=r"39 rows of confounds, but .* has 40 volumes"):
        read_recording(path, confounds=file)
    file, _ = confound_table(tmp_path, csf=[0.5] * 20 + [None] * 20)
    with pytest.raises(InputError, match="the confound 'csf' holds no number in row 22"):
        read_recording(path, confounds=file)
    np.savez(tmp_path / "r.npz", data=np.zeros((9, 2)))
    with pytest.raises(InputError, match="is no brain image, for which confounds would be"):
        read_recording(tmp_path / "r.npz", confounds=file)


def test_a_series_that_can_not_fit_is_refused_before_it_is_read(series, tmp_path):
    header = nibabel.Nifti1Header()
    header.set_data_shape((256, 256, 200, 32000))
    header.set_data_dtype(np.float32)
    for name, opened in (("large.nii", open), ("large.nii.gz", gzip.open)):
        with opened(tmp_path / name, "wb") as file:
            header.write_to(file)
    events = series[0].with_name("sub-03_task-film_events.tsv")
    with pytest.raises(InputError, match=r"256×256×200×32000, needs about 5.03e\+03 GB of memory"):
        read_recording(tmp_path / "large.nii.gz", events)
    with pytest.raises(InputError, match=r"but large\.nii has 352 bytes; it was cut off"):
        read_recording(tmp_path / "large.nii", events)


def test_an_axis_without_voxels_is_a_damaged_header(series, tmp_path):
    header = nibabel.Nifti1Header()
    header.set_data_shape((3, 3, 2, 12))
    header["dim"][1] = -3
    (tmp_path / "damaged.nii").write_bytes(header.binaryblock + bytes(4000))
    events = series[0].with_name("sub-03_task-film_events.tsv")
    with pytest.raises(InputError, match=r"shape \(-3, 3, 2, 12\); its header is damaged"):
        read_recording(tmp_path / "damaged.nii", events)
