"""Seven kinds of users from what they have to what they wanted, through public names only."""

import json
import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import affectome as af
from films import write_film
from people_and_films import planted
from voices import RATE, synthetic_voice

pytestmark = pytest.mark.slow


def test_eeg_with_epochs_and_bids(tmp_path):
    mne = pytest.importorskip("mne")
    mne_bids = pytest.importorskip("mne_bids")
    rng = np.random.default_rng(0)
    names, onsets = ["Fz", "Cz", "Pz", "Oz"], 2.0 + 3.0 * np.arange(24)
    all_epochs = []
    for person in ("01", "02", "03", "04", "05"):
        films = rng.permutation(24) % 8
        signal = 10e-6 * rng.standard_normal((4, 128 * 76))
        for onset, film in zip(onsets, films, strict=True):
            first = int(128 * onset)
            rhythm = np.sin(2 * np.pi * 10 * np.arange(256) / 128)
            signal[:2, first : first + 256] += 20e-6 * (film % 2) * rhythm
        raw = mne.io.RawArray(signal, mne.create_info(names, 128.0, "eeg"), verbose="ERROR")
        raw.set_montage("standard_1020", verbose="ERROR")
        labels = [f"film{film}/{('calm', 'joy')[film % 2]}" for film in films]
        raw.set_annotations(mne.Annotations(onsets, [2.0] * 24, labels))
        mne_bids.write_raw_bids(
            raw,
            mne_bids.BIDSPath(subject=person, task="film", datatype="eeg", root=tmp_path / "bids"),
            allow_preload=True,
            format="BrainVision",
            verbose="ERROR",
        )
        events, codes = mne.events_from_annotations(raw, verbose="ERROR")
        all_epochs.append(
            mne.Epochs(
                raw,
                events,
                codes,
                0.0,
                1.9,
                baseline=None,
                preload=True,
                metadata=pd.DataFrame({"participant": [f"sub-{person}"] * 24}),
                verbose="ERROR",
            )
        )
    measured = af.read_recording(tmp_path / "bids", window=(0.0, 1.9))
    assert set(measured.to_frame()["emotion"]) == {"calm", "joy"}
    features = af.differential_entropy(measured.recording)
    found = af.evaluate(af.RidgeClassifierDecoder(10.0), features, "emotion", n_permutations=50)
    assert found.split.by == ("subject", "film")
    assert found.score.value > 0.9
    joined = mne.concatenate_epochs(all_epochs, verbose="ERROR")
    held = af.differential_entropy(af.read_recording(joined).recording)
    again = af.evaluate(af.RidgeClassifierDecoder(10.0), held, "emotion", n_permutations=50)
    assert again.split.by == ("participant", "film")
    assert again.score.value > 0.9
    assert found.save(tmp_path / "eeg.html").stat().st_size < 200_000


def test_fmri_with_maps_and_a_model_rdm():
    nibabel = pytest.importorskip("nibabel")
    recording, _ = af.simulate_maps(
        n_subjects=6, n_trials=30, shape=(8, 8, 6), n_regions=1, radius=1.5, effect=2.0, n_stimuli=3
    )
    places = af.unit_table(recording)[["i", "j", "k"]].to_numpy()
    maps = []
    for values in recording.values:
        volume = np.zeros((8, 8, 6), dtype=np.float32)
        volume[tuple(places.T)] = values
        maps.append(nibabel.Nifti1Image(volume, np.diag([4.0, 4.0, 4.0, 1.0])))
    table = af.trial_table(recording)[["emotion", "subject", "stimulus"]]
    measured = af.read_recording(maps, table)
    data = af.rdms(measured.recording)
    names = data.conditions["condition"]
    emotion = data.conditions["emotion"].to_numpy()
    square = (emotion[:, None] != emotion).astype(float)
    labelled = pd.DataFrame(square, names, names).sample(frac=1, random_state=0)
    found = af.rsa(data, {"square": square, "labelled": labelled}, n_permutations=200)
    assert found.scores["square"].value == found.scores["labelled"].value > 0.2
    assert found.scores["square"].p < 0.05
    with pytest.raises(af.InputError, match="has no condition"):
        af.rsa(data, {"mine": labelled.iloc[1:, 1:]})
    ratings = np.where(recording["emotion"].values == emotion[0], 1.0, 0.0)
    ratings += np.random.default_rng(0).normal(0, 0.1, len(ratings))
    rated = af.evaluate(af.RidgeDecoder(100.0), measured, ratings, n_permutations=20)
    assert rated.metric == "pearson_r"
    assert rated.split.by == ("subject", "stimulus")


def test_vision_with_a_table_and_a_network_of_their_own(tmp_path):
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    rows = []
    for k in range(48):
        theme, warm = k // 3, (k // 3) % 2
        color = ((60, 120, 200), (200, 120, 60))[warm]
        pixels = np.clip(np.array(color) + rng.normal(0, 40, (64, 64, 3)), 0, 255)
        image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"bild{k}.png")
        rows.append((f"bild{k}.png", f"Thema {theme}", 3.0 + 3.0 * warm + rng.normal(0, 0.2)))
    table = pd.DataFrame(rows, columns=["file_name", "theme", "valence"])
    table.to_csv(tmp_path / "bilder.csv", sep=";", decimal=",", index=False, encoding="cp1252")
    found = af.audit(tmp_path / "bilder.csv", "valence")
    assert found.n_trials == 48
    table.to_csv(tmp_path / "metadata.csv", index=False)
    catalog = af.read_catalog(tmp_path, group="theme", cut=(4.5, 4.6))
    assert set(catalog.table["emotion"]) == {"pleasant", "unpleasant"}
    (tmp_path / "mine.py").write_text(
        "import torch\n"
        "def build():\n"
        "    torch.manual_seed(0)\n"
        "    return torch.nn.Sequential(torch.nn.Conv2d(3, 12, 7, 4), torch.nn.ReLU(),\n"
        "        torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())\n"
    )
    network = af.load_network(f"{tmp_path / 'mine.py'}:build", "untrained")
    answers = af.activations(network, list(catalog.table["file"]), trials=catalog.table)
    evidence = af.evaluate(af.RidgeDecoder(), answers.recording, "valence", n_permutations=50)
    assert evidence.split.by == ("group",)
    assert evidence.score.value > 0.9
    units = af.selectivity(answers.recording, "emotion", n_permutations=500)
    assert units.selective.any()
    assert units.save(tmp_path / "units.csv").is_file()


def test_mice_with_films_poses_and_neurons(tmp_path):
    pynwb = pytest.importorskip("pynwb")
    rng = np.random.default_rng(0)
    still = np.kron(rng.integers(60, 190, (12, 16)), np.ones((8, 8)))
    grimace = np.kron(rng.integers(-50, 50, (12, 16)), np.ones((8, 8)))
    onsets, rows = 4.0 + 6.0 * np.arange(6), []
    for name in ("anna", "bert", "cleo"):
        light, frames = rng.uniform(0.8, 1.1), []
        for second in np.arange(0, 40, 0.1):
            shown = any(0 <= second - onset < 2 for onset in onsets[::2])
            grain = rng.normal(0, 4, still.shape)
            frames.append(np.clip(light * (still + shown * grimace) + grain, 0, 255))
        write_film(tmp_path / f"{name}.mp4", [f.astype(np.uint8) for f in frames], rate=10)
        rows += [
            (f"{name}.mp4", name, ("pain", "none")[k % 2], onset) for k, onset in enumerate(onsets)
        ]
    clips = pd.DataFrame(rows, columns=["file", "subject", "event", "onset"])
    clips.to_csv(tmp_path / "clips.csv", index=False)
    found = af.studies.mouse_faces.run(tmp_path / "clips.csv", cells=(16,))
    assert found.film is not None
    start = pd.Timestamp("2026-01-01", tz="UTC").to_pydatetime()
    nwb = pynwb.NWBFile("shocks", "anna", start)
    traces = rng.normal(size=(400, 5))
    for onset in onsets[::2]:
        traces[int(10 * onset) : int(10 * onset) + 20, :2] += 3
    nwb.add_acquisition(pynwb.TimeSeries(name="dff", data=traces, unit="x", rate=10.0))
    nwb.add_trial_column("event", "what happened")
    for k, onset in enumerate(onsets):
        nwb.add_trial(start_time=onset, stop_time=onset + 2, event=("pain", "none")[k % 2])
    with pynwb.NWBHDF5IO(tmp_path / "anna.nwb", "w") as file:
        file.write(nwb)
    measured = af.read_recording(tmp_path / "anna.nwb", target="event", window=(0.0, 2.0))
    assert measured.recording.sizes["unit"] == 5
    units = af.selectivity(measured.recording.mean("time"), "emotion", n_permutations=200)
    assert set(units.to_frame().nlargest(2, "F").index) == {0, 1}


def test_an_engineer_with_arrays_a_pipeline_and_a_gate(tmp_path):
    X, trials = planted(n_people=8)
    y, who = trials["emotion"].to_numpy(), trials["person"].to_numpy()
    steps = make_pipeline(StandardScaler(), LogisticRegression())
    search = GridSearchCV(steps, {"logisticregression__C": [0.1, 1.0]}, cv=GroupKFold(4))
    search.fit(X, y, groups=who)
    found = af.evaluate(search.best_estimator_, X, y, subject=who, n_permutations=50)
    assert found.score.p < 0.05
    told = json.loads(found.save(tmp_path / "score.json").read_text())
    assert told["scores"]["macro_auc"]["score"] == pytest.approx(found.score.value)
    table = pd.DataFrame(X).rename(columns="f{}".format).join(trials)
    checked = af.audit(table, "emotion")
    assert "AFX003" in [one.code for one in checked.findings], checked  # a film has one label


def test_affective_computing_with_texts_voices_and_faces(tmp_path):
    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("onnxruntime")
    texts = af.read(["I am so happy for you!", "This is terrible news."])
    assert texts[0].labels[0] == "joy"
    assert len(texts.to_frame()) == 2
    sound = (0.5 * 32767 * synthetic_voice(3.0)).astype("<i2")
    with wave.open(str(tmp_path / "call.wav"), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(sound.tobytes())
    voice = af.read(tmp_path / "call.wav", purpose="research")
    assert voice.modality == "voice"
    assert voice.abstains or abs(sum(voice.emotions.values()) - 1) < 1e-6
    image.fromarray(np.full((80, 80, 3), 128, np.uint8)).save(tmp_path / "wall.png")
    face = af.read(tmp_path / "wall.png", modality="face", purpose="research")
    assert face.abstains
    angry = af.Reading("voice", {"anger": 0.7, "sadness": 0.2, "joy": 0.1}, labels=("anger",))
    fused = af.fuse([texts[1], angry])
    assert set(fused.reading.emotions) <= {"anger", "sadness", "happiness"}
    Path(texts.save(tmp_path / "texts.html")).stat()


def test_many_simulated_people():
    recording, _ = af.simulate_population(
        n_subjects=50, n_trials=12, n_units=20, n_stimuli=4, effect=1.5, random_state=3
    )
    found = af.evaluate(af.RidgeClassifierDecoder(), recording, "emotion", n_permutations=50)
    assert found.score.n_groups == 12 or found.score.n_groups >= 4
    assert len(found.by_subject) == 50
    assert found.score.value > 0.6
    trials = af.trial_table(recording)
    curve = af.few_shot_curve(
        recording.values[:120], trials["emotion"][:120], trials["subject"][:120], n_repeats=1
    )
    assert curve.shots[0] == 0
