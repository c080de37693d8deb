"""Files written by MNE, EDF and BIDS writers come back as trials."""

import edfio
import mne
import mne_bids
import numpy as np
import pandas as pd
import pytest

from affectome.data import trial_table, unit_table
from affectome.data.readers import read_recording
from affectome.errors import InputError

SFREQ = 128.0
NAMES = ["Fz", "Cz", "Pz", "Oz"]


def make_raw(seed=0, names=NAMES, seconds=40, montage="standard_1020"):
    rng = np.random.default_rng(seed)
    info = mne.create_info(names, SFREQ, "eeg")
    raw = mne.io.RawArray(
        20e-6 * rng.standard_normal((len(names), int(seconds * SFREQ))), info, verbose="ERROR"
    )
    if montage:
        raw.set_montage(montage, verbose="ERROR")
    raw.set_annotations(mne.Annotations([5, 10, 15, 20], [1] * 4, ["fear", "joy", "fear", "joy"]))
    return raw


def test_raw_fif_agrees_with_mne_epochs(tmp_path):
    raw = make_raw()
    raw.save(tmp_path / "film_raw.fif", verbose="ERROR")
    read = read_recording(tmp_path / "film_raw.fif", window=(-0.5, 1.0))
    epochs = mne.Epochs(raw, tmin=-0.5, tmax=1.0, baseline=None, preload=True, verbose="ERROR")
    np.testing.assert_allclose(
        read.recording.values, epochs.get_data().swapaxes(1, 2), rtol=1e-6, atol=1e-12
    )
    np.testing.assert_allclose(read.recording["time"], epochs.times, atol=1e-9)
    assert list(trial_table(read.recording)["emotion"]) == ["fear", "joy", "fear", "joy"]
    units = unit_table(read.recording)
    assert list(units["sensor"]) == NAMES
    np.testing.assert_allclose(units[["x", "y", "z"]].iloc[0], raw.info["chs"][0]["loc"][:3])


def test_epochs_come_as_they_were_cut_with_their_metadata_and_drops(tmp_path):
    raw = make_raw()
    raw.crop(0, 20.5)
    epochs = mne.Epochs(raw, tmin=-0.2, tmax=1.0, preload=True, baseline=(-0.2, 0), verbose="ERROR")
    epochs.metadata = pd.DataFrame({"intensity": [1.0, 2.0, 3.0], "film": ["a", "b", "c"]})
    epochs.save(tmp_path / "film-epo.fif", verbose="ERROR")
    read = read_recording(tmp_path / "film-epo.fif")
    np.testing.assert_allclose(
        read.recording.values, epochs.get_data().swapaxes(1, 2), rtol=1e-5, atol=1e-12
    )
    table = trial_table(read.recording)
    assert list(table["emotion"]) == ["fear", "joy", "fear"]
    assert list(table["intensity"]) == [1, 2, 3]
    assert [s.why for s in read.skipped] == ["dropped before: TOO_SHORT"]
    assert any("corrected by the baseline" in note for note in read.notes)
    events = tmp_path / "e.tsv"
    pd.DataFrame({"emotion": ["awe"] * 2}).to_csv(events, sep="\t")
    with pytest.raises(InputError, match=r"has 2 rows, but .* has 3 epochs"):
        read_recording(tmp_path / "film-epo.fif", events)


@pytest.mark.parametrize("suffix", [".edf", ".bdf", ".vhdr"])
def test_exported_files_with_an_events_table(tmp_path, suffix):
    raw = make_raw()
    file = tmp_path / f"film_eeg{suffix}"
    if suffix == ".bdf":
        _write_bdf(raw, file)
    else:
        mne.export.export_raw(file, raw, verbose="ERROR")
    pd.DataFrame(
        {"onset": [5, 10, 39.5], "duration": 1.0, "trial_type": ["fear", "joy", "joy"]}
    ).to_csv(tmp_path / "film_events.tsv", sep="\t", index=False)
    read = read_recording(file, window=(0, 1))
    wanted = raw.get_data()[:, int(5 * SFREQ) : int(6 * SFREQ) + 1].T
    np.testing.assert_allclose(read.recording.values[0], wanted, atol=1e-7)
    assert read.recording.sizes["trial"] == 2
    assert "outside the recording" in read.skipped[0].why


def _write_bdf(raw, file):
    signals = [
        edfio.BdfSignal(1e6 * x, SFREQ, label=n, physical_dimension="uV")
        for n, x in zip(raw.ch_names, raw.get_data(), strict=True)
    ]
    edfio.Bdf(signals).write(file)


def test_a_bids_folder_of_several_people(tmp_path):
    for subject in ("01", "02", "03"):
        raw = make_raw(int(subject))
        raw.info["line_freq"] = 50
        raw.info["bads"] = ["Oz"] if subject == "02" else []
        place = mne_bids.BIDSPath(
            subject=subject, task="film", datatype="eeg", root=tmp_path, suffix="eeg"
        )
        mne_bids.write_raw_bids(
            raw, place, format="EDF", allow_preload=True, overwrite=True, verbose="ERROR"
        )
        events = place.copy().update(suffix="events", extension=".tsv").fpath
        table = pd.read_csv(events, sep="\t")
        table["intensity"] = np.arange(4.0)
        table.to_csv(events, sep="\t", index=False)
    (tmp_path / "sub-03" / "eeg" / "sub-03_task-film_eeg.edf").write_bytes(b"torn")
    read = read_recording(tmp_path, window=(0, 1))
    table = trial_table(read.recording)
    assert list(table["subject"].unique()) == ["sub-01", "sub-02"]
    assert list(table["intensity"][:4]) == [0, 1, 2, 3]
    assert list(unit_table(read.recording)["sensor"]) == ["Fz", "Cz", "Pz"]
    why = [s.why for s in read.skipped]
    assert any("can't be read by MNE" in w for w in why)
    assert "'Oz' is marked bad; left out" in why
    assert "'Oz' is not in all recordings" in why


def test_spans_marked_bad_are_gaps_and_flat_channels_are_listed(tmp_path):
    raw = make_raw()
    raw._data[2] = 1e-6
    raw.annotations.append(14.5, 1.0, "BAD_movement")
    raw.save(tmp_path / "film_raw.fif", verbose="ERROR")
    read = read_recording(tmp_path / "film_raw.fif", window=(0, 1))
    assert read.recording.shape[0] == 3
    assert any("falls in a gap of the recording from 14.492" in s.why for s in read.skipped)
    assert any("'Pz' is flat" in s.why for s in read.skipped)
    assert "1.0 s annotated as bad are treated as a gap" in read.notes


def test_filters_that_the_file_tells_of_are_noted(tmp_path):
    raw = make_raw().filter(1, 40, verbose="ERROR")
    raw.save(tmp_path / "film_raw.fif", verbose="ERROR")
    notes = read_recording(tmp_path / "film_raw.fif").notes
    assert any("filtered to 1–40 Hz before; whether that filter looked ahead" in n for n in notes)


def test_a_stimulus_channel_gives_events(tmp_path):
    info = mne.create_info([*NAMES, "STI"], SFREQ, ["eeg"] * 4 + ["stim"])
    data = np.random.default_rng(0).standard_normal((5, 1280)) * 1e-5
    data[4] = 0
    data[4, [256, 640]] = [1, 2]
    raw = mne.io.RawArray(data, info, verbose="ERROR")
    raw.save(tmp_path / "film_raw.fif", verbose="ERROR")
    read = read_recording(tmp_path / "film_raw.fif", window=(0, 1))
    np.testing.assert_allclose(read.recording.values[1], data[:4, 640:769].T, atol=1e-11)
    assert list(trial_table(read.recording)["emotion"]) == ["1", "2"]


def test_cropped_files_keep_their_clock(tmp_path):
    raw = make_raw()
    raw.set_meas_date(1_600_000_000)
    raw.crop(4, 30).save(tmp_path / "film_raw.fif", verbose="ERROR")
    read = read_recording(tmp_path / "film_raw.fif", window=(0, 1))
    np.testing.assert_allclose(
        read.recording.values[0], raw.get_data()[:, 128:257].T, rtol=1e-6, atol=1e-12
    )


def test_files_without_sensors_or_events_are_named(tmp_path):
    raw = make_raw()
    raw.set_annotations(None)
    raw.save(tmp_path / "film_raw.fif", verbose="ERROR")
    with pytest.raises(InputError, match="has neither annotations nor a stimulus channel"):
        read_recording(tmp_path / "film_raw.fif")
    raw.set_channel_types(dict.fromkeys(NAMES, "misc"), verbose="ERROR")
    raw.save(tmp_path / "misc_raw.fif", verbose="ERROR")
    with pytest.raises(InputError, match="its channels are of the types misc"):
        read_recording(tmp_path / "misc_raw.fif")


def test_names_in_parts_are_taken_apart(tmp_path):
    raw = make_raw()
    names = ["film1/neutral", "film2/joy", "film3/neutral", "film4/joy"]
    raw.set_annotations(mne.Annotations([5, 10, 15, 20], [1] * 4, names))
    raw.save(tmp_path / "film_raw.fif", verbose="ERROR")
    table = trial_table(read_recording(tmp_path / "film_raw.fif", window=(0, 1)).recording)
    assert list(table["emotion"]) == ["neutral", "joy"] * 2
    assert list(table["film"]) == ["film1", "film2", "film3", "film4"]
    assert list(table["event_name"]) == names


def test_window_and_baseline_of_epochs_are_honoured(tmp_path, capsys):
    raw = make_raw()
    epochs = mne.Epochs(raw, tmin=-1, tmax=1, preload=True, baseline=None, verbose="ERROR")
    epochs.save(tmp_path / "film-epo.fif", verbose="ERROR")
    capsys.readouterr()
    read = read_recording(tmp_path / "film-epo.fif", window=(-0.5, 0.5), baseline=(-1.0, 0.0))
    assert capsys.readouterr().out == ""
    values, times = epochs.get_data().swapaxes(1, 2), epochs.times
    expected = values - values[:, times <= 1e-9].mean(axis=1, keepdims=True)
    kept = (times >= -0.5 - 1e-9) & (times <= 0.5 + 1e-9)
    np.testing.assert_allclose(read.recording.values, expected[:, kept], rtol=1e-4, atol=1e-10)
    with pytest.raises(InputError, match=r"window 0,4 s does not lie within its epochs"):
        read_recording(tmp_path / "film-epo.fif", window=(0, 4))


def test_a_file_that_was_cut_short_says_so(tmp_path):
    signals = [
        edfio.EdfSignal(np.random.default_rng(0).normal(size=40 * 128), SFREQ, label=name)
        for name in NAMES
    ]
    edfio.Edf(signals).write(tmp_path / "whole.edf")
    whole = (tmp_path / "whole.edf").read_bytes()
    (tmp_path / "cut.edf").write_bytes(whole[: len(whole) // 3])
    events = tmp_path / "e.tsv"
    onset = [2, 5, 8, 30]
    table = pd.DataFrame({"onset": onset, "duration": 1, "trial_type": list("abab")})
    table.to_csv(events, sep="\t", index=False)
    read = read_recording(tmp_path / "cut.edf", events, window=(0, 1))
    assert any("cut short: 3" in one.why for one in read.skipped)
    whole_read = read_recording(tmp_path / "whole.edf", events, window=(0, 1))
    assert not any("cut short" in one.why for one in whole_read.skipped)
