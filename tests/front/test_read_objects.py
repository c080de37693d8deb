"""What users hold in memory is read as the same thing in a file would be."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import affectome as af
from affectome.data.readers import objects


@pytest.fixture
def events():
    onset = 2.0 + 3.0 * np.arange(8)
    return pd.DataFrame(
        {
            "onset": onset,
            "duration": 1.0,
            "trial_type": ["joy", "fear"] * 4,
            "film": list("aabbccdd"),
        }
    )


@pytest.fixture
def traces():
    rng = np.random.default_rng(0)
    return rng.standard_normal((2800, 3)), np.arange(2800) / 100


def test_raw_and_epochs(events, traces, tmp_path):
    mne = pytest.importorskip("mne")
    values, _ = traces
    info = mne.create_info(["Fz", "Cz", "Pz"], 100.0, "eeg")
    raw = mne.io.RawArray(values.T * 1e-6, info, verbose="ERROR")
    found = af.read_recording(raw, events, window=(-0.5, 1.0))
    raw.save(tmp_path / "x_raw.fif", verbose="ERROR")
    filed = af.read_recording(tmp_path / "x_raw.fif", events, window=(-0.5, 1.0))
    np.testing.assert_allclose(found.recording, filed.recording, rtol=1e-5)
    assert list(found.recording["film"].values) == list(events["film"])
    marked = raw.copy().set_annotations(
        mne.Annotations(events["onset"], events["duration"], events["trial_type"])
    )
    own = af.read_recording(marked, window=(-0.5, 1.0))
    np.testing.assert_array_equal(own.recording, found.recording)
    cut, codes = mne.events_from_annotations(marked, verbose="ERROR")
    table = pd.DataFrame({"valence": np.linspace(1, 9, 8), "film": events["film"]})
    epochs = mne.Epochs(
        raw, cut, codes, -0.5, 1.0, baseline=None, metadata=table, preload=True, verbose="ERROR"
    )
    held = af.read_recording(epochs)
    assert held.recording.sizes == {"trial": 8, "time": 151, "unit": 3}
    assert list(held.recording["emotion"].values) == ["joy", "fear"] * 4
    evidence = af.evaluate(
        af.RidgeDecoder(), epochs, "valence", stimulus="film", n_permutations=5, n_bootstrap=20
    )
    assert evidence.metric == "pearson_r"
    assert evidence.split.by == ("stimulus",)


def test_images_with_events_and_lists_of_maps(events):
    nibabel = pytest.importorskip("nibabel")
    rng = np.random.default_rng(0)
    data = rng.standard_normal((3, 3, 2, 28)).astype(np.float32)
    image = nibabel.Nifti1Image(data, np.eye(4))
    image.header.set_zooms((1, 1, 1, 1.0))
    image.header.set_xyzt_units("mm", "sec")
    found = af.read_recording(image, events, window=(0.0, 2.0))
    assert found.recording.sizes == {"trial": 8, "time": 3, "unit": 18}
    np.testing.assert_array_equal(found.recording[0, 0], data[..., 2].ravel())
    maps = [nibabel.Nifti1Image(data[..., k], np.eye(4)) for k in range(8)]
    told = pd.DataFrame({"emotion": ["joy", "fear"] * 4, "subject": list("aabbccdd")})
    each = af.read_recording(maps, told)
    np.testing.assert_array_equal(each.recording[3], data[..., 3].ravel())
    assert list(each.recording["subject"].values) == list("aabbccdd")
    maps[2] = nibabel.Nifti1Image(data[..., 2], 2 * np.eye(4))
    with pytest.raises(af.InputError, match=r"the grid of map 3 .* bring all maps to one grid"):
        af.read_recording(maps, told)
    with pytest.raises(af.InputError, match="has no events beside it; give events="):
        af.read_recording(image)


def test_traces_and_spikes_of_pynapple(events, traces):
    nap = pytest.importorskip("pynapple")
    values, times = traces
    frame = nap.TsdFrame(t=times, d=values, columns=["a", "b", "c"])
    found = af.read_recording(frame, events, window=(0.0, 1.0))
    assert found.recording.sizes == {"trial": 8, "time": 101, "unit": 3}
    np.testing.assert_array_equal(found.recording[0, 0], values[200])
    assert list(found.recording["neuron"].values) == ["a", "b", "c"]
    spans = nap.IntervalSet(
        events["onset"], events["onset"] + 1, metadata={"trial_type": events["trial_type"]}
    )
    again = af.read_recording(frame, spans, window=(0.0, 1.0))
    np.testing.assert_array_equal(again.recording, found.recording)
    trains = {4: nap.Ts(np.arange(0, 28, 0.1) + 0.05), 7: nap.Ts(np.arange(0, 28, 1.0) + 0.05)}
    group = nap.TsGroup(trains, time_support=nap.IntervalSet(0, 28))
    spikes = af.read_recording(group, events, window=(0.0, 2.0), bin_width=1.0)
    np.testing.assert_array_equal(spikes.recording[0].mean("time"), [10.0, 1.0])
    with pytest.raises(af.InputError, match="a TsGroup says nothing of its trials; give events="):
        af.read_recording(group)


def test_dataarrays_in_any_order(events, traces):
    values, times = traces
    frame = xr.DataArray(values.T, dims=("channel", "time"), coords={"time": times})
    found = af.read_recording(frame, events, window=(0.0, 1.0))
    assert found.recording.sizes == {"trial": 8, "time": 101, "unit": 3}
    epochs = xr.DataArray(
        found.recording.values.transpose(0, 2, 1),
        dims=("epoch", "channel", "time"),
        coords={
            "channel": ["Fz", "Cz", "Pz"],
            "time": found.recording["time"].values,
            "emotion": ("epoch", events["trial_type"]),
        },
    )
    turned = af.read_recording(epochs).recording
    np.testing.assert_array_equal(turned.values, found.recording.values)
    assert list(turned["channel"].values) == ["Fz", "Cz", "Pz"]
    told = af.read_recording(epochs, events.drop(columns="onset")).recording
    assert list(told["film"].values) == list(events["film"])
    assert af.read_recording(turned).recording is turned
    with pytest.raises(af.InputError, match="rename them to trial, time and unit"):
        af.read_recording(epochs.rename(channel="wavelength"))


def test_arrays_take_one_row_a_trial(events):
    X = np.random.default_rng(0).standard_normal((8, 4))
    found = af.read_recording(X, events.drop(columns="onset"))
    assert found.recording.sizes == {"trial": 8, "unit": 4}
    assert list(found.recording["emotion"].values) == ["joy", "fear"] * 4
    with pytest.raises(af.InputError, match=r"data have 8 trials .* events has 5 rows"):
        af.read_recording(X, events[:5])


@pytest.mark.parametrize(
    ("held", "events", "message"),
    [
        ({}, None, "a dict is no recording; readable are a path, MNE's Epochs and Raw"),
        (np.zeros((3, 2)), 3, "events are a file, a DataFrame or an IntervalSet; got int"),
        (np.zeros((3, 2)), pd.DataFrame({"a": []}), "events have columns but no rows"),
        (np.zeros((3, 2)), None, "a ndarray says nothing of its trials"),
    ],
)
def test_what_cannot_be_read_is_said(held, events, message):
    with pytest.raises(af.InputError, match=message):
        af.read_recording(held, events)


def test_no_package_is_imported_to_find_out():
    class Epochs(list):
        """Not MNE's."""

    assert not objects.comes_from(Epochs(), "mne", "BaseEpochs")
    with pytest.raises(af.InputError, match="a sparse matrix is no recording"):
        af.as_recording(pytest.importorskip("scipy.sparse").csr_array(np.eye(3)))
