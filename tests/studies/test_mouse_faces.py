"""The mouse-face study on small films whose faces change as strongly as was planted."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from affectome.cli.app import main
from affectome.data.outputs import as_plain
from affectome.data.readers.continuous import read_continuous
from affectome.data.video import frames
from affectome.errors import InputError
from affectome.features.hog import HogSettings
from affectome.studies.mouse_faces import Draws, MouseFaces, run
from affectome.studies.mouse_faces import figures as draw
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
        window=(-1.0, 1.4),
        response=(0.0, 1.0),
        settings=SMALL,
        cells=(16,),
        neurons=folder / "neurons.npz",
        neurons_session="c",
        draws=Draws(199),
    )


def test_intensity_is_read_in_unseen_animals(found: MouseFaces) -> None:
    assert found.film is not None
    intensity = found.film.intensity
    assert intensity.ridge.score.value > 0.9
    assert intensity.ridge.score.p < 0.01
    assert intensity.ridge.score.null.scheme.startswith("labels permuted over places in runs")
    assert intensity.extremes.score.value == 1
    assert set(intensity.ridge.by_subject) == {"a", "b", "c"}
    assert intensity.forest.score.p is None
    assert "--forest-permutations" in intensity.forest.score.why
    for train, test in found.film.split:
        animals = found.film.trials["subject"].to_numpy()
        assert not set(animals[train]) & set(animals[test])


def test_descriptions_are_chosen_among_training_animals(found: MouseFaces) -> None:
    intensity = found.film.intensity
    assert intensity.candidates == ("how far, cells of 16", "signed, cells of 16")
    assert set(intensity.chosen) == {"a", "b", "c"}


def test_events_are_told_apart(found: MouseFaces) -> None:
    events = found.film.events
    assert events.ridge.score.value > 0.8
    assert events.ridge.score.p < 0.05
    assert events.confusion.sum() == 27


def test_frames_are_told_apart_too(found: MouseFaces) -> None:
    events = found.film.events
    assert events.n_frames == 27 * 11
    assert events.frames.score.value > 0.6
    assert events.frames.score.p < 0.1  # 27 clips of three animals


def test_the_prototypes_trace_follows_what_was_planted(found: MouseFaces) -> None:
    film = found.film
    strongest = film.traces.far[film.trials["intensity"] == 2].mean(axis=0)
    since = film.clips.time
    planted = np.where(since >= 0, np.exp(-np.maximum(since, 0) / 0.4), 0)
    assert np.corrcoef(strongest, planted)[0, 1] > 0.9
    (prototype,) = film.listed
    assert prototype.event == "shock"
    assert prototype.subjects == ("a", "b", "c")
    assert set(film.trace_readings) == {"signed", "how_far"}
    assert film.trace_readings["how_far"].score.value > 0.8


def test_predictable_order_is_said(found: MouseFaces) -> None:
    order = found.film.controls.order
    assert order.from_other_animals.score.value > 0.99
    assert any("order of trials is predictable" in note for note in found.warnings)


def test_pose_speed_is_a_control_where_it_is_known(found: MouseFaces) -> None:
    pose = found.film.controls.pose
    assert pose.clips == 18
    assert set(pose.alone.by_subject) == {"a", "b"}
    assert pose.alone.score.value > 0.5
    assert abs(pose.partial.score.value) < found.film.intensity.ridge.score.value


def test_bad_rows_are_listed(found: MouseFaces) -> None:
    (skipped,) = found.skipped
    assert "after the end of the film, which is 27 s long" in skipped.why
    assert found.to_dict()["clips"] == 27


def test_every_p_has_its_null_and_every_interval_what_it_is_over(found: MouseFaces) -> None:
    def walk(part) -> None:
        if isinstance(part, dict):
            if part.get("p") is not None:
                assert {"scheme", "n_groups", "n_arrangements", "correction"} <= set(part["null"])
                assert 0 < part["q"] <= 1
            elif "p" in part:
                assert part["why"].startswith("no p, because")
            if part.get("interval") is not None:
                assert part["over"] == "3 animals"
            for one in part.values():
                walk(one)
        elif isinstance(part, list):
            for one in part:
                walk(one)

    walk({k: v for k, v in as_plain(found).items() if k not in ("neurons", "dynamics")})


def test_too_few_stretches_for_neurons_is_said(found: MouseFaces) -> None:
    neurons = found.neurons
    assert neurons.why.startswith("no p, because")
    assert set(neurons.counts.values()) == {0}
    assert any(note.startswith("neurons: no p, because") for note in found.warnings)
    assert len(neurons.table) == 6


def test_tables_of_frames(found: MouseFaces) -> None:
    table = found.film.trace_table()
    assert len(table) == 27 * 48
    assert {"clip", "seconds", "expression: shock", "how far from neutral", "motion"} <= set(table)


SHORT = ("--window", "-1,1.4", "--response", "0,1", "--cell", "16")
BAD = {
    ("--window", "-2"): "--window takes two numbers such as 3.5,5.0; got '-2'",
    ("--window", "-2,0"): "starts before the event (below 0) and ends after it, such as -2,3; got",
    ("--window", "1,3"): "starts before the event (below 0) and ends after it, such as -2,3; got",
    ("--response", "-1,2"): "--response is two rising numbers of seconds after the event",
    ("--response", "0,9"): "up to --response 9 s after the event, but --window is read up to 3 s",
    ("--rate", "0"): "--rate is a number of frames per second above 0; got 0",
    ("--cell", "1"): "--cell is a number of pixels, 4 or more; got 1",
    ("--permutations", "-5"): "-5 is neither 0 (for no p) nor 20 or more",
    ("--permutations", "7"): "7 is neither 0 (for no p) nor 20 or more",
    ("--forest-permutations", "-5"): "--forest-permutations is 0 or more; got -5",
    ("--seed", "-1"): "invalid value for '--random-state'",
    ("--rate", "500", "--window", "-1,1.4", "--response", "0,1"): "500 is above the 20",
    ("--neurons", "obj.npz"): "obj.npz",
}


@pytest.mark.parametrize("options", BAD)
def test_options_are_checked_before_the_work(
    folder: Path, tmp_path: Path, options: tuple[str, ...], monkeypatch, capsys
) -> None:
    np.savez(tmp_path / "obj.npz", data=np.array([{"a": 1}], dtype=object))
    given = [str(tmp_path / o) if o == "obj.npz" else o for o in options]

    def worked(*_: object, **__: object) -> None:
        raise AssertionError("work had begun")

    monkeypatch.setattr("affectome.studies.mouse_faces.study.describe_clips", worked)
    with pytest.raises(SystemExit) as end:
        main(["study", "mouse-faces", str(folder / "clips.csv"), *given])
    assert end.value.code == 2
    assert BAD[options] in " ".join(capsys.readouterr().err.split())


@pytest.mark.slow
def test_the_command_writes_a_report(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    arguments = ["study", "mouse-faces", str(folder / "clips.csv"), "--out", str(out), "--json"]
    with pytest.raises(SystemExit) as end:
        main([*arguments, *SHORT, "--orientations", "4"])
    assert end.value.code == 1
    said = json.loads(capsys.readouterr().out)
    assert said == json.loads((out / "result.json").read_text())
    assert {"classification", "intensity", "prototypes", "dynamics", "controls"} <= set(said)
    assert "speed" not in said
    assert not re.search(r"\bnan\b", (out / "report.html").read_text())
    assert (out / "traces.csv").is_file()
    page = (out / "report.html").read_text()
    assert "Expression, or mere movement?" in page
    assert "The order of trials is predictable" in page
    assert (out / "figures" / "prototypes.svg").is_file()
    shown = np.stack([frame.image for frame in frames(out / "expression.mp4")])
    assert shown.shape == (48, 480, 480)
    described = json.loads((out / "manifest.json").read_text())
    assert described["split"]["by"] == ["subject"]
    assert {"window", "response", "cell", "n_permutations"} <= set(described["settings"])


@pytest.mark.slow
def test_two_runs_write_the_same_bytes(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("first", "second"):
        with pytest.raises(SystemExit):
            main(["study", "mouse-faces", str(folder / "clips.csv"), *SHORT, "--out", name])
    first, second = tmp_path / "first", tmp_path / "second"
    names = sorted(str(f.relative_to(first)) for f in first.rglob("*") if f.is_file())
    assert {"clips.csv", "expression.mp4", "manifest.json", "prototypes.csv"} < set(names)
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def one_animal(folder: Path) -> pd.DataFrame:
    table = pd.read_csv(folder / "clips.csv")
    table["file"] = [str(folder / f) for f in table["file"]]
    return table[(table["subject"] == "c") & (table["onset"] < 27)]


def test_one_animal_with_one_session_and_its_neurons(folder: Path, tmp_path: Path) -> None:
    one_animal(folder).to_csv(tmp_path / "one.csv", index=False)
    found = run(
        tmp_path / "one.csv",
        window=(-1.0, 1.4),
        response=(0.0, 1.0),
        settings=SMALL,
        cells=(16,),
        neurons=folder / "neurons.npz",
        draws=Draws(99),
    )
    film = found.film
    assert film.split.by == ("stretch",)
    assert any("there is one animal, so one stretch at a time" in w for w in found.warnings)
    assert film.controls.order is None
    assert film.intensity.ridge.score.interval is None
    assert film.intensity.ridge.score.over == "1 animal"
    assert film.intensity.ridge.score.value > 0.8
    assert found.neurons.overlap == 1


def test_one_animal_with_one_trial_of_an_event(folder: Path, tmp_path: Path) -> None:
    table = one_animal(folder)
    rare = table.assign(event=["sugar", *table["event"][1:]])
    rare.to_csv(tmp_path / "rare.csv", index=False)
    with pytest.raises(InputError, match="two trials or more of each event, and sugar has 1; add"):
        run(tmp_path / "rare.csv", window=(-1, 1.4), response=(0, 1), cells=(16,))


def test_clocks_that_meet_in_part_or_not_at_all(folder: Path) -> None:
    recording = read_continuous(folder / "neurons.npz")
    times = np.arange(540) / RATE
    strength, moved = np.random.default_rng(1).random((2, 540))
    onsets = {"shock": np.array([3.0, 9.0, 15.0])}
    met = FaceTrace(times + 15, {"shock": strength}, moved[:, None])
    found = neurons_and_face(recording, met, {"shock": onsets["shock"] + 15})
    assert found.overlap == pytest.approx(12 / 27, abs=0.01)
    assert found.tolerance_s == pytest.approx(1 / RATE)
    far = FaceTrace(times + 1000, {"shock": strength}, moved[:, None])
    with pytest.raises(InputError, match=r"clocks don't overlap: one runs from 1000 to 1026\.95 s"):
        neurons_and_face(recording, far, onsets)


def test_neurons_without_a_film(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    times = np.arange(6000) / 10
    events = pd.DataFrame(
        {"kind": rng.permutation(["sugar", "shock"] * 20), "onset": 14.0 * np.arange(40) + 10}
    )
    shock = events.loc[events["kind"] == "shock", "onset"].to_numpy()
    pulse = (np.subtract.outer(times, shock) >= 0) & (np.subtract.outer(times, shock) < 2)
    neurons = rng.normal(size=(6000, 10))
    neurons[:, :3] += 2 * pulse.any(axis=1)[:, None]
    np.savez(tmp_path / "neurons.npz", data=neurons, times=times)
    found, skipped = neurons_and_stimuli(
        read_continuous(tmp_path / "neurons.npz"),
        check_events(events.assign(event=events["kind"]), "the table"),
    )
    assert skipped == []
    assert found.counts == {"shock": 3, "sugar": 0}
    assert found.null.correction == "Benjamini-Hochberg over 20 tests of neurons and sources"
    (contrast,) = found.contrasts
    assert contrast.auc.value > 0.95
    assert contrast.auc.p < 0.01
    with pytest.raises(InputError, match="no column 'onset'"):
        check_events(events.drop(columns="onset").assign(event="a"), "the table")
    with pytest.raises(InputError, match=r"no column 'event' \(or trial_type; .* by --target\)"):
        check_events(events, "the table")
    events.to_csv(tmp_path / "events.csv", index=False)
    arguments = ["study", "mouse-faces", str(tmp_path / "events.csv"), "--target", "kind"]
    out = tmp_path / "run"
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--neurons", str(tmp_path / "neurons.npz"), "--out", str(out)])
    assert end.value.code == 0
    assert "Of 10 neurons 3 follow shock, 0 follow sugar (q < .05)" in " ".join(
        capsys.readouterr().err.split()
    )
    table = pd.read_csv(out / "neurons.csv")
    assert table["shock follows"].tolist() == [True] * 3 + [False] * 7


def test_six_animals_and_four_sources_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    animals = [f"animal number {k}" for k in range(6)]
    trials = pd.DataFrame(
        {
            "subject": np.repeat(animals, 4),
            "intensity": np.tile([0, 1, 2, 3], 6),
            "decoded": rng.normal(size=24),
        }
    )
    drawn = draw.dose(trials, "animals")
    assert all(name in drawn for name in animals)
    bars = draw.neuron_map({"a": 1, "b": 2, "c": 3, "d": 4}, 10)
    assert len({c.lower() for c in re.findall(r"fill: (#[0-9a-fA-F]{6}|var\(--blue\))", bars)}) >= 4
