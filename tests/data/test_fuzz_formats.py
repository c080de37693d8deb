"""The same for formats that others' programs read: damaged, they are read or told in a line."""

import json
from datetime import UTC, datetime

import edfio
import h5py
import mne
import numpy as np
import pandas as pd
import pynwb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.io import savemat

from affectome.data import make_recording, read_recording, save_recording
from affectome.data.pictures import read_picture
from affectome.data.readers.keypoints import read_keypoints
from affectome.data.readers.physiology import read_physiology
from affectome.data.readers.pose import read_pose
from affectome.data.video import frame_times, frames, probe
from films import noise, write_film
from fuzzing import CHANGES, LENGTHS, mended, told, tried

pytestmark = pytest.mark.filterwarnings("ignore")
TIMES = np.arange(480) / 16
DATA = np.random.default_rng(0).standard_normal((480, 3))


def matlab5(path):
    savemat(path, {"data": DATA, "times": TIMES})


def matlab73(path):
    """An HDF5 file behind MATLAB's 512 bytes; axes are in reverse order."""
    with h5py.File(path, "w", userblock_size=512) as file:
        file["data"], file["times"] = DATA.T, TIMES[:, None]
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")


def edf(path):
    signals = [edfio.EdfSignal(100 * x, 16, label=f"EEG {n}") for n, x in enumerate(DATA.T)]
    edfio.Edf(signals).write(path)


def fif(path):
    raw = mne.io.RawArray(1e-5 * DATA.T, mne.create_info(3, 16.0, "eeg"), verbose="ERROR")
    raw.save(path, verbose="ERROR")


def epochs(path):
    data = DATA.reshape(6, 80, 3).swapaxes(1, 2)
    made = mne.EpochsArray(1e-5 * data, mne.create_info(3, 16.0, "eeg"), verbose="ERROR")
    made.save(path, verbose="ERROR")


def nwb(path):
    file = pynwb.NWBFile("s", "i", datetime(2020, 1, 1, tzinfo=UTC))
    file.add_acquisition(pynwb.TimeSeries(name="dff", data=DATA, unit="n.a.", timestamps=TIMES))
    with pynwb.NWBHDF5IO(str(path), "w") as stream:
        stream.write(file)


RECORDINGS = {
    "five.mat": matlab5,
    "seven.mat": matlab73,
    "r.edf": edf,
    "r_raw.fif": fif,
    "r-epo.fif": epochs,
    "r.nwb": nwb,
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Bytes of each whole recording, written once."""
    folder = tmp_path_factory.mktemp("whole")
    kept = {}
    for name, write in RECORDINGS.items():
        write(folder / name)
        kept[name] = (folder / name).read_bytes()
    return kept


@pytest.mark.parametrize("name", RECORDINGS)
@tried(6)
@given(CHANGES, LENGTHS)
def test_recordings(tmp_path, whole, name, changes, length):
    (tmp_path / name).write_bytes(mended(whole[name], changes, length))
    rows = {"trial_type": ["a", "b"] * 3, "onset": 4.0 * np.arange(1, 7)}
    pd.DataFrame(rows).to_csv(tmp_path / "events.tsv", sep="\t", index=False)
    window = None if "epo" in name else (-1.0, 1.0)
    said = told(read_recording, tmp_path / name, tmp_path / "events.tsv", window=window)
    assert "\n" not in said


@pytest.mark.parametrize("name", RECORDINGS)
def test_whole_recordings_are_read(tmp_path, whole, name):
    (tmp_path / name).write_bytes(whole[name])
    rows = {"trial_type": ["a", "b"] * 3, "onset": 4.0 * np.arange(1, 7)}
    pd.DataFrame(rows).to_csv(tmp_path / "events.tsv", sep="\t", index=False)
    window = None if "epo" in name else (-1.0, 1.0)
    read = read_recording(tmp_path / name, tmp_path / "events.tsv", window=window).recording
    assert read.shape[::2] == (6, 3)


def sleap_h5(path):
    with h5py.File(path, "w") as file:
        file["tracks"] = np.zeros((1, 2, 2, 9))
        file["node_names"] = [b"nose", b"ear"]


def deeplabcut_h5(path):
    with h5py.File(path, "w") as file:
        group = file.create_group("df_with_missing")
        for k, names in enumerate(([b"DLC"], [b"nose", b"ear"], [b"x", b"y", b"likelihood"])):
            group[f"axis0_level{k}"] = names
            group[f"axis0_label{k}"] = np.arange(6) // (6, 3, 1)[k] % len(names)
        group["block0_values"] = np.zeros((9, 6))


POSES = {
    "dlc.csv": b"scorer,DLC,DLC,DLC\nbodyparts,nose,nose,nose\ncoords,x,y,likelihood\n"
    + b"".join(b"%d,1.5,2,.9\n" % n for n in range(9)),
    "sleap.csv": b"track,frame_idx,instance.score,nose.x,nose.y,nose.score\n"
    + b"".join(b"a,%d,1,2,3,.5\n" % n for n in range(9)),
    "sleap.h5": sleap_h5,
    "dlc.h5": deeplabcut_h5,
}


@pytest.mark.parametrize("name", POSES)
@tried(15)
@given(CHANGES, LENGTHS)
def test_pose_tables(tmp_path, name, changes, length):
    made = POSES[name]
    if callable(made):
        made(tmp_path / name)
        made = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(mended(made, changes, length))
    assert "\n" not in told(read_pose, tmp_path / name)


SIGNALS = {
    "EDA.csv": b"1600000000.0\n4.0\n" + b"1.25\n" * 20,
    "shimmer.csv": b"sep=\t\nShimmer_A1_Timestamp_Unix_CAL\tShimmer_A1_GSR_Skin_Conductance_CAL\n"
    b"ms\tuS\n" + b"".join(b"%d\t%d.5\n" % (1000 + 10 * n, n % 3) for n in range(20)),
    "plain.csv": b"time_s,eda_uS,temp_C,ecg_mV\n"
    + b"".join(b"%d,2,33.1,%d\n" % (n, n % 3) for n in range(20)),
}


@pytest.mark.parametrize("name", SIGNALS)
@tried()
@given(CHANGES, LENGTHS)
def test_body_signals(tmp_path, name, changes, length):
    (tmp_path / name).write_bytes(mended(SIGNALS[name], changes, length))
    assert "\n" not in told(read_physiology, tmp_path / name)


@pytest.mark.parametrize("name", SIGNALS)
@tried()
@given(st.text("s0,;\t\"'\n\r .-=ätimeda\x00\u2028", max_size=60))
def test_any_text_as_body_signals(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert "\n" not in told(read_physiology, tmp_path / name)


@pytest.mark.parametrize("name", ["p.png", "p.jpg", "p.gif", "p.tiff", "p.webp"])
@tried()
@given(CHANGES, LENGTHS)
def test_pictures(tmp_path, name, changes, length):
    Image.fromarray(noise(1)[0]).save(tmp_path / name)
    broken = mended((tmp_path / name).read_bytes(), changes, length)
    (tmp_path / name).write_bytes(broken)
    assert "\n" not in told(read_picture, tmp_path / name)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return write_film(tmp_path_factory.mktemp("film") / "f.mp4", noise(12)).read_bytes()


def look(path):
    """Whatever is asked of a film."""
    probe(path)
    frame_times(path)
    for _ in frames(path):
        pass
    for _ in frames(path, start=0.2, colour="rgb"):
        pass


@tried(15)
@given(CHANGES, LENGTHS)
def test_films(tmp_path, film, changes, length):
    (tmp_path / "f.mp4").write_bytes(mended(film, changes, length))
    assert "\n" not in told(look, tmp_path / "f.mp4")


PEOPLE = json.dumps([{"image_id": n, "keypoints": [1.0, 2.0, 0.9] * 4} for n in range(4)]).encode()


@tried()
@given(CHANGES, LENGTHS)
def test_key_points(tmp_path, changes, length):
    (tmp_path / "k.json").write_bytes(mended(PEOPLE, changes, length))
    assert "\n" not in told(read_keypoints, tmp_path / "k.json")


@tried(15)
@given(st.integers(0, 99), CHANGES, LENGTHS)
def test_recordings_that_were_saved(tmp_path, chosen, changes, length):
    trials = pd.DataFrame({"emotion": ["a", "b"] * 3})
    units = pd.DataFrame({"unit_number": range(3)})
    folder = tmp_path / "r"
    if not folder.exists():
        save_recording(make_recording(DATA.reshape(6, 80, 3)[:, 0], trials, units), folder)
    files = sorted(f for f in folder.rglob("*") if f.is_file())
    broken = files[chosen % len(files)]
    content = broken.read_bytes()
    broken.write_bytes(mended(content, changes, length))
    try:
        assert "\n" not in told(read_recording, folder)
    finally:
        broken.write_bytes(content)
