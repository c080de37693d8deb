import numpy as np
import pandas as pd
import pytest

from affectome.errors import InputError
from affectome.evidence import baseline_scores, make_split, score
from affectome.evidence.baselines import _previous


def made(n_subjects=6, n_trials=20):
    subject, stimulus = np.indices((n_subjects, n_trials)).reshape(2, -1)
    trials = pd.DataFrame({"subject": subject, "stimulus": stimulus})
    half = np.tile([0, 1], (n_subjects, n_trials // 2))
    y = np.array(["calm", "fear"])[np.random.default_rng(0).permuted(half, axis=1).ravel()]
    return trials, y


def areas(trials, y, split, nuisance=()):
    found = baseline_scores(trials, y, split, nuisance)
    return {name: score("macro_auc", y, s, n_bootstrap=0).value for name, s in found.items()}


def test_majority_is_exactly_chance():
    trials, y = made()
    split = make_split(trials, y, "subject")
    assert areas(trials, y, split)["majority"] == 0.5
    rating = np.random.default_rng(0).normal(size=120)
    found = baseline_scores(trials, rating, make_split(trials, rating, "subject"))["majority"]
    constant = score("pearson_r", rating, found, n_bootstrap=0)
    assert np.isnan(constant.value)
    assert constant.to_dict()["score"] is None
    assert constant.why == "the estimates are all the same, so that nothing correlates with them"
    assert score("r2", rating, found, n_bootstrap=0).value == pytest.approx(0, abs=1e-12)


def test_stimulus_identity_reads_the_label_unless_stimuli_are_held_out():
    trials, _ = made()
    y = np.array(["calm", "fear"])[trials["stimulus"] % 2]
    assert areas(trials, y, make_split(trials, y, "random"))["stimulus identity"] == 1.0
    assert areas(trials, y, make_split(trials, y, "subject"))["stimulus identity"] == 1.0
    assert areas(trials, y, make_split(trials, y))["stimulus identity"] < 0.6


def test_trial_order_reads_a_drift_of_the_label():
    trials, _ = made()
    y = np.where(np.arange(120) % 20 < 10, "calm", "fear")
    split = make_split(trials, y, "subject")
    assert areas(trials, y, split)["trial order"] > 0.99
    shuffled = trials.assign(onset=np.arange(120.0)).sample(frac=1, random_state=0)
    later = y[shuffled.index.to_numpy()]
    shuffled = shuffled.reset_index(drop=True)
    assert areas(shuffled, later, make_split(shuffled, later, "subject"))["trial order"] > 0.99


def test_previous_label_reads_alternation_but_not_across_subjects():
    trials, _ = made()
    y = np.where(np.arange(120) % 2 == 0, "calm", "fear")
    assert areas(trials, y, make_split(trials, y, "subject"))["previous label"] > 0.99
    before = _previous(trials, y)
    assert not before[::20].any()
    assert np.array_equal(before[1:20], (y[:19] == "fear") + 1)


def test_nuisances_by_number_and_by_name_and_together():
    trials, y = made()
    rng = np.random.default_rng(0)
    trials["motion"] = (y == "fear") + 0.5 * rng.normal(size=120)
    trials["camera"] = np.where((y == "fear") ^ (rng.random(120) < 0.1), "left", "right")
    found = areas(trials, y, make_split(trials, y, "subject"), ["motion", "camera"])
    assert found["nuisance: motion"] > 0.85
    assert found["nuisance: camera"] > 0.85
    assert found["all nuisances"] > max(found["nuisance: motion"], found["nuisance: camera"]) - 0.02


def test_session_identity_and_several_labels():
    trials, _ = made()
    trials["session"] = np.arange(120) % 3
    rng = np.random.default_rng(0)
    y = np.column_stack([trials["session"] == 0, rng.random(120) < 0.5]).astype(int)
    split = make_split(trials, y, "random")
    found = baseline_scores(trials, y, split)["session identity"]
    assert found.shape == (120, 2)
    assert np.array_equal(found[:, 0] > 0.5, y[:, 0] == 1)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("loudness", "no column 'loudness' of a nuisance; they have subject, stimulus"),
        ("motion", "'motion' is empty or infinite in 1 trials, the first is trial 3"),
    ],
)
def test_bad_nuisances_say_why(column, message):
    trials, y = made()
    trials["motion"] = np.where(np.arange(120) == 3, np.inf, 0.0)
    with pytest.raises(InputError, match=message):
        baseline_scores(trials, y, make_split(trials, y), [column])
