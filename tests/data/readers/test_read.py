"""Recordings written by the field's own writers come back as trials, or as one line."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat

from affectome.data import trial_table, unit_table
from affectome.data.readers import events_beside, read_recording
from affectome.data.readers.events import subject_of
from affectome.data.recording import save_recording
from affectome.errors import InputError
from affectome.evidence import make_design

SFREQ = 100.0


@pytest.fixture
def signal():
    rng = np.random.default_rng(0)
    return rng.standard_normal((1000, 3)).astype(np.float32), np.arange(1000) / SFREQ


def write_events(folder, onsets, name="events.tsv", **columns):
    table = pd.DataFrame({"onset": onsets, "duration": 0.5, **columns})
    if "trial_type" not in table:
        table["trial_type"] = ["fear" if i % 2 else "joy" for i in range(len(table))]
    table.to_csv(folder / name, sep="\t", index=False, na_rep="n/a")
    return folder / name


def test_a_trial_holds_the_samples_around_its_event(tmp_path, signal):
    data, times = signal
    np.savez(tmp_path / "recording.npz", data=data, times=times, units=["a", "b", "c"])
    write_events(tmp_path, [2.0, 5.0], rating=[3, 4])
    read = read_recording(tmp_path / "recording.npz", window=(-0.5, 1.0))
    recording = read.recording
    assert recording.dims == ("trial", "time", "unit")
    np.testing.assert_array_equal(recording.values[0], data[150:301])
    np.testing.assert_array_equal(recording.values[1], data[450:601])
    np.testing.assert_allclose(recording["time"], np.arange(-50, 101) / SFREQ)
    table = trial_table(recording)
    assert list(table["emotion"]) == ["joy", "fear"]
    assert list(table["rating"]) == [3, 4]
    assert list(unit_table(recording)["unit_name"]) == ["a", "b", "c"]
    assert not read.skipped


def test_csv_and_both_kinds_of_mat_read_as_npz_does(tmp_path, signal):
    data, times = signal
    data = data.astype(float)
    write_events(tmp_path, [2.0, 5.0])
    pd.DataFrame(data, columns=["a", "b", "c"]).assign(time=times).to_csv(
        tmp_path / "r.csv", index=False
    )
    savemat(tmp_path / "r.mat", {"data": data.T, "times": times})
    with h5py.File(tmp_path / "r73.mat", "w", userblock_size=512) as file:
        file["data"], file["times"] = data.T, times[:, None].T
    with (tmp_path / "r73.mat").open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    np.savez(tmp_path / "r.npz", data=data, times=times)
    wanted = read_recording(tmp_path / "r.npz", window=(0, 1)).recording.values
    for name in ("r.csv", "r.mat", "r73.mat"):
        read = read_recording(tmp_path / name, tmp_path / "events.tsv", window=(0, 1))
        np.testing.assert_allclose(read.recording.values, wanted, err_msg=name)
    turned = read_recording(tmp_path / "r.mat", window=(0, 1))
    assert "unit × time" in turned.notes[0]


def test_signals_in_trials_need_one_row_a_trial(tmp_path):
    data = np.random.default_rng(1).standard_normal((4, 20, 3))
    np.savez(tmp_path / "r.npz", data=data, times=np.arange(20) / 10)
    write_events(tmp_path, [0, 1, 2, 3], trial_type=["joy", "fear", None, "joy"])
    read = read_recording(tmp_path / "r.npz")
    np.testing.assert_array_equal(read.recording.values, data[[0, 1, 3]])
    assert read.skipped[0].why == "no label in the column 'trial_type'"
    write_events(tmp_path, [0, 1])
    with pytest.raises(InputError, match=r"4 trials \(shape \(4, 20, 3\)\), but .* has 2 rows"):
        read_recording(tmp_path / "r.npz")


def test_gaps_nan_and_ends_are_skipped_and_listed(tmp_path, signal):
    data, times = signal
    data[700, 1] = np.nan
    keep = (times < 4) | (times > 5.5)
    np.savez(tmp_path / "r.npz", data=data[keep], times=times[keep])
    write_events(tmp_path, [2.0, 3.8, 7.0, 9.9, -1.0])
    read = read_recording(tmp_path / "r.npz", window=(0, 0.5))
    np.testing.assert_array_equal(read.recording.values, data[None, 200:251])
    why = {s.file.rpartition(" ")[2]: s.why for s in read.skipped}
    assert why["3"] == "the window falls in a gap of the recording from 3.990 to 5.510 s"
    assert why["4"] == "NaN or infinite values at 7.000 s"
    assert why["5"].startswith("the window 9.900–10.400 s is outside the recording")
    assert why["6"].startswith("the window -1.000–-0.500 s is outside the recording")


def test_no_value_comes_from_the_future(tmp_path, signal):
    data, times = signal
    onset = 4.0037
    np.savez(tmp_path / "r.npz", data=data, times=times)
    later = data.copy()
    later[times > onset] += 100
    (tmp_path / "later").mkdir()
    np.savez(tmp_path / "later" / "r.npz", data=later, times=times)
    events = write_events(tmp_path, [onset])
    for options in ({}, {"sfreq": 20.0}):
        first, second = (
            read_recording(folder / "r.npz", events, window=(-2, 0), **options).recording.values
            for folder in (tmp_path, tmp_path / "later")
        )
        np.testing.assert_array_equal(first, second)


def test_columns_that_bear_a_taken_name_are_kept_under_another(tmp_path, signal):
    data, times = signal
    np.savez(tmp_path / "r.npz", data=data, times=times, units=["a", "b", "c"])
    write_events(tmp_path, [2.0, 5.0], time=[7, 8], unit_name=["u", "v"])
    recording = read_recording(tmp_path / "r.npz").recording
    table = trial_table(recording)
    assert list(table["event_time"]) == [7, 8]
    assert list(table["event_unit_name"]) == ["u", "v"]
    assert list(unit_table(recording)["unit_name"]) == ["a", "b", "c"]


def test_a_lower_rate_does_not_alias(tmp_path):
    times = np.arange(4000) / 200
    fast = np.sin(2 * np.pi * 19 * times)  # would fold to 1 Hz at 20 samples a second
    slow = np.sin(2 * np.pi * 1.5 * times)
    np.savez(tmp_path / "r.npz", data=np.stack([fast, slow], 1), times=times)
    write_events(tmp_path, [10.0])
    values = read_recording(tmp_path / "r.npz", window=(-3, 3), sfreq=20).recording.values[0]
    assert values[:, 0].std() < 0.1
    assert values[:, 1].std() == pytest.approx(np.sqrt(0.5), rel=0.05)


def test_the_baseline_is_subtracted(tmp_path, signal):
    data, times = signal
    np.savez(tmp_path / "r.npz", data=data + 7, times=times)
    write_events(tmp_path, [2.0, 5.0])
    read = read_recording(tmp_path / "r.npz", window=(-0.5, 0.5), baseline=(-0.5, 0))
    np.testing.assert_allclose(read.recording.values[:, :51].mean(axis=1), 0, atol=1e-5)
    assert "is subtracted" in read.notes[1]
    with pytest.raises(InputError, match="the baseline 2,3 s holds no sample of the window"):
        read_recording(tmp_path / "r.npz", window=(-0.5, 0.5), baseline=(2, 3))


def test_flat_units_are_left_out_and_all_flat_is_refused(tmp_path, signal):
    data, times = signal
    data[:, 1] = 4.0
    np.savez(tmp_path / "r.npz", data=data, times=times, units=["a", "b", "c"])
    write_events(tmp_path, [2.0])
    read = read_recording(tmp_path / "r.npz")
    assert read.recording.sizes["unit"] == 2
    assert read.skipped[0].why == "'b' is flat or missing throughout; left out"
    np.savez(tmp_path / "r.npz", data=np.ones((1000, 2)), times=times)
    with pytest.raises(InputError, match="all 2 channels or units are flat or missing"):
        read_recording(tmp_path / "r.npz")


def test_a_folder_is_stacked_and_what_fails_is_listed(tmp_path, signal):
    data, times = signal
    for name in ("sub-a_calcium", "sub-b_calcium"):
        np.savez(tmp_path / f"{name}.npz", data=data, times=times, units=["x", "y", "z"])
        write_events(tmp_path, [2.0, 5.0], f"{name}_events.tsv")
    (tmp_path / "sub-c_calcium.npz").write_bytes(b"no zip")
    seen = []
    read = read_recording(tmp_path, progress=lambda *step: seen.append(step))
    assert list(trial_table(read.recording)["subject"]) == ["sub-a"] * 2 + ["sub-b"] * 2
    assert [s.file for s in read.skipped] == [str(tmp_path / "sub-c_calcium.npz")]
    assert seen[-1] == ("reading recordings", 3, 3)


def test_populations_of_different_animals_are_not_stacked(tmp_path, signal):
    data, times = signal
    for name, units in (("sub-a", ["a1", "a2", "a3"]), ("sub-b", ["b1", "b2", "b3"])):
        np.savez(tmp_path / f"{name}.npz", data=data, times=times, units=units)
    events = write_events(tmp_path, [2.0, 5.0])
    with pytest.raises(InputError, match="neurons of different animals or sessions can't be"):
        read_recording(tmp_path, events)
    for name in ("sub-a", "sub-b"):
        np.savez(tmp_path / f"{name}.npz", data=data, times=times)
    with pytest.raises(InputError, match="share no named units"):
        read_recording(tmp_path, events)


def test_unequal_rates_ask_for_one(tmp_path, signal):
    data, times = signal
    names = ["x", "y", "z"]
    np.savez(tmp_path / "sub-a.npz", data=data, times=times, units=names)
    np.savez(tmp_path / "sub-b.npz", data=data, times=times * 2, units=names)
    events = write_events(tmp_path, [3.0, 5.0])
    with pytest.raises(InputError, match="their sampling is unequal; give sfreq="):
        read_recording(tmp_path, events)
    read = read_recording(tmp_path, events, sfreq=20)
    assert read.recording.shape == (4, 61, 3)


def test_windows_of_different_length_are_cut_to_what_they_share(tmp_path, signal):
    data, times = signal
    for name, duration in (("sub-a", 2.5), ("sub-b", 3.0)):
        np.savez(tmp_path / f"{name}.npz", data=data, times=times, units=["x", "y", "z"])
        table = {"onset": [3.0, 6.5], "duration": duration, "trial_type": ["joy", "fear"]}
        pd.DataFrame(table).to_csv(tmp_path / f"{name}_events.tsv", sep="\t", index=False)
    read = read_recording(tmp_path)
    assert read.recording["time"].values[[0, -1]] == pytest.approx([-1, 2.5])
    np.testing.assert_array_equal(read.recording.values[2], data[200:551])
    assert "all trials are cut to the times that they share, -1 to 2.5 s" in read.notes


def test_a_recording_in_zarr_is_taken_as_it_is(tmp_path, signal):
    data, times = signal
    np.savez(tmp_path / "r.npz", data=data, times=times)
    write_events(tmp_path, [2.0])
    first = read_recording(tmp_path / "r.npz").recording
    save_recording(first, tmp_path / "r.zarr")
    np.testing.assert_array_equal(read_recording(tmp_path / "r.zarr").recording, first)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"signal": np.ones((5, 2))}, "has no array 'data'; it has signal"),
        ({"data": np.ones(5)}, r"'data' has the shape \(5,\)"),
        ({"data": np.ones((0, 5)), "times": np.ones(0)}, r"'data' has the shape \(0, 5\)"),
        ({"data": np.ones((1, 5)), "times": np.array(["now"])}, "times are of the type <U3"),
        (
            {"data": np.arange(8.0).reshape(4, 2), "times": 100.0 * np.arange(4)},
            "a window of 9 s is shorter than the sampling interval of 100 s; are the times in",
        ),
        (
            {"data": np.ones((5, 2)), "times": np.arange(4)},
            "but there are 4 times; axis 0 should have that length",
        ),
        (
            {"data": np.arange(10).reshape(5, 2), "times": np.array([0, 1, 1, 2, 3])},
            r"times do not rise at sample 2 \(1 s, then 1 s\)",
        ),
        (
            {"data": np.arange(12.0).reshape(6, 2), "times": np.array([0, 1, 2, 8, 20, 21])},
            "the sampling is unequal: 40% of the intervals",
        ),
        (
            {"data": np.arange(8.0).reshape(4, 2), "times": np.array([0, 1, np.nan, 3])},
            "times hold NaN or infinity at sample 2",
        ),
    ],
)
def test_bad_arrays_are_named(tmp_path, arrays, message):
    np.savez(tmp_path / "r.npz", **arrays)
    write_events(tmp_path, [2.0])
    with pytest.raises(InputError, match=message):
        read_recording(tmp_path / "r.npz")


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        ("time\ttrial_type\n1\tjoy\n", {}, "has no column 'onset'"),
        ("onset\ttrial_type\nsoon\tjoy\n", {}, "onset holds 'soon' in row 2"),
        ("onset\tduration\n1\t2\n", {}, "has no column of labels such as trial_type"),
        ("onset\ttrial_type\n1\tn/a\n", {}, "no row has a label"),
        ("onset\ttrial_type\n", {}, "has columns but no rows"),
        ("onset\ttrial_type\n1\tjoy\n", {"target": "mood"}, "has no column 'mood'"),
        ("onset\ttrial_type\n99\tjoy\n", {}, "none of 1 events gives a trial; the first"),
        ("onset\ttrial_type\n1\tjoy\n", {"window": (1, 0)}, "a window is two rising numbers"),
        ("onset\ttrial_type\n1\tjoy\n", {"sfreq": 0}, "sfreq is a positive number; got 0"),
    ],
)
def test_bad_events_are_named(tmp_path, signal, table, options, message):
    data, times = signal
    np.savez(tmp_path / "r.npz", data=data, times=times)
    (tmp_path / "events.tsv").write_text(table)
    with pytest.raises(InputError, match=message):
        read_recording(tmp_path / "r.npz", **options)


def test_paths_that_hold_nothing_are_named(tmp_path, signal):
    with pytest.raises(InputError, match="there is no recording"):
        read_recording(tmp_path / "absent")
    with pytest.raises(InputError, match=r"holds no recording; readable are \.fif"):
        read_recording(tmp_path)
    (tmp_path / "notes.docx").write_text("x")
    with pytest.raises(InputError, match="has no known suffix"):
        read_recording(tmp_path / "notes.docx")
    data, times = signal
    np.savez(tmp_path / "r.npz", data=data, times=times)
    with pytest.raises(InputError, match="has no events beside it; give events="):
        read_recording(tmp_path / "r.npz")
    with pytest.raises(InputError, match="there is no events file"):
        read_recording(tmp_path / "r.npz", tmp_path / "none.tsv")
    (tmp_path / "r.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="needs a column 'time' in seconds"):
        read_recording(tmp_path / "r.csv")
    (tmp_path / "r.mat").write_bytes(b"no mat")
    with pytest.raises(InputError, match="can't be read by SciPy's MATLAB reader"):
        read_recording(tmp_path / "r.mat", tmp_path / "r.csv")


def test_events_are_found_as_bids_inherits_them(tmp_path):
    folder = tmp_path / "sub-01" / "eeg"
    folder.mkdir(parents=True)
    file = folder / "sub-01_task-film_eeg.edf"
    assert events_beside(file) is None
    (tmp_path / "task-film_events.tsv").write_text(json.dumps({}))
    assert events_beside(file) == tmp_path / "task-film_events.tsv"
    (folder / "sub-01_task-film_events.tsv").write_text("")
    assert events_beside(file) == folder / "sub-01_task-film_events.tsv"
    assert subject_of(file, "x") == "sub-01"
    assert subject_of("plain.npz", "x") == "x"


def test_emotion_may_be_asked_for_under_its_usual_names(tmp_path, signal):
    data, times = signal
    np.savez(tmp_path / "r.npz", data=data, times=times)
    write_events(tmp_path, [2.0, 5.0])
    read = read_recording(tmp_path / "r.npz", target="emotion")
    assert list(trial_table(read.recording)["emotion"]) == ["joy", "fear"]


def test_a_column_called_trial_tells_the_order(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "a.npz", data=rng.normal(size=(12, 5, 3)), times=np.arange(5) / 10)
    table = pd.DataFrame({"trial_type": list("ab") * 6, "trial": np.arange(12)[::-1]})
    table.to_csv(tmp_path / "a_events.tsv", sep="\t", index=False)
    trials = trial_table(read_recording(tmp_path / "a.npz").recording)
    assert list(trials["trial_order"]) == list(range(12))[::-1]
    y = trials["emotion"].to_numpy()
    order = make_design(trials.drop(columns="emotion"), y, "random").trials["trial_order"]
    assert order.iloc[0] == 11


def test_a_baseline_beyond_the_window_is_refused(tmp_path, signal):
    data, times = signal
    np.savez(tmp_path / "r.npz", data=data, times=times)
    write_events(tmp_path, [2.0, 5.0])
    with pytest.raises(InputError, match=r"baseline 0\.5,9 s reaches beyond the window"):
        read_recording(tmp_path / "r.npz", window=(-1, 1), baseline=(0.5, 9.0))
