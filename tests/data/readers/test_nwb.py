"""Files written by pynwb come back as trials."""

from datetime import UTC, datetime

import numpy as np
import pynwb
import pytest
from pynwb.ophys import DfOverF, Fluorescence, ImageSegmentation

from affectome.data import trial_table, unit_table
from affectome.data.readers import read_recording
from affectome.errors import InputError


def new_file():
    return pynwb.NWBFile(
        session_description="session",
        identifier="id-1",
        session_start_time=datetime(2020, 1, 1, tzinfo=UTC),
        session_id="day1",
        subject=pynwb.file.Subject(
            subject_id="mouse7", species="Mus musculus", sex="F", age="P90D"
        ),
    )


def add_trials(nwb, onsets=(10.0, 20.0, 30.0, 99.0)):
    nwb.add_trial_column("emotion", "what was given")
    for i, onset in enumerate(onsets):
        nwb.add_trial(start_time=onset, stop_time=onset + 2, emotion=["joy", "fear"][i % 2])


def add_rois(nwb, data, rate=10.0):
    device = nwb.create_device(name="scope")
    channel = pynwb.ophys.OpticalChannel(name="green", description="green", emission_lambda=520.0)
    plane = nwb.create_imaging_plane(
        name="plane",
        optical_channel=channel,
        description="insula",
        device=device,
        excitation_lambda=920.0,
        indicator="GCaMP6f",
        location="insular cortex",
        imaging_rate=rate,
    )
    images = ImageSegmentation()
    segmentation = images.create_plane_segmentation(
        name="cells", imaging_plane=plane, description="cells"
    )
    for _ in range(data.shape[1]):
        segmentation.add_roi(pixel_mask=[(1, 1, 1.0)])
    module = nwb.create_processing_module(name="ophys", description="calcium")
    module.add(images)
    for name, values, kind in (("raw", data * 100, Fluorescence), ("dff", data, DfOverF)):
        rois = segmentation.create_roi_table_region(
            description="all", region=list(range(data.shape[1]))
        )
        container = kind()
        module.add(container)
        container.create_roi_response_series(
            name=name, data=values, unit="n.a.", rois=rois, rate=rate
        )


def write(nwb, path):
    with pynwb.NWBHDF5IO(str(path), "w") as file:
        file.write(nwb)
    return path


def test_roi_series_prefer_dff_and_epoch_by_the_trials_table(tmp_path):
    data = np.random.default_rng(0).standard_normal((600, 4))
    nwb = new_file()
    add_trials(nwb)
    add_rois(nwb, data)
    path = write(nwb, tmp_path / "s.nwb")
    read = read_recording(path, window=(-1, 2))
    np.testing.assert_array_equal(read.recording.values[0], data[90:121])
    assert read.recording.shape == (3, 31, 4)
    table = trial_table(read.recording)
    assert list(table["emotion"]) == ["joy", "fear", "joy"]
    assert set(table["subject"]) == {"mouse7"}
    assert set(table["session"]) == {"day1"}
    assert list(unit_table(read.recording)["neuron"]) == ["roi-0", "roi-1", "roi-2", "roi-3"]
    assert read.notes[0] == "read from 'dff'; there are also raw"
    assert "outside the recording" in read.skipped[0].why
    raw = read_recording(path, window=(-1, 2), series="raw").recording
    np.testing.assert_allclose(raw, 100 * read.recording)
    with pytest.raises(InputError, match="has no 'volts'; it has dff, raw"):
        read_recording(path, series="volts")


def test_spikes_are_counted_in_bins_that_end_at_their_time(tmp_path):
    rng = np.random.default_rng(1)
    nwb = new_file()
    add_trials(nwb)
    trains = [np.sort(rng.uniform(0, 60, n)) for n in (600, 900)]
    nwb.add_unit_column("region", "where")
    for train, region in zip(trains, ("amygdala", "insula"), strict=True):
        nwb.add_unit(spike_times=train, obs_intervals=[[0.0, 60.0]], region=region)
    read = read_recording(write(nwb, tmp_path / "s.nwb"), window=(-1, 2), bin_width=0.5)
    time = read.recording["time"].values
    np.testing.assert_allclose(time, np.arange(-2, 5) * 0.5)
    for u, train in enumerate(trains):
        for t, at in enumerate(time):
            inside = (train > 10 + at - 0.5) & (train <= 10 + at)
            assert read.recording.values[0, t, u] == inside.sum() / 0.5
    assert list(unit_table(read.recording)["region"]) == ["amygdala", "insula"]
    assert "outside what was observed, 0.000–60.000 s" in read.skipped[0].why


def test_epochs_with_tags_serve_where_there_are_no_trials(tmp_path):
    nwb = new_file()
    nwb.add_epoch(10.0, 12.0, ["joy"])
    nwb.add_epoch(20.0, 22.0, ["fear"])
    nwb.add_unit(spike_times=np.linspace(0, 40, 200))
    read = read_recording(write(nwb, tmp_path / "s.nwb"), window=(-1, 2))
    assert list(trial_table(read.recording)["emotion"]) == ["joy", "fear"]


def test_files_without_trials_or_signals_are_named(tmp_path):
    nwb = new_file()
    nwb.add_unit(spike_times=np.linspace(0, 40, 200))
    path = write(nwb, tmp_path / "s.nwb")
    with pytest.raises(InputError, match="has no trials; give events="):
        read_recording(path)
    events = tmp_path / "e.tsv"
    events.write_text("onset\ttrial_type\n10\tjoy\n20\tfear\n")
    assert read_recording(path, events).recording.sizes["trial"] == 2
    nwb = new_file()
    add_trials(nwb)
    with pytest.raises(InputError, match="it holds neither series nor units"):
        read_recording(write(nwb, tmp_path / "t.nwb"))
    (tmp_path / "bad.nwb").write_bytes(b"x")
    with pytest.raises(InputError, match="can't be read by pynwb"):
        read_recording(tmp_path / "bad.nwb")


def test_neurons_of_one_file_are_not_of_three_mice(tmp_path):
    nwb = new_file()
    add_rois(nwb, np.random.default_rng(0).standard_normal((600, 4)))
    path = write(nwb, tmp_path / "a.nwb")
    table = "onset\tduration\ttrial_type\tmouse\n" + "".join(
        f"{5 + 5 * i}\t1\t{'ab'[i % 2]}\tm{i % 3}\n" for i in range(9)
    )
    (tmp_path / "e.tsv").write_text(table)
    with pytest.raises(
        InputError, match=r"are of one animal, but .* names 3 in the column 'mouse'"
    ):
        read_recording(path, tmp_path / "e.tsv")
