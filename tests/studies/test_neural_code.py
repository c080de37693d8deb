"""The neural-code study: what it finds, what it says of parts it can't do, and its command."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectome.cli import main
from affectome.data import trial_table
from affectome.data.readers.measurement import Measurement
from affectome.errors import InputError
from affectome.simulations.population import simulate_population
from affectome.studies.neural_code import study as neural_code
from affectome.studies.neural_code.inputs import check_baseline, choose_design
from affectome.studies.neural_code.report import answer, neural_code_page
from affectome.studies.neural_code.tables import tables
from contract import broken_columns

TWO = ("fear", "joy")


def recorded(**options):
    sizes = {"n_trials": 24, "n_units": 12, "emotions": TWO, "n_stimuli": 6}
    recording, _ = simulate_population(**(sizes | options))
    return Measurement(recording, Path("population"))


def study(measurement, *arguments, **options):
    return neural_code.run(measurement, *arguments, **({"n_permutations": 25} | options))


def named(warnings, start):
    return [warning for warning in warnings if warning.startswith(start)]


@pytest.fixture
def only(monkeypatch):
    """Leave out all parts but some, for speed."""

    def keep(*names):
        parts = {name: neural_code.PARTS[name] for name in names}
        monkeypatch.setattr(neural_code, "PARTS", parts)

    return keep


@pytest.fixture(scope="module")
def everything():
    """Four subjects, samples before and after the event, graded and mixed emotions."""
    return study(
        recorded(
            n_subjects=4,
            n_trials=20,
            n_units=10,
            window=(-1.0, 1.0),
            sfreq=4.0,
            lead=0.0,
            effect=1.5,
            blend=0.4,
            intensity=(0.5, 2.0),
        ),
        nuisance=("movement",),
        n_permutations=120,
    )


def test_the_result_has_the_keys_that_readers_rely_on(everything):
    result = everything.to_dict()
    assert result["schema"] == 3
    assert result["command"] == "study neural-code"
    assert result["classes"] == list(TWO)
    assert result["trials"] == 80
    assert result["split"]["by"] == ["subject", "stimulus"]
    decoding = result["decoding"]
    for metric in ("balanced_accuracy", "auc"):
        assert {"score", "interval", "p"} <= set(decoding[metric])
    assert {"value", "interval", "baseline"} <= set(decoding["excess_over_baseline"])
    assert "nuisance: movement" in decoding["baselines"]
    assert set(decoding["by_subject"]) == {f"sub-0{s}" for s in (1, 2, 3, 4)}
    assert set(result["pre_event"]) >= {"score", "interval", "p"}
    assert set(result["intensity"]) >= {"r", "ccc", "interval", "p"}
    assert set(result["blends"]) >= {"kl", "top2", "r", "p", "null"}
    assert [(c["a"], c["b"]) for c in result["contrasts"]] == [TWO]
    assert set(result["lead_time"]) >= {"curve", "earliest_s"}
    assert "curve" in result["personal"]
    assert set(result["units"]) >= {"selective", "level"}
    assert result["skipped"] == []
    json.dumps(result)


def test_what_was_planted_after_the_event_is_read_after_it_alone(everything):
    result = everything.to_dict()
    own = result["decoding"]["balanced_accuracy"]
    assert own["interval"][0] > 0.5
    assert own["p"] < 0.05 <= result["pre_event"]["p"]
    assert result["lead_time"]["earliest_s"] is None
    assert result["intensity"]["r"] > 0.3
    assert not named(everything.warnings, "before the event")
    assert not named(everything.warnings, "labels follow the clock")


def test_every_part_is_in_the_result_or_named_in_a_warning(everything):
    bare = recorded(n_subjects=2, n_units=8)
    bare = Measurement(bare.recording.drop_vars(["intensity", *_blends(bare)]), bare.source)
    for code in (everything, study(bare)):
        result = code.to_dict()
        for part in neural_code.PARTS:
            words = part.removesuffix("_s").replace("_", " ")
            assert (part in result) != bool(named(code.absent, f"{words}: ")), part
    absent = " | ".join(code.absent)
    assert "pre event: the trials hold no samples before the event" in absent
    assert "intensity: the trials have no column 'intensity'" in absent
    assert "blends: the trials have no columns blend_EMOTION" in absent
    assert "personal: it needs 4 people or more; there are 2" in absent


def _blends(measurement):
    return [name for name in trial_table(measurement.recording) if name.startswith("blend_")]


def test_classes_that_follow_the_clock_are_called_out():
    sorted_ = study(recorded(n_trials=40, order="sorted", n_units=6))
    (warning,) = named(sorted_.warnings, "labels follow the clock")
    assert "mix the order of the classes" in warning
    assert sorted_.to_dict()["decoding"]["balanced_accuracy"]["p"] is None
    mixed = study(recorded(n_trials=40, n_units=6))
    assert not named(mixed.warnings, "labels follow the clock")


def test_a_code_before_the_event_is_called_out():
    early = recorded(n_trials=80, n_units=6, window=(-1.0, 0.5), sfreq=2.0, lead=1.0, effect=2.0)
    code = study(early)
    assert code.found["pre_event"].score.p < 0.05
    (warning,) = named(code.warnings, "before the event the target is already read")
    assert "cues, expectation, or a filter that looked ahead" in warning


def test_one_subject_is_held_out_in_stretches_of_each_class():
    one = recorded(n_trials=40, n_stimuli=1, n_units=6)
    one = Measurement(one.recording.drop_vars("subject"), one.source)
    code = study(one)
    assert code.design.held == ("block",)
    words = "held out: 5 consecutive stretches of the trials of each class"
    assert code.to_dict()["held_out"].startswith(words)
    assert "block" not in code.design.exchange.scheme
    assert len(code.design.split) == 5
    y = trial_table(one.recording)["emotion"].to_numpy()
    block = np.asarray(code.design.split.columns["block"])
    for emotion in TWO:
        assert (np.diff(block[y == emotion]) >= 0).all()
        np.testing.assert_array_equal(np.bincount(block[y == emotion]), [4] * 5)
    assert named(code.warnings, "one subject only: nothing here tells how other people")
    assert named(code.warnings, "held out are 5 consecutive stretches of the trials of each class")
    assert named(code.warnings, "each class has one stimulus, so that what is read may be")


def test_people_and_films_are_held_out_by_whatever_word_names_them():
    measurement = recorded(n_subjects=4, n_units=6)
    renamed = measurement.recording.rename(subject="participant_id", stimulus="film")
    code = study(Measurement(renamed, measurement.source), holdout="participant_id")
    assert code.design.headline == "held out: 4 people (participant_id)"
    (note,) = code.to_dict()["not_held_out"]
    assert note.startswith("not held out: film (12 values)")
    assert "Held out: 4 people (participant_id)" in answer(code.to_dict())
    assert "Not held out: film" in answer(code.to_dict())
    both, _ = choose_design(renamed, "emotion", None, 0)
    assert both.held == ("participant_id", "film")


def test_what_is_before_the_event_is_read_by_the_same_features(only):
    """The code is in the variance: log power sees it before the event, a mean does not."""
    only("pre_event")
    measurement = recorded(n_trials=80, n_units=6, window=(-2.0, 2.0), sfreq=20.0, effect=0.0)
    recording = measurement.recording
    louder = np.where(recording["emotion"] == "fear", 2.0, 1.0)[:, None, None]
    loud = Measurement(recording * louder, measurement.source)
    read = [
        study(loud, features=name, n_permutations=60).found["pre_event"].score.value
        for name in ("mean", "tangent")
    ]
    assert read[0] < 0.7
    assert read[1] > 0.9


def test_ratings_are_decoded_as_ratings(only):
    only("intensity", "pre_event", "contrasts")
    measurement = recorded(n_subjects=4, n_units=8, intensity=(0.5, 2.0), effect=2.0)
    code = study(measurement, "intensity", n_permutations=40)
    result = code.to_dict()
    assert result["classes"] == []
    assert {"score", "interval", "p"} <= set(result["decoding"]["pearson_r"])
    assert result["units"]["why"].startswith("no test of units: the target is a rating")
    assert named(code.absent, "contrasts: the target is a rating")
    assert "is read" in answer(result)


def test_no_permutations_work_to_the_end():
    code = study(recorded(n_subjects=4, n_units=6), n_permutations=0)
    result = code.to_dict()
    assert result["decoding"]["balanced_accuracy"]["p"] is None
    page = neural_code_page(result, code.table)
    assert "no p, because" in page.answer


def test_a_baseline_inside_the_response_is_refused():
    with pytest.raises(InputError, match="baseline 3,9 s lies inside the response"):
        check_baseline((3.0, 9.0), None)
    with pytest.raises(InputError, match="starts at 2 s"):
        check_baseline((0.0, 2.5), (2.0, 4.0))
    check_baseline((-1.0, 0.0), None)
    check_baseline((0.0, 1.0), (2.0, 4.0))


def test_every_p_stands_beside_its_null_and_every_interval_beside_its_groups(everything):
    def walk(part):
        if isinstance(part, dict):
            yield part
            for one in part.values():
                yield from walk(one)
        elif isinstance(part, list):
            for one in part:
                yield from walk(one)

    seen = 0
    for one in walk(everything.to_dict()):
        if one.get("p") is not None:
            seen += 1
            assert {"scheme", "n_groups", "n_arrangements", "correction"} <= set(one["null"])
            assert "q" in one
        elif "p" in one:
            assert one["why"].startswith("no p") or one["score"] is None
        if one.get("interval") is not None:
            assert one["over"]
    assert seen > 8


def test_trials_without_a_label_are_skipped_and_listed():
    measurement = recorded(n_units=6)
    labels = measurement.recording["emotion"].values.copy()
    labels[[2, 5]] = ""
    recording = measurement.recording.assign_coords(emotion=("trial", labels))
    code = study(Measurement(recording, measurement.source), n_permutations=0)
    assert [(s.file, s.why) for s in code.skipped] == [
        ("trial 2", "no emotion"),
        ("trial 5", "no emotion"),
    ]
    assert code.trials == 22


def test_says_what_is_wrong():
    measurement = recorded(n_units=4)
    with pytest.raises(InputError, match=r"population have no column 'mood'; they have .*emotion"):
        study(measurement, "mood")
    with pytest.raises(InputError, match="'subject' holds 1 class in population; two or more"):
        study(measurement, "subject")
    with pytest.raises(InputError, match="the decoder is one of linear, eegnet"):
        study(measurement, decoder="forest")
    with pytest.raises(InputError, match="features is one of auto, mean, band-power"):
        study(measurement, features="wavelets")
    with pytest.raises(InputError, match="no column 'theme' to hold out"):
        study(measurement, holdout="theme")
    with pytest.raises(InputError, match=r"needs samples over time; the Recording has the dims"):
        study(measurement, decoder="gru")
    rare = measurement.recording.assign_coords(
        emotion=("trial", np.array(["fear", *["joy"] * 23])), subject=("trial", np.full(24, "s"))
    )
    with pytest.raises(InputError, match="class 'fear' has one trial; two or more are needed"):
        study(Measurement(rare.drop_vars("stimulus"), measurement.source))


@pytest.fixture
def session(tmp_path):
    """Twelve neurons at 5 samples a second; the first two rise for 2 s after each joy."""
    rng = np.random.default_rng(0)
    times = np.arange(0, 200, 0.2)
    data = rng.standard_normal((times.size, 12)).astype(np.float32)
    onsets = 4.0 + 8.0 * np.arange(24)
    labels = rng.permutation(["fear", "joy"] * 12)
    for onset in onsets[labels == "joy"]:
        data[(times >= onset) & (times < onset + 2), :2] += 2
    np.savez(tmp_path / "session.npz", data=data, times=times)
    events = pd.DataFrame({"onset": onsets, "duration": 2.0, "trial_type": labels})
    events.to_csv(tmp_path / "events.tsv", sep="\t", index=False)
    return tmp_path, events


def test_the_tables_hold_what_the_numbers_were_made_of(everything):
    result = everything.to_dict()
    found = tables(everything, result)
    for name, table in found.items():
        assert broken_columns("study neural-code", f"{name}.csv", list(table.columns)) == []
    assert set(found) == {
        *("units", "predictions", "contrasts", "traces", "generalisation", "lead_time", "states"),
        *("intensity", "blends"),
    }
    read = found["predictions"]
    right = read["emotion"] == read["predicted emotion"]
    accuracy = right.groupby(read["emotion"]).mean().mean()
    assert accuracy == pytest.approx(result["decoding"]["balanced_accuracy"]["score"])
    assert read["subject"].nunique() == 4
    (pair,) = found["contrasts"].to_dict("records")
    assert (pair["score"], pair["q"]) == (
        result["contrasts"][0]["score"],
        result["contrasts"][0]["q"],
    )
    auc = np.array(result["generalisation"]["auc"])
    now = found["traces"].groupby("time_s")["auc"].mean()
    np.testing.assert_allclose(now, auc.diagonal())
    square = found["generalisation"].pivot(index="trained_s", columns="tested_s", values="auc")
    np.testing.assert_allclose(square, auc)
    states = found["states"]
    assert len(states) == 80 * states.groupby("trial").size().iloc[0]
    assert states["time_s"].between(0, result["states"]["trial_s"]).all()
    chances = states.filter(like="probability ")
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    told = found["intensity"]
    r = np.corrcoef(told["intensity"], told["predicted intensity"])[0, 1]
    assert r == pytest.approx(result["intensity"]["r"], abs=0.05)
    blends = found["blends"]
    for name, value in result["blends"]["r_of_each"].items():
        one = np.corrcoef(blends[f"blend_{name}"], blends[f"predicted blend_{name}"])[0, 1]
        assert one == pytest.approx(value)


def test_a_table_that_is_not_documented_is_found():
    known = ["trained_s", "tested_s", "auc", "cluster"]
    assert broken_columns("study neural-code", "generalisation.csv", known) == []
    wrong = broken_columns("study neural-code", "generalisation.csv", [*known[:3], "more"])
    assert wrong == ["cluster", "more"]
    assert "does not list" in broken_columns("rsa", "new.csv", [])[0]


def command(folder, *more, target="trial_type"):
    words = ["study", "neural-code", folder / "session.npz", "--events", folder / "events.tsv"]
    words += [
        "--target",
        target,
        "--window",
        "-1,2",
        "--permutations",
        200,
        "--out",
        folder / "run",
    ]
    with pytest.raises(SystemExit) as stop:
        main([*map(str, words), *more])
    return stop.value.code or 0


def test_the_command_takes_arrays_and_events(session, capsys):
    folder, events = session
    late = pd.DataFrame({"onset": [199.5], "duration": [2.0], "trial_type": ["joy"]})
    pd.concat([events, late]).to_csv(folder / "events.tsv", sep="\t", index=False)
    assert command(folder, "--json") == 1
    streams = capsys.readouterr()
    result = json.loads(streams.out)
    assert result == json.loads((folder / "run" / "result.json").read_text())
    assert result["target"] == "trial_type"
    assert result["trials"] == 24
    assert result["decoding"]["balanced_accuracy"]["score"] > 0.8
    assert result["pre_event"]["p"] >= 0.05
    assert result["units"]["selective"] == 2
    (skipped,) = result["skipped"]
    assert skipped["file"].endswith("events.tsv row 26")
    assert skipped["why"] in " ".join(streams.err.split())
    report = (folder / "run" / "report.html").read_text()
    assert "The trial_type is read from held-out trials, with a balanced accuracy of" in report
    assert (folder / "run" / "figures" / "decoding.svg").exists()
    units = pd.read_csv(folder / "run" / "units.csv")
    assert set(units.index[units["selective"]]) == {0, 1}
    manifest = json.loads((folder / "run" / "manifest.json").read_text())
    assert manifest["command"] == "study neural-code"


def test_the_command_says_in_one_line_what_is_wrong(session, capsys):
    folder, _ = session
    assert command(folder, target="mood") == 2
    error = capsys.readouterr().err
    assert "mood" in error
    assert error.count("\n") == 1
    assert not (folder / "run" / "result.json").exists()


@pytest.mark.slow
def test_stimulus_identity_is_at_chance_when_stimuli_are_held_out(only):
    only()
    mixed, taken = [], []
    for seed in range(6):
        confounded = recorded(
            n_subjects=4, n_trials=48, n_units=8, effect=0.0, stimulus_effect=1.0, random_state=seed
        )
        random = study(confounded, holdout="random", n_permutations=100)
        mixed.append(random.decoding.scores["balanced_accuracy"].value)
        honest = study(confounded, n_permutations=100)
        taken.append(honest.decoding.scores["balanced_accuracy"].p < 0.05)
    assert np.mean(mixed) > 0.6
    assert sum(taken) <= 1


@pytest.mark.slow
def test_a_network_reads_the_same_and_says_that_it_has_no_p(only):
    only()
    measurement = recorded(n_subjects=4, n_stimuli=3, window=(0.0, 2.0), effect=2.0)
    code = study(measurement, holdout="stimulus", decoder="gru")
    own = code.decoding.scores["balanced_accuracy"]
    assert own.value > 0.6
    assert own.p is None
    assert named(code.warnings, "p is absent: refitting gru")
