"""The mouse-face study on small films whose faces change as strongly as was planted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from affectome.cli.app import main
from affectome.data.video import frames
from affectome.errors import InputError
from affectome.features.hog import HogSettings
from affectome.studies._within import rank_correlation
from affectome.studies.mouse_faces import MouseFaces, run
from affectome.studies.mouse_faces.neurons import (
    FaceTrace,
    check_events,
    neurons_and_face,
    neurons_and_stimuli,
)
from films import write_film

RATE, GAP, LEVELS = 20, 3.0, (0, 1, 2, 0, 1, 2, 2, 0, 1)
SMALL = HogSettings(cell=16, block_norm="L2")


def expression(n_frames: int, onsets: np.ndarray) -> np.ndarray:
    since = np.subtract.outer(np.arange(n_frames) / RATE, onsets)
    rise = np.where(since >= 0, np.exp(-np.maximum(since, 0) / 0.4), 0)
    return rise @ np.array(LEVELS) / max(LEVELS)


def film(path: Path, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Film a face whose ear turns into another pattern at events; give onsets and its strength."""
    rng = np.random.default_rng(seed)
    onsets = GAP * (np.arange(len(LEVELS)) + 0.5)
    n_frames = round(GAP * len(LEVELS) * RATE)
    face, moved = (gaussian_filter(rng.normal(size=(48, 64)), 2) * 400 + 120 for _ in range(2))
    strength = expression(n_frames, onsets)
    share = np.zeros((n_frames, 48, 64))
    share[:, 16:, 32:] = strength[:, None, None]
    images = face + share * (moved - face) + 4 * rng.normal(size=(n_frames, 48, 64))
    write_film(path, list(images.clip(0, 255).astype(np.uint8)), codec="png", pixels="gray")
    return onsets, strength


def write_pose(path: Path, x: np.ndarray) -> None:
    """Write a point that moves along x as DeepLabCut does."""
    names = [("net", "paw", coordinate) for coordinate in ("x", "y", "likelihood")]
    columns = pd.MultiIndex.from_tuples(names, names=["scorer", "bodyparts", "coords"])
    pd.DataFrame(np.column_stack([x, 0 * x, 0 * x + 1]), columns=columns).to_csv(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("study")
    rows = []
    for seed, animal in enumerate("abc"):
        onsets, strength = film(made / f"{animal}.avi", seed)
        names = ["none" if level == 0 else "shock" for level in LEVELS]
        table = {"file": f"{animal}.avi", "subject": animal, "event": names, "onset": onsets}
        rows.append(pd.DataFrame({**table, "intensity": LEVELS, "trial": range(len(LEVELS))}))
    rng = np.random.default_rng(0)
    for table in rows[:2]:
        name = f"{table['subject'].iloc[0]}_pose.csv"
        speed = strength + rng.random(len(strength))
        write_pose(made / name, speed.cumsum())
        table["pose"] = name
    neurons = rng.normal(size=(len(strength), 6))
    neurons[:, :2] += 3 * strength[:, None]
    times = np.arange(len(strength)) / RATE
    np.savez(made / "neurons.npz", data=neurons, times=times)
    bad = pd.DataFrame({"file": ["a.avi"], "subject": ["a"], "event": ["shock"], "onset": [99.0]})
    pd.concat([*rows, bad.assign(intensity=1, trial=99)]).to_csv(made / "clips.csv", index=False)
    return made


@pytest.fixture(scope="module")
def found(folder: Path) -> MouseFaces:
    return run(
        folder / "clips.csv",
        before=1.0,
        after=1.4,
        window=(0.0, 1.0),
        settings=SMALL,
        neurons=folder / "neurons.npz",
        neurons_session="c",
    )


def test_intensity_is_read_in_unseen_animals(found: MouseFaces) -> None:
    intensity = found.result["intensity"]
    assert intensity["rho"] > 0.9
    assert intensity["p"] < 0.01
    assert intensity["none_vs_strongest"]["score"] == 1
    assert set(intensity["by_subject"]) == {"a", "b", "c"}
    for train, test in found.split:
        animals = found.trials["subject"].to_numpy()
        assert not set(animals[train]) & set(animals[test])


def test_events_are_told_apart(found: MouseFaces) -> None:
    events = found.result["classification"]
    assert events["balanced_accuracy"]["score"] > 0.8
    assert events["balanced_accuracy"]["p"] < 0.05
    assert np.sum(events["confusion"]["counts"]) == 27


def test_frames_are_told_apart_too(found: MouseFaces) -> None:
    frames = found.result["classification"]["frames"]
    assert frames["n_frames"] == np.sum(frames["confusion"]["counts"]) == 27 * 11
    assert frames["balanced_accuracy"]["score"] > 0.7
    assert frames["balanced_accuracy"]["p"] < 0.05


def test_the_prototypes_trace_follows_what_was_planted(found: MouseFaces) -> None:
    strongest = found.traces[found.trials["intensity"] == 2].mean(axis=0)
    since = found.time
    planted = np.where(since >= 0, np.exp(-np.maximum(since, 0) / 0.4), 0)
    assert np.corrcoef(strongest, planted)[0, 1] > 0.9
    (prototype,) = found.result["prototypes"]
    assert prototype["event"] == "shock"
    assert prototype["subjects"] == ["a", "b", "c"]
    assert found.result["dynamics"]["shock"]["latency_s"]["median"] < 0.15


def test_predictable_order_is_said(found: MouseFaces) -> None:
    order = found.result["controls"]["trial_order"]
    assert order["from_other_animals"]["rho"] > 0.99
    assert any("order of trials is predictable" in note for note in found.result["warnings"])


def test_pose_speed_is_a_control_where_it_is_known(found: MouseFaces) -> None:
    pose = found.result["controls"]["pose_speed"]
    assert pose["clips"] == 18
    assert set(pose["alone"]["by_subject"]) == {"a", "b"}
    assert pose["alone"]["rho"] > 0.5
    assert abs(pose["partial"]["rho"]) < found.result["intensity"]["rho"]


def test_bad_rows_are_listed(found: MouseFaces) -> None:
    (skipped,) = found.result["skipped"]
    assert "after the end of the film, which is 27 s long" in skipped["why"]
    assert found.result["clips"] == 27


def test_neurons_that_follow_the_face(found: MouseFaces) -> None:
    neurons = found.result["neurons"]
    assert neurons["tested"] == 6
    assert neurons["face"] + neurons["stimulus"] >= 1
    listed = neurons["prototypes"]["shock"]["neurons"]
    assert {n["neuron"] for n in listed} <= {"0", "1"}
    assert neurons["population"]["face_from_neurons"]["shock"] > 0.3


@pytest.mark.slow
def test_the_command_writes_a_report(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    arguments = ["study", "mouse-faces", str(folder / "clips.csv"), "--out", str(out), "--json"]
    with pytest.raises(SystemExit) as end:
        main(
            [
                *arguments,
                *[
                    "--before",
                    "1",
                    "--after",
                    "1.4",
                    "--window",
                    "1",
                    "--cell",
                    "16",
                    "--orientations",
                    "4",
                ],
            ]
        )
    assert end.value.code == 1
    said = json.loads(capsys.readouterr().out)
    assert said == json.loads((out / "result.json").read_text())
    assert {"classification", "intensity", "prototypes", "dynamics", "controls", "speed"} <= set(
        said
    )
    page = (out / "report.html").read_text()
    assert "Expression, or mere movement?" in page
    assert "The order of trials is predictable" in page
    assert (out / "figures" / "prototypes.svg").is_file()
    shown = np.stack([frame.image for frame in frames(out / "expression.mp4")])
    assert shown.shape == (48, 480, 480)
    assert json.loads((out / "manifest.json").read_text())["split"]["by"] == ["subject"]


@pytest.mark.slow
def test_two_runs_differ_in_nothing_but_speed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["--before", "1", "--after", "1.4", "--window", "1", "--cell", "16"]
    for name in ("first", "second"):
        with pytest.raises(SystemExit):
            main(["study", "mouse-faces", str(folder / "clips.csv"), *options, "--out", name])
    first, second = tmp_path / "first", tmp_path / "second"
    names = sorted(str(f.relative_to(first)) for f in first.rglob("*") if f.is_file())
    assert {"clips.csv", "expression.mp4", "manifest.json", "prototypes.csv"} < set(names)
    told = [json.loads((run / "result.json").read_text()) for run in (first, second)]
    for result in told:
        assert result.pop("speed")["frames_per_second"] > 0
    assert told[0] == told[1]
    for name in names:
        same = (first / name).read_bytes() == (second / name).read_bytes()
        assert same or name == "result.json", name


def one_animal(folder: Path) -> pd.DataFrame:
    table = pd.read_csv(folder / "clips.csv")
    table["file"] = [str(folder / f) for f in table["file"]]
    return table[(table["subject"] == "c") & (table["onset"] < 27)]


def test_one_animal_with_one_session_and_its_neurons(folder: Path, tmp_path: Path) -> None:
    one_animal(folder).to_csv(tmp_path / "one.csv", index=False)
    found = run(
        tmp_path / "one.csv",
        before=1.0,
        after=1.4,
        window=(0.0, 1.0),
        settings=SMALL,
        neurons=folder / "neurons.npz",
    )
    assert found.split.by == ("stretch",)
    assert any(
        "there is one animal, so one stretch at a time" in w for w in found.result["warnings"]
    )
    assert found.result["controls"]["trial_order"] is None
    assert found.result["intensity"]["interval"] is None
    assert found.result["intensity"]["rho"] > 0.8
    neurons = found.result["neurons"]
    assert {n["neuron"] for n in neurons["prototypes"]["shock"]["neurons"]} <= {"0", "1"}
    assert neurons["population"]["face_from_neurons"]["shock"] > 0.3
    assert neurons["overlap"] == 1


def test_one_animal_with_one_trial_of_an_event(folder: Path, tmp_path: Path) -> None:
    table = one_animal(folder)
    rare = table.assign(event=["sugar", *table["event"][1:]])
    rare.to_csv(tmp_path / "rare.csv", index=False)
    with pytest.raises(InputError, match="two trials or more of each event, and sugar has 1; add"):
        run(tmp_path / "rare.csv", before=1, after=1.4, window=(0, 1), settings=SMALL)


def test_clocks_that_meet_in_part_or_not_at_all(folder: Path) -> None:
    times = np.arange(540) / RATE
    strength, moved = np.random.default_rng(1).random((2, 540))
    onsets = {"shock": np.array([3.0, 9.0, 15.0])}
    met = FaceTrace(times + 15, {"shock": strength}, moved)
    found = neurons_and_face(folder / "neurons.npz", met, {"shock": onsets["shock"] + 15})
    assert found["overlap"] == pytest.approx(12 / 27, abs=0.01)
    assert found["tolerance_s"] == pytest.approx(1 / RATE)
    far = FaceTrace(times + 1000, {"shock": strength}, moved)
    with pytest.raises(InputError, match=r"clocks don't overlap: one runs from 1000 to 1026\.95 s"):
        neurons_and_face(folder / "neurons.npz", far, onsets)


def test_neurons_without_a_film(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    times = np.arange(6000) / 10
    events = pd.DataFrame(
        {"trial_type": rng.permutation(["sugar", "shock"] * 20), "onset": 14.0 * np.arange(40) + 10}
    )
    shock = events.loc[events["trial_type"] == "shock", "onset"].to_numpy()
    pulse = (np.subtract.outer(times, shock) >= 0) & (np.subtract.outer(times, shock) < 2)
    neurons = rng.normal(size=(6000, 10))
    neurons[:, :3] += 2 * pulse.any(axis=1)[:, None]
    np.savez(tmp_path / "neurons.npz", data=neurons, times=times)
    result, skipped = neurons_and_stimuli(
        tmp_path / "neurons.npz", check_events(events, "the table")
    )
    assert skipped == []
    assert result["counts"] == {"shock": 3, "sugar": 0}
    (contrast,) = result["contrasts"]
    assert contrast["auc"]["score"] > 0.95
    with pytest.raises(InputError, match="no column 'onset'"):
        check_events(events.drop(columns="onset"), "the table")


def test_rank_correlation_is_spearmans_within_animals() -> None:
    rng = np.random.default_rng(0)
    y = np.tile(np.arange(6.0), 4)
    subjects = np.repeat(list("abcd"), 6)
    offset = 100.0 * np.repeat(np.arange(4), 6)
    assert rank_correlation(y**3 + offset, y, subjects)["rho"] == pytest.approx(1, abs=1e-5)
    given = rng.normal(size=(24, 1))
    assert rank_correlation(y, given[:, 0], subjects, given)["rho"] == pytest.approx(0, abs=1e-6)
    assert rank_correlation(y, y, np.repeat(["a", "b"], 12))["interval"] is None
    with pytest.raises(InputError, match="no animal has four trials"):
        rank_correlation(y, np.ones(24), subjects)
