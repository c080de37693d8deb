"""Every format goes through ``affectome study neural-code``; bad input gets one line."""

import json
from datetime import UTC, datetime

import mne
import mne_bids
import nibabel
import numpy as np
import pandas as pd
import pynwb
import pytest

from affectome.cli import main

N = 24
LABELS = ["fear", "joy"] * (N // 2)
ONSETS = 3.0 + 4.0 * np.arange(N)
SFREQ = 64.0


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main(["study", "neural-code", *map(str, arguments), "--permutations", "40"])
    return stop.value.code or 0, capsys.readouterr().err


def signals(n_units, rate, seed=0):
    rng = np.random.default_rng(seed)
    times = np.arange(int(rate * (ONSETS[-1] + 4))) / rate
    data = rng.standard_normal((times.size, n_units))
    # A rhythm that is there in one class only; at slow rates it is a plain rise.
    shape = 3 * np.sin(2 * np.pi * 10 * times) if rate > 40 else np.full(times.size, 1.5)
    for onset in ONSETS[1::2]:
        during = (times >= onset) & (times < onset + 2)
        data[during, 0] += shape[during]
    return data, times


def make_epochs(folder):
    data, _ = signals(4, SFREQ)
    raw = mne.io.RawArray(
        20e-6 * data.T, mne.create_info(["Fz", "Cz", "Pz", "Oz"], SFREQ, "eeg"), verbose="ERROR"
    )
    raw.set_annotations(mne.Annotations(ONSETS, [2.0] * N, LABELS))
    mne.Epochs(raw, tmin=-1, tmax=2, baseline=None, preload=True, verbose="ERROR").save(
        folder / "film-epo.fif", verbose="ERROR"
    )
    return folder / "film-epo.fif"


def make_bids(folder):
    for subject in ("01", "02"):
        data, _ = signals(4, SFREQ, int(subject))
        info = mne.create_info(["Fz", "Cz", "Pz", "Oz"], SFREQ, "eeg")
        raw = mne.io.RawArray(20e-6 * data.T, info, verbose="ERROR")
        raw.info["line_freq"] = 50
        raw.set_annotations(mne.Annotations(ONSETS, [2.0] * N, LABELS))
        place = mne_bids.BIDSPath(
            subject=subject, task="film", datatype="eeg", root=folder / "bids", suffix="eeg"
        )
        mne_bids.write_raw_bids(
            raw, place, format="EDF", allow_preload=True, overwrite=True, verbose="ERROR"
        )
    return folder / "bids"


def make_nwb(folder):
    data, times = signals(6, 10.0)
    nwb = pynwb.NWBFile(
        session_description="s",
        identifier="i",
        session_start_time=datetime(2020, 1, 1, tzinfo=UTC),
    )
    nwb.add_trial_column(name="emotion", description="what was given")
    for onset, label in zip(ONSETS, LABELS, strict=True):
        nwb.add_trial(start_time=onset, stop_time=onset + 2, emotion=label)
    nwb.add_acquisition(pynwb.TimeSeries(name="dff", data=data, unit="n.a.", timestamps=times))
    with pynwb.NWBHDF5IO(str(folder / "s.nwb"), "w") as file:
        file.write(nwb)
    return folder / "s.nwb"


def make_nifti(folder):
    rng = np.random.default_rng(0)
    maps = rng.standard_normal((4, 4, 3, N)).astype(np.float32)
    maps[:2, ..., 1::2] += 1.0
    nibabel.save(nibabel.Nifti1Image(maps, np.diag([4.0, 4, 4, 1])), folder / "maps.nii.gz")
    pd.DataFrame({"emotion": LABELS}).to_csv(folder / "events.tsv", sep="\t", index=False)
    return folder / "maps.nii.gz"


def slow(make):
    return pytest.param(make, marks=pytest.mark.slow)


@pytest.mark.parametrize("make", [slow(make_epochs), slow(make_bids), slow(make_nwb), make_nifti])
def test_the_planted_emotion_is_read_from_each_format(tmp_path, capsys, make):
    code, error = run(capsys, make(tmp_path), "--out", tmp_path / "run")
    assert code == 0, error
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["decoding"]["balanced_accuracy"]["score"] > 0.8
    assert sorted(result["classes"]) == ["fear", "joy"]
    assert (tmp_path / "run" / "report.html").stat().st_size > 10_000


@pytest.mark.parametrize("what", ["no trials", "no format", "other grid"])
def test_bad_recordings_are_one_line_and_status_two(tmp_path, capsys, what):
    extra = []
    if what == "no trials":
        nwb = pynwb.NWBFile(
            session_description="s",
            identifier="i",
            session_start_time=datetime(2020, 1, 1, tzinfo=UTC),
        )
        nwb.add_unit(spike_times=[1.0, 2.0])
        path, says = tmp_path / "s.nwb", "has no trials; give events="
        with pynwb.NWBHDF5IO(str(path), "w") as file:
            file.write(nwb)
    elif what == "no format":
        path, says = tmp_path / "notes.docx", "has no known suffix"
        path.write_text("x")
    else:
        path, says = make_nifti(tmp_path), "does not meet that of"
        mask = nibabel.Nifti1Image(np.ones((2, 2, 2), dtype=np.float32), np.eye(4))
        nibabel.save(mask, tmp_path / "mask.nii")
        extra = ["--mask", tmp_path / "mask.nii"]
    code, error = run(capsys, path, *extra, "--out", tmp_path / "run")
    assert code == 2
    assert says in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run" / "result.json").exists()
