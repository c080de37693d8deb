"""What is written back is read by the field's own readers."""

import json
from datetime import UTC, datetime

import mne_bids
import nibabel
import numpy as np
import pandas as pd
import pynwb
import pytest

from affectome.data import unit_table
from affectome.data.readers import read_recording
from affectome.data.writers import write_bids, write_nifti, write_nwb
from affectome.errors import InputError
from affectome.simulations.fmri import simulate_maps

COLUMNS = {"onset": "seconds from the start", "estimate": "estimated emotion"}


def results(subject=("sub-01", "sub-02", "sub-02")):
    return pd.DataFrame(
        {"subject": subject, "onset": [1.0, 2.0, np.nan], "estimate": ["joy", "fear", "joy"]}
    )


def test_a_derivative_is_found_by_mne_bids(tmp_path):
    written = write_bids(tmp_path, results(), COLUMNS, task="film")
    root = tmp_path / "derivatives" / "affectome"
    assert written[1] == root / "sub-02/eeg/sub-02_task-film_desc-affectome_predictions.tsv"
    assert mne_bids.get_entity_vals(root, "subject") == ["01", "02"]
    table = pd.read_csv(written[1], sep="\t", na_values="n/a")
    assert list(table["estimate"]) == ["fear", "joy"]
    assert table["onset"].isna().tolist() == [False, True]
    about = json.loads((root / "dataset_description.json").read_text())
    assert about["DatasetType"] == "derivative"
    sidecar = json.loads((root / "task-film_desc-affectome_predictions.json").read_text())
    assert sidecar["estimate"]["Description"] == "estimated emotion"
    with pytest.raises(InputError, match="letters and digits as a subject; got 'sub 1'"):
        write_bids(tmp_path, results(["sub 1"] * 3), COLUMNS)
    with pytest.raises(InputError, match="have no column 'valence' to write"):
        write_bids(tmp_path, results(), {"valence": ""})


def test_maps_come_back_from_nifti_as_they_were(tmp_path):
    recording, _ = simulate_maps(n_subjects=2, n_trials=3, shape=(5, 6, 7), n_regions=1, radius=1)
    units = unit_table(recording)
    path = write_nifti(tmp_path / "maps.nii.gz", recording.values, units)
    events = tmp_path / "rows.tsv"
    pd.DataFrame({"emotion": recording["emotion"].values}).to_csv(events, sep="\t", index=False)
    back = read_recording(path, events).recording
    np.testing.assert_array_equal(back, recording)
    np.testing.assert_allclose(unit_table(back)[["x", "y", "z"]], units[["x", "y", "z"]])
    half = write_nifti(
        tmp_path / "half.nii", recording.values[0, :100], units[:100], path, outside=np.nan
    )
    data = nibabel.load(half).get_fdata()
    assert data.shape == (5, 6, 7)
    assert np.isfinite(data).sum() == 100
    with pytest.raises(InputError, match="5 values can't be written on 210 voxels"):
        write_nifti(path, np.ones(5), units)
    with pytest.raises(InputError, match="voxel indices i, j, k; these have none"):
        write_nifti(path, np.ones(210), units.drop(columns="i"))
    with pytest.raises(InputError, match="give like= an image with the grid"):
        write_nifti(path, np.ones(210), units.drop(columns="x"))
    with pytest.raises(InputError, match="voxels of a single plane do not tell the grid"):
        write_nifti(path, np.ones(42), units[:42])
    far = units.assign(i=units["i"] + 9)
    with pytest.raises(InputError, match=r"voxels up to \(13, 5, 6\) do not fit in the grid"):
        write_nifti(path, np.ones(210), far, path)


def test_an_nwb_file_gains_a_module_and_the_source_stays(tmp_path):
    nwb = pynwb.NWBFile(
        session_description="s",
        identifier="i",
        session_start_time=datetime(2020, 1, 1, tzinfo=UTC),
    )
    source = tmp_path / "s.nwb"
    with pynwb.NWBHDF5IO(str(source), "w") as file:
        file.write(nwb)
    before = source.read_bytes()
    out = write_nwb(source, tmp_path / "out.nwb", results()[:2], COLUMNS)
    assert source.read_bytes() == before
    with pynwb.NWBHDF5IO(str(out), "r") as file:
        table = file.read().processing["affectome"]["estimates"].to_dataframe()
    assert list(table["estimate"]) == ["joy", "fear"]
    assert list(table["onset"]) == [1.0, 2.0]
    with pytest.raises(InputError, match="already has a table 'estimates'"):
        write_nwb(out, tmp_path / "again.nwb", results()[:2], COLUMNS)
    assert not (tmp_path / "again.nwb").exists()
    with pytest.raises(InputError, match="have no column 'valence' to write"):
        write_nwb(source, out, results(), {"valence": ""})
