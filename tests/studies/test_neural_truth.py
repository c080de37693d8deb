"""What was planted in fifty simulations each, found again: the claims of the neural code."""

import json

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from affectome.cli import main
from affectome.data import save_recording, trial_table
from affectome.decoding import RidgeClassifierDecoder
from affectome.decoding.alignment import cross_subject
from affectome.decoding.blends import BlendDecoder, score_blends
from affectome.decoding.few_shot import few_shot_curve
from affectome.dynamics.lead_time import lead_time
from affectome.evidence import make_split
from affectome.simulations import population, simulate_attractor
from affectome.studies.neural_code import study as neural_code

pytestmark = pytest.mark.slow
SEEDS = range(50)


@pytest.fixture
def only(monkeypatch):
    """Leave out all parts but some, for speed."""

    def keep(*names):
        parts = {name: neural_code.PARTS[name] for name in names}
        monkeypatch.setattr(neural_code, "PARTS", parts)

    return keep


def out_of_fold_accuracy(recording, holdout):
    trials = trial_table(recording)
    y = trials["emotion"].to_numpy()
    split = make_split(trials, y, holdout=holdout)
    scores = RidgeClassifierDecoder(alpha=10.0).closed_form_predictions(
        recording.values, y[None], split.folds
    )[0]
    return balanced_accuracy_score(y, np.unique(y)[scores.argmax(1)])


def test_blend_weights():
    found = []
    for seed in SEEDS:
        recording, truth = population.simulate_population(
            n_trials=400, n_units=200, blend=0.5, effect=1.5, random_state=seed
        )
        train = np.arange(400) < 300
        decoder = BlendDecoder().fit(recording.values[train], truth.blends[train])
        estimate = decoder.predict_proba(recording.values[~train])
        found.append(score_blends(truth.blends[~train], estimate)["r"])
    assert np.mean(found) >= 0.9
    assert np.min(found) >= 0.85


def test_lead_time_within_one_window():
    length, missed = 0.5, []
    for seed in SEEDS[:30]:
        lead = (0.75, 1.25)[seed % 2]
        recording, _ = population.simulate_population(
            n_subjects=5,
            n_trials=60,
            n_units=20,
            emotions=("fear", "joy"),
            n_stimuli=10,
            window=(-2.25, 0.0),
            lead=lead,
            effect=1.0,
            random_state=seed,
        )
        trials = trial_table(recording)
        split = make_split(trials, trials["emotion"].to_numpy(), n_splits=3)
        found = lead_time(
            recording, "emotion", split, length=length, n_permutations=100, n_bootstrap=60
        )
        off = np.inf if found.earliest is None else abs(found.earliest - lead)
        missed.append(off > length + 1e-9)
    assert np.mean(missed) <= 0.1


def test_stimulus_identity_is_at_chance_under_double_hold_out():
    random, double = [], []
    for seed in SEEDS:
        recording, _ = population.simulate_population(
            n_subjects=6,
            n_trials=60,
            n_units=40,
            effect=0.0,
            stimulus_effect=1.0,
            random_state=seed,
        )
        random.append(out_of_fold_accuracy(recording, "random"))
        double.append(out_of_fold_accuracy(recording, None))
    assert np.mean(random) > 0.7
    error = np.std(double, ddof=1) / np.sqrt(len(SEEDS))
    assert abs(np.mean(double) - 1 / 3) < 3 * error + 0.01


def test_each_further_trial_of_a_person_helps_even_where_people_share_nothing():
    curves = []
    for seed in SEEDS:
        recording, _ = population.simulate_population(
            n_subjects=6, n_trials=90, n_units=20, effect=0.8, basis="own", random_state=seed
        )
        trials = trial_table(recording)
        curve = few_shot_curve(
            recording.values,
            trials["emotion"],
            trials["subject"],
            stimuli=trials["stimulus"],
            n_repeats=1,
            random_state=seed,
        )
        assert curve.shots == (0, 1, 2, 5, 10)
        curves.append([curve.personal.mean(0), curve.alone.mean(0)])
    personal, alone = np.mean(curves, axis=0)
    assert (np.diff(personal) > 0).all()
    assert (personal[1:] >= alone[1:]).all()


def test_alignment_reaches_nine_tenths_of_within():
    share, before = [], []
    for seed in SEEDS:
        recording, _ = population.simulate_population(
            n_subjects=6,
            n_trials=96,
            n_units=20,
            n_stimuli=8,
            effect=0.8,
            stimulus_effect=0.5,
            basis="own",
            random_state=seed,
        )
        trials = trial_table(recording)
        columns = trials["emotion"], trials["subject"], trials["stimulus"]
        within, none, aligned = (
            cross_subject(recording.values, *columns, method=method, n_splits=2).accuracy.mean()
            for method in ("within", "none", "hyperalign")
        )
        share.append(aligned / within)
        before.append(none)
    assert np.mean(before) < 0.45
    assert np.mean(share) >= 0.9


def slow_dimensions(recording, folder):
    """What the command says of slow dimensions, and its report."""
    save_recording(recording, folder / "recording.zarr")
    out = folder / "run"
    words = ["study", "neural-code", folder / "recording.zarr", "--permutations", 20, "--out", out]
    with pytest.raises(SystemExit) as stop:
        main([*map(str, words)])
    assert not stop.value.code
    result = json.loads((out / "result.json").read_text())
    return result["time_constants_s"], (out / "report.html").read_text()


@pytest.mark.parametrize("seed", range(3))
def test_the_command_finds_a_planted_line_attractor(tmp_path, only, seed):
    only("time_constants_s")
    recording, _ = simulate_attractor(
        tau=30, n_trials=24, n_units=16, duration=90, sfreq=1.0, random_state=seed
    )
    found, report = slow_dimensions(recording, tmp_path)
    slowest = found["slowest"]
    low, high = slowest["interval"] or (slowest["longer_than"], np.inf)
    assert low < 30 < high
    assert found["attractor"]["value"] == pytest.approx(30, rel=0.5)
    assert found["attractor"]["p"] <= 0.05
    assert "a line attractor (p" in report


@pytest.mark.parametrize("seed", range(6))
def test_the_command_tells_no_attractor_of_fast_dynamics_with_levels_of_trials(
    tmp_path, only, seed
):
    only("time_constants_s")
    recording, _ = simulate_attractor(
        tau=0.5, fast=(0.25,), n_trials=40, n_units=16, duration=30, sfreq=2.0, random_state=seed
    )
    levels = np.random.default_rng(seed).normal(size=(40, 1, 16))
    found, report = slow_dimensions(recording + 2 * levels, tmp_path)
    assert found["attractor"]["value"] is None
    assert "It holds what the event left in it" not in report
