"""Networks against the linear decoder under three splits, from a recording to the one table."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from affectome.cli import main
from affectome.data import Skipped, trial_table
from affectome.data.readers.measurement import Measurement
from affectome.decoding import RidgeClassifierDecoder
from affectome.errors import InputError
from affectome.evidence import make_split
from affectome.features.spectra import differential_entropy
from affectome.simulations.eeg import simulate_eeg
from affectome.studies import compare
from affectome.studies.compare.report import answer

SPLITS = ["random trials", "new people", "new people, new films"]
DECODERS = ["linear", "CNN", "RNN", "film alone"]


def films(**options):
    sizes = {"n_subjects": 4, "n_films": 12, "emotions": ("fear", "joy"), "duration": 2.0}
    recording, _ = simulate_eeg(**(sizes | options))
    return recording.isel(unit=slice(0, 32, 4))


def measured(recording):
    return Measurement(recording, Path("films"))


@pytest.fixture(scope="module")
def compared():
    steps = []
    recording = films(effect=1.0)
    found = compare.run(
        measured(recording), max_epochs=1, n_jobs=1, progress=lambda *step: steps.append(step)
    )
    return recording, found, steps


def test_every_decoder_is_scored_under_every_split(compared):
    _, found, steps = compared
    result = found.to_dict()
    assert [(c["split"], c["decoder"]) for c in result["table"]] == [
        (split, decoder) for split in SPLITS for decoder in DECODERS
    ]
    assert result["schema"] == 3
    assert result["classes"] == ["fear", "joy"]
    assert result["chance"] == 0.5
    assert result["sizes"] == {
        "trials": 48,
        "subject": 4,
        "stimulus": 12,
        "units": 8,
        "times": 128,
    }
    assert [split["by"] for split in result["splits"].values()] == [
        [],
        ["subject"],
        ["subject", "stimulus"],
    ]
    for cell in result["table"]:
        own = cell["balanced_accuracy"]
        assert own["interval"][0] <= own["score"] <= own["interval"][1]
        assert (cell["above_linear"] is None) == (cell["decoder"] == "linear")
        assert own["over"]
        if cell["decoder"] == "linear":
            assert own["null"]["n_arrangements"] == compare.N_PERMUTATIONS
            assert own["q"] >= own["p"]
        else:
            assert own["p"] is None
            assert own["why"].startswith("no p, because")
    total = 3 * sum(split["n_folds"] for split in result["splits"].values())
    assert steps[-1] == ("fits", total, total)


def test_the_linear_row_is_scikit_learns_loop_over_the_same_folds(compared):
    recording, found, _ = compared
    trials, X = trial_table(recording), differential_entropy(recording).values
    y = trials["emotion"].to_numpy()
    for name, holdout in compare.SPLITS.items():
        split = make_split(trials, y, holdout or "random")
        assert split.digest == found.designs[name].split.digest
        expected = np.empty_like(y)
        for train, test in split:
            ridge = RidgeClassifierDecoder(alpha=compare.ALPHAS).fit(X[train], y[train])
            expected[test] = ridge.predict(X[test])
        cell = next(c for c in found.cells if (c.split, c.decoder) == (name, "linear"))
        assert cell.score.value == pytest.approx(balanced_accuracy_score(y, expected))
    networks = [c for c in found.cells if c.decoder in compare.NETWORKS]
    linear = {c.split: c.score.value for c in found.cells if c.decoder == "linear"}
    for cell in networks:
        assert cell.excess.value == pytest.approx(cell.score.value - linear[cell.split])


def test_the_film_alone_tells_all_until_films_are_held_out(compared):
    _, found, _ = compared
    film = [c.score.value for c in found.cells if c.decoder == "film alone"]
    assert film[:2] == [1.0, 1.0]
    assert film[2] <= 0.5


def test_a_split_that_the_trials_do_not_allow_is_named(compared):
    recording, _, _ = compared
    one = recording.isel(trial=trial_table(recording)["subject"].to_numpy() == "sub-01")
    found = compare.run(measured(one), max_epochs=1, n_jobs=1)
    assert list(found.designs) == ["random trials"]
    assert found.warnings[0].startswith("new people: absent, there is only one subject (sub-01)")
    assert found.warnings[1].startswith("new people, new films: absent, there is only one subject")
    assert "would seem" not in answer(found.to_dict())


def test_says_what_is_wrong(compared):
    recording, _, _ = compared
    with pytest.raises(InputError, match=r"no column 'mood'; they have .*emotion"):
        compare.run(measured(recording), "mood")
    fear = recording.isel(trial=trial_table(recording)["emotion"].to_numpy() == "fear")
    with pytest.raises(InputError, match="'emotion' holds 1 class in films"):
        compare.run(measured(fear))
    with pytest.raises(InputError, match="needs samples over time; the Recording has the dims"):
        compare.run(measured(recording.mean("time")))
    emotions = trial_table(recording)["emotion"].to_numpy().tolist()
    first = {name: emotions.index(name) for name in ("fear", "joy")}
    with pytest.raises(InputError, match="no split can be made; new people, new films: absent"):
        compare.run(measured(recording.isel(trial=[first["fear"], first["joy"]])))


def test_the_command_writes_the_table(compared, tmp_path, capsys, monkeypatch):
    recording, _, _ = compared
    skipped = (Skipped("sub-05", "no samples"),)
    monkeypatch.setattr(
        "affectome.cli.compare.read_recording",
        lambda *_, **__: Measurement(recording, Path("films"), skipped),
    )
    (tmp_path / "films.npz").write_bytes(b"read above")
    words = ["compare", tmp_path / "films.npz", "--epochs", 1, "--jobs", 1, "--out", tmp_path / "r"]
    with pytest.raises(SystemExit) as stop:
        main([*map(str, words), "--json"])
    assert stop.value.code == 1
    streams = capsys.readouterr()
    result = json.loads(streams.out)
    assert result == json.loads((tmp_path / "r" / "result.json").read_text())
    assert "skipped sub-05: no samples" in streams.err
    assert answer(result) in " ".join(streams.err.split())
    report = (tmp_path / "r" / "report.html").read_text()
    for cell in result["table"]:
        assert f"{cell['balanced_accuracy']['score']:.2f} [" in report
    assert "Simulated recording" not in report
    assert (tmp_path / "r" / "figures" / "comparison.svg").exists()


@pytest.mark.slow
def test_new_people_are_read_and_film_identity_is_not_taken_for_emotion():
    planted = compare.run(measured(films(n_subjects=8, effect=1.5)), max_epochs=1, n_jobs=1)
    for cell in planted.cells:
        if cell.decoder == "linear":
            assert cell.score.interval[0] > 0.5, cell.split
    signature = films(n_subjects=8, n_films=16, effect=0.0, stimulus_effect=1.5)
    nothing = compare.run(measured(signature), max_epochs=10, n_jobs=1)
    reached = {(c.decoder, c.split): c.score for c in nothing.cells}
    assert reached["linear", "random trials"].interval[0] > 0.5
    for decoder in ("linear", *compare.NETWORKS):
        assert reached[decoder, "new people, new films"].interval[0] <= 0.5, decoder
