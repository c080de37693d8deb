"""Recordings as strangers type them: what is wrong with them, where and what to do, in one line."""

import json

import h5py
import mne
import nibabel
import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat

from affectome.cli import main
from affectome.data import memory
from affectome.studies.neural_code import study as neural_code

ONSETS = 2.0 + 4.0 * np.arange(16)
LABELS = ["fear", "joy"] * 8
TIMES = np.arange(0, 70, 0.2)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(neural_code, "PARTS", {})


def session(folder, data=None, times=TIMES, **columns):
    """Six neurons; the first rises with joy."""
    if data is None:
        data = np.random.default_rng(0).standard_normal((times.size, 6))
    np.savez(folder / "r.npz", data=data, times=times)
    table = {"onset": ONSETS, "duration": 1.0, "trial_type": LABELS} | columns
    frame = pd.DataFrame({k: v for k, v in table.items() if v is not None})
    frame.to_csv(folder / "events.tsv", sep="\t", index=False, na_rep="n/a")
    return folder / "r.npz"


def run(capsys, recording, *more):
    words = ["study", "neural-code", recording, "--permutations", 20, "--window", "-1,2"]
    out = recording.parent / "run"
    with pytest.raises(SystemExit) as stop:
        main([*map(str, [*words, "--out", out, *more])])
    error = capsys.readouterr().err
    file = out / "result.json"
    return stop.value.code or 0, error, json.loads(file.read_text()) if file.exists() else None


def refused(capsys, recording, says, *more):
    code, error, result = run(capsys, recording, *more)
    assert says in error
    assert error.count("\n") == 1
    assert (code, result) == (2, None)


def skipped(capsys, recording, *whys):
    code, error, result = run(capsys, recording)
    assert code == 1, error
    told = [f"{item['file']}: {item['why']}" for item in result["skipped"]]
    assert len(told) == len(whys)
    for line, why in zip(told, whys, strict=True):
        assert why in line
    return result


def test_trials_that_meet_a_gap_nan_or_an_end_are_listed_with_their_row(tmp_path, capsys):
    data = np.random.default_rng(0).standard_normal((TIMES.size, 6))
    data[(TIMES > 10) & (TIMES < 10.5), 2] = np.nan
    keep = (TIMES < 30.2) | (TIMES > 31.5)
    onsets = [*ONSETS[:-1], 99.0]
    recording = session(tmp_path, data[keep], TIMES[keep], onset=onsets)
    skipped(
        capsys,
        recording,
        "events.tsv row 4: NaN or infinite values at 10.200 s",
        "events.tsv row 9: the window falls in a gap of the recording from 30.000 to 31.600 s",
        "events.tsv row 17: the window 98.000–101.000 s is outside the recording",
    )


def test_flat_channels_are_left_out(tmp_path, capsys):
    data = np.random.default_rng(0).standard_normal((TIMES.size, 6))
    data[:, 4] = 7
    result = skipped(capsys, session(tmp_path, data), "'4' is flat or missing throughout")
    assert result["units"]["tested"] == 5


def test_one_subject_and_labels_that_follow_the_clock_are_warned_of(tmp_path, capsys):
    code, _, result = run(capsys, session(tmp_path, trial_type=["fear"] * 8 + ["joy"] * 8))
    assert code == 0
    warnings = " | ".join(result["warnings"])
    assert "one subject only: nothing here tells how other people" in warnings
    assert "labels follow the clock: trial order alone reads them with an AUC of 1.00" in warnings


@pytest.mark.parametrize(
    ("columns", "more", "says"),
    [
        ({"trial_type": None}, [], "has no column of labels such as trial_type; it has onset"),
        ({"onset": None}, [], "has no column 'onset' of seconds; it has duration, trial_type"),
        ({"onset": [*ONSETS[:3], *["soon"] * 13]}, [], "onset holds 'soon' in row 5"),
        ({"trial_type": "fear"}, [], "'emotion' holds 1 class"),
        ({}, ["--target", "mood"], "has no column 'mood'; it has onset, duration, trial_type"),
        ({"onset": 900.0}, [], "none of 2 events gives a trial; the first:"),
        ({}, ["--events", "nowhere.tsv"], "there is no events file nowhere.tsv"),
        ({}, ["--mask", "mask.nii"], "is no brain image, for which mask would be"),
        ({}, ["--window", "2,-1"], "--window takes two rising numbers such as 3.5,5.0; got '2,-1'"),
        ({}, ["--response", "5,6"], "no sample lies from 5 to 6 s; the trials run from -1 to 2 s"),
        ({}, ["--holdout", "film"], "no column 'film' to hold out"),
        (
            {},
            ["--decoder", "magic"],
            "the decoder is one of linear, eegnet, shallow, gru; got 'magic'",
        ),
    ],
)
def test_events_and_options_that_can_not_be_used(tmp_path, capsys, columns, more, says):
    refused(capsys, session(tmp_path, **columns), says, *more)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "events.tsv is empty"),
        ("onset\tduration\ttrial_type\n", "events.tsv has columns but no rows"),
    ],
)
def test_empty_events(tmp_path, capsys, text, says):
    recording = session(tmp_path)
    (tmp_path / "events.tsv").write_text(text)
    refused(capsys, recording, says)


def test_unequal_sampling(tmp_path, capsys):
    times = np.cumsum(np.random.default_rng(0).exponential(0.2, TIMES.size))
    refused(capsys, session(tmp_path, times=times), "the sampling is unequal")


@pytest.mark.parametrize(
    "name", ["r.fif", "r-epo.fif", "r.edf", "r.bdf", "r.vhdr", "r.set", "r.nwb", "r.npz", "r.mat"]
)
@pytest.mark.parametrize("content", [b"", b"\x00\xff nothing that anybody can read" * 40])
def test_files_that_are_broken(tmp_path, capsys, name, content):
    session(tmp_path)
    (tmp_path / name).write_bytes(content)
    refused(capsys, tmp_path / name, str(tmp_path / name))


@pytest.mark.parametrize("name", ["r_raw.fif", "r.npz", "r.nwb", "r.mat", "r.nii.gz"])
def test_files_that_were_cut_short(tmp_path, capsys, name):
    session(tmp_path)
    path = tmp_path / name
    write_whole(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refused(capsys, path, str(path))


def write_whole(path):
    data = np.random.default_rng(0).standard_normal((4, 4500))
    if path.suffix == ".fif":
        raw = mne.io.RawArray(1e-5 * data, mne.create_info(4, 64.0, "eeg"), verbose="ERROR")
        raw.save(path, verbose="ERROR")
    elif path.suffix == ".npz":
        np.savez_compressed(path, data=data.T, times=np.arange(4500) / 64)
    elif path.suffix == ".mat":
        savemat(path, {"data": data.T, "times": np.arange(4500) / 64})
    elif path.suffix == ".nwb":
        with h5py.File(path, "w") as file:
            file["data"] = data
    else:
        image = nibabel.Nifti1Image(data.reshape(6, 6, 5, 100).astype(np.float32), np.eye(4))
        image.header.set_zooms((3, 3, 3, 2))
        nibabel.save(image, path)


def test_what_can_not_fit_is_refused_before_it_is_read(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 20_000.0)
    refused(capsys, session(tmp_path), "GB are free; cut it into shorter recordings, or take a")
